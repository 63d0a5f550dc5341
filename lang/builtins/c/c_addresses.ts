/**
 * The addresses that compiled C code sees, each kind in a range of its own, so that a stray pointer
 * tells what it was meant to be.
 *
 * Memory begins at 0: the stack and the static data of the driver, then a window of RAM, then room for
 * memory that lies elsewhere. Behind it nothing can be read: a map of pages of which the addresses
 * alone count, windows of devices, and what has no place in the window.
 */
import { GIB, KIB, MIB, TIB } from "../../../runtime/address.ts";

/** What WebAssembly counts its memory in. */
export const WASM_PAGE_BYTES = 64 * KIB;
/** RAM that the driver sees as it lies: what scripts and drivers allocate. */
export const WINDOW_BYTES = 32 * MIB;
/** Room for pages from elsewhere, each put where it is wanted. */
export const ALIAS_BYTES = 16 * MIB;
/** Bytes that a byte of the shadow stands for. */
export const GRANULE_BYTES = 8;
/** Nothing may be used below: a null pointer with an offset. */
export const NULL_BYTES = 4 * KIB;
/** What a driver's calls may take: as much as a kernel's stack has on x86-64. */
export const KERNEL_STACK_BYTES = 16 * KIB;
/** The driver's stack, which grows downwards, and what may not be used below. */
export const STACK_BYTES = NULL_BYTES + KERNEL_STACK_BYTES;

/** Where `struct page` of page 0 would be. */
export const PAGE_MAP = 16 * TIB;
export const PAGE_STRUCT_BYTES = 64;
/** Windows of devices: what `ioremap` gives. */
export const IO_BASE = 64 * TIB;
/** Where the range of physical addresses at `IO_BASE` ends. */
export const IO_BYTES = 4096 * GIB;
