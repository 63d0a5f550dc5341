/**
 * The core of the REPL, without a terminal: accepts text, keeps one machine, and undoes inputs.
 *
 * A session is the list of its inputs. The machine is deterministic. Therefore a session goes back
 * to an earlier point by repeating the list up to that point on a new machine.
 */
import { addAll } from "@dmalab/runtime/basics";
import type { MachineEvent } from "@dmalab/runtime";
import { DiagnosticBag } from "../diagnostics/diagnostic.ts";
import { SourceFile } from "../source.ts";
import type { FileNode } from "../syntax/tree/ast.ts";
import type { PausableRun, ReplayListener, RunStarter } from "../vm/branches.ts";
import { typeOf } from "../values/value_types.ts";
import type { Type } from "../values/spec.ts";
import type { Value } from "../values/value.ts";
import type { Vm } from "../vm/vm.ts";
import {
  describeIncident,
  DISPLAYED_INCIDENTS,
  type FoundIncident,
  kindOfFinding,
} from "./incidents.ts";
import { brokenOff } from "./program.ts";
import { compileTest, type TestEntry } from "./test_entry.ts";
import { testVariants } from "./test_variants.ts";
import type { FailureStyle } from "./render_failure.ts";
import type { TestOutcome, Unexpected } from "./report.ts";
import type { RunOptions } from "./run_options.ts";
import { runTest } from "./run_program.ts";
import { type PreparedInput, SessionCode, type SessionNames } from "./session_check.ts";
import { drain, type HistoryEntry, type ReplayPlan, SessionState } from "./session_state.ts";
import {
  type InputResult,
  NOTHING_DONE,
  type SessionParts,
  type SessionSummary,
  type UnrunPart,
} from "./session_types.ts";
import type { LabMachine } from "../values/lab_machine.ts";

export { LAST_VALUE } from "./session_check.ts";
export { NOTHING_DONE } from "./session_types.ts";

/** Failures that depend on the host's time, and not on the program. */
const BY_CLOCK: ReadonlySet<string> = new Set(["E0806", "E0807"]);

/** A point in a session's past from which another session continues. */
interface SessionCheckpoint {
  readonly session: RunSession;
  /**
   * `move`: number of moves before the point. `part`: number of statements or activities of the
   * next move that are before the point.
   */
  readonly move: number;
  readonly part: number;
}

/** A session: accepts text, keeps one machine, and undoes inputs. */
export class RunSession {
  /** @internal */
  readonly code: SessionCode;
  readonly #given: SessionParts;
  readonly #options: SessionParts;
  readonly #first: SessionNames;
  readonly #moves: HistoryEntry[] = [];
  /** The current action. A repetition must do the moves first, and then this action. */
  #current: HistoryEntry | null = null;
  #isBusy = false;
  #state: SessionState;
  #inputs = 0;

