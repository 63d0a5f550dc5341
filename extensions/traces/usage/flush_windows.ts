/**
 * In lazy mode: how long a range can still be accessed after its unmap, because the IOTLB is flushed
 * later. If an unmap invalidates its own pages, its range has no such window.
 *
 * @see rules/traces.md T.32, T.33
 */
import type { FlushEvent } from "../line/flush_event.ts";
import { allows, type TracedMapping } from "../ledger/traced_mapping.ts";
import { pageEnd, pageOf } from "../owner/pages.ts";
import { PowersOfTwo } from "./powers_of_two.ts";

const US_PER_S = 1e6;
/**
 * The largest number of invalidations of single pages that are kept; older ones are dropped. Few
 * are needed, because the line of the unmap follows its invalidation at once.
 */
const MAX_PAGES = 64;
/**
 * The largest number of unmapped ranges of a device that wait for a flush. If there are more, the
 * oldest are dropped.
 */
const MAX_WAITING = 1 << 16;

interface FlushedPages {
  readonly start: number;
  readonly end: number;
  readonly line: number;
}

interface Waiting extends FlushedPages {
  readonly seconds: number;
  /** Whether the mapping allowed the device to write. */
  readonly isWritable: boolean;
}

/** The flushes of one device. */
export class FlushUse {
  /** Times from unmap to flush. */
  readonly windowsUs = new PowersOfTwo();
  /** Number of windows in which the device was allowed to write. */
  writable = 0;
  mostAtOnce = 0;
  /** Unmapped ranges for which the trace has no later flush yet. */
  waiting: Waiting[] = [];

  /** Notes that an unmap has invalidated its own pages. */
  invalidated(start: number, end: number): void {
    const from = Math.max(0, this.waiting.length - MAX_PAGES);
    for (let index = this.waiting.length - 1; index >= from; index--) {
      const waiting = this.waiting[index]!;
      if (waiting.start < start || waiting.end > end) continue;
      this.waiting.splice(index, 1);
      return;
    }
  }
}

export class FlushWindows {
  readonly devices = new Map<string, FlushUse>();
  /**
   * By domain: the devices that the domain may have. Each of them had ranges to flush at every
   * flush of the domain so far.
   */
  readonly #owners = new Map<string, ReadonlySet<string>>();
  #pages: FlushedPages[] = [];
  /** Whether a whole domain, or all domains, were ever flushed. */
  isLazy = false;

  unmap(device: string, mapping: TracedMapping, seconds: number, line: number): void {
    const [start, end] = [pageOf(mapping.addr), pageEnd(mapping.addr, mapping.sizeBytes)];
    const isOwn = (page: FlushedPages) =>
      page.line > mapping.mappedAt.line && page.start <= start && page.end >= end;
    // A two-step range is invalidated after the line of its unmap, any other mapping before the
    // line of its unmap.
    if (mapping.kind !== "two_step" && this.#pages.some(isOwn)) return;
    const use = this.devices.getOrInsertComputed(device, () => new FlushUse());
    if (use.waiting.length === MAX_WAITING) use.waiting.shift();
    const isWritable = allows(mapping.dir, "write");
    use.waiting.push({ start, end, seconds, line, isWritable });
    use.mostAtOnce = Math.max(use.mostAtOnce, use.waiting.length);
  }

  flush({ domain, range }: FlushEvent, seconds: number, line: number): void {
    if (range !== null) {
      this.#pages.push({ ...range, line });
      if (this.#pages.length > MAX_PAGES) this.#pages.shift();
      for (const use of this.devices.values()) use.invalidated(range.start, range.end);
      return;
    }
    this.isLazy = true;
    const owners = domain === null ? null : this.#ownersOf(domain);
    for (const [name, use] of this.devices) {
      if (owners !== null && !owners.has(name)) continue;
      for (const waiting of use.waiting) {
        const us = Math.max(0, seconds - waiting.seconds) * US_PER_S;
        use.windowsUs.add(us, [waiting.line, line]);
        if (waiting.isWritable) use.writable++;
      }
      use.waiting = [];
    }
  }

  /**
   * The devices that a domain may have. No line names them. Therefore a device is excluded if it
   * has nothing to flush at a flush of the domain.
   */
  #ownersOf(domain: string): ReadonlySet<string> {
    const waiting = new Set(
      [...this.devices].flatMap(([name, use]) => use.waiting.length > 0 ? [name] : []),
    );
    const known = this.#owners.get(domain) ?? waiting;
    const both = known.intersection(waiting);
    // If the trace lacks the range that a flush is for, the flush excludes no device.
    const owners = both.size > 0 ? both : known;
    this.#owners.set(domain, owners);
    return owners;
  }
}
