/** A compiled driver in C: its code, and facts about the code. */
import type { SourceFile, Span } from "@dmalab/lang";
import type { LinesRun, RegisterWatcher } from "@dmalab/lang/values";
import type { SearchedDevice } from "./search/searched_device.ts";
import { RunFiles } from "./tree/run_files.ts";
import type { OfTree } from "./tree/of_tree.ts";
import { DebugInfo } from "./wasm/debug_info.ts";
import { LineTable } from "./wasm/line_table.ts";
import { CheckedModule } from "./wasm/checked_module.ts";
import { CLines } from "./wasm/c_lines.ts";
import type { CompiledCode } from "./wasm/compiled_code.ts";
import { LocalSets } from "./wasm/wasm_code.ts";
import { ByteReader, type CodeSpan, type ModuleShape, shapeOf } from "./wasm/wasm_reader.ts";

/**
 * Largest number of spare memories. There are two, because two machines take turns: that of a run,
 * and that of one of its branches.
 */
const SPARE_MEMORIES = 2;

/** Start of the names of a tree's files in the compiler's output. */
const OF_TREE = "tree/";

/** Matches the names of the support file's exported functions. */
const OWN = /^(?:dmalab_|__)/;

export class CCode implements CompiledCode {
  readonly shape: ModuleShape;
  /** All sources, by their names in the compiler's output. */
  readonly sources: ReadonlyMap<string, SourceFile>;
  /** Names of the functions that scripts may call. */
  readonly functionNames: readonly string[];
  /**
   * Cache of the places of calls. A key is the address of the constant that contains a call's
   * place.
   */
  readonly callSpans = new Map<number, Span | null>();
  /** Memories of machines that are no longer used, cleared for the next machines. */
  readonly #spareMemories: WebAssembly.Memory[] = [];
  registerWatcher: RegisterWatcher | null = null;
  /** Answers the reads of registers while a search runs; null outside of a search. */
  search: SearchedDevice | null = null;
  #lines: LineTable | null = null;
  #debugInfo: DebugInfo | null = null;
  readonly #localSets = new Map<CodeSpan, LocalSets>();
  #statements: CLines | null = null;
  #checked: CheckedModule | null = null;
  #marked: CheckedModule | null = null;
  #noted: CheckedModule | null = null;
  /** Whether a run of the driver has mapped or allocated memory for a device. */
  mapsMemory = false;
  #coverage: CCoverage | null = null;

  constructor(
    readonly name: string,
    readonly bytes: Uint8Array<ArrayBuffer>,
    sources: ReadonlyMap<string, SourceFile>,
    /** Facts about the tree; set if the driver was compiled with a kernel tree. */
    readonly ofTree: OfTree | null = null,
  ) {
    this.sources = sources;
    this.shape = shapeOf(bytes);
    this.functionNames = [...this.shape.functions.keys()].filter((name) => !OWN.test(name));
  }

  /** A cleared memory of an earlier machine; null if no machine has given one. */
  takeMemory(): WebAssembly.Memory | null {
    return this.#spareMemories.pop() ?? null;
  }

  /** @param cleared Clears the memory of a machine that is not used any more. */
  giveMemory(cleared: () => WebAssembly.Memory): void {
    if (this.#spareMemories.length < SPARE_MEMORIES) this.#spareMemories.push(cleared());
  }

  /** A source by its name in the compiler's output, which may begin with `./`. */
  source(name: string): SourceFile | undefined {
    return this.sources.get(name.replace(/^\.\//, ""));
  }

  /** The name of a file of the driver or of its tree; undefined for dmalab's own files. */
  nameOf(file: string): string | undefined {
    const path = file.replace(/^\.\//, "");
    const inTree = path.startsWith(OF_TREE) ? path.slice(OF_TREE.length) : undefined;
    return this.source(file)?.name ?? this.ofTree?.library.get(path) ?? inTree;
  }

  /** The source line of each offset. The table is read at the first request for a place. */
  get lines(): LineTable {
    return this.#lines ??= new LineTable(this.shape.custom.get(".debug_line") ?? new Uint8Array());
  }

  /** Facts about functions, variables and types. */
  get debugInfo(): DebugInfo {
    return this.#debugInfo ??= new DebugInfo(this.shape.custom);
  }

  /** The instructions of a function that set locals of the function. */
  localSets(body: CodeSpan): LocalSets {
    const { bytes, shape: { codeAt } } = this;
    return this.#localSets.getOrInsertComputed(
      body,
      () => new LocalSets(body, new ByteReader(bytes.subarray(codeAt))),
    );
  }

  /** The code with the inserted checks. This is the code that is run. */
  get checked(): CheckedModule {
    return this.#checked ??= new CheckedModule(this);
  }

  get coverage(): CCoverage {
    return this.#coverage ??= new CCoverage(this.shape, this.checked.blocks);
  }

  /** The line table of the driver's functions; read when a debugger follows a run line by line. */
  get statements(): CLines {
    return this.#statements ??= new CLines(this);
  }

  /** The code with a call at the beginning of each line. */
  get marked(): CheckedModule {
    return this.#marked ??= this.statements.marked();
  }

  /** The code that notes the operands of its comparisons, for a search. */
  get noted(): CheckedModule {
    return this.#noted ??= new CheckedModule(this, undefined, true);
  }

  /** The lines of the driver's sources that have run; empty until the driver is first called. */
  linesRun(): ReadonlyMap<string, LinesRun> {
    const lines = new Map<string, LinesRun>();
    for (const [file, run] of this.coverage.lines(this.lines)) {
      const name = this.source(file)?.name ?? this.ofTree?.library.get(file.replace(/^\.\//, ""));
      if (name !== undefined) lines.set(name, run);
    }
    return lines;
  }

  /** Size of the compiled module in bytes. */
  get sizeBytes(): number {
    return this.bytes.length;
  }
}

/** A line with code in a block. */
interface BlockPlace {
  readonly block: number;
  readonly file: string;
  readonly line: number;
}

/**
 * Records which lines of a driver in C have run, on any machine. A block of the driver's code
 * reports only its first run.
 */
class CCoverage {
  /** For each block, by its number: 1 if the block has run. */
  readonly #passed: Uint8Array;
  #places: readonly BlockPlace[] | null = null;

  /** @param blocks Start addresses of the blocks of code, ascending. */
  constructor(readonly shape: ModuleShape, readonly blocks: readonly number[]) {
    this.#passed = new Uint8Array(blocks.length);
  }

  /**
   * Marks the blocks that have not run yet, so that these blocks report their first run. Called
   * before a machine starts.
   */
  arm(blocks: Uint8Array): void {
    this.#passed.forEach((passed, block) => blocks[block] = 1 - passed);
  }

  /** Resets all blocks to "not run", so that the next coverage does not depend on earlier runs. */
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
        // Several rows of the line table for the same line in one block are equivalent.
        const place = `${block} ${line} ${file}`;
        if (place !== known) yield { block, file, line };
        known = place;
      }
    }
  }

  /** Notes that a block runs for the first time. */
  pass(block: number): void {
    if (block >= 0 && block < this.#passed.length) this.#passed[block] = 1;
  }

  /** The lines with code, by the file names in the compiler's output. */
  lines(table: LineTable): ReadonlyMap<string, LinesRun> {
    const files = new RunFiles();
    for (const { block, file, line } of this.#places ??= [...this.#placesIn(table)]) {
      files.add(file, line, this.#passed[block] === 1);
    }
    return files.lines();
  }
}
