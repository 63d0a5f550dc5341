/**
 * Values of the language while it runs.
 *
 * A plain int is an unboxed number, because loops count with it. A number with a kind (a size, a
 * duration, an address) is a `Quantity`. Things of the machine are `Handle`s: a description of the
 * type and the runtime object itself.
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

/** What may have large parts, and share them. */
export abstract class TracedValue {
  /** The last walk over all values that visited it: it counts each once. */
  walk: object | null = null;
}

/**
 * The maker of a list or a record. A script may change its own in place. A `const` never changes,
 * nor does a result of the machine: a change would have no effect there.
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

  /** The items as they are now, for a walk during which the script may change the list. */
  walked(): readonly Value[] {
    this.#isWalked = true;
    return this.#items;
  }

  /** The items to be changed. A walk in progress continues with the old ones. */
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

  /** One of the same sort without entries. */
  emptied(): RecordValue {
    return new RecordValue(new Map(), this.maker);
  }
}

/** What `try` gave, and where in the recorded events it ended. */
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

/** A function of the script: code and the values it closes over. The VM knows its inside. */
export class Closure extends TracedValue {
  constructor(
    readonly functionIndex: number,
    readonly captured: readonly Value[],
    readonly name: string,
  ) {
    super();
  }
}

/** A thing of the machine: a device, a buffer, a request, a trace … */
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
