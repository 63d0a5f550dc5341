/**
 * The steps by which requests of the model and of a real kernel are compared. Each row is a step:
 * its fields, the model's events for the step, and the probes for the step on a real kernel.
 */
import type { IommuModel } from "@dmalab/runtime";

/** How values of a field are compared between the two sides. */
export type FieldSpace =
  /** Equal numbers or words. */
  | "exact"
  /** Physical addresses of buffer pages: the scenario's pages have fixed places in the guest. */
  | "phys"
  /**
   * Device addresses. While a request lives, each page of the model corresponds to exactly one page of the
   * kernel.
   */
  | "dma";

export type StepValue = number | string | boolean;

export interface Step {
  readonly kind: StepKind;
  readonly values: Readonly<Record<string, StepValue>>;
}

/** A probe of the kernel. */
export interface ProbeForms {
  /** The event's name. */
  readonly name: string;
  /**
   * Lines for `dynamic_events`; the first line that the kernel accepts is used. The lines define
   * kprobes with the registers of x86-64, which every release accepts. Function probes, which name
   * arguments (6.5 and newer), are not used: arming one costs ten times as much under emulation
   * (0.2 s each).
   */
  readonly lines: readonly string[];
  /** Replaces `lines` on a machine with AMD's IOMMU: its driver has another function. */
  readonly amdLines?: readonly string[];
}

interface StepRow {
  /** The function or tracepoint, by the name that users know. */
  readonly title: string;
  /** The rule in `docs/rules/` about this step. */
  readonly rule: string;
  readonly fields: Readonly<Record<string, FieldSpace>>;
  /** The model's events at which the step begins, each `call.NAME` or the name of an event. */
  readonly events: readonly string[];
  /**
   * The only call inside which a probe sees the step. In other callers the compiler has inlined the
   * function.
   */
  readonly within?: string;
  /** Only events with this value in their field `kind` are the step. */
  readonly eventKind?: string;
  /** Set if the step is a call: the event `ret.NAME` then has its result. */
  readonly isCall?: true;
  /** The names of fields in the model's event, where they differ from the step's. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** The compared result: the step's field, and the field of the model's return event. */
  readonly result?: readonly [field: string, ofModel: string];
  readonly probe: ProbeForms | null;
  readonly returnProbe: ProbeForms | null;
  /** A tracepoint in place of a probe. */
  readonly tracepoint?: string;
  /**
   * Set if the step is ordered by the time of its return, because the model records its event when
   * the step is done.
   */
  readonly isPlacedAtReturn?: true;
  /** Set if the steps inside this one depend on the machine's history; they are not compared. */
  readonly hidesInner?: true;
}

/** An entry probe. @param fetch Arguments in registers: `size=%dx:u64`. */
const entry = (name: string, target: string, fetch = ""): ProbeForms => ({
  name,
  lines: [`p:lab/${name} ${target} ${fetch}`.trim()],
});

/** A return probe. @param value `NAME=$retval:TYPE`; empty to record only the time of return. */
const exit = (name: string, target: string, value = ""): ProbeForms => ({
  name,
  lines: [`r:lab/${name} ${target} ${value}`.trim()],
});

/**
 * An entry probe on an operation of an IOMMU domain. The function depends on the IOMMU: Intel's driver or
 * AMD's.
 */
const operation = (name: string, intel: string, amd: string, fetch: string): ProbeForms => ({
  ...entry(name, intel, fetch),
  amdLines: entry(name, amd, fetch).lines,
});

/**
 * A probe on the first of two functions; on the second one if the kernel does not have the first.
 */
const either = (one: ProbeForms, other: ProbeForms): ProbeForms => ({
  name: one.name,
  lines: [...one.lines, ...other.lines],
});

