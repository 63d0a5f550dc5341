/**
 * The core of the REPL, without a terminal: takes text, keeps one machine, and goes back.
 *
 * A session is the list of what was done in it. The machine is deterministic, so an earlier point
 * is reached by doing the list again up to there, on a new machine.
 */
import type { MachineEvent } from "../../runtime/events.ts";
import type { Registry } from "../values/registry.ts";
import {
  buildMachine,
  declareNames,
  type ProgramMachine,
  resolveFile,
} from "../check/check_files.ts";
import { Resolution } from "../check/names/bindings.ts";
import { orderConsts } from "../check/names/const_order.ts";
import { DataFiles } from "../check/names/data_files.ts";
import { FileScope } from "../check/names/file_scope.ts";
import type { Owner } from "../check/names/name_resolver.ts";
import { checkKinds } from "../check/kinds/check_kinds.ts";
import { type ConstCode, ProgramCompiler, shownExpression } from "../compile/compile_program.ts";
import { type Diagnostic, DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { firstMistakes } from "../diagnostics/first_mistakes.ts";
import { formatValue } from "../render/value_text.ts";
import { SourceFile } from "../source.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import { isDeclaration } from "../syntax/tree/statement_kinds.ts";
import { parse } from "../syntax/parse.ts";
import { describeKind, kindOf } from "../values/kinds.ts";
import { DEFAULT_LIMITS, type Limits } from "../values/limits.ts";
import { type HostWatch, RunWatch } from "../vm/run_watch.ts";
import type { Value } from "../values/value.ts";
import { Vm } from "../vm/vm.ts";
import type { AgainRequest, Runs } from "../vm/branches.ts";
import { FileLoader, type LoadedFile, type SourceLoader } from "../syntax/load_files.ts";
import { variantIn } from "./combinations.ts";
import {
  brokenOff,
  compileTest,
  driversOf,
  findComparedMachines,
  type Program,
  type TestEntry,
  testVariants,
} from "./program.ts";
import type { FailureStyle } from "./render_failure.ts";
import type { FailureReport, TestOutcome } from "./report.ts";
import { LimitedOutput, type RunOptions } from "./run_options.ts";
import { runTest } from "./run_program.ts";
import { reportFailure } from "./tally.ts";
import { sendTo, SideRuns } from "./side_runs.ts";
import { withdrawNames } from "./valueless_names.ts";
import { bindMachine, buildTestWorld, type MachineOptions, workOutConsts } from "./test_machine.ts";
import type { World } from "../values/world.ts";

/** What a session may be told. */
export interface SessionOptions {
  /** Where the files come from that an input uses. */
  readonly loader: SourceLoader;
  /** Of each input. */
  readonly limits?: Limits;
  /** A clock, and who may want an input to end. An input that one of them ends is undone. */
  readonly watch?: HostWatch;
  /** Whether tests of an input are run; they are when it is left out. Those of a file never are. */
  readonly runsTests?: boolean;
  /** Instead of the seed of the machine block. */
  readonly seed?: number;
  /** Gets every line of `print`, `show` and `explain` when it is written. */
  readonly onLine?: (text: string) => void;
  /** How wide these lines may be; 80 columns when nothing is known. */
  readonly columns?: number;
  /** Colours for failures. */
  readonly style?: FailureStyle;
}

/** What a session is made from. */
export interface SessionParts extends SessionOptions {
  /** @internal */
  readonly registry: Registry;
}

/** What came of one input. */
export interface FeedResult {
  /** True when the text ends in the middle of something; nothing was done. */
  readonly incomplete: boolean;
  /** With errors among them nothing was done. */
  readonly diagnostics: readonly Diagnostic[];
  /** The values of expressions, in order. */
  readonly values: readonly ShownValue[];
  /** What stopped the input; the statements before it were done. */
  readonly failure: FailureReport | null;
  /** Outcomes of tests in the input, which are run at once, each on a machine of its own. */
  readonly tests: readonly TestOutcome[];
  /**
   * What was checked, and is for a command to run.
   * @internal
   */
  readonly notRun: readonly UnrunPart[];
  /** What happened on the session's machine meanwhile. */
  readonly events: readonly MachineEvent[];
  /** True when the input declared another machine: the variables of the old one are gone. */
  readonly newMachine: boolean;
  /** True when it took too long, or somebody ended it: then it is as if it had not been. */
  readonly undone: boolean;
}

/** A part of an input that a session does not run: a command does. */
export interface UnrunPart {
  readonly kind: "test" | "bench" | "driver";
  readonly name: string;
}

/** A value of an input. */
export interface ShownValue {
  /** @internal */
  readonly value: Value;
  /** As `print` writes it. */
  readonly text: string;
}

/** A variable of a session. */
export interface SessionVariable {
  /** Its name. */
  readonly name: string;
  /** "an int", "a request" … */
  readonly kind: string;
  /** Its value, as `print` writes it. */
  readonly text: string;
}

/** What there is to know about a session at a glance. */
export interface SessionSummary {
  /** How many inputs and steps were done. */
  readonly moves: number;
  /** Number of the last event, and virtual time: what the prompt shows. */
  readonly seq: number;
  /** Virtual time. */
  readonly nowNs: number;
  /** The CPU that statements run on. */
  readonly cpu: number;
  /** Activities that wait. */
  readonly pendingActivities: number;
  /** Faults of the IOMMU so far. */
  readonly faults: number;
  /** Reports of the checker so far. */
  readonly reports: number;
  /** Its variables, with their values. */
  readonly variables: readonly SessionVariable[];
  /** Names of consts and functions. */
  readonly declared: readonly string[];
  /** Names the machine binds. */
  readonly machineNames: readonly string[];
}

/** Failures that depend on when somebody looked. */
const BY_CLOCK: ReadonlySet<string> = new Set(["E0806", "E0807"]);

interface Input {
  readonly kind: "input";
  readonly source: SourceFile;
  /** A file is whole, and `dmalab test` runs its tests. */
  readonly isFile: boolean;
}

/** Something that was done and can be done again. */
type Move =
  | Input
  | { readonly kind: "step"; readonly events: number };

/** Takes text, keeps one machine, and goes back. */
export class Session {
  readonly #options: SessionParts;
  readonly #moves: Move[] = [];
  /** What is being done, and would have to be done again after the moves. */
  #current: Input | null = null;
  #state: SessionState;
  #inputs = 0;

  /** @internal */
  constructor(options: SessionParts) {
    const { watch } = options;
    // What was done before is done again to its end, or it would not be the same.
    this.#options = watch === undefined ? options : {
      ...options,
      watch: {
        nowMs: () => this.#current === null ? 0 : watch.nowMs(),
        ...watch.memory === undefined ? {} : { memory: watch.memory },
        interrupted: () => this.#current !== null && watch.interrupted(),
      },
    };
    this.#state = this.#newState(null);
  }

  /** Does what a text says, as far as it is complete and right. */
  feed(text: string): FeedResult {
    const source = new SourceFile(`input ${++this.#inputs}`, text);
    return this.#feed({ kind: "input", source, isFile: false });
  }

  /**
   * Does what a file says: its declarations become the session's, its statements are run. Its tests
   * are not.
   */
  feedSource(source: SourceFile): FeedResult {
    return this.#feed({ kind: "input", source, isFile: true });
  }

  #feed(input: Input): FeedResult {
    this.#current = input;
    let result: FeedResult;
    try {
      result = this.#state.input(input);
    } catch (error) {
      this.#current = null;
      this.#again();
      return { ...NOTHING, diagnostics: [brokenOff(error, input.source)], undone: true };
    }
    this.#current = null;
    const failures = [result.failure, ...result.tests.map(({ failure }) => failure)];
    if (failures.some((failure) => failure !== null && BY_CLOCK.has(failure.code))) {
      // It would end elsewhere when it is done again.
      this.#again();
      return { ...result, newMachine: false, undone: true };
    }
    const done = !result.incomplete &&
      !result.diagnostics.some(({ severity }) => severity === "error");
    if (done) this.#moves.push(input);
    return result;
  }

  /** Runs activities until `events` more events have happened, or nothing is left to do. */
  step(events: number = 1): readonly MachineEvent[] {
    this.#moves.push({ kind: "step", events });
    return this.#state.step(events);
  }

  /**
   * Undoes the last inputs and steps.
   * @returns How many were undone.
   */
  back(count: number = 1): number {
    const undone = Math.min(count, this.#moves.length);
    this.#moves.length -= undone;
    this.#again();
    return undone;
  }

  /** Undoes inputs and steps until no event after `seq` has happened. */
  backToEvent(seq: number): number {
    let undone = 0;
    while (this.#state.world.stream.seq > seq && this.#moves.length > 0) undone += this.back(1);
    return undone;
  }

  /** What was typed so far, for saving it as a script. */
  get inputs(): readonly string[] {
    return this.#moves.map((move) =>
      move.kind === "input" ? move.source.text : `step ${move.events}`
    );
  }

  /** @internal */
  get vm(): Vm {
    return this.#state.vm;
  }

  /** @internal */
  get world(): World {
    return this.#state.world;
  }

  /**
   * What a variable holds; undefined when there is none.
   * @internal
   */
  valueOf(name: string): Value | undefined {
    return this.#state.valueOf(name);
  }

  /** What there is to know of it at a glance. */
  summary(): SessionSummary {
    return { moves: this.#moves.length, ...this.#state.summary() };
  }

  #again(): void {
    const state = this.#newState({ known: this.#state.known, request: null });
    this.#repeat(state, this.#moves);
    state.muted = false;
    this.#state = state;
  }

  /** Does moves again, until there is nothing more to do in them. */
  #repeat(state: SessionState, moves: readonly Move[]): void {
    for (const move of moves) {
      if (state.ended) return;
      if (move.kind === "input") state.input(move);
      else state.step(move.events);
    }
  }

  #newState(repetition: Repetition | null): SessionState {
    return new SessionState(this.#options, repetition, (state) => ({
      variants: [],
      again: (request) => {
        const side = this.#newState({ known: state.known, request });
        const current = this.#current === null ? [] : [this.#current];
        this.#repeat(side, [...this.#moves, ...current]);
        return side.vm;
      },
      elsewhere: (...request) => state.sideRuns().elsewhere(...request),
    }));
  }
}

