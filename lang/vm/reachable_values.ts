/**
 * The size of the script's live values, counted when the memory limit is reached.
 *
 * Code that makes a value charges for it, but nothing is reported when a value is dropped.
 * Therefore the charges are only an upper bound. When they reach the limit, all values that the run
 * can still access are counted again. The count is reproducible: the same run counts at the same
 * places and gets the same sizes.
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

/** The part of the limit that has to be charged before values are counted again. */
const PART = 1 / 16;

/** A text of this length or more is counted once, however many values refer to it. */
const LONG_CHARACTERS = 256;

/** Steps charged for counting one value. */
const COUNT_STEPS = 2;

/** The roots of the values that a run can still access. */
interface ValueHolder {
  /** Slots above the top are live, too, until they are overwritten. */
  readonly stack: readonly (Value | undefined)[];
  /** The greatest call depth so far: memory of frames is kept for later calls. */
  readonly deepest: number;
  readonly globals: readonly (Value | undefined)[];
  readonly walks: readonly (Walked | undefined)[];
  readonly branches: { readonly resolvedChoices: ReadonlyMap<number, Value> };
  readonly result: Value;
}

export class ReachableValues {
  /** Parts of values that builtins are currently building. */
  readonly #made: (readonly Value[])[] = [];
  /** Size at the last count, in bytes. */
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
    // Little was charged since the last count, so nearly all values are live. Counting again would
    // only cost time.
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

/** One traversal of values that share parts: each part is counted once. */
class ReachabilityWalk {
  bytes = 0;
  count = 0;
  readonly #long = new Set<string>();
  /**
   * Values that were found and must still be traversed. A chain of values needs only one entry,
   * however long it is.
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
