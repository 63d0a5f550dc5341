/** What the task and the process that tries mutants tell each other: JSON, a line each. */

/** A test, by its file from the project's folder and its place in it. */
export interface TestName {
  readonly file: string;
  readonly index: number;
}

export type Order =
  /** Run every test of a file on the sources as they are. */
  | { readonly kind: "measure"; readonly file: string }
  /** Run tests with a mutant on until one fails. */
  | {
    readonly kind: "try";
    readonly mutant: number;
    readonly asksOfClean: number;
    /** What fails is run again with the mutant off, and counts only when it passes then. */
    readonly confirm: boolean;
    readonly tests: readonly TestName[];
  }
  /** As above, for a mutant that acts while modules are loaded: nothing may be loaded before. */
  | {
    readonly kind: "try at load";
    readonly mutant: number;
    /** By file, those that pass on the sources as they are. */
    readonly files: readonly (readonly [file: string, indices: readonly number[]])[];
  };

/** One test of a clean run. */
export interface Measured {
  readonly index: number;
  readonly name: string;
  readonly ms: number;
  /** What it failed with; null when it passed. */
  readonly failure: string | null;
  readonly asks: readonly [id: number, count: number][];
}

export type Answer =
  | { readonly kind: "begins"; readonly what: string }
  | {
    readonly kind: "measured";
    /** Asked for while the file and what it needs were loaded. */
    readonly asksAtLoad: readonly [id: number, count: number][];
    readonly failure: string | null;
    readonly tests: readonly Measured[];
  }
  | { readonly kind: "tried"; readonly killer: string | null; readonly failure: string | null };

/** Before each answer: tests may write lines of their own. */
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
