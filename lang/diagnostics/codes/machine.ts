/** Diagnostic codes of the machine block (E05..). A code is never reused. */
import type { CodeEntry } from "./entry.ts";

export const MACHINE_CODES = {
  E0501: {
    title: "unknown key or block in the machine",
    explanation:
      "A machine is described by a fixed set of blocks and keys. A name that none of them has is " +
      "most often a misspelling, or a key of another block. It is an error: ignored, it would " +
      "leave a machine other than the intended one.",
    example: `machine {
  iommu { mod = strict }      # no such key
}

machine {
  iommu { mode = strict }
}`,
  },
  E0502: {
    title: "value of the wrong kind for a machine key",
    explanation: "Every key takes one kind of value: a size such as 64MiB, a duration such as " +
      "300ns, a plain number, true or false, a word, or a list. A plain number is taken where a " +
      "size, a duration or an address is wanted; nothing else is converted.",
    example: `machine {
  swiotlb { size = 10ms }     # a duration is no size
}

machine {
  swiotlb { size = 64MiB }
}`,
  },
  E0503: {
    title: "value out of range for a machine key",
    explanation:
      "The key has a smallest and a largest value, or must be a power of two or a multiple of " +
      "something. The limits are those of the hardware and the kernel that are modelled.",
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
      "A key may be set once, and blocks such as iommu and ram may stand once. To change a key " +
      "for one test only, write `with { … }` after the test's name.",
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
      "Blocks nest as the hardware does: root ports stand below pci or a host bridge, switches " +
      "below a root port or another switch, devices below one of those, everything else directly " +
      "in the machine.",
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
      "Devices, ports and regions need a name, which the rest of the file uses. Blocks of which a " +
      "machine has one take none: iommu, ram, swiotlb, latencies, pci.",
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
      "The names of devices, ports and regions are bound in the whole file, so each may be used " +
      "only once, and none may be that of something every machine has, such as iommu or events.",
    example: `machine {
  pci { root_port rp0 { nvme rp0 { } } }    # which rp0?
}

machine {
  pci { root_port rp0 { nvme ssd { } } }
}`,
  },
  E0508: {
    title: "not one of the values a machine key takes",
    explanation: "The key takes one of a few words or texts. The hint lists them.",
    example: `machine {
  kernel = "7.1"              # no such profile
}

machine {
  kernel = "7.2.12"
}`,
  },
  E0509: {
    title: "regions overlap",
    explanation:
      "Two regions of the machine cover the same physical addresses. Each address belongs to one " +
      "region at most, so that what lies there has one name.",
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
    explanation: "The block needs this key, which has no default.",
    example: `machine {
  region low { size = 1MiB }                # where?
}

machine {
  region low { at = 1MiB, size = 1MiB }
}`,
  },
  E0511: {
    title: "machine that cannot be built",
    explanation:
      "Each key is valid by itself, but together they describe no possible machine: two devices " +
      "behind one port that has room for one, a region outside the RAM, a page size that the " +
      "granule does not divide, or a device whose settings contradict each other.",
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
      "A path in `with`, `matrix` or `compare` is a key of the machine (`kernel`), a block and its " +
      "key (`iommu.mode`), or the name of a block and its key (`ssd.mdts`).",
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
      "`quirks` is a list of switches: a name adds one, `not` and a name removes one, and `none` " +
      "as the first item clears what the kernel's profile has on. `dmalab explain quirks` lists " +
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
      "A machine block has at most 10000 entries: keys, blocks and the items of lists, those of blocks inside blocks too.",
    example: "machine {\n  quirks = [a, b]     # and 10000 more\n}",
  },
} as const satisfies Record<string, CodeEntry>;
