/** One run of a test's code on a fresh machine, with what goes on beside it. */
import type { Value } from "../values/value.ts";
import type { Failure } from "../vm/failure.ts";
import { judgeEnd } from "./incidents.ts";
import { leftoversOf } from "./leaks.ts";
import type { Program } from "./program.ts";
import type { TestEntry } from "./test_entry.ts";
import type { Attempt } from "./remedies.ts";
import { SideRuns } from "./side_runs.ts";
import { type MachineOptions, startMachine, TestMachine } from "./test_machine.ts";

/** Code to run, and the machine to run it on. */
export interface TestRun extends Pick<TestEntry, "config" | "variant" | "functionIndex"> {
  /** The case of a property. */
  readonly args: readonly Value[];
}

/** A machine that is ready for a run, or why it cannot be built. */
export function prepareRun(
  program: Program,
  { args, config, functionIndex, variant }: TestRun,
  options: MachineOptions,
): TestMachine | Failure {
  const { span } = program.code.functions[functionIndex]!;
  const machine = startMachine(program, config, options, span);
  if (machine instanceof TestMachine) {
    const start = { functionIndex, args };
    machine.vm.branches.runs = new SideRuns(program, config, [variant], options, start);
  }
  return machine;
}

/** Runs the code on a fresh machine. */
export function attemptRun(program: Program, run: TestRun, options: MachineOptions): Attempt {
  const machine = prepareRun(program, run, options);
  if (!(machine instanceof TestMachine)) return { failure: machine, machine: null, leaks: [] };
  const broken = machine.run(run.functionIndex, run.args);
  const leaks = leftoversOf(machine.vm);
  return { failure: broken ?? judgeEnd(machine.vm, leaks), machine, leaks };
}
