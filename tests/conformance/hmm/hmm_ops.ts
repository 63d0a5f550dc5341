/** Performs the operations of tests/golden/hmm on page-wise maps and the memory under them. */
import {
  AddressSpace,
  type ChangedRange,
  ERRNO,
  HMM_PFN,
  type HmmDmaMap,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
  type HmmPfnList,
  hmmRangeFault,
  type IntervalNotifier,
  type Machine,
  type MachineEvent,
  PAGE_SIZE_BYTES,
  type VirtAddr,
} from "@dmalab/runtime";
import { peerMemo } from "@dmalab/runtime/dma";
import type { Json, JsonObject } from "../difference.ts";
import { changeMemory, eventNumber, GivenFrames, mapMemory, MEMORY_START } from "./hmm_memory.ts";
import type { HmmOp, PfnRun } from "./hmm_given.ts";
import type { InnerLines } from "./hmm_inner.ts";
import type { HmmMachine } from "./hmm_machine.ts";
import { addressOrNull, attributeList } from "./hmm_words.ts";
import { directionNumber, errnoOf, type Fields } from "../inner_record.ts";

/** Largest number of tries of a fault. A fault returns -EBUSY once for each page table. */
const MAX_TRIES = 1000;

/** Calls with lines that contain the state of the range after the call. */
const TELLS_STATE: ReadonlySet<string> = new Set(["dma_iova_try_alloc", "dma_iova_free"]);

/** What the callback of an interval does with the entries of the interval's range. */
const UNMAPS = 1;
const UNMAPS_AND_CLEARS = 2;

/** A map with the memory under it. */
class MappedMemory {
  map: HmmDmaMap | null = null;
  reported: ReportedEntries | null = null;
  mm: AddressSpace | null = null;
  notifier: IntervalNotifier | null = null;
  /**
   * Callbacks since the operation began. Each entry has the first page, the end, the event, the
   * number of unmapped entries, and the number of writable ones among the unmapped entries.
   */
  invalidated: number[][] = [];
  /** The operation that another thread performs during the next fault. */
  race: HmmOp | null = null;
}

export class HmmOps {
  readonly #calls: HmmCallLines;
  readonly #frames = new GivenFrames();
  readonly #maps = new Map<number, MappedMemory>();
  /** The last map that was made with a list of addresses. */
  #listed: HmmDmaMap | null = null;

  constructor(private readonly host: HmmMachine, inner: InnerLines) {
    this.#calls = new HmmCallLines(host.machine, inner);
  }

  /** Begins the program of a case, without the maps and memory of the previous program. */
  begin(): void {
    for (const { mm, notifier } of this.#maps.values()) {
      if (notifier !== null) mm?.notifiers.remove(notifier);
      mm?.exit();
    }
    this.#maps.clear();
  }

