/** The messages between the task and the process that tries mutants: JSON, a line each. */

/** A test, by its file from the project's folder and its place in it. */
export interface TestName {
  readonly file: string;
  readonly index: number;
}

export type Order =
  /** Run the tests of a file on the sources as they are: all, or those of the short suite. */
  | { readonly kind: "measure"; readonly file: string; readonly short: boolean }
  /** Run tests with a mutant on until one fails. */
  | {
    readonly kind: "try";
    /** `NO_MUTANT` for the sources as they are. */
    readonly mutant: number;
    readonly asksOfClean: number;
    /** It acts while modules are loaded: nothing may be loaded before. */
    readonly atLoad: boolean;
    readonly tests: readonly TestName[];
  };

export const NO_MUTANT = -1;

/** One test of a clean run. */
export interface Measured {
  readonly index: number;
  readonly name: string;
  readonly ms: number;
  /** Its error; null when it passed. */
  readonly failure: string | null;
  readonly asks: readonly [id: number, count: number][];
  /** Marks of names that it uses. */
  readonly used: readonly number[];
}

/** A clean run of a file. */
export interface Clean {
  /** Asked for while the file and its modules were loaded. */
  readonly asksAtLoad: readonly [id: number, count: number][];
  /** Marks of names that were used then. */
  readonly usedAtLoad: readonly number[];
  readonly tests: readonly Measured[];
}

export type Answer =
  /** At a test, or at loading its file. */
  | { readonly kind: "begins"; readonly what: string; readonly test: TestName }
  | (Clean & { readonly kind: "measured"; readonly failure: string | null })
  | { readonly kind: "tried"; readonly failed: Failed | null };

export interface Failed {
  readonly test: TestName;
  readonly name: string;
  readonly failure: string;
  /** Whether it passes beside it, with the mutant off; null where that takes another process. */
  readonly passesWithout: boolean | null;
}

/** Before each answer: tests may write their own lines. */
export const ANSWER = "\u0001";

/** The lines of a stream, as they come. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
