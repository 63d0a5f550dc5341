/** Which lines of a tree's files have run, in all instances of a module: each block of its code sets a byte. */
import type { LinesRun } from "@dmalab/lang/values";
import type { BlockMarks } from "@dmalab/c_drivers/tree";

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

  /** Lines with code, and those that ran, by paths in the tree. */
  lines(): ReadonlyMap<string, LinesRun> {
    this.#take();
    const files = new Map<string, Map<number, boolean>>();
    for (const [index, { blocks }] of this.marks.entries()) {
      for (const [number, places] of blocks.entries()) {
        for (const [file, line] of places) {
          const path = OF_TREE.exec(file)?.[1];
          if (path === undefined) continue;
          const lines = files.get(path) ?? new Map<number, boolean>();
          files.set(path, lines);
          lines.set(line, lines.get(line) === true || this.#ran[index]![number] === 1);
        }
      }
    }
    return new Map([...files].map(([path, lines]) => {
      const all = [...lines.keys()].toSorted((a, b) => a - b);
      return [path, { all, run: all.filter((line) => lines.get(line)) }];
    }));
  }

  #take(): void {
    if (this.#current === null) return;
    for (const [index, { blocks, symbol }] of this.marks.entries()) {
      const bytes = this.#current(symbol, blocks.length);
      bytes.forEach((byte, number) => this.#ran[index]![number]! |= byte);
    }
  }
}
