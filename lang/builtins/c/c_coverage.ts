/**
 * Which lines of a driver in C have run, on whichever machine.
 *
 * The compiler has every stretch of code without a branch call one function first, with the address of
 * a word of its own. A word that is not zero is told of once; which lines a stretch is of, the line
 * table says.
 */
import type { LinesRun } from "../../values/c_module.ts";
import type { LineTable } from "./line_table.ts";
import { ByteReader, type CodeSpan, type ModuleShape } from "./wasm_reader.ts";

const OP = { CALL: 0x10, I64_CONST: 0x42 } as const;
const WORD_BYTES = 4;

/** Where code announces itself, and by which word. */
interface Stretch {
  readonly address: number;
  readonly guard: number;
}

export class CCoverage {
  readonly #code: Uint8Array;
  readonly #shape: ModuleShape;
  readonly #passed = new Set<number>();
  #first = 0;
  #end = 0;

  /** @param bytes The module. */
  constructor(bytes: Uint8Array, shape: ModuleShape) {
    this.#code = bytes.subarray(shape.codeAt);
    this.#shape = shape;
  }

  /** The words of a machine that is about to start: those that are told of already stay quiet. */
  arm(view: DataView, first: number, end: number): void {
    this.#first = first;
    this.#end = end;
    for (let guard = first; guard < end; guard += WORD_BYTES) {
      view.setUint32(guard, this.#passed.has(guard) ? 0 : 1, true);
    }
  }

  /** Somebody came by. */
  pass(guard: number): void {
    this.#passed.add(guard);
  }

  /** Lines with code, by the names of their files as the compiler has them. */
  lines(table: LineTable): ReadonlyMap<string, LinesRun> {
    const files = new Map<string, Map<number, boolean>>();
    for (const body of this.#shape.bodies) {
      const stretches = this.#stretchesOf(body);
      if (stretches.length === 0) continue;
      for (const { address, file, line } of table.rowsIn(body.start, body.end)) {
        const own = stretches.findLast((each) => each.address <= address) ?? stretches[0]!;
        const lines = files.get(file) ?? new Map<number, boolean>();
        files.set(file, lines);
        lines.set(line, lines.get(line) === true || this.#passed.has(own.guard));
      }
    }
    return new Map([...files].map(([file, lines]) => [file, runOf(lines)]));
  }

  #stretchesOf({ end, start }: CodeSpan): readonly Stretch[] {
    const stretches: Stretch[] = [];
    const reader = new ByteReader(this.#code);
    for (let address = start; address < end; address++) {
      if (this.#code[address] !== OP.I64_CONST) continue;
      reader.at = address + 1;
      const guard = reader.signed();
      const isOne = guard >= this.#first && guard < this.#end &&
        (guard - this.#first) % WORD_BYTES === 0 && reader.byte() === OP.CALL;
      if (isOne) stretches.push({ address, guard });
    }
    return stretches;
  }
}

function runOf(lines: ReadonlyMap<number, boolean>): LinesRun {
  const all = [...lines.keys()].toSorted((a, b) => a - b);
  return { all, run: all.filter((line) => lines.get(line)) };
}
