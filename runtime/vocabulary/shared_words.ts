/**
 * Words that the fields of several events share, each with its meaning.
 *
 * Some of these words are also the keys of another record. The record here that gives their
 * meanings then has the same type of keys as that other record. Therefore neither record can have a
 * word that the other lacks.
 */
import { ATTRIBUTE_PREFIX, type AttributeWord, type DirectionWord } from "../dma/attributes.ts";
import { type FoundIn, REPORT_CLASSES } from "../dma/checker/report_classes.ts";
import type { BlkStatusName, ErrnoName } from "../errno.ts";
import { either, type Field, type Holds, only, word } from "./fields.ts";

/** The `doc` texts of a record, by name. */
function docsOf<N extends string>(
  record: Readonly<Record<N, { readonly doc: string }>>,
): Record<N, string> {
  const entries = Object.entries<{ readonly doc: string }>(record);
  return Object.fromEntries(entries.map(([name, { doc }]) => [name, doc])) as Record<N, string>;
}

export const DIRECTION: Field<DirectionWord> = word("direction", {
  bidirectional: "The device reads and writes the memory.",
  to_device: "The device only reads the memory.",
  from_device: "The device only writes the memory.",
}, "DMA_");

export const ATTRIBUTE: Field<AttributeWord> = word("attribute", {
  weak_ordering: "Reads and writes of the mapping may be reordered.",
  write_combine: "Writes of the mapping may be buffered.",
  no_kernel_mapping: "The kernel needs no virtual address for the memory.",
  skip_cpu_sync: "No cache maintenance, and no copy out of a bounce buffer at the unmap.",
  force_contiguous: "Coherent memory must be contiguous in physical memory.",
  alloc_single_pages: "Coherent memory need not come in large pages.",
  no_warn: "A failed mapping logs no warning.",
  privileged: "The mapping is for the device's privileged accesses.",
  mmio:
    "The address is MMIO, not RAM: no cache maintenance and no bounce buffer; also a region type.",
  debugging_ignore_cachelines: "The checker does not look for overlaps in a cache line.",
  require_coherent: "Fail rather than bounce or maintain caches.",
  cc_shared: "The memory of a confidential guest is shared with the host.",
}, ATTRIBUTE_PREFIX);

export const STATUS: Field<BlkStatusName> = word("status", {
  OK: "Success.",
  NOTSUPP: "The operation is not supported.",
  TIMEOUT: "The device did not answer in time.",
  NOSPC: "The disk is full.",
  TRANSPORT: "The path to the device failed.",
  TARGET: "The device rejected it; do not retry.",
  RESV_CONFLICT: "A reservation forbids it.",
  MEDIUM: "The medium failed.",
  PROTECTION: "The protection information does not match.",
  RESOURCE: "Out of memory or of another resource; the block layer retries.",
  IOERR: "Any other I/O error.",
  AGAIN: "It would have to wait.",
  DEV_RESOURCE: "Out of a device resource, which completions free.",
  ZONE_OPEN_RESOURCE: "Too many zones are open.",
  ZONE_ACTIVE_RESOURCE: "Too many zones are active.",
  OFFLINE: "The device is offline.",
  INVAL: "The request is invalid for this device.",
  P2PDMA: "Peer memory cannot be reached; only in the proposal of 2021.",
}, "BLK_STS_");

export const ERRNO_NAME: Field<ErrnoName> = word("errno", {
  EPERM: "Not permitted.",
  ENOENT: "No such entry.",
  EIO: "I/O error.",
  ENXIO: "No such device or address; also an unaligned mapping in the page table.",
  EAGAIN: "Try again.",
  ENOMEM: "Out of memory or IOVA space; also DMA_MAPPING_ERROR.",
  EACCES: "Access denied.",
  EFAULT: "Bad address.",
  EBUSY: "Busy.",
  EEXIST: "Already exists.",
  ENODEV: "No such device.",
  EINVAL: "Invalid argument.",
  ENOSPC: "No space left.",
  ERANGE: "Out of range.",
  ENODATA: "No data; also a medium error.",
  ENOLINK: "The link is down.",
  EOVERFLOW: "Too large for its type.",
  EILSEQ: "The protection information does not match.",
  EOPNOTSUPP: "Not supported.",
  EADDRINUSE: "The address is mapped already.",
  ENOTCONN: "Not connected: the device is detached.",
  ETIMEDOUT: "Timed out.",
  EREMOTEIO: "Remote I/O error: peer memory that cannot be reached.",
});

