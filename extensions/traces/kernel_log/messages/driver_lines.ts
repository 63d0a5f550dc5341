/**
 * Lines of drivers about DMA in the driver's own words. The kernel has thousands of them: they are
 * read by the words that they have in common, after all other rows.
 *
 * @see rules/traces.md T.59
 */
import type { LogEntryFacts } from "../log_facts.ts";
import { errnoIn, errnoText } from "./errno_words.ts";
import { shownText } from "../shown_text.ts";
import { driverNamesOf } from "../general/driver_names.ts";
import { mayMention } from "../general/general_words.ts";
import { isCutByPager } from "../general/cut_lines.ts";
import { COMPLETIONS } from "./completions.ts";
import type { MessageRow } from "./message.ts";

const REFUSED =
  /\b(?:fail(?:s|ed|ing|ure)?|errors?|unable|can(?:not| not|'t)|could(?: not|n't)|no memory|not enough|out of memory|-?ENOMEM|exhausted)\b/i;
const SIZE = /(?:size|of|for|failed:?)[ =:(]*(\d+)(?: ?bytes)?\b(?!\s*(?:rx|tx|desc|buff))/i;
/** Adds the driver, the device and the errno; null for text that is no line of a driver about a failure. */
const ofDriver = (words: RegExp) => (facts: LogEntryFacts, line: string): LogEntryFacts | null => {
  // The rest of a line that a pager has cut may change what it says.
  const names = words.test(line) && !isCutByPager(line) ? driverNamesOf(line)?.names ?? null : null;
  return names === null
    ? null
    : { ...facts, device: null, ...names, text: shownText(line), errno: errnoIn(line) };
};

const both = (...tests: readonly RegExp[]) =>
  ({
    test: (text: string) => tests.every((each) => each.test(text)),
  }) as RegExp;

const FAILS = "{~fail|error|unable|cannot|can't|can not|could not|couldn't|no memory|not enough}";
const NOT_UNMAP = /(?:^|[^n])map/i;
/** `DMA channel 3 error`: the channel is there, and failed. */
const CHANNEL_FAILED = /\bchan(?:nel)?s? ?[#:]? ?\d+:? (?:\w+ )?errors?\b/i;
/** An allocation; not the text of ENOMEM alone, which a program prints of a pin or a map, too. */
const ALLOCATED = /alloc(?!ate memory\W*$)|pool_create/i;

/** A mask, or what a device has of addresses. `Emask` is an error mask of libata. */
const MASK = /(?:\b|_|dma)mask|configuration|available|addressing/i;

/** The pinning of a program's pages, which comes before any map. */
const PINS = /\bpin(?:s|ned|ning)?\b|get_user_pages|pin_user_pages/i;

/** An allocation of memory by what it is for. */
const OF_MEMORY =
  /alloc\w*\b[^.;:]{0,60}?\b(?:buffers?|rings?|memory pools?|frames|queues?|descriptors?)\b/i;
/** What is allocated, and is no memory that a device may reach. */
const NO_MEMORY_OF_DEVICE =
  /channel|\bchan\b|interrupt|\birqs?\b|vectors?\b|\bmsi|\btags?\b|\bids?\b|work ?queue|netdev|net device|skb|request queue|wait queue|bounce|huge|\bmm\b|bitmap|\bdoorbell|\bIOVA|framebuffer|frame buffer|\bTTM\b|\bBO\b|\[drm/i;

/** The driver of a line as far as the names in front of it say. */
function ownerOf({ device, prefix }: LogEntryFacts): string {
  return typeof device === "string"
    ? `The driver of ${device}`
    : typeof prefix === "string"
    ? `A driver with the prefix "${prefix}"`
    : "A driver";
}

/** That the words are the driver's, and its errno in words. */
function ownWords({ errno }: LogEntryFacts): string {
  const code = errnoText(errno);
  return `The text is the driver's own${code === "" ? "" : `; ${code}`}`;
}

export const DRIVER_LINES: readonly MessageRow[] = [
  ...COMPLETIONS,
  {
    kind: "coherent_failed",
    forms: [
      "{...}{device=video_node}[{...}: {...}Unable to request {count} buffers: Cannot allocate memory{...}",
    ],
    always: { program: "libcamera", errno_text: "Cannot allocate memory" },
    condition: "libcamera asked the kernel for buffers of a video device, and got ENOMEM",
    role: "report",
    means: ({ count, device }) =>
      `libcamera asked for ${
        count === 1 ? "a buffer" : `${count} buffers`
      } of ${device}, and the kernel had no memory for that. No map was tried`,
    causes: [{
      id: "area",
      certainty: "possible",
      text:
        "the contiguous area (CMA) is too small, in use, or in pieces, or the drivers hold buffers of an earlier program",
      next: [
        "look at the kernel's log of the same second (`cma_alloc`, `dma alloc of size … failed`), and at CmaTotal and CmaFree in /proc/meminfo; enlarge the area (cma=SIZE) or ask for fewer or smaller buffers",
      ],
    }],
  },
  {
    kind: "driver_dma_error",
    forms: ["rdma_rxe: {?{function}: ?}{~null vaddr|Null vaddr}{...}"],
    condition:
      "The software RDMA device (rxe) registered memory of a program, and one of its pages has no address in the kernel",
    role: "report",
    means:
      "The software RDMA device (rxe) refused to register memory of a program: a page of it has no address of its own in the kernel. No device does DMA, and no mapping is concerned",
    causes: [{
      id: "high_memory",
      certainty: "likely",
      text:
        "the page is in high memory, which a 32-bit kernel does not keep mapped (a board with more memory than it maps)",
      next: [
        "keep the program's memory out of high memory (less memory with mem=, or another split of the address space, CONFIG_VMSPLIT), or use a 64-bit kernel; newer releases of rxe map each page when they use it",
      ],
    }],
  },
  {
    isGeneral: true,
    kind: "coherent_failed",
    forms: [
      `{device}: {...}{~dma_alloc_coherent|dmam_alloc_coherent|dma_alloc_attrs|dma_alloc_noncoherent|pci_alloc_consistent|dma_pool_alloc|dma_pool_create|pci_pool_alloc|pci_pool_create}{...}${FAILS}`,
      `{device}: {...}${FAILS}{...}{~dma_alloc_coherent|dmam_alloc_coherent|dma_alloc_attrs|dma_alloc_noncoherent|pci_alloc_consistent|dma_pool_alloc|dma_pool_create}`,
      `{device}: {...}${FAILS}{...}alloc{...}{~DMA|coherent|consistent}`,
      `{device}: {...}{~DMA|coherent}{...}alloc{...}${FAILS}`,
      `{device}: {...}{~DMA|dma|coherent}{...}${FAILS}{...}alloc{...}{~buffer|memory}`,
    ],
    derive: (facts, line) => {
      const found = ofDriver(both(REFUSED, ALLOCATED, /dma|coherent|consistent|pci_pool/i))(
        facts,
        line,
      );
      if (found === null || /channel|\bchan\b|descriptor(?!s? ring)|\btag\b/i.test(line)) {
        return null;
      }
      const size = SIZE.exec(line)?.[1];
      return { ...found, size_bytes: size === undefined ? null : Number(size) };
    },
    role: "report",
    finding: "coherent_failed",
    means: (facts) =>
      `${ownerOf(facts)} got no memory for DMA${
        typeof facts.size_bytes === "number" ? ` (${facts.size_bytes} in its line)` : ""
      }. ${ownWords(facts)}`,
    next: [
      "look at the lines before it: a contiguous area that is full (cma:), a pool that is full (swiotlb, DMA pool), or `page allocation failure` with its order",
      "as a user, try smaller or fewer buffers, or a larger contiguous area (cma=SIZE; CmaTotal and CmaFree in /proc/meminfo); in the driver, allocate at probe and not later: contiguous memory gets rare while the machine runs",
    ],
  },
  {
    isGeneral: true,
    kind: "device_error",
    forms: [
      `{driver} {device}: {...}{~fail|unable|cannot|can't|can not|could not|couldn't|no memory|not enough}{...}alloc{...}{~buffer|ring|memory pool|frames|queue|descriptor}`,
    ],
    derive: (facts, line) => {
      const found = ofDriver(both(REFUSED, OF_MEMORY))(facts, line);
      const isOwned = typeof found?.driver === "string" && typeof found.device === "string";
      // A line with words about DMA says more by them.
      const words = line.slice(driverNamesOf(line)?.length ?? 0);
      return !isOwned || NO_MEMORY_OF_DEVICE.test(words) || mayMention(words)
        ? null
        : { ...found, what: "no memory" };
    },
    role: "report",
    means: (facts) =>
      `${
        ownerOf(facts)
      } got no memory for what its line names. Whether it is memory that the device reaches by DMA, the line does not say. ${
        ownWords(facts)
      }`,
    causes: [{
      id: "no_memory",
      certainty: "possible",
      text:
        "memory was short or in pieces; of memory for DMA, no area within the device's DMA mask had the size: CMA or a reserved region that is too small or not there, a full pool, or a kernel for a crash with little memory",
      next: [
        "look at the lines before it: a contiguous area that is full (cma:), `page allocation failure` with its order, a pool (swiotlb), a reserved region that was not assigned",
        "look at the memory of the machine at that moment (/proc/buddyinfo; CmaTotal and CmaFree in /proc/meminfo), and at the driver's options for smaller or fewer buffers",
      ],
    }],
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
    derive: ofDriver(both(/dma|coherent/i, MASK)),
    role: "report",
    means: (facts) =>
      `${ownerOf(facts)} could not set a DMA mask, and gives up or goes on without DMA. ${
        ownWords(facts)
      }`,
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
      return found === null || !/\bR?X?DMA|dma/i.test(line) || CHANNEL_FAILED.test(line)
        ? null
        : { ...found, what: "no channel" };
    },
    role: "report",
    means: (facts) =>
      `${
        ownerOf(facts)
      } got no channel of a DMA engine, or could not use it: it goes on without DMA, waits for the engine's driver (-517), or fails. No mapping is concerned. ${
        ownWords(facts)
      }`,
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
      "[{driver~TTM|drm}] {...}{~Failed|failed|Unable|unable} to {?DMA ?}map {~pages|page|buffer|sg}",
      `{driver}: [{...}]{~SKB|skb} mapping{...}${FAILS}`,
      "{device}: {~Can't|Cannot|can't|cannot} map {~rx|tx} data",
    ],
    derive: (facts, line) =>
      PINS.test(line) ||
        /bitmap|mmap|ioremap|regmap|remap|memmap|unmap|map table|\bmapped\b.*\bto\b.*irq/i.test(
          line,
        )
        ? null
        : ofDriver(
          both(
            REFUSED,
            NOT_UNMAP,
            /dma|sg|skb|scatter|buffer|iova|pci_map|iommu|pages|[rt]x data/i,
          ),
        )(
          facts,
          line,
        ),
    role: "consequence",
    follows: ["swiotlb_full", "dma_overflow", "iova_full", "dma_debug"],
    means: (facts) => `${ownerOf(facts)} reports that a map failed. ${ownWords(facts)}`,
    next: [
      "look at the lines before it for the reason: a full bounce pool, an address out of reach, no address left; without one look for leaks (`dmalab trace check`)",
    ],
  },
];
