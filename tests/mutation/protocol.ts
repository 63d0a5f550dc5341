/** Messages between the task and the process that tries mutants: each is one line of JSON. */

/** A test: the path of its file from the project's folder, and its index in the file. */
export interface TestName {
  readonly file: string;
  readonly index: number;
}

export type Order =
  /** Run a file's tests on the unchanged sources: all of them, or only the short suite. */
  | { readonly kind: "measure"; readonly file: string; readonly short: boolean }
  /** Turn a mutant on and run tests until one fails. */
  | {
    readonly kind: "try";
    /** `NO_MUTANT` for the unchanged sources. */
    readonly mutant: number;
    readonly asksOfClean: number;
    /**
     * Whether the mutant acts while modules are loaded. If it does, it must be on before any module
     * is loaded.
     */
    readonly atLoad: boolean;
    readonly tests: readonly TestName[];
  };

export const NO_MUTANT = -1;

/** One test of a clean run. */
export interface Measured {
  readonly index: number;
  readonly name: string;
  readonly ms: number;
  /** The error of the test; null if it passed. */
  readonly failure: string | null;
  readonly asks: readonly [id: number, count: number][];
  /** Names that the test used, as the numbers of their marks. */
  readonly used: readonly number[];
}

/** The results of a file's tests on the unchanged sources. */
export interface Clean {
  /** How often each mutant was asked for while the file and its modules were loaded. */
  readonly asksAtLoad: readonly [id: number, count: number][];
  /** Names that were used while the file and its modules were loaded, as the numbers of their marks. */
  readonly usedAtLoad: readonly number[];
  readonly tests: readonly Measured[];
}

export type Answer =
  /** The process begins a test, or begins to load the test's file. */
  | { readonly kind: "begins"; readonly what: string; readonly test: TestName }
  | (Clean & { readonly kind: "measured"; readonly failure: string | null })
  | { readonly kind: "tried"; readonly failed: Failed | null };

export interface Failed {
  readonly test: TestName;
  readonly name: string;
  readonly failure: string;
  /**
   * Whether the failed test passes in the same process after the mutant is turned off; null if only
   * a new process can show that.
   */
  readonly passesWithout: boolean | null;
}

/** The character that begins each answer, because tests may write lines to the same stream. */
export const ANSWER = "\u0001";

/** The lines of a stream, each as soon as it is complete. */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of stream) {
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}