const STEPS = {
  dma_iova_try_alloc: {
    title: "dma_iova_try_alloc",
    rule: "dma.3.2",
    fields: { phys: "phys", size: "exact", ok: "exact" },
    events: ["call.dma_iova_try_alloc"],
    isCall: true,
    result: ["ok", "result"],
    probe: entry("try_alloc", "dma_iova_try_alloc", "phys=%dx:x64 size=%cx:u64"),
    returnProbe: exit("try_alloc_ret", "dma_iova_try_alloc", "ok=$retval:u8"),
  },
  dma_iova_link: {
    title: "dma_iova_link",
    rule: "dma.3.3",
    fields: { phys: "phys", offset: "exact", size: "exact", dir: "exact", ret: "exact" },
    events: ["call.dma_iova_link"],
    isCall: true,
    result: ["ret", "error"],
    probe: entry("link", "dma_iova_link", "phys=%dx:x64 offset=%cx:u64 size=%r8:u64 dir=%r9:s32"),
    returnProbe: exit("link_ret", "dma_iova_link", "ret=$retval:s32"),
  },
  dma_iova_sync: {
    title: "dma_iova_sync",
    rule: "dma.3.5",
    fields: { offset: "exact", size: "exact", ret: "exact" },
    events: ["call.dma_iova_sync"],
    isCall: true,
    result: ["ret", "error"],
    probe: entry("sync", "dma_iova_sync", "offset=%dx:u64 size=%cx:u64"),
    returnProbe: exit("sync_ret", "dma_iova_sync", "ret=$retval:s32"),
  },
  dma_iova_destroy: {
    title: "dma_iova_destroy",
    rule: "dma.3.5",
    fields: { mapped_len: "exact", dir: "exact" },
    events: ["call.dma_iova_destroy"],
    isCall: true,
    probe: entry(
      "destroy",
      "dma_iova_destroy",
      "dma=+0(%si):x64 state=+8(%si):x64 mapped_len=%dx:u64 dir=%cx:s32 attrs=%r8:u64",
    ),
    returnProbe: null,
  },
  dma_map: {
    // Since 6.18, the function dma_map_page_attrs() calls dma_map_phys().
    title: "dma_map_phys or dma_map_page",
    rule: "dma.1.4",
    fields: { phys: "phys", size: "exact", dir: "exact", dma: "dma" },
    events: ["call.dma_map_phys", "call.dma_map_page"],
    isCall: true,
    result: ["dma", "result"],
    probe: either(
      entry("map_one", "dma_map_phys", "phys=%si:x64 size=%dx:u64 dir=%cx:s32 attrs=%r8:u64"),
      entry(
        "map_one",
        "dma_map_page_attrs",
        "page=%si:x64 offset=%dx:u64 size=%cx:u64 dir=%r8:s32 attrs=%r9:u64",
      ),
    ),
    returnProbe: either(
      exit("map_one_ret", "dma_map_phys", "dma=$retval:x64"),
      exit("map_one_ret", "dma_map_page_attrs", "dma=$retval:x64"),
    ),
  },
  dma_map_sgtable: {
    title: "dma_map_sgtable",
    rule: "dma.7.2",
    fields: { nents: "exact", ret: "exact" },
    events: ["call.dma_map_sgtable"],
    isCall: true,
    result: ["ret", "error"],
    probe: entry(
      "map_sgtable",
      "dma_map_sgtable",
      "nents=+12(%si):u32 list=+0(%si):x64 dir=%dx:s32 attrs=%cx:u64",
    ),
    returnProbe: exit("map_sgtable_ret", "dma_map_sgtable", "ret=$retval:s32"),
  },
  dma_unmap: {
    title: "dma_unmap_phys or dma_unmap_page",
    rule: "dma.1.6",
    fields: { dma: "dma", size: "exact", dir: "exact" },
    events: ["call.dma_unmap_phys", "call.dma_unmap_page"],
    isCall: true,
    probe: either(
      entry("unmap_one", "dma_unmap_phys", "dma=%si:x64 size=%dx:u64 dir=%cx:s32"),
      entry("unmap_one", "dma_unmap_page_attrs", "dma=%si:x64 size=%dx:u64 dir=%cx:s32"),
    ),
    returnProbe: null,
  },
  dma_unmap_sg: {
    title: "dma_unmap_sg",
    rule: "dma.7.2",
    fields: { nents: "exact", dir: "exact" },
    events: ["call.dma_unmap_sg"],
    isCall: true,
    probe: entry(
      "unmap_sg",
      "dma_unmap_sg_attrs",
      "nents=%dx:s32 dir=%cx:s32 list=%si:x64 attrs=%r8:u64",
    ),
    returnProbe: null,
  },
  iova_alloc: {
    title: "alloc_iova_fast",
    rule: "dma.4.2",
    fields: { size: "exact", dma: "dma" },
    events: ["iova.alloc"],
    renamed: { size: "size_bytes", dma: "start" },
    probe: entry("alloc_iova", "alloc_iova_fast", "pages=%si:u64 limit=%dx:u64"),
    returnProbe: exit("alloc_iova_ret", "alloc_iova_fast", "pfn=$retval:x64"),
  },
  iova_free: {
    title: "free_iova_fast",
    rule: "dma.4.3",
    fields: { dma: "dma", size: "exact" },
    events: ["iova.free"],
    renamed: { size: "size_bytes", dma: "start" },
    probe: entry("free_iova", "free_iova_fast", "pfn=%si:x64 pages=%dx:u64"),
    returnProbe: null,
  },
  iommu_map: {
    title: "iommu: map",
    rule: "dma.5.1",
    fields: { dma: "dma", phys: "phys", size: "exact" },
    events: ["iommu.map"],
    renamed: { dma: "iova", size: "size_bytes" },
    probe: null,
    returnProbe: null,
    tracepoint: "iommu/map",
  },
  iommu_unmap: {
    title: "iommu: unmap",
    rule: "dma.5.2",
    fields: { dma: "dma", size: "exact", unmapped: "exact" },
    events: ["iommu.unmap"],
    renamed: { dma: "iova", size: "size_bytes", unmapped: "unmapped_bytes" },
    probe: null,
    returnProbe: null,
    tracepoint: "iommu/unmap",
  },
  iommu_sync_map: {
    title: "iommu_sync_map",
    within: "dma_iova_sync",
    rule: "dma.5.1",
    fields: { dma: "dma", size: "exact" },
    events: ["iommu.sync_map"],
    renamed: { dma: "iova", size: "size_bytes" },
    probe: entry("sync_range", "iommu_sync_map", "iova=%si:x64 size=%dx:u64"),
    returnProbe: exit("sync_range_ret", "iommu_sync_map"),
    isPlacedAtReturn: true,
  },
  iotlb_map: {
    // A new mapping needs an invalidation only if the IOMMU caches non-present entries.
    title: "iotlb_sync_map",
    rule: "dma.5.2",
    fields: { dma: "dma", size: "exact" },
    events: ["iotlb.sync"],
    eventKind: "map",
    renamed: { dma: "start", size: "size_bytes" },
    probe: operation(
      "sync_map",
      "intel_iommu_iotlb_sync_map",
      "amd_iommu_iotlb_sync_map",
      "iova=%si:x64 size=%dx:u64",
    ),
    returnProbe: null,
  },
  iotlb_range: {
    title: "iotlb_sync",
    rule: "dma.5.2",
    fields: { dma: "dma", size: "exact" },
    events: ["iotlb.sync"],
    eventKind: "range",
    renamed: { dma: "start", size: "size_bytes" },
    probe: operation(
      "gather",
      "intel_iommu_tlb_sync",
      "amd_iommu_iotlb_sync",
      "start=+{iommu_iotlb_gather.start}(%si):x64 end=+{iommu_iotlb_gather.end}(%si):x64",
    ),
    returnProbe: null,
  },
  bounce: {
    title: "swiotlb_bounced",
    rule: "dma.6.2",
    fields: { phys: "phys", size: "exact" },
    events: ["swiotlb.map"],
    renamed: { phys: "orig_phys", size: "size_bytes" },
    probe: null,
    returnProbe: null,
    tracepoint: "swiotlb/swiotlb_bounced",
  },
  dma_pool_alloc: {
    title: "dma_pool_alloc",
    rule: "nvme.2.3",
    fields: {},
    events: ["call.dma_pool_alloc"],
    isCall: true,
    probe: entry("pool_alloc", "dma_pool_alloc"),
    returnProbe: exit("pool_alloc_ret", "dma_pool_alloc", "vaddr=$retval:x64"),
    hidesInner: true,
  },
  dma_pool_free: {
    title: "dma_pool_free",
    rule: "nvme.2.6",
    fields: {},
    events: ["call.dma_pool_free"],
    isCall: true,
    probe: entry("pool_free", "dma_pool_free", "vaddr=%si:x64 dma=%dx:x64"),
    returnProbe: null,
  },
} as const satisfies Readonly<Record<string, StepRow>>;

