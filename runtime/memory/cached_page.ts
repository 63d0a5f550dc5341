/** Lines of the CPU's caches that differ from memory, or may differ, stored by page. */
import { type Bytes, PAGE_SIZE_BYTES, type PhysAddr } from "../address.ts";
import { IntervalSet } from "./interval_set.ts";

export const CACHE_LINE_BYTES = 64;
const PAGE_LINES = PAGE_SIZE_BYTES / CACHE_LINE_BYTES;

/** Owners of cache lines: the CPU, unless a driver has handed the line to a device. */
export class LineOwners {
  /** Numbers of the device-owned lines. */
  readonly #devices = new IntervalSet();

  /** Makes every line that holds a byte of the span device-owned, or the CPU's again. */
  set(phys: number, sizeBytes: Bytes, devices: boolean): void {
    const first = Math.floor(phys / CACHE_LINE_BYTES);
    const end = Math.ceil((phys + sizeBytes) / CACHE_LINE_BYTES);
    if (devices) this.#devices.add(first, end);
    else this.#devices.delete(first, end);
  }

  /** True when the line at an address is device-owned. */
  isDevices(phys: number): boolean {
    return this.#devices.has(Math.floor(phys / CACHE_LINE_BYTES));
  }
}

/** State bit: the CPU has written the line, and the written data is not in memory yet. */
export const DIRTY = 1;
/** State bit: a device has written memory since the line was loaded. */
export const OVERWRITTEN = 2;

/**
 * The state of a cache line compared with memory: equal; newer (the CPU wrote); older (a device
 * wrote); or both newer and older, in which case one of the two writes will be lost.
 */
export type LineState = "clean" | "dirty" | "stale" | "conflict";

export const STATE_WORDS: readonly LineState[] = ["clean", "dirty", "stale", "conflict"];

/** One cache line, for display. */
export interface CacheLine {
  readonly phys: PhysAddr;
  /**
   * The owner, which may access the line. Maintenance for the device makes the device the owner,
   * maintenance for the CPU makes the CPU the owner.
   */
  readonly owner: "cpu" | "device";
  readonly state: LineState;
}

/** The lines of one page that differ from memory, or may differ. */
export class CachedPage {
  readonly bytes = new Uint8Array(PAGE_SIZE_BYTES);
  readonly states = new Uint8Array(PAGE_LINES);
  /** Number of lines with a state other than clean. */
  held = 0;
  cpuWroteAt: number | null = null;
  deviceWroteAt: number | null = null;
  writer: string | null = null;
}

/** Number of the line in its page, for an address or an offset in a page. */
export function lineIn(address: number): number {
  return Math.floor((address & (PAGE_SIZE_BYTES - 1)) / CACHE_LINE_BYTES);
}

/** Visits the pages of a span: each page's address, and the page's part of the span. */
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
 * Whether a page's cached bytes from address `from` to address `to` equal those of `other`.
 *
 * @param offset An address plus this offset is the index of its byte in `other`.
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

/** Kinds of cache hazards: two where old bytes are read, two where bytes are lost. */
export type CacheHazardKind =
  /** The CPU read bytes that a device has replaced in memory. */
  | "stale_cacheline_read"
  /** A device read bytes that the CPU has replaced in its caches. */
  | "stale_memory_read"
  /** Bytes that the CPU wrote were dropped. */
  | "dirty_cacheline_lost"
  /** Bytes that a device wrote were overwritten by an old line. */
  | "device_write_lost";

/**
 * The mistake of a driver that did not hand its memory over, with the lines that one operation affected, and the statement
 * that wrote the lines.
 */
export interface CacheHazard {
  readonly kind: CacheHazardKind;
  /** Address of the first of the lines. */
  readonly phys: PhysAddr;
  readonly lines: number;
  /** The device that wrote, or that reads; null where only the CPU is concerned. */
  readonly device: string | null;
  /** The statement that wrote the bytes which are hidden or lost. */
  readonly writtenAt: number | null;
}

/** Collects the affected lines of one cache operation. */
export class HazardFinding {
  lines = 0;
  phys = 0;
  page: CachedPage | null = null;

  note(page: CachedPage, phys: number): void {
    if (this.lines++ > 0 && phys > this.phys) return;
    this.phys = phys;
    this.page = page;
  }
}
