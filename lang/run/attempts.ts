/**
 * Attempts of a test. An attempt is one run on a fresh machine, from the start of the test to the
 * verdict.
 */
import type { TestLeak } from "@dmalab/runtime";
import { formatCount } from "../text/numbers.ts";
import type { Output } from "../values/execution_context.ts";
import type { Value } from "../values/value.ts";
import { type BranchChoice, formatBranch } from "../vm/branch_choice.ts";
import { withNote } from "../vm/branches.ts";
import { failed, type Failure } from "../vm/failure.ts";
import { RunWatch } from "../vm/run_watch.ts";
import { storyOf } from "../vm/sweeps.ts";
import type { Vm } from "../vm/vm.ts";
import { DefectAttribution, type TestRunResult } from "./defect_attribution.ts";
import { judgeEnd } from "./incidents.ts";
import { leftoversOf } from "./leaks.ts";
import type { Program } from "./program.ts";
import { ChildRunStarter, NO_OUTPUT } from "./replay_run.ts";
import type { RunNames } from "./report.ts";
import type { SharedOptions } from "./run_options.ts";
import type { TestEntry } from "./test_entry.ts";
import { type MachineOptions, runConfig, startMachine, TestMachine } from "./test_machine.ts";

/** A run that is about to begin: its code, its arguments and its machine. */
export interface PlannedRun extends Pick<TestEntry, "config" | "variant" | "functionIndex"> {
  /** The values of a property's case; for a table, those of its row. */
  readonly args: readonly Value[];
  /** The choices that lead to a branch, which is run instead of the whole test. */
  readonly branch?: readonly BranchChoice[] | undefined;
}

/**
 * Starts the runs of one test or property, each on a fresh machine. One time limit applies to all these runs
 * together.
 */
export class Attempts {
  /**
   * The run that is shown: the last run with output, or the run of the smallest case that failed.
   */
  shown: PlannedRun | null = null;
  readonly #watch: RunWatch | undefined;

  /** @param seed The seed of the test's machine, passed to listeners. */
  constructor(
    readonly program: Program,
    readonly names: RunNames,
    readonly seed: number,
    readonly options: SharedOptions,
  ) {
    const { machine: { limits }, watch } = options;
    this.#watch = watch && new RunWatch(watch, limits);
  }

  /**
   * Runs the code on a fresh machine. Listeners get the events only of runs that write to the
   * test's own output.
   */
  run(
    run: PlannedRun,
    output: Output = this.options.machine.output,
    more: Partial<MachineOptions> = {},
  ): TestRunResult {
    const { helpPlaces: help, machine: shared, onRun } = this.options;
    const isShown = output === shared.output;
    if (isShown) {
      const { lenient } = shared;
      this.shown = run;
      onRun?.({ ...this.names, machine: runConfig(run.config, { lenient, seed: this.seed }) });
    }
    const machine = prepareRun(this.program, run, {
      ...shared,
      onEvent: isShown ? shared.onEvent : undefined,
      helpPlaces: help && isShown && this.names.kind === "test"
        ? (request) => help(this.names, request)
        : undefined,
      watch: this.#watch,
      output,
      record: true,
      ...more,
    });
    if (!(machine instanceof TestMachine)) return { failure: machine, machine: null, leaks: [] };
    const { failure, vm } = machine;
    return { machine, ...judgeRun(vm, failure ?? vm.run(run.functionIndex, run.args)) };
  }

  /** The defects that cause a run's failure and its incidents. */
  attributionOf(result: TestRunResult, run: PlannedRun): DefectAttribution {
    const { attributeDefects, limits } = this.options.machine;
    // If the result has no machine, no defects are searched for.
    const looked = attributeDefects === false ? { ...result, machine: null } : result;
    return new DefectAttribution(
      looked,
      (quirks, steps) =>
        this.run({ ...run, config: { ...run.config, quirks } }, NO_OUTPUT, {
          limits: {
            ...limits,
            steps: Math.min(steps, limits.steps),
            // The machine of the observed run is still allocated, so only the rest of the memory
            // budget is left.
            memoryBytes: result.machine?.machine.budget.leftBytes ?? limits.memoryBytes,
          },
          onSideEvent: undefined,
          attributeDefects: false,
        }),
      (tried) => this.release(tried),
    );
  }

  /**
   * Lets the next machine reuse the memory of the run's drivers in C. Only the run's events are read
   * after this call.
   */
  release({ machine }: TestRunResult): void {
    // The caller of a run with `onVm` may read the machine later.
    if (machine === null || this.options.machine.onVm !== undefined) return;
    for (const module of machine.machine.lab.machine.driverModules) module.retire();
  }
}

/** A machine that is ready for a run, or why it cannot be built. */
export function prepareRun(
  program: Program,
  { args, branch, config, functionIndex, variant }: PlannedRun,
  options: MachineOptions,
): TestMachine | Failure {
  const { span } = program.code.functions[functionIndex]!;
  const machine = startMachine(program, config, options, span);
  if (machine instanceof TestMachine) {
    const start = { functionIndex, args };
    const { branches } = machine.vm;
    branches.runs = new ChildRunStarter(program, config, [variant], options, start);
    if (branch !== undefined) {
      branches.choices = branch;
      branches.judgesBranch = true;
    }
  }
  return machine;
}

/**
 * The failure of a completed run, and its leaks.
 * @param broken The error that stopped the run early.
 */
export function judgeRun(
  vm: Vm,
  broken: Failure | null,
): { readonly failure: Failure | null; readonly leaks: readonly TestLeak[] } {
  const { branches } = vm;
  if (branches.isReplaying) return { failure: broken ?? noSuchBranch(vm), leaks: [] };
  // If the run ended with its branch, resources that the test allocated before the branch are not
  // leaks.
  const leaks = branches.branch === null ? leftoversOf(vm) : [];
  const failure = broken ?? judgeEnd(vm, leaks);
  return { failure: failure === null ? null : storyOf(vm).reduceRight(withNote, failure), leaks };
}

function noSuchBranch(vm: Vm): Failure {
  const { choices, choicePoints } = vm.branches;
  return failed({
    code: "E0934",
    span: vm.span,
    message: `The run does not come to the branch ${formatBranch(choices)}`,
    hint: choicePoints === 0
      ? "the test has no `fork`, `race`, `inject each`, `remove each` or `unplug each`"
      : `it comes to ${formatCount(choicePoints, "branching")}, counted from 1`,
  });
}
