/** A driver in C as the compiler gave it: its code, and the known facts about the code. */
import type { SourceFile, Span } from "@dmalab/lang";
import type { LinesRun, RegisterWatcher } from "@dmalab/lang/values";
import { RunFiles } from "./tree/run_files.ts";
import type { OfTree } from "./tree/of_tree.ts";
import { DebugInfo } from "./wasm/debug_info.ts";
import { LineTable } from "./wasm/line_table.ts";
import { CheckedModule } from "./wasm/checked_module.ts";
import { CLines } from "./wasm/c_lines.ts";
import { LocalSets } from "./wasm/wasm_code.ts";
import { ByteReader, type CodeSpan, type ModuleShape, shapeOf } from "./wasm/wasm_reader.ts";

/** Functions of the support file that are exported. */
const OWN = /^(?:dmalab_|__)/;

export class CCode {
  readonly shape: ModuleShape;
  /** Every source of it, by the name that the compiler calls it. */
  readonly sources: ReadonlyMap<string, SourceFile>;
  /** Names of its functions that scripts may call. */
  readonly functionNames: readonly string[];
  /** Places of calls that were asked for, by the address of the constant that says each. */
  readonly callSpans = new Map<number, Span | null>();
  /** The cleared memory of a machine that nothing looks at any more. */
  spareMemory: WebAssembly.Memory | null = null;
  registerWatcher: RegisterWatcher | null = null;
  #lines: LineTable | null = null;
  #debugInfo: DebugInfo | null = null;
  readonly #localSets = new Map<CodeSpan, LocalSets>();
  #statements: CLines | null = null;
  #checked: CheckedModule | null = null;
  #marked: CheckedModule | null = null;
  #coverage: CCoverage | null = null;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array<ArrayBuffer>,
    sources: ReadonlyMap<string, SourceFile>,
    /** Set for a driver that was compiled with a kernel tree. */
    readonly ofTree: OfTree | null = null,
  ) {
    this.sources = sources;
    this.shape = shapeOf(bytes);
    this.functionNames = [...this.shape.functions.keys()].filter((name) => !OWN.test(name));
  }

  /** A source by the name that the compiler has for it, which may say that it lies in this folder. */
  source(name: string): SourceFile | undefined {
    return this.sources.get(name.replace(/^\.\//, ""));
  }

  /** The source line of each offset. The table is read at the first request for a place. */
  get lines(): LineTable {
    return this.#lines ??= new LineTable(this.shape.custom.get(".debug_line") ?? new Uint8Array());
  }

  /** The known facts about its functions, variables and types. */
  get debugInfo(): DebugInfo {
    return this.#debugInfo ??= new DebugInfo(this.shape.custom);
  }

  /** Where a function sets its locals. */
  localSets(body: CodeSpan): LocalSets {
    const { bytes, shape: { codeAt } } = this;
    return this.#localSets.getOrInsertComputed(
      body,
      () => new LocalSets(body, new ByteReader(bytes.subarray(codeAt))),
    );
  }

  /** Its code as it runs. */
  get checked(): CheckedModule {
    return this.#checked ??= new CheckedModule(this);
  }

  get coverage(): CCoverage {
    return this.#coverage ??= new CCoverage(this.shape, this.checked.blocks);
  }

  /** The lines of its functions: read when a run is followed line by line. */
  get statements(): CLines {
    return this.#statements ??= new CLines(this);
  }

  /** Its code with a call where each line begins. */
  get marked(): CheckedModule {
    return this.#marked ??= this.statements.marked();
  }

  /** Which lines of its sources have run; before it was called first, none is known. */
  linesRun(): ReadonlyMap<string, LinesRun> {
    const lines = new Map<string, LinesRun>();
    for (const [file, run] of this.coverage.lines(this.lines)) {
      const name = this.source(file)?.name ?? this.ofTree?.library.get(file.replace(/^\.\//, ""));
      if (name !== undefined) lines.set(name, run);
    }
    return lines;
  }

  /** How many bytes the compiled module takes. */
  get sizeBytes(): number {
    return this.bytes.length;
  }
}

/** A line that a block has code of. */
interface BlockPlace {
  readonly block: number;
  readonly file: string;
  readonly line: number;
}

/** Which lines of a driver in C have run, on any machine: each block of its code is counted once. */
class CCoverage {
  /** By the number of a block. */
  readonly #passed: Uint8Array;
  #places: readonly BlockPlace[] | null = null;

  /** @param blocks Where blocks of code begin, in order. */
  constructor(readonly shape: ModuleShape, readonly blocks: readonly number[]) {
    this.#passed = new Uint8Array(blocks.length);
  }

  /** Marks the blocks that have not run yet as far as is known. The machine is about to start. */
  arm(blocks: Uint8Array): void {
    this.#passed.forEach((passed, block) => blocks[block] = 1 - passed);
  }

  /**
   * From now on no block counts as run: the coverage that follows does not depend on earlier runs.
   */
  forget(): void {
    this.#passed.fill(0);
  }

  *#placesIn(table: LineTable): Generator<BlockPlace> {
    let first = 0;
    const bodies = this.shape.bodies.toSorted((one, other) => one.start - other.start);
    for (const body of bodies) {
      while (this.blocks[first]! < body.start) first++;
      let known = "";
      for (const { address, file, line } of table.rowsIn(body.start, body.end)) {
        let block = first;
        while ((this.blocks[block + 1] ?? Infinity) <= address) block++;
        // Several rows of one line in one block say the same.
        const place = `${block} ${line} ${file}`;
        if (place !== known) yield { block, file, line };
        known = place;
      }
    }
  }

  /** A block runs for the first time. */
  pass(block: number): void {
    if (block >= 0 && block < this.#passed.length) this.#passed[block] = 1;
  }

  /** Lines with code, by the names of their files as the compiler has them. */
  lines(table: LineTable): ReadonlyMap<string, LinesRun> {
    const files = new RunFiles();
    for (const { block, file, line } of this.#places ??= [...this.#placesIn(table)]) {
      files.add(file, line, this.#passed[block] === 1);
    }
    return files.lines();
  }
}
