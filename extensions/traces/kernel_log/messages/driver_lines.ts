/**
 * Lines of drivers about DMA in the driver's own words. The kernel has thousands of them: they are
 * read by the words that they have in common, after all other rows.
 *
 * @see rules/traces.md T.59
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { type MessageRow, named } from "./message.ts";

/** Text of a program's source, of a patch or of a stack: it is no line of a log. */
const OF_SOURCE = /["%;{]|\+0x[0-9a-f]|^[+-]/;
const REFUSED =
  /\b(?:fail(?:s|ed|ing|ure)?|errors?|unable|can(?:not| not|'t)|could(?: not|n't)|no memory|not enough|out of memory|-?ENOMEM|exhausted)\b/i;
const SIZE = /(?:size|of|for|failed:?)[ =:(]*(\d+)(?: ?bytes)?\b(?!\s*(?:rx|tx|desc|buff))/i;
/** `driver device: text`, `driver: text`: the names in front of a driver's line. */
const NAMES = /^(?:([\w.-]+) )?([\w.:@-]*\w)(?: [\w.-]+)?: /;

/** Parts of the kernel whose lines have rows of their own. */
const OF_KERNEL =
  /^(?:\(XEN\)|DMAR|AMD-Vi|DMA-API|PCI-DMA|DMA|iommu|swiotlb|software IO TLB|cma|Reserved memory|OF|ACPI|EEH|AER)\b|arm-smmu|virtio_iommu/;

/** Adds the driver and the device; null for text that is no line of a driver about a failure. */
const ofDriver = (words: RegExp) => (facts: LogEntryFacts, line: string): LogEntryFacts | null => {
  const names = NAMES.exec(line);
  if (names === null || OF_KERNEL.test(line) || OF_SOURCE.test(line)) return null;
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
      "{device}: {...}{~DMA|dma_}{...}{~timeout|timed out|time out|timed-out|error|fail|abort|stall|hung|hang|stuck|overrun|underrun|overflow|underflow}",
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
      } reports an error of DMA of its device. It is no message of the DMA API or of an IOMMU. ${OWN_WORDS}`,
    causes: [{
      id: "own_words",
      certainty: "possible",
      finding: "hardware_error",
      text:
        "the device did not do its access: a clock, reset or power domain that is off, an interrupt that was lost, a descriptor that is wrong, or an access that was refused (then an IOMMU or the bus has a line of its own)",
      next: [
        "look for a fault of an IOMMU and for lines of the bus in the same seconds; without one look at the clocks, the interrupt and the power state of the device",
        "record the mappings while it happens (examples/traces/data/collect-trace.sh): `dmalab trace check` says whether the buffer was mapped, and long enough",
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
