/**
 * Attributes the lines of an IOMMU's page table to mappings of the DMA API, or to links of two-step
 * ranges.
 *
 * These lines name no device and no domain, and all domains allocate the same addresses. Therefore a
 * line is attributed only to the adjacent call of the same context.
 *
 * @see rules/traces.md T.25 to T.30
 */
import type { NvmeCommand } from "../script/recorder.ts";
import { NewestMap } from "./newest_map.ts";
import { OwnedRanges } from "../owner/owned_ranges.ts";
import { TraceContext, TraceContexts } from "../owner/trace_contexts.ts";
import { NEAR_PAGES, type TracedMapping, type TraceInstant } from "./traced_mapping.ts";
import { pageEnd, pageOf } from "../owner/pages.ts";

export interface TableUnmap extends TraceInstant {
  readonly start: number;
  readonly end: number;
}

export interface TableMap extends TableUnmap {
  readonly phys: number;
}

/** Adjacent maps of one context, at rising addresses, that no call has claimed. */
export interface PageTableRun {
  readonly context: Context;
  /** The request for which the range was mapped, or null. */
  readonly request: NvmeCommand | null;
  /** The run's original start, before an unmap of its first part. */
  readonly first: number;
  /** The unmap that has ended only the first part of the original run, or null. */
  readonly cutBy: TableUnmap | null;
  readonly maps: TableMap[];
}

/**
 * A call that is printed before it does its work. The next line is then the unmap of the call's
 * range.
 */
export interface ExpectedUnmap {
  readonly start: number;
  readonly end: number;
  /** When the call was printed. */
  readonly seconds: number;
  /**
   * Called with true if the unmap was printed, else with false: then nothing was mapped there. The
   * unmap is null if it was not printed, or if the trace ends before it.
   */
  readonly onOutcome: ((came: boolean, unmap: TableUnmap | null) => void) | null;
}

/** The calls of one task, or of one run of an interrupt. */
export class Context extends TraceContext {
  /**
   * The task's name; empty until the context has mapped something. In an interrupt, the name of the
   * interrupted task.
   */
  task = "";
  run: PageTableRun | null = null;
  /**
   * Whether another line followed the context's last map, so that the next map begins another
   * range.
   */
  isRunOver = false;
  /** The unmap in the context's previous line, if no call has claimed it yet. */
  unmap: TableUnmap | null = null;
  /**
   * The range of the unmap that should follow, and the function to call when the unmap follows or
   * when it does not.
   */
  expected: ExpectedUnmap | null = null;
  /** The current request, between its `nvme_setup_cmd` and `block_rq_issue`. */
  request: NvmeCommand | null = null;
  /** Number of pieces that calls have mapped for the request so far. */
  pieces = 0;
  lastMapping: TracedMapping | null = null;
  /** The context's last call. Before its first one, an interrupt has that of its CPU. */
  lastLine = 0;
  /** The CPU of the last call; -1 before the first one. */
  lastCpu = -1;
}

export interface EndedRange {
  readonly run: PageTableRun;
  readonly maps: readonly TableMap[];
  readonly unmap: TableUnmap;
}

/**
 * Assumed limit for the time of a call of the DMA API, from its first line to its last: ten times
 * the longest time seen.
 */
export const CALL_SECONDS = 0.09;
/**
 * Largest number of open runs that are kept; `MAX_ORPHANS`: largest number of unmaps. If there are
 * more, the oldest is dropped.
 */
const MAX_RUNS = 100_000;
const MAX_ORPHANS = 1 << 14;
/** The end of the first page that an allocator of IOVAs gives out below 4 GiB. */
const FIRST_IOVA_END = 2 ** 32;
const PAGE_BYTES = 4096;
/** A doorbell is at least this far below the memory that the other maps lead to. */
const LEAST_GAP_BYTES = 2 ** 28;
/** Largest number of runs that begin at one address: more than a machine has domains. */
const MAX_PER_START = 1 << 12;

export class TracedPageTable {
  maps = 0;
  unmaps = 0;
  claimedMaps = 0;
  claimedUnmaps = 0;
  /** Number of unmaps that ended ranges of two steps. */
  rangeEnds = 0;
  readonly contexts = new TraceContexts<Context>({
    make: (pid, flag, before) => {
      const context = new Context(pid, flag);
      // The interrupt began after the CPU's last line, so none of its lines are before that one.
      if (before !== null) [context.lastLine, context.lastCpu] = [before.lastLine, before.lastCpu];
      return context;
    },
    end: (context) => {
      this.goesOn(context);
      this.settle(context);
    },
    // If a task has been idle, no later line can belong to a call of its earlier lines.
    idleSeconds: 2 * CALL_SECONDS,
  });
  readonly #runs = new OwnedRanges<PageTableRun>({ pages: MAX_RUNS, perPage: MAX_PER_START });
  /** The two least physical addresses that maps lead to. */
  #leastPhys: readonly [number, number] = [Infinity, Infinity];
  /** Unmaps that no call has claimed, by their start: they show that a range was ended. */
  readonly #orphans = new NewestMap<TableUnmap>(MAX_ORPHANS);

