/** A driver in C as the compiler gave it: its code, and what is known of it. */
import type { SourceFile } from "../../source.ts";
import type { LinesRun } from "../../values/c_module.ts";
import { CCoverage } from "./c_coverage.ts";
import { LineTable } from "./line_table.ts";
import { CLines, type MarkedModule, type RunnableCode } from "./marked_module.ts";
import { type ModuleShape, shapeOf } from "./wasm_reader.ts";

/** Functions of the support file that are exported. */
const OWN = /^(?:dmalab_|__)/;

export class CCode implements RunnableCode {
  readonly module: WebAssembly.Module;
  readonly shape: ModuleShape;
  /** Every source of it, by the name that the compiler calls it. */
  readonly sources: ReadonlyMap<string, SourceFile>;
  /** Names of its functions that scripts may call. */
  readonly functionNames: readonly string[];
  readonly coverage: CCoverage;
  #lines: LineTable | null = null;
  #statements: CLines | null = null;
  #marked: MarkedModule | null = null;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array<ArrayBuffer>,
    sources: ReadonlyMap<string, SourceFile>,
  ) {
    this.module = new WebAssembly.Module(bytes);
    this.shape = shapeOf(bytes);
    this.coverage = new CCoverage(bytes, this.shape);
    this.sources = sources;
    this.functionNames = [...this.shape.functions.keys()].filter((name) => !OWN.test(name));
  }

  /** A source by the name that the compiler has for it, which may say that it lies in this folder. */
  source(name: string): SourceFile | undefined {
    return this.sources.get(name.replace(/^\.\//, ""));
  }

  /** What an offset is a line of. Read when a place is asked for the first time. */
  get lines(): LineTable {
    if (this.#lines === null) {
      const [section] = WebAssembly.Module.customSections(this.module, ".debug_line");
      this.#lines = new LineTable(new Uint8Array(section ?? new ArrayBuffer(0)));
    }
    return this.#lines;
  }

  /** The lines of its functions: read when somebody wants to stop at one. */
  get statements(): CLines {
    return this.#statements ??= new CLines(this);
  }

  /** Its code for those who follow a run line by line. */
  get marked(): MarkedModule {
    return this.#marked ??= this.statements.marked();
  }

  addressOf(offset: number): number {
    return offset - this.shape.codeAt;
  }

  /** Which lines of its sources have run; before it was called first, none is known. */
  linesRun(): ReadonlyMap<string, LinesRun> {
    const lines = new Map<string, LinesRun>();
    for (const [file, run] of this.coverage.lines(this.lines)) {
      const source = this.source(file);
      if (source !== undefined) lines.set(source.name, run);
    }
    return lines;
  }

  /** How many bytes the compiled module takes. */
  get sizeBytes(): number {
    return this.bytes.length;
  }
}
