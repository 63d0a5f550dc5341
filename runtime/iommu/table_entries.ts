/**
 * The 64 bits of an entry in each page-table format, according to the published specifications.
 *
 * The tables store only address and flags; the bits are computed when a reader requests them. Bits
 * that the model does not use are 0: global, execute-disable, snoop control, keys.
 *
 * @see Intel Virtualization Technology for Directed I/O, 9.7 and 9.8; AMD I/O Virtualization
 *   Technology (48882), 2.2.3; AMD64 Architecture Programmer's Manual 2, 5.3 and 5.4; Arm
 *   Architecture Reference Manual (DDI 0487), VMSAv8-64 translation table format descriptors
 */
import { alignUp, type Bytes, type PhysAddr, physAddr } from "../address.ts";
import { PTE_CACHE, PTE_MMIO, PTE_PRIVILEGED, PTE_READ, PTE_WRITE } from "./page_table.ts";

export interface EntryFacts {
  /** Physical address of the table below, or of a leaf's memory. */
  readonly phys: number;
  /** Level of the entry's table; 0 for the lowest tables. */
  readonly level: number;
  /** The entry maps memory rather than pointing to another table. */
  readonly isLeaf: boolean;
  /** `PTE_*` of a leaf. */
  readonly flags: number;
  readonly sizeBytes: number;
  /** Bytes that one entry of the table covers. A leaf that fills several entries maps more bytes. */
  readonly spanBytes: number;
  readonly granuleBytes: number;
}

interface EntryField {
  readonly name: string;
  readonly means: string;
  readonly low: number;
  readonly value: (entry: EntryFacts) => number | boolean;
}

export interface EntryFormat {
  readonly spec: string;
  /** Names of the entries, those of the lowest tables first. */
  readonly names: readonly string[];
  readonly fields: readonly EntryField[];
  /** Encodes the address; default: the address itself. */
  readonly address?: (entry: EntryFacts) => bigint;
}

const field = (
  name: string,
  low: number,
  means: string,
  value: EntryField["value"],
): EntryField => ({
  name,
  low,
  means,
  value,
});

const readable = ({ flags, isLeaf }: EntryFacts) => !isLeaf || (flags & PTE_READ) !== 0;
const writable = ({ flags, isLeaf }: EntryFacts) => !isLeaf || (flags & PTE_WRITE) !== 0;
const isLargeLeaf = ({ isLeaf, level }: EntryFacts) => isLeaf && level > 0;
const always = () => true;

const PAGE_SIZE_FIELD = field("PS", 7, "a page, not a table", isLargeLeaf);

export const VTD_SECOND_STAGE: EntryFormat = {
  spec: "VT-d 9.8",
  names: ["SS-PTE", "SS-PDE", "SS-PDPE", "SS-PML4E", "SS-PML5E"],
  fields: [
    field("R", 0, "read", readable),
    field("W", 1, "write", writable),
    PAGE_SIZE_FIELD,
  ],
};

const X86_FIELDS = [
  field("P", 0, "present", always),
  field("RW", 1, "writable", writable),
  field("US", 2, "user, as requests without a PASID are", always),
  // Always set, as the specifications allow, so that no walk has to write them.
  field("A", 5, "accessed", always),
  field("D", 6, "dirty", (entry) => entry.isLeaf && writable(entry)),
  PAGE_SIZE_FIELD,
];

export const VTD_FIRST_STAGE: EntryFormat = {
  spec: "VT-d 9.7",
  names: ["FS-PTE", "FS-PDE", "FS-PDPE", "FS-PML4E", "FS-PML5E"],
  fields: X86_FIELDS,
};

export const AMD_V2: EntryFormat = {
  spec: "AMD64 2, 5.3",
  names: ["PTE", "PDE", "PDPE", "PML4E", "PML5E"],
  fields: X86_FIELDS,
};

/** Value of the field `next` in a leaf that encodes its size in its address. */
const SIZE_IN_ADDRESS = 7;

const hasOwnSize = ({ isLeaf, sizeBytes, spanBytes }: EntryFacts) =>
  isLeaf && sizeBytes !== spanBytes;

