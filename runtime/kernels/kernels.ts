/**
 * The releases of the kernel that a machine can have. Each is one record here: how it maps, and which
 * defects it has. To add one, add a record, and a row to the table of profiles in language.md.
 *
 * What differs is data that the layers ask for, never a release's name, so that a new release is what
 * its record says and not what the others left over.
 */
import { DEBUG_BY_PAGE, DEBUG_PHYSICAL, type DebugRules } from "../dma/checker/debug_rules.ts";
import { named } from "../named.ts";
import { QUIRKS, type QuirkSet } from "./quirks.ts";

/** How a release works where nothing is wrong. */
export interface KernelStrategies {
  readonly block: {
    /** Default soft limit of a request. @see rules/block.md 1.1 */
    readonly softCapSectors: number;
    /** A passthrough command may use a fixed buffer by several vectors. @see rules/block.md 1.8 */
    readonly takesFixedVectors: boolean;
    /** Vectors of one bio that touch become one segment. @see rules/block.md 2.1 */
    readonly joinsInsideBio: boolean;
    /** Bios and requests remember where their segments do not meet on pages. */
    readonly keepsGapBit: boolean;
  };
  readonly dma: {
    /**
     * Memory of a peer that a device cannot reach, or that bouncing is forced for, is copied through
     * a bounce buffer like any other; else it cannot be mapped.
     */
    readonly bouncesPeerMemory: boolean;
    /** DMA debugging. @see rules/dma.md 8.2, last paragraph */
    readonly debug: DebugRules;
    /** Ranges can be reserved first and linked later. @see rules/hmm-rdma-vfio.md 6.9 */
    readonly hasTwoStep: boolean;
    /**
     * The hardware forgets such a range inside `dma_iova_destroy`, and its addresses are free when that
     * returns; else both wait for the flush queue in lazy mode, as those of a single mapping do.
     * @see rules/v7.3.md 1.1
     */
    readonly destroysAtOnce: boolean;
    /**
     * How much a destroy frees: the size passed as mapped, or all that was reserved.
     * @see rules/dma.md 3.5, rules/v7.3.md 1.4
     */
    readonly destroyFrees: "mapped_length" | "reservation";
    /**
     * Without an IOMMU, MMIO has the address that the device's bus has for it, as memory has; else its
     * physical one, whatever the bus does. @see rules/v7.3.md 3.1
     */
    readonly translatesMmio: boolean;
    /**
     * MMIO that begins or ends inside a granule cannot be mapped for a device that is not trusted;
     * else it is mapped as it is. Linking refuses it on all releases. @see rules/dma.md 1.6
     */
    readonly refusesUnalignedMmio: boolean;
    /** Coherent memory of an encrypted guest cannot be had behind an IOMMU. @see rules/v7.3.md 3.9 */
    readonly refusesSharedCoherent: boolean;
    /**
     * Memory that the caller says is shared with the hypervisor is mapped like any other where none is
     * encrypted or bouncing is forced; else refused, or mapped in place. @see rules/v7.3.md 3.3
     */
    readonly mapsSharedAsAny: boolean;
    /** Single buffers and lists out of reach warn once each; else once in all. @see rules/dma.md 2.1 */
    readonly warnsOverflowPerCall: boolean;
    /** Fault lines of VT-d name the PCI segment of the device. @see rules/traces.md T.44 */
    readonly logsPciSegment: boolean;
    /** It can count how often an IOMMU maps each page, to warn when one is freed. @see rules/dma.md 8.4 */
    readonly countsMappedPages: boolean;
  };
  readonly nvme: {
    /** A request is mapped as one scatterlist, or segment by segment as an iterator walks it. */
    readonly mapsDataWith: "scatterlist" | "iterator";
    /** Segments must meet on pages although the controller takes SGLs. */
    readonly keepsVirtBoundaryWithSgl: boolean;
    /** A host memory buffer behind an IOMMU is allocated in one piece. */
    readonly allocatesHostMemoryWhole: boolean;
    /** The first passthrough command with data for a controller without SGLs warns. */
    readonly warnsOfUncheckedBuffer: boolean;
  };
  readonly vfio: {
    /** A buffer's pages stand in a scatterlist, which is mapped as a whole. */
    readonly keepsScatterlist: boolean;
  };
  readonly rdma: {
    /**
     * Pages of a region that is paged on demand are mapped each by itself, or put into a page-wise
     * DMA map. @see rules/hmm-rdma-vfio.md 2.1, chapter 6
     */
    readonly mapsPagesBy: "single_mappings" | "hmm_dma_map";
    /**
     * A page fault whose page table has changed since it was read begins with all its time again; else
     * there is one end for all its tries. @see rules/v7.3.md 5.6
     */
    readonly timesEachTry: boolean;
  };
  readonly mm: {
    /** A failed page fault returns its own errno; else it is EFAULT. @see rules/v7.3.md 5.4 */
    readonly tellsFaultError: boolean;
  };
  readonly peers: {
    /** A BAR can be lent without pages. @see rules/p2p.md 9.9 */
    readonly lendsWithoutPages: boolean;
    /** The list of host bridges has some of NVIDIA. @see rules/v7.3.md 5.3 */
    readonly listsNvidiaBridges: boolean;
  };
}