/** A state that is made by doing again what was done before. */
interface Repetition {
  /** Values of branchings that need not be tried out again, for each machine of the session. */
  readonly known: readonly ReadonlyMap<number, Value>[];
  /** The branch of the last machine that it is made for; null to do everything again. */
  readonly request: AgainRequest | null;
}

/** Everything that is lost and made anew when a session goes back. */
class SessionState {
  readonly output: LimitedOutput;
  /** A state that is on its way back says nothing. */
  muted: boolean;
  readonly #options: SessionParts;
  readonly #registry: Registry;
  readonly #limits: Limits;
  readonly #resolution = new Resolution();
  readonly #compiler: ProgramCompiler;
  #consts: ConstCode[] = [];
  /** Globals of names that were withdrawn. */
  readonly #valueless = new Set<number>();
  readonly #repetition: Repetition | null;
  readonly #runs: Runs;
  /** Values of branchings, for each machine so far. */
  readonly known: ReadonlyMap<number, Value>[] = [];
  /** The branch that this state was made for has ended. */
  ended = false;
  #scope: FileScope;
  #machine: ProgramMachine;
  vm: Vm;

  /** @param runsOf What starts runs beside this one. */
  constructor(
    options: SessionParts,
    repetition: Repetition | null,
    runsOf: (state: SessionState) => Runs,
  ) {
    this.muted = repetition !== null;
    this.#repetition = repetition;
    this.#runs = runsOf(this);
    this.#options = options;
    this.#registry = options.registry;
    this.#limits = options.limits ?? DEFAULT_LIMITS;
    this.output = new LimitedOutput(this.#limits, (line) => {
      if (!this.muted) options.onLine?.(line);
    }, options.columns);
    this.#compiler = new ProgramCompiler(this.#registry, this.#resolution);
    this.#scope = new FileScope(this.#registry, new DataFiles(options.loader, new DiagnosticBag()));
    const config = buildMachine(null, this.#scope, this.#registry, new DiagnosticBag());
    this.#machine = { declaration: null, scope: this.#scope, config };
    this.#scope.machineKinds = this.#registry.globalKinds(config);
    this.vm = this.#buildVm();
  }

