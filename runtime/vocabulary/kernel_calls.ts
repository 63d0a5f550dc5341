/**
 * The kernel's API, function by function: the arguments by their kernel names, and the result.
 *
 * `call.NAME` contains the arguments; `ret.NAME` contains `result`, and `error` if the call failed.
 * For a function that returns an errno, `result` is the negative number and `error` is the name.
 */
import { ERRNO as ERRNOS, type ErrnoName } from "../errno.ts";
import { type ArgumentRole, type CallPrototype, fieldsOf, rolesIn } from "./call_roles.ts";
import {
  BOOL,
  described,
  DMA,
  type Field,
  type FieldTable,
  type Holds,
  INT,
  NOTHING,
  optional,
  PHYS,
  TEXT,
  word,
} from "./fields.ts";
import { ERRNO_NAME, PEER_ROUTE, STATUS } from "./shared_words.ts";

/** A part of the kernel that not every modelled release has. */
export type KernelFeature = "two_step" | "physical_calls" | "hmm_dma_map" | "blk_dma_iter";

/** Optional properties of a function. */
interface CallFacts {
  /** Suffix of the function's name in C, if the name without it is a macro that drivers call. */
  readonly suffix?: string;
  /** The kernel feature that the function belongs to; absent for a function of every release. */
  readonly needs?: KernelFeature;
  /** Whether the function may sleep: always, or depending on its flags. */
  readonly sleeps?: "sleeps" | "gfp";
  /** The function's possible failures by injection. */
  readonly fails?: CallFailure;
}

/** The result of an injected failure of a function. */
export interface CallFailure {
  /**
   * The function's possible errors, the default first. A function that returns false has one error.
   */
  readonly errors: readonly ErrnoName[];
  /** What fails, as a sentence fragment. */
  readonly doc: string;
}

/** All properties of a function. */
export interface KernelRow extends CallFacts {
  /** The function's result in C, and its arguments by their roles. */
  readonly prototype: string;
  readonly roles: readonly ArgumentRole[];
}

interface CallEntry extends KernelRow {
  readonly arguments: FieldTable;
  readonly result: Field;
  /** The chapter of the rules that says when the function refuses, such as `dma.3.3`. */
  readonly rule: string;
  /** The field for the function's error; default: an errno. */
  readonly error?: Field;
}

/** A function: its prototype in C, the fields of `ret.NAME`, the rule, and further properties. */
function fn<const P extends string, F extends Field, const T extends CallFacts>(
  prototype: CallPrototype<P>,
  result: F,
  rule: string,
  facts: T,
) {
  const roles = rolesIn<P>(prototype);
  return { prototype, roles, arguments: fieldsOf(roles), result, rule, ...facts };
}

/** A step of an iterator, which fails with a status of the block layer. */
function step<const P extends string>(prototype: CallPrototype<P>) {
  return { ...fn(prototype, BOOL, "block.2.3", ITERATOR), error: optional(STATUS) };
}

/** A function that only queries, or sets something up: it emits no event. */
function quiet<const P extends string>(prototype: CallPrototype<P>, facts: CallFacts = {}) {
  return { prototype, roles: rolesIn<P>(prototype), ...facts };
}

const PLAIN = {} as const;
/** For a call that is a macro in C: the macro expands to a function with more arguments. */
const ATTRS = { suffix: "_attrs" } as const;
const TWO_STEP = { needs: "two_step" } as const;
const PHYSICAL = { needs: "physical_calls" } as const;
const ITERATOR = { needs: "blk_dma_iter" } as const;
const HMM = { needs: "hmm_dma_map" } as const;
const SLEEPS = { sleeps: "sleeps" } as const;
const OF_MANY = { suffix: "_many", ...SLEEPS } as const;
const WHOLE = { ...HMM, ...SLEEPS };
const BY_FLAGS = { sleeps: "gfp" } as const;
/** A DMA address; null for the error value. */
const ADDRESS = optional(DMA);
const ERRNO = described(INT, "0, or a negative errno");
const COUNT = described(INT, "number of DMA ranges, 0 on any failure");

/** A function that can be made to fail. */
function failing<const T extends CallFacts>(
  facts: T,
  doc: string,
  errors: readonly ErrnoName[] = ["ENOMEM"],
) {
  return { ...facts, fails: { doc, errors } };
}

/** The errors of a page table or a driver: any errno, the default first. */
function anyErrno(first: ErrnoName): readonly ErrnoName[] {
  const names = Object.keys(ERRNOS) as ErrnoName[];
  return [first, ...names.filter((name) => name !== first)];
}

