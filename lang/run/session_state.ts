/** A machine of a session with its variables: lost and made anew when the session goes back. */
import type { MachineEvent } from "@dmalab/runtime";
import { FileScope } from "../check/names/file_scope.ts";
import { formatClipped, SHOWN_CHARACTERS } from "../render/value_text.ts";
import { SourceFile } from "../source.ts";
import { describeKind, kindOf } from "../values/kinds.ts";
import { DEFAULT_LIMITS, type Limits } from "../values/limits.ts";
import type { Value } from "../values/value.ts";
import type { World } from "../values/world.ts";
import type { AgainRequest, Runs } from "../vm/branches.ts";
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
import { sendTo, SideRuns } from "./again.ts";
import { reportFailure } from "./tally.ts";
import { bindMachine, buildTestWorld, type MachineOptions, workOutConsts } from "./test_machine.ts";
import { withdrawNames } from "./valueless_names.ts";

export interface DoneInput {
  readonly kind: "input";
  readonly source: SourceFile;
  readonly prepared: PreparedInput;
  /** How many of its statements are done; those behind were cut off by a branch. */
  readonly statements: number;
  /** What the session knew then. */
  readonly after: SessionNames;
}

/** Activities that were run. */
export interface DoneSteps {
  readonly kind: "step";
  readonly activities: number;
  /** What was asked for: events that should have happened. */
  readonly events: number;
}

/** Something that was done and can be done again. */
export type Move = DoneInput | DoneSteps;

/** What came of doing an input. */
export interface Performed {
  readonly done: DoneInput;
  readonly values: readonly ShownValue[];
  readonly failure: FailureReport | null;
  readonly events: readonly MachineEvent[];
  /** Unexpected incidents meanwhile. */
  readonly found: readonly FoundIncident[];
}

/** A state that is made by doing again what was done before. */
export interface Repetition {
  /** Values of branchings that need not be tried out again, for each machine it meets. */
  readonly known: readonly ReadonlyMap<number, Value>[];
  /** How many machines it leaves out, from the first. */
  readonly skips: number;
  /** The branch of the last machine that it is made for; null to do everything again. */
  readonly request: AgainRequest | null;
  /** Gets the VM of each machine it meets, before anything runs on it. */
  readonly onVm: ((vm: Vm) => void) | null;
}

export interface StateParts {
  readonly options: SessionParts;
  readonly code: SessionCode;
  /** What is known where it begins. */
  readonly names: SessionNames;
  readonly repetition: Repetition | null;
  /** What starts runs beside this one. */
  readonly runsOf: (state: SessionState) => Runs;
}

export class SessionState {
  readonly output: LimitedOutput;
  /** A state that is on its way back says nothing. */
  muted: boolean;
  names: SessionNames;
  /** Values of branchings, for each machine so far. */
  readonly known: ReadonlyMap<number, Value>[] = [];
  /** The branch that this state was made for has ended. */
  ended = false;
  /** Gets the VM of each machine, before anything runs on it. */
  onVm: ((vm: Vm) => void) | null;
  /**
   * Called where a branch could begin: before each statement of an input and each activity of a step,
   * and after the last one, with how many are done.
   */
  onRest: (part: number) => void = () => {};
  readonly #parts: StateParts;
  readonly #limits: Limits;
  /** It is what a session goes on with, and does not end where one of its past did. */
  #isLive: boolean;
  #runs: Runs;
  #vm: Vm | null = null;

