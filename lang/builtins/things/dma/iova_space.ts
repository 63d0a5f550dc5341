/** The IO addresses of one device: what is handed out, kept in caches, free. */
import { CACHE_CLASSES } from "../../../../runtime/iommu/iova_cache.ts";
import type { IommuDomain } from "../../../../runtime/iommu/domain.ts";
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
import { ScriptError } from "../../../values/script_error.ts";
import { Ratio, type Value } from "../../../values/value.ts";
import { type AddressRange, addressRanges, freeSpace } from "../../address_ranges.ts";
import { dma, isThing, list, record, size, toInt, toSize, word } from "../../arguments.ts";
import { TRANSLATED_MACHINE } from "../../calls/parameters.ts";
import { type MappedRun, mappedRuns } from "../../mapped_runs.ts";
import type { TypeSpec } from "../../../values/spec.ts";

/** Ranges in the picture of one device's addresses before the rest is only counted. */
const SHOWN_RANGES = 20;
/** Ranges that get a note: more than are listed, since those of a kind share a line. */
const NOTED_RANGES = 1000;
/** Bytes that a range in a list is charged. */
const RANGE_BYTES = 256;

/** Frames below 4 GiB, or below the device's own limit when that is lower. */
function lowEndPfn(domain: IommuDomain): number {
  const last = Math.min(domain.device.lastAddress, domain.table.lastAddress, 2 ** 32 - 1);
  return Math.floor((last + 1) / domain.granuleBytes);
}

function lowFreeSpace(domain: IommuDomain) {
  return freeSpace(domain, lowEndPfn(domain));
}

/** 0 when what is free is one piece, towards 1 the more pieces it is in. */
function fragmentation(domain: IommuDomain): Ratio {
  const { bytes, largestBytes } = lowFreeSpace(domain);
  return new Ratio(bytes === 0 ? 0 : 1 - largestBytes / bytes);
}

function address(pfn: number | null, domain: IommuDomain): Value {
  return pfn === null ? null : dma(pfn * domain.granuleBytes as Parameters<typeof dma>[0]);
}

function rangeValue(range: AddressRange): Value {
  return record({
    start: dma(range.start as Parameters<typeof dma>[0]),
    size: size(range.sizeBytes),
    use: word(range.use),
    cpu: range.cpu === -1 ? word("depot") : range.cpu,
  });
}

/** The cache's class for ranges of a size. */
function sizeClass(value: Value | undefined, domain: IommuDomain): number {
  const pfns = Math.ceil(toSize(value, "size") / domain.granuleBytes);
  const found = pfns <= 1 ? 0 : Math.ceil(Math.log2(pfns));
  if (found < CACHE_CLASSES) return found;
  throw new ScriptError(
    "E0919",
    `No cache keeps ranges of ${formatSize(pfns * domain.granuleBytes)}`,
    `the largest that are kept have ${formatSize(2 ** (CACHE_CLASSES - 1) * domain.granuleBytes)}`,
  );
}

