/**
 * The functions of the kernel that are probed: one row a function, with what `kernel run` fetches in
 * each boot, and what `kernel capture` fetches in addition.
 *
 * A capture records the memory of requests, scatterlists, descriptors and commands, and the
 * operations inside mapping calls. The guest replaces names in braces (see `guest/init.c`).
 */
import type { IommuModel } from "@dmalab/runtime";
import type { ProbeKind } from "../machine/architectures.ts";

/** Number of 64-bit words that one argument of a probe can hold. */
export const ARRAY_WORDS = 64;
/**
 * Number of arrays in one event. The text of an event has to fit into 4096 bytes, because the
 * kernel leaves out a longer line.
 */
export const ARRAYS = 3;
export const EVENT_WORDS = ARRAYS * ARRAY_WORDS;
/**
 * Number of words that are read of each structure: a bio's vectors, a scatterlist, a block of
 * descriptors.
 */
const MAX_WORDS = 512;
/** Indices of the events that are needed to read `MAX_WORDS` words. */
export const PARTS: readonly number[] = Array.from(
  { length: Math.ceil(MAX_WORDS / EVENT_WORDS) },
  (_, part) => part,
);
/** Number of a request's bios that are read. */
export const MAX_BIOS = 2;
export const WORDS_PER_VEC = 2;
export const WORDS_PER_ENTRY = 4;

/** A probe of a function, and the event that it writes. */
interface Probe {
  /** The event's name; at the return of a function whose entry is probed, `NAME_ret`. */
  readonly name: string;
  /** `p` at the function's entry, `r` at its return. */
  readonly at: "p" | "r";
  /**
   * Arguments to fetch, by their numbers, or of a return `$retval`. There are several forms
   * if a release lacks a member; the first one that the kernel accepts is used.
   */
  readonly forms: (target: string) => readonly string[];
  /** Only events for which this condition holds are kept. */
  readonly filter?: string;
}

interface ProbedFunction {
  /** The function; of several, the first one that the kernel has is probed. */
  readonly targets: readonly string[];
  /** Replaces `targets` on a machine with another IOMMU than VT-d: null if its driver has no such function. */
  readonly others?: Partial<Readonly<Record<IommuModel, string | null>>>;
  /** Only machines with this IOMMU have the function. */
  readonly only?: IommuModel;
  readonly run?: readonly Probe[];
  readonly capture?: readonly Probe[];
}

/** @param forms Arguments: `size=$arg3:u64`. */
const entry = (name: string, ...forms: readonly string[]): Probe => ({
  name,
  at: "p",
  forms: () => forms.length === 0 ? [""] : forms,
});

/** @param forms Arguments, by the function. */
const entryOf = (name: string, forms: Readonly<Record<string, string>>): Probe => ({
  name,
  at: "p",
  forms: (target) => [forms[target]!],
});

/** @param value `NAME=$retval:TYPE`; empty to record only the time of return. */
const exit = (name: string, value = ""): Probe => ({ name, at: "r", forms: () => [value] });

/** Fetch arguments for arrays of words at an address. @param from Index of the first word. */
function words(address: string, from: number): string {
  return Array.from({ length: ARRAYS }, (_, index) => {
    const offset = 8 * (from + index * ARRAY_WORDS);
    return `w${index}=+${offset}(${address}):x64[${ARRAY_WORDS}]`;
  }).join(" ");
}

/** The fetch expression for a request's bio. @param request The argument with the request. */
function bio(request: string, index: number): string {
  let address = `+{request.bio}(${request})`;
  for (let at = 0; at < index; at++) address = `+{bio.bi_next}(${address})`;
  return address;
}

const REQUEST = "$arg2";
const HEAD = `req=${REQUEST}:x64 bytes=+{request.__data_len}(${REQUEST}):u32` +
  ` flags=+{request.cmd_flags}(${REQUEST}):u32 segments=+{request.nr_phys_segments}(${REQUEST}):u16` +
  ` integrity=+{request.nr_integrity_segments}(${REQUEST}):u16`;

