/** The parts of a C source that the preprocessor keeps, as far as its conditions are about known macros. */
import { OPERATOR_LEVELS } from "../c_operators.ts";

const DIRECTIVE = /^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else|endif|define|undef)\b(.*)$/;
const TOKEN =
  /\s+|0[xX][\da-fA-F]+[uUlL]*|\d+[uUlL]*|[A-Za-z_]\w*|&&|\|\||<<|>>|[<>=!]=|[-+*\/%<>!~()&|^?:,]/g;
/** Length of a directive's condition that is read; a longer one counts as false. */
const MAX_CONDITION = 2000;

/** Values of macros by their names; null for a macro that is defined with another value. */
export type Macros = ReadonlyMap<string, number | null>;

/** A comment, or a text or character that may look like one. */
const COMMENT =
  /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|\/\/[^\n]*|\/\*(?:[^*]|\*(?!\/))*(?:\*\/)?/g;

/** Blanks the comments of a source. Offsets and line numbers stay. */
function withoutComments(text: string): string {
  return text.replace(
    COMMENT,
    (found) => found.startsWith("/") ? found.replace(/[^\n]/g, " ") : found,
  );
}

/**
 * Blanks comments, the lines that the preprocessor drops, and the directives of conditions. Offsets and line numbers
 * stay. A macro that is not known counts as undefined.
 */
export function activeText(text: string, known: Macros): string {
  const macros = new Map(known);
  const stack: { isActive: boolean; isDone: boolean; readonly isOuter: boolean }[] = [];
  const lines = withoutComments(text).split("\n");
  for (let at = 0; at < lines.length; at++) {
    const first = at;
    const isActive = stack.at(-1)?.isActive ?? true;
    while (lines[at]!.endsWith("\\") && at + 1 < lines.length) at++;
    const whole = first === at
      ? lines[at]!
      : lines.slice(first, at + 1).join(" ").replaceAll("\\ ", " ");
    const [, name, rest = ""] = DIRECTIVE.exec(whole) ?? [];
    const isCondition = name !== undefined && name !== "define" && name !== "undef";
    if (isCondition) changeConditions(stack, name, rest, macros);
    else if (isActive && name !== undefined) define(macros, name, rest);
    if (isActive && !isCondition) continue;
    for (let line = first; line <= at; line++) lines[line] = " ".repeat(lines[line]!.length);
  }
  return lines.join("\n");
}

function changeConditions(
  stack: { isActive: boolean; isDone: boolean; readonly isOuter: boolean }[],
  name: string,
  rest: string,
  macros: Macros,
): void {
  const last = stack.at(-1);
  if (name.startsWith("if")) {
    const isOuter = last?.isActive ?? true;
    const word = /\w+/.exec(rest)?.[0] ?? "";
    const holds = name === "if" ? isTrue(rest, macros) : macros.has(word) === (name === "ifdef");
    stack.push({ isActive: isOuter && holds, isDone: holds, isOuter });
  } else if (name === "endif") stack.pop();
  else if (last !== undefined) {
    const holds = !last.isDone && (name === "else" || isTrue(rest, macros));
    last.isActive = last.isOuter && holds;
    last.isDone ||= holds;
  }
}

