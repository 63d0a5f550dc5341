/**
 * Converts probe events to lines of golden data. Some calls get their line at their return, others at their entry;
 * operations inside calls get lines, too.
 */
import { namesNoRange } from "../trace/attributed_events.ts";
import { type GuestEvent, type GuestFields, physOfPage } from "../trace/trace_events.ts";
import type { CallLog, LoggedOperation } from "./call_log.ts";
import type { CapturedValue } from "./captured_command.ts";

type CallBody = Record<string, CapturedValue>;

const PAGE_BYTES = 4096;
const SMALL_POOL_BYTES = 256;
const DIRECTIONS = ["BIDIRECTIONAL", "TO_DEVICE", "FROM_DEVICE"];
/** Flag in `struct dma_iova_state`: a part of the range is bounced. */
const USES_BOUNCE = 1n << 63n;

/** The inputs of a line in addition to its event. */
export interface LineContext {
  /** Whether ranges are queued before they are freed (a lazy domain). */
  readonly isLazy: boolean;
  /** Whether each new mapping is flushed, because the IOMMU caches non-present entries. */
  readonly flushesMaps: boolean;
  /** Where the allocator got the last range from. */
  readonly source: "cache" | "tree";
  /** Number of entries that the last list was mapped to; null before the first list. */
  readonly mappedEntries: number | null;
  readonly log: CallLog;
}

/** Rows by the names of events: a trace is a stranger's text, and can have any name. */
function rows<Row>(table: Readonly<Record<string, Row>>): ReadonlyMap<string, Row> {
  return new Map(Object.entries(table));
}

/**
 * Calls with a line that is written at their return, by the name of the return probe. The line is
 * made of what the entry and the return of the call fetch.
 */
export const RETURNED_CALLS = rows<
  (given: GuestFields, event: GuestEvent, context: LineContext) => CallBody
>({
  map_one_ret: (given, { fields }) => {
    const page = given.get("page");
    const phys = page === undefined
      ? number(given, "phys")
      : physOfPage(page) + number(given, "offset");
    const call = page === undefined ? "dma_map_phys" : "dma_map_page";
    return {
      call,
      dir: direction(given),
      phys,
      ...numbers(given, "size"),
      ...numbers(fields, "dma"),
    };
  },
  unmap_one_ret: (given, { fields: { text } }) => {
    const call = text.includes("dma_unmap_phys") ? "dma_unmap_phys" : "dma_unmap_page";
    return { call, dir: direction(given), ...numbers(given, "dma", "size") };
  },
  map_sgtable_ret: (given, { fields }, { mappedEntries }) => {
    const failed = number(fields, "ret");
    const ret = failed === 0 ? mappedEntries ?? 0 : failed;
    return { call: "dma_map_sg", ...numbers(given, "nents", "dir", "attrs"), ret };
  },
  try_alloc_ret: (given, { fields }, { log }) => {
    const [phys, size] = [number(given, "phys"), number(given, "size")];
    const iova = log.lastWaiting("iova_alloc")?.iova as number | undefined;
    const ok = number(fields, "ok") !== 0 && iova !== undefined;
    const addr = ok ? iova + phys % PAGE_BYTES : null;
    return { call: "dma_iova_try_alloc", phys, size, ok, addr, state_size: ok ? size : null };
  },
  link_ret: (given, { fields }) => ({
    call: "dma_iova_link",
    ...numbers(given, "phys", "offset", "size", "dir"),
    ...numbers(fields, "ret"),
  }),
  sync_ret: (given, { fields }) => ({
    call: "dma_iova_sync",
    ...numbers(given, "offset", "size"),
    ...numbers(fields, "ret"),
  }),
});

/** Calls with a line that is written at their entry. */
export const ENTERED_CALLS = rows<(fields: GuestFields) => CallBody>({
  unmap_sg: (fields) => ({ call: "dma_unmap_sg", ...numbers(fields, "nents", "dir", "attrs") }),
  destroy: (fields) => {
    const state = BigInt(fields.get("state") ?? "0");
    return {
      call: "dma_iova_destroy",
      addr: number(fields, "dma"),
      state_size: Number(state & ~USES_BOUNCE),
      ...state >= USES_BOUNCE ? { uses_bounce: true } : {},
      mapped: number(fields, "mapped_len"),
      ...numbers(fields, "dir", "attrs"),
    };
  },
});

/**
 * Operations with a result, by the name of the return probe. The function returns null for an
 * operation that gets no line.
 */