  /**
   * @param from The point of another session from which this one continues.
   * @internal
   */
  constructor(options: SessionParts, from: SessionCheckpoint | null = null) {
    this.#given = options;
    const { loader, onBranchPoint, onVm, registry, watch } = options;
    // While earlier inputs are repeated, the clock and interrupts are ignored, because the
    // repetition must run to its end.
    this.#options = watch === undefined ? options : {
      ...options,
      watch: {
        nowMs: () => this.#isBusy ? watch.nowMs() : 0,
        ...watch.processorMs === undefined
          ? {}
          : { processorMs: () => this.#isBusy ? watch.processorMs!() : 0 },
        ...watch.memory === undefined ? {} : { memory: watch.memory },
        interrupted: () => this.#isBusy && watch.interrupted(),
      },
    };
    const parent = from?.session;
    this.code = parent?.code ?? new SessionCode(registry, loader, onVm !== undefined);
    this.#first = parent === undefined ? this.code.firstNames() : parent.#first;
    this.#inputs = parent === undefined ? 0 : parent.#inputs;
    if (from === null) {
      this.#state = this.#newState(null, this.#first);
      this.#repeat(this.#state, []);
    } else this.#state = this.#stateAt(from);
    reportBranchPoints(this.#state, onBranchPoint, () => this.#moves.length);
    if (from !== null) this.#state.becomeLive(this.#runsOf(this.#state), onVm ?? null);
  }

  /** Repeats the moves since the current machine was declared, up to a checkpoint. */
  #stateAt({ move, part, session }: SessionCheckpoint): SessionState {
    const { onBranchPoint, onVm = null } = this.#options;
    const [state, first] = this.#onNewMachine(session, onVm);
    addAll(this.#moves, session.#moves.slice(0, move));
    const whole = session.#moves[move];
    const isNew = whole?.kind === "input" && whole.prepared.newMachine;
    drain(doAgain(state, this.#moves, first, onBranchPoint));
    if (whole !== undefined && (part > 0 || isNew)) {
      reportBranchPoints(state, onBranchPoint, () => move);
      const cut: HistoryEntry = whole.kind === "step"
        ? { ...whole, activities: part }
        : { ...whole, statements: part };
      drain(state.again(cut, false));
      if (cut.kind === "input") state.cutOff(session.namesBefore(move), cut.prepared);
      this.#moves.push(cut.kind === "input" ? { ...cut, after: state.names } : cut);
    }
    state.vm.branches.forget();
    return state;
  }

  /**
   * A new state for repeating the moves since the session's machine was declared, and the index of
   * the first such move.
   */
  #onNewMachine(
    session: RunSession,
    onVm: ((vm: Vm) => void) | null,
  ): [state: SessionState, first: number] {
    const first = Math.max(
      0,
      session.#moves.findLastIndex((entry) => entry.kind === "input" && entry.prepared.newMachine),
    );
    const { resolvedChoices } = session.#state;
    const replay = { resolvedChoices, skips: resolvedChoices.length - 1, request: null, onVm };
    return [this.#newState(replay, session.namesBefore(first)), first];
  }

  /** Runs a text, if it is complete and correct. */
  feed(text: string): InputResult {
    return this.#feed(new SourceFile(`input ${++this.#inputs}`, text), false);
  }

  /**
   * Runs a file. The session takes over its declarations, and its statements are run. Its tests are
   * not run.
   */
  feedSource(source: SourceFile): InputResult {
    return this.#feed(source, true);
  }

  #feed(source: SourceFile, isFile: boolean): InputResult {
    this.#isBusy = true;
    let result: InputResult;
    try {
      result = this.#input(source, isFile);
    } catch (error) {
      this.#rest();
      this.#again();
      return { ...NOTHING_DONE, diagnostics: [brokenOff(error, source)], undone: true };
    }
    const move = this.#current;
    this.#rest();
    const failures = [result.failure, ...result.tests.map(({ failure }) => failure)];
    if (failures.some((failure) => failure !== null && BY_CLOCK.has(failure.code))) {
      // The clock or the user stopped the input. A repetition of the input would end elsewhere, so
      // the input is undone.
      this.#again();
      return { ...result, newMachine: false, undone: true };
    }
    if (move !== null) this.#moves.push(move);
    return result;
  }

  #rest(): void {
    this.#current = null;
    this.#isBusy = false;
  }

  #input(source: SourceFile, isFile: boolean): InputResult {
    const state = this.#state;
    const read = this.code.read(source, isFile, state.names);
    if (read.kind === "incomplete") return { ...NOTHING_DONE, incomplete: true };
    if (read.kind === "wrong") return { ...NOTHING_DONE, diagnostics: read.diagnostics };
    const { input } = read;
    // The result is known only at the end of the input. Until then `#current` has no result; it is
    // set because the input may be repeated in part.
    const { length: statements } = input.statements;
    this.#current = { kind: "input", source, prepared: input, statements, after: state.names };
    const { done, events, failure, found, values } = state.perform(source, input);
    this.#current = done;
    const runsTests = !isFile && this.#options.runsTests !== false;
    return {
      incomplete: false,
      values,
      failure,
      events,
      unexpected: unexpectedOf(found, this.#options.style),
      newMachine: input.newMachine,
      undone: false,
      tests: runsTests ? this.#runTests(input) : [],
      notRun: unrunParts(input.file, runsTests),
      diagnostics: input.diagnostics,
    };
  }

  /** Runs activities until `events` more events have happened, or nothing is left to do. */
  step(events: number = 1): readonly MachineEvent[] {
    const { done, events: happened } = this.#state.step(events);
    this.#moves.push(done);
    return happened;
  }

  /**
   * Undoes the last inputs and steps.
   * @returns How many were undone.
   */
  back(count: number): number {
    const undone = Math.min(count, this.#moves.length);
    this.#moves.length -= undone;
    this.#again();
    return undone;
  }

  /** The typed text so far, for saving it as a script. */
  get inputs(): readonly string[] {
    return this.#moves.map((entry) =>
      entry.kind === "input" ? entry.source.text : `step ${entry.events}`
    );
  }

  /** @internal */
  get history(): readonly HistoryEntry[] {
    return this.#moves;
  }

  /** @internal */
  get state(): SessionState {
    return this.#state;
  }

  /** @internal */
  get vm(): Vm {
    return this.#state.vm;
  }

  /** @internal */
  get machine(): LabMachine {
    return this.#state.machine;
  }

  /**
   * The value of a variable; undefined if there is no such variable.
   * @internal
   */
  valueOf(name: string): Value | undefined {
    return this.#state.valueOf(name);
  }

  /**
   * The type of the variable with that name, or of the machine's value with that name; undefined if
   * neither exists.
   * @internal
   */
  kindOf(name: string): Type | undefined {
    const value = this.valueOf(name) ?? this.machine.globals.get(name);
    return value === undefined ? undefined : typeOf(value);
  }

  /**
   * The session's variables, each with the global that stores its value.
   * @internal
   */
  globals(): readonly { readonly name: string; readonly global: number }[] {
    const { compiler: { tables } } = this.code;
    return [...this.#state.names.scope.variables].map(([name, variable]) => ({
      name,
      global: tables.variableGlobal(variable),
    }));
  }

  /** A summary of the session. */
  summary(): SessionSummary {
    return { moves: this.#moves.length, ...this.#state.summary() };
  }

  #again(): void {
    const { resolvedChoices, onVm } = this.#state;
    const state = this.#newState({ resolvedChoices, skips: 0, request: null, onVm }, this.#first);
    const { onBranchPoint } = this.#options;
    this.#repeat(state, this.#moves, onBranchPoint);
    reportBranchPoints(state, onBranchPoint, () => this.#moves.length);
    state.becomeLive(this.#runsOf(state), onVm);
    this.#state = state;
  }

  /**
   * Repeats moves. The repetition begins with the session's first machine, which has no devices.
   */
  #repeat(
    state: SessionState,
    history: readonly HistoryEntry[],
    onBranchPoint?: SessionParts["onBranchPoint"],
  ): void {
    state.vm;
    drain(doAgain(state, history, 0, onBranchPoint));
  }

  /** Prepares a repetition of all moves since the current machine was declared. */
  #rerun(listener: ReplayListener): PausableRun {
    const [state, first] = this.#onNewMachine(this, (vm) => listener.begins(vm));
    if (this.#moves.length === first) state.vm;
    const steps = doAgain(state, this.#moves, first);
    return { resume: () => !steps.next().done };
  }

  /**
   * A session that continues from an earlier point of this session, on a separate machine.
   *
   * @param move Number of moves before that point.
   * @param part Number of statements or activities of the next move that are before that point.
   * @internal
   */
  branch(move: number, part: number, hooks: Partial<SessionParts>): RunSession {
    return new RunSession({ ...this.#given, ...hooks }, { session: this, move, part });
  }

  /**
   * The session's names before a move.
   * @internal
   */
  namesBefore(move: number): SessionNames {
    for (let index = move - 1; index >= 0; index--) {
      const each = this.#moves[index]!;
      if (each.kind === "input") return each.after;
    }
    return this.#first;
  }

  #newState(replay: ReplayPlan | null, names: SessionNames): SessionState {
    return new SessionState({
      options: this.#options,
      code: this.code,
      names,
      replay,
      runsOf: (state) => this.#runsOf(state),
    });
  }

  #runsOf(state: SessionState): RunStarter {
    return {
      variants: [],
      replay: (request) => {
        const again = { resolvedChoices: state.resolvedChoices, skips: 0, request, onVm: null };
        const side = this.#newState(again, this.#first);
        const current = this.#current === null ? [] : [this.#current];
        this.#repeat(side, [...this.#moves, ...current]);
        return side.vm;
      },
      // Machines of child runs are kept: a session can go back to any of its runs.
      drop: () => {},
      again: (_run, listener: ReplayListener) => this.#rerun(listener),
      runOnNewMachine: (...request) => state.sideRuns().runOnNewMachine(...request),
    };
  }

  #runTests({ file, machine, scope }: PreparedInput): TestOutcome[] {
    const outcomes: TestOutcome[] = [];
    const { compiler, registry } = this.code;
    const { limits, seed, style, watch } = this.#options;
    const { output } = this.#state;
    const options: RunOptions = {
      ...limits === undefined ? {} : { limits },
      watch,
      onLine: (...line) => output.write(...line),
      seed,
      style,
    };
    for (const item of file.items) {
      if (item.kind !== "Test" && item.kind !== "Property") continue;
      const variants = testVariants(item, machine, scope, registry, new DiagnosticBag());
      const tests: TestEntry[] = compileTest(item, variants, compiler);
      const program = this.#state.program(file.span.source, tests);
      addAll(outcomes, tests.map((test) => runTest(program, test, options)));
    }
    return outcomes;
  }
}

