/**
 * What goes wrong when a driver does not hand its memory over: bytes that are old, or lost.
 */
import type { PhysAddr } from "../address.ts";
import type { CachedPage } from "./cached_page.ts";

/** The kinds there are: two of old bytes, two of lost ones. */
export type CacheHazardKind =
  /** The CPU read bytes that a device has replaced in memory. */
  | "stale_cacheline_read"
  /** A device read bytes that the CPU has replaced in its caches. */
  | "stale_memory_read"
  /** Bytes that the CPU wrote were dropped. */
  | "dirty_cacheline_lost"
  /** Bytes that a device wrote were overwritten by an old line. */
  | "device_write_lost";

/** One such mishap: how many lines one operation met, and who had written before. */
export interface CacheHazard {
  readonly kind: CacheHazardKind;
  /** The first of the lines. */
  readonly phys: PhysAddr;
  readonly lines: number;
  /** The device that wrote, or that reads; null where only the CPU is concerned. */
  readonly device: string | null;
  /** The statement that wrote the bytes which are hidden or lost. */
  readonly writtenAt: number | null;
}

/** The lines that one operation of the caches found in trouble. */
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