/**
 * The kernel of a machine: how it works, and its defects.
 * @internal
 */
export interface Kernel {
  readonly strategies: KernelStrategies;
  readonly quirks: QuirkSet;
  /** Observes what a run asks of the kernel's rules. */
  readonly watch?: RuleWatch | null;
}

/** Observes which rules a run asks for; what it returns in their place has the same fields. */
export interface RuleWatch {
  rules<R extends object>(build: (kernel: Kernel) => R, kernel: Kernel): R;
  quirks(quirks: QuirkSet): QuirkSet;
}

/** What a builder of rules makes of a kernel, in the observer's form where there is one. */
export function rulesOf<R extends object>(kernel: Kernel, build: (kernel: Kernel) => R): R {
  return kernel.watch ? kernel.watch.rules(build, kernel) : build(kernel);
}

/** A release of the kernel. */
export interface KernelRelease extends Kernel {
  /** What is particular about it, as a sentence. */
  readonly doc: string;
}

const SCATTERLISTS: KernelStrategies = {
  block: {
    softCapSectors: 2560,
    takesFixedVectors: false,
    joinsInsideBio: false,
    keepsGapBit: false,
  },
  dma: {
    bouncesPeerMemory: false,
    debug: DEBUG_BY_PAGE,
    hasTwoStep: false,
    destroysAtOnce: false,
    destroyFrees: "mapped_length",
    translatesMmio: false,
    refusesUnalignedMmio: false,
    refusesSharedCoherent: false,
    mapsSharedAsAny: false,
    warnsOverflowPerCall: true,
    logsPciSegment: false,
    countsMappedPages: false,
  },
  nvme: {
    mapsDataWith: "scatterlist",
    keepsVirtBoundaryWithSgl: true,
    allocatesHostMemoryWhole: false,
    warnsOfUncheckedBuffer: true,
  },
  vfio: { keepsScatterlist: true },
  rdma: { mapsPagesBy: "single_mappings", timesEachTry: false },
  mm: { tellsFaultError: false },
  peers: { lendsWithoutPages: false, listsNvidiaBridges: false },
};

const TWO_STEP: KernelStrategies = {
  block: {
    softCapSectors: 8192,
    takesFixedVectors: true,
    joinsInsideBio: true,
    keepsGapBit: true,
  },
  dma: {
    bouncesPeerMemory: true,
    debug: DEBUG_PHYSICAL,
    hasTwoStep: true,
    destroysAtOnce: false,
    destroyFrees: "mapped_length",
    translatesMmio: false,
    refusesUnalignedMmio: false,
    refusesSharedCoherent: false,
    mapsSharedAsAny: false,
    warnsOverflowPerCall: true,
    logsPciSegment: true,
    countsMappedPages: true,
  },
  nvme: {
    mapsDataWith: "iterator",
    keepsVirtBoundaryWithSgl: false,
    allocatesHostMemoryWhole: true,
    warnsOfUncheckedBuffer: false,
  },
  vfio: { keepsScatterlist: false },
  rdma: { mapsPagesBy: "hmm_dma_map", timesEachTry: false },
  mm: { tellsFaultError: false },
  peers: { lendsWithoutPages: true, listsNvidiaBridges: false },
};

const DESTROYS_AT_ONCE: KernelStrategies = {
  ...TWO_STEP,
  dma: {
    ...TWO_STEP.dma,
    destroysAtOnce: true,
    destroyFrees: "reservation",
    translatesMmio: true,
    refusesSharedCoherent: true,
    mapsSharedAsAny: true,
    warnsOverflowPerCall: false,
  },
  rdma: { ...TWO_STEP.rdma, timesEachTry: true },
  mm: { tellsFaultError: true },
  peers: { ...TWO_STEP.peers, listsNvidiaBridges: true },
};

/** What all of 7.2 and 7.3 have. */
const QUIRKS_SINCE_7_2_6 = [
  "list_returned_with_stale_address",
  "metadata_uses_data_gap",
  "metadata_iova_from_format",
  "metadata_length_from_format",
  "stale_iova_state_p2p",
  "partial_destroy_on_list_failure",
  "bounce_slot_lost_on_array_failure",
  "mptr_first_vector_only",
  "vfio_page_array_crash",
] as const;

/** What came between 7.2.6 and 7.2.12. */
const QUIRKS_SINCE_7_2_12 = [
  "gap_of_next_piece_counts",
  "host_bridge_p2p_with_forced_bounce",
] as const;

/** Callers that destroy less than they reserved: harmless where a destroy frees the reservation. */
const SHORT_DESTROYS = ["partial_destroy_on_link_failure", "vfio_partial_destroy"] as const;

