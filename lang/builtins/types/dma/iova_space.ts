/** The IOVA space of one device: the ranges that are allocated, in rcaches, or free. */
import { wordValue } from "../../words.ts";
import type { PlainOf } from "../../describe/form.ts";
import { bitsOfLastAddress, CACHE_CLASSES, type IommuDomain } from "@dmalab/runtime";
import type { TranslatedDevice } from "@dmalab/runtime/dma";
import {
  addressSpacePicture,
  countUses,
  indented,
  reservedLines,
} from "../../../render/pictures/address_space_picture.ts";
import { PICTURE_COLUMNS, spread } from "../../../text/columns.ts";
import {
  formatAddress,
  formatCount,
  formatRatio,
  formatSize,
  formatSizeCut,
} from "../../../text/numbers.ts";
import { ValueError } from "../../../values/script_error.ts";
import { toInt } from "../../arguments.ts";
import { type MappedRun, mappedRuns } from "../../mapped_runs.ts";
import type { HandleType } from "../../../values/spec.ts";
import { methodsOf } from "../../describe/builtin.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { named, param } from "../../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "../../calls/example_machines.ts";

/**
 * Limit of the ranges that the picture of one device's addresses shows; the others are only
 * counted.
 */
const DISPLAYED_RANGES = 20;
/**
 * Number of ranges that get a note. It is greater than the number of listed ranges, because ranges
 * of the same kind share a line.
 */
const NOTED_RANGES = 1000;
/** Memory charged for a range in a list. */
const RANGE_BYTES = 256;

/** The first frame above 4 GiB, or above the device's own limit if that is lower. */
function lowEndPfn({ domain, lastAddress }: TranslatedDevice): number {
  const last = Math.min(lastAddress, domain.table.lastAddress, 2 ** 32 - 1);
  return Math.floor((last + 1) / domain.granuleBytes);
}

function lowFreeSpace(device: TranslatedDevice) {
  return freeSpace(device.domain, lowEndPfn(device));
}

/** The fragmentation: 0 when the free space is one piece; approaches 1 the more pieces it has. */
function fragmentation(device: TranslatedDevice): number {
  const { bytes, largestBytes } = lowFreeSpace(device);
  return bytes === 0 ? 0 : 1 - largestBytes / bytes;
}

function address(pfn: number | null, { domain }: TranslatedDevice): number | null {
  return pfn === null ? null : pfn * domain.granuleBytes;
}

const RANGE = { start: "dma", size: "size", use: "word", cpu: "any" } as const;

function plainRange({ cpu, sizeBytes: size, start, use }: AddressRange): PlainOf<typeof RANGE> {
  return { start, size, use, cpu: cpu === -1 ? wordValue("depot") : cpu };
}

const method = methodsOf<TranslatedDevice>();

function sizeClass(sizeBytes: number, domain: IommuDomain): number {
  const pfns = Math.ceil(sizeBytes / domain.granuleBytes);
  const found = pfns <= 1 ? 0 : Math.ceil(Math.log2(pfns));
  if (found < CACHE_CLASSES) return found;
  throw new ValueError(
    `No rcache holds ranges of ${formatSize(pfns * domain.granuleBytes)}`,
    `the largest rcache size is ${formatSize(2 ** (CACHE_CLASSES - 1) * domain.granuleBytes)}`,
  );
}