  constructor(parts: StateParts) {
    const { names, options, repetition, runsOf } = parts;
    this.#parts = parts;
    this.muted = repetition !== null;
    this.#isLive = repetition === null;
    this.onVm = repetition === null ? options.onVm ?? null : repetition.onVm;
    if (repetition !== null) this.known.push(...repetition.known.slice(0, repetition.skips));
    this.#runs = runsOf(this);
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.output = new LimitedOutput(this.#limits, (line) => {
      if (!this.muted) options.onLine?.(line);
    }, options.columns);
    this.names = names;
  }

  /** Built when it is first asked for: an input may declare another machine first. */
  get vm(): Vm {
    return this.#vm ??= this.#buildVm();
  }

  get world(): World {
    return this.vm.world;
  }

  /** Makes a state that did the past of a session what the session goes on with. */
  becomeLive(runs: Runs, onVm: ((vm: Vm) => void) | null): void {
    this.muted = false;
    this.#isLive = true;
    this.#runs = runs;
    this.onVm = onVm;
    this.vm.branches.runs = runs;
  }

  /** Does an input. */
  perform(source: SourceFile, prepared: PreparedInput): Performed {
    const before = this.names.scope;
    const pending = this.#begin(prepared);
    const { seq } = this.world.stream;
    const known = new Set(foundIncidents(this.vm).map(({ finding }) => finding));
    let failure = workOutConsts(this.vm, pending, (index) => drained(this.#run(index)));
    const values: ShownValue[] = [];
    for (const [index, { functionIndex, isCall, shown }] of prepared.statements.entries()) {
      if (failure !== null || this.ended) break;
      this.onRest(index);
      failure = drained(this.#run(functionIndex));
      const { result } = this.vm;
      if (failure === null && shown) this.#keepValue(prepared);
      // Most calls that give none are made for what they do.
      if (failure === null && shown && (result !== null || !isCall)) {
        // No value of the script: it costs nothing that doing the input again would not cost too.
        const text = formatClipped(result, this.vm, SHOWN_CHARACTERS);
        values.push({ value: result, text });
      }
    }
    if (failure !== null) this.#withdrawNames(before);
    const statements = prepared.statements.length;
    return {
      done: { kind: "input", source, prepared, statements, after: this.names },
      values,
      failure,
      events: this.world.recorder.after(seq),
      found: foundIncidents(this.vm).filter(({ finding }) => !known.has(finding)),
    };
  }

  /**
   * Does a move again; stops wherever the VM is paused, and between activities.
   * @param settles Whether what is known after the whole move is known then.
   */
  *again(move: Move, settles = true): Generator<void, void> {
    if (this.ended) return;
    if (move.kind === "step") {
      this.onRest(0);
      yield;
      for (let count = 0; count < move.activities; count++) {
        this.world.runNextActivity();
        this.onRest(count + 1);
        yield;
      }
      return;
    }
    const pending = this.#begin(move.prepared);
    let failure = workOutConsts(this.vm, pending, (index) => drained(this.#run(index)));
    for (let index = 0; index < move.statements; index++) {
      if (failure !== null || this.ended) break;
      this.onRest(index);
      const run = this.#run(move.prepared.statements[index]!.functionIndex);
      let step = run.next();
      for (; !step.done; step = run.next()) yield;
      failure = step.value;
      if (failure === null && move.prepared.statements[index]!.shown) {
        this.#keepValue(move.prepared);
      }
    }
    if (!settles) return;
    this.names = move.after;
    for (const global of move.after.valueless) this.vm.globals[global] ??= null;
  }

  /**
   * Ends an input that is being done again after so many of its statements: names that have no value
   * yet are not declared.
   */
  cutOff(before: SessionNames, prepared: PreparedInput): void {
    const { registry } = this.#parts.code;
    const { declared, machineKinds, variables } = prepared.scope;
    const scope = new FileScope(registry, before.scope.data, declared, variables);
    scope.machineKinds = machineKinds;
    scope.machine = prepared.scope.machine;
    this.names = { ...this.names, scope };
    this.#withdrawNames(before.scope);
  }

  step(events: number): { readonly done: DoneSteps; readonly events: readonly MachineEvent[] } {
    const { recorder, stream } = this.world;
    const before = stream.seq;
    let activities = 0;
    this.onRest(0);
    while (stream.seq < before + events && this.world.runNextActivity()) {
      activities++;
      this.onRest(activities);
    }
    return { done: { kind: "step", activities, events }, events: recorder.after(before) };
  }

  summary(): Omit<SessionSummary, "moves"> {
    const { incidents, stream } = this.world;
    const faults = incidents.filter(({ name }) => name === "iommu.fault").length;
    const { declared, machineKinds } = this.names.scope;
    return {
      seq: stream.seq,
      nowNs: this.world.nowNs(),
      cpu: stream.context.cpu,
      pendingActivities: this.world.pendingActivities(),
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
    return this.vm.globals[this.#parts.code.compiler.tables.variableGlobal(variable)] ?? null;
  }

  #variables(): SessionVariable[] {
    return [...this.names.scope.variables.keys()].map((name) => {
      const value = this.valueOf(name) ?? null;
      return {
        name,
        kind: describeKind(kindOf(value)),
        text: formatClipped(value, this.vm, SHOWN_CHARACTERS),
      };
    });
  }

  /** @returns The consts that have to be worked out first. */
  #begin({ consts, machine, newMachine, scope }: PreparedInput): SessionNames["consts"] {
    // The variables of the machine before go with it.
    const before = this.names.consts.filter(({ global }) => !newMachine || global !== null);
    const all = [...before, ...consts];
    this.names = { ...this.names, scope, machine, consts: all };
    const isFirst = this.#vm === null;
    if (newMachine) this.#vm = this.#buildVm();
    const { compiler } = this.#parts.code;
    const { machineGlobals } = compiler.tables;
    bindMachine(this.vm, { machineGlobals, registers: compiler.registers(machine.parts) });
    return newMachine || isFirst ? all : consts;
  }

  /** Keeps the value of a statement, if it has one, under the name of the last value. */
  #keepValue({ lastValue }: PreparedInput): void {
    const { globals, result } = this.vm;
    if (lastValue !== null) globals[lastValue] = result ?? globals[lastValue] ?? null;
  }

  /** What the input declared and has no value is not declared. */
  #withdrawNames(before: FileScope): void {
    const { consts, scope, valueless } = this.names;
    const { tables } = this.#parts.code.compiler;
    const without = withdrawNames(before, scope, tables, this.vm.globals);
    this.names = {
      ...this.names,
      consts: consts.filter(({ global }) => global === null || !without.has(global)),
      valueless: valueless.union(without),
    };
  }

  /** Runs a function, and stops where the VM is paused. */
  *#run(functionIndex: number): Generator<void, FailureReport | null> {
    const { vm } = this;
    const { stream } = this.world;
    const { cpu } = stream.context;
    vm.refillSteps();
    const { style, watch } = this.#parts.options;
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

  /** The session as a program: its code with its machine, and tests to run. */
  program(source: SourceFile, tests: readonly TestEntry[]): Program {
    const { compiler, registry } = this.#parts.code;
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

  /** Runs of blocks of this session on other machines. */
  sideRuns(): SideRuns {
    const program = this.program(new SourceFile("session", ""), []);
    const { config } = this.names.machine;
    const start = { functionIndex: 0, args: [] };
    return new SideRuns(program, config, [], this.#machineOptions(), start);
  }

  #machineOptions(): MachineOptions {
    const { output } = this;
    return { record: true, limits: this.#limits, output, seed: this.#parts.options.seed };
  }

  #buildVm(): Vm {
    const { code: { compiler, registry }, repetition } = this.#parts;
    const { known, request } = repetition ?? { known: [], request: null };
    const number = this.known.length;
    const isWanted = request !== null && number === known.length - 1;
    const quirks = isWanted ? request.quirks : null;
    const { machine: { config }, valueless } = this.names;
    const own = quirks === null ? config : { ...config, quirks };
    const world = buildTestWorld({ registry }, own, this.#machineOptions());
    const vm = new Vm(compiler.code, registry, world, this.#limits, this.output);
    vm.branches.runs = this.#runs;
    for (const global of valueless) vm.globals[global] = null;
    this.known.push(vm.branches.known);
    if (isWanted) {
      sendTo(vm, request, () => {
        this.muted = false;
      });
    } else {
      // What was tried out on this machine before need not be tried out again.
      vm.branches.know(known[number] ?? new Map());
    }
    this.onVm?.(vm);
    return vm;
  }
}

/** The result of a run without a stop. */
function drained<T>(steps: Generator<void, T>): T {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}
