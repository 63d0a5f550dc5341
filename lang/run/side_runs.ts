/** The runs that `fork`, `inject each` and `compare` start beside the one that is going on. */
import type { LabConfig } from "../../devices/lab_config.ts";
import type { QuirkSet } from "../../runtime/kernels/quirks.ts";
import type { Closure, Value } from "../values/value.ts";
import { type AgainRequest, goesOn, type Runs, type SideLimits } from "../vm/branches.ts";
import type { Output } from "../values/run.ts";
import type { Vm } from "../vm/vm.ts";
import type { ComparedMachine, MachineVariant } from "../values/machine_variant.ts";
import { judgeEnd } from "./incidents.ts";
import { leftoversOf } from "./leaks.ts";
import type { Program } from "./program.ts";
import { type MachineOptions, TestMachine } from "./test_machine.ts";

/** Holds lines back until a branch begins that may speak. */
class BranchOutput implements Output {
  open = false;

  constructor(readonly output: Output) {}

  get columns(): number | undefined {
    return this.output.columns;
  }

  write(line: string): void {
    if (this.open) this.output.write(line);
  }
}

/** Makes a VM one that is on its way to a branch; `speak` lets its lines through. */
export function sendTo(vm: Vm, request: AgainRequest, speak: () => void): void {
  vm.branches.goals = request.goals;
  vm.branches.heard &&= request.speaks;
  for (const [branching, value] of request.known) vm.branches.known.set(branching, value);
  if (request.speaks) vm.branches.onBranch = speak;
}

/** How a run begins: a function with its arguments, or a block. */
export type RunStart =
  | { readonly functionIndex: number; readonly args: readonly Value[] }
  | { readonly block: Closure };

/** Runs of one function of a program, or of one block, on machines of their own. */
export class SideRuns implements Runs {
  /** @param variants What the test, and comparisons around, change of the machine block. */
  constructor(
    readonly program: Program,
    readonly config: LabConfig,
    readonly variants: readonly MachineVariant[],
    readonly options: MachineOptions,
    readonly start: RunStart,
  ) {}

  again(request: AgainRequest): Vm {
    const output = new BranchOutput(this.options.output);
    const vm = this.#machine(this.config, request, output, request.quirks);
    sendTo(vm, request, () => {
      output.open = true;
    });
    vm.branches.runs = this;
    this.#run(vm);
    // What goes on to the end of the test is judged as the test is.
    if (request.goals.every(goesOn)) vm.failure ??= judgeEnd(vm, leftoversOf(vm));
    return vm;
  }

  elsewhere(
    machine: ComparedMachine,
    config: LabConfig,
    block: Closure,
    left: SideLimits,
  ): Vm {
    const variants = [...this.variants, machine.variant];
    const side = new SideRuns(this.program, config, variants, this.options, { block });
    const vm = this.#machine(config, left, this.options.output);
    vm.branches.runs = side;
    return side.#run(vm);
  }

  #machine(
    config: LabConfig,
    { memoryBytes, steps }: SideLimits,
    output: Output,
    quirks: QuirkSet | null = null,
  ): Vm {
    const { heard, limits, onSideEvent, seed, strict, watch } = this.options;
    const own = quirks === null ? config : { ...config, quirks };
    const machine = new TestMachine(this.program, own, {
      record: true,
      limits: { ...limits, steps, memoryBytes },
      output,
      seed,
      strict,
      watch,
      ...heard !== undefined && { heard },
      // Who looks at events looks at those of the machine that was asked for.
      onEvent: quirks === null ? onSideEvent : undefined,
    });
    if (machine.failure !== null) throw new Error(machine.failure.diagnostic.message);
    return machine.vm;
  }

  #run(vm: Vm): Vm {
    const start = this.start;
    if ("block" in start) vm.startBlock(start.block);
    else vm.start(start.functionIndex, start.args);
    vm.resume();
    return vm;
  }
}
