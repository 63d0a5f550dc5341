/**
 * The kernel's API, function by function: the arguments by their kernel names, and the result.
 *
 * `call.NAME` carries the arguments; `ret.NAME` carries `result`, and `error` when it failed. A
 * function that gives an errno has it in both: as the negative number, and by name.
 */
import type { ErrnoName } from "../errno.ts";
import {
  BOOL,
  described,
  DMA,
  type Field,
  type FieldTable,
  type Holds,
  INT,
  listOf,
  NAMES,
  NOTHING,
  optional,
  PHYS,
  SEGMENTS,
  SIZE,
  TEXT,
  word,
} from "./fields.ts";
import { ATTRIBUTE, DIRECTION, ERRNO_NAME, PEER_ROUTE, STATUS } from "./shared_words.ts";

interface CallEntry {
  readonly arguments: FieldTable;
  readonly result: Field;
  /** How it failed; an errno where nothing else is said. */
  readonly error?: Field;
}

const HOW = { dir: DIRECTION, attrs: listOf(ATTRIBUTE) };
const MAP_PHYS = { dev: TEXT, phys: PHYS, size: SIZE, ...HOW };
const UNMAP_ONE = { dev: TEXT, dma: DMA, size: SIZE, ...HOW };
const LIST = { dev: TEXT, sg: SEGMENTS, nents: INT, ...HOW };
const SYNC_LIST = { dev: TEXT, sg: SEGMENTS, nents: INT, dir: DIRECTION };
const SYNC_ONE = { dev: TEXT, dma: DMA, size: SIZE, dir: DIRECTION };
const MASK = { dev: TEXT, bits: INT };
const ITERATION = { req: INT, dev: TEXT };
const STEP = { arguments: ITERATION, result: BOOL, error: optional(STATUS) };
const OF_PAGE = { dev: TEXT, index: INT };
/** An address for the device; none with the error value. */
const ADDRESS = optional(DMA);
const ERRNO = described(INT, "0, or a negative errno");

export const CALL_TABLE = {
  dma_map_phys: { arguments: MAP_PHYS, result: ADDRESS },
  dma_unmap_phys: { arguments: UNMAP_ONE, result: NOTHING },
  dma_map_page: {
    arguments: { dev: TEXT, page: PHYS, offset: SIZE, size: SIZE, ...HOW },
    result: ADDRESS,
  },
  dma_unmap_page: { arguments: UNMAP_ONE, result: NOTHING },
  dma_map_single: { arguments: MAP_PHYS, result: ADDRESS },
  dma_unmap_single: { arguments: UNMAP_ONE, result: NOTHING },
  dma_map_resource: { arguments: MAP_PHYS, result: ADDRESS },
  dma_unmap_resource: { arguments: UNMAP_ONE, result: NOTHING },
  dma_map_sg: { arguments: LIST, result: described(INT, "outputs, 0 for any failure") },
  dma_map_sgtable: { arguments: LIST, result: ERRNO },
  dma_unmap_sg: { arguments: LIST, result: NOTHING },
  dma_sync_single_for_cpu: { arguments: SYNC_ONE, result: NOTHING },
  dma_sync_single_for_device: { arguments: SYNC_ONE, result: NOTHING },
  dma_sync_sg_for_cpu: { arguments: SYNC_LIST, result: NOTHING },
  dma_sync_sg_for_device: { arguments: SYNC_LIST, result: NOTHING },
  dma_iova_try_alloc: { arguments: { dev: TEXT, phys: PHYS, size: SIZE }, result: BOOL },
  dma_iova_link: {
    arguments: { dev: TEXT, phys: PHYS, offset: SIZE, size: SIZE, ...HOW },
    result: ERRNO,
  },
  dma_iova_sync: { arguments: { dev: TEXT, offset: SIZE, size: SIZE }, result: ERRNO },
  dma_iova_unlink: { arguments: { dev: TEXT, offset: SIZE, size: SIZE, ...HOW }, result: NOTHING },
  dma_iova_destroy: { arguments: { dev: TEXT, mapped_len: SIZE, ...HOW }, result: NOTHING },
  dma_iova_free: { arguments: { dev: TEXT }, result: NOTHING },
  dma_alloc_coherent: { arguments: { dev: TEXT, size: SIZE }, result: ADDRESS },
  dma_free_coherent: { arguments: { dev: TEXT, size: SIZE, dma: DMA }, result: NOTHING },
  dma_pool_alloc: { arguments: { pool: TEXT, size_bytes: SIZE }, result: ADDRESS },
  dma_pool_free: { arguments: { pool: TEXT, size_bytes: SIZE, dma: DMA }, result: NOTHING },
  dma_set_mask: { arguments: MASK, result: ERRNO },
  dma_set_coherent_mask: { arguments: MASK, result: ERRNO },
  blk_rq_dma_map_iter_start: STEP,
  blk_rq_dma_map_iter_next: STEP,
  blk_rq_dma_unmap: { arguments: { ...ITERATION, mapped: SIZE }, result: BOOL },
  blk_rq_integrity_dma_map_iter_start: STEP,
  blk_rq_integrity_dma_map_iter_next: STEP,
  pci_p2pdma_map_type: { arguments: { provider: TEXT, client: TEXT }, result: PEER_ROUTE },
  pci_p2pdma_distance: { arguments: { provider: TEXT, clients: NAMES }, result: INT },
  pci_alloc_p2pmem: { arguments: { dev: TEXT, size: SIZE }, result: optional(PHYS) },
  pci_free_p2pmem: { arguments: { dev: TEXT, phys: PHYS, size: SIZE }, result: NOTHING },
  pci_p2pmem_find: { arguments: { clients: NAMES }, result: optional(TEXT) },
  hmm_dma_map_alloc: {
    arguments: { dev: optional(TEXT), pages: INT, size: SIZE },
    result: ERRNO,
  },
  hmm_dma_map_free: { arguments: { dev: optional(TEXT) }, result: NOTHING },
  hmm_dma_map_pfn: { arguments: OF_PAGE, result: ADDRESS },
  hmm_dma_unmap_pfn: { arguments: OF_PAGE, result: BOOL },
} satisfies Record<string, CallEntry>;

/** @internal */
export type KernelCalls = typeof CALL_TABLE;

/** The name of a function of the kernel. */
export type KernelCall = keyof KernelCalls;

/** Every function of the kernel that there is. */
export const KERNEL_CALLS: readonly KernelCall[] = Object.keys(CALL_TABLE) as KernelCall[];

/**
 * What `ret.NAME` of a function carries.
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

/** Functions that give exactly a `T`: `CallGiving<boolean>` says yes or no. */
export type CallGiving<T> = {
  [C in KernelCall]: [T, Holds<KernelCalls[C]["result"]>] extends
    [Holds<KernelCalls[C]["result"]>, T] ? C
    : never;
}[KernelCall];

export const KERNEL_FUNCTION: Field<KernelCall> = word(
  "kernel function",
  Object.fromEntries(
    KERNEL_CALLS.map((name) => [name, `The event of a call of ${name}().`]),
  ) as Record<KernelCall, string>,
);
