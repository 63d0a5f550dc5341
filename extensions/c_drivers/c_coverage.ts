/** Which lines of a driver in C have run, on any machine: each block of its code is counted once. */
import type { LinesRun } from "@dmalab/lang/values";
import type { LineTable } from "./wasm/line_table.ts";
import type { ModuleShape } from "./wasm/wasm_reader.ts";

export class CCoverage {
  /** By the number of a block. */
  readonly #passed: Uint8Array;

  /** @param blocks Where blocks of code begin, in order. */
  constructor(readonly shape: ModuleShape, readonly blocks: readonly number[]) {
    this.#passed = new Uint8Array(blocks.length);
  }

  /** Marks the blocks of a machine that is about to start: those that are not known to have run. */
  arm(blocks: Uint8Array): void {
    this.#passed.forEach((passed, block) => blocks[block] = 1 - passed);
  }

  /** From now on no block has run: what follows is known by itself. */
  forget(): void {
    this.#passed.fill(0);
  }

  /** A block runs for the first time. */
  pass(block: number): void {
    if (block >= 0 && block < this.#passed.length) this.#passed[block] = 1;
  }

  /** Lines with code, by the names of their files as the compiler has them. */
  lines(table: LineTable): ReadonlyMap<string, LinesRun> {
    const files = new Map<string, Map<number, boolean>>();
    for (const body of this.shape.bodies) {
      const first = this.blocks.findIndex((start) => start >= body.start);
      for (const { address, file, line } of table.rowsIn(body.start, body.end)) {
        let block = first;
        while ((this.blocks[block + 1] ?? Infinity) <= address) block++;
        const lines = files.get(file) ?? new Map<number, boolean>();
        files.set(file, lines);
        lines.set(line, lines.get(line) === true || this.#passed[block] === 1);
      }
    }
    return new Map([...files].map(([file, lines]) => [file, runOf(lines)]));
  }
}

function runOf(lines: ReadonlyMap<number, boolean>): LinesRun {
  const all = [...lines.keys()].toSorted((a, b) => a - b);
  return { all, run: all.filter((line) => lines.get(line)) };
}
