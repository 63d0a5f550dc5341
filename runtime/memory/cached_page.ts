/**
 * Lines of the CPU's caches that differ from memory, or may, kept by page.
 */
import { type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import { CACHE_LINE_BYTES, PAGE_LINES } from "./line_owners.ts";

/** The CPU has written the line, and memory has not. */
export const DIRTY = 1;
/** A device has written memory since the line was loaded. */
export const OVERWRITTEN = 2;

/**
 * How a line stands to memory: the same, newer by the CPU's hand, older by a device's, or both at
 * once, so that one of the two will be lost.
 */
export type LineState = "clean" | "dirty" | "stale" | "conflict";

export const STATE_WORDS: readonly LineState[] = ["clean", "dirty", "stale", "conflict"];

/** One line as an onlooker sees it. */
export interface CacheLine {
  readonly phys: PhysAddr;
  /** Who may touch it: maintenance for the device gives it away, that for the CPU takes it back. */
  readonly owner: "cpu" | "device";
  readonly state: LineState;
}

/** The lines of one page that differ from memory, or may. */
export class CachedPage {
  readonly bytes = new Uint8Array(PAGE_SIZE_BYTES);
  readonly states = new Uint8Array(PAGE_LINES);
  /** Lines with a state. */
  held = 0;
  cpuWroteAt: number | null = null;
  deviceWroteAt: number | null = null;
  writer: string | null = null;
}

/** Number in its page of the line that holds an address, or an offset in a page. */
export function lineIn(address: number): number {
  return Math.floor((address & (PAGE_SIZE_BYTES - 1)) / CACHE_LINE_BYTES);
}

/** Visits the pages of a span: each page's address, and the part of it that lies in the span. */
export function eachPage(
  phys: number,
  sizeBytes: Bytes,
  visit: (page: number, start: number, end: number) => void,
): void {
  let at = phys;
  const end = phys + sizeBytes;
  while (at < end) {
    const start = at & (PAGE_SIZE_BYTES - 1);
    const count = Math.min(PAGE_SIZE_BYTES - start, end - at);
    visit(at - start, start, start + count);
    at += count;
  }
}

/** Visits the lines of a part of a page, in runs of one state. */
export function eachRun(
  states: Uint8Array,
  start: Bytes,
  end: Bytes,
  visit: (line: number, count: number, state: number) => void,
): void {
  const last = Math.ceil(end / CACHE_LINE_BYTES);
  for (let line = lineIn(start); line < last;) {
    const first = line;
    const state = states[first]!;
    while (line < last && states[line] === state) line++;
    visit(first, line - first, state);
  }
}

/**
 * Whether the lines of a page have the bytes of `other` from an address to another.
 *
 * @param offset What an address's place in `other` is more than the address.
 */
export function holds(
  { bytes }: CachedPage,
  from: number,
  to: number,
  other: Uint8Array,
  offset: number,
): boolean {
  for (let at = from; at < to; at++) {
    if (other[offset + at] !== bytes[at & (PAGE_SIZE_BYTES - 1)]) return false;
  }
  return true;
}
