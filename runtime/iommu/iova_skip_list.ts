/**
 * In an address space with thousands of ranges, stores where earlier searches found no gap. Later
 * searches skip these parts.
 *
 * The structure is a skip list: some nodes of the address-ordered list are also on levels above it,
 * and each level is a list of an eighth of the nodes of the level below. A span reaches from a node
 * on a level to the next lower node on that level. Each span stores the smallest aligned size that
 * fits into no gap of the span. A gap that holds a larger aligned size also holds a smaller one, so
 * a search for the stored size or more skips the span and still finds the same gap.
 *
 * A node's index decides its level. The index is hashed, so that no pattern of frees removes all
 * nodes of a level. A new range only makes a gap smaller, so the stored sizes stay valid. When a
 * range is freed, the gap grows that lies below the next higher range, so the sizes of the spans
 * with that gap become unknown.
 */

import { invariant } from "../errno.ts";

/**
 * Index of the ranges' anchor, which is on every level. The floor, node 0, is on no level;
 * therefore a link to 0 marks the end of a level.
 */
const ANCHOR = 1;
const FANOUT_BITS = 3;
const FANOUT_MASK = 2 ** FANOUT_BITS - 1;
const LEVELS = 6;
/** Marks a span about which nothing is known. */
const UNKNOWN = Infinity;
/** 2^32 divided by the golden ratio (Knuth, TAOCP 6.4). */
const HASH_MULTIPLIER = 0x9e3779b1;

/** Whether a node is also on the level above: true for one of every eight indices. */
function rises(index: number): boolean {
  const spread = Math.imul(index >> FANOUT_BITS, HASH_MULTIPLIER) >>> (32 - FANOUT_BITS);
  return index > FANOUT_MASK && (index & FANOUT_MASK) === spread;
}

/** The number of levels of a node. */
function heightOf(node: number): number {
  if (node === ANCHOR) return LEVELS;
  let height = 0;
  for (let index = node; height < LEVELS && rises(index); index >>= FANOUT_BITS) height++;
  return height;
}

/**
 * One level. A node's place in the level's arrays is the node's index without its low bits. For a
 * node on this level, the other bits of the index determine these low bits.
 */
class Level {
  readonly #shift: number;
  #lower = new Int32Array(8);
  #higher = new Int32Array(8);
  #failing = new Float64Array(8).fill(UNKNOWN);

  constructor(level: number) {
    this.#shift = FANOUT_BITS * (level + 1);
  }

  get hostBytes(): number {
    return this.#lower.byteLength + this.#higher.byteLength + this.#failing.byteLength;
  }

  lowerThan(node: number): number {
    return this.#lower[node >> this.#shift]!;
  }

  higherThan(node: number): number {
    return this.#higher[node >> this.#shift]!;
  }

  /**
   * The smallest aligned size that is known to fit nowhere in the span from a node down to the next
   * lower node on this level.
   */
  failing(node: number): number {
    return this.#failing[node >> this.#shift]!;
  }

  learn(node: number, pfns: number): void {
    this.#failing[node >> this.#shift] = pfns;
  }

  /**
   * Inserts a node into the span that reaches from `higher` down to the next lower node. Each of
   * the two new spans keeps the size that was stored for the whole span.
   */
  insert(node: number, higher: number): void {
    invariant(node !== higher, "A node of a skip list is its own neighbour");
    const place = node >> this.#shift;
    if (place >= this.#lower.length) this.#grow(place + 1);
    const lower = this.lowerThan(higher);
    this.#lower[place] = lower;
    this.#higher[place] = higher;
    this.#failing[place] = this.failing(higher);
    this.#lower[higher >> this.#shift] = node;
    if (lower !== 0) this.#higher[lower >> this.#shift] = node;
  }

  remove(node: number): void {
    const [lower, higher] = [this.lowerThan(node), this.higherThan(node)];
    invariant(this.lowerThan(higher) === node, "A node that leaves a skip list is not in it");
    this.#lower[higher >> this.#shift] = lower;
    if (lower !== 0) this.#higher[lower >> this.#shift] = higher;
  }

  #grow(places: number): void {
    const room = Math.max(places, Math.ceil(this.#lower.length * 1.5));
    const [lower, higher, failing] = [this.#lower, this.#higher, this.#failing];
    (this.#lower = new Int32Array(room)).set(lower);
    (this.#higher = new Int32Array(room)).set(higher);
    (this.#failing = new Float64Array(room)).set(failing);
  }
}

export class IovaSkipList {
  readonly #levels = Array.from({ length: LEVELS }, (_, level) => new Level(level));
  /**
   * By level: the node at which the current span begins, if the search entered the span there; else
   * 0.
   */
  readonly #entered = new Int32Array(LEVELS);

  get hostBytes(): number {
    return this.#levels.reduce((bytes, level) => bytes + level.hostBytes, 0);
  }

  /** Begins a search downwards. */
  begin(): void {
    this.#entered.fill(0);
  }

  /**
   * The node at which a search continues after it reached the node `from` without finding a gap.
   *
   * @param from A node; the search's limit does not cut the gap below this node.
   * @param pfns An aligned size.
   * @returns `from`, or a lower node; no gap between the two is large enough.
   */
  skip(from: number, pfns: number): number {
    let node = from;
    while (rises(node)) {
      const next = this.#skipSpan(node, pfns);
      if (next === node) break;
      node = next;
    }
    return node;
  }

  /** Updates the spans that end at a node; returns the end of the longest span that can be skipped. */
  #skipSpan(node: number, pfns: number): number {
    const entered = this.#entered;
    let end = node;
    let skips = true;
    for (let level = 0, index = node; level < LEVELS && rises(index); level++) {
      index >>= FANOUT_BITS;
      const spans = this.#levels[level]!;
      if (entered[level] !== 0) spans.learn(entered[level]!, pfns);
      // A size that fits nowhere in a span fits nowhere in the spans inside it.
      skips &&= spans.failing(node) <= pfns;
      if (skips) end = spans.lowerThan(node);
      entered[level] = skips ? 0 : node;
    }
    return end;
  }

  /** Adds a new node. @param links The ranges' links, including the node: next lower, next higher. */
  insert(node: number, links: Int32Array): void {
    if (!rises(node)) return;
    const height = heightOf(node);
    let higher = links[2 * node + 1]!;
    for (let level = 0; level < height; level++) {
      higher = this.#riseTo(level, higher, links);
      this.#levels[level]!.insert(node, higher);
    }
  }

  /** Removes a node. @param links The ranges' links, still including the node. */
  remove(node: number, links: Int32Array): void {
    const height = heightOf(node);
    for (let level = 0; level < height; level++) this.#levels[level]!.remove(node);
    let higher = links[2 * node + 1]!;
    for (let level = 0; level < LEVELS; level++) {
      higher = this.#riseTo(level, higher, links);
      const known = this.#levels[level]!.failing(higher) !== UNKNOWN;
      // If nothing is known about a span, nothing is known about the spans that contain it.
      if (!known && level >= height) return;
      this.#levels[level]!.learn(higher, UNKNOWN);
    }
  }

  /** The first node on a level, walking upwards from a node on the level below. */
  #riseTo(level: number, from: number, links: Int32Array): number {
    let node = from;
    if (level === 0) {
      while (node !== ANCHOR && !rises(node)) node = links[2 * node + 1]!;
      return node;
    }
    const below = this.#levels[level - 1]!;
    const shift = FANOUT_BITS * level;
    while (node !== ANCHOR && !rises(node >> shift)) node = below.higherThan(node);
    return node;
  }
}
