/**
 * A machine of a session with its variables. When the session goes back, the machine is discarded
 * and built again.
 */
import { addAll } from "@dmalab/runtime/basics";
import type { MachineEvent } from "@dmalab/runtime";
import { FileScope } from "../check/names/file_scope.ts";
import { DISPLAYED_CHARACTERS, formatClipped } from "../render/value_text.ts";
import { SourceFile } from "../source.ts";
import { typeOf, typeText } from "../values/value_types.ts";
import { DEFAULT_LIMITS, type Limits } from "../values/limits.ts";
import type { Value } from "../values/value.ts";
import type { LabMachine } from "../values/lab_machine.ts";
import type { ReplayRequest, RunStarter } from "../vm/branches.ts";
import { RunWatch } from "../vm/run_watch.ts";
import { Vm } from "../vm/vm.ts";
import { variantIn } from "./combinations.ts";
import { type FoundIncident, foundIncidents } from "./incidents.ts";
import type { Program } from "./program.ts";
import type { TestEntry } from "./test_entry.ts";
import type { FailureReport } from "./report.ts";
import { LimitedOutput } from "./run_options.ts";
import type { SessionParts, SessionSummary, SessionVariable, ShownValue } from "./session_types.ts";
import type { PreparedInput, SessionCode, SessionNames } from "./session_check.ts";
import { ChildRunStarter, sendToBranch } from "./replay_run.ts";
import { reportFailure } from "./tally.ts";
import {
  bindMachine,
  buildTestMachine,
  type MachineOptions,
  workOutConsts,
} from "./test_machine.ts";
import type { ProgramTables } from "../compile/program_tables.ts";

export interface InputEntry {
  readonly kind: "input";
  readonly source: SourceFile;
  readonly prepared: PreparedInput;
  /** Number of statements that were run; a branch cuts off the statements after them. */
  readonly statements: number;
  /** The session's names after these statements. */
  readonly after: SessionNames;
}

/** A step of the session, with the number of activities that it ran. */
export interface StepEntry {
  readonly kind: "step";
  readonly activities: number;
  /** Number of events that the step requested. */
  readonly events: number;
}

/** An action that can be repeated. */
export type HistoryEntry = InputEntry | StepEntry;

/** The result of an input. */
export interface PerformedInput {
  readonly done: InputEntry;
  readonly values: readonly ShownValue[];
  readonly failure: FailureReport | null;
  readonly events: readonly MachineEvent[];
  /** Unexpected incidents during the input. */
  readonly found: readonly FoundIncident[];
}

/** The plan for a state that is made by repeating earlier actions. */
export interface ReplayPlan {
  /**
   * For each machine that the replay builds: values of choice points, so that these choices need
   * not be tried again.
   */
  readonly resolvedChoices: readonly ReadonlyMap<number, Value>[];
  /** How many of the session's first machines are left out. */
  readonly skips: number;
  /** On the last machine, the replay runs to this branch; null to repeat everything. */
  readonly request: ReplayRequest | null;
  /** Gets the VM of each machine that the replay builds, before anything runs on it. */
  readonly onVm: ((vm: Vm) => void) | null;
}

export interface StateParts {
  readonly options: SessionParts;
  readonly code: SessionCode;
  /** The names that are known at the start of the replay. */
  readonly names: SessionNames;
  readonly replay: ReplayPlan | null;
  readonly runsOf: (state: SessionState) => RunStarter;
}

export class SessionState {
  readonly output: LimitedOutput;
  /** Output is suppressed during replay. */
  isSilent: boolean;
  names: SessionNames;
  /** Values of choice points, for each machine so far. */
  readonly resolvedChoices: ReadonlyMap<number, Value>[] = [];
  /** True when the branch for which this state was made has ended. */
  ended = false;
  /** Gets the VM of each machine, before anything runs on it. */
  onVm: ((vm: Vm) => void) | null;
  /**
   * Called at each point where a branch could begin: before each statement of an input and each
   * activity of a step, and after the last one. `part` is the number of statements or activities done
   * so far.
   */
  onBranchPoint: (part: number, isStatement: boolean) => void = () => {};
  readonly #limits: Limits;
  /**
   * Whether the session continues with this state. The host's clock may stop a run only in this
   * case, because a replayed run must end where the original run ended.
   */
  #isLive: boolean;
  #runs: RunStarter;
  #vm: Vm | null = null;

