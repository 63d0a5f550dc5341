/**
 * The record of a run: its events, its statements, its tables and its output. All queries in this
 * file read columns of numbers, so they need no machine.
 */
import { countBefore } from "@dmalab/runtime/basics";
import type { LabTableName, TableFields } from "@dmalab/devices";
import type { EventName, MachineEvent } from "@dmalab/runtime";
import type {
  EventLog,
  HistoryTable,
  RecordedMachine,
  StatementLog,
} from "@dmalab/runtime/recording";
import type {
  DebugStatement,
  FailureReport,
  ForkKeyword,
  FunctionCode,
  Site,
} from "@dmalab/lang/run";
import { isInside, type Span, spanText } from "@dmalab/lang";
import { comparePositions, type Position, START } from "./position.ts";

/** The identity of a run in a file: enough to repeat it. */
export interface RunName {
  /** The file's name. */
  readonly file: string;
  /** `main`: the top-level statements of the file. */
  readonly kind: "main" | "test" | "property";
  /** Empty for the top-level statements. */
  readonly name: string;
  /** The settings that the matrix chose, such as `iommu.mode = lazy`; empty without a matrix. */
  readonly combination: string;
  /** Its place: `file:line:column`. */
  readonly place: string;
  /** The seed of the run's machine. */
  readonly seed: number;
}

/** A line that the run wrote. */
export interface OutputLine {
  /** The line, without its end. */
  readonly text: string;
  /** The position at which it was written. */
  readonly position: Position;
}

/** A statement that was started. */
export interface StartedStatement {
  /** The statement's number among all started statements, from 1. */
  readonly started: number;
  /** The statement's location. */
  readonly span: Span;
  /** Number of active calls of the script, 1 in the outermost code. */
  readonly depth: number;
}

/** An active call of the script, with its current statement. */
export interface ScriptFrame extends StartedStatement {
  /** The function's name in the source; empty for the top-level statements of the file. */
  readonly name: string;
}

/** A function of the kernel that was entered and has not returned. */
export interface KernelFrame {
  /** The event of the call of this function. */
  readonly seq: number;
  /** Its name. */
  readonly name: string;
}

export type TableOf<T extends LabTableName> = HistoryTable<TableFields[T]>;

/** The source locations of compiled code. */
export interface RecordedCode {
  readonly statements: readonly Pick<DebugStatement, "span" | "native" | "forkKeyword">[];
  readonly sites: readonly Pick<Site, "span">[];
  readonly functions: readonly RecordedFunction[];
}

/**
 * A function of the source.
 * @internal
 */
export type RecordedFunction = Pick<FunctionCode, "name" | "role" | "span">;

/** A block of `fork`, `compare` or `race`, or a whole run, that ran on a separate machine. */
export interface ChildRun {
  /**
   * The statement to which the block belongs, by its number among the started statements of the
   * parent run.
   */
  readonly statement: number;
  /** The kind of statement to which the block belongs; `run` for a separate run that failed. */
  readonly word: "compare" | "fork" | "race" | "run";
  /**
   * The name of the block, the settings of its machine, the order of a race, or the injection that
   * fails.
   */
  readonly label: string;
  /** Opens the record of the child run. */
  open(): RecordedRun;
}

/** Names with their values at consecutive positions of a run. */
export interface KeptVariables {
  /** The first of these positions, by `ordinalOf`. */
  readonly first: number;
  /** The lists of visible variables, each distinct list once. */
  readonly seen: readonly (readonly (readonly [name: string, text: string])[])[];
  /** The index of the list, for each position. */
  readonly at: readonly number[];
}

export type RecordedRunParts = Pick<
  RecordedRun,
  "childRuns" | "code" | "forks" | "machine" | "name" | "output"
>;

/**
 * The lines on which statements of the code begin, in order. Each line has the numbers of the
 * statements that begin on it.
 */
export interface StatementLines {
  readonly lines: readonly number[];
  readonly numbers: ReadonlyMap<number, ReadonlySet<number>>;
  /** Number of statements of the code when these lines were collected. */
  readonly statements: number;
}

/** A position in a run. */
export interface RunPosition<R extends RecordedRun = RecordedRun> {
  /** The recording of the run. */
  readonly recording: R;
  /** The position in the recording. */
  readonly position: Position;
}

/** Maximum number of events that are searched backwards for a kernel call that has not returned. */
const OPEN_CALL_EVENTS = 20_000;