export const IOVA_SPACE: TypeSpec<IommuDomain> = {
  name: "iova_space",
  doc: "The IO addresses of a device: ranges handed out, kept in caches, waiting, free.",
  fields: [
    {
      name: "ranges",
      kind: "list",
      of: { start: "dma", size: "size", use: "word", cpu: "any" },
      doc: "Ranges in use, the highest first: { start, size, use, cpu }. What was given back and " +
        "is cached or waiting is in use as well.",
      get(domain, run) {
        run.chargeMemory(RANGE_BYTES * domain.iova.ranges.count);
        return list(addressRanges(domain).map(rangeValue));
      },
    },
    {
      name: "count",
      kind: "int",
      doc: "How many ranges are in use: nodes of the kernel's tree.",
      get: (domain) => domain.iova.ranges.count,
    },
    {
      name: "cached",
      kind: "int",
      doc: "How many ranges lie in caches and depots.",
      get(domain) {
        let cached = 0;
        domain.iova.cache.forEach(() => cached++);
        return cached;
      },
    },
    {
      name: "free",
      kind: "size",
      doc: "What is free below 4 GiB, or below the device's limit when that is lower.",
      get: (domain) => size(lowFreeSpace(domain).bytes),
    },
    {
      name: "largest_free",
      kind: "size",
      doc: "The longest free piece of it.",
      get: (domain) => size(lowFreeSpace(domain).largestBytes),
    },
    {
      name: "free_pieces",
      kind: "int",
      doc: "How many pieces it is in.",
      get: (domain) => lowFreeSpace(domain).pieces,
    },
    {
      name: "fragmentation",
      kind: "ratio",
      doc:
        "1 minus the longest free piece as a part of all that is free: 0 when it is in one piece.",
      get: fragmentation,
    },
    {
      name: "cursor",
      kind: "dma",
      doc: "The range below which the next search below 4 GiB starts; none for the top.",
      get: (domain) => address(domain.iova.ranges.cursor32Pfn, domain),
    },
    {
      name: "cursor64",
      kind: "dma",
      doc: "The same for searches above 4 GiB.",
      get: (domain) => address(domain.iova.ranges.cursor64Pfn, domain),
    },
    {
      name: "refused_from",
      kind: "size",
      doc: "Searches below 4 GiB for this much or more fail at once; 4 GiB when none does.",
      get: ({ iova, granuleBytes }) => size(iova.ranges.max32AllocPfns * granuleBytes),
    },
    {
      name: "below_4gib_first",
      kind: "bool",
      doc: "The device is given addresses below 4 GiB as long as there are any.",
      get: (domain) => domain.device.prefer32Bit,
    },
  ],
  methods: [
    {
      name: "search_length",
      parameters: [{ name: "size", kind: "size", doc: "How much is looked for." }],
      result: "int",
      doc: "How many ranges a search below 4 GiB would look at now. Nothing is taken.",
      example: `${TRANSLATED_MACHINE}assert iommu.space(ssd).search_length(4KiB) == 1`,
      run(_run, domain, [wanted]) {
        const pfns = Math.max(1, Math.ceil(toSize(wanted, "size") / domain.granuleBytes));
        return domain.iova.ranges.searchLength(pfns, lowEndPfn(domain) - 1);
      },
    },
    {
      name: "cache",
      parameters: [
        { name: "size", kind: "size", doc: "Whose cache: the size of the ranges in it." },
        { name: "cpu", kind: "int", optional: true, named: true, doc: "Default 0." },
      ],
      result: "record",
      doc: "How many ranges of a size a CPU keeps in its two magazines, and how many full " +
        "magazines the CPUs share: { loaded, previous, depot }.",
      example: `${TRANSLATED_MACHINE}let m = dma_map_phys(ssd, alloc_pages(2), 8KiB, to_device)
dma_unmap_phys(ssd, m, 8KiB, to_device)
assert iommu.space(ssd).cache(8KiB) == { loaded: 1, previous: 0, depot: 0 }`,
      run(_run, domain, [wanted, cpu]) {
        const { cache } = domain.iova;
        const of = sizeClass(wanted, domain);
        const owner = cpu === undefined ? 0 : toInt(cpu, "cpu", 0, cache.cpus - 1);
        const [loaded, previous] = cache.fills(owner, of);
        return record({ loaded, previous, depot: cache.depotSize(of) });
      },
    },
  ],
  format: (domain) =>
    `IO addresses of ${domain.device.name}, ${formatCount(domain.iova.ranges.count, "range")}`,
  show: spaceLines,
  equals: (domain, other) => isThing(other, IOVA_SPACE) && other.target === domain,
};

function spaceLines(domain: IommuDomain): string[] {
  const { bytes, largestBytes, pieces } = lowFreeSpace(domain);
  const last = Math.min(domain.device.lastAddress, domain.table.lastAddress);
  const ranges = picturedRanges(domain);
  return [
    spread(
      `IO addresses of ${domain.device.name}, ${Math.log2(last + 1)} bits`,
      countUses(ranges),
    ),
    "─".repeat(PICTURE_COLUMNS),
    ...spacePicture(domain, ranges, SHOWN_RANGES),
    ...reservedLines(domain.reserved),
    ...indented(
      `free${last < 2 ** 32 ? "" : " below 4GiB"}: ${formatSizeCut(bytes)} in ${
        formatCount(pieces, "piece")
      }, the longest ${formatSizeCut(largestBytes)}: fragmentation ${
        formatRatio(fragmentation(domain).value)
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

/** The ranges, each with its note; only the first need one. */
function picturedRanges(domain: IommuDomain) {
  return addressRanges(domain).map((range, index) => ({
    start: range.start,
    sizeBytes: range.sizeBytes,
    use: range.use,
    note: index < NOTED_RANGES ? rangeNote(range, domain) : "",
  }));
}

function rangeNote(range: AddressRange, domain: IommuDomain): string {
  const runs = mappedRuns(domain.device, range.start, range.start + range.sizeBytes - 1);
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
    ...runs.length > 1 ? [`${runs.length} pieces`] : [],
    ...large ? [`pages of ${first.leafSizesBytes.map(formatSize).join(" + ")}`] : [],
    ...first.mmio ? ["mmio"] : [],
  ];
  return details.join(", ");
}

/** What the caches hold: `4KiB 3+0 cpu 0`. */
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
