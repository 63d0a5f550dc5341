/**
 * The addresses that compiled C code sees, each kind in its own range, so that the value of a stray
 * pointer shows its intended kind.
 *
 * Memory begins at 0: the stack and the static data of the driver, then a window of RAM, then room
 * for memory that lies elsewhere. Above it lie the shadow and the counters of the checks, which no
 * code of the driver reaches. Addresses from `PAGE_MAP` on have no memory: a map of pages of which
 * the addresses alone count, and windows of devices.
 */
import { GIB, KIB, MIB, TIB } from "@dmalab/runtime";

/** What WebAssembly counts its memory in. */
export const WASM_PAGE_BYTES = 64 * KIB;
/** Room for the stack and the static data. */
export const STATIC_BYTES = 16 * MIB;
/** RAM that the driver sees as it lies: what scripts and drivers allocate. */
export const WINDOW_AT = STATIC_BYTES;
export const WINDOW_BYTES = 32 * MIB;
/** Room for pages from elsewhere, each put where it is wanted. */
export const ALIAS_AT: number = WINDOW_AT + WINDOW_BYTES;
const ALIAS_BYTES = 16 * MIB;
/** The number of memory bytes that one byte of the shadow describes. */
export const GRANULE_BYTES = 8;
/** The shadow; all that a driver may touch lies below. */
export const SHADOW_AT: number = ALIAS_AT + ALIAS_BYTES;
export const SHADOW_BYTES: number = SHADOW_AT / GRANULE_BYTES;
/** How many blocks of code may run until the limits are checked again: 32 bits. */
export const FUEL_AT: number = SHADOW_AT + SHADOW_BYTES;
/** Which of the driver's own calls runs, by the compiler's address: 32 bits. */
export const CALL_AT: number = FUEL_AT + 4;
/** The values of a function's locals at the beginning of a line, for a debugger: 64 bits each. */
export const LOCALS_AT: number = FUEL_AT + 8;
export const MAX_LOCALS = 256;
/** How many calls by pointer of a tree's library have not returned: 32 bits. */
export const CALL_DEPTH_AT: number = LOCALS_AT + 8 * MAX_LOCALS;
/** What `CALL_AT` had when each of them began: 32 bits each. */
export const CALLS_AT: number = CALL_DEPTH_AT + 8;
export const MAX_CALLS = 256;
/** A byte for each block of code. */
export const BLOCKS_AT: number = CALLS_AT + 4 * MAX_CALLS;
/** Nothing may be used below: a null pointer with an offset. */
export const NULL_BYTES = 4 * KIB;
/** The most stack that a driver's calls may take: the size of a kernel's stack on x86-64. */
export const KERNEL_STACK_BYTES = 16 * KIB;
/** The driver's stack, which grows downwards, and what may not be used below. */
export const STACK_BYTES = NULL_BYTES + KERNEL_STACK_BYTES;

/** Where `struct page` of page 0 would be. */
export const PAGE_MAP = 16 * TIB;
export const PAGE_STRUCT_BYTES = 64;
/**
 * The same for a driver of a kernel tree, because the tree's headers read and write its members. It
 * is zero at first, and lies behind the counts of the blocks. It holds the pages below 16 GiB; of
 * those above the addresses alone count.
 */
export const TREE_PAGE_MAP: number = 128 * MIB;
export const TREE_PAGE_MAP_BYTES: number = 16 * GIB / (4 * KIB) * PAGE_STRUCT_BYTES;
/** Windows of devices: what `ioremap` gives. */
export const IO_BASE = 64 * TIB;
/** Where the range of physical addresses at `IO_BASE` ends. */
export const IO_BYTES = 4096 * GIB;
/** Ports of I/O BARs, for drivers of a kernel tree: `PCI_IOBASE`. */
export const PORTS_AT = IO_BASE + IO_BYTES;
export const PORTS = 64 * KIB;

/** The result of `kmalloc(0)`: a pointer to no memory, which is no failure. @see rules/c-api.md 13 */
export const ZERO_SIZE = 16;