/** The record of a run. */
export class RecordedRun {
  /** The identity of the run. */
  readonly name: RunName;
  /** @internal */
  readonly code: RecordedCode;
  /** @internal */
  readonly log: EventLog;
  /** @internal */
  readonly statements: StatementLog;
  /** The lines that the run wrote; grows while the run continues. */
  readonly output: readonly OutputLine[];
  /**
   * Statements with blocks that ran on separate machines, by their numbers.
   * @internal
   */
  readonly forks: ReadonlyMap<number, ForkKeyword>;
  /** The recorded child runs; grows. */
  readonly childRuns: readonly ChildRun[];
  /** @internal */
  readonly machine: RecordedMachine;
  /** The failure that ended the run; null while the run continues, and when it passed. */
  failure: FailureReport | null = null;
  /**
   * The variables of the innermost call; null where they are not stored (`keepVariables`).
   * @internal
   */
  variables: KeptVariables | null = null;
  /** Statement lines, by file name; null for all files of the script. */
  readonly #lines = new Map<string | null, StatementLines>();

  /** @internal */
  constructor({ forks, code, machine, name, output, childRuns }: RecordedRunParts) {
    this.name = name;
    this.code = code;
    this.machine = machine;
    this.log = machine.log;
    this.statements = machine.statements;
    this.output = output;
    this.forks = forks;
    this.childRuns = childRuns;
  }

  /** The end position, where a next statement would start. */
  get last(): Position {
    return { seq: this.log.count, statement: this.statements.count + 1 };
  }

  /** The last position before the failure; null when the run passed. */
  get failedAt(): Position | null {
    if (this.failure === null) return null;
    return { seq: this.log.count, statement: this.statements.count };
  }

  /**
   * The position after an event. It is in the statement that led to the event.
   * @throws {RangeError} If there is no such event.
   */
  afterEvent(seq: number): Position {
    if (!Number.isInteger(seq) || seq < 0 || seq > this.log.count) {
      throw new RangeError(`There is no event ${seq}: the last is ${this.log.count}`);
    }
    return seq === 0 ? START : { seq, statement: this.statements.startedBefore(seq) };
  }

  /**
   * The position at which a statement starts, by the statement's number, from 1.
   * @throws {RangeError} For an unknown number.
   */
  atStatement(started: number): Position {
    return { seq: this.statements.seqAt(started), statement: started };
  }

  /** Whether a position is the start of a statement, rather than after an event. */
  isStatementStart({ seq, statement }: Position): boolean {
    if (statement > this.statements.count) return true;
    return statement > 0 && this.statements.seqAt(statement) === seq;
  }

  /** Whether the run has this position. */
  has({ seq, statement }: Position): boolean {
    const { count } = this.statements;
    if (statement === count + 1) return seq === this.log.count;
    if (seq < 0 || seq > this.log.count || statement < 0 || statement > count) return false;
    const from = statement === 0 ? 0 : this.statements.seqAt(statement);
    const to = statement === count ? this.log.count : this.statements.seqAt(statement + 1);
    return seq >= from && seq <= to;
  }

  /** An event. @throws {RangeError} When no event has that number. */
  event(seq: number): MachineEvent {
    return this.log.event(seq);
  }

  /** Virtual time at a position. */
  nowNs({ seq }: Position): number {
    return seq === 0 ? 0 : this.log.atNs(seq);
  }

  /** The current statement at a position; null before the first, and at the end. */
  statement(position: Position): StartedStatement | null {
    const { statement } = position;
    if (statement === 0 || statement > this.statements.count) return null;
    return this.returnedCalls(position) > 0 ? this.frames(position)[0]! : this.started(statement);
  }

  /** A started statement, by its number, from 1. */
  started(started: number): StartedStatement {
    const { span } = this.marked(started);
    return { started, span, depth: this.statements.depthAt(started) };
  }

  /**
   * The code's data of a started statement, by its number.
   * @internal
   */
  marked(started: number): RecordedCode["statements"][number] {
    return this.code.statements[this.statements.numberAt(started)]!;
  }

  /** The active calls of the script at a position, the innermost first. */
  frames(position: Position): readonly ScriptFrame[] {
    return this.#calls(position).slice(this.returnedCalls(position));
  }