function define(macros: Map<string, number | null>, name: string, rest: string): void {
  const [, macro, value = ""] = /^\s*(\w+)(?!\w|\()\s*(.*)$/.exec(rest) ?? [];
  if (macro === undefined) return;
  if (name === "undef") macros.delete(macro);
  else macros.set(macro, valueOf(value, macros));
}

function isTrue(condition: string, macros: Macros): boolean {
  return (valueOf(condition, macros) ?? 0) !== 0;
}

/** The value of an expression of the preprocessor; null if it is none. */
export function valueOf(text: string, macros: Macros): number | null {
  if (text.length > MAX_CONDITION) return null;
  const found = text.match(TOKEN) ?? [];
  if (found.join("").length !== text.length) return null;
  const tokens = found.filter((token) => token.trim() !== "");
  return tokens.length === 0 ? null : new Expression(tokens, macros).value();
}

/** Bits of two numbers; NaN where one of them is no integer, because no value is known then. */
function bits(a: number, b: number, apply: (a: bigint, b: bigint) => bigint): number {
  return Number.isSafeInteger(a) && Number.isSafeInteger(b)
    ? Number(apply(BigInt(a), BigInt(b)))
    : NaN;
}

const APPLY: Readonly<Record<string, (a: number, b: number) => number>> = {
  "||": (a, b) => Number(a !== 0 || b !== 0),
  "&&": (a, b) => Number(a !== 0 && b !== 0),
  "|": (a, b) => bits(a, b, (a, b) => a | b),
  "^": (a, b) => bits(a, b, (a, b) => a ^ b),
  "&": (a, b) => bits(a, b, (a, b) => a & b),
  "==": (a, b) => Number(a === b),
  "!=": (a, b) => Number(a !== b),
  "<": (a, b) => Number(a < b),
  ">": (a, b) => Number(a > b),
  "<=": (a, b) => Number(a <= b),
  ">=": (a, b) => Number(a >= b),
  "<<": (a, b) => b < 48 ? a * 2 ** b : 0,
  ">>": (a, b) => Math.floor(a / 2 ** b),
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => b === 0 ? 0 : Math.trunc(a / b),
  "%": (a, b) => b === 0 ? 0 : a % b,
};

const MAX_NESTED = 50;

class Expression {
  #at = 0;
  #depth = 0;

  constructor(readonly tokens: readonly string[], readonly macros: Macros) {}

  value(): number | null {
    const value = this.#ternary();
    return this.#at === this.tokens.length && Number.isSafeInteger(value) ? value : null;
  }

  #ternary(): number {
    const condition = this.#binary(0);
    if (!this.#take("?")) return condition;
    const yes = this.#ternary();
    this.#take(":");
    const no = this.#ternary();
    return condition !== 0 ? yes : no;
  }

  #binary(level: number): number {
    if (level === OPERATOR_LEVELS.length) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = this.tokens[this.#at];
      if (operator === undefined || !OPERATOR_LEVELS[level]!.includes(operator)) return left;
      this.#at++;
      left = APPLY[operator]!(left, this.#binary(level + 1));
    }
  }

  #unary(): number {
    if (++this.#depth > MAX_NESTED) return NaN;
    const value = this.#operand();
    this.#depth--;
    return value;
  }

  #operand(): number {
    const token = this.tokens[this.#at++];
    if (token === undefined) return NaN;
    if (token === "!") return Number(this.#unary() === 0);
    if (token === "-") return -this.#unary();
    if (token === "+") return this.#unary();
    if (token === "~") return -this.#unary() - 1;
    if (token === "(") {
      const value = this.#ternary();
      return this.#take(")") ? value : NaN;
    }
    if (/^\d/.test(token)) return Number(token.replace(/[uUlL]+$/, ""));
    if (token === "defined") {
      const isOpen = this.#take("(");
      const name = this.tokens[this.#at++] ?? "";
      if (isOpen) this.#take(")");
      return Number(this.macros.has(name));
    }
    if (this.#take("(")) return this.#call(token);
    return this.macros.get(token) ?? 0;
  }

  /** A macro with arguments: those of versions and of the configuration are known. */
  #call(name: string): number {
    const args: number[] = [];
    const first = this.tokens[this.#at] ?? "";
    while (this.#at < this.tokens.length && !this.#take(")")) {
      args.push(this.#ternary());
      this.#take(",");
    }
    const [major = 0, minor = 0, patch = 0] = args;
    if (name === "KERNEL_VERSION") return major * 65_536 + minor * 256 + Math.min(patch, 255);
    return /^IS_(?:ENABLED|BUILTIN|REACHABLE)$/.test(name) ? Number(this.macros.has(first)) : 0;
  }

  #take(token: string): boolean {
    if (this.tokens[this.#at] !== token) return false;
    this.#at++;
    return true;
  }
}
