/** Diagnostic codes of the machine block (E05..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const MACHINE_CODES = {
  E0501: {
    title: "unknown key or block in the machine",
    explanation:
      "A machine has a fixed set of blocks and keys. An unknown name is usually a misspelling, " +
      "or a key of another block. It is an error, because the machine would differ from the " +
      "intended one.",
    example: `machine {
  iommu { mod = strict }      # no such key
}

machine {
  iommu { mode = strict }
}`,
  },
  E0502: {
    title: "value of the wrong kind for a machine key",
    explanation:
      "Each key takes one kind of value: a size such as 64MiB, a duration such as 300ns, a " +
      "plain number, true or false, a word, or a list. A plain number converts to a size, a " +
      "duration or an address; there are no other conversions.",
    example: `machine {
  swiotlb { size = 10ms }     # a duration is not a size
}

machine {
  swiotlb { size = 64MiB }
}`,
  },
  E0503: {
    title: "value out of range for a machine key",
    explanation:
      "The key has a minimum and a maximum, or must be a power of two or a multiple of a " +
      "number. The limits are those of the modelled hardware and kernel.",
    example: `machine {
  iommu { mode = strict, granule = 3KiB }   # not a power of two
}

machine {
  iommu { mode = strict, granule = 4KiB }
}`,
  },
  E0504: {
    title: "key or block given twice",
    explanation:
      "A key can be set once, and blocks such as iommu and ram can occur once. To change a key " +
      "for one test, write `with { … }` after the test's name.",
    example: `machine {
  cpus = 2
  cpus = 4                    # which one?
}

test "on four CPUs" with { cpus = 4 } {
  assert true
}`,
  },
  E0505: {
    title: "block in the wrong place",
    explanation:
      "Blocks nest as the hardware does: root ports in pci or in a host bridge, switches in a " +
      "root port or in another switch, devices in one of those, everything else directly in the " +
      "machine.",
    example: `machine {
  nvme ssd { queues = 2 }     # a device is below a PCI port
}

machine {
  pci { root_port rp0 { nvme ssd { queues = 2 } } }
}`,
  },
  E0506: {
    title: "block name missing or superfluous",
    explanation:
      "Devices, ports and regions need a name, which the rest of the file uses. Blocks that a " +
      "machine has once take none: iommu, ram, swiotlb, latencies, pci.",
    example: `machine {
  region { at = 1MiB, size = 1MiB }         # which name?
}

machine {
  region low { at = 1MiB, size = 1MiB }
}`,
  },
  E0507: {
    title: "name used twice in the machine",
    explanation:
      "The names of devices, ports and regions are visible in the whole file. Each must be " +
      "unique and differ from built-in names such as iommu or events.",
    example: `machine {
  pci { root_port rp0 { nvme rp0 { } } }    # which rp0?
}

machine {
  pci { root_port rp0 { nvme ssd { } } }
}`,
  },
  E0508: {
    title: "not one of the values a machine key takes",
    explanation:
      "The key takes one of a few words or texts, which the hint lists. For a release of the kernel that is " +
      "not modelled it names the modelled ones before and after it.",
    example: `machine {
  kernel = "7.2.9"            # no such profile: the nearest are 7.2.6 and 7.2.12
}

machine {
  kernel = "7.2.12"
}`,
  },
  E0509: {
    title: "regions overlap",
    explanation:
      "Two regions of the machine overlap. A physical address belongs to at most one region.",
    example: `machine {
  region a { at = 1MiB, size = 2MiB }
  region b { at = 2MiB, size = 2MiB }       # covers the second half of a
}

machine {
  region a { at = 1MiB, size = 1MiB }
  region b { at = 2MiB, size = 2MiB }
}`,
  },
  E0510: {
    title: "key missing",
    explanation: "The block needs this key; it has no default.",
    example: `machine {
  region low { size = 1MiB }                # where?
}

machine {
  region low { at = 1MiB, size = 1MiB }
}`,
  },
  E0511: {
    title: "impossible combination of machine settings",
    explanation:
      "Each key is valid by itself, but the combination is impossible: two devices below a port " +
      "with one slot, a region outside the RAM, a page size that is not a multiple of the " +
      "granule, or contradictory device settings.",
    example: `machine {
  iommu { mode = strict, granule = 64KiB, page_sizes = [4KiB, 2MiB] }
}

machine {
  iommu { mode = strict, granule = 64KiB, page_sizes = [64KiB, 512MiB] }
}`,
  },
  E0512: {
    title: "unknown machine path",
    explanation:
      "A path in `with`, `matrix` or `compare` is a key of the machine (`kernel`), a block and " +
      "its key (`iommu.mode`), or a device's name and its key (`ssd.mdts`).",
    example: `test "slow" with { disk.mdts = 64KiB } {   # no block is called disk
  assert true
}

test "slow" with { ssd.mdts = 64KiB } {
  assert true
}`,
  },
  E0513: {
    title: "unknown defect switch",
    explanation:
      "`quirks` is a list of defect switches: a name adds one, `not` and a name removes one, " +
      "and a leading `none` clears those of the kernel release. `dmalab explain quirks` lists " +
      "the names.",
    example: `machine {
  quirks = [gap_bit_lost]     # no such switch
}

machine {
  quirks = [gap_bit_lost_on_split]
}`,
  },
  E0514: {
    title: "machine too large",
    explanation:
      "A machine block has at most 10000 entries. Keys, blocks and list items count, at every " +
      "level.",
    example: "machine {\n  quirks = [a, b]     # and 10000 more\n}",
  },
  W0515: {
    title: "setting that the kernel release does not have",
    explanation:
      "The kernel boots with a parameter that it does not know, and does nothing with it.",
    example: `machine {
  kernel = "6.12.117"
  iommu { mode = strict, debug_pagealloc = true }
}`,
  },
  W0516: {
    title: "pool of bounce buffers larger than asked",
    explanation:
      "The kernel rounds a pool up to a power of two of slots of 2 KiB, with at least 128 slots for each area.",
    example: "machine {\n  swiotlb { size = 2KiB }\n}",
  },
} as const satisfies Record<string, CodeEntry>;