/** A probe that reads one part of a bio's vectors. */
function bioProbe(index: number, part: number): Probe {
  const address = bio(REQUEST, index);
  const iter = (member: string) => `+{bio.bi_iter+bvec_iter.${member}}`;
  const head = `bio=${address}:x64 size=${iter("bi_size")}(${address}):u32` +
    ` index=${iter("bi_idx")}(${address}):u32 next=+{bio.bi_next}(${address}):x64`;
  const from = part * EVENT_WORDS;
  const vecs = words(`+{bio.bi_io_vec}(${address})`, from);
  const read = entry(
    `bio${index}_${part}`,
    ...["bi_bvec_done", "bi_offset"].map((done) =>
      `${head} done=${iter(done)}(${address}):u32 ${vecs}`
    ),
  );
  return index === 0 ? read : { ...read, filter: `bio >= ${FIRST_KERNEL_ADDRESS}` };
}

/**
 * A probe that reads the first vectors of a bio's metadata, which the block layer calls integrity
 * data.
 */
function metadataProbe(index: number): Probe {
  const payload = `+{bio.bi_integrity}(${bio(REQUEST, index)})`;
  const iter = (member: string) =>
    `+{bio_integrity_payload.bip_iter+bvec_iter.${member}}(${payload}):u32`;
  const head = `payload=${payload}:x64 size=${iter("bi_size")} index=${iter("bi_idx")}` +
    ` w0=+0(+{bio_integrity_payload.bip_vec}(${payload})):x64[${ARRAY_WORDS}]`;
  return {
    ...entry(
      `metadata${index}`,
      `${head} done=${iter("bi_bvec_done")}`,
      `${head} done=${iter("bi_offset")}`,
    ),
    filter: `payload >= ${FIRST_KERNEL_ADDRESS}`,
  };
}

// The position of the request among the arguments differs between kernel releases. Therefore the
// arguments at all these positions are read, and the argument that matches a known request is used.
const UNMAPPED =
  "a=$arg1:x64 b=$arg2:x64 sqea=+0(+{request}($arg1)):x64[8] sqeb=+0(+{request}($arg2)):x64[8]";
/** Fetch arguments for a function's parameters. @param each `NAME:ARGUMENT:TYPE`. */
function argumentsOf(target: string, ...each: readonly string[]): string {
  return each.map((text) => {
    const [name, argument, type] = text.split(":");
    return `${name}={${target}:${argument}}:${type}`;
  }).join(" ");
}

const BOUNCED = argumentsOf(
  "swiotlb_tbl_map_single",
  ...["orig:orig_addr:x64", "size:mapping_size:u64", "align:alloc_align_mask:u64", "dir:dir:s32"],
);
/**
 * Events with a lower pointer are dropped, because a fetch through a null pointer can return any
 * number.
 */
const FIRST_KERNEL_ADDRESS = "0xffff000000000000";

/** @param iter The fetch argument with the iterator. */
function iterator(iter: string): string {
  return `ok=$retval:u8 addr=+{blk_dma_iter.addr}(${iter}):x64 size=+{blk_dma_iter.len}(${iter}):u32`;
}

/** The range of unmapped addresses of an `iotlb_sync`. */
const GATHERED =
  "start=+{iommu_iotlb_gather.start}($arg2):x64 end=+{iommu_iotlb_gather.end}($arg2):x64";

/** The block size of a pool of descriptors. */
const POOL_BYTES = "size=+{dma_pool.size}($arg1):u32";

/**
 * A function of SMMUv3's driver. The driver of SMMUv2 has functions of the same names; the guest takes
 * the one that is nearest to a function which only SMMUv3's driver has.
 */
const ofSmmu = (name: string) => `{${name}@arm_smmu_tlb_inv_context}`;

const BIOS = Array.from({ length: MAX_BIOS }, (_, index) => index);