export const IOVA_SPACE: HandleType<TranslatedDevice> = {
  name: "iova_space",
  doc:
    "The IOVA space of a device: ranges that are allocated, in rcaches, in the flush queue, or " +
    "free.",
  fields: fieldsOf<TranslatedDevice>((f) => ({
    ranges: f.list(
      RANGE,
      "Allocated ranges, the highest first: { start, size, use, cpu }. A freed range is among " +
        "them while it is in an rcache or in the flush queue.",
      ({ domain }, context) => {
        context.chargeMemory(RANGE_BYTES * domain.iova.ranges.count);
        return addressRanges(domain).map(plainRange);
      },
    ),
    count: f.int(
      "How many ranges are allocated: nodes of the IOVA rbtree.",
      ({ domain }) => domain.iova.ranges.count,
    ),
    cached: f.int("How many ranges are in rcaches and depots.", ({ domain }) => {
      let cached = 0;
      domain.iova.cache.forEach(() => cached++);
      return cached;
    }),
    free: f.size(
      "Free bytes below 4 GiB, or below the device's limit if that is lower.",
      (device) => lowFreeSpace(device).bytes,
    ),
    largest_free: f.size(
      "The largest contiguous free range there.",
      (device) => lowFreeSpace(device).largestBytes,
    ),
    free_pieces: f.int(
      "How many contiguous ranges the free bytes consist of.",
      (device) => lowFreeSpace(device).pieces,
    ),
    fragmentation: f.ratio(
      "1 − largest_free / free: 0 if the free bytes are contiguous.",
      fragmentation,
    ),
    cursor: f.dma(
      "The range below which the next 32-bit search starts; none: at the top.",
      (device) => address(device.domain.iova.ranges.cursor32Pfn, device),
    ),
    cursor64: f.dma(
      "The same for 64-bit searches.",
      (device) => address(device.domain.iova.ranges.cursor64Pfn, device),
    ),
    refused_from: f.size(
      "32-bit searches for this size or more fail at once (max32_alloc_size); 4 GiB if none does.",
      ({ domain: { iova, granuleBytes } }) => iova.ranges.max32AllocPfns * granuleBytes,
    ),
    below_4gib_first: f.bool(
      "The allocator tries addresses below 4 GiB first for this device.",
      (device) => device.prefer32Bit,
    ),
  })),
  methods: [
    method({
      name: "search_length",
      pure: true,
      parameters: [param.size("size", "The size to search for.")],
      result: "int",
      doc: "How many ranges a 32-bit search would visit now. It allocates nothing.",
      example: `${TRANSLATED_MACHINE}assert iommu.space(ssd).search_length(4KiB) == 1`,
      run(_run, device, [wanted]) {
        const { domain } = device;
        const pfns = Math.max(1, Math.ceil(wanted / domain.granuleBytes));
        return domain.iova.ranges.searchLength(pfns, lowEndPfn(device) - 1);
      },
    }),
    method({
      name: "cache",
      pure: true,
      parameters: [
        param.size("size", "The size of the cached ranges."),
        named(param.int("cpu", "Default 0."), 0),
      ],
      result: { loaded: "int", previous: "int", depot: "int" },
      doc:
        "How many ranges of a size are in a CPU's two magazines, and how many full magazines are " +
        "in the depot: { loaded, previous, depot }.",
      example: `${TRANSLATED_MACHINE}let m = dma_map_phys(ssd, alloc_pages(2), 8KiB, to_device)
dma_unmap_phys(ssd, m, 8KiB, to_device)
assert iommu.space(ssd).cache(8KiB) == { loaded: 1, previous: 0, depot: 0 }`,
      run(_run, { domain }, [size, cpu]) {
        const { cache } = domain.iova;
        const of = sizeClass(size, domain);
        const [loaded, previous] = cache.fills(toInt(cpu, "cpu", 0, cache.cpus - 1), of);
        return { loaded, previous, depot: cache.depotSize(of) };
      },
    }),
  ],
  format: ({ domain, name }) =>
    `IOVA space of ${name}, ${formatCount(domain.iova.ranges.count, "range")}`,
  show: spaceLines,
};

function spaceLines(device: TranslatedDevice): string[] {
  const { domain } = device;
  const { bytes, largestBytes, pieces } = lowFreeSpace(device);
  const last = Math.min(device.lastAddress, domain.table.lastAddress);
  const ranges = picturedRanges(domain);
  return [
    spread(
      `IOVA space of ${device.name}, ${bitsOfLastAddress(last)} bits`,
      countUses(ranges),
    ),
    "─".repeat(PICTURE_COLUMNS),
    ...spacePicture(domain, ranges, DISPLAYED_RANGES),
    ...reservedLines(domain.reserved),
    ...indented(
      `free${last < 2 ** 32 ? "" : " below 4GiB"}: ${formatSizeCut(bytes)} in ${
        formatCount(pieces, "range")
      }, the longest ${formatSizeCut(largestBytes)}: fragmentation ${
        formatRatio(fragmentation(device))
      }`,
    ),
  ];
}

