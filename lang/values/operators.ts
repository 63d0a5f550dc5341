/**
 * Operators on values. The VM's loop handles ints itself, and calls these functions for all other
 * values.
 *
 * Every result is exact up to 2^53 - 1. A result that cannot be exact is an error; no result is
 * ever rounded.
 */
import { formatAddress, formatDuration, formatSize } from "../text/numbers.ts";
import {
  type ArithmeticOperator,
  arithmeticType,
  type BitOperator,
  castable,
  comparableNumbers,
  isAddress,
  type NumericType,
  type OrderOperator,
  rangeEndsType,
  typeOf,
  typeText,
} from "./value_types.ts";
import { ITEM_BYTES, LIST_BYTES } from "./limits.ts";
import { KindError, ScriptError, ValueError } from "./script_error.ts";
import {
  BytesValue,
  ListValue,
  Quantity,
  type QuantityType,
  RangeValue,
  Ratio,
  type Value,
} from "./value.ts";

/** The largest exact integer. If the sum of two exact integers is greater, that can be detected. */
export const INTEGER_LIMIT = Number.MAX_SAFE_INTEGER;

/** Charges strings, lists and bytes to the script's memory. */
export type ChargeMemory = (bytes: number) => void;

/** The plain number in an int, a quantity or a ratio. */
export function numberIn(value: number | Quantity | Ratio): number {
  return typeof value === "number" ? value : value.value;
}

/** Makes a number of a kind; negative addresses and results outside the exact range are errors. */
function makeNumber(kind: NumericType, value: number): Value {
  if (kind === "ratio") return new Ratio(value);
  if (value > INTEGER_LIMIT || value < -INTEGER_LIMIT) throw overflow(kind);
  if (kind === "int") return value;
  if (value < 0 && isAddress(kind)) {
    throw new ScriptError(
      "E0918",
      `An address cannot be negative: the result would be ${value}`,
    );
  }
  return new Quantity(kind, value);
}

/** The error for a result past 2^53 - 1. */
function overflow(kind: NumericType = "int"): ScriptError {
  const noun = kind === "int" ? "Integer" : kind[0]!.toUpperCase() + kind.slice(1);
  return new ScriptError(
    "E0911",
    `${noun} result is not exact: it lies outside -(2^53 - 1) … 2^53 - 1`,
    "numbers are never rounded; 64-bit fields are given as bytes",
  );
}

/** `left operator right` for `+ - * / %`. */
export function arithmetic(
  operator: ArithmeticOperator,
  left: Value,
  right: Value,
  charge: ChargeMemory,
): Value {
  if (isNumber(left) && isNumber(right)) {
    const kind = arithmeticType(operator, numericType(left), numericType(right));
    if (kind !== null) return calculate(operator, kind, numberIn(left), numberIn(right));
  } else if (operator === "+") {
    const joined = join(left, right, charge);
    if (joined !== null) return joined;
  }
  throw wrongOperands(operator, left, right);
}

function calculate(
  operator: ArithmeticOperator,
  kind: NumericType,
  left: number,
  right: number,
): Value {
  switch (operator) {
    case "+":
      return makeNumber(kind, left + right);
    case "-":
      return makeNumber(kind, left - right);
    case "*":
      return makeNumber(kind, kind === "ratio" ? left * right : left * right + 0);
    case "/":
      if (right === 0) throw divisionByZero(operator);
      return makeNumber(kind, kind === "ratio" ? left / right : divideExactly(left, right));
    case "%":
      if (right === 0) throw divisionByZero(operator);
      return makeNumber(kind, left % right + 0);
  }
}

/**
 * `left / right` cut towards zero. Without the subtraction of the remainder, the quotient of
 * doubles could round up.
 */
export function divideExactly(left: number, right: number): number {
  return (left - left % right) / right + 0;
}

function divisionByZero(operator: "/" | "%"): ScriptError {
  return new ScriptError("E0912", `The right side of \`${operator}\` is zero`);
}

/** Concatenates strings, lists or bytes; null for other values. */
function join(left: Value, right: Value, charge: ChargeMemory): Value | null {
  if (typeof left === "string" && typeof right === "string") {
    charge(2 * (left.length + right.length));
    return left + right;
  }
  if (left instanceof ListValue && right instanceof ListValue) {
    charge(LIST_BYTES + ITEM_BYTES * (left.items.length + right.items.length));
    return new ListValue(left.items.concat(right.items), "script");
  }
  if (left instanceof BytesValue && right instanceof BytesValue) {
    charge(left.bytes.length + right.bytes.length);
    const bytes = new Uint8Array(left.bytes.length + right.bytes.length);
    bytes.set(left.bytes);
    bytes.set(right.bytes, left.bytes.length);
    return new BytesValue(bytes);
  }
  return null;
}

/** `left operator right` for `| & << >>`: ints only, exact beyond 32 bits. */
export function bitwise(operator: BitOperator, left: Value, right: Value): number {
  if (typeof left !== "number" || typeof right !== "number") {
    throw wrongOperands(operator, left, right);
  }
  switch (operator) {
    case "|":
      return inRange(Number(BigInt(left) | BigInt(right)));
    case "&":
      return inRange(Number(BigInt(left) & BigInt(right)));
    case "<<":
      if (right < 0) throw negativeShift(operator, right);
      return inRange(left === 0 ? 0 : left * 2 ** Math.min(right, 64));
    case ">>":
      if (right < 0) throw negativeShift(operator, right);
      return Math.floor(left / 2 ** Math.min(right, 64)) + 0;
  }
}