  get world(): World {
    return this.vm.world;
  }

  input({ isFile, source }: Input): FeedResult {
    const { diagnostics, file, incomplete } = parse(source, { mode: "repl" });
    if (incomplete && !isFile) return { ...NOTHING, incomplete };
    const bag = new DiagnosticBag();
    for (const diagnostic of diagnostics) bag.add(diagnostic);
    const checked = bag.hasErrors ? null : this.#check(file, bag);
    if (checked === null || bag.hasErrors) {
      return { ...NOTHING, diagnostics: firstMistakes(bag.sorted()) };
    }
    const runsTests = !isFile && this.#options.runsTests !== false;
    return {
      ...this.#perform(file, checked),
      tests: runsTests ? this.#runTests(file) : [],
      notRun: unrunParts(file, runsTests),
      diagnostics: firstMistakes(bag.sorted()),
    };
  }

  step(events: number): readonly MachineEvent[] {
    const { recorder, stream } = this.world;
    const before = stream.seq;
    while (stream.seq < before + events && this.world.runNextActivity());
    return recorder.after(before);
  }

  summary(): Omit<SessionSummary, "moves"> {
    const { incidents, stream } = this.world;
    const faults = incidents.filter(({ name }) => name === "iommu.fault").length;
    return {
      seq: stream.seq,
      nowNs: this.world.nowNs(),
      cpu: stream.context.cpu,
      pendingActivities: this.world.pendingActivities(),
      faults,
      reports: incidents.length - faults,
      variables: this.#variables(),
      declared: [...this.#scope.declared.keys()],
      machineNames: [...this.#scope.machineKinds.keys()],
    };
  }

  valueOf(name: string): Value | undefined {
    const variable = this.#scope.variables.get(name);
    if (variable === undefined) return undefined;
    return this.vm.globals[this.#compiler.tables.variableGlobal(variable)] ?? null;
  }

  #variables(): SessionVariable[] {
    return [...this.#scope.variables.keys()].map((name) => {
      const value = this.valueOf(name) ?? null;
      return { name, kind: describeKind(kindOf(value)), text: formatValue(value, this.vm, true) };
    });
  }

  /** Checks an input against copies of what the session knows, so that a wrong one leaves no trace. */
  #check(file: FileNode, bag: DiagnosticBag): Checked | null {
    const loader = new FileLoader(this.#options.loader, bag);
    const data = new DataFiles(this.#options.loader, bag);
    const loaded = loader.parsed(file);
    if (bag.hasErrors) return null;
    const uses = new Map<Owner, Set<Owner>>();
    const scope = new FileScope(this.#registry, data, this.#scope.declared, this.#scope.variables);
    const scopes = new Map<LoadedFile, FileScope>([[loaded, scope]]);
    for (const other of loader.files) {
      if (other !== loaded) {
        scopes.set(other, declareNames(other, scopes, this.#registry, data, bag));
      }
    }
    for (const use of loaded.uses) scope.include(scopes.get(use.loaded)!, bag, use.declaration);
    scope.declareAll(file, bag, true);
    const machine = this.#findMachine(loaded, scope, scopes, bag);
    const kinds = this.#registry.globalKinds(machine.config);
    // The machine's things that variables hold would belong to the old machine.
    if (machine !== this.#machine) scope.variables.clear();
    for (const [{ file }, each] of scopes) {
      resolveFile(file, each, kinds, this.#resolution, uses, bag, each === scope);
    }
    const consts = orderConsts(uses, bag);
    if (bag.hasErrors) return null;
    findComparedMachines({ machine, resolution: this.#resolution, scopes }, this.#registry, bag);
    checkKinds(scopes.keys(), this.#resolution, this.#registry, bag);
    driversOf(file, { scope, resolution: this.#resolution, registry: this.#registry, bag });
    return { scope, machine, consts, files: [...scopes.keys()] };
  }

  /** The machine an input declares, itself or by a file it uses; else the one there is. */
  #findMachine(
    loaded: LoadedFile,
    scope: FileScope,
    scopes: ReadonlyMap<LoadedFile, FileScope>,
    bag: DiagnosticBag,
  ): ProgramMachine {
    const candidates = [loaded, ...[...scopes.keys()].filter((other) => other !== loaded)];
    for (const candidate of candidates) {
      const declaration = candidate.file.items.find((item) => item.kind === "Machine");
      if (declaration === undefined) continue;
      const own = scopes.get(candidate) ?? scope;
      const config = buildMachine(declaration, own, this.#registry, bag);
      return { declaration, scope: own, config };
    }
    return this.#machine;
  }

  #perform(
    file: FileNode,
    checked: Checked,
  ): Omit<FeedResult, "diagnostics" | "notRun" | "tests"> {
    const newMachine = checked.machine !== this.#machine;
    const before = this.#scope;
    this.#scope = checked.scope;
    this.#machine = checked.machine;
    const consts = this.#compiler.consts(checked.consts);
    for (const { file } of checked.files) {
      for (const item of file.items) if (item.kind === "Function") this.#compiler.function(item);
    }
    const compiled = file.items.filter((item) => !isDeclaration(item)).map((statement) => ({
      functionIndex: this.#compiler.sessionStatement(statement),
      shown: shownExpression(statement) !== null,
    }));
    if (newMachine) {
      this.vm = this.#buildVm();
    }
    bindMachine(this.vm, this.#compiler.tables.machineGlobals);
    const seq = this.world.stream.seq;
    this.#consts.push(...consts);
    const pending = newMachine ? this.#consts : consts;
    let failure = workOutConsts(this.vm, pending, (functionIndex) => this.#run(functionIndex));
    const values: ShownValue[] = [];
    for (const { functionIndex, shown } of compiled) {
      if (failure !== null || this.ended) break;
      failure = this.#run(functionIndex);
      const { result } = this.vm;
      if (failure === null && shown && result !== null) {
        values.push({ value: result, text: formatValue(result, this.vm, true) });
      }
    }
    if (failure !== null) this.#withdrawNames(before);
    return {
      incomplete: false,
      values,
      failure,
      events: this.world.recorder.after(seq),
      newMachine,
      undone: false,
    };
  }

  /** What the input declared and has no value is not declared. */
  #withdrawNames(before: FileScope): void {
    const { tables } = this.#compiler;
    const without = withdrawNames(before, this.#scope, tables, this.vm.globals);
    this.#consts = this.#consts.filter(({ global }) => !without.has(global));
    for (const global of without) this.#valueless.add(global);
  }

  #run(functionIndex: number): FailureReport | null {
    const { stream } = this.world;
    const { cpu } = stream.context;
    this.vm.refillSteps();
    const { watch } = this.#options;
    if (watch !== undefined) this.vm.watch = new RunWatch(watch, this.#limits);
    this.vm.start(functionIndex);
    const state = this.vm.resume();
    const { failure } = this.vm;
    if (state === "branched" || failure !== null && this.vm.branches.arrived) this.ended = true;
    if (failure === null) return null;
    stream.context.cpu = cpu;
    return reportFailure(failure, this.#options.style);
  }

  #runTests(file: FileNode): TestOutcome[] {
    const outcomes: TestOutcome[] = [];
    for (const item of file.items) {
      if (item.kind !== "Test" && item.kind !== "Property") continue;
      const bag = new DiagnosticBag();
      const variants = testVariants(item, this.#machine, this.#scope, this.#registry, bag);
      const tests: TestEntry[] = compileTest(item, variants, this.#compiler);
      const program = this.#program(file.span.source, tests);
      outcomes.push(...tests.map((test) => runTest(program, test, this.#testOptions())));
    }
    return outcomes;
  }

  #program(source: SourceFile, tests: readonly TestEntry[]): Program {
    return {
      source,
      files: [source],
      registry: this.#registry,
      code: this.#compiler.code,
      machine: this.#machine,
      machineGlobals: this.#compiler.tables.machineGlobals,
      consts: this.#consts,
      variant: variantIn(this.#scope),
      main: null,
      tests,
      drivers: [],
      follow: null,
    };
  }

  /** Runs of blocks of this session on other machines. */
  sideRuns(): SideRuns {
    const program = this.#program(new SourceFile("session", ""), []);
    const options = this.#machineOptions();
    return new SideRuns(program, this.#machine.config, [], options, { functionIndex: 0, args: [] });
  }

  #machineOptions(): MachineOptions {
    const { output } = this;
    return { record: true, limits: this.#limits, output, seed: this.#options.seed };
  }

  #testOptions(): RunOptions {
    const { seed, style, watch } = this.#options;
    return { limits: this.#limits, watch, onLine: (line) => this.output.write(line), seed, style };
  }

  #buildVm(): Vm {
    const registry = this.#registry;
    const { known, request } = this.#repetition ?? { known: [], request: null };
    const number = this.known.length;
    const isWanted = request !== null && number === known.length - 1;
    const quirks = isWanted ? request.quirks : null;
    const config = quirks === null ? this.#machine.config : { ...this.#machine.config, quirks };
    const world = buildTestWorld({ registry }, config, this.#machineOptions());
    const vm = new Vm(this.#compiler.code, registry, world, this.#limits, this.output);
    vm.branches.runs = this.#runs;
    for (const global of this.#valueless) vm.globals[global] = null;
    this.known.push(vm.branches.known);
    if (isWanted) {
      sendTo(vm, request, () => {
        this.muted = false;
      });
    } else {
      // What was tried out on this machine before need not be tried out again.
      for (const [branching, value] of known[number] ?? []) vm.branches.known.set(branching, value);
    }
    return vm;
  }
}

interface Checked {
  readonly scope: FileScope;
  readonly machine: ProgramMachine;
  readonly consts: Parameters<ProgramCompiler["consts"]>[0];
  readonly files: readonly LoadedFile[];
}

/** What of a text no session runs, and its tests where they are not wanted. */
function unrunParts({ items }: FileNode, runsTests: boolean): UnrunPart[] {
  return items.flatMap((item): UnrunPart[] => {
    switch (item.kind) {
      case "Test":
      case "Property":
        return runsTests ? [] : [{ kind: "test", name: item.name }];
      case "Bench":
        return [{ kind: "bench", name: item.name }];
      case "Driver":
        return [{ kind: "driver", name: item.name }];
      default:
        return [];
    }
  });
}

const NOTHING: FeedResult = {
  incomplete: false,
  diagnostics: [],
  values: [],
  failure: null,
  tests: [],
  notRun: [],
  events: [],
  newMachine: false,
  undone: false,
};