export const AMD_V1: EntryFormat = {
  spec: "AMD IOMMU 2.2.3",
  names: ["level 1", "level 2", "level 3", "level 4", "level 5", "level 6"],
  fields: [
    field("PR", 0, "present", always),
    field(
      "next",
      9,
      "the level of the table below, 0 for a page, 7 for one with its size in the address",
      (entry) => hasOwnSize(entry) ? SIZE_IN_ADDRESS : entry.isLeaf ? 0 : entry.level,
    ),
    field("FC", 60, "force coherent", ({ isLeaf }) => isLeaf),
    field("IR", 61, "read", readable),
    field("IW", 62, "write", writable),
  ],
  // The position of the lowest 0 bit gives the size of the leaf: the value of this bit is half the
  // size, and all address bits below it are ones.
  address: (entry) =>
    BigInt(entry.phys + (hasOwnSize(entry) ? entry.sizeBytes / 2 - entry.granuleBytes : 0)),
};

/** Indices of the memory attributes that software chose; entries contain the index. */
const ARM_MEMORY = { notCached: 0, writeBack: 1, device: 2 } as const;
const INNER_SHAREABLE = 3;
const OUTER_SHAREABLE = 2;
/**
 * Descriptors of 64 KiB granules store this address bit and the higher address bits in descriptor
 * bits below the granule.
 */
const ARM_HIGH_ADDRESS = 2n ** 48n;

export const ARM_STAGE_1: EntryFormat = {
  spec: "Arm VMSAv8-64",
  names: ["level 3", "level 2", "level 1", "level 0", "level -1"],
  fields: [
    field("V", 0, "valid", always),
    field("T", 1, "a table, or a page of the lowest level", (entry) => !isLargeLeaf(entry)),
    field(
      "Attr",
      2,
      "memory: 0 not cached, 1 write-back, 2 device",
      ({ flags }) =>
        (flags & PTE_MMIO) !== 0
          ? ARM_MEMORY.device
          : (flags & PTE_CACHE) !== 0
          ? ARM_MEMORY.writeBack
          : ARM_MEMORY.notCached,
    ),
    field(
      "AP",
      6,
      "access: 1 unprivileged, 2 read only, 3 both",
      (entry) =>
        !entry.isLeaf
          ? 0
          : ((entry.flags & PTE_PRIVILEGED) === 0 ? 1 : 0) + (writable(entry) ? 0 : 2),
    ),
    field(
      "SH",
      8,
      "shareable: 2 outer, 3 inner",
      ({ flags, isLeaf }) =>
        !isLeaf ? 0 : (flags & PTE_CACHE) !== 0 ? INNER_SHAREABLE : OUTER_SHAREABLE,
    ),
    field("AF", 10, "accessed", ({ isLeaf }) => isLeaf),
    field("nG", 11, "not global", ({ isLeaf }) => isLeaf),
  ],
  address: ({ phys }) => {
    const address = BigInt(phys);
    return address % ARM_HIGH_ADDRESS + (address / ARM_HIGH_ADDRESS << 12n);
  },
};

/** Address space reserved for the table pages of a domain. */
const DOMAIN_TABLES_BYTES = 2 ** 32;

/**
 * Physical address of a table page. The tables use none of the RAM that a machine block describes.
 * They lie after all RAM ranges, and the pages are in the order in which they were first needed. A
 * real kernel gets table pages from its page allocator, wherever a page is free.
 *
 * @param memoryEnd End of the last of the machine's ranges.
 * @param page The page's number in its domain, from 1.
 */
export function tablePagePhys(
  memoryEnd: number,
  domainId: number,
  granuleBytes: Bytes,
  page: number,
): PhysAddr {
  const base = alignUp(memoryEnd, DOMAIN_TABLES_BYTES) + domainId * DOMAIN_TABLES_BYTES;
  return physAddr(base + (page - 1) * granuleBytes);
}

/** An entry's 64 bits. */
export function entryBits(format: EntryFormat, entry: EntryFacts): bigint {
  let bits = format.address?.(entry) ?? BigInt(entry.phys);
  for (const { low, value } of format.fields) bits += BigInt(value(entry)) << BigInt(low);
  return bits;
}

/** The fields of an entry that are not 0, as words: `PR`, `next=1`. */
export function entryWords(format: EntryFormat, entry: EntryFacts): readonly string[] {
  return format.fields.flatMap(({ name, value }) => {
    const has = value(entry);
    return has === true ? [name] : has === false || has === 0 ? [] : [`${name}=${has}`];
  });
}
