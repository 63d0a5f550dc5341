/**
 * A session with a past: it has a current position in that past, and branches.
 *
 * Going back changes nothing. Input at a past position continues from that position on a separate
 * machine, as a branch. The original branch is kept, and the user can switch to it.
 */
import { isDeclaration, parse, type Statement } from "@dmalab/lang/syntax";
import { type Laboratory, PLAIN, SourceFile, spanText } from "@dmalab/lang";
import type { HostWatch, InputResult, SessionOptions } from "@dmalab/lang/run";
import {
  LAST_VALUE,
  NOTHING_DONE,
  type RunSession,
  RunSession as SessionWith,
} from "@dmalab/lang/program";
import { Branch, type SessionHooks } from "./branch.ts";
import { Cursor } from "./cursor.ts";
import { EvaluationError } from "./evaluator.ts";
import type { StepCommand, StepOutcome } from "./step.ts";
import { comparePositions, type Position } from "./position.ts";
import type { ShownVariable } from "./evaluate.ts";

const NOTHING: TimeTravelResult = { ...NOTHING_DONE, branch: null, dropped: [] };

/** The result of an input. */
export interface TimeTravelResult extends InputResult {
  /** The new branch that began with the input; null when the input continued at the end of the run. */
  readonly branch: Branch | null;
  /** Variables that were lost because the input declared a new machine. */
  readonly dropped: readonly string[];
}

export class TimeTravelSession extends Cursor {
  readonly #branches: Branch[] = [];
  readonly #onLine: (text: string) => void;
  readonly #watch: HostWatch | null;
  #branch: Branch;
  #made = 0;
  #file: SourceFile | null = null;

  /**
   * @param make Creates the session, with callbacks for its actions.
   * @param onLine Receives the lines that the session writes.
   * @param watch Tells when the user interrupts a search.
   */
  constructor(
    make: (hooks: SessionHooks) => RunSession,
    onLine: (text: string) => void,
    watch: HostWatch | null = null,
  ) {
    const branch = new Branch("main", null, onLine, make);
    super(branch.recording);
    this.#watch = watch;
    this.#onLine = onLine;
    this.#branch = branch;
    this.#branches.push(branch);
    this.#toEnd();
  }

  get branch(): Branch {
    return this.#branch;
  }

  /** All branches, the first one first. */
  get branches(): readonly Branch[] {
    return this.#branches;
  }

  get session(): RunSession {
    return this.#branch.session;
  }