const FUNCTIONS: readonly ProbedFunction[] = [
  {
    targets: ["nvme_setup_cmd"],
    // The block layer's facts about a request, before its first step. The gap bit exists since 6.19.
    run: [
      entry(
        "request",
        ...[" gap=+{request.phys_gap_bit}($arg2):u8", ""].map((gap) =>
          `segments=+{request.nr_phys_segments}($arg2):u16${gap}`
        ),
      ),
    ],
    capture: [
      entry("setup", `${HEAD} gap=+{request.phys_gap_bit}(${REQUEST}):u8`, HEAD),
      ...BIOS.flatMap((index) => PARTS.map((part) => bioProbe(index, part))),
      ...BIOS.map(metadataProbe),
    ],
  },
  { targets: ["nvme_queue_rq"], capture: [exit("queue_ret", "status=$retval:u8")] },
  { targets: ["nvme_unmap_data"], capture: [entry("unmap_data", UNMAPPED)] },
  { targets: ["nvme_unmap_metadata"], capture: [entry("unmap_metadata", UNMAPPED)] },
  { targets: ["nvme_pci_complete_rq"], capture: [entry("complete", UNMAPPED)] },
  {
    targets: ["dma_iova_try_alloc"],
    run: [
      entry("try_alloc", "phys=$arg3:x64 size=$arg4:u64"),
      exit("try_alloc_ret", "ok=$retval:u8"),
    ],
  },
  {
    targets: ["dma_iova_link"],
    run: [
      entry("link", "phys=$arg3:x64 offset=$arg4:u64 size=$arg5:u64 dir=$arg6:s32"),
      exit("link_ret", "ret=$retval:s32"),
    ],
  },
  {
    targets: ["dma_iova_sync"],
    run: [entry("sync", "offset=$arg3:u64 size=$arg4:u64"), exit("sync_ret", "ret=$retval:s32")],
  },
  {
    targets: ["dma_iova_destroy"],
    run: [
      entry(
        "destroy",
        "dma=+0($arg2):x64 state=+8($arg2):x64 mapped_len=$arg3:u64 dir=$arg4:s32 attrs=$arg5:u64",
      ),
    ],
  },
  {
    targets: ["dma_map_phys", "dma_map_page_attrs"],
    run: [
      entryOf("map_one", {
        dma_map_phys: "phys=$arg2:x64 size=$arg3:u64 dir=$arg4:s32 attrs=$arg5:u64",
        dma_map_page_attrs:
          "page=$arg2:x64 offset=$arg3:u64 size=$arg4:u64 dir=$arg5:s32 attrs=$arg6:u64",
      }),
      exit("map_one_ret", "dma=$retval:x64"),
    ],
  },
  {
    targets: ["dma_map_sgtable"],
    run: [
      entry("map_sgtable", "nents=+12($arg2):u32 list=+0($arg2):x64 dir=$arg3:s32 attrs=$arg4:u64"),
      exit("map_sgtable_ret", "ret=$retval:s32"),
    ],
  },
  {
    targets: ["__dma_map_sg_attrs", "dma_map_sg_attrs"],
    capture: [exit("map_sg_ret", "ret=$retval:s32")],
  },
  {
    targets: ["dma_unmap_phys", "dma_unmap_page_attrs"],
    run: [entry("unmap_one", "dma=$arg2:x64 size=$arg3:u64 dir=$arg4:s32")],
    capture: [exit("unmap_one_ret")],
  },
  {
    targets: ["dma_unmap_sg_attrs"],
    run: [entry("unmap_sg", "nents=$arg3:s32 dir=$arg4:s32 list=$arg2:x64 attrs=$arg5:u64")],
    capture: PARTS.map((part) => ({
      ...entry(
        `list_${part}`,
        `list=$arg2:x64 nents=$arg3:s32 ${words("$arg2", part * EVENT_WORDS)}`,
      ),
      filter: `nents > ${part * EVENT_WORDS / WORDS_PER_ENTRY}`,
    })),
  },
  {
    targets: ["alloc_iova_fast"],
    run: [
      entry("alloc_iova", "pages=$arg2:u64 limit=$arg3:u64"),
      exit("alloc_iova_ret", "pfn=$retval:x64"),
    ],
  },
  { targets: ["alloc_iova"], capture: [entry("tree", "pages=$arg2:u64")] },
  { targets: ["free_iova_fast"], run: [entry("free_iova", "pfn=$arg2:x64 pages=$arg3:u64")] },
  {
    targets: ["iommu_sync_map"],
    run: [entry("sync_range", "iova=$arg2:x64 size=$arg3:u64"), exit("sync_range_ret")],
  },
  {
    targets: ["intel_iommu_iotlb_sync_map"],
    others: { amd: "amd_iommu_iotlb_sync_map", smmu: null, virtio: null },
    run: [entry("sync_map", "iova=$arg2:x64 size=$arg3:u64")],
  },
  {
    targets: ["intel_iommu_tlb_sync"],
    others: { amd: "amd_iommu_iotlb_sync", smmu: ofSmmu("arm_smmu_iotlb_sync"), virtio: null },
    run: [entry("gather", GATHERED)],
  },
  {
    targets: ["intel_flush_iotlb_all"],
    others: { smmu: ofSmmu("arm_smmu_flush_iotlb_all"), virtio: "viommu_flush_iotlb_all" },
    capture: [entry("flush_all")],
  },
  {
    targets: ["viommu_map_pages"],
    only: "virtio",
    run: [entry("viommu_map", "iova=$arg2:x64 page=$arg4:u64 pages=$arg5:u64")],
  },
  {
    targets: ["viommu_unmap_pages"],
    only: "virtio",
    run: [entry("viommu_unmap", "iova=$arg2:x64"), exit("viommu_unmap_ret", "removed=$retval:u64")],
  },
  {
    targets: ["viommu_iotlb_sync_map"],
    only: "virtio",
    run: [entry("viommu_sync_map", "iova=$arg2:x64 size=$arg3:u64")],
  },
  {
    targets: ["viommu_iotlb_sync"],
    only: "virtio",
    run: [entry("viommu_sync", GATHERED)],
  },
  {
    targets: ["dma_pool_alloc"],
    run: [entry("pool_alloc", POOL_BYTES), exit("pool_alloc_ret", "vaddr=$retval:x64")],
    capture: [entry("pool_of_alloc", POOL_BYTES)],
  },
  {
    targets: ["dma_pool_free"],
    run: [entry("pool_free", `vaddr=$arg2:x64 dma=$arg3:x64 ${POOL_BYTES}`)],
    capture: PARTS.map((part) => ({
      ...entry(
        `block_${part}`,
        `${POOL_BYTES} vaddr=$arg2:x64 dma=$arg3:x64 ` +
          words("$arg2", part * EVENT_WORDS),
      ),
      filter: `size > ${8 * part * EVENT_WORDS}`,
    })),
  },
  {
    targets: ["dma_alloc_attrs"],
    capture: [entry("coherent", "size=$arg2:u64"), exit("coherent_ret")],
  },
  {
    targets: ["blk_rq_dma_map_iter_start"],
    capture: [exit("iter_start", iterator("$arg4"))],
  },
  { targets: ["blk_rq_dma_map_iter_next"], capture: [exit("iter_next", iterator("$arg3"))] },
  {
    // `dma_iova_destroy` calls the first function on releases before 7.3, and the second one on others.
    targets: ["__iommu_dma_iova_unlink", "dma_iova_unlink"],
    capture: [entry("unlink", "dma=+0($arg2):x64 offset=$arg3:u64 size=$arg4:u64")],
  },
  {
    targets: ["swiotlb_tbl_map_single"],
    capture: [
      entry(
        "bounce_map",
        ...["io_tlb_mem.", "io_tlb_mem.defpool+io_tlb_pool."].map((pool) => {
          const bound = (member: string) =>
            `${member}=+{${pool}${member}}(+{device.dma_io_tlb_mem}($arg1)):x64`;
          return `${BOUNCED} ${bound("start")} ${bound("end")}`;
        }),
      ),
      exit("bounce_map_ret", "tlb=$retval:x64"),
    ],
  },
  {
    targets: ["iommu_dma_map_swiotlb"],
    capture: [
      entry(
        "iommu_bounce",
        argumentsOf("iommu_dma_map_swiotlb", "phys:phys:x64", "size:size:u64"),
      ),
      exit("iommu_bounce_ret", "ret=$retval:x64"),
    ],
  },
  {
    targets: ["iommu_dma_iova_bounce_and_link"],
    capture: [
      entry(
        "bounce_link",
        argumentsOf(
          "iommu_dma_iova_bounce_and_link",
          ...["addr:addr:x64", "phys:phys:x64", "len:bounce_len:u64"],
        ),
      ),
    ],
  },
  {
    targets: ["swiotlb_tbl_unmap_single", "__swiotlb_tbl_unmap_single"],
    capture: [entry("bounce_unmap", "tlb=$arg2:x64 size=$arg3:u64 dir=$arg4:s32 attrs=$arg5:u64")],
  },
  {
    targets: ["swiotlb_bounce"],
    capture: [entry("bounce_copy", "tlb=$arg2:x64 size=$arg3:u64 dir=$arg4:s32")],
  },
];

