/**
 * From values of the language to what the runtime takes, and back.
 *
 * The checker and the VM hold arguments against the kinds in a builtin's entry, so a wrong kind
 * here is either inside a list or record, or came through `any`.
 */
import type { Bytes, DmaAddr, PhysAddr, VirtAddr } from "../../runtime/address.ts";
import {
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../../runtime/dma/attributes.ts";
import { type ErrnoName, errnoName, KernelError } from "../../runtime/errno.ts";
import type { BufferHome } from "../../runtime/memory/host_buffer.ts";
import { formatValue } from "../render/value_text.ts";
import type { Run } from "../values/run.ts";
import { describeKind } from "../values/kinds.ts";
import { describeValue } from "../values/operators.ts";
import { ScriptError } from "../values/script_error.ts";
import { isOfType } from "../values/types.ts";
import { Handle, ListValue, Quantity, RecordValue, type Value, Word } from "../values/value.ts";
import type { TypeSpec } from "../values/spec.ts";
import { wordValue } from "./words.ts";

/** A size in bytes as a value. */
export function size(sizeBytes: Bytes): Quantity {
  return new Quantity("size", sizeBytes);
}

/** A duration in nanoseconds as a value. */
export function duration(durationNs: number): Quantity {
  return new Quantity("duration", durationNs);
}

/** A CPU physical address as a value. */
export function phys(address: PhysAddr): Quantity {
  return new Quantity("phys", address);
}

/** An address as a device sees it as a value. */
export function dma(address: DmaAddr): Quantity {
  return new Quantity("dma", address);
}

/** An address of a process as a value. */
export function virt(address: VirtAddr): Quantity {
  return new Quantity("virt", address);
}

/** A constant as a value. */
export function word(name: string): Word {
  return wordValue(name);
}

export function list(items: readonly Value[]): ListValue {
  return new ListValue(items);
}

export function record(entries: Readonly<Record<string, Value>>): RecordValue {
  return new RecordValue(new Map(Object.entries(entries)));
}

/** A thing of the machine as a value. */
export function thing<T>(type: TypeSpec<T>, target: T): Handle<T> {
  return new Handle(type, target);
}

/** True when a value is a thing of that type or of one that extends it. */
export function isThing<T>(value: Value | undefined, type: TypeSpec<T>): value is Handle<T> {
  return value instanceof Handle && (value.type === type || isOfType(value.type, type.name));
}

/** The thing behind a value. Throws when it is not of that type. */
export function toThing<T>(value: Value | undefined, type: TypeSpec<T>, what: string): T {
  if (isThing(value, type)) return value.target;
  throw wrongKind(value, what, describeKind(`@${type.name}`));
}

/** A number of any kind as a plain number. */
export function toNumber(value: Value | undefined, what: string): number {
  if (typeof value === "number") return value;
  if (value instanceof Quantity) return value.value;
  throw wrongKind(value, what, "a number");
}

/** An int within bounds, both included. */
export function toInt(
  value: Value | undefined,
  what: string,
  min: number = 0,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== "number") throw wrongKind(value, what, "an int");
  if (value < min || value > max) {
    throw new ScriptError(
      "E0919",
      `Cannot use ${value} as ${what}: it must be from ${min} to ${max}`,
    );
  }
  return value;
}

/** A size or plain int that is not negative, in bytes. */
export function toSize(value: Value | undefined, what: string): Bytes {
  const bytes = toQuantity(value, "size", what);
  if (bytes < 0) throw new ScriptError("E0919", `Cannot use ${bytes} bytes as ${what}`);
  return bytes;
}

/** A physical address or plain int. */
export function toPhys(value: Value | undefined, what: string): PhysAddr {
  return toAddress(value, "phys", what) as PhysAddr;
}

/** A DMA address or plain int. */
export function toDma(value: Value | undefined, what: string): DmaAddr {
  return toAddress(value, "dma", what) as DmaAddr;
}

/** An address of a process or plain int. */
export function toVirt(value: Value | undefined, what: string): VirtAddr {
  return toAddress(value, "virt", what) as VirtAddr;
}