export type StepKind = keyof typeof STEPS;

export const STEP_KINDS = Object.keys(STEPS) as readonly StepKind[];

/** The row of a step, typed with all optional properties. */
export function stepRow(kind: StepKind): StepRow {
  return STEPS[kind];
}

/**
 * Probe for the block layer's facts about a request, before its first step. The gap bit exists
 * since 6.19.
 */
export const REQUEST_PROBE: ProbeForms = {
  name: "request",
  lines: [" gap=+{request.phys_gap_bit}(%si):u8", ""].map((gap) =>
    `p:lab/request nvme_setup_cmd segments=+{request.nr_phys_segments}(%si):u16${gap}`
  ),
};

/** Whether a probe sees a step. @param calls The calls around the step, outermost first. */
export function isSeenWithin(kind: StepKind, calls: readonly StepKind[]): boolean {
  const { within } = stepRow(kind);
  return within === undefined || calls.some((call) => call === within);
}

/** The lines of a probe on a machine with this IOMMU. */
export function probeLines({ amdLines, lines }: ProbeForms, model: IommuModel): readonly string[] {
  return model === "amd" && amdLines !== undefined ? amdLines : lines;
}

/** The step that begins at an event of the model; null if no step begins there. */
export function kindOfEvent(name: string, kind: unknown): StepKind | null {
  return KINDS_OF_EVENT.get(name)?.find((step) => {
    const { eventKind } = stepRow(step);
    return eventKind === undefined || eventKind === kind;
  }) ?? null;
}

const KINDS_OF_EVENT: ReadonlyMap<string, readonly StepKind[]> = new Map(
  [...Map.groupBy(
    STEP_KINDS.flatMap((kind) => stepRow(kind).events.map((event) => ({ event, kind }))),
    ({ event }) => event,
  )].map(([event, rows]) => [event, rows.map(({ kind }) => kind)]),
);

/** Names of the kernel's `enum dma_data_direction`, by value. */
export const DIRECTIONS: readonly string[] = ["bidirectional", "to_device", "from_device"];