/** A command that boots guests and compares or captures. */
export type ProbingCommand = "run" | "capture";

/** Functions of the two-step API, by which a driver maps memory into a range of IOVAs. */
const TWO_STEP: ReadonlySet<string> = new Set([
  "dma_iova_try_alloc",
  "dma_iova_link",
  "dma_iova_sync",
  "dma_iova_unlink",
  "dma_iova_destroy",
]);

/** Directives that arm a probe at the entry of each function of the two-step API. */
export function twoStepDirectives(): readonly string[] {
  return FUNCTIONS.flatMap(({ capture = [], run = [], targets }) => {
    const called = targets.filter((target) => TWO_STEP.has(target));
    return [...run, ...capture].filter(({ at }) => at === "p" && called.length > 0).flatMap((
      probe,
    ) => directivesOf(probe, called, "kprobe"));
  });
}

/**
 * Directives of the guest's plan that arm the probes of a command.
 * @param kind The probes of the guest's architecture.
 */
export function probeDirectives(
  command: ProbingCommand,
  model: IommuModel,
  kind: ProbeKind = "kprobe",
): readonly string[] {
  const arm = (probes: "run" | "capture") =>
    FUNCTIONS.flatMap(({ only, others, targets, [probes]: list = [] }) => {
      const other = others?.[model];
      if (other === null || (only !== undefined && only !== model)) return [];
      const functions = other === undefined ? targets : [other];
      return list.flatMap((probe) => directivesOf(probe, functions, kind));
    });
  return command === "run" ? arm("run") : [...arm("run"), ...arm("capture")];
}

