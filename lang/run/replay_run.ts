/**
 * Repeats a run: the same code on a fresh machine, to its end, to a given point, or with another
 * choice at a branch. `fork`, `race`, `inject each`, `compare` and recordings all use this.
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
  ReplayListener,
  ReplayRequest,
} from "../vm/branches.ts";
import type { Output } from "../values/execution_context.ts";
import { goesOn } from "../vm/branch_choice.ts";
import { type Failure, ScriptFailure } from "../vm/failure.ts";
import type { HelpPlaces } from "../vm/place_help.ts";
import type { Vm } from "../vm/vm.ts";
import type { ComparedMachine, MachineVariant } from "../values/machine_variant.ts";
import { judgeEnd } from "./incidents.ts";
import { leftoversOf } from "./leaks.ts";
import type { Program } from "./program.ts";
import { type MachineOptions, TestMachine } from "./test_machine.ts";

/** Discards the output of a run. */
export const NO_OUTPUT: Output = { write: () => {} };

/**
 * Repeats the run of a VM. The run may be that of a test, of a session, or of a block on a separate
 * machine.
 *
 * @param onVm Gets the VM when the machine is ready and nothing has run on it.
 * @throws {Error} When the run cannot be repeated.
 */
export function startReplay(run: ReplayableRun, onVm: (vm: Vm) => void): PausableRun {
  const { runs } = run.branches;
  if (runs === null) throw new Error("This run cannot be repeated");
  return runs.again(run, { begins: onVm });
}

/**
 * Output of a child run. While the run repeats the code before its branch, its lines are dropped.
 */
class BranchOutput implements Output {
  /** The branches of the VM that prints the lines. */
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

/** Prepares a VM to run to a branch; `speak` enables its output. */
export function sendToBranch(vm: Vm, request: ReplayRequest, speak: () => void): void {
  vm.branches.choices = request.choices;
  vm.branches.attributeDefects &&= request.emitsOutput;
  vm.branches.resolve(request.resolvedChoices);
  if (!request.emitsOutput) return;
  const { onBranch } = vm.branches;
  const speakFromHere = () => {
    onBranch();
    // A block of `compare` counts as a branch, too. If the wanted branch is a `fork` inside the
    // block, output starts only at the `fork`.
    if (!vm.branches.isReplaying) speak();
  };
  vm.branches.onBranch = speakFromHere;
}

/** The start of a run: a function with its arguments, or a block. */
export type ReplayStart =
  | { readonly functionIndex: number; readonly args: readonly Value[] }
  | { readonly block: Closure };

/**
 * Events of a run that does not store them. At the first request for events, the run is repeated
 * and the events are stored.
 */
class ReplayedEvents implements RecordedEvents {
  readonly count = Infinity;
  #kept: { readonly events: readonly MachineEvent[]; readonly failure: Failure | null } | null =
    null;

  constructor(readonly repeat: () => Vm) {}

  between(after: number, upTo: number): readonly MachineEvent[] {
    const { events, failure } = this.#kept ??= this.#repeated();
    // The host's time limit stopped the repeated run earlier than the original.
    if (failure !== null && events.length < upTo) throw new ScriptFailure(failure);
    return events.slice(after, upTo);
  }

  #repeated() {
    const { failure, machine } = this.repeat();
    return { events: machine.recorder.events, failure };
  }
}

/** How the machine of a child run is built. */
interface ChildMachine {
  /** Whether the child runs a block of the script, which a debugger may follow. */
  readonly isBlock: boolean;
  /** Defects of the machine; null for the defects of its configuration. */
  readonly quirks: QuirkSet | null;
  /** Events that are recomputed on demand; null when the machine keeps its events. */
  readonly repeated: ReplayedEvents | null;
}

/** Starts runs of one function of a program, or of one block, on separate machines. */
export class ChildRunStarter {
  /**
   * Whether runs must store their events. True after a caller requested the events of a run that
   * had only counted them.
   */
  #requireEvents = false;

  /**
   * @param variants Changes to the machine block by the test, and by each surrounding `compare`.
   */
  constructor(
    readonly program: Program,
    readonly config: LabConfig,
    readonly variants: readonly MachineVariant[],
    readonly options: MachineOptions,
    readonly start: ReplayStart,
  ) {}

  get helpPlaces(): HelpPlaces | undefined {
    return this.options.helpPlaces;
  }

  /** Runs to the end of the wanted branch. */
  replay(request: ReplayRequest): Vm {
    const { choices, quirks } = request;
    const output = new BranchOutput(this.options.output, false);
    const choice = choices.at(-1);
    const isBlock = typeof choice?.taken !== "string";
    // Two kinds of runs only count events, because their events are rarely requested: a run for a
    // single place of a sweep, and a run for one order of a race, if the run ends with the race.
    const counts = typeof choice?.taken === "object" && !goesOn(choice) && !this.#requireEvents;
    const repeated = counts ? new ReplayedEvents(() => this.#repeat(request)) : null;
    const vm = this.#machine(this.config, request, output, { isBlock, quirks, repeated });
    output.branches = vm.branches;
    sendToBranch(vm, request, () => {
      output.emitsOutput = true;
    });
    vm.branches.runs = this;
    this.#run(vm);
    // A run that continues to the end of the test is judged like the test.
    if (choices.every(goesOn)) vm.failure ??= judgeEnd(vm, leftoversOf(vm));
    return vm;
  }

  /** Releases the run's machine, which is not read any more. */
  drop({ machine }: Pick<Vm, "machine">): void {
    // The listener may read the machine later.
    if (this.options.onSideVm !== undefined) return;
    for (const module of machine.lab.machine.driverModules) module.retire();
  }

  /**
   * Repeats a run that only counted its events, and stores the events. Listeners are not called for
   * the repetition.
   */
  #repeat(request: ReplayRequest): Vm {
    this.#requireEvents = true;
    const options = {
      ...this.options,
      helpPlaces: undefined,
      onSideEvent: undefined,
      onSideVm: undefined,
    };
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

  /**
   * Repeats the run with the same choices, without output. Results of separate machines are taken
   * from the first run and not computed again.
   * @param listener Gets the VM when the machine is ready and nothing has run on it.
   */
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

  /** Runs a block from its beginning on a new machine. */
  runOnNewMachine(
    machine: ComparedMachine,
    config: LabConfig,
    block: Closure,
    left: ChildRunLimits,
  ): Vm {
    const variants = [...this.variants, machine.variant];
    // The block gets copies of captured lists and records, because the code after the block may
    // change the originals.
    const start = { block: separated(block) };
    const options = { ...this.options, helpPlaces: undefined };
    const side = new ChildRunStarter(this.program, config, variants, options, start);
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
      // If `quirks` is set, some of the defects are disabled in this run. The script did not
      // request such a run, so listeners do not get its events.
      onEvent: quirks === null ? onSideEvent : undefined,
      onVm: (vm) => {
        if (repeated !== null) vm.machine.readEventsAgain(repeated);
        if (isBlock) onSideVm?.(vm);
      },
      onSideVm,
    });
    const { failure } = machine;
    // If a limit is reached while constants are evaluated, this is the failure of the run: none of
    // its statements runs.
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
