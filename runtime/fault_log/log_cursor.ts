/**
 * Goes through the text of a log, from one thing it knows to the next.
 *
 * Text between them is skipped: timestamps, host names, line ends, the prefix of each further line.
 * A required part that is missing ends the reading at its place.
 */
import type { FaultLogProblem } from "./logged_fault.ts";

/** Ends the reading of a line; `decodeFaultLog` makes a value of it. */
export class LogError extends Error {
  constructor(readonly problem: FaultLogProblem) {
    super(problem.message);
  }
}

/** Characters of the text that a message shows. */
const SHOWN = 24;

export class LogCursor {
  /** Where the reading goes on. */
  at = 0;
  #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  /** Reads no further than to the next match: where the next fault begins, this one has ended. */
  stopBefore(pattern: RegExp): void {
    const sought = new RegExp(pattern.source, `${pattern.flags}g`);
    sought.lastIndex = this.at;
    const match = sought.exec(this.#text);
    if (match !== null) this.#text = this.#text.slice(0, match.index);
  }

  /** Moves behind the next match, wherever it is; null, and nothing moves, without one. */
  find(pattern: RegExp): RegExpExecArray | null {
    return this.#match(pattern, "g");
  }

  /** The same for what has to be there. @param expected What it is, as the end of a sentence. */
  need(pattern: RegExp, expected: string): RegExpExecArray {
    return this.find(pattern) ?? this.fail(`expected ${expected}`);
  }

  /** Moves behind a match that begins right here. */
  take(pattern: RegExp): RegExpExecArray | null {
    return this.#match(pattern, "y");
  }

  /** The same for what has to be there; blanks before it are skipped. */
  needHere(pattern: RegExp, expected: string): RegExpExecArray {
    this.take(/\s+/);
    return this.take(pattern) ?? this.fail(`expected ${expected}`);
  }

  /** Ends the reading. @param offset Where it is wrong; behind the blanks here when left out. */
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
