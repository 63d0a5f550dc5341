/**
 * The steps by which requests of the model and of a real kernel are compared. Each row is a step:
 * its fields, the model's events for the step, and the probes for the step on a real kernel.
 */
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
  /** Only events with this value in a field are the step. */
  readonly selects?: readonly [field: string, value: string];
  /** Set if the step is a call: the event `ret.NAME` then has its result. */
  readonly isCall?: true;
  /** The names of fields in the model's event, where they differ from the step's. */
  readonly renamed?: Readonly<Record<string, string>>;
  /** The compared result: the step's field, and the field of the model's return event. */
  readonly result?: readonly [field: string, ofModel: string];
  /**
   * The result in kernels that are built without the function, whose callers have it in its place. Nothing
   * else happens then, so that the call need not be seen.
   */
  readonly resultWithout?: StepValue;
  /** Names of the events of the probes in `plan/probed_functions.ts`. */
  readonly probe: string | null;
  readonly returnProbe: string | null;
  /** A tracepoint in place of a probe. */
  readonly tracepoint?: string;
  /**
   * Set if the step is ordered by the time of its return, because the model records its event when
   * the step is done.
   */
  readonly isPlacedAtReturn?: true;
  /** Set if the step undoes a mapping: it belongs to the request that mapped the address. */
  readonly undoes?: true;
  /** Set if the steps inside this one depend on the machine's history; they are not compared. */
  readonly hidesInner?: true;
}