/** The errors that `dma_map_sgtable` passes on. @see rules/dma.md 1.8 */
const LIST_ERRORS: readonly ErrnoName[] = ["ENOMEM", "EINVAL", "EIO", "EREMOTEIO", "EOPNOTSUPP"];
const MAP = failing(PLAIN, "the call returns DMA_MAPPING_ERROR");
const MAPS = { ...ATTRS, ...MAP };
const MAP_PHYS = { ...PHYSICAL, ...MAP };
const LIST = failing(ATTRS, "the call returns 0 entries", LIST_ERRORS);
const TABLE = failing(ATTRS, "the call fails", LIST_ERRORS);
const RANGE = failing(TWO_STEP, "the call returns false");
const LINK = failing(
  TWO_STEP,
  "the call fails and links nothing of the buffer",
  anyErrno("ENOMEM"),
);
const SYNC = failing(TWO_STEP, "the call fails", anyErrno("EIO"));
const SHARED = failing(BY_FLAGS, "the call returns no memory");
const BLOCK = failing(BY_FLAGS, "the call returns no block");
const MASK = failing(SLEEPS, "the call rejects the mask", ["EIO"]);
const PEER = failing(PLAIN, "no device memory is available");

export const CALL_TABLE = {
  dma_map_phys: fn("dma_addr_t (dev, phys, size, dir, attrs)", ADDRESS, "dma.1.4", MAP_PHYS),
  dma_unmap_phys: fn("void (dev, dma, size, dir, attrs)", NOTHING, "dma.1.6", PHYSICAL),
  dma_map_page: fn(
    "dma_addr_t (dev, page, offset, size, dir, attrs)",
    ADDRESS,
    "dma.1.4",
    MAPS,
  ),
  dma_unmap_page: fn("void (dev, dma, size, dir, attrs)", NOTHING, "dma.1.6", ATTRS),
  dma_map_single: fn("dma_addr_t (dev, buf, size, dir, attrs)", ADDRESS, "dma.1.4", MAPS),
  dma_unmap_single: fn("void (dev, dma, size, dir, attrs)", NOTHING, "dma.1.6", ATTRS),
  dma_map_resource: fn("dma_addr_t (dev, phys, size, dir, attrs)", ADDRESS, "dma.1.4", MAP),
  dma_unmap_resource: fn("void (dev, dma, size, dir, attrs)", NOTHING, "dma.1.6", PLAIN),
  dma_map_sg: fn("unsigned int (dev, sg, nents, dir, attrs)", COUNT, "dma.1.8", LIST),
  dma_map_sgtable: fn("int (dev, sgt, nents, dir, attrs)", ERRNO, "dma.1.8", TABLE),
  dma_unmap_sg: fn("void (dev, sg, nents, dir, attrs)", NOTHING, "dma.7.2", ATTRS),
  dma_sync_single_for_cpu: fn("void (dev, dma, size, dir)", NOTHING, "dma.1.6", PLAIN),
  dma_sync_single_for_device: fn("void (dev, dma, size, dir)", NOTHING, "dma.1.6", PLAIN),
  dma_sync_sg_for_cpu: fn("void (dev, sg, nents, dir)", NOTHING, "dma.1.6", PLAIN),
  dma_sync_sg_for_device: fn("void (dev, sg, nents, dir)", NOTHING, "dma.1.6", PLAIN),
  dma_iova_try_alloc: fn("bool (dev, state, phys, size)", BOOL, "dma.3.2", RANGE),
  dma_iova_link: fn("int (dev, state, phys, offset, size, dir, attrs)", ERRNO, "dma.3.3", LINK),
  dma_iova_sync: fn("int (dev, state, offset, size)", ERRNO, "dma.3.5", SYNC),
  dma_iova_unlink: fn("void (dev, state, offset, size, dir, attrs)", NOTHING, "dma.3.5", TWO_STEP),
  dma_iova_destroy: fn("void (dev, state, mapped_len, dir, attrs)", NOTHING, "dma.3.5", TWO_STEP),
  dma_iova_free: fn("void (dev, state)", NOTHING, "dma.3.5", TWO_STEP),
  dma_alloc_coherent: fn("void * (dev, size, handle, gfp)", ADDRESS, "dma.1.2", SHARED),
  dma_free_coherent: fn("void (dev, size, cpu, shared)", NOTHING, "dma.1.2", PLAIN),
  dma_pool_alloc: fn("void * (pool, gfp, handle)", ADDRESS, "dma.1.2", BLOCK),
  dma_pool_free: fn("void (pool, cpu, shared)", NOTHING, "dma.1.2", PLAIN),
  dma_set_mask: fn("int (dev, mask)", ERRNO, "dma.1.2", MASK),
  dma_set_coherent_mask: fn("int (dev, mask)", ERRNO, "dma.1.2", SLEEPS),
  blk_rq_dma_map_iter_start: step("bool (whole_req, dev, state, iter)"),
  blk_rq_dma_map_iter_next: step("bool (req, dev, iter)"),
  blk_rq_dma_unmap: fn("bool (req, dev, state, mapped, map_type)", BOOL, "block.2.5", ITERATOR),
  blk_rq_integrity_dma_map_iter_start: step("bool (req, dev, state, iter)"),
  blk_rq_integrity_dma_map_iter_next: step("bool (req, dev, iter)"),
  pci_p2pdma_map_type: fn(
    "enum pci_p2pdma_map_type (provider, client)",
    PEER_ROUTE,
    "p2p.9.4",
    TWO_STEP,
  ),
  pci_p2pdma_distance: fn("int (provider_dev, clients, count, verbose)", INT, "p2p.9.4", OF_MANY),
  pci_alloc_p2pmem: fn("void * (pdev, size)", optional(PHYS), "p2p.9.7", PEER),
  pci_free_p2pmem: fn("void (pdev, peer_memory, peer_size)", NOTHING, "p2p.9.7", PLAIN),
  pci_p2pmem_find: fn("struct pci_dev * (clients, count)", optional(TEXT), "p2p.9.5", OF_MANY),
  hmm_dma_map_alloc: fn(
    "int (map_dev, new_map, pages, entry_size)",
    ERRNO,
    "hmm-rdma-vfio.1.2",
    WHOLE,
  ),
  hmm_dma_map_free: fn("void (map_dev, map)", NOTHING, "hmm-rdma-vfio.1.2", WHOLE),
  hmm_dma_map_pfn: fn("dma_addr_t (dev, map, index, peers)", ADDRESS, "hmm-rdma-vfio.1.3", HMM),
  hmm_dma_unmap_pfn: fn("bool (dev, map, index)", BOOL, "hmm-rdma-vfio.1.4", HMM),
} satisfies Record<string, CallEntry>;