  /** Performs an operation; null for an operation that is not about maps or memory. */
  run(op: HmmOp): JsonObject | null {
    this.#calls.begin();
    const answer = Object.hasOwn(this.#ways, op.op)
      ? this.#ways[op.op]!(op, this.#memoryOf(op))
      : null;
    const calls = this.#calls.take();
    if (answer === null || calls.length === 0) return answer;
    const state = stateOf(this.#memoryOf(op).map);
    for (const call of calls) {
      if (TELLS_STATE.has(call.call as string)) Object.assign(call, state);
    }
    return { ...answer, calls };
  }

  readonly #ways: Readonly<Record<string, (op: HmmOp, memory: MappedMemory) => JsonObject | null>> =
    {
      hmm_alloc: (op, memory) => this.#alloc(op, memory),
      hmm_free: (_, { map }) => {
        hmmDmaMapFree(this.host.machine, this.host.dev, map!);
        return stateOf(map);
      },
      hmm_map: (op, memory) => this.#mapEntry(op, memory),
      hmm_unmap: (op, memory) => this.#unmapEntry(op, memory),
      set_entry: (op, memory) => this.#setEntry(op, memory),
      dma_list_entry: ({ index }) => ({ value: this.#listed?.dmaList?.[index as number] ?? null }),
      peer_pfn: () => ({}),
      notifier_add: (op, memory) => this.#addNotifier(op, memory),
      notifier_remove: (_, memory) => {
        if (memory.notifier !== null) memory.mm?.notifiers.remove(memory.notifier);
        memory.notifier = null;
        return {};
      },
      memory: (op, memory) => this.#change(op, memory),
      race: (op, memory) => {
        memory.race = op;
        return {};
      },
      range_fault: (op, memory) => this.#fault(op, memory),
    };

  #memoryOf({ map }: HmmOp): MappedMemory {
    return this.#maps.getOrInsertComputed((map ?? 0) as number, () => new MappedMemory());
  }

  #alloc(op: HmmOp, memory: MappedMemory): JsonObject {
    const { dev, machine } = this.host;
    const made = hmmDmaMapAlloc(machine, dev, op.entries as number, op.entry_size as number);
    const refused = typeof made === "number";
    memory.map = refused ? null : made;
    memory.reported = refused ? null : new ReportedEntries(made.pfns);
    if (!refused && made.dmaList !== null) this.#listed = made;
    return {
      ret: refused ? made : 0,
      ...stateOf(memory.map),
      pfn_list: refused ? 0 : 1,
      dma_list: refused || made.dmaList === null ? 0 : 1,
      stored_entry_size: refused ? 0 : made.entrySizeBytes,
    };
  }

  #mapEntry(op: HmmOp, memory: MappedMemory): JsonObject {
    const { dev, machine } = this.host;
    const memo = machine.peers === null ? null : peerMemo(machine);
    const dma = hmmDmaMapPfn(machine, dev, memory.map!, op.index as number, memo);
    return { dma: addressOrNull(dma), pfns: this.#changed(op, memory) };
  }

  #unmapEntry(op: HmmOp, memory: MappedMemory): JsonObject {
    const { dev, machine } = this.host;
    const done = hmmDmaUnmapPfn(machine, dev, memory.map!, op.index as number);
    return { ret: done ? 1 : 0, pfns: this.#changed(op, memory) };
  }

  /** The program writes an entry itself: the written value is an input. */
  #setEntry(op: HmmOp, memory: MappedMemory): JsonObject {
    const entries = entriesOf(pfnsOf(op));
    for (const entry of entries.values()) writeEntry(memory.map!.pfns, entry);
    memory.reported!.report(entries.values());
    return {};
  }

  #addNotifier(op: HmmOp, memory: MappedMemory): JsonObject {
    const pages = op.pages as number;
    const mode = op.mode as number;
    const end = MEMORY_START + pages * PAGE_SIZE_BYTES as VirtAddr;
    memory.notifier = memory.mm!.notifiers.insert(MEMORY_START, end, {
      invalidate: (notifier, range) => {
        notifier.advance();
        this.#invalidate(memory, range, mode, pages);
        return true;
      },
    });
    return { ret: 0 };
  }