  /**
   * Physical address of the page of the register for message interrupts, if the machine is known; null if
   * only the trace can show it.
   */
  doorbellPage: number | null = null;

  /** @param sink Receives each two-step range when it is unmapped. */
  constructor(private readonly sink: (range: EndedRange) => void) {}

  map(context: Context, map: TableMap): void {
    this.maps++;
    const [least, next] = this.#leastPhys;
    if (map.phys < least) this.#leastPhys = [map.phys, least];
    else if (map.phys > least && map.phys < next) this.#leastPhys = [least, map.phys];
    this.goesOn(context);
    const run = context.run;
    const isNext = run !== null && !context.isRunOver && run.request === context.request &&
      run.maps.at(-1)?.end === map.start;
    context.isRunOver = false;
    if (isNext) {
      run.maps.push(map);
      return;
    }
    const { request } = context;
    context.run = { context, request, first: map.start, cutBy: null, maps: [map] };
    // The map begins where the remaining part of a cut range begins, so an unseen unmap has ended
    // that part.
    const cut = this.#runs.beginningIn(map.start).filter(({ cutBy }) => cutBy !== null);
    for (const run of cut) this.#forget(run, map.start);
    this.#runs.add(map.start, context.run);
  }

  /**
   * Claims page-table maps: those directly before a call, as far as they are within the call's
   * ranges.
   *
   * @param ranges Start and end of each range of the call.
   * @returns The line of the last claimed map; 0 if no map was claimed.
   */
  claimMaps(context: Context, ranges: readonly number[]): number {
    const run = context.run;
    let line = 0;
    while (run !== null && run.maps.length > 0) {
      const last = run.maps.at(-1)!;
      if (!isWithin(last, ranges)) break;
      if (line === 0) line = last.line;
      run.maps.pop();
      this.claimedMaps++;
      if (run.maps.length === 0) this.#forget(run, last.start);
    }
    return line;
  }

  unmap(context: Context, unmap: TableUnmap): void {
    this.unmaps++;
    const expected = context.expected;
    const isIts = expected !== null && unmap.start < expected.end && unmap.end > expected.start;
    if (isIts && unmap.seconds - expected.seconds < CALL_SECONDS) {
      context.expected = null;
      expected.onOutcome?.(true, unmap);
      this.claimedUnmaps++;
      this.#endQuietly(unmap);
      return;
    }
    this.goesOn(context);
    this.settle(context);
    context.unmap = unmap;
    this.#orphans.set(unmap.start, unmap);
  }

  /** Notes that the context has printed another line: the expected unmap is missing. */
  goesOn(context: Context): void {
    const expected = context.expected;
    context.expected = null;
    expected?.onOutcome?.(false, null);
  }

  /**
   * When a call ends a mapping, claims the page-table unmap directly before the call; null without
   * one.
   */
  claimUnmap(context: Context, address: number): TableUnmap | null {
    const unmap = context.unmap;
    if (unmap === null) return null;
    if (address < unmap.start || address >= unmap.end) {
      this.settle(context);
      return null;
    }
    context.unmap = null;
    this.claimedUnmaps++;
    this.#endQuietly(unmap);
    return unmap;
  }

