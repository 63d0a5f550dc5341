/** The runs of scenarios with trees. Runs with a tree are reused for the next patch. */
import type { Program } from "@dmalab/lang/run";
import { MemoryScreen } from "@dmalab/cli";
import { isRefused, loadWithTree, type Refused, type Tree } from "../diff_scenario.ts";
import { ScenarioRuns } from "./kept_runs.ts";

/** Why a scenario does not run with a tree. */
export interface NotRun {
  readonly problem: string;
  readonly wrong: Refused["wrong"];
}

export function isNotRun(runs: object): runs is NotRun {
  return "wrong" in runs;
}

export class TreeRuns {
  readonly #runs = new Map<Tree, Map<string, ScenarioRuns | NotRun>>();

  constructor(readonly onProgress: (text: string) => void) {}

  /** The runs of a scenario with a tree, or why it does not run. */
  async of(path: string, tree: Tree): Promise<ScenarioRuns | NotRun> {
    const known = this.#runs.getOrInsertComputed(tree, () => new Map());
    let runs = known.get(path);
    if (runs === undefined) {
      const program = await this.#load(path, tree);
      const onRun = (test: string) => this.onProgress(`running ${path}: ${test}`);
      runs = isNotRun(program) ? program : await ScenarioRuns.of(program, tree, onRun);
      known.set(path, runs);
    }
    return runs;
  }

  async #load(path: string, tree: Tree): Promise<Program | NotRun> {
    this.onProgress(`compiling ${path} with ${tree.version.name}`);
    const screen = new MemoryScreen();
    const program = await loadWithTree(path, tree, screen);
    if (program === null) {
      return { problem: "it has no driver that is compiled with a tree", wrong: "scenario" };
    }
    if (!isRefused(program)) return program;
    return { problem: screen.errors.trim(), wrong: program.wrong };
  }

  forget(tree: Tree): void {
    this.#runs.delete(tree);
  }
}
