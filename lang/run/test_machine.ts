/** A fresh machine with a VM on it, ready to run a program's code. */
import type { ConstCode } from "../compile/compile_program.ts";
import type { LabConfig } from "@dmalab/devices";
import type { MachineEvent } from "@dmalab/runtime";
import type { Span } from "../source.ts";
import type { Failure } from "../vm/failure.ts";
import { describeFailure } from "../vm/failure_report.ts";
import type { Limits } from "../values/limits.ts";
import { freeze } from "../values/changes.ts";
import { Closure } from "../values/value.ts";
import { Vm } from "../vm/vm.ts";
import type { HelpPlaces } from "../vm/place_help.ts";
import type { RunWatch } from "../vm/run_watch.ts";
import type { Output } from "../values/execution_context.ts";
import type { Program } from "./program.ts";
import type { LabMachine } from "../values/lab_machine.ts";

export interface MachineOptions {
  /** Replaces the configuration's seed. */
  readonly seed?: number | undefined;
  /** Whether unexpected incidents and leaks never fail the run, whatever the configuration says. */
  readonly lenient?: boolean | undefined;
  readonly record: boolean;
  readonly limits: Limits;
  readonly output: Output;
  readonly onEvent?: ((event: MachineEvent) => void) | undefined;
  readonly onSideEvent?: ((event: MachineEvent) => void) | undefined;
  readonly watch?: RunWatch | undefined;
  /** Gets the VM before anything runs on it. */
  readonly onVm?: ((vm: Vm) => void) | undefined;
  /**
   * Gets the VM of each block of a `fork`, a `compare` or a `race` that runs on a separate machine.
   */
  readonly onSideVm?: ((vm: Vm) => void) | undefined;
  /** Help with the sweeps of this run. */
  readonly helpPlaces?: HelpPlaces | undefined;
  /** Whether to search for the known defects that cause a failure; the default is true. */
  readonly attributeDefects?: boolean;
}

export function runConfig(
  config: LabConfig,
  { lenient, seed = config.seed }: Pick<MachineOptions, "lenient" | "seed">,
): LabConfig {
  if (!lenient) return { ...config, seed };
  const { checker, faults, leaks } = config;
  const listed = <W extends string>(verdict: W) => verdict === "fail" ? "report" : verdict;
  return {
    ...config,
    seed,
    checker: listed(checker),
    faults: listed(faults),
    leaks: listed(leaks),
  };
}

export function buildTestMachine(
  program: Pick<Program, "registry">,
  config: LabConfig,
  options: MachineOptions,
): LabMachine {
  const machine = program.registry.buildMachine(
    runConfig(config, options),
    {
      record: options.record,
      memoryLimitBytes: options.limits.memoryBytes,
      eventLimit: options.limits.events,
    },
  );
  if (options.onEvent !== undefined) machine.lab.machine.events.listen(options.onEvent);
  return machine;
}

/** A separate machine for one test. */
export class TestMachine {
  readonly machine: LabMachine;
  readonly vm: Vm;
  /**
   * The failure of evaluating the program's constants on this machine; null if they were evaluated.
   */
  readonly failure: Failure | null;

  constructor(program: Program, config: LabConfig, options: MachineOptions) {
    const { code, registry } = program;
    this.machine = buildTestMachine(program, config, options);
    this.vm = new Vm(code, registry, this.machine, options.limits, options.output);
    this.vm.watch = options.watch ?? null;
    this.vm.branches.attributeDefects = options.attributeDefects ?? true;
    bindMachine(this.vm, program);
    options.onVm?.(this.vm);
    this.failure = workOutConsts(this.vm, program.consts, (functionIndex) => {
      this.vm.start(functionIndex);
      // Ignores a debugger's pauses while constants are evaluated.
      while (this.vm.resume() === "paused");
      return this.vm.failure;
    });
  }
}

/**
 * Evaluates constants and the machine's variables. @returns What `run` returned for the first
 * constant or variable that failed.
 */
export function workOutConsts<F>(
  vm: Vm,
  consts: readonly ConstCode[],
  run: (functionIndex: number) => F | null,
): F | null {
  for (const { functionIndex, global } of consts) {
    const failure = run(functionIndex);
    if (failure !== null) return failure;
    if (global !== null) vm.globals[global] = freeze(vm.result);
  }
  return null;
}

/**
 * A separate machine for one test, or the failure to build it. The checker has built the same
 * machine before, so only a bug of dmalab itself can cause a failure here.
 *
 * @param span The place of a reported failure.
 */
export function startMachine(
  program: Program,
  config: LabConfig,
  options: MachineOptions,
  span: Span,
): TestMachine | Failure {
  try {
    return new TestMachine(program, config, options);
  } catch (error) {
    return describeFailure(error, { span, callers: [], raised: null, events: () => [] });
  }
}

/** Sets the values of the names that the machine binds, and the functions of its registers. */
export function bindMachine(
  vm: Vm,
  { machineGlobals, registers }: Pick<Program, "machineGlobals" | "registers">,
): void {
  for (const [name, global] of machineGlobals) {
    vm.globals[global] = vm.machine.globals.get(name) ?? null;
  }
  for (const { access, bar, device, functionIndex, name, offsetBytes } of registers) {
    const closure = new Closure(functionIndex, [], name);
    vm.machine.describeRegister(
      { device, access, bar, offsetBytes },
      (given) => vm.call(closure, given),
    );
  }
}