function toAddress(
  value: Value | undefined,
  kind: "phys" | "dma" | "virt",
  what: string,
): number {
  const address = toQuantity(value, kind, what);
  if (address < 0) throw new ScriptError("E0918", `An address cannot be negative: ${address}`);
  return address;
}

function toQuantity(value: Value | undefined, kind: Quantity["kind"], what: string): number {
  if (typeof value === "number") return value;
  if (value instanceof Quantity && value.kind === kind) return value.value;
  throw wrongKind(value, what, describeKind(kind));
}

/** Memory as a record of a list says it: { phys, size }. */
export function toSegment(item: Value, what: string): { phys: PhysAddr; sizeBytes: Bytes } {
  if (!(item instanceof RecordValue)) throw wrongKind(item, what, "{ phys, size }");
  return {
    phys: toPhys(item.entries.get("phys"), `phys of ${what}`),
    sizeBytes: toSize(item.entries.get("size"), `size of ${what}`),
  };
}

/** A constant's name. */
export function toWord(value: Value | undefined, what: string): string {
  if (value instanceof Word) return value.name;
  throw wrongKind(value, what, "a word");
}

/** Items of a list. */
export function toItems(value: Value | undefined, what: string): readonly Value[] {
  if (value instanceof ListValue) return value.items;
  throw wrongKind(value, what, "a list");
}

const DIRECTIONS: ReadonlyMap<string, DmaDirection> = new Map([
  ["bidirectional", DMA_BIDIRECTIONAL],
  ["to_device", DMA_TO_DEVICE],
  ["from_device", DMA_FROM_DEVICE],
]);

/** The direction a word means. */
export function toDirection(value: Value | undefined): DmaDirection {
  const name = toWord(value, "dir");
  const dir = DIRECTIONS.get(name);
  if (dir !== undefined) return dir;
  throw new ScriptError(
    "E0919",
    `Cannot use ${name} as dir`,
    "write to_device, from_device or bidirectional",
  );
}

/** Attributes as bits: one word, a list of words, or left out. */
export function toAttributes(value: Value | undefined): number {
  if (value === undefined || value === null) return 0;
  const items = value instanceof ListValue ? value.items : [value];
  let attrs = 0;
  for (const item of items) {
    const name = toWord(item, "attrs");
    const bit = DMA_ATTR[name.toUpperCase() as keyof typeof DMA_ATTR];
    if (bit === undefined) {
      throw new ScriptError(
        "E0919",
        `Cannot use ${name} as an attribute`,
        `write one of ${Object.keys(DMA_ATTR).map((attr) => attr.toLowerCase()).join(", ")}`,
      );
    }
    attrs |= bit;
  }
  return attrs;
}

/** What a kernel function returned instead of what was wanted of it. */
export function failure(result: number, what: string): KernelError {
  return new KernelError(errnoName(result), what);
}

/** Raises what a kernel function returned, unless it is 0. */
export function raiseErrno(result: number, what: string): void {
  if (result < 0) throw failure(result, what);
}

/** An error's name as a word, or none. */
export function errorValue(error: ErrnoName | null): Value {
  return error === null ? null : word(error);
}

/** The error for a value of a kind that makes no sense there. */
export function wrongKind(value: Value | undefined, what: string, wanted: string): ScriptError {
  const given = value === undefined || value === null
    ? "none"
    : value instanceof Word
    ? `the word ${formatValue(value)}`
    : describeValue(value);
  return new ScriptError("E0913", `Cannot use ${given} as ${what}: ${wanted} is wanted`);
}

/**
 * Runs what refuses senseless numbers with a `RangeError`, and raises that as the script's mistake.
 */
export function refusing<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    if (error instanceof RangeError) throw new ScriptError("E0919", error.message);
    throw error;
  }
}

/** Who wants memory, pages or random numbers: what buffers are made from. */
export function bufferHome(run: Run): BufferHome {
  return run.lab.machine;
}
