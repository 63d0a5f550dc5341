/**
 * The algebra of kinds: which operators fit which kinds, and what comes out.
 *
 * One table for the checker, which knows kinds before the run, and for the VM, which knows values.
 * A plain int takes the kind wanted; any mix that is not listed is an error.
 * @see docs/language.md, Text, Kinds
 */
import type { Kind } from "./spec.ts";
import {
  BytesValue,
  Closure,
  Handle,
  ListValue,
  Quantity,
  type QuantityKind,
  RangeValue,
  Ratio,
  RecordValue,
  type Value,
  Word,
} from "./value.ts";

/** Kinds that are numbers. */
export type NumericKind = QuantityKind | "int" | "ratio";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";
export type BitOperator = "|" | "&" | "<<" | ">>";
export type OrderOperator = "<" | "<=" | ">" | ">=";

/** The kind of a value; `none` is "nothing". */
export function kindOf(value: Value): Kind {
  switch (typeof value) {
    case "number":
      return "int";
    case "boolean":
      return "bool";
    case "string":
      return "string";
  }
  if (value === null) return "nothing";
  if (value instanceof Quantity) return value.kind;
  if (value instanceof Handle) return `@${value.type.name}`;
  if (value instanceof Word) return "word";
  if (value instanceof ListValue) return "list";
  if (value instanceof RecordValue) return "record";
  if (value instanceof RangeValue) return "range";
  if (value instanceof BytesValue) return "bytes";
  if (value instanceof Ratio) return "ratio";
  if (value instanceof Closure) return "function";
  return value satisfies never;
}

/** True for int, ratio, size, duration and addresses. */
export function isNumeric(kind: Kind): kind is NumericKind {
  return kind === "int" || kind === "ratio" || isQuantity(kind);
}

/** True for the kinds a plain int takes where one is wanted. */
export function isQuantity(kind: Kind): kind is QuantityKind {
  return kind === "size" || kind === "duration" || isAddress(kind);
}

/** Where a byte is, in any address space: nothing that could be negative, scaled or added up. */
export function isAddress(kind: Kind): boolean {
  return kind === "phys" || kind === "dma" || kind === "virt";
}

/** Sizes and durations: what may be added up, scaled and compared with its like. */
function isAmount(kind: NumericKind): boolean {
  return kind === "size" || kind === "duration";
}

/** The kind of `left operator right` for two numbers, or null where the mix has no meaning. */
export function arithmeticKind(
  operator: ArithmeticOperator,
  left: NumericKind,
  right: NumericKind,
): NumericKind | null {
  if (left === "ratio" || right === "ratio") return ratioKind(operator, left, right);
  if (left === "int" && right === "int") return "int";
  switch (operator) {
    case "+":
      return sumKind(left, right);
    case "-":
      return differenceKind(left, right);
    case "*":
      if (isAmount(left) && right === "int") return left;
      return left === "int" && isAmount(right) ? right : null;
    case "/":
      // An int keeps its reading here: `64KiB / 2` is a size, `64KiB / 2B` an int.
      if (isAmount(left) && right === "int") return left;
      return isAmount(left) && left === right ? "int" : null;
    case "%":
      if (isAddress(left)) return right === "size" || right === "int" ? "int" : null;
      if (isAmount(left) && (right === left || right === "int")) return left;
      return left === "int" && isAmount(right) ? right : null;
  }
}

function sumKind(left: NumericKind, right: NumericKind): NumericKind | null {
  if (isAddress(left)) return right === "size" || right === "int" ? left : null;
  if (isAddress(right)) return left === "size" || left === "int" ? right : null;
  if (left === right || right === "int") return left;
  return left === "int" ? right : null;
}

function differenceKind(left: NumericKind, right: NumericKind): NumericKind | null {
  if (isAddress(left)) {
    if (left === right) return "size";
    return right === "size" || right === "int" ? left : null;
  }
  if (isAddress(right)) return left === "int" ? "size" : null;
  if (left === right || right === "int") return left;
  return left === "int" ? right : null;
}

function ratioKind(
  operator: ArithmeticOperator,
  left: NumericKind,
  right: NumericKind,
): NumericKind | null {
  const plain = (kind: NumericKind) => kind === "ratio" || kind === "int";
  return operator !== "%" && plain(left) && plain(right) ? "ratio" : null;
}

/** True when numbers of these kinds can be compared, by `==` or by `<`. */
export function comparableNumbers(left: NumericKind, right: NumericKind): boolean {
  return left === right || left === "int" || right === "int";
}

/**
 * True when `==` between these kinds can ever be true. `none` may be compared with anything, and
 * a thing of the machine with anything its type knows to compare.
 */
export function comparableKinds(left: Kind, right: Kind): boolean {
  if (left === "any" || right === "any" || left === "nothing" || right === "nothing") return true;
  if (left.startsWith("@")) return comparableWithThing(right);
  if (right.startsWith("@")) return comparableWithThing(left);
  if (isNumeric(left) && isNumeric(right)) return comparableNumbers(left, right);
  return left === right;
}

/** Some things equal bytes, a word or a name, as their type says; none is a number. */
function comparableWithThing(kind: Kind): boolean {
  return !isNumeric(kind) && kind !== "bool" && kind !== "range" && kind !== "function";
}

/** The kind of `first..last`, or null where the ends do not go together. */
export function rangeEndsKind(first: Kind, last: Kind): QuantityKind | "int" | null {
  if (!isNumeric(first) || !isNumeric(last) || first === "ratio" || last === "ratio") return null;
  if (first === last || last === "int") return first;
  return first === "int" ? last : null;
}

/** True when a value of this kind may be cast by `as phys` and `as dma`. */
export function castable(kind: Kind): boolean {
  return kind === "int" || kind === "size" || kind === "phys" || kind === "dma";
}

/** How the types of counters begin that stand for a group of events: `counters.iotlb`. */
const COUNTERS_OF = "@counters_";

/** A description at the start of a sentence. */
export function capitalized(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

/** A kind in the words of a message: "a size", "an int", "a device". */
export function describeKind(kind: Kind): string {
  switch (kind) {
    case "any":
      return "a value";
    case "nothing":
      return "none";
    case "int":
      return "an int";
    case "phys":
      return "a physical address (phys)";
    case "dma":
      return "a device address (dma)";
    case "virt":
      return "an address of a process (virt)";
    case "bytes":
      return "bytes";
    default: {
      if (kind.startsWith(COUNTERS_OF)) return `counters.${kind.slice(COUNTERS_OF.length)}`;
      const name = kind.startsWith("@") ? kind.slice(1).replaceAll("_", " ") : kind;
      // As it is spoken: "an en-vee-em-ee".
      return `${/^(?:[aeio]|nvme)/.test(name) ? "an" : "a"} ${name}`;
    }
  }
}
