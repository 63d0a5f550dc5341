/**
 * Rules for kinds: which operators accept which kinds, and the kind of the result.
 *
 * The checker, which knows kinds before the run, and the VM, which knows values, use the same
 * table. A plain int is converted to the expected kind. Any combination that is not listed is an
 * error.
 * @see docs/language/text.md
 */
import type { Type } from "./spec.ts";
import {
  BytesValue,
  Closure,
  EnumValue,
  Handle,
  ListValue,
  Quantity,
  type QuantityType,
  RangeValue,
  Ratio,
  RecordValue,
  type Value,
} from "./value.ts";

/** Kinds that are numbers. */
export type NumericType = QuantityType | "int" | "ratio";

export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%";
export type BitOperator = "|" | "&" | "<<" | ">>";
export type OrderOperator = "<" | "<=" | ">" | ">=";

/** The kind of a value; `none` is "nothing". */
export function typeOf(value: Value): Type {
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
  if (value instanceof EnumValue) return "word";
  if (value instanceof ListValue) return "list";
  if (value instanceof RecordValue) return "record";
  if (value instanceof RangeValue) return "range";
  if (value instanceof BytesValue) return "bytes";
  if (value instanceof Ratio) return "ratio";
  if (value instanceof Closure) return "function";
  return value satisfies never;
}

/** True for int, ratio, size, duration and addresses. */
export function isNumeric(type: Type): type is NumericType {
  return type === "int" || type === "ratio" || isQuantity(type);
}

/** True for the kinds to which a plain int is converted where they are expected. */
export function isQuantity(type: Type): type is QuantityType {
  return type === "size" || type === "duration" || isAddress(type);
}

/** True for locations in any address space, which cannot be negative, scaled or added up. */
export function isAddress(type: Type): boolean {
  return type === "phys" || type === "dma" || type === "virt";
}

/** True for sizes and durations, which may be added up, scaled and compared with each other. */
function isAmount(kind: NumericType): boolean {
  return kind === "size" || kind === "duration";
}

/** The kind of `left operator right` for two numbers; null for a mix without a meaning. */
export function arithmeticType(
  operator: ArithmeticOperator,
  left: NumericType,
  right: NumericType,
): NumericType | null {
  if (left === "ratio" || right === "ratio") return ratioType(operator, left, right);
  if (left === "int" && right === "int") return "int";
  switch (operator) {
    case "+":
      return sumType(left, right);
    case "-":
      return differenceType(left, right);
    case "*":
      if (isAmount(left) && right === "int") return left;
      return left === "int" && isAmount(right) ? right : null;
    case "/":
      // A plain int is not converted to the kind of the other operand here: `64KiB / 2` is a size,
      // `64KiB / 2B` is an int.
      if (isAmount(left) && right === "int") return left;
      return isAmount(left) && left === right ? "int" : null;
    case "%":
      if (isAddress(left)) return right === "size" || right === "int" ? "int" : null;
      if (isAmount(left) && (right === left || right === "int")) return left;
      return left === "int" && isAmount(right) ? right : null;
  }
}

function sumType(left: NumericType, right: NumericType): NumericType | null {
  if (isAddress(left)) return right === "size" || right === "int" ? left : null;
  if (isAddress(right)) return left === "size" || left === "int" ? right : null;
  if (left === right || right === "int") return left;
  return left === "int" ? right : null;
}

function differenceType(left: NumericType, right: NumericType): NumericType | null {
  if (isAddress(left)) {
    if (left === right) return "size";
    return right === "size" || right === "int" ? left : null;
  }
  if (isAddress(right)) return left === "int" ? "size" : null;
  if (left === right || right === "int") return left;
  return left === "int" ? right : null;
}

function ratioType(
  operator: ArithmeticOperator,
  left: NumericType,
  right: NumericType,
): NumericType | null {
  const plain = (kind: NumericType) => kind === "ratio" || kind === "int";
  return operator !== "%" && plain(left) && plain(right) ? "ratio" : null;
}

/** True when numbers of these kinds can be compared, by `==` or by `<`. */
export function comparableNumbers(left: NumericType, right: NumericType): boolean {
  return left === right || left === "int" || right === "int";
}

/**
 * True if `==` between these kinds can ever be true. `none` may be compared with any value. A
 * handle may be compared with any kind that the handle's type can compare.
 */
export function comparableTypes(left: Type, right: Type): boolean {
  if (left === "any" || right === "any" || left === "nothing" || right === "nothing") return true;
  if (left.startsWith("@")) return comparableWithHandle(right);
  if (right.startsWith("@")) return comparableWithHandle(left);
  if (isNumeric(left) && isNumeric(right)) return comparableNumbers(left, right);
  return left === right;
}

/** Types of handles may define equality with bytes, a word or a name, but never with a number. */
function comparableWithHandle(type: Type): boolean {
  return !isNumeric(type) && type !== "bool" && type !== "range" && type !== "function";
}

/** The kind of `first..last`; null if the ends are of incompatible kinds. */
export function rangeEndsType(first: Type, last: Type): QuantityType | "int" | null {
  if (!isNumeric(first) || !isNumeric(last) || first === "ratio" || last === "ratio") return null;
  if (first === last || last === "int") return first;
  return first === "int" ? last : null;
}

/** True when a value of this kind may be cast by `as phys` and `as dma`. */
export function castable(type: Type): boolean {
  return type === "int" || type === "size" || type === "phys" || type === "dma";
}

/** The prefix of types for groups of counters: `counters.iotlb` has such a type. */
const COUNTERS_OF = "@counters_";

/** A text with a capital first letter, for the start of a sentence. */
export function capitalized(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}

/** A kind in the words of a message: "a size", "an int", "a device". */
export function typeText(type: Type): string {
  switch (type) {
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
      if (type.startsWith(COUNTERS_OF)) return `counters.${type.slice(COUNTERS_OF.length)}`;
      const name = type.startsWith("@") ? type.slice(1).replaceAll("_", " ") : type;
      // The article follows the pronunciation: "an en-vee-em-ee".
      return `${/^(?:[aeio]|nvme)/.test(name) ? "an" : "a"} ${name}`;
    }
  }
}
