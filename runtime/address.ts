/**
 * Address spaces as types.
 *
 * A mixed-up address is the bug that this laboratory simulates, so its own code must not contain
 * that bug: each address space has a separate brand, and converting from one to another is a named
 * function. Addresses are plain numbers below 2^53, which are several times faster than `bigint`. A
 * 64-bit address of the hardware is read as two 32-bit halves, which are checked before they become
 * a number.
 *
 * In an address space of 53 to 64 bits, addresses are counted from the end of the space: for each
 * of these widths, the last 256 TiB of the space are represented, in order, by a window of 256 TiB
 * of numbers. The windows follow each other in the order of the widths; the first one begins at the
 * number 2^52 + 2^50. So the number 2^53 - 4096 represents 0xffff_ffff_ffff_f000. That number and
 * the address have the same lower half and the same bits below bit 48; only the upper halves differ
 * ({@linkcode realHigh}).
 *
 * Never use `<<`, `|` or `&` on an address: those are 32-bit operators. Use `%`, `/` and `*`. One
 * exception: `address & (unit - 1)`, for a unit that is a power of two up to 2^31, is exact for any
 * address below 2^53, because the operator takes the low 32 bits. The exception matters on the hot
 * path, because `%` on numbers above 2^31 is a loop of the floating-point unit.
 */

/** @internal */
export declare const space: unique symbol;
/** A number of one address space, which does not mix with those of others. */
export type Brand<T, S extends string> = T & { readonly [space]: S };

/** A CPU physical address in bytes: RAM or MMIO. */
export type PhysAddr = Brand<number, "phys">;
/** An address as a device sees it, in bytes: IOVA, physical or PCI bus address. */
export type DmaAddr = Brand<number, "dma">;
/** A virtual address of a process, in bytes; its page table translates it. */
export type VirtAddr = Brand<number, "virt">;
/** A page frame number: physical address divided by the host page size. */
export type Pfn = Brand<number, "pfn">;

/** A size or length in bytes. */
export type Bytes = number;
/** Virtual time in nanoseconds. */
export type Nanoseconds = number;

/** The host page size of the model, in bytes. */
export const PAGE_SIZE_BYTES = 4096;
/** The block layer's sector, in bytes, whatever the logical block size is. */
export const SECTOR_SIZE_BYTES = 512;

/** 2^10 bytes. */
export const KIB = 1024;
/** 2^20 bytes. */
export const MIB = 1024 * KIB;
/** 2^30 bytes. */
export const GIB = 1024 * MIB;
/** 2^40 bytes. */
export const TIB = 1024 * GIB;

/** Addresses at or above this cannot be represented exactly and never become a number. */
export const ADDRESS_LIMIT = 2 ** 53;

/**
 * Thrown when the machine would use an address that the simulator cannot represent as a number.
 * Real hardware has no such limit.
 */
export class AddressLimitError extends Error {
  override readonly name = "AddressLimitError";

  constructor() {
    super(
      "The next free IOVA lies below the last 256 TiB of a space wider than 52 bits: " +
        "dmalab cannot represent it",
    );
  }
}

/** Size of the range at the end of a wide address space that can be represented as numbers. */
export const WINDOW_BYTES = 2 ** 48;
/**
 * Upper half of the first number that represents a folded address: an address in the last 256 TiB
 * of a space of 53 bits or more.
 */
const FIRST_FOLDED_HIGH = 0x14_0000;
/** The first number that represents a folded address (53 bits and more). */
export const FIRST_FOLDED: number = FIRST_FOLDED_HIGH * 2 ** 32;
const WINDOW_HIGH = 0x1_0000;
/**
 * Address width from which windows are numbered: the window of width `bits` begins at the number
 * 2^52 + (bits - FIRST_BITS) * 2^48. Only widths of 53 bits and more have a window.
 */
export const FIRST_BITS = 49;

/** The upper 32 bits of a 64-bit address, from the upper half of the number that represents it. */
export function realHigh(high: number): number {
  return high < FIRST_FOLDED_HIGH ? high : unfolded(Math.floor(high));
}

function unfolded(high: number): number {
  const bits = FIRST_BITS + (high >> 16 & 15);
  return 2 ** (bits - 32) - WINDOW_HIGH + high % WINDOW_HIGH;
}

/**
 * The upper half of the number that represents a 64-bit address, from the address's upper 32 bits.
 * For an address that no number represents, the result is the argument plus 2^32, so it is 2^21 or
 * more.
 */
export function foldedHigh(high: number): number {
  return high < FIRST_FOLDED_HIGH ? high : folded(high);
}

function folded(high: number): number {
  const bits = 64 - Math.clz32(high);
  const offset = high - (2 ** (bits - 32) - WINDOW_HIGH);
  return offset < 0 ? 2 ** 32 + high : 0x10_0000 + (bits - FIRST_BITS) * WINDOW_HIGH + offset;
}

/**
 * The number that represents a 64-bit address; null when no number does.
 * @example addressOfWord(0xffff_ffff_fffc_0200n) // the number of this IOVA in a space of 64 bits
 */
