/**
 * The size of the script's live values, counted when the limit of memory is reached.
 *
 * Code that makes a value charges for it, and nothing reports when one is dropped. So the charges
 * only say how much there can be at most; when that is as much as there may be, everything that the
 * run can still come to is counted anew. The same run counts at the same places and finds the same.
 */
import type { HostBudget } from "@dmalab/runtime";
import {
  CALL_BYTES,
  CHARACTER_BYTES,
  CLOSURE_BYTES,
  ENTRY_BYTES,
  ITEM_BYTES,
  LIST_BYTES,
  NEW_ITEM_BYTES,
  RECORD_BYTES,
  SLOT_BYTES,
} from "../values/limits.ts";
import type { Walk as Walked } from "./collections.ts";
import {
  BytesValue,
  Closure,
  ListValue,
  RecordValue,
  TracedValue,
  type Value,
} from "../values/value.ts";

/** The part of the limit that has to be charged again before values are counted again. */
const PART = 1 / 16;

/** Texts of so many characters are counted once, however often they are held. */
const LONG_CHARACTERS = 256;

/** The steps of counting a value. */
const COUNT_STEPS = 2;

/** Where values are that a run can still come to. */
interface ValueHolder {
  /** What lies above the top is held too, until it is written over. */
  readonly stack: readonly (Value | undefined)[];
  /** The greatest depth of calls: their memory is kept for later ones. */
  readonly deepest: number;
  readonly globals: readonly (Value | undefined)[];
  readonly walks: readonly (Walked | undefined)[];
  readonly branches: { readonly resolvedChoices: ReadonlyMap<number, Value> };
  readonly result: Value;
}

export class ReachableValues {
  /** Parts of what builtins are making. */
  readonly #made: (readonly Value[])[] = [];
  /** Bytes that were counted last. */
  #countedBytes = 0;

  constructor(readonly budget: HostBudget, readonly holder: ValueHolder) {
    const count = () => this.#count();
    budget.onFull = count;
  }

  keepWhile<T>(items: readonly Value[], make: () => T): T {
    this.#made.push(items);
    try {
      return make();
    } finally {
      this.#made.pop();
    }
  }

  #count(): void {
    const { budget } = this;
    // Nearly all of it is held: to look at each further byte would take for ever.
    if (budget.valueBytes - this.#countedBytes < PART * budget.limitBytes) return;
    const walk = new ReachabilityWalk();
    for (const value of rootsOf(this.holder)) walk.add(value);
    for (const items of this.#made) for (const value of items) walk.add(value);
    const { deepest, stack } = this.holder;
    const stackBytes = SLOT_BYTES * stack.length + CALL_BYTES * deepest;
    this.#countedBytes = Math.min(budget.valueBytes, walk.bytes + stackBytes);
    budget.valueBytes = this.#countedBytes;
    budget.work(COUNT_STEPS * walk.count);
  }
}

function* rootsOf(holder: ValueHolder): Generator<Value | undefined> {
  yield* holder.stack;
  yield* holder.globals;
  yield* holder.branches.resolvedChoices.values();
  for (const walk of holder.walks) yield walk?.source;
  yield holder.result;
}

/** One walk over values that share parts: each part is counted once. */
class ReachabilityWalk {
  bytes = 0;
  count = 0;
  readonly #long = new Set<string>();
  /**
   * Values that were met and are still to be examined. A chain, however long, has one link in it.
   */
  readonly #open: TracedValue[] = [];

  add(value: Value | undefined): void {
    this.#meet(value);
    for (let next = this.#open.pop(); next !== undefined; next = this.#open.pop()) {
      this.#lookInto(next);
    }
  }

  #meet(value: Value | undefined): void {
    this.count++;
    if (typeof value === "string") this.#addText(value);
    if (typeof value !== "object" || value === null) return;
    if (!(value instanceof TracedValue)) this.bytes += NEW_ITEM_BYTES;
    else if (value.walk !== this) {
      value.walk = this;
      this.#open.push(value);
    }
  }

  #lookInto(value: TracedValue): void {
    if (value instanceof ListValue) {
      this.bytes += LIST_BYTES + ITEM_BYTES * value.items.length;
      for (const item of value.items) this.#meet(item);
    } else if (value instanceof RecordValue) {
      this.bytes += RECORD_BYTES + ENTRY_BYTES * value.entries.size;
      for (const entry of value.entries.values()) this.#meet(entry);
    } else if (value instanceof Closure) {
      this.bytes += CLOSURE_BYTES + ITEM_BYTES * value.captured.length;
      for (const part of value.captured) this.#meet(part);
    } else if (value instanceof BytesValue) this.bytes += value.bytes.length;
  }

  #addText(text: string): void {
    if (text.length >= LONG_CHARACTERS) {
      if (this.#long.has(text)) return;
      this.#long.add(text);
    }
    this.bytes += CHARACTER_BYTES * text.length;
  }
}