/** End of the name of the event at a function's return. */
export const RETURNED = "_ret";

/** Names of the events at entries of functions whose return is probed, too. */
export function returningProbes(command: ProbingCommand): ReadonlySet<string> {
  const names = FUNCTIONS.flatMap(({ capture = [], run = [] }) => {
    const probes = command === "run" ? run : [...run, ...capture];
    const returns = new Set(probes.filter(({ at }) => at === "r").map(({ name }) => name));
    return probes.filter(({ at, name }) => at === "p" && returns.has(`${name}${RETURNED}`));
  });
  return new Set(names.map(({ name }) => name));
}

/** The definition of a probe's event in `dynamic_events`, up to its arguments. */
const DEFINITIONS: Readonly<
  Record<ProbeKind, (at: Probe["at"], name: string, target: string) => string>
> = {
  kprobe: (at, name, target) => `${at}:lab/${name} ${target}`,
  fprobe: (at, name, target) => `f:lab/${name} ${target}${at === "r" ? "%return" : ""}`,
};

function directivesOf(
  { at, filter, forms, name }: Probe,
  targets: readonly string[],
  kind: ProbeKind,
): string[] {
  const lines = targets.flatMap((target) =>
    forms(target).map((form) => `${DEFINITIONS[kind](at, name, target)} ${form}`.trim())
  );
  const arm = `probe ${lines.join("\t")}`;
  return filter === undefined
    ? [arm]
    : [arm, `write /sys/kernel/tracing/events/lab/${name}/filter ${filter}`];
}