/** The drawing of a device's addresses, without a title. */
export function spaceBody(domain: IommuDomain, rows: number): string[] {
  return spacePicture(domain, picturedRanges(domain), rows);
}

function spacePicture(
  domain: IommuDomain,
  ranges: ReturnType<typeof picturedRanges>,
  rows: number,
): string[] {
  const { granuleBytes, iova: { ranges: { cursor32Pfn, cursor64Pfn } } } = domain;
  return addressSpacePicture({
    ranges,
    granuleBytes,
    cursor32: cursor32Pfn === null ? null : cursor32Pfn * granuleBytes,
    cursor64: cursor64Pfn === null ? null : cursor64Pfn * granuleBytes,
    caches: cacheTexts(domain),
  }, rows);
}

/** The ranges. Only the first `NOTED_RANGES` ranges get a note; the others need none. */
function picturedRanges(domain: IommuDomain) {
  return addressRanges(domain).map((range, index) => ({
    start: range.start,
    sizeBytes: range.sizeBytes,
    use: range.use,
    note: index < NOTED_RANGES ? rangeNote(range, domain) : "",
  }));
}

function rangeNote(range: AddressRange, domain: IommuDomain): string {
  const runs = mappedRuns(domain, range.start, range.start + range.sizeBytes - 1);
  switch (range.use) {
    case "mapped":
      return mappedNote(runs, range, domain);
    case "taken":
      return "nothing linked";
    case "waiting":
      return `for a flush, queue of cpu ${range.cpu}${runs.length > 0 ? ", yet mapped" : ""}`;
    case "cached": {
      const home = range.cpu === -1 ? "depot" : `cpu ${range.cpu}`;
      const asked = range.givenBackBytes === range.sizeBytes
        ? ""
        : `, as ${formatSize(range.givenBackBytes)}`;
      const times = range.cachedTimes > 1 ? `, ${range.cachedTimes} times` : "";
      return `${home}${asked}${times}${runs.length > 0 ? ", yet mapped" : ""}`;
    }
    case "reserved":
      return "";
  }
}

const ACCESS_SIGNS: Readonly<Record<string, string>> = { read: "r-", write: "-w" };

function mappedNote(runs: readonly MappedRun[], range: AddressRange, domain: IommuDomain): string {
  const [first] = runs;
  if (first === undefined) return "";
  const mapped = runs.reduce((sum, run) => sum + run.sizeBytes, 0);
  const large = first.leafSizesBytes.some((bytes) => bytes !== domain.granuleBytes);
  const part = mapped < range.sizeBytes ? `${formatSize(mapped)} ` : "";
  const details = [
    `${part}${ACCESS_SIGNS[first.access] ?? "rw"} ───► ${formatAddress(first.phys)}`,
    ...runs.length > 1 ? [`${runs.length} segments`] : [],
    ...large ? [`pages of ${first.leafSizesBytes.map(formatSize).join(" + ")}`] : [],
    ...first.mmio ? ["mmio"] : [],
  ];
  return details.join(", ");
}

/**
 * The contents of the caches. `4KiB 3+0 cpu 0`: CPU 0 has 3 ranges of 4 KiB in its loaded magazine
 * and 0 in its previous one.
 */
function cacheTexts(domain: IommuDomain): string[] {
  const { cache } = domain.iova;
  const texts: string[] = [];
  for (let of = 0; of < CACHE_CLASSES; of++) {
    const bytes = formatSize(2 ** of * domain.granuleBytes);
    for (let cpu = 0; cpu < cache.cpus; cpu++) {
      const [loaded, previous] = cache.fills(cpu, of);
      if (loaded + previous === 0) continue;
      const owner = cache.cpus === 1 ? "" : ` cpu ${cpu}`;
      texts.push(`${bytes} ${loaded}+${previous}${owner}`);
    }
    const depot = cache.depotSize(of);
    if (depot > 0) texts.push(`${bytes} depot ${formatCount(depot, "magazine")}`);
  }
  return texts;
}