  /**
   * Number of calls that the failure has ended. They must be counted because no later statement
   * shows that they returned. The machine at this position still has these calls.
   * @internal
   */
  returnedCalls(position: Position): number {
    const { failedAt, failure } = this;
    if (failure === null || comparePositions(position, failedAt!) !== 0) return 0;
    const [, file, line] = /^(.*):(\d+):\d+$/.exec(failure.place) ?? [];
    const found = this.#calls(position).findIndex(({ span: { end, source, start } }) =>
      source.name === file && source.position(start).line <= Number(line) &&
      Number(line) <= source.position(end).line
    );
    return Math.max(0, found);
  }

  #calls({ seq, statement }: Position): readonly ScriptFrame[] {
    const frames: ScriptFrame[] = [];
    if (statement === 0 || statement > this.statements.count) return frames;
    let depth = this.statements.depthAfter(seq, statement) + 1;
    for (let started = statement; started > 0 && depth > 1; started--) {
      const own = this.statements.depthAt(started);
      if (own >= depth) continue;
      depth = own;
      const { native, span } = this.marked(started);
      const name = native ?? this.functionAt(span)?.name ?? "";
      frames.push({ ...this.started(started), name });
    }
    return frames;
  }

  /** The function around a piece of the source. */
  functionAt(span: Span): RecordedFunction | null {
    let found: RecordedFunction | null = null;
    for (const each of this.code.functions) {
      if (each.role === "lambda" || !isInside(span, each.span)) continue;
      if (found === null || isInside(each.span, found.span)) found = each;
    }
    return found;
  }

  /**
   * The lines on which statements begin: those of one file, or of all files of the script.
   * @internal
   */
  linesOf(file: string | null = null): StatementLines {
    const { statements } = this.code;
    const known = this.#lines.get(file);
    if (known?.statements === statements.length) return known;
    const numbers = new Map<number, Set<number>>();
    statements.forEach(({ native, span: { source, start } }, number) => {
      const isMeant = file === null ? native === undefined : source.name === file;
      if (!isMeant) return;
      const { line } = source.position(start);
      const own = numbers.get(line);
      if (own === undefined) numbers.set(line, new Set([number]));
      else own.add(number);
    });
    const lines = [...numbers.keys()].sort((one, other) => one - other);
    const made = { lines, numbers, statements: statements.length };
    this.#lines.set(file, made);
    return made;
  }

  /** Functions of the kernel that were entered and have not returned, the innermost first. */
  kernelFrames({ seq }: Position): readonly KernelFrame[] {
    const frames: KernelFrame[] = [];
    const returned: string[] = [];
    for (let at = seq; at > 0 && at > seq - OPEN_CALL_EVENTS; at--) {
      const name = this.eventNameAt(at);
      if (name.startsWith("ret.")) returned.push(name.slice("ret.".length));
      else if (name.startsWith("call.")) {
        const call = name.slice("call.".length);
        if (returned.at(-1) === call) returned.pop();
        else frames.push({ seq: at, name: call });
      }
      // No kernel call extends beyond the activity in which it began.
      if (returned.length === 0 && this.machine.activities.endsAt(at - 1)) break;
    }
    return frames;
  }

  /** The number of the first event called `name` that is not before the event `from`; null for none. */
  find(name: EventName, from = 1): number | null {
    for (let seq = from; seq <= this.log.count; seq++) {
      if (this.log.nameAt(seq) === name) return seq;
    }
    return null;
  }

  /** The name of an event. The event itself is not built. */
  eventNameAt(seq: number): string {
    return this.log.nameAt(seq);
  }

  /**
   * The tables, in the order of their definitions.
   * @internal
   */
  get tables(): readonly HistoryTable[] {
    return [...this.machine.tables.values()];
  }

  /**
   * The table called `name`. @throws {RangeError} When no table has the name.
   * @internal
   */
  table<T extends LabTableName>(name: T): TableOf<T>;
  /** @internal */
  table(name: string): HistoryTable;
  table(name: string): HistoryTable {
    return this.machine.table(name);
  }

  /**
   * Lines written before a position; lines of the statement that starts there come after that
   * position.
   */
  outputBefore(position: Position): readonly OutputLine[] {
    const { output } = this;
    const isBefore = (index: number) => comparePositions(output[index]!.position, position) < 0;
    return output.slice(0, countBefore(output.length, isBefore));
  }

  /**
   * The first line of the current statement at a position, to describe the position; null without a
   * statement.
   */
  statementText(position: Position): string | null {
    const statement = this.statement(position);
    return statement === null ? null : spanText(statement.span).split("\n")[0]!;
  }
}
