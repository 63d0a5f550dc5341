/**
 * Lines of drivers about DMA in the driver's own words. The kernel has thousands of them: they are
 * read by the words that they have in common, after all other rows.
 *
 * @see rules/traces.md T.59
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { inOrder, type MessageRow, named } from "./message.ts";

/** Text of a program's source, of a patch or of a stack: it is no line of a log. */
const OF_SOURCE = /["%;{]|\+0x[0-9a-f]|^[+-](?! )/;
const REFUSED =
  /\b(?:fail(?:s|ed|ing|ure)?|errors?|unable|can(?:not| not|'t)|could(?: not|n't)|no memory|not enough|out of memory|-?ENOMEM|exhausted)\b/i;
const SIZE = /(?:size|of|for|failed:?)[ =:(]*(\d+)(?: ?bytes)?\b(?!\s*(?:rx|tx|desc|buff))/i;
/** `driver device: text`, `driver: text`: the names in front of a driver's line. */
const NAMES =
  /^(?:[-*] )?(?:(?:ERROR|WARNING|NOTICE|INFO): )?(?:([\w.-]+) )?([\w.:@-]*\w)(?: [\w.-]+)?: /;
/** Programs, whose lines are no lines of the kernel. */
const PROGRAM = /^(?:qemu-|EAL\b|[\w./-]+\.(?:c|cc|cpp|rs|go)\b)/;

/** Parts of the kernel whose lines have rows of their own. */
const OF_KERNEL =
  /^(?:\(XEN\)|DMAR|AMD-Vi|DMA-API|PCI-DMA|DMA|iommu|swiotlb|software IO TLB|cma|Reserved memory|OF|ACPI|EEH|AER)\b|arm-smmu|virtio_iommu/;

/** Adds the driver and the device; null for text that is no line of a driver about a failure. */
const ofDriver = (words: RegExp) => (facts: LogEntryFacts, line: string): LogEntryFacts | null => {
  const names = NAMES.exec(line);
  if (names === null || PROGRAM.test(line) || OF_KERNEL.test(line) || OF_SOURCE.test(line)) {
    return null;
  }
  if (!words.test(line)) return null;
  const [, driver, name] = names;
  const isDevice = driver !== undefined || /\d/.test(name!);
  return {
    ...facts,
    driver: driver ?? (isDevice ? null : name!),
    device: isDevice ? name! : null,
  };
};

const both = (...tests: readonly RegExp[]) =>
  ({
    test: (text: string) => tests.every((each) => each.test(text)),
  }) as RegExp;

const FAILS = "{~fail|error|unable|cannot|can't|can not|could not|couldn't|no memory|not enough}";
const NOT_UNMAP = /(?:^|[^n])map/i;
const ALLOCATED = /alloc|pool_create/i;

const OWN_WORDS = "The text is the driver's own";

export const DRIVER_LINES: readonly MessageRow[] = [
  {
    isGeneral: true,
    kind: "coherent_failed",
    forms: [
      `{device}: {...}{~dma_alloc_coherent|dmam_alloc_coherent|dma_alloc_attrs|dma_alloc_noncoherent|pci_alloc_consistent|dma_pool_alloc|dma_pool_create}{...}${FAILS}`,
      `{device}: {...}${FAILS}{...}{~dma_alloc_coherent|dmam_alloc_coherent|dma_alloc_attrs|dma_alloc_noncoherent|pci_alloc_consistent|dma_pool_alloc|dma_pool_create}`,
      `{device}: {...}${FAILS}{...}alloc{...}{~DMA|coherent|consistent}`,
      `{device}: {...}{~DMA|coherent}{...}alloc{...}${FAILS}`,
    ],
    derive: (facts, line) => {
      const found = ofDriver(both(REFUSED, ALLOCATED, /dma|coherent|consistent/i))(facts, line);
      if (found === null || /channel|\bchan\b|descriptor(?!s? ring)|\btag\b/i.test(line)) {
        return null;
      }
      const size = SIZE.exec(line)?.[1];
      return { ...found, size_bytes: size === undefined ? null : Number(size) };
    },
    role: "report",
    finding: "coherent_failed",
    means: (facts) =>
      `The driver of ${named(facts, "device")} got no memory for DMA${
        typeof facts.size_bytes === "number" ? ` (${facts.size_bytes} in its line)` : ""
      }. ${OWN_WORDS}`,
    next: [
      "look at the lines before it: a contiguous area that is full (cma:), a pool that is full (swiotlb, DMA pool), or `page allocation failure` with its order",
      "allocate at probe, not later: contiguous memory gets rare while the machine runs",
    ],
  },
  {
    isGeneral: true,
    kind: "coherent_failed",
    forms: [
      `{device}: {...}${FAILS}{...}{~DMA|dma_|coherent}{...}mask`,
      `{device}: {...}{~DMA|dma_|coherent}{...}mask{...}{~fail|error|not supported|unsupported}`,
      "{device}: {...}{~no usable|no suitable|no} {~DMA|dma} {~configuration|mask|available|addressing}",
    ],
    always: { cause: "mask_refused" },
    derive: ofDriver(/dma|coherent/i),
    role: "report",
    means: (facts) =>
      `The driver of ${
        named(facts, "device")
      } could not set a DMA mask, and most often gives up. ${OWN_WORDS}`,
    next: [
      "the mask that the driver asks for reaches no memory, or less than the bus or the platform needs, or the device that it is set for has no dma_mask: compare it with dma-ranges and with where memory is (`dmalab explain dma_set_mask`); of a device that a driver creates itself, set dev->dma_mask first (of_dma_configure)",
    ],
  },
  {
    isGeneral: true,
    kind: "driver_dma_error",
    forms: [
      `{device}: {...}{~fail|error|unable|cannot|can't|could not|couldn't|no|missing|not}{...}DMA{...}{~channel|chan}`,
      `{device}: {...}DMA{...}{~channel|chan}{...}{~fail|error|not available|not found|missing|unavailable}`,
    ],
    derive: (facts, line) => {
      const found = ofDriver(
        /\b(?:fail\w*|errors?|unable|can(?:not| not|'t)|could(?: not|n't)|no|missing|not|unavailable)\b/i,
      )(facts, line);
      return found === null || !/\bR?X?DMA|dma/i.test(line)
        ? null
        : { ...found, what: "no channel" };
    },
    role: "report",
    means: (facts) =>
      `The driver of ${
        named(facts, "device")
      } got no channel of a DMA engine, or could not use it: it goes on without DMA, waits for the engine's driver (-517), or fails. No mapping is concerned. ${OWN_WORDS}`,
    next: [
      "look whether the engine's driver is built and bound (/sys/class/dma lists its channels), and whether `dmas` and `dma-names` of the device's node name it",
    ],
  },
  {
    isGeneral: true,
    kind: "map_failed",
    forms: [
      `{device}: {...}{~dma_map|dma map|dma-map|DMA mapping|dma_mapping|pci_map|map_single|map_page|map_sg|iommu_map|sg_map|skb_map}{...}${FAILS}`,
      `{device}: {...}${FAILS}{...}map{...}{~DMA|skb|sg|buffer|scatter|iova}`,
      `{device}: {...}${FAILS}{...}DMA{...}map`,
      `{device}: {...}${FAILS}{...}{~dma_map_|pci_map_|dma_mapping|iommu_map}`,
      `{device}: {...}DMA{...}map{...}${FAILS}`,
    ],
    derive: (facts, line) =>
      /bitmap|mmap|ioremap|regmap|remap|memmap|unmap|map table|\bmapped\b.*\bto\b.*irq/i.test(line)
        ? null
        : ofDriver(both(REFUSED, NOT_UNMAP, /dma|sg|skb|scatter|buffer|iova|pci_map|iommu/i))(
          facts,
          line,
        ),
    role: "consequence",
    follows: ["swiotlb_full", "dma_overflow", "iova_full", "dma_debug"],
    means: (facts) =>
      `The driver of ${named(facts, "device")} reports that a map failed. ${OWN_WORDS}`,
    next: [
      "the line before it has the reason: a full bounce pool, an address out of reach, no address left; without one look for leaks (`dmalab trace check`)",
    ],
  },
  {
    isGeneral: true,
    kind: "driver_dma_error",
    forms: [
      "{device}: {...}{~DMA|dma_}{...}{~timeout|timed out|time out|timed-out|error|fail|abort|stall|hung|hang|stuck|overrun|underrun|overflow|underflow|could not|cannot|unable}",
      "{device}: {...}{~timeout|timed out|error|fail|abort|stall|unable|cannot|could not|overrun|underrun}{...}{~DMA|dma_}",
    ],
    derive: (facts, line) => {
      const found = ofDriver(/\b(?:R?DMA|[A-Z]{0,3}DMA\d*|dma\d*|\w*dma_\w+|dma-\w+)\b/)(
        facts,
        line,
      );
      return found === null || /\bUDMA|\bRDMA\b.*(?:cm|qp|connect)|no error/i.test(line)
        ? null
        : { ...found, what: "DMA" };
    },
    role: "report",
    means: (facts) =>
      `The driver of ${
        named(facts, "device")
      } has a line about DMA of its device that did not succeed. It is no message of the DMA API or of an IOMMU. ${OWN_WORDS}`,
    next: [
      "look at the line in the driver's source, and for a fault of an IOMMU in the same seconds: without one, no mapping is known to be wrong",
      "if the device did not do its access: look at its clocks, interrupt and power state, and record the mappings (examples/traces/data/collect-trace.sh): `dmalab trace check` says whether the buffer was mapped, and long enough",
    ],
  },
];

const STATUS_BITS: readonly (readonly [number, string])[] = [
  [4, "DMAIntErr"],
  [5, "DMASlvErr"],
  [6, "DMADecErr"],
  [8, "SGIntErr"],
  [9, "SGSlvErr"],
  [10, "SGDecErr"],
];
const hasBit = (facts: LogEntryFacts, ...bits: readonly number[]) =>
  bits.some((bit) => (Number(facts.status) >> bit) % 2 === 1);

/** States of ADMA in the error register. SD Host Controller specification, 2.2.26 */
const ADMA_STATES = [
  "stopped",
  "fetches a descriptor",
  "no state of the specification",
  "transfers data",
];

/** Lines of the register dump of SDHCI, below its error. */
export const SDHCI_DUMP: MessageRow = {
  kind: "state",
  forms: [
    "{device}: {?sdhci: ?}ADMA {~Err|err}: {status} | ADMA {~Ptr|ptr}: {address}",
    "{device}: {?sdhci: ?}{at}: DMA {address}, LEN {value}, Attr={value2=value}",
  ],
  role: "state",
  means: ({ status }) =>
    typeof status === "number" && status !== 0
      ? `A line of the register dump: state of ADMA: ${ADMA_STATES[status & 3]}${
        (status & 4) !== 0
          ? "; the lengths of the descriptors are not that of the command (length mismatch)"
          : ""
      }`
      : "A line of the register dump: the registers of ADMA without an error, or a descriptor of its table",
};

/** Lines of DMA engines. */
export const ENGINE_LINES: readonly MessageRow[] = [
  {
    kind: "driver_dma_error",
    forms: [
      "{driver~xilinx-dma|xilinx-vdma|xilinx_dma} {device}: Channel {at} has errors {status}{~,|} cdr {...} tdr {...}",
    ],
    derive: (facts) => {
      const status = Number(facts.status);
      return {
        ...facts,
        errors: STATUS_BITS.filter(([bit]) => (status >> bit) % 2 === 1).map(([, name]) => name),
      };
    },
    condition:
      "The status register of the channel has error bits (Xilinx PG021, DMASR): it has stopped",
    role: "report",
    finding: "hardware_error",
    means: ({ device, errors }) =>
      `A channel of the DMA engine ${device ?? ""} has stopped with an error: ${
        Array.isArray(errors) && errors.length > 0 ? errors.join(", ") : "a bit without a name here"
      }`,
    causes: inOrder([
      {
        id: "decode",
        when: (facts) => hasBit(facts, 6, 10),
        certainty: "likely",
        isOne: true,
        text: "decode error: nothing on the bus has the address of the data or of the descriptor",
        next: [
          "compare the addresses that the driver gave to the engine with the DMA addresses of the maps and with what the bus of the engine reaches: an address of another view (a virtual one, one cut to 32 bits), memory above the width of the engine, a reserved region that is not behind its port",
        ],
      },
      {
        id: "slave",
        when: (facts) => hasBit(facts, 5, 9),
        certainty: "likely",
        isOne: true,
        text: "slave error: the memory or the device at the address refused the access",
        next: [
          "look what is at the address: a region that is protected, or a block without a clock",
        ],
      },
      {
        id: "internal",
        when: (facts) => hasBit(facts, 4, 8),
        certainty: "likely",
        isOne: true,
        text:
          "internal error: a length of 0, or packets of the stream that are longer than the buffer",
        next: ["compare the lengths of the descriptors with the packets of the stream"],
      },
      {
        id: "other",
        certainty: "unknown",
        text: "the bits are not those of the AXI DMA: a VDMA has others for its frames",
        next: ["look up the status register in the manual of the core (PG020, PG021)"],
      },
    ]),
  },
  {
    kind: "driver_dma_error",
    forms: [
      "{driver} {device}: {~not enough|No free|no free} {~descriptors|descriptor} {~available|left|}",
    ],
    role: "report",
    means: ({ device }) =>
      `The DMA engine ${
        device ?? ""
      } had no descriptor free for a new transfer: its client starts no transfer and has to try again or fails. No mapping is concerned`,
    next: [
      "look at the client of the channel (the error after this line): how many transfers it has prepared and not yet completed, and how many pieces one has",
    ],
  },
];

/** Lines of the xHCI driver with the word DMA, or about its accesses to memory. */
export const XHCI_LINES: readonly MessageRow[] = [
  {
    kind: "driver_dma_error",
    forms: [
      "{driver} {device}: WARNING: Host System Error",
      "{driver} {device}: USBSTS: {...}HSE",
    ],
    condition:
      "The bit HSE of the controller's status: an access of the controller to the host ended with an error (xHCI 5.4.2)",
    role: "report",
    finding: "hardware_error",
    means: ({ device }) =>
      `An access of the USB host controller ${
        device ?? ""
      } to memory, or to its bus, ended with an error: the controller stops`,
    causes: [{
      id: "access_refused",
      certainty: "possible",
      text:
        "an address that an IOMMU or the bus refused, a DMA address above what the controller reaches, or a link or power state that was lost",
      next: [
        "look for a fault of an IOMMU and for PCI Express errors in the same second; without one compare the DMA mask of the controller with where its buffers lie, and switch its runtime power saving off as a trial (power/control)",
      ],
    }],
  },
  {
    kind: "driver_dma_error",
    forms: ["{driver} {device}: ERROR Transfer event TRB DMA ptr not part of current TD{...}"],
    more: [{ form: "Looking for event-dma {address} trb-start {...}", add: (_, facts) => facts }],
    role: "report",
    means: ({ device }) =>
      `The USB host controller ${
        device ?? ""
      } reported the end of a transfer that its driver does not wait for. "DMA ptr" is the place of the entry in the ring: no mapping is concerned`,
    causes: [{
      id: "out_of_step",
      certainty: "possible",
      text:
        "controller and driver are out of step: a transfer that was given up completes later, a quirk of the controller, or of its emulation in a guest",
      next: [
        "try a newer kernel, and note the controller (`lspci -nn`) and the USB device of the lines before it: isochronous transfers of sound and video are the usual ones",
      ],
    }],
  },
];

/** xHCI's buffer for a piece of a transfer that fills no packet. */
export const XHCI_BOUNCE: MessageRow = {
  kind: "driver_dma_error",
  forms: [
    "{driver} {device}: WARN Wrong bounce buffer {access~write|read} length: {copied=count} != {compared=count}",
  ],
  always: { what: "bounce buffer" },
  role: "report",
  means: (facts) =>
    `The USB host controller's driver copied ${facts.copied} bytes to or from a buffer of its own, for a piece of a transfer that fills no packet, and compared with ${facts.compared}. It is not swiotlb, and no mapping is concerned`,
  causes: [{
    id: "compared_early",
    certainty: "likely",
    text:
      "a false alarm: releases of 2019 compare with the length of an earlier transfer (0 at first, then numbers of earlier lines), and the data are right",
    next: [
      "try a newer kernel, in which the comparison was corrected; only if data are wrong look at the transfer's length and list",
    ],
  }],
};
