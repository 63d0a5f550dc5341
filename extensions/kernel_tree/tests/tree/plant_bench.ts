/**
 * Runs tests on planted changes of one file in a kernel tree, to see whether the tests find the
 * changes.
 */
import { HostTree, MemoryScreen } from "@dmalab/cli";
import { TreeBuild } from "@dmalab/c_drivers";
import {
  type ComparedTestRun,
  firstDifference,
  openTree,
  runWithTree,
} from "../../diff_scenario.ts";
import type { Oracle } from "../../oracles.ts";
import { TreeError } from "@dmalab/runtime/kernels";
import { STOPPED } from "../../oracle/compare.ts";
import type { SystemClang } from "./system_clang.ts";

/** Compares the behaviour of a changed file with that of the unchanged one. */
export interface PlantBench {
  /** A line of C that `ran` identifies by a number. */
  mark(number: number): string;
  /** C declaration that the marks need. */
  readonly declaration: string;
  /**
   * The difference that a change makes; "missed" if there is no difference, null if the file does
   * not compile.
   */
  outcomeOf(changed: readonly string[]): Promise<string | null>;
  /**
   * The marks that are reached when a file with marks is run; null if the marks change the
   * behaviour of the file.
   */
  ran(marked: readonly string[]): Promise<ReadonlySet<number> | null>;
}

export const MISSED = "missed";

/** The tree with one changed file; each file is read from disk once. */
class PlantedTree extends HostTree {
  static readonly #texts = new Map<string, string | null>();

  constructor(folder: string, readonly path: string, readonly changed: readonly string[]) {
    super(folder);
  }

  override text(name: string): string | null {
    if (name === this.path) return this.changed.join("\n");
    return PlantedTree.#texts.getOrInsertComputed(name, () => super.text(name));
  }
}

const CASES = { count: 120, seed: 1 };

/** Random sequences of operations, as `dmalab tree diff OLD NEW FILE` compares them. */
export class SequenceBench implements PlantBench {
  readonly declaration = "void lab_line(long line);";

  constructor(
    readonly folder: string,
    readonly path: string,
    readonly oracles: readonly Oracle[],
    readonly clang: SystemClang,
    readonly lines: readonly string[],
  ) {}

  mark(number: number): string {
    return `lab_line(${number});`;
  }

  async outcomeOf(changed: readonly string[]): Promise<string | null> {
    const [old, planted] = [this.lines, changed].map((text) =>
      new TreeBuild(new PlantedTree(this.folder, this.path, text), this.clang, false)
    );
    try {
      for (const oracle of this.oracles) {
        const { difference } = await oracle.compare(old!, planted!, CASES);
        if (difference === null) continue;
        const last = difference.other[STOPPED] ?? JSON.stringify(difference.operations.at(-1));
        return `found | ${difference.operations.length} operations | ${last}`;
      }
      return MISSED;
    } catch (error) {
      if (!(error instanceof TreeError)) throw error;
      return null;
    }
  }

  async ran(marked: readonly string[]): Promise<ReadonlySet<number> | null> {
    const reached = new Set<number>();
    const NativeInstance = WebAssembly.Instance;
    const lab_line = (number: bigint) => reached.add(Number(number));
    WebAssembly.Instance = class extends NativeInstance {
      constructor(module: WebAssembly.Module, { env }: WebAssembly.Imports = {}) {
        super(module, { env: { ...env, lab_line } });
      }
    };
    const outcome = await this.outcomeOf(marked);
    WebAssembly.Instance = NativeInstance;
    return outcome === MISSED ? reached : null;
  }
}

/**
 * Runs scenarios as `dmalab tree diff OLD NEW SCENARIO` does. The new tree is a copy of the tree with the changed
 * file.
 */
export class ScenarioBench implements PlantBench {
  readonly declaration = "static volatile int lab_line;";
  readonly #unchanged = new Map<string, readonly ComparedTestRun[]>();

  constructor(
    readonly copy: string,
    readonly path: string,
    readonly scenarios: readonly string[],
    readonly lines: readonly string[],
  ) {}

  /** A statement on a separate line, which line coverage reports. */
  mark(number: number): string {
    return `lab_line = ${number};\n`;
  }

  async outcomeOf(changed: readonly string[]): Promise<string | null> {
    for (const scenario of this.scenarios) {
      const made = await this.#run(scenario, changed);
      if (made === null) return null;
      const found = firstDifference(await this.#unchangedRun(scenario), made.tests);
      if (found === null) continue;
      const { at, name, other } = found;
      return `found | ${name} | ${other[at] ?? "ends"}`;
    }
    return MISSED;
  }

  async ran(marked: readonly string[]): Promise<ReadonlySet<number> | null> {
    const reached = new Set<number>();
    const text = marked.join("\n").split("\n");
    for (const scenario of this.scenarios) {
      const made = await this.#run(scenario, marked);
      if (made === null) return null;
      const { program, tests } = made;
      if (firstDifference(await this.#unchangedRun(scenario), tests) !== null) return null;
      for (const module of program.registry.cModules?.() ?? []) {
        for (const [name, { run }] of module.linesRun()) {
          if (!name.endsWith(this.path)) continue;
          for (const line of run) {
            const [, number] = /^lab_line = (\d+);$/.exec(text[line - 1]!.trim()) ?? [];
            if (number !== undefined) reached.add(Number(number));
          }
        }
      }
    }
    return reached;
  }

  async #unchangedRun(scenario: string): Promise<readonly ComparedTestRun[]> {
    const known = this.#unchanged.get(scenario);
    if (known !== undefined) return known;
    const made = await this.#run(scenario, this.lines);
    if (made === null) throw new Error(`${scenario} does not run with the file as it is`);
    this.#unchanged.set(scenario, made.tests);
    return made.tests;
  }

  async #run(scenario: string, lines: readonly string[]) {
    // In the copy, the file is a link to the tree's file. The link is removed first, so that the
    // tree's file is not written.
    Deno.removeSync(`${this.copy}/${this.path}`);
    Deno.writeTextFileSync(`${this.copy}/${this.path}`, lines.join("\n"));
    const made = await runWithTree(scenario, openTree(new HostTree(this.copy)), new MemoryScreen());
    return typeof made === "number" ? null : made;
  }
}
