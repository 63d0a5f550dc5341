/**
 * Converts values of the language to the runtime's arguments, and back.
 *
 * The checker and the VM compare arguments with the kinds in a builtin's entry. Therefore a wrong
 * kind found in this file is either inside a list or record, or came through `any`.
 */
import { type Bytes, errnoName, KernelError, type PhysAddr } from "@dmalab/runtime";
import {
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "@dmalab/runtime/dma";
import { formatValue } from "../render/value_text.ts";
import { capitalized, typeText } from "../values/value_types.ts";
import { describeValue, mixHint } from "../values/operators.ts";
import { KindError, ScriptError, ValueError } from "../values/script_error.ts";
import { isOfType } from "../values/types.ts";
import {
  EnumValue,
  Handle,
  ListValue,
  Quantity,
  RecordValue,
  type Value,
} from "../values/value.ts";
import type { HandleType } from "../values/spec.ts";

export function size(sizeBytes: Bytes): Quantity {
  return new Quantity("size", sizeBytes);
}

/** True when a value is a handle of that type or of one that extends it. */
export function isHandle<T>(value: Value | undefined, type: HandleType<T>): value is Handle<T> {
  return value instanceof Handle && (value.type === type || isOfType(value.type, type.name));
}

/** The target of a handle. Throws when the value is not a handle of that type. */
export function toHandle<T>(value: Value | undefined, type: HandleType<T>, what: string): T {
  if (isHandle(value, type)) return value.target;
  throw wrongType(value, what, typeText(`@${type.name}`));
}

/** An int within bounds, both included. */
export function toInt(
  value: Value | undefined,
  what: string,
  min: number = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number") throw wrongType(value, what, "an int");
  if (value < min || value > max) {
    throw new ValueError(`Cannot use ${value} as ${what}: it must be from ${min} to ${max}`);
  }
  return value;
}

/** A plain int, or a number of `kind`; neither may be negative. */
function toAmount(value: Value | undefined, kind: "size" | "phys", what: string): number {
  const number = value instanceof Quantity && value.kind === kind ? value.value : value;
  if (typeof number !== "number") {
    const hint = value instanceof Quantity ? mixHint("==", kind, value.kind) : null;
    throw wrongType(value, what, typeText(kind), hint);
  }
  if (number >= 0) return number;
  throw kind === "size"
    ? new ValueError(`Cannot use ${number} bytes as ${what}`)
    : new ScriptError("E0918", `An address cannot be negative: ${number}`);
}

/** A physical address or plain int. */
export function toPhys(value: Value | undefined, what: string): PhysAddr {
  return toAmount(value, "phys", what) as PhysAddr;
}

/** An entry of a list of memory segments: the record { phys, size }. */
export function toSegment(item: Value, what: string): { phys: PhysAddr; sizeBytes: Bytes } {
  if (!(item instanceof RecordValue)) throw wrongType(item, what, "{ phys, size }");
  const missing = ["phys", "size"].find((key) => !item.entries.has(key));
  if (missing !== undefined) {
    throw new KindError(
      `${capitalized(what)} has no \`${missing}\``,
      "write `{ phys: 0x10_0000, size: 4KiB }`",
    );
  }
  return {
    phys: toPhys(item.entries.get("phys"), `phys of ${what}`),
    sizeBytes: toAmount(item.entries.get("size"), "size", `size of ${what}`),
  };
}

/** A constant's name. */
export function toWord(value: Value | undefined, what: string): string {
  if (value instanceof EnumValue) return value.name;
  throw wrongType(value, what, "a word");
}

export function toItems(value: Value | undefined, what: string): readonly Value[] {
  if (value instanceof ListValue) return value.items;
  throw wrongType(value, what, "a list");
}

const DIRECTIONS: ReadonlyMap<string, DmaDirection> = new Map([
  ["bidirectional", DMA_BIDIRECTIONAL],
  ["to_device", DMA_TO_DEVICE],
  ["from_device", DMA_FROM_DEVICE],
]);

/** The direction that a word names. */
export function toDirection(value: Value | undefined): DmaDirection {
  const name = toWord(value, "dir");
  const dir = DIRECTIONS.get(name);
  if (dir !== undefined) return dir;
  throw new ValueError(
    `Cannot use ${name} as dir`,
    "write to_device, from_device or bidirectional",
  );
}

/** Attributes as bits: one word, or a list of words. */
export function toAttributes(value: Value): number {
  const items = value instanceof ListValue ? value.items : [value];
  let attrs = 0;
  for (const item of items) {
    const name = toWord(item, "attrs");
    const bit = DMA_ATTR[name.toUpperCase() as keyof typeof DMA_ATTR];
    if (bit === undefined) {
      throw new ValueError(
        `Cannot use ${name} as an attribute`,
        `write one of ${Object.keys(DMA_ATTR).map((attr) => attr.toLowerCase()).join(", ")}`,
      );
    }
    attrs |= bit;
  }
  return attrs;
}

/** The error for a failed kernel function. */
export function failure(result: number, what: string): KernelError {
  return new KernelError(errnoName(result), what);
}

/** Raises the errno that a kernel function returned, unless it is 0. */
export function raiseErrno(result: number, what: string): void {
  if (result < 0) throw failure(result, what);
}

/** The error for a value of a wrong kind. */
export function wrongType(
  value: Value | undefined,
  what: string,
  wanted: string,
  hint: string | null = null,
): ScriptError {
  const given = value === undefined || value === null
    ? "none"
    : value instanceof EnumValue
    ? `the word ${formatValue(value)}`
    : describeValue(value);
  return new KindError(`Cannot use ${given} as ${what}: expected ${wanted}`, hint);
}

/**
 * Calls `act`. If it throws a `RangeError` for a senseless number, the error is raised as a mistake
 * of the script.
 */
export function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof RangeError) throw new ValueError(error.message);
    throw error;
  }
}