  #invalidate(memory: MappedMemory, range: ChangedRange, mode: number, pages: number): void {
    const { dev, machine } = this.host;
    const first = (range.start - MEMORY_START) / PAGE_SIZE_BYTES;
    const end = (range.end - MEMORY_START) / PAGE_SIZE_BYTES;
    let unmapped = 0;
    let writable = 0;
    const { map } = memory;
    if (mode >= UNMAPS && map !== null) {
      for (let index = Math.max(first, 0); index < Math.min(end, pages); index++) {
        const isWritable = map.pfns.has(index, HMM_PFN.WRITE);
        if (hmmDmaUnmapPfn(machine, dev, map, index)) {
          unmapped++;
          if (isWritable) writable++;
        }
        if (mode === UNMAPS_AND_CLEARS) map.pfns.forget(index);
      }
    }
    memory.invalidated.push([first, end, eventNumber(range), unmapped, writable]);
  }

  #change(op: HmmOp, memory: MappedMemory): JsonObject | null {
    const what = op.what as string;
    const mm = new AddressSpace(this.host.machine, this.#frames);
    if (mapMemory(mm, MEMORY_START, what, op.pages as number)) {
      memory.mm = mm;
      return { ret: 0 };
    }
    const ret = this.#doToMemory(op, memory);
    if (ret === null) return null;
    // Without a map there are no entries to report.
    if (op.pfns === undefined && op.invalidated === undefined) return { ret };
    return { ret, ...this.#reports(op, memory) };
  }

  #doToMemory(op: HmmOp, { mm }: MappedMemory): number | null {
    const start = MEMORY_START + (op.page as number) * PAGE_SIZE_BYTES as VirtAddr;
    const end = start + (op.pages as number) * PAGE_SIZE_BYTES as VirtAddr;
    return changeMemory(mm!, op.what as string, start, end);
  }

  /**
   * Repeats a fault while it returns -EBUSY, and while the notifier's sequence number has changed
   * since the beginning of the fault.
   */
  #fault(op: HmmOp, memory: MappedMemory): JsonObject {
    const { mm, notifier } = memory;
    const first = op.page as number;
    let busy = 0;
    let changed = 0;
    let ret = -ERRNO.EBUSY;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const sequence = notifier?.readBegin() ?? 0;
      ret = hmmRangeFault(this.host.machine, {
        mm: mm!,
        notifier,
        sequence,
        list: memory.map!.pfns,
        firstIndex: first,
        start: MEMORY_START + first * PAGE_SIZE_BYTES as VirtAddr,
        pages: op.pages as number,
        wanted: flagsOf(op.default as string),
        wishes: flagsOf(op.mask as string),
      });
      if (ret === -ERRNO.EBUSY) {
        busy++;
        continue;
      }
      this.#race(memory);
      if (ret !== 0 || !(notifier?.readRetry(sequence) ?? false)) break;
      changed++;
    }
    return {
      ret,
      ...(busy > 0 ? { busy } : {}),
      ...(changed > 0 ? { changed } : {}),
      ...this.#reports(op, memory),
    };
  }

  #race(memory: MappedMemory): void {
    const { race } = memory;
    memory.race = null;
    if (race !== null) this.#doToMemory(race, memory);
  }

  #reports(op: HmmOp, memory: MappedMemory): JsonObject {
    const { invalidated } = memory;
    memory.invalidated = [];
    return { pfns: this.#changed(op, memory), invalidated };
  }

  /** The changed entries, with the frame numbers of the record. */
  #changed(op: HmmOp, memory: MappedMemory): readonly PfnRun[] {
    const { map, reported } = memory;
    if (map === null || reported === null) return [];
    const recorded = pfnsOf(op);
    const shown = entriesOf(recorded);
    const changed = reported.changed();
    for (const entry of changed) {
      if (!this.#frames.isOwn(entry.pfn)) continue;
      // If the record shows no change of an entry that the model changed, the entry has its
      // previous frame again.
      const before = reported.before(entry.index);
      const kept = before?.flags === entry.flags && before.order === entry.order
        ? before.pfn
        : null;
      const pfn = this.#frames.recorded(entry.pfn, shown.get(entry.index)?.pfn ?? kept);
      if (pfn !== null) writeEntry(map.pfns, { ...entry, pfn });
    }
    const entries = reported.changed(changed.map(({ index }) => index));
    reported.report(entries);
    // The counts are compared because overlapping runs would hide an entry.
    const expected = recorded.reduce((sum, [, count]) => sum + count, 0);
    const agrees = entries.length === expected && entries.length === shown.size &&
      entries.every((entry) => {
        const other = shown.get(entry.index);
        return other !== undefined && sameEntry(entry, other);
      });
    return agrees ? recorded : runsOf(entries);
  }
}

function pfnsOf({ pfns }: HmmOp): readonly PfnRun[] {
  return pfns ?? [];
}

function stateOf(map: HmmDmaMap | null): JsonObject {
  return { addr: map?.state.addr ?? 0, state_size: map?.state.sizeBytes ?? 0 };
}

const CALLS = [
  "dma_iova_try_alloc",
  "dma_iova_free",
  "dma_iova_link",
  "dma_iova_sync",
  "dma_iova_unlink",
  "dma_map_phys",
  "dma_unmap_phys",
] as const;

/** A call: its name, its arguments and results, and the operations inside it. */
export type HmmCallLine = Record<string, Json>;

class HmmCallLines {
  #calls: HmmCallLine[] = [];
  #open: HmmCallLine | null = null;
  #listens = false;

