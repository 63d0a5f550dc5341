/**
 * JSON as values of the language, with the location of each mistake.
 *
 * `JSON.parse` reports neither the location of a mistake nor whether a number was exact. Therefore
 * the text is parsed token by token here, and `JSON.parse` decodes only the escapes in strings.
 */
import type { DataProblem } from "../values/spec.ts";
import { ListValue, Ratio, RecordValue, type Value } from "../values/value.ts";
import { DATA_DEPTH, DATA_VALUES } from "../values/limits.ts";

/** White space, then one token; an empty token at the end. */
const TOKEN =
  // deno-lint-ignore no-control-regex
  /[ \t\n\r]*((?:[{}[\]:,]|"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null)?)/;

/** Ends the parsing; the message is a sentence without its full stop. */
class JsonError extends Error {
  constructor(message: string, readonly start: number, readonly end: number) {
    super(message);
  }
}

export function readJson(text: string): { readonly value: Value } | DataProblem {
  try {
    return { value: new JsonReader(text).whole() };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { end, message, start } = error;
    return { message, start, end };
  }
}

class JsonReader {
  #token = "";
  #start = 0;
  #end = 0;
  #values = 0;
  /**
   * Each reader has its own regular expression, because a sticky expression stores its position.
   */
  readonly #pattern = new RegExp(TOKEN, "y");

  constructor(readonly text: string) {}

  whole(): Value {
    // Skips a byte-order mark.
    this.#end = this.text.startsWith("\ufeff") ? 1 : 0;
    this.#next();
    const value = this.#value(0);
    if (this.#start < this.text.length) throw this.#wrong("Nothing can follow the value");
    return value;
  }

  #next(): void {
    this.#pattern.lastIndex = this.#end;
    const [all, token] = this.#pattern.exec(this.text)!;
    this.#start = this.#end + all.length - token!.length;
    this.#end += all.length;
    this.#token = token!;
  }

  #value(depth: number): Value {
    if (depth > DATA_DEPTH) {
      throw this.#wrong(`More than ${DATA_DEPTH} lists and records in each other`);
    }
    if (++this.#values > DATA_VALUES) {
      throw this.#wrong(`There are more than ${DATA_VALUES} values`);
    }
    const token = this.#token;
    switch (token) {
      case "{":
        return this.#record(depth);
      case "[":
        return this.#list(depth);
      case "true":
      case "false":
        return this.#taken(token === "true");
      case "null":
        return this.#taken(null);
    }
    if (token.startsWith('"')) return this.#taken(JSON.parse(token) as string);
    if (/^[-0-9]/.test(token)) return this.#taken(this.#number(token));
    throw this.#wrong("A value is missing here");
  }

  #taken(value: Value): Value {
    this.#next();
    return value;
  }

  #number(token: string): Value {
    const value = Number(token);
    if (/[.eE]/.test(token)) {
      if (Number.isFinite(value)) return new Ratio(value);
    } else if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
    throw this.#wrong("This number is not exact: integers are, up to 2^53");
  }

  #list(depth: number): ListValue {
    const items: Value[] = [];
    const list = new ListValue(items);
    this.#next();
    if (this.#skip("]")) return list;
    for (;;) {
      items.push(this.#value(depth + 1));
      if (this.#skip("]")) return list;
      this.#expect(",", "`,` or `]`");
    }
  }

  #record(depth: number): RecordValue {
    const entries = new Map<string, Value>();
    const record = new RecordValue(entries);
    this.#next();
    if (this.#skip("}")) return record;
    for (;;) {
      if (!this.#token.startsWith('"')) throw this.#wrong('A name such as "size" is missing here');
      const name = JSON.parse(this.#token) as string;
      if (entries.has(name)) throw this.#wrong(`There are two entries of this name`);
      this.#next();
      this.#expect(":", "`:`");
      entries.set(name, this.#value(depth + 1));
      if (this.#skip("}")) return record;
      this.#expect(",", "`,` or `}`");
    }
  }

  #skip(token: string): boolean {
    if (this.#token !== token) return false;
    this.#next();
    return true;
  }

  #expect(token: string, what: string): void {
    if (!this.#skip(token)) throw this.#wrong(`${what} is missing here`);
  }

  /** The error for a mistake at the next token, or at text that is not a token. */
  #wrong(message: string): JsonError {
    const at = this.text[this.#start];
    const unclosed = this.#token === "" && at === '"'
      ? ": this text is not closed or not JSON"
      : "";
    const isOver = at === undefined ? ": the file ends" : "";
    const end = Math.max(this.#end, this.#start + 1);
    return new JsonError(`${message}${unclosed}${isOver}`, this.#start, end);
  }
}