const BEFORE_7_2_12: KernelStrategies = {
  ...TWO_STEP,
  dma: { ...TWO_STEP.dma, refusesUnalignedMmio: true },
};

const QUIRKS_OF_7_2_12 = [
  ...QUIRKS_SINCE_7_2_12,
  ...QUIRKS_SINCE_7_2_6,
  ...SHORT_DESTROYS,
  "list_length_wraps",
] as const;

/** From the oldest to the newest. */
const RELEASES = {
  "6.12.117": {
    doc: "Requests are mapped as scatterlists.",
    strategies: SCATTERLISTS,
    quirks: new Set(["list_length_wraps"]),
  },
  "7.2.6": {
    doc: "As 7.2.12, with the defect that lost the gap bit of a split request.",
    strategies: BEFORE_7_2_12,
    quirks: new Set([
      "gap_bit_lost_on_split",
      ...QUIRKS_SINCE_7_2_6,
      ...SHORT_DESTROYS,
      "list_length_wraps",
    ]),
  },
  "7.2.12": {
    doc: "Requests are mapped with the two-step API.",
    strategies: TWO_STEP,
    quirks: new Set(QUIRKS_OF_7_2_12),
  },
  "7.2.13": {
    doc: "As 7.2.12 in all that is modelled.",
    strategies: TWO_STEP,
    quirks: new Set(QUIRKS_OF_7_2_12),
  },
  "7.3-rc7": {
    doc: "As 7.2.12, but `dma_iova_destroy` frees the whole range synchronously, in lazy mode too.",
    strategies: DESTROYS_AT_ONCE,
    quirks: new Set([...QUIRKS_SINCE_7_2_12, ...QUIRKS_SINCE_7_2_6, "list_length_wraps"]),
  },
  "7.3.4": {
    doc: "As 7.3-rc7, but mapping a list whose padded length exceeds 32 bits fails.",
    strategies: DESTROYS_AT_ONCE,
    quirks: new Set([...QUIRKS_SINCE_7_2_12, ...QUIRKS_SINCE_7_2_6]),
  },
} satisfies Readonly<Record<string, KernelRelease>>;

/** @internal */
export type Releases = typeof RELEASES;

/** A named state of the kernel's behaviour (language.md, Profiles). */
export type KernelProfile = keyof Releases;

/** Every release that a machine can have, by its name. */
export const KERNELS: Readonly<Record<KernelProfile, KernelRelease>> = RELEASES;

export const KERNEL_NAMES = Object.keys(KERNELS) as readonly KernelProfile[];

/** A release's version without its last numbers. */
type ShortName<R> = R extends `${infer Short}-rc${string}` ? Short
  : R extends `${infer Major}.${infer Minor}.${string}` ? `${Major}.${Minor}`
  : R;

/** Short names of releases: each means one of the releases modelled of that version. */
export const KERNEL_SHORT_NAMES = {
  "6.12": "6.12.117",
  "7.2": "7.2.12",
  "7.3": "7.3.4",
} as const satisfies { readonly [R in KernelProfile as ShortName<R>]: KernelProfile };

/** A release by its full name or by its short one. */
export type KernelName = KernelProfile | keyof typeof KERNEL_SHORT_NAMES;

/** The release that a full or a short name means; undefined for a name of none. */
export function kernelNamed(name: KernelName): KernelProfile;
export function kernelNamed(name: string): KernelProfile | undefined;
export function kernelNamed(name: string): KernelProfile | undefined {
  const short: Readonly<Record<string, KernelProfile>> = KERNEL_SHORT_NAMES;
  const full = short[name] ?? name;
  return KERNEL_NAMES.find((each) => each === full);
}

/** The release of a machine that names none. */
export const DEFAULT_KERNEL: KernelProfile = "7.2.12";

/** The part of a machine's configuration that says which kernel runs on it. */
export interface KernelConfig {
  /** Which release it is, by its full or its short name. */
  readonly kernel: KernelName;
  /**
   * The defects that it has (rules/defects.md): null for those of the release, whichever it is;
   * else these and no others. An empty set is the intended behaviour.
   */
  readonly quirks: QuirkSet | null;
  /**
   * How it works, where one wants to know what if it were not as the release does it; else null.
   * @internal
   */
  readonly strategies: KernelStrategies | null;
  /**
   * Observes what a run asks of its rules; none when left out.
   * @internal
   */
  readonly watch?: RuleWatch | null;
}

/**
 * The kernel that a configuration asks for.
 * @throws {RangeError} When there is no such release or defect, as may be where names came as text.
 */
export function resolveKernel({ kernel, quirks, strategies, watch }: KernelConfig): Kernel {
  const release = named(KERNELS, kernelNamed(kernel) ?? kernel, "release of the kernel");
  for (const name of quirks ?? []) named(QUIRKS, name, "defect switch");
  const own = quirks === null ? release.quirks : new Set(quirks);
  return {
    strategies: strategies ?? release.strategies,
    quirks: watch ? watch.quirks(own) : own,
    watch: watch ?? null,
  };
}