  /** Drops the links that a claimed unmap has removed, without reporting a range. */
  #endQuietly(unmap: TableUnmap): void {
    if (this.#orphans.get(unmap.start) === unmap) this.#orphans.delete(unmap.start);
    const run = this.#runs.beginningIn(unmap.start).find((each) =>
      each.maps.at(-1)!.end === unmap.end
    );
    if (run !== undefined) this.#forget(run, unmap.start);
  }

  /**
   * Handles the unmap in the previous line. No call has claimed this unmap, so it ends a two-step
   * range.
   */
  settle(context: Context): void {
    const unmap = context.unmap;
    context.unmap = null;
    if (unmap === null) return;
    const runs = this.#runs.beginningIn(unmap.start);
    const isOlder = ({ maps }: PageTableRun) => maps[0]!.line < unmap.line;
    const run = runs.find((each) => each.maps.at(-1)!.end === unmap.end && isOlder(each)) ??
      runs.find(isOlder);
    if (run === undefined) return;
    this.rangeEnds++;
    this.#orphans.delete(unmap.start);
    this.#forget(run, unmap.start);
    const inside = run.maps.filter(({ end }) => end <= unmap.end);
    const left = run.maps.filter(({ end }) => end > unmap.end);
    this.sink({ run, maps: inside, unmap });
    // A range that was linked in several steps may end with one unmap.
    let end = run.maps.at(-1)!.end;
    while (end < unmap.end) {
      const next = this.#runs.beginningIn(end).find(({ maps }) => maps[0]!.line < unmap.line);
      if (next === undefined || next.maps.at(-1)!.end > unmap.end) break;
      this.#forget(next, end);
      this.sink({ run: next, maps: next.maps, unmap });
      end = next.maps.at(-1)!.end;
    }
    const [first] = left;
    if (first === undefined) return;
    // The remaining part is kept: a separate unmap may end it.
    this.#runs.add(first.start, { ...run, cutBy: unmap, maps: left });
  }

  #forget(run: PageTableRun, start: number): void {
    if (run.context.run === run) run.context.run = null;
    this.#runs.delete(start, run);
  }

  /**
   * Notes that lines are missing here. If an unmap is directly before them, the line of its call
   * may be among the missing ones, so the unmap proves nothing.
   *
   * @param cpu Null for every CPU.
   */
  interrupt(cpu: number | null): void {
    for (const context of this.contexts.all()) {
      const { unmap } = context;
      if (unmap === null || cpu !== null && unmap.cpu !== cpu) continue;
      if (context.lastLine > unmap.line) continue;
      this.settle(context);
      if (this.#orphans.get(unmap.start) === unmap) this.#orphans.delete(unmap.start);
    }
  }

  /**
   * Finds an unmap of exactly this mapping's pages, between two given lines. No call has claimed
   * the unmap. Null if no unmap is found.
   */
  orphan(
    { addr, sizeBytes }: Pick<TracedMapping, "addr" | "sizeBytes">,
    after: number,
    before: number,
  ): TableUnmap | null {
    const unmap = this.#orphans.get(pageOf(addr));
    if (unmap === undefined || unmap.end !== pageEnd(addr, sizeBytes)) return null;
    // An unmap that ends a two-step range is not an orphan, even if `settle` has not handled it
    // yet.
    const isRange = this.#runs.beginningIn(unmap.start).some(({ maps }) =>
      maps.at(-1)!.end === unmap.end && maps[0]!.line < unmap.line
    );
    if (isRange) return null;
    return unmap.line > after && unmap.line < before ? unmap : null;
  }

  /** Whether an address is covered by unclaimed links that were made after the line `after`. */
  isLinkedSince(address: number, after: number): boolean {
    const isLinked = ({ maps }: PageTableRun) =>
      maps.at(-1)!.end > address && maps.at(-1)!.line > after;
    return this.#runs.holder(address, NEAR_PAGES, isLinked) !== null;
  }

  /** Ends the trace: all lines have been read. */
  end(): void {
    // An unmap ends the oldest range at its address, so that they are settled in their order.
    const unmapLine = ({ unmap }: Context) => unmap?.line ?? 0;
    for (const context of this.contexts.all().sort((a, b) => unmapLine(a) - unmapLine(b))) {
      // The unmap may have been printed after the last line.
      context.expected?.onOutcome?.(true, null);
      context.expected = null;
      this.settle(context);
    }
  }

  /**
   * Two-step ranges that were never unmapped; identity maps at boot and doorbells do not count.
   * @see rules/traces.md T.67
   */
  openRuns(): PageTableRun[] {
    return this.#runs.all().filter((run) =>
      run.maps[0]!.start !== run.maps[0]!.phys && !this.#isDoorbell(run)
    );
  }

  /**
   * Maps of the register to which devices write their message interrupts: behind an SMMU each
   * device has one, at its first IOVA, for good. Registers lie far below memory.
   */
  doorbells(): TableMap[] {
    return this.#runs.all().filter((run) => this.#isDoorbell(run)).map(({ maps }) => maps[0]!);
  }

  #isDoorbell({ cutBy, maps, request }: PageTableRun): boolean {
    const [map, another] = maps;
    const isOnePage = another === undefined && cutBy === null && request === null &&
      map!.end - map!.start === PAGE_BYTES;
    // A driver may map memory before it allocates interrupts: then the page is not at the first IOVA.
    if (this.doorbellPage !== null) return isOnePage && map!.phys === this.doorbellPage;
    const [least, next] = this.#leastPhys;
    return isOnePage && map!.end === FIRST_IOVA_END && map!.phys === least &&
      next - least >= LEAST_GAP_BYTES && next < Infinity;
  }
}

/** Whether a map lies in one of some ranges. */
function isWithin({ end, start }: TableMap, ranges: readonly number[]): boolean {
  for (let index = 0; index < ranges.length; index += 2) {
    if (start >= ranges[index]! && end <= ranges[index + 1]!) return true;
  }
  return false;
}