  constructor(private readonly parts: StateParts) {
    const { names, options, replay, runsOf } = parts;
    this.isSilent = replay !== null;
    this.#isLive = replay === null;
    this.onVm = replay === null ? options.onVm ?? null : replay.onVm;
    if (replay !== null) {
      addAll(this.resolvedChoices, replay.resolvedChoices.slice(0, replay.skips));
    }
    this.#runs = runsOf(this);
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.output = new LimitedOutput(this.#limits, (line) => {
      if (!this.isSilent) options.onLine?.(line);
    }, options.columns);
    this.names = names;
  }

  /** Built at the first access: an input may declare another machine first. */
  get vm(): Vm {
    return this.#vm ??= this.#buildVm();
  }

  get machine(): LabMachine {
    return this.vm.machine;
  }

  /** Turns a state that has repeated a session's past into the session's current state. */
  becomeLive(runs: RunStarter, onVm: ((vm: Vm) => void) | null): void {
    this.isSilent = false;
    this.#isLive = true;
    this.#runs = runs;
    this.onVm = onVm;
    this.vm.branches.runs = runs;
  }

  perform(source: SourceFile, prepared: PreparedInput): PerformedInput {
    const before = this.names.scope;
    const pending = this.#begin(prepared);
    const { seq } = this.machine.stream;
    const known = new Set(foundIncidents(this.vm).map(({ finding }) => finding));
    let failure = workOutConsts(this.vm, pending, (index) => drain(this.#run(index)));
    const values: ShownValue[] = [];
    for (const [index, { functionIndex, isCall, shown }] of prepared.statements.entries()) {
      if (failure !== null || this.ended) break;
      this.onBranchPoint(index, true);
      failure = drain(this.#run(functionIndex));
      const { result } = this.vm;
      if (failure === null && shown) this.#keepValue(prepared);
      // A call without a value is mostly made for its effect, so `none` is not shown.
      if (failure === null && shown && (result !== null || !isCall)) {
        // The text is not a value of the script. Its memory is not charged, because a repetition of
        // the input does not make the text.
        const text = formatClipped(result, this.vm, DISPLAYED_CHARACTERS);
        values.push({ value: result, text });
      }
    }
    if (failure !== null) this.#withdrawNames(before);
    const statements = prepared.statements.length;
    return {
      done: { kind: "input", source, prepared, statements, after: this.names },
      values,
      failure,
      events: this.machine.recorder.after(seq),
      found: foundIncidents(this.vm).filter(({ finding }) => !known.has(finding)),
    };
  }

  /**
   * Repeats an action of the session's history; yields wherever the VM is paused, and between
   * activities.
   * @param settles Whether, at the end, the names get the meaning that they have after the whole
   *   action.
   */
  *again(entry: HistoryEntry, settles = true): Generator<void, void> {
    if (this.ended) return;
    if (entry.kind === "step") {
      this.onBranchPoint(0, false);
      yield;
      for (let count = 0; count < entry.activities; count++) {
        this.machine.runNextActivity();
        this.onBranchPoint(count + 1, false);
        yield;
      }
      return;
    }
    const pending = this.#begin(entry.prepared);
    let failure = workOutConsts(this.vm, pending, (index) => drain(this.#run(index)));
    for (let index = 0; index < entry.statements; index++) {
      if (failure !== null || this.ended) break;
      this.onBranchPoint(index, true);
      const run = this.#run(entry.prepared.statements[index]!.functionIndex);
      let step = run.next();
      for (; !step.done; step = run.next()) yield;
      failure = step.value;
      if (failure === null && entry.prepared.statements[index]!.shown) {
        this.#keepValue(entry.prepared);
      }
    }
    if (!settles) return;
    this.names = entry.after;
    for (const global of entry.after.valueless) this.vm.globals[global] ??= null;
  }

  /**
   * Ends an input of which the replay ran only the first statements. Names that have no value yet
   * are withdrawn.
   */
  cutOff(before: SessionNames, prepared: PreparedInput): void {
    const { registry } = this.parts.code;
    const { declared, machineKinds, variables } = prepared.scope;
    const scope = new FileScope(registry, before.scope.data, declared, variables);
    scope.machineKinds = machineKinds;
    scope.machine = prepared.scope.machine;
    this.names = { ...this.names, scope };
    this.#withdrawNames(before.scope);
  }

  step(events: number): { readonly done: StepEntry; readonly events: readonly MachineEvent[] } {
    const { recorder, stream } = this.machine;
    const before = stream.seq;
    let activities = 0;
    this.onBranchPoint(0, false);
    while (stream.seq < before + events && this.machine.runNextActivity()) {
      activities++;
      this.onBranchPoint(activities, false);
    }
    return { done: { kind: "step", activities, events }, events: recorder.after(before) };
  }

  summary(): Omit<SessionSummary, "moves"> {
    const { incidents, stream } = this.machine;
    const faults = incidents.filter(({ name }) => name === "iommu.fault").length;
    const { declared, machineKinds } = this.names.scope;
    return {
      seq: stream.seq,
      nowNs: this.machine.nowNs(),
      cpu: stream.context.cpu,
      pendingActivities: this.machine.pendingActivities(),
      faults,
      reports: incidents.length - faults,
      variables: this.#variables(),
      declared: [...declared.keys()],
      machineNames: [...machineKinds.keys()],
    };
  }

  valueOf(name: string): Value | undefined {
    const variable = this.names.scope.variables.get(name);
    if (variable === undefined) return undefined;
    return this.vm.globals[this.parts.code.compiler.tables.variableGlobal(variable)] ?? null;
  }

  #variables(): SessionVariable[] {
    return [...this.names.scope.variables.keys()].map((name) => {
      const value = this.valueOf(name) ?? null;
      return {
        name,
        kind: typeText(typeOf(value)),
        text: formatClipped(value, this.vm, DISPLAYED_CHARACTERS),
      };
    });
  }

  /** @returns The constants that have to be evaluated first. */
  #begin({ consts, machine, newMachine, scope }: PreparedInput): SessionNames["consts"] {
    // The variables of the old machine are dropped with it.
    const before = this.names.consts.filter(({ global }) => !newMachine || global !== null);
    const all = [...before, ...consts];
    this.names = { ...this.names, scope, machine, consts: all };
    const isFirst = this.#vm === null;
    if (newMachine) this.#vm = this.#buildVm();
    const { compiler } = this.parts.code;
    const { machineGlobals } = compiler.tables;
    bindMachine(this.vm, { machineGlobals, registers: compiler.registers(machine.parts) });
    return newMachine || isFirst ? all : consts;
  }

  /** Stores the value of a statement, if it has one, under the name of the last value. */
  #keepValue({ lastValue }: PreparedInput): void {
    const { globals, result } = this.vm;
    if (lastValue !== null) globals[lastValue] = result ?? globals[lastValue] ?? null;
  }

  /** Withdraws names that the input declared but gave no value. */
  #withdrawNames(before: FileScope): void {
    const { consts, scope, valueless } = this.names;
    const { tables } = this.parts.code.compiler;
    const without = withdrawNames(before, scope, tables, this.vm.globals);
    this.names = {
      ...this.names,
      consts: consts.filter(({ global }) => global === null || !without.has(global)),
      valueless: new Set([...valueless, ...without]),
    };
  }

  /** Runs a function; yields wherever the VM is paused. */
  *#run(functionIndex: number): Generator<void, FailureReport | null> {
    const { vm } = this;
    const { stream } = this.machine;
    const { cpu } = stream.context;
    vm.refillSteps();
    const { style, watch } = this.parts.options;
    if (watch !== undefined && this.#isLive) vm.watch = new RunWatch(watch, this.#limits);
    vm.start(functionIndex);
    let state = vm.resume();
    while (state === "paused") {
      yield;
      state = vm.resume();
    }
    const { failure } = vm;
    if (state === "branched" || failure !== null && vm.branches.arrived) this.ended = true;
    if (failure === null) return null;
    stream.context.cpu = cpu;
    return reportFailure(failure, style);
  }

  /** The session as a program: its code with its machine, and the given tests. */
  program(source: SourceFile, tests: readonly TestEntry[]): Program {
    const { compiler, registry } = this.parts.code;
    const { consts, machine, scope } = this.names;
    return {
      registers: compiler.registers(machine.parts),
      source,
      files: [source],
      registry,
      code: compiler.code,
      machine,
      machineGlobals: compiler.tables.machineGlobals,
      consts,
      variant: variantIn(scope),
      main: null,
      tests,
      drivers: [],
      follow: null,
    };
  }

  /** The runs of this session's blocks on separate machines. */
  sideRuns(): ChildRunStarter {
    const program = this.program(new SourceFile("session", ""), []);
    const { config } = this.names.machine;
    const start = { functionIndex: 0, args: [] };
    return new ChildRunStarter(program, config, [], this.#machineOptions(), start);
  }

  #machineOptions(): MachineOptions {
    const { output } = this;
    return { record: true, limits: this.#limits, output, seed: this.parts.options.seed };
  }

  #buildVm(): Vm {
    const { code: { compiler, registry }, replay } = this.parts;
    const { resolvedChoices, request } = replay ?? { resolvedChoices: [], request: null };
    const number = this.resolvedChoices.length;
    const isWanted = request !== null && number === resolvedChoices.length - 1;
    const quirks = isWanted ? request.quirks : null;
    const { machine: { config }, valueless } = this.names;
    const own = quirks === null ? config : { ...config, quirks };
    const machine = buildTestMachine({ registry }, own, this.#machineOptions());
    const vm = new Vm(compiler.code, registry, machine, this.#limits, this.output);
    vm.branches.runs = this.#runs;
    for (const global of valueless) vm.globals[global] = null;
    this.resolvedChoices.push(vm.branches.resolvedChoices);
    if (isWanted) {
      sendToBranch(vm, request, () => {
        this.isSilent = false;
      });
    } else {
      // Earlier trials on this machine need not be repeated.
      vm.branches.resolve(resolvedChoices[number] ?? new Map());
    }
    this.onVm?.(vm);
    return vm;
  }
}

/** Runs a generator to its end and returns its result. */
export function drain<T>(steps: Generator<void, T>): T {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/**
 * Withdraws names: each name gets the meaning again that it had before the input, or no meaning.
 *
 * @param globals Values of the session's variables and consts. A global without a value is set to
 *   `none`, because a function of the same input may use it.
 * @returns The globals that have no value.
 */
function withdrawNames(
  before: FileScope,
  after: FileScope,
  tables: ProgramTables,
  globals: (Value | undefined)[],
): ReadonlySet<number> {
  const without = new Set<number>();
  const lacksValue = (global: number) => {
    if (globals[global] !== undefined) return false;
    without.add(global);
    return true;
  };
  for (const [name, variable] of after.variables) {
    if (lacksValue(tables.variableGlobal(variable))) {
      putBack(after.variables, name, before.variables.get(name));
    }
  }
  for (const [name, binding] of after.declared) {
    if (binding.kind === "const" && lacksValue(tables.constGlobal(binding))) {
      const earlier = before.declared.get(name);
      putBack(after.declared, name, earlier === binding ? undefined : earlier);
    }
  }
  for (const global of without) globals[global] = null;
  return without;
}

function putBack<T>(names: Map<string, T>, name: string, earlier: T | undefined): void {
  if (earlier === undefined) names.delete(name);
  else names.set(name, earlier);
}