export function addressOfWord(word: bigint): number | null {
  const high = foldedHigh(Number(word >> 32n));
  return high >= 2 ** 21 ? null : high * 2 ** 32 + Number(word & 0xffff_ffffn);
}

/** The 64-bit address that a number represents: undoes {@linkcode addressOfWord}. */
export function wordOfAddress(address: number): bigint {
  const high = Math.floor(address / 2 ** 32);
  return (BigInt(realHigh(high)) << 32n) + BigInt(address % 2 ** 32);
}

/**
 * The last address of a space of `bits` bits: exact below 53 bits, else the number that represents
 * it.
 */
export function lastAddressOfBits(bits: number): number {
  return bits < 53 ? 2 ** bits - 1 : 2 ** 52 + (bits - FIRST_BITS + 1) * WINDOW_BYTES - 1;
}

export function bitsOfLastAddress(last: number): number {
  return last < FIRST_FOLDED
    ? Math.round(Math.log2(last + 1))
    : FIRST_BITS + (Math.floor(last / WINDOW_BYTES) & 15);
}

/**
 * The low bits of an address, as memory receives it when the hardware drives only `bits` address
 * lines.
 *
 * @param bits 1 to 64.
 * @example lowBitsOf(0x1_2345_6000, 32) // 0x2345_6000
 */
export function lowBitsOf(address: number, bits: number): number {
  if (address < FIRST_FOLDED) return bits < 53 ? address % 2 ** bits : address;
  if (bits >= bitsOfLastAddress(address)) return address;
  const offset = address % WINDOW_BYTES;
  if (bits < FIRST_BITS) return offset % 2 ** bits;
  // Every address that a folded number represents has ones in all bits from bit 48 up to the top
  // bit.
  return lastAddressOfBits(bits) - (WINDOW_BYTES - 1) + offset;
}

/** True when a range of a wide space extends past the 256 TiB window in which it begins. */
export function leavesWindow(start: number, sizeBytes: Bytes): boolean {
  return start >= 2 ** 52 &&
    Math.floor(start / WINDOW_BYTES) !== Math.floor((start + (sizeBytes - 1)) / WINDOW_BYTES);
}

export function addressDigits(address: number): string {
  const high = Math.floor(address / 2 ** 32);
  if (high < FIRST_FOLDED_HIGH) return address.toString(16);
  return realHigh(high).toString(16) + (address % 2 ** 32).toString(16).padStart(8, "0");
}

/**
 * The result of a failed mapping: the kernel's all-ones DMA address.
 *
 * 2^64 - 1 is not a double, so the model uses -1; it is the only negative `DmaAddr` there is.
 * @see rules/dma.md, Notation (`ERR`)
 */
export const DMA_MAPPING_ERROR = -1 as DmaAddr;

function checked(address: number, what: string): number {
  if (!Number.isSafeInteger(address) || address < 0) {
    throw new RangeError(
      `Cannot use ${address} as a ${what}: it must be an integer from 0 to 2^53 - 1`,
    );
  }
  return address;
}

/** Makes a CPU physical address of a number. Throws `RangeError` outside 0 … 2^53 - 1. */
export function physAddr(address: number): PhysAddr {
  return checked(address, "physical address") as PhysAddr;
}

/** Makes a device-visible address of a number. Throws `RangeError` outside 0 … 2^53 - 1. */
export function dmaAddr(address: number): DmaAddr {
  return checked(address, "DMA address") as DmaAddr;
}

/** The physical address of a frame's first byte. */
export function pfnToPhys(pfn: Pfn): PhysAddr {
  return (pfn * PAGE_SIZE_BYTES) as PhysAddr;
}

/** `value` rounded down to a multiple of `unit`. Exact for any value below 2^53. */
export function alignDown(value: number, unit: number): number {
  return value - (value % unit);
}

/** `value` rounded up to a multiple of `unit`. Exact for any value below 2^53. */
export function alignUp(value: number, unit: number): number {
  const rest = value % unit;
  return rest === 0 ? value : value + (unit - rest);
}

/** True when `value` is a power of two (1, 2, 4 …), for any value below 2^53. */
export function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value)) && 2 ** Math.log2(value) === value;
}

/** The smallest power of two that is not below `value`; 1 for 0. */
export function roundUpPowerOfTwo(value: number): number {
  let power = 1;
  while (power < value) power *= 2;
  return power;
}

/**
 * On a PC, writes to addresses in `[PC_MSI_START, PC_MSI_END)` are interrupts, whatever the tables
 * contain.
 */
export const PC_MSI_START = 0xfee0_0000;
export const PC_MSI_END = 0xfef0_0000;

/** An address in hexadecimal, in groups of four digits, as scripts write it. */
export function hexAddress(address: number): string {
  if (address === DMA_MAPPING_ERROR) return "DMA_MAPPING_ERROR";
  return `0x${addressDigits(address).replace(/(?<=.)(?=(.{4})+$)/g, "_")}`;
}