/** The result of an operation that returns an errno. */
export const RESULT = either(only(STATUS, "OK"), ERRNO_NAME);

export const ACCESS = word("access", {
  read: "The device reads memory.",
  write: "The device writes memory.",
});
/** @internal */
export type AccessField = typeof ACCESS;
/** The kinds of a device's accesses to memory. */
export type DeviceAccess = Holds<AccessField>;

/** Properties of a fault reason: where it can occur, and whether an IOMMU reports it. */
interface FaultReasonEntry {
  readonly doc: string;
  readonly found: FoundIn;
  /** Whether a kernel logs the IOMMU's fault. */
  readonly isLogged: boolean;
}

const TRANSLATED = { found: "translated", isLogged: true } as const;
const ON_THE_BUS = { found: "every_mode", isLogged: false } as const;

export const FAULT_REASONS = {
  not_present: { ...TRANSLATED, doc: "Nothing is mapped at the address." },
  not_writable: { ...TRANSLATED, doc: "The mapping allows no write." },
  not_readable: { ...TRANSLATED, doc: "The mapping allows no read." },
  address_width: { ...TRANSLATED, doc: "The address is wider than the IOMMU translates." },
  reserved: { ...TRANSLATED, doc: "The address lies in a reserved range.", isLogged: false },
  unreachable: {
    ...ON_THE_BUS,
    doc: "No target at the address: outside the bus's ranges, or no memory there.",
  },
  peer_blocked: {
    doc: "Peer routing or ACS blocks the access on its way to another device.",
    found: "peers",
    isLogged: false,
  },
  device_gone: {
    ...ON_THE_BUS,
    doc: "The device was removed or cut off: its accesses no longer reach the bus.",
  },
  context_absent: {
    ...TRANSLATED,
    doc:
      "No context entry: a removed function of the same requester ID took it along (VT-d, legacy).",
  },
} as const satisfies Readonly<Record<string, FaultReasonEntry>>;

export const FAULT_REASON = word("fault reason", docsOf(FAULT_REASONS));
/** @internal */
export type FaultReasonField = typeof FAULT_REASON;
/** Why a device's access faulted. */
export type FaultReason = Holds<FaultReasonField>;

export const REPORT_CLASS: Field<keyof typeof REPORT_CLASSES> = word(
  "report class",
  docsOf(REPORT_CLASSES),
);

export const PATH = word("mapping path", {
  direct: "The device sees the physical address.",
  iommu: "The IOMMU translates.",
  swiotlb: "Copied through a bounce buffer.",
  bus: "Peer memory at its PCI bus address.",
});
/** How a mapping reached the device. */
export type MappingPath = Holds<typeof PATH>;

export const COST = word("host memory of a mapping", {
  descriptor: "A page or block of PRP entries or SGL descriptors.",
  dma_vecs: "Addresses and lengths kept for the unmap.",
  scatterlist: "A scatterlist: segments of memory with room for their DMA addresses.",
  metadata: "A kernel's own buffer for metadata.",
  discard_ranges: "The ranges of one discard command.",
  pool_page: "Coherent memory that a pool divides into blocks.",
  hmm_pfn_list: "The list of page frames of a page-wise map.",
  hmm_dma_list: "The list of addresses of a page-wise map without a range.",
  page_array: "The addresses of a migration buffer's pages.",
  key_table: "The table from which a device creates the key of a migration buffer.",
  user_copy: "Pages that stand for a user's memory in a passthrough command.",
});

export const MEMORY_SOURCE = word("where memory comes from", {
  kmalloc: "The kernel's general allocator.",
  kvmalloc: "The same for large sizes: contiguous only for the CPU.",
  large: "The driver's pool of 4096-byte descriptors.",
  mempool: "A pool that keeps a reserve.",
  pages: "The page allocator, page by page.",
  pool: "A pool that a script made.",
  small: "The driver's pool of 256-byte descriptors.",
  slab: "The kernel's allocator of arrays.",
});
/** The name that events use for a pool of blocks. */
export type PoolName = "large" | "pool" | "small";

export const PEER_ROUTE = word("peer route", {
  bus_addr: "Below a common switch, by bus address.",
  thru_host_bridge: "Through the host bridge.",
  not_supported: "The peers cannot reach each other.",
});
/** How a client reaches a provider's memory; `none` when the address is not peer memory. */
export type PeerMapType = "none" | Holds<typeof PEER_ROUTE>;
