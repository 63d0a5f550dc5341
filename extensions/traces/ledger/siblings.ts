/**
 * A group contains mappings that a driver uses in the same way. This file determines which of a
 * group's mappings are leaked, among the mappings that are live at the end.
 *
 * A mapping is overtaken by each newer mapping that is unmapped before it. A ring unmaps its buffers
 * in the order of their maps, or nearly in this order: the buffers that are live were overtaken at
 * most as often as the buffers already unmapped. A ring also maps a buffer for each buffer that it
 * unmaps, so the number of live buffers stays at the size of the ring.
 *
 * @see rules/traces.md T.66
 */
import { type Linked, LiveList } from "./live_list.ts";

/** Slots of a group that has no tree yet: the bits of a number that V8 does not allocate. */
const FIRST_SLOTS = 30;
const NO_TREE = new Int32Array(0);

/**
 * Counts how many slots after a given slot are in use. Slots are numbered in the order of their use. The first slots
 * are bits, because most groups of a trace with many devices have few mappings; more slots are a Fenwick tree.
 */
class Ranks {
  #bits = 0;
  #sums = NO_TREE;
  #next = 0;
  #used = 0;

  get isFull(): boolean {
    return this.#next === (this.#sums.length || FIRST_SLOTS);
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

  /** Number of the slots after a given slot that are in use. */
  above(slot: number): number {
    if (this.#sums.length === 0) return bitCount(this.#bits >> slot + 1);
    let upTo = 0;
    for (let at = slot + 1; at > 0; at -= at & -at) upTo += this.#sums[at - 1]!;
    return this.#used - upTo;
  }

  /** Frees all slots, and makes room for at least twice `count` slots. */
  clear(count: number): void {
    this.#sums = new Int32Array(Math.max(64, 4 * count));
    this.#next = 0;
    this.#used = 0;
  }

  #change(slot: number, by: number): void {
    if (this.#sums.length === 0) this.#bits ^= 1 << slot;
    for (let at = slot + 1; at <= this.#sums.length; at += at & -at) this.#sums[at - 1]! += by;
  }
}

function bitCount(bits: number): number {
  let count = 0;
  for (let left = bits; left !== 0; left &= left - 1) count++;
  return count;
}

/** A live mapping may be leaked if this many newer mappings of the group were unmapped. */
const LATER_UNMAPS = 3;
/** A leaked mapping was overtaken this many times as often as any unmapped mapping. */
const OVERTAKEN_TIMES = 2;
/**
 * A burst left a mapping behind if the mapping is live this many times as long as any unmapped
 * mapping was.
 */
const LEFT_TIMES = 10;
/** This many maps in a row, without an unmap between them, count as filling a ring. */
const FILLING = 8;

/**
 * The position of a live mapping in its group. The position is stored in fields of the mapping
 * itself, because there are many mappings.
 */
export interface RingPlace<Mapping> extends Linked<Mapping> {
  readonly mappedAt: { readonly seconds: number };
  /** Number of mappings of the group that were mapped before this mapping. */
  mapsBefore: number;
  /** Number of mappings of the group that were unmapped before this mapping was made. */
  unmapsBefore: number;
  ringSlot: number;
  /** Whether the mapping was live during a silence, in which its unmap may not have been traced. */
  isUnseen: boolean;
}

/** @typeParam Mapping What is mapped and unmapped. */
export class Siblings<Mapping extends RingPlace<Mapping>> {
  maps = 0;
  #unmaps = 0;
  /**
   * Live mappings in the order of their maps. `#unseen` has the mappings that were live during a
   * silence, `#seen` the others.
   */
  readonly #unseen = new LiveList<Mapping>();
  readonly #seen = new LiveList<Mapping>();
  readonly #ranks = new Ranks();
  /** The largest overtaking count of any unmapped mapping. */
  #mostOvertaken = 0;
  /** Number of live mappings, minus the unmaps of mappings that were never seen mapped. */
  #level = 0;
  #mostLevel = 0;
  /**
   * How far the largest number of live mappings was raised by single maps, not by maps that fill a
   * ring.
   */
  #grown = 0;
  /** Number of silences that have been taken into account. */
  #silences: number;
  /** Number of maps since the last unmap. `#rise`: how far these maps raised the highest level. */
  #run = 0;
  #rise = 0;
  /** The longest time that any unmapped mapping was live. */
  #longestSeconds = 0;
  /** When the last live mapping was unmapped; null while any mapping is live. */
  #drainedSeconds: number | null = null;
  /**
   * How often the group had no live mappings for a while before it mapped again. This is a sign of
   * bursts rather than of a ring.
   */
  #bursts = 0;

  /**
   * @param trace The trace with its number of silences. A mapping that is live during a silence may
   *   be unmapped in it, without a line.
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

  /** Notes an unmap of a mapping that was mapped before the trace. */
  unmapOlder(): void {
    this.#passSilence();
    this.#level--;
    this.#noteUnmap();
  }

  /** Notes that a mapping is no longer live, also if the line of its unmap is missing. */
  forget(mapping: Mapping): void {
    this.#passSilence();
    if (!this.#listOf(mapping).delete(mapping)) return;
    this.#ranks.remove(mapping.ringSlot);
    this.#level--;
  }

  /**
   * After a silence, only mappings that were already late before it are known to be live. All mappings
   * older than a late mapping are late too.
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

  /** All live mappings, in the order of their maps. */
  #live(): Mapping[] {
    const seen = this.#seen.all();
    if (this.#unseen.size === 0) return seen;
    return [...this.#unseen.all().reverse(), ...seen].sort((a, b) => a.mapsBefore - b.mapsBefore);
  }

  /** The mappings that seem leaked, each with whether it is certainly live. */
  leaked(): ReadonlyMap<Mapping, boolean> {
    this.#passSilence();
    const live = this.#live();
    const fillings = this.#fillings(live);
    const late = live.filter((mapping) => !fillings.has(mapping) && this.#isLate(mapping));
    const isGrown = late.length <= this.#grown + this.#grownInRun();
    return new Map(late.map((mapping) => [mapping, isGrown && !mapping.isUnseen]));
  }

  /**
   * The mappings that the last burst left behind. They are few, and live far longer than any
   * unmapped mapping was. Therefore they are no requests in flight. They are no ring either,
   * because a ring is never empty.
   *
   * @param seconds When the trace ends.
   * @returns For each mapping, true if earlier bursts unmapped all of their mappings.
   */
  leftBehind(seconds: number): ReadonlyMap<Mapping, boolean> {
    const liveCount = this.#liveCount;
    const isFew = liveCount * FILLING <= (this.#bursts > 0 ? this.#unmaps : this.#mostLevel);
    if (liveCount === 0 || !isFew || this.#longestSeconds === 0) return new Map();
    const isUsual = this.#bursts >= LATER_UNMAPS;
    const left = this.#seen.all().filter(({ mappedAt }) =>
      seconds - mappedAt.seconds > LEFT_TIMES * this.#longestSeconds
    );
    // If other mappings are live too, the mappings in `left` are still in flight, or a ring is
    // slow.
    return new Map(left.length < liveCount ? [] : left.map((mapping) => [mapping, isUsual]));
  }

  /** Whether a mapping was overtaken far more often than any unmapped one. */
  #isLate(mapping: Mapping): boolean {
    return this.#overtaken(mapping) >=
      Math.max(LATER_UNMAPS, OVERTAKEN_TIMES * this.#mostOvertaken + 1);
  }

  /** How far the maps since the last unmap raised the highest level; 0 if these maps fill a ring. */
  #grownInRun(): number {
    return this.#rise >= FILLING && this.#rise * 2 > this.#run ? 0 : this.#rise;
  }

  #noteUnmap(): void {
    this.#unmaps++;
    this.#grown += this.#grownInRun();
    this.#run = 0;
    this.#rise = 0;
  }

  /** Number of newer mappings that are no longer live. */
  #overtaken({ mapsBefore, ringSlot }: Mapping): number {
    return this.maps - 1 - mapsBefore - this.#ranks.above(ringSlot);
  }

  /**
   * Live mappings that were mapped in a row and are all still live: the buffers of a ring that is
   * not in use.
   */
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
