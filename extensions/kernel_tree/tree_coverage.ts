/** Which lines of a tree's files have run, in all instances of a module: each block of its code sets a byte. */
import type { LinesRun } from "@dmalab/lang/values";
import { type BlockMarks, RunFiles } from "@dmalab/c_drivers/tree";

/** The bytes of an instance, by their name. */
type MarkedBytes = (symbol: string, count: number) => Uint8Array;

/** A file of the tree, as the compiler names it. */
const OF_TREE = /^(?:\.\/)*tree\/(?:\.\/)*(.*)$/;

export class TreeCoverage {
  readonly #ran: readonly Uint8Array[];
  #current: MarkedBytes | null = null;

  constructor(readonly marks: readonly BlockMarks[]) {
    this.#ran = marks.map(({ blocks }) => new Uint8Array(blocks.length));
  }

  /** An instance begins, and the one before it has ended. */
  follow(bytes: MarkedBytes): void {
    this.#take();
    this.#current = bytes;
  }

  /** Lines with code, and the lines that ran, by paths in the tree. */
  lines(): ReadonlyMap<string, LinesRun> {
    this.#take();
    const files = new RunFiles();
    for (const [index, { blocks }] of this.marks.entries()) {
      for (const [number, places] of blocks.entries()) {
        for (const [file, line] of places) {
          const path = OF_TREE.exec(file)?.[1];
          if (path !== undefined) files.add(path, line, this.#ran[index]![number] === 1);
        }
      }
    }
    return files.lines();
  }

  #take(): void {
    if (this.#current === null) return;
    for (const [index, { blocks, symbol }] of this.marks.entries()) {
      const bytes = this.#current(symbol, blocks.length);
      bytes.forEach((byte, number) => this.#ran[index]![number]! |= byte);
    }
  }
}
