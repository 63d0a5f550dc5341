/**
 * Mappings that a driver uses alike, and which of those live at the end are leaked.
 *
 * A mapping is overtaken by each newer one that is unmapped before it. A ring unmaps in the order of
 * its maps, or nearly: no live buffer of it was overtaken more often than those already unmapped. And
 * it maps one for each that it unmaps: the number of live ones stays what the ring was filled with.
 *
 * @see rules/traces.md T.66
 */
import { type Linked, LiveList } from "./live_list.ts";

/** Slots in the order of their use: how many behind one are in use. A Fenwick tree. */
class Ranks {
  #sums = new Int32Array(64);
  #next = 0;
  #used = 0;

  get isFull(): boolean {
    return this.#next === this.#sums.length;
  }

  /** Uses the next slot. */
  add(): number {
    this.#change(this.#next, 1);
    this.#used++;
    return this.#next++;
  }

  remove(slot: number): void {
    this.#change(slot, -1);
    this.#used--;
  }

  /** How many slots behind this one are in use. */
  above(slot: number): number {
    let upTo = 0;
    for (let at = slot + 1; at > 0; at -= at & -at) upTo += this.#sums[at - 1]!;
    return this.#used - upTo;
  }

  /** Frees all slots, and makes room for at least twice so many. */
  clear(count: number): void {
    this.#sums = new Int32Array(Math.max(64, 4 * count));
    this.#next = 0;
    this.#used = 0;
  }

  #change(slot: number, by: number): void {
    for (let at = slot + 1; at <= this.#sums.length; at += at & -at) this.#sums[at - 1]! += by;
  }
}

/** A live mapping may be leaked when so many newer ones of the same use were unmapped. */
const LATER_UNMAPS = 3;
/** A leaked mapping was overtaken this many times as often as any that was unmapped. */
const OVERTAKEN_TIMES = 2;
/** A mapping left by a burst is live this many times as long as any other was. */
const LEFT_TIMES = 10;
/** So many maps in a row, with no unmap between them, fill a ring. */
const FILLING = 8;

/**
 * The place of a live mapping among those of its use: a part of the mapping itself, because there
 * are many mappings.
 */
export interface RingPlace<Mapping> extends Linked<Mapping> {
  readonly mappedAt: { readonly seconds: number };
  /** How many were mapped before it. */
  mapsBefore: number;
  /** How many were unmapped before it. */
  unmapsBefore: number;
  ringSlot: number;
  /** It was live through a silence, in which its unmap may not have been traced. */
  isUnseen: boolean;
}

/** @typeParam Mapping What is mapped and unmapped. */
export class Siblings<Mapping extends RingPlace<Mapping>> {
  maps = 0;
  #unmaps = 0;
  /** Live mappings: the ones that lived through a silence, then the others in the order of their maps. */
  readonly #unseen = new LiveList<Mapping>();
  readonly #seen = new LiveList<Mapping>();
  readonly #ranks = new Ranks();
  /** The largest count of overtakings among the unmapped mappings. */
  #mostOvertaken = 0;
  /** The number of live ones, less the ones that were unmapped and never seen mapped. */
  #level = 0;
  #mostLevel = 0;
  /** How far the level rose by single maps, and not by a ring being filled. */
  #grown = 0;
  /** How many silences it knows of. */
  #silences: number;
  /** Maps since the last unmap, and how far they raised the highest level. */
  #run = 0;
  #rise = 0;
  /** How long the one that lived longest did. */
  #longestSeconds = 0;
  /** When the last one was unmapped with none left live; null while any is. */
  #drainedSeconds: number | null = null;
  /** How often maps followed only after a pause, with none live in it: bursts, and no ring. */
  #bursts = 0;

  /**
   * @param trace The trace with the silences: a mapping that is live in one may be unmapped unseen.
   */
  constructor(readonly trace: { readonly silences: number }) {
    this.#silences = trace.silences;
  }

