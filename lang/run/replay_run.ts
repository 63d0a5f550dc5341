/**
 * A run, done again: the same code on a fresh machine, to its end, to a place, or from a branching on
 * in another way. `fork`, `race`, `inject each`, `compare` and recordings all run so.
 */
import type { LabConfig } from "@dmalab/devices";
import type { MachineEvent, RecordedEvents } from "@dmalab/runtime";
import type { QuirkSet } from "@dmalab/runtime/kernels";
import { separated } from "../values/changes.ts";
import type { Closure, Value } from "../values/value.ts";
import type {
  Branches,
  ChildRunLimits,
  PausableRun,
  ReplayableRun,
  ReplayRequest,
  RunStarter,
} from "../vm/branches.ts";
import type { Output } from "../values/execution_context.ts";
import { goesOn } from "../vm/branch_choice.ts";
import { type Failure, ScriptFailure } from "../vm/failure.ts";
import type { Vm } from "../vm/vm.ts";
import type { ComparedMachine, MachineVariant } from "../values/machine_variant.ts";
import { judgeEnd } from "./incidents.ts";
import { leftoversOf } from "./leaks.ts";
import type { Program } from "./program.ts";
import { type MachineOptions, TestMachine } from "./test_machine.ts";

/** Takes the lines of a run that writes nothing. */
export const NO_OUTPUT: Output = { write: () => {} };

/**
 * Does the run of a VM again: that of a test, of a session, or of a block beside one.
 *
 * @param onVm Gets the VM when the machine is ready and nothing has run on it.
 * @throws {Error} When the run cannot be done again.
 */
export function startReplay(run: ReplayableRun, onVm: (vm: Vm) => void): PausableRun {
  const { runs } = run.branches;
  if (runs === null) throw new Error("This run cannot be repeated");
  return runs.again(run, { begins: onVm });
}

/** Who follows a run that is done again. */
export interface ReplayListener {
  begins(vm: Vm): void;
}

/** Lines of a run beside another: of one that leads to a branch, held back until it begins and may speak. */
class BranchOutput implements Output {
  /** Those of the machine that writes. */
  branches: Branches | null = null;

  constructor(readonly output: Output, public emitsOutput: boolean) {}

  get columns(): number | undefined {
    return this.output.columns;
  }

  get ask(): Output["ask"] {
    return this.emitsOutput ? this.output.ask : () => {};
  }

  write(...line: Parameters<Output["write"]>): void {
    if (!this.emitsOutput) return;
    this.output.write(...line);
    this.branches?.onLine(line[0]);
  }
}

/** Makes a VM one that is on its way to a branch; `speak` lets its lines through. */
export function sendToBranch(vm: Vm, request: ReplayRequest, speak: () => void): void {
  vm.branches.choices = request.choices;
  vm.branches.attributeDefects &&= request.emitsOutput;
  vm.branches.resolve(request.resolvedChoices);
  if (!request.emitsOutput) return;
  const { onBranch } = vm.branches;
  const speakFromHere = () => {
    onBranch();
    // The block of a `compare` is a branch too, which the way to one of a `fork` in it begins with.
    if (!vm.branches.isReplaying) speak();
  };
  vm.branches.onBranch = speakFromHere;
}

/** How a run begins: a function with its arguments, or a block. */
export type ReplayStart =
  | { readonly functionIndex: number; readonly args: readonly Value[] }
  | { readonly block: Closure };

/**
 * Events of a run that keeps none: it is repeated, and keeps them, at the first request for events.
 */
class ReplayedEvents implements RecordedEvents {
  readonly count = Infinity;
  #kept: { readonly events: readonly MachineEvent[]; readonly failure: Failure | null } | null =
    null;

  constructor(readonly repeat: () => Vm) {}

  between(after: number, upTo: number): readonly MachineEvent[] {
    const { events, failure } = this.#kept ??= this.#repeated();
    // The host's time ended it earlier.
    if (failure !== null && events.length < upTo) throw new ScriptFailure(failure);
    return events.slice(after, upTo);
  }

  #repeated() {
    const { failure, machine } = this.repeat();
    return { events: machine.recorder.events, failure };
  }
}

/** How a machine beside another is built. */
interface ChildMachine {
  /** It runs a block of the script's, which may be followed. */
  readonly isBlock: boolean;
  /** Instead of the machine's own; null for those. */
  readonly quirks: QuirkSet | null;
  /** What its events are read from; null when it keeps them. */
  readonly repeated: ReplayedEvents | null;
}

/** Runs of one function of a program, or of one block, on separate machines. */
export class ChildRunStarter implements RunStarter {
  /** Events of such runs have been asked for: the next ones keep theirs. */
  #requireEvents = false;

