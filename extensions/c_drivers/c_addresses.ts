/**
 * The addresses that compiled C code sees. Each kind of address has a separate range, so that the
 * value of a stray pointer shows its intended kind.
 *
 * Memory begins at 0. It consists of the stack and the static data of the driver, a window of RAM,
 * and room for memory outside the window. Above this memory are the shadow and the counters of the
 * checks, which the driver's code cannot reach. At addresses from `PAGE_MAP` on there is no memory.
 * These addresses are a map of pages, and windows of devices. In the map, only the addresses
 * matter.
 */
import { GIB, KIB, MIB, TIB } from "@dmalab/runtime";

/** Unit of WebAssembly's memory size. */
export const WASM_PAGE_BYTES = 64 * KIB;
/** Size of the room for the stack and the static data. */
export const STATIC_BYTES = 16 * MIB;
/**
 * Start of the window of RAM, which the driver sees without aliases. In this window is the memory
 * that scripts and drivers allocate.
 */
export const WINDOW_AT = STATIC_BYTES;
export const WINDOW_BYTES = 32 * MIB;
/** Start of the room for pages outside the window. A page is aliased here when it is shared with C. */
export const ALIAS_AT: number = WINDOW_AT + WINDOW_BYTES;
const ALIAS_BYTES = 16 * MIB;
/** The number of memory bytes that one byte of the shadow describes. */
export const GRANULE_BYTES = 8;
/** Start of the shadow. Everything that a driver may access is below the shadow. */
export const SHADOW_AT: number = ALIAS_AT + ALIAS_BYTES;
export const SHADOW_BYTES: number = SHADOW_AT / GRANULE_BYTES;
/**
 * Address of a counter of 32 bits: the number of blocks of code that may run before the limits are
 * checked again.
 */
export const FUEL_AT: number = SHADOW_AT + SHADOW_BYTES;
/**
 * Address of a word of 32 bits. While a call in the driver's code runs, the word contains the
 * address of the call's code.
 */
export const CALL_AT: number = FUEL_AT + 4;
/**
 * Address of the values of a function's locals at the beginning of a line, for a debugger: 64 bits
 * each.
 */
export const LOCALS_AT: number = FUEL_AT + 8;
export const MAX_LOCALS = 256;
/**
 * Address of a counter of 32 bits: the number of calls through pointers in a tree's library that
 * have not returned.
 */
export const CALL_DEPTH_AT: number = LOCALS_AT + 8 * MAX_LOCALS;
/**
 * Address of words of 32 bits: for each call through a pointer that has not returned, the value of
 * `CALL_AT` when the call began.
 */
export const CALLS_AT: number = CALL_DEPTH_AT + 8;
export const MAX_CALLS = 256;
/** Address of a counter of 32 bits: the number of operands that the code may still note. */
export const NOTES_LEFT_AT: number = CALLS_AT + 4 * MAX_CALLS;
/** Address of the notes, for the search of a device's answers. The last note is the first in memory. */
export const NOTES_AT: number = NOTES_LEFT_AT + 8;
export const MAX_NOTES = 256;
/** Size of a note: two operands of 64 bits, and the address of the instruction. */
export const NOTE_BYTES = 24;
/** Address of an array with one byte for each block of code. */
export const BLOCKS_AT: number = NOTES_AT + MAX_NOTES * NOTE_BYTES;
/** Accesses below this address are errors, because they use a null pointer with an offset. */
export const NULL_BYTES = 4 * KIB;
/** Size of a driver's stack: that of a kernel stack on x86-64. */
export const KERNEL_STACK_BYTES = 16 * KIB;
/** End of the driver's stack, which grows downwards to `NULL_BYTES`. */
export const STACK_BYTES = NULL_BYTES + KERNEL_STACK_BYTES;

/** Address of the `struct page` of page 0. */
export const PAGE_MAP = 16 * TIB;
export const PAGE_STRUCT_BYTES = 64;
/**
 * Address of the `struct page` of page 0 for a driver of a kernel tree. This page map is real
 * memory, because the tree's headers read and write the structure's members. It is zero at first,
 * and lies after the counters of the blocks. It holds the pages below 16 GiB; of pages above, only
 * the addresses matter.
 */
export const TREE_PAGE_MAP: number = 128 * MIB;
export const TREE_PAGE_MAP_BYTES: number = 16 * GIB / (4 * KIB) * PAGE_STRUCT_BYTES;
/** Start of the windows of devices: `ioremap` returns addresses from here on. */
export const IO_BASE = 64 * TIB;
/** Size of the range of physical addresses that is mapped at `IO_BASE`. */
export const IO_BYTES = 4096 * GIB;
/** Start of the ports of I/O BARs, for drivers of a kernel tree: the tree's `PCI_IOBASE`. */
export const PORTS_AT = IO_BASE + IO_BYTES;
export const PORTS = 64 * KIB;

/** The result of `kmalloc(0)`: a pointer to no memory, which is no failure. @see rules/c-api.md 13 */
export const ZERO_SIZE = 16;