  /** Moves to the end of the session, which may be on another machine after an input. */
  #toEnd(): void {
    const { recording } = this.#branch;
    recording.timeline.interruptedBy = this.#watch;
    this.goTo(recording.last, recording);
  }

  /**
   * Moves to a position of this branch, or of another branch.
   *
   * @throws {EvaluationError} When the machine of that position was replaced by another machine.
   */
  override goTo(position: Position, recording = this.recording): void {
    const branch = this.#branches.find((each) => each.recording === recording);
    if (branch === undefined) {
      throw new EvaluationError("That position is of a machine that was replaced");
    }
    this.#branch = branch;
    super.goTo(position, recording);
  }

  /** The session's variables that have a value at the position. */
  override variables(): readonly ShownVariable[] {
    const { recording, session } = this;
    const { evaluator } = recording;
    return recording.timeline.at(
      this.position,
      (paused) =>
        session.globals().flatMap(({ global, name }) => {
          const value = paused.vm.globals[global];
          if (value === undefined) return [];
          const { kind, text } = evaluator.answer(value, paused);
          return [{ name, kind, text }];
        }),
    );
  }

  /** Whether the run continues after the current position. */
  get isPast(): boolean {
    return comparePositions(this.position, this.recording.last) < 0;
  }

  /**
   * Executes a text. At a past position this starts a new branch, unless the text is an expression
   * that changes nothing.
   */
  feed(text: string): TimeTravelResult {
    const looked = this.#look(text);
    if (looked !== null) return looked;
    const variables = this.session.summary().variables.map(({ name }) => name)
      .filter((name) => name !== LAST_VALUE);
    const { isPast } = this;
    const branch = isPast && this.isWhole(text) ? this.#begin() : null;
    const result = (branch ?? this.#branch).session.feed(text);
    const isDone = !result.incomplete &&
      !result.diagnostics.some(({ severity }) => severity === "error");
    if (branch !== null && isDone) this.#enter(branch);
    if (isDone || !isPast || result.undone) this.#toEnd();
    const dropped = result.newMachine ? variables : [];
    return { ...result, branch: isDone ? branch : null, dropped };
  }

  /** Inputs and steps since the current machine was declared, including the declaration. */
  sinceMachine(): readonly string[] {
    const { inputs, history } = this.session;
    const first = history.findLastIndex((entry) =>
      entry.kind === "input" && entry.prepared.newMachine
    );
    return inputs.slice(Math.max(0, first));
  }

  /** The file whose text is the first of {@linkcode sinceMachine}; null for a typed input. */
  get fileSinceMachine(): SourceFile | null {
    const { history } = this.session;
    const from = history.findLastIndex((entry) =>
      entry.kind === "input" && entry.prepared.newMachine
    );
    const first = history[Math.max(0, from)];
    return first?.kind === "input" && first.source === this.#file ? this.#file : null;
  }

  /**
   * The latest declaration of each name since the current machine was declared, with the comments
   * before it: the machine, functions, constants.
   */
  declarations(): readonly string[] {
    const declared = new Map<string, string>();
    for (const text of this.sinceMachine()) {
      const { file: { items } } = parse(new SourceFile("input", text), { mode: "repl" });
      let before = 0;
      for (const item of items) {
        if (isDeclaration(item)) {
          const name = declaredName(item);
          declared.delete(name);
          declared.set(name, text.slice(before, item.span.end).trim());
        }
        before = item.span.end;
      }
    }
    return [...declared.values()];
  }

  /** Whether a text is a complete input, rather than the beginning of one. */
  isWhole(text: string): boolean {
    return !parse(new SourceFile("input", text), { mode: "repl" }).incomplete;
  }

  /** Evaluates an expression at a past position; null for any other input, and at the end. */
  #look(text: string): TimeTravelResult | null {
    if (!this.isPast || !isExpression(text)) return null;
    try {
      const { evaluator, timeline } = this.recording;
      const expression = evaluator.question(text);
      const shown = timeline.at(this.position, (paused) => expression.evaluate(paused));
      return { ...NOTHING, values: shown.value === null ? [] : [shown] };
    } catch (error) {
      // An input with mistakes or with effects is not evaluated here: the session itself reports
      // mistakes, and an input that changes something starts a branch.
      if (error instanceof EvaluationError && (error.wouldChange || error.diagnostics.length > 0)) {
        return null;
      }
      throw error;
    }
  }

  /** Runs a file as the first input. */
  feedSource(source: SourceFile): TimeTravelResult {
    this.#file = source;
    const result = this.session.feedSource(source);
    this.#toEnd();
    return { ...result, branch: null, dropped: [] };
  }

  /** Starts a branch for input at a past position; null at the end of the run. */
  #begin(): Branch | null {
    return this.#branch.branch(`b${this.#made + 1}`, this.position, this.#onLine);
  }

  #enter(branch: Branch): void {
    this.#made++;
    this.#branches.push(branch);
    this.#branch = branch;
  }

  /** Switches to the end of another branch. False for an unknown name. */
  switchTo(name: string): boolean {
    const branch = this.#branches.find((each) => each.name === name);
    if (branch === undefined) return false;
    this.#branch = branch;
    this.#toEnd();
    return true;
  }

  /**
   * Makes a step. At the end of the run, a step by event or activity runs the machine further.
   * Activities run as a whole, so an activity's further events come after the new position.
   */
  override move(step: StepCommand): StepOutcome {
    const { recording } = this;
    const { count = 1, unit, direction } = step;
    const isEvents = direction === "forward" && unit === "event";
    if (isEvents) {
      const missing = this.position.seq + count - recording.last.seq;
      if (missing > 0) this.session.step(missing);
    } else if (direction === "forward" && unit === "activity" && !this.isPast) {
      for (let turn = 0; turn < count; turn++) this.session.step(1);
    }
    const outcome = super.move(step);
    const { last } = recording;
    // After the last event, the position is moved to the end, where the session continues.
    if (isEvents && outcome.stop === null && outcome.position.seq === last.seq) this.goTo(last);
    return { ...outcome, position: this.position };
  }
}

/**
 * The name that a declaration declares; `machine` for a machine, because there is only one; the path
 * of a used file for `use`.
 */
function declaredName(item: Statement): string {
  if (item.kind === "Const" || item.kind === "Function") return item.name.text;
  if (item.kind === "Use") return item.path;
  return item.kind === "Machine" ? item.kind : spanText(item.span);
}

function isExpression(text: string): boolean {
  const { diagnostics, file } = parse(new SourceFile("input", text), { mode: "repl" });
  const [only, ...more] = file.items;
  return diagnostics.length === 0 && more.length === 0 && only?.kind === "Expression" &&
    only.expected === null;
}

/**
 * Opens a session in which the user can go back in time.
 *
 * @param onLine Receives the lines that the session writes.
 * @param laboratory The laboratory; default: the laboratory without additions.
 */
export function openTimeTravelSession(
  options: Omit<SessionOptions, "onLine">,
  onLine: (text: string) => void,
  laboratory: Laboratory = PLAIN,
): TimeTravelSession {
  return new TimeTravelSession(
    (hooks) => new SessionWith({ ...options, registry: laboratory.builtins, ...hooks }),
    onLine,
    options.watch,
  );
}