type RangeUse =
  /** Page-table entries translate the range. */
  | "mapped"
  /** The range is allocated, and nothing is linked in it. */
  | "taken"
  /** Freed, and kept in an rcache for the next allocation of this size. */
  | "cached"
  /** Freed in lazy mode: queued for a deferred flush. */
  | "waiting"
  /** Reserved: never allocated. */
  | "reserved";

/** A range that the allocator cannot allocate from at the moment. */
interface AddressRange {
  readonly start: number;
  readonly sizeBytes: number;
  readonly use: RangeUse;
  /**
   * The CPU that has the range in its cache or flush queue; -1 for a range in a depot, null for
   * other uses.
   */
  readonly cpu: number | null;
  /**
   * The size of the range when it was freed: the size class in an rcache, the length in a flush
   * queue.
   */
  readonly givenBackBytes: number;
  /** How often the range is in rcaches: more than once after a double free. */
  readonly cachedTimes: number;
}

/** A freed range. Its key in a `Map` is the range's first frame. */
interface GivenBack {
  readonly use: "cached" | "waiting";
  readonly cpu: number;
  readonly bytes: number;
  times: number;
}

/** The ranges of a domain, highest first: in the order of a search by the allocator. */
function addressRanges(domain: IommuDomain): AddressRange[] {
  const { granuleBytes, iova, table } = domain;
  const back = givenBack(domain);
  const ranges: AddressRange[] = [];
  iova.ranges.forEach((lo, hi) => {
    const start = lo * granuleBytes;
    const sizeBytes = (hi - lo + 1) * granuleBytes;
    const end = start + sizeBytes;
    const gone = back.get(lo);
    const isReserved = domain.reserved.some((range) => range.start < end && range.end > start);
    const isMapped = gone === undefined && !isReserved &&
      (table.walk(start) || mappedRuns(domain, start, end - 1).length > 0);
    ranges.push({
      start,
      sizeBytes,
      use: gone?.use ?? (isReserved ? "reserved" : isMapped ? "mapped" : "taken"),
      cpu: gone?.cpu ?? null,
      givenBackBytes: gone?.bytes ?? 0,
      cachedTimes: gone?.use === "cached" ? gone.times : 0,
    });
  });
  return ranges.reverse();
}

function givenBack(domain: IommuDomain): ReadonlyMap<number, GivenBack> {
  const { granuleBytes, iova, flushQueue } = domain;
  const found = new Map<number, GivenBack>();
  flushQueue?.forEach((pfn, pfns, ring) => {
    found.set(pfn, { use: "waiting", cpu: ring, bytes: pfns * granuleBytes, times: 0 });
  });
  iova.cache.forEach((pfn, sizeClass, cpu) => {
    const known = found.get(pfn);
    if (known?.use === "cached") known.times++;
    else found.set(pfn, { use: "cached", cpu, bytes: 2 ** sizeClass * granuleBytes, times: 1 });
  });
  return found;
}

/** The free space below a limit: the sum and the longest piece. */
interface FreeSpace {
  readonly bytes: number;
  readonly largestBytes: number;
  readonly pieces: number;
}

/** The space that no range covers, below the frame `endPfn`; cached ranges count as covered. */
function freeSpace(domain: IommuDomain, endPfn: number): FreeSpace {
  let free = 0;
  let largest = 0;
  let pieces = 0;
  let next = domain.iova.ranges.startPfn;
  const gapTo = (pfn: number): void => {
    const gap = Math.min(pfn, endPfn) - next;
    if (gap <= 0) return;
    free += gap;
    pieces++;
    if (gap > largest) largest = gap;
  };
  domain.iova.ranges.forEach((lo, hi) => {
    gapTo(lo);
    next = hi + 1;
  });
  gapTo(endPfn);
  const { granuleBytes } = domain;
  return { bytes: free * granuleBytes, largestBytes: largest * granuleBytes, pieces };
}
