/** Lists of page frames as tests/golden/hmm writes them: runs of entries that changed. */
import { HMM_PFN, type HmmPfnList } from "@dmalab/runtime/mm";
import type { PfnRun } from "./hmm_data.ts";

/** One letter for each flag, in the order in which they are written. */
const LETTERS: readonly (readonly [string, number])[] = [
  ["V", HMM_PFN.VALID],
  ["W", HMM_PFN.WRITE],
  ["E", HMM_PFN.ERROR],
  ["M", HMM_PFN.DMA_MAPPED],
  ["P", HMM_PFN.P2PDMA],
  ["B", HMM_PFN.P2PDMA_BUS],
];

/** Flags of entries, or what is asked of a range fault. */
export function flagsOf(letters: string): number {
  return LETTERS.reduce((flags, [letter, bit]) => flags + (letters.includes(letter) ? bit : 0), 0);
}

function lettersOf(flags: number): string {
  return LETTERS.filter(([, bit]) => (flags & bit) !== 0).map(([letter]) => letter).join("");
}

export interface PfnEntry {
  readonly index: number;
  readonly flags: number;
  readonly order: number;
  readonly pfn: number;
}

/** The entries of runs, by their index. */
export function entriesOf(runs: readonly PfnRun[]): Map<number, PfnEntry> {
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

/** Entries as runs. The frame number of a run grows along it, or stays. */
export function runsOf(entries: readonly PfnEntry[]): PfnRun[] {
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

/** Writes an entry as a program does: all of it. */
export function writeEntry(list: HmmPfnList, { flags, index, order, pfn }: PfnEntry): void {
  list.clearFlags(index);
  const filled = flags & (HMM_PFN.VALID + HMM_PFN.WRITE + HMM_PFN.ERROR);
  list.replace(index, filled >>> 0, order, pfn);
  list.addFlags(index, flags);
}

/** What was last reported of a list. */
export class ReportedEntries {
  readonly #known: (PfnEntry | undefined)[];

  constructor(private readonly list: HmmPfnList) {
    this.#known = new Array(list.length);
  }

  /** Entries that differ from what was reported last, in their order. */
  changed(): PfnEntry[] {
    const found: PfnEntry[] = [];
    for (let index = 0; index < this.list.length; index++) {
      if (this.#differs(index)) found.push(this.#entry(index));
    }
    return found;
  }

  /** Of these entries, as they are now, those that differ from what was reported last. */
  stillChanged(entries: readonly PfnEntry[]): PfnEntry[] {
    return entries.filter(({ index }) => this.#differs(index))
      .map(({ index }) => this.#entry(index));
  }

  #differs(index: number): boolean {
    const { list } = this;
    const known = this.#known[index];
    const flags = list.flags(index);
    if (known === undefined) return flags !== 0 || list.pfn(index) !== 0;
    return flags !== known.flags || list.order(index) !== known.order ||
      list.pfn(index) !== known.pfn;
  }

  #entry(index: number): PfnEntry {
    const { list } = this;
    return { index, flags: list.flags(index), order: list.order(index), pfn: list.pfn(index) };
  }

  /** An entry as it was reported last. */
  before(index: number): PfnEntry | undefined {
    return this.#known[index];
  }

  report(entries: Iterable<PfnEntry>): void {
    for (const entry of entries) this.#known[entry.index] = entry;
  }
}

export function sameEntry(a: PfnEntry, b: PfnEntry): boolean {
  return a.flags === b.flags && a.order === b.order && a.pfn === b.pfn;
}