  /** @param variants What the test, and comparisons around, change of the machine block. */
  constructor(
    readonly program: Program,
    readonly config: LabConfig,
    readonly variants: readonly MachineVariant[],
    readonly options: MachineOptions,
    readonly start: ReplayStart,
  ) {}

  replay(request: ReplayRequest): Vm {
    const { choices, quirks } = request;
    const output = new BranchOutput(this.options.output, false);
    const choice = choices.at(-1);
    const isBlock = typeof choice?.taken !== "string";
    // Events are rarely requested of a single place of a sweep, or of a single order of a race that
    // ends with it.
    const counts = typeof choice?.taken === "object" && !goesOn(choice) && !this.#requireEvents;
    const repeated = counts ? new ReplayedEvents(() => this.#repeat(request)) : null;
    const vm = this.#machine(this.config, request, output, { isBlock, quirks, repeated });
    output.branches = vm.branches;
    sendToBranch(vm, request, () => {
      output.emitsOutput = true;
    });
    vm.branches.runs = this;
    this.#run(vm);
    // What goes on to the end of the test is judged as the test is.
    if (choices.every(goesOn)) vm.failure ??= judgeEnd(vm, leftoversOf(vm));
    return vm;
  }

  drop({ machine }: Pick<Vm, "machine">): void {
    // A listener may look at it later.
    if (this.options.onSideVm !== undefined) return;
    for (const module of machine.lab.machine.driverModules) module.retire();
  }

  /** Does a run once more that counted its events, and keeps them: nothing else follows it. */
  #repeat(request: ReplayRequest): Vm {
    this.#requireEvents = true;
    const options = { ...this.options, onSideEvent: undefined, onSideVm: undefined };
    const silent = new ChildRunStarter(
      this.program,
      this.config,
      this.variants,
      options,
      this.start,
    );
    silent.#requireEvents = true;
    return silent.replay(request);
  }

  again({ branches, limits }: ReplayableRun, listener: ReplayListener): PausableRun {
    const { choices, resolvedChoices } = branches;
    const { lenient, seed } = this.options;
    const silent = {
      lenient,
      limits,
      output: NO_OUTPUT,
      seed,
      record: true,
      attributeDefects: false,
    };
    const { config, program, start, variants } = this;
    const { failure, vm } = new TestMachine(program, config, {
      ...silent,
      onVm: (vm) => listener.begins(vm),
    });
    vm.branches.runs = new ChildRunStarter(program, config, variants, silent, start);
    vm.branches.choices = choices;
    vm.branches.resolve(resolvedChoices);
    begin(vm, start);
    return { resume: () => failure === null && vm.resume() === "paused" };
  }

  runOnNewMachine(
    machine: ComparedMachine,
    config: LabConfig,
    block: Closure,
    left: ChildRunLimits,
  ): Vm {
    const variants = [...this.variants, machine.variant];
    // The code goes on with what the block has captured, and may change it.
    const start = { block: separated(block) };
    const side = new ChildRunStarter(this.program, config, variants, this.options, start);
    const output = new BranchOutput(this.options.output, true);
    const how = { isBlock: true, quirks: null, repeated: null };
    const vm = this.#machine(config, left, output, how);
    output.branches = vm.branches;
    vm.branches.runs = side;
    return side.#run(vm);
  }

  #machine(
    config: LabConfig,
    { memoryBytes, steps }: ChildRunLimits,
    output: Output,
    { isBlock, quirks, repeated }: ChildMachine,
  ): Vm {
    const { attributeDefects, lenient, limits, onSideEvent, onSideVm, seed, watch } = this.options;
    const own = quirks === null ? config : { ...config, quirks };
    const machine = new TestMachine(this.program, own, {
      record: true,
      limits: { ...limits, steps, memoryBytes },
      output,
      seed,
      lenient,
      watch,
      ...attributeDefects !== undefined && { attributeDefects },
      // Listeners get the events of the requested machine.
      onEvent: quirks === null ? onSideEvent : undefined,
      onVm: (vm) => {
        if (repeated !== null) vm.machine.readEventsAgain(repeated);
        if (isBlock) onSideVm?.(vm);
      },
      onSideVm,
    });
    const { failure } = machine;
    // A limit that ends the constants is the run's own failure: no statement of it runs.
    if (failure !== null && failure.kind !== "limit") throw new Error(failure.diagnostic.message);
    return machine.vm;
  }

  #run(vm: Vm): Vm {
    if (vm.failure !== null) return vm;
    begin(vm, this.start);
    vm.resume();
    return vm;
  }
}

function begin(vm: Vm, start: ReplayStart): void {
  if ("block" in start) vm.startBlock(start.block);
  else vm.start(start.functionIndex, start.args);
}
