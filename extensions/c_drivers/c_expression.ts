/**
 * Evaluates side-effect-free C expressions: names, members, elements, dereferences, comparisons.
 */
import { ScriptError } from "@dmalab/lang/values";
import { OPERATOR_LEVELS } from "./c_operators.ts";
import { CValue, DebugType, type ReadableMemory } from "./c_values.ts";

const TOKEN = /\s*(->|==|!=|<=|>=|&&|\|\||<<|>>|0[xX][0-9a-fA-F]+|\d+|[A-Za-z_]\w*|\S)/g;
const NAME = /^[A-Za-z_]/;
const NUMBER = /^\d/;
/** Matches expressions that are only valid in C. */
const FORM = /->|^\s*[*&]/;

const TRUTHS: Readonly<Record<string, (one: bigint, other: bigint) => boolean>> = {
  "||": (one, other) => one !== 0n || other !== 0n,
  "&&": (one, other) => one !== 0n && other !== 0n,
  "==": (one, other) => one === other,
  "!=": (one, other) => one !== other,
  "<": (one, other) => one < other,
  ">": (one, other) => one > other,
  "<=": (one, other) => one <= other,
  ">=": (one, other) => one >= other,
};
const NUMBERS: Readonly<Record<string, (one: bigint, other: bigint) => bigint>> = {
  "|": (one, other) => one | other,
  "^": (one, other) => one ^ other,
  "&": (one, other) => one & other,
  "<<": (one, other) => one << (other & 63n),
  ">>": (one, other) => one >> (other & 63n),
  "+": (one, other) => one + other,
  "-": (one, other) => one - other,
  "*": (one, other) => one * other,
  "/": (one, other) => one / other,
  "%": (one, other) => one % other,
};

/** Largest number of tokens of an expression. `MOST_DEEP` is its deepest nesting. */
const MOST_TOKENS = 1000;
const MOST_DEEP = 100;

function tokensOf(text: string): readonly string[] {
  return [...text.trim().matchAll(TOKEN)].map(([, token]) => token!);
}

/**
 * The names in an expression, except the names of members. Also whether the expression is valid
 * only in C.
 */
export function namesInC(
  text: string,
): { readonly names: readonly string[]; readonly isForm: boolean } {
  const tokens = tokensOf(text);
  const isMember = (at: number) => tokens[at - 1] === "." || tokens[at - 1] === "->";
  return {
    names: tokens.filter((token, at) => NAME.test(token) && !isMember(at)),
    isForm: FORM.test(text),
  };
}

/** Evaluates an expression. @throws {ScriptError} If the text is no expression, or has no value. */
export function evaluateC(
  text: string,
  memory: ReadableMemory,
  named: (name: string) => CValue,
): CValue {
  return new Reader(text, memory, named).whole();
}

/** Reads an operand only when it is needed, because the operand after `p &&` may be unreadable. */
type Read = () => CValue;

