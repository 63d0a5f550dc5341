/**
 * Parses the text of a log from one known element to the next.
 *
 * Text between two elements is skipped: timestamps, host names, line ends, the prefix of each
 * further line. If a required element is missing, parsing ends.
 */
import type { FaultLogProblem } from "./logged_fault.ts";

/** Thrown to end the parsing of a line; `decodeFaultLog` converts this error to a value. */
export class LogError extends Error {
  constructor(readonly problem: FaultLogProblem) {
    super(problem.message);
  }
}

/** Number of characters of the text that a message shows. */
const SHOWN = 24;

export class LogCursor {
  /** Offset where parsing continues. */
  at = 0;
  #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  /**
   * Limits parsing to the text before the next match of a pattern: the current fault ends where the
   * next fault begins.
   */
  stopBefore(pattern: RegExp): void {
    const sought = new RegExp(pattern.source, `${pattern.flags}g`);
    sought.lastIndex = this.at;
    const match = sought.exec(this.#text);
    if (match !== null) this.#text = this.#text.slice(0, match.index);
  }

  /** Finds the next match anywhere and moves past it; null, without moving, if nothing matches. */
  find(pattern: RegExp): RegExpExecArray | null {
    return this.#match(pattern, "g");
  }

  /**
   * Like `find`, but the match is required.
   * @param expected A name for the match, as the end of a sentence.
   */
  need(pattern: RegExp, expected: string): RegExpExecArray {
    return this.find(pattern) ?? this.fail(`expected ${expected}`);
  }

  /** Moves past a match that begins at the current offset. */
  take(pattern: RegExp): RegExpExecArray | null {
    return this.#match(pattern, "y");
  }

  /** Like `take`, for a required match; blanks before it are skipped. */
  needHere(pattern: RegExp, expected: string): RegExpExecArray {
    this.take(/\s+/);
    return this.take(pattern) ?? this.fail(`expected ${expected}`);
  }

  /**
   * Ends the parsing.
   * @param offset Offset of the mistake; default: after the blanks at the current offset.
   */
  fail(message: string, offset: number = this.#behindBlanks()): never {
    const rest = this.#text.slice(offset).split("\n", 1)[0]!;
    const found = rest === ""
      ? offset >= this.#text.length ? "the text ends" : "the line ends"
      : `found "${rest.length > SHOWN ? `${rest.slice(0, SHOWN)}…` : rest}"`;
    throw new LogError({ message: `${message}, ${found}`, offset });
  }

  #behindBlanks(): number {
    return this.at + /^[ \t]*/.exec(this.#text.slice(this.at))![0].length;
  }

  #match(pattern: RegExp, flag: "g" | "y"): RegExpExecArray | null {
    const sought = new RegExp(pattern.source, pattern.flags + flag);
    sought.lastIndex = this.at;
    const match = sought.exec(this.#text);
    if (match !== null) this.at = sought.lastIndex;
    return match;
  }
}