  map(mapping: Mapping): void {
    const { seconds } = mapping.mappedAt;
    this.#passSilence();
    const drained = this.#drainedSeconds;
    if (drained !== null && seconds - drained > this.#longestSeconds) this.#bursts++;
    this.#drainedSeconds = null;
    if (this.#ranks.isFull) this.#renumber();
    mapping.ringSlot = this.#ranks.add();
    mapping.mapsBefore = this.maps++;
    mapping.unmapsBefore = this.#unmaps;
    mapping.isUnseen = false;
    this.#seen.add(mapping);
    this.#run++;
    if (++this.#level <= this.#mostLevel) return;
    this.#mostLevel = this.#level;
    this.#rise++;
  }

  unmap(mapping: Mapping, seconds: number): void {
    this.#passSilence();
    if (this.#listOf(mapping).has(mapping)) {
      this.#mostOvertaken = Math.max(this.#mostOvertaken, this.#overtaken(mapping));
      const liveSeconds = seconds - mapping.mappedAt.seconds;
      this.#longestSeconds = Math.max(this.#longestSeconds, liveSeconds);
    }
    this.forget(mapping);
    this.#noteUnmap();
    if (this.#liveCount === 0) this.#drainedSeconds = seconds;
  }

  /** An unmap of one that was mapped before the trace. */
  unmapOlder(): void {
    this.#passSilence();
    this.#level--;
    this.#noteUnmap();
  }

  /** A mapping is no longer live, by a line that is missing. */
  forget(mapping: Mapping): void {
    this.#passSilence();
    if (!this.#listOf(mapping).delete(mapping)) return;
    this.#ranks.remove(mapping.ringSlot);
    this.#level--;
  }

  /**
   * Nothing was traced for long: only a mapping that was late already is known to be live. All that are
   * older than a late one are late, too.
   */
  #passSilence(): void {
    if (this.trace.silences === this.#silences) return;
    this.#silences = this.trace.silences;
    for (;;) {
      const { newest } = this.#seen;
      if (newest === null || this.#isLate(newest)) return;
      this.#seen.delete(newest);
      newest.isUnseen = true;
      this.#unseen.add(newest);
    }
  }

  #listOf({ isUnseen }: Mapping): LiveList<Mapping> {
    return isUnseen ? this.#unseen : this.#seen;
  }

  get #liveCount(): number {
    return this.#seen.size + this.#unseen.size;
  }

  /** All that are live, in the order of their maps. */
  #live(): Mapping[] {
    const seen = this.#seen.all();
    if (this.#unseen.size === 0) return seen;
    return [...this.#unseen.all().reverse(), ...seen].sort((a, b) => a.mapsBefore - b.mapsBefore);
  }

  /** Those that seem leaked, by their maps, and whether each surely is live. */
  leaked(): ReadonlyMap<Mapping, boolean> {
    this.#passSilence();
    const live = this.#live();
    const fillings = this.#fillings(live);
    const late = live.filter((mapping) => !fillings.has(mapping) && this.#isLate(mapping));
    const isGrown = late.length <= this.#grown + this.#grownInRun();
    return new Map(late.map((mapping) => [mapping, isGrown && !mapping.isUnseen]));
  }

  /**
   * Those that the last burst of maps has left, few and for far longer than any lived: no request in
   * flight, and no ring, which is never empty.
   *
   * @param seconds When the trace ends.
   * @returns With each whether bursts before have left none.
   */
  leftBehind(seconds: number): ReadonlyMap<Mapping, boolean> {
    const liveCount = this.#liveCount;
    const isFew = liveCount * FILLING <= (this.#bursts > 0 ? this.#unmaps : this.#mostLevel);
    if (liveCount === 0 || !isFew || this.#longestSeconds === 0) return new Map();
    const isUsual = this.#bursts >= LATER_UNMAPS;
    const left = this.#seen.all().filter(({ mappedAt }) =>
      seconds - mappedAt.seconds > LEFT_TIMES * this.#longestSeconds
    );
    // Others are still in flight, or the ring is slow.
    return new Map(left.length < liveCount ? [] : left.map((mapping) => [mapping, isUsual]));
  }

  /** Whether it was overtaken far more often than any other was. */
  #isLate(mapping: Mapping): boolean {
    return this.#overtaken(mapping) >=
      Math.max(LATER_UNMAPS, OVERTAKEN_TIMES * this.#mostOvertaken + 1);
  }

  /** How far maps since the last unmap raised the level, unless they fill a ring. */
  #grownInRun(): number {
    return this.#rise >= FILLING && this.#rise * 2 > this.#run ? 0 : this.#rise;
  }

  #noteUnmap(): void {
    this.#unmaps++;
    this.#grown += this.#grownInRun();
    this.#run = 0;
    this.#rise = 0;
  }

  /** Newer ones that are no longer live. */
  #overtaken({ mapsBefore, ringSlot }: Mapping): number {
    return this.maps - 1 - mapsBefore - this.#ranks.above(ringSlot);
  }

  /** Live ones that were mapped in a row and are all live: a ring that is not used. */
  #fillings(live: readonly Mapping[]): ReadonlySet<Mapping> {
    const found = new Set<Mapping>();
    let row: Mapping[] = [];
    let last: Mapping | null = null;
    const end = () => {
      if (row.length >= FILLING) { for (const mapping of row) found.add(mapping); }
    };
    for (const mapping of live) {
      const isNext = last !== null && mapping.mapsBefore === last.mapsBefore + 1 &&
        mapping.unmapsBefore === last.unmapsBefore;
      if (!isNext) {
        end();
        row = [];
      }
      row.push(mapping);
      last = mapping;
    }
    end();
    return found;
  }

  #renumber(): void {
    this.#ranks.clear(this.#liveCount);
    for (const mapping of this.#live()) mapping.ringSlot = this.#ranks.add();
  }
}