/** Unexpected incidents of an input, as plain data. */
function unexpectedOf(
  found: readonly FoundIncident[],
  style: FailureStyle | undefined,
): Unexpected {
  const unexpectedFaults = found.filter((one) => kindOfFinding(one) === "fault").length;
  return {
    incidents: found.slice(0, DISPLAYED_INCIDENTS).map((each) =>
      describeIncident(each, null, style)
    ),
    unexpectedFaults,
    unexpectedReports: found.length - unexpectedFaults,
    leaks: 0,
  };
}

/**
 * Parts of a text that a session never runs. Unless `runsTests` is set, tests are such parts, too.
 */
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

/**
 * Repeats moves until all are done, or until the wanted branch has ended. Yields wherever the VM is
 * paused.
 */
function* doAgain(
  state: SessionState,
  history: readonly HistoryEntry[],
  first: number,
  onBranchPoint?: SessionParts["onBranchPoint"],
): Generator<void> {
  for (let move = first; move < history.length && !state.ended; move++) {
    reportBranchPoints(state, onBranchPoint, () => move);
    yield* state.again(history[move]!);
  }
}

/**
 * Reports the points of a move at which a branch could begin.
 * @param move Returns the move's number.
 */
function reportBranchPoints(
  state: SessionState,
  onRest: SessionParts["onBranchPoint"],
  move: () => number,
): void {
  const note = (part: number, isStatement: boolean) => onRest?.(move(), part, isStatement);
  state.onBranchPoint = note;
}