function inRange(value: number): number {
  if (value > INTEGER_LIMIT || value < -INTEGER_LIMIT) throw overflow();
  return value;
}

function negativeShift(operator: BitOperator, count: number): ScriptError {
  return new ValueError(`Cannot shift by ${count} bits in \`${operator}\``);
}

/** `left operator right` for `< <= > >=`. */
export function compare(operator: OrderOperator, left: Value, right: Value): boolean {
  if (
    !isNumber(left) || !isNumber(right) ||
    !comparableNumbers(numericType(left), numericType(right))
  ) throw wrongOperands(operator, left, right);
  const a = numberIn(left);
  const b = numberIn(right);
  switch (operator) {
    case "<":
      return a < b;
    case "<=":
      return a <= b;
    case ">":
      return a > b;
    case ">=":
      return a >= b;
  }
}

/** `-value`. */
export function negate(value: Value): Value {
  const type = typeOf(value);
  if (!isNumber(value) || isAddress(type)) {
    throw new KindError(`Cannot negate ${describeValue(value)}`);
  }
  return makeNumber(numericType(value), 0 - numberIn(value));
}

/** `value as phys`, `value as dma`. */
export function cast(value: Value, target: "phys" | "dma"): Value {
  if (!isNumber(value) || !castable(typeOf(value))) {
    throw new KindError(`Cannot cast ${describeValue(value)} to ${typeText(target)}`);
  }
  return makeNumber(target, numberIn(value));
}

/** `first..last` or `first..=last`. */
export function makeRange(first: Value, last: Value, inclusive: boolean): RangeValue {
  const kind = rangeEndsType(typeOf(first), typeOf(last));
  if (kind === null || !isNumber(first) || !isNumber(last)) {
    throw wrongOperands(inclusive ? "..=" : "..", first, last);
  }
  const end = numberIn(last) + (inclusive ? 1 : 0);
  if (end > INTEGER_LIMIT) throw overflow(kind);
  return new RangeValue(numberIn(first), end, kind);
}

/** Converts an int to another kind of number; null if that is not possible. */
export function intAsQuantity(value: number, kind: QuantityType): Quantity | null {
  if (value < 0 && isAddress(kind)) return null;
  return new Quantity(kind, value);
}

/** The error for two values that an operator does not accept, with a hint if there is one. */
function wrongOperands(operator: string, left: Value, right: Value): ScriptError {
  return new KindError(
    `Cannot use \`${operator}\` with ${describeValue(left)} and ${describeValue(right)}`,
    mixHint(operator, typeOf(left), typeOf(right)),
  );
}

/** A hint about the correct form for a mix of kinds; null without one. */
export function mixHint(operator: string, left: string, right: string): string | null {
  const pair = [left, right].sort().join(" ");
  if (pair === "dma virt" || pair === "phys virt") {
    return "an address of a process means nothing without its page table: ask `mm.page(address)`";
  }
  if (pair === "dma phys") {
    return "a physical address and a device address are different things; " +
      "write `as dma` or `as phys` where it is meant";
  }
  if (operator === "+" && /^(phys|dma|virt) \1$/.test(pair)) {
    return "two addresses cannot be added: address - address is a size, address + size an address";
  }
  if (operator === "==" && /^(?:dma|phys) size$|^size virt$/.test(pair)) {
    return "an address is written as an int: `0x1000`, or `4096`";
  }
  if (pair.startsWith("@mapping ")) return "`.addr` is a mapping's address, `.size` its size";
  if (pair === "duration size") return "a duration and a size cannot be mixed";
  if (operator === "|" && pair === "word word") {
    return "words are not flags: a direction is `to_device`, `from_device` or `bidirectional`";
  }
  if ((operator === "&" || operator === "|") && /phys|dma|virt|size/.test(pair)) {
    return "bit operators take ints; `address % 4KiB` is the offset in a page";
  }
  if (operator === "/" && /^(?:phys|dma|virt)$/.test(left)) {
    return "addresses are not divided; subtract the start first: `(address - start) / 4KiB`";
  }
  if (operator === "*" && left === "size" && right === "size") {
    return "a size is multiplied by an int";
  }
  if (/^(?:bool|int|string) word$/.test(pair)) {
    return "a status, a direction and the like is a word without quotes: `OK`, `to_device`";
  }
  if (/^bytes (?:int|list|string)$/.test(pair)) return 'bytes are written `bytes"de ad be ef"`';
  if (operator === "+" && pair.includes("string")) {
    return 'put values into a string with braces: "{a} and {b}"';
  }
  return null;
}

/** A value in an error message: its kind, and its number if it has one. */
export function describeValue(value: Value): string {
  const type = typeOf(value);
  if (typeof value === "number") return `the int ${value}`;
  if (typeof value === "boolean") return `${value}`;
  if (value instanceof Quantity) {
    switch (value.kind) {
      case "size":
        return `the size ${formatSize(value.value)}`;
      case "duration":
        return `the duration ${formatDuration(value.value)}`;
      default:
        return `${typeText(value.kind)} ${formatAddress(value.value)}`;
    }
  }
  return typeText(type);
}

export function isNumber(value: Value): value is number | Quantity | Ratio {
  return typeof value === "number" || value instanceof Quantity || value instanceof Ratio;
}

function numericType(value: number | Quantity | Ratio): NumericType {
  if (typeof value === "number") return "int";
  return value instanceof Ratio ? "ratio" : value.kind;
}