class Reader {
  readonly #tokens: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(
    readonly text: string,
    readonly memory: ReadableMemory,
    readonly named: (name: string) => CValue,
  ) {
    this.#tokens = tokensOf(text);
  }

  whole(): CValue {
    if (this.#tokens.length > MOST_TOKENS) {
      throw new ScriptError("E0919", `An expression of C has at most ${MOST_TOKENS} words here`);
    }
    const read = this.#binary(0);
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    const value = read();
    // Reading the value throws an error if it is unreadable.
    void value.bits;
    return value;
  }

  #next(...tokens: readonly string[]): string | null {
    const token = this.#tokens[this.#at];
    if (token === undefined || !tokens.includes(token)) return null;
    this.#at++;
    return token;
  }

  #unexpected(): ScriptError {
    const token = this.#tokens[this.#at];
    return new ScriptError(
      "E0919",
      `\`${this.text}\` is no expression of C that is read here: ` +
        (token === undefined ? "it ends too early" : `\`${token}\` is not expected`),
      "read are names, numbers, `a->b`, `a.b`, `a[i]`, `*p`, `&a`, comparisons and sums",
    );
  }

  #require(token: string): void {
    if (this.#next(token) === null) throw this.#unexpected();
  }

  #binary(level: number): Read {
    const operators = OPERATOR_LEVELS[level];
    if (operators === undefined) return this.#unary();
    let read = this.#binary(level + 1);
    for (;;) {
      const operator = this.#next(...operators);
      if (operator === null) return read;
      const [one, other] = [read, this.#binary(level + 1)];
      read = () => this.#operated(one(), operator, other);
    }
  }

  #operated(one: CValue, operator: string, read: Read): CValue {
    if (operator === "&&" && one.bits === 0n) return this.#truth(false);
    if (operator === "||" && one.bits !== 0n) return this.#truth(true);
    const other = read();
    if (one.type.isPointer && (operator === "+" || operator === "-") && !other.type.isPointer) {
      const steps = BigInt(operator === "+" ? 1 : -1) * other.bits;
      const size = BigInt(Math.max(1, one.type.element.sizeBytes));
      return new CValue(this.memory, one.type, `${one.expression} ${operator} ${steps}`, {
        bits: one.bits + steps * size,
      });
    }
    const truth = TRUTHS[operator];
    if (truth !== undefined) return this.#truth(truth(one.bits, other.bits));
    if ((operator === "/" || operator === "%") && other.bits === 0n) {
      throw new ScriptError("E0912", `\`${this.text}\` divides by zero`);
    }
    return this.#number(NUMBERS[operator]!(one.bits, other.bits));
  }

  #truth(truth: boolean): CValue {
    return new CValue(
      this.memory,
      DebugType.INT,
      this.text,
      { bits: truth ? 1n : 0n },
      null,
      truth,
    );
  }

  #number(bits: bigint): CValue {
    return new CValue(this.memory, DebugType.INT, this.text, { bits });
  }

  #unary(): Read {
    if (++this.#depth > MOST_DEEP) {
      throw new ScriptError("E0919", `An expression of C is at most ${MOST_DEEP} parts deep here`);
    }
    const read = this.#operand();
    this.#depth--;
    return read;
  }

  #operand(): Read {
    const operator = this.#next("*", "&", "!", "-", "~");
    if (operator === null) return this.#postfix();
    const read = this.#unary();
    return () => this.#applied(operator, read());
  }

  #applied(operator: string, value: CValue): CValue {
    if (operator === "*") return value.target();
    if (operator === "!") return this.#truth(value.bits === 0n);
    if (operator === "-") return this.#number(-value.bits);
    if (operator === "~") return this.#number(~value.bits);
    if (value.at === null) {
      throw new ScriptError(
        "E0919",
        `\`${value.expression}\` has no address: the compiler keeps it in no memory`,
      );
    }
    return this.#number(BigInt(value.at));
  }

  #postfix(): Read {
    let read = this.#primary();
    for (;;) {
      const operator = this.#next(".", "->", "[");
      if (operator === null) return read;
      const of = read;
      if (operator === "[") {
        const index = this.#binary(0);
        this.#require("]");
        read = () => of().element(Number(index().bits));
        continue;
      }
      const name = this.#tokens[this.#at++] ?? "";
      if (!NAME.test(name)) {
        this.#at--;
        throw this.#unexpected();
      }
      // As in debuggers, both `.` and `->` work on a pointer.
      read = () => {
        const value = of();
        return (value.type.isPointer ? value.target() : value).member(name);
      };
    }
  }

  #primary(): Read {
    if (this.#next("(") !== null) {
      const read = this.#binary(0);
      this.#require(")");
      return read;
    }
    const token = this.#tokens[this.#at] ?? "";
    if (!NAME.test(token) && !NUMBER.test(token)) throw this.#unexpected();
    this.#at++;
    const value = NUMBER.test(token) ? this.#number(BigInt(token)) : this.named(token);
    return () => value;
  }
}
