/**
 * Values of the language at run time.
 *
 * A plain int is a plain JavaScript number, because loops count with it. A number with a kind (a
 * size, a duration, an address) is a `Quantity`. Objects of the machine are `Handle`s: a
 * description of the type, and the runtime object itself.
 */
import type { HandleType } from "./spec.ts";

export type QuantityType = "size" | "duration" | "phys" | "dma" | "virt";

/** A number with a unit or an address space: bytes, nanoseconds, a physical or a DMA address. */
export class Quantity {
  constructor(readonly kind: QuantityType, readonly value: number) {}
}

/** A decimal number: only for ratios. */
export class Ratio {
  constructor(readonly value: number) {}
}

/** A named constant, compared by its name: `strict`, `read`, `OK`, `EINVAL`, `to_device`. */
export class EnumValue {
  constructor(readonly name: string) {}
}

/** A value that may have large parts, and share them with other values. */
export abstract class TracedValue {
  /** The last traversal that visited the value, so that a traversal counts the value only once. */
  walk: object | null = null;
}

/**
 * The maker of a list or a record. A script may change only its own lists and records in place. A
 * `const` and a result of the machine never change: changing such a result would have no effect on
 * the machine.
 */
export type Maker = "script" | "const" | "machine";

/** Items in order. `lang/values/changes.ts` is the one place that changes them. */
export class ListValue extends TracedValue {
  #items: readonly Value[];
  #isWalked = false;

  constructor(items: readonly Value[], public maker: Maker = "machine") {
    super();
    this.#items = items;
  }

  get items(): readonly Value[] {
    return this.#items;
  }

  /** The current items, for a traversal during which the script may change the list. */
  walked(): readonly Value[] {
    this.#isWalked = true;
    return this.#items;
  }

  /**
   * The items, for a caller that changes them. A traversal in progress continues with the old
   * items.
   */
  changing(charge: (items: number) => void): Value[] {
    if (this.#isWalked) {
      charge(this.#items.length);
      this.#items = this.#items.slice();
      this.#isWalked = false;
    }
    return this.#items as Value[];
  }
}

/** Named values. `lang/values/changes.ts` is the one place that changes them. */
export class RecordValue extends TracedValue {
  constructor(
    readonly entries: ReadonlyMap<string, Value>,
    public maker: Maker = "machine",
  ) {
    super();
  }

  /** An empty record of the same class and maker. */
  emptied(): RecordValue {
    return new RecordValue(new Map(), this.maker);
  }
}

/** The result of `try`, and the number of recorded events at its end. */
export class AttemptValue extends RecordValue {
  constructor(entries: ReadonlyMap<string, Value>, readonly events: number) {
    super(entries);
  }

  override emptied(): AttemptValue {
    return new AttemptValue(new Map(), this.events);
  }
}

/** `first` up to, not including, `end`. Both ends have the same kind. */
export class RangeValue {
  constructor(readonly first: number, readonly end: number, readonly kind: QuantityType | "int") {}
}

export class BytesValue extends TracedValue {
  constructor(readonly bytes: Uint8Array) {
    super();
  }
}

/** A function of the script: code and captured values, which only the VM interprets. */
export class Closure extends TracedValue {
  constructor(
    readonly functionIndex: number,
    readonly captured: readonly Value[],
    readonly name: string,
  ) {
    super();
  }
}

/** An object of the machine: a device, a buffer, a request, a trace … */
export class Handle<T = unknown> {
  constructor(readonly type: HandleType, readonly target: T) {}
}

/** @internal */
export type Value =
  | number
  | boolean
  | string
  | null
  | Quantity
  | Ratio
  | EnumValue
  | ListValue
  | RecordValue
  | RangeValue
  | BytesValue
  | Closure
  | Handle;