/** Functions that only query or set something up, and have no events. */
const QUIET = {
  dma_mapping_error: quiet("int (dev, dma)"),
  dma_need_unmap: quiet("bool (dev)", PHYSICAL),
  dma_max_mapping_size: quiet("size_t (dev)"),
  dma_opt_mapping_size: quiet("size_t (dev)"),
  dma_get_required_mask: quiet("u64 (dev)"),
  dma_addressing_limited: quiet("bool (dev)"),
  dma_get_merge_boundary: quiet("unsigned long (dev)"),
  blk_rq_dma_map_coalesce: quiet("bool (state)", ITERATOR),
  pcim_p2pdma_init: quiet("int (pdev)", { ...TWO_STEP, ...SLEEPS }),
  pcim_p2pdma_provider: quiet("struct p2pdma_provider * (pdev, bar)", TWO_STEP),
  pci_p2pdma_add_resource: quiet("int (pdev, bar, bar_size, bar_offset)", SLEEPS),
  pci_p2pmem_publish: quiet("void (pdev, publish)"),
  pci_p2pmem_virt_to_bus: quiet("u64 (pdev, peer_memory)"),
} satisfies Record<string, KernelRow>;

/** Every kernel function that drivers in C and in scripts may call, by its name. */
export const KERNEL_FUNCTIONS = { ...CALL_TABLE, ...QUIET };
export type KernelFunction = keyof typeof KERNEL_FUNCTIONS;

/** @internal */
export type KernelCalls = typeof CALL_TABLE;

/** The name of a function of the kernel. */
export type KernelCall = keyof KernelCalls;

/** Every kernel function with events. */
export const KERNEL_CALLS: readonly KernelCall[] = Object.keys(CALL_TABLE) as KernelCall[];

/**
 * The fields of a function's `ret.NAME`.
 * @internal
 */
export type CallEnd<C extends KernelCall> = {
  readonly result: Holds<KernelCalls[C]["result"]>;
  readonly error: KernelCalls[C] extends { readonly error: infer E extends Field } ? Holds<E>
    : ErrnoName | null;
};

const ERROR = optional(ERRNO_NAME);

/** The fields of `ret.NAME`. */
export function callEnd(call: KernelCall): FieldTable {
  const { error = ERROR, result }: CallEntry = CALL_TABLE[call];
  return { result, error };
}

/**
 * Functions that can be made to fail: their names are those of injection points.
 * @internal
 */
export type FailingCall = {
  [C in KernelCall]: KernelCalls[C] extends { readonly fails: CallFailure } ? C : never;
}[KernelCall];

/** The possible injected failures of functions, in the order of their rows. */
export function failingCalls(): readonly (CallFailure & { readonly name: FailingCall })[] {
  return Object.entries<CallEntry>(CALL_TABLE).flatMap(([name, { fails }]) =>
    fails === undefined ? [] : [{ name: name as FailingCall, ...fails }]
  );
}

/** Functions that return exactly a `T`: `CallGiving<boolean>` are those returning true or false. */
export type CallGiving<T> = {
  [C in KernelCall]: [T, Holds<KernelCalls[C]["result"]>] extends
    [Holds<KernelCalls[C]["result"]>, T] ? C
    : never;
}[KernelCall];

export const KERNEL_FUNCTION: Field<KernelCall> = word(
  "kernel function",
  Object.fromEntries(
    KERNEL_CALLS.map((name) => [name, `A call of ${name}().`]),
  ) as Record<KernelCall, string>,
);
