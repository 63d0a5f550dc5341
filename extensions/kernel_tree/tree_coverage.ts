/**
 * Line coverage of a tree's files, in all instances of a module. Each basic block of the module's code sets a
 * byte.
 */
import type { LinesRun } from "@dmalab/lang/values";
import { type BlockMarks, RunFiles } from "@dmalab/c_drivers/tree";

/**
 * Returns the bytes of a module instance's blocks. `symbol` is the name of the array of these
 * bytes.
 */
type MarkedBytes = (symbol: string, count: number) => Uint8Array;

/** Path of a tree's file in the compiler's output. */
const OF_TREE = /^(?:\.\/)*tree\/(?:\.\/)*(.*)$/;

/** The path in the tree for a file that the compiler's output names; null for a file of dmalab. */
export function pathInTree(file: string): string | null {
  return OF_TREE.exec(file)?.[1] ?? null;
}

export class TreeCoverage {
  readonly #ran: readonly Uint8Array[];
  #current: MarkedBytes | null = null;

  constructor(readonly marks: readonly BlockMarks[]) {
    this.#ran = marks.map(({ blocks }) => new Uint8Array(blocks.length));
  }

  /** Called when a new instance begins; the previous instance has ended. */
  follow(bytes: MarkedBytes): void {
    this.#take();
    this.#current = bytes;
  }

  /** The executable lines and the lines that ran, by paths in the tree. */
  lines(): ReadonlyMap<string, LinesRun> {
    this.#take();
    const files = new RunFiles();
    for (const [index, { blocks }] of this.marks.entries()) {
      for (const [number, places] of blocks.entries()) {
        for (const [file, line] of places) {
          const path = pathInTree(file);
          if (path !== null) files.add(path, line, this.#ran[index]![number] === 1);
        }
      }
    }
    return files.lines();
  }

  /** Begins the record that {@linkcode lastLines} returns. */
  startLast(): void {
    this.#take();
    for (const bytes of this.#marked()) bytes.fill(0);
  }

  /** Lines that have run since {@linkcode startLast}, by their paths and numbers. */
  lastLines(): readonly { readonly path: string; readonly line: number }[] {
    const files = new RunFiles();
    for (const [index, bytes] of this.#marked().entries()) {
      for (const [number, places] of this.marks[index]!.blocks.entries()) {
        for (const [file, line] of bytes[number] === 1 ? places : []) {
          const path = pathInTree(file);
          if (path !== null) files.add(path, line, true);
        }
      }
    }
    return [...files.lines()].flatMap(([path, { run }]) => run.map((line) => ({ path, line })));
  }

  #marked(): readonly Uint8Array[] {
    const current = this.#current;
    return current === null
      ? []
      : this.marks.map(({ blocks, symbol }) => current(symbol, blocks.length));
  }

  #take(): void {
    for (const [index, bytes] of this.#marked().entries()) {
      bytes.forEach((byte, number) => this.#ran[index]![number]! |= byte);
    }
  }
}