const STEPS = {
  dma_iova_try_alloc: {
    title: "dma_iova_try_alloc",
    rule: "dma.3.2",
    fields: { phys: "phys", size: "exact", ok: "exact" },
    events: ["call.dma_iova_try_alloc"],
    isCall: true,
    result: ["ok", "result"],
    // 7.2.13 for riscv64 has no mapping by an IOMMU.
    resultWithout: false,
    probe: "try_alloc",
    returnProbe: "try_alloc_ret",
  },
  dma_iova_link: {
    title: "dma_iova_link",
    rule: "dma.3.3",
    fields: { phys: "phys", offset: "exact", size: "exact", dir: "exact", ret: "exact" },
    events: ["call.dma_iova_link"],
    isCall: true,
    result: ["ret", "error"],
    probe: "link",
    returnProbe: "link_ret",
  },
  dma_iova_sync: {
    title: "dma_iova_sync",
    rule: "dma.3.5",
    fields: { offset: "exact", size: "exact", ret: "exact" },
    events: ["call.dma_iova_sync"],
    isCall: true,
    result: ["ret", "error"],
    probe: "sync",
    returnProbe: "sync_ret",
  },
  dma_iova_destroy: {
    title: "dma_iova_destroy",
    rule: "dma.3.5",
    fields: { mapped_len: "exact", dir: "exact" },
    events: ["call.dma_iova_destroy"],
    isCall: true,
    probe: "destroy",
    returnProbe: null,
    undoes: true,
  },
  dma_map: {
    // Since 6.18, the function dma_map_page_attrs() calls dma_map_phys().
    title: "dma_map_phys or dma_map_page",
    rule: "dma.1.4",
    fields: { phys: "phys", size: "exact", dir: "exact", dma: "dma" },
    events: ["call.dma_map_phys", "call.dma_map_page"],
    isCall: true,
    result: ["dma", "result"],
    probe: "map_one",
    returnProbe: "map_one_ret",
  },
  dma_map_sgtable: {
    title: "dma_map_sgtable",
    rule: "dma.7.2",
    fields: { nents: "exact", ret: "exact" },
    events: ["call.dma_map_sgtable"],
    isCall: true,
    result: ["ret", "error"],
    probe: "map_sgtable",
    returnProbe: "map_sgtable_ret",
  },
  dma_unmap: {
    title: "dma_unmap_phys or dma_unmap_page",
    rule: "dma.1.6",
    fields: { dma: "dma", size: "exact", dir: "exact" },
    events: ["call.dma_unmap_phys", "call.dma_unmap_page"],
    isCall: true,
    probe: "unmap_one",
    returnProbe: null,
    undoes: true,
  },
  dma_unmap_sg: {
    title: "dma_unmap_sg",
    rule: "dma.7.2",
    fields: { nents: "exact", dir: "exact" },
    events: ["call.dma_unmap_sg"],
    isCall: true,
    probe: "unmap_sg",
    returnProbe: null,
    undoes: true,
  },
  iova_alloc: {
    title: "alloc_iova_fast",
    rule: "dma.4.2",
    fields: { size: "exact", limit: "exact", dma: "dma" },
    events: ["iova.alloc"],
    renamed: { size: "size_bytes", dma: "start" },
    probe: "alloc_iova",
    returnProbe: "alloc_iova_ret",
  },
  iova_free: {
    title: "free_iova_fast",
    rule: "dma.4.3",
    fields: { dma: "dma", size: "exact" },
    events: ["iova.free"],
    renamed: { size: "size_bytes", dma: "start" },
    probe: "free_iova",
    returnProbe: null,
    undoes: true,
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
    undoes: true,
  },
  iommu_sync_map: {
    title: "iommu_sync_map",
    within: "dma_iova_sync",
    rule: "dma.5.1",
    fields: { dma: "dma", size: "exact" },
    events: ["iommu.sync_map"],
    renamed: { dma: "iova", size: "size_bytes" },
    probe: "sync_range",
    returnProbe: "sync_range_ret",
    isPlacedAtReturn: true,
  },
  iotlb_map: {
    // A new mapping needs an invalidation only if the IOMMU caches non-present entries.
    title: "iotlb_sync_map",
    rule: "dma.5.2",
    fields: { dma: "dma", size: "exact" },
    events: ["iotlb.sync"],
    selects: ["kind", "map"],
    renamed: { dma: "start", size: "size_bytes" },
    probe: "sync_map",
    returnProbe: null,
  },
  iotlb_range: {
    title: "iotlb_sync",
    rule: "dma.5.2",
    fields: { dma: "dma", size: "exact" },
    events: ["iotlb.sync"],
    selects: ["kind", "range"],
    renamed: { dma: "start", size: "size_bytes" },
    probe: "gather",
    returnProbe: null,
    undoes: true,
  },
  viommu_map: {
    title: "viommu_map_pages",
    rule: "dma.5.5",
    fields: { dma: "dma", size: "exact" },
    events: ["viommu.request"],
    selects: ["type", "map"],
    renamed: { dma: "start", size: "size_bytes" },
    probe: "viommu_map",
    returnProbe: null,
  },
  viommu_unmap: {
    // The request has as many bytes as the function returns.
    title: "viommu_unmap_pages",
    rule: "dma.5.5",
    fields: { dma: "dma", size: "exact" },
    events: ["viommu.request"],
    selects: ["type", "unmap"],
    renamed: { dma: "start", size: "size_bytes" },
    probe: "viommu_unmap",
    returnProbe: "viommu_unmap_ret",
    undoes: true,
  },
  viommu_sync_map: {
    title: "viommu_iotlb_sync_map",
    rule: "dma.5.5",
    fields: { dma: "dma", size: "exact" },
    events: ["viommu.wait"],
    selects: ["reason", "map"],
    renamed: { dma: "start", size: "size_bytes" },
    probe: "viommu_sync_map",
    returnProbe: null,
  },
  viommu_sync: {
    // A release may name no range: dma and size are then 0.
    title: "viommu_iotlb_sync",
    rule: "dma.5.5",
    fields: { dma: "dma", size: "exact" },
    events: ["viommu.wait"],
    selects: ["reason", "unmap"],
    renamed: { dma: "start", size: "size_bytes" },
    probe: "viommu_sync",
    returnProbe: null,
    undoes: true,
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
    fields: { size: "exact" },
    renamed: { size: "size_bytes" },
    events: ["call.dma_pool_alloc"],
    isCall: true,
    probe: "pool_alloc",
    returnProbe: "pool_alloc_ret",
    hidesInner: true,
  },
  dma_pool_free: {
    title: "dma_pool_free",
    rule: "nvme.2.6",
    fields: { size: "exact" },
    renamed: { size: "size_bytes" },
    events: ["call.dma_pool_free"],
    isCall: true,
    probe: "pool_free",
    returnProbe: null,
    undoes: true,
  },
} as const satisfies Readonly<Record<string, StepRow>>;

export type StepKind = keyof typeof STEPS;

export const STEP_KINDS = Object.keys(STEPS) as readonly StepKind[];

/** The row of a step, typed with all optional properties. */
export function stepRow(kind: StepKind): StepRow {
  return STEPS[kind];
}

/** Whether a probe sees a step. @param calls The calls around the step, outermost first. */
export function isSeenWithin(kind: StepKind, calls: readonly StepKind[]): boolean {
  const { within } = stepRow(kind);
  return within === undefined || calls.some((call) => call === within);
}

/** The step that begins at an event of the model; null if no step begins there. */
export function kindOfEvent(name: string, fields: object): StepKind | null {
  return KINDS_OF_EVENT.get(name)?.find((step) => {
    const { selects } = stepRow(step);
    return selects === undefined || Reflect.get(fields, selects[0]) === selects[1];
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