export const RETURNED_OPERATIONS = rows<
  (given: GuestFields, fields: GuestFields, context: LineContext) => LoggedOperation | null
>({
  alloc_iova_ret: (given, fields, { source }) => {
    const iova = number(fields, "pfn") * PAGE_BYTES;
    // A failed allocation below a limit has no line.
    if (iova === 0) return null;
    const size = number(given, "pages") * PAGE_BYTES;
    return { op: "iova_alloc", size, iova, source, limit_pfn: number(given, "limit") };
  },
  sync_range_ret: (given) => ({
    op: "iommu_sync_map",
    ...numbers(given, "iova", "size"),
  }),
  viommu_unmap_ret: (given, fields) => ({
    op: "viommu_unmap",
    ...numbers(given, "iova"),
    size: number(fields, "removed"),
  }),
  bounce_map_ret: (given, fields) => ({
    op: "swiotlb_map_single",
    ...numbers(given, "orig", "size", "dir"),
    align_mask: number(given, "align"),
    ...numbers(fields, "tlb"),
  }),
  iommu_bounce_ret: (given, fields) => ({
    op: "iommu_dma_map_swiotlb",
    ...numbers(given, "phys", "size"),
    ...numbers(fields, "ret"),
  }),
});

/**
 * Other operations, each with a function that makes the line. The function returns null for an
 * operation without a line.
 */
export const OPERATIONS = rows<
  (event: GuestEvent, context: LineContext) => LoggedOperation | null
>({
  // A lazy kernel queues a range, and frees it inside a later call. If a call both unmaps and frees
  // a range, the range was not queued, because `dma_iova_destroy` flushes and frees it at once.
  free_iova: ({ fields }, { isLazy, log }) => {
    const range = {
      iova: number(fields, "pfn") * PAGE_BYTES,
      size: number(fields, "pages") * PAGE_BYTES,
    };
    return isLazy && !log.hasInner("iommu_unmap", range.iova)
      ? { op: "iova_free_late", ...range }
      : { op: "iova_free", ...range, deferred: false };
  },
  map: ({ fields }) => ({
    op: "iommu_map",
    iova: number(fields, "iova"),
    phys: number(fields, "paddr"),
    ...numbers(fields, "size"),
  }),
  unmap: ({ fields }) => ({
    op: "iommu_unmap",
    iova: number(fields, "iova"),
    ...numbers(fields, "size"),
    unmapped: number(fields, "unmapped_size"),
  }),
  sync_map: ({ fields }, { flushesMaps }) => {
    if (!flushesMaps) return null;
    const start = number(fields, "iova");
    return { op: "iotlb_flush_np", start, end: start + number(fields, "size") - 1 };
  },
  gather: ({ fields }) => ({ op: "iotlb_flush_range", ...numbers(fields, "start", "end") }),
  viommu_map: ({ fields }) => ({
    op: "viommu_map",
    ...numbers(fields, "iova"),
    size: number(fields, "page") * number(fields, "pages"),
  }),
  viommu_sync_map: ({ fields }) => ({ op: "viommu_sync_map", ...numbers(fields, "iova", "size") }),
  viommu_sync: ({ fields }) => ({
    op: "viommu_sync",
    ...namesNoRange(fields) ? { start: 0, end: null } : numbers(fields, "start", "end"),
  }),
  unlink: ({ fields }) => ({
    op: "iova_unlink",
    addr: number(fields, "dma"),
    ...numbers(fields, "offset", "size"),
  }),
  bounce_link: ({ fields }) => ({
    op: "bounce_and_link",
    ...numbers(fields, "addr", "phys", "len"),
  }),
  flush_all: () => ({ op: "iotlb_flush_all" }),
  bounce_copy: ({ fields }) => ({ op: "swiotlb_bounce", ...numbers(fields, "tlb", "size", "dir") }),
  bounce_unmap: ({ fields }) => ({
    op: "swiotlb_unmap_single",
    ...numbers(fields, "tlb", "size", "dir", "attrs"),
  }),
});

/** The descriptor pool of blocks of a given size. */
export function poolRecord(sizeBytes: number) {
  return { pool: sizeBytes <= SMALL_POOL_BYTES ? "small" : "large", psize: sizeBytes };
}

function number(fields: GuestFields, name: string): number {
  return Number(fields.get(name));
}

/** Fields of a probe that have the same names in golden data. */
function numbers(fields: GuestFields, ...names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.map((name) => [name, number(fields, name)]));
}

function direction(given: GuestFields): string {
  return DIRECTIONS[number(given, "dir")]!;
}