  constructor(machine: Machine, private readonly inner: InnerLines) {
    const names = CALLS.flatMap((call) => [`call.${call}`, `ret.${call}`] as const);
    machine.events.listen((event) => this.#add(event), names);
  }

  /** Called before an operation: calls are recorded from then on. */
  begin(): void {
    this.#listens = true;
  }

  /**
   * Returns and clears the calls of the operation. Warnings outside of a call are added to the list as its
   * last entry.
   */
  take(): HmmCallLine[] {
    const calls = this.#calls;
    this.#listens = false;
    const rest = this.inner.take();
    if (rest.length > 0) calls.push({ call: "(other)", inner: rest });
    this.#calls = [];
    this.#open = null;
    return calls;
  }

  #add({ fields, name }: MachineEvent): void {
    if (!this.#listens) return;
    const of = fields as Fields;
    if (name.startsWith("call.")) {
      this.#open = { call: name.slice("call.".length), ...argumentsOf(of) };
      return;
    }
    const call = this.#open;
    if (call === null) return;
    Object.assign(call, resultsOf(call.call as string, of));
    const lines = this.inner.take();
    if (lines.length > 0) call.inner = lines;
    this.#calls.push(call);
    this.#open = null;
  }
}

function argumentsOf({ attrs, dev: _dev, dir, ...numbers }: Fields): HmmCallLine {
  return {
    ...numbers as HmmCallLine,
    ...(dir === undefined ? {} : { dir: directionNumber(dir) }),
    ...attributeList(attrs),
  };
}

function resultsOf(call: string, result: Fields): HmmCallLine {
  switch (call) {
    case "dma_iova_try_alloc":
      return { ok: result.result === true ? 1 : 0 };
    case "dma_iova_link":
    case "dma_iova_sync":
      return { ret: errnoOf(result) };
    case "dma_map_phys":
      return { dma: result.result as number | null };
    default:
      return {};
  }
}

/** One letter for each flag, in the order in which they are written. */
const LETTERS: readonly (readonly [string, number])[] = [
  ["V", HMM_PFN.VALID],
  ["W", HMM_PFN.WRITE],
  ["E", HMM_PFN.ERROR],
  ["M", HMM_PFN.DMA_MAPPED],
  ["P", HMM_PFN.P2PDMA],
  ["B", HMM_PFN.P2PDMA_BUS],
];

/** The flags of entries, or of the requests to a range fault, from their letters. */
function flagsOf(letters: string): number {
  return LETTERS.reduce((flags, [letter, bit]) => flags + (letters.includes(letter) ? bit : 0), 0);
}

function lettersOf(flags: number): string {
  return LETTERS.filter(([, bit]) => (flags & bit) !== 0).map(([letter]) => letter).join("");
}

interface PfnEntry {
  readonly index: number;
  readonly flags: number;
  readonly order: number;
  readonly pfn: number;
}

/** The entries of runs, by their index. */
function entriesOf(runs: readonly PfnRun[]): Map<number, PfnEntry> {
  const entries = new Map<number, PfnEntry>();
  for (const [first, count, letters, order, pfn, step] of runs) {
    const flags = flagsOf(letters);
    for (let at = 0; at < count; at++) {
      const index = first + at;
      entries.set(index, { index, flags, order, pfn: pfn + at * step });
    }
  }
  return entries;
}

/**
 * Joins entries to runs. Within a run, the frame number increases by one from entry to entry, or
 * stays the same for all entries.
 */
function runsOf(entries: readonly PfnEntry[]): PfnRun[] {
  const runs: PfnRun[] = [];
  let last: PfnEntry | null = null;
  for (const entry of entries) {
    const run = runs.at(-1);
    const step = last === null ? -1 : entry.pfn - last.pfn;
    const joins = run !== undefined && last !== null && last.index + 1 === entry.index &&
      last.flags === entry.flags && last.order === entry.order &&
      (run[1] === 1 ? step === 0 || step === 1 : step === run[5]);
    if (joins) runs[runs.length - 1] = [run[0], run[1] + 1, run[2], run[3], run[4], step];
    else runs.push([entry.index, 1, lettersOf(entry.flags), entry.order, entry.pfn, 0]);
    last = entry;
  }
  return runs;
}

/** Writes a whole entry, as a program does. */
function writeEntry(list: HmmPfnList, { flags, index, order, pfn }: PfnEntry): void {
  list.clearFlags(index);
  const filled = flags & (HMM_PFN.VALID + HMM_PFN.WRITE + HMM_PFN.ERROR);
  list.replace(index, filled >>> 0, order, pfn);
  list.addFlags(index, flags);
}

/** The last reported state of a list. */
class ReportedEntries {
  readonly #known: (PfnEntry | undefined)[];

  constructor(private readonly list: HmmPfnList) {
    this.#known = new Array(list.length);
  }

  /**
   * Entries that differ from the last report, in order.
   * @param among Indices to compare; all indices when left out.
   */
  changed(among: Iterable<number> = this.#known.keys()): PfnEntry[] {
    const { list } = this;
    const found: PfnEntry[] = [];
    for (const index of among) {
      if (!this.#differs(index)) continue;
      const [flags, order, pfn] = [list.flags(index), list.order(index), list.pfn(index)];
      found.push({ index, flags, order, pfn });
    }
    return found;
  }

  #differs(index: number): boolean {
    const { list } = this;
    const known = this.#known[index];
    const flags = list.flags(index);
    if (known === undefined) return flags !== 0 || list.pfn(index) !== 0;
    return flags !== known.flags || list.order(index) !== known.order ||
      list.pfn(index) !== known.pfn;
  }

  /** The last reported state of an entry. */
  before(index: number): PfnEntry | undefined {
    return this.#known[index];
  }

  report(entries: Iterable<PfnEntry>): void {
    for (const entry of entries) this.#known[entry.index] = entry;
  }
}

function sameEntry(a: PfnEntry, b: PfnEntry): boolean {
  return a.flags === b.flags && a.order === b.order && a.pfn === b.pfn;
}
