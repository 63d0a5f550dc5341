/** A session that is kept: it can be asked about its past, and gone on with from any place of it. */
import type { SessionParts } from "@dmalab/lang/run";
import type { RunSession } from "@dmalab/lang/program";
import { Evaluator } from "./evaluator.ts";
import { RunRecorder } from "./run_recorder.ts";
import { comparePositions, type Position } from "./position.ts";
import type { OutputLine } from "./recorded_run.ts";
import { Recording } from "./recording.ts";
import { pausedAt } from "./machines/replay.ts";

/** The notifications of a session for its keeper. */
export type SessionHooks = Required<Pick<SessionParts, "onLine" | "onBranchPoint" | "onVm">>;

/** A place of a session at which something else can be typed instead. */
interface BranchPoint {
  /** The moment before what follows. */
  readonly position: Position;
  /** How many moves were done before, and how many statements or activities of this one. */
  readonly move: number;
  readonly part: number;
  /** A statement starts there; else an activity of a step has ended, or the first one begins. */
  readonly isStatement: boolean;
}

export interface Origin {
  readonly branch: Branch;
  readonly position: Position;
}

export class Branch {
  readonly session: RunSession;
  /** The number of the session's present machine. */
  #branchPoints: BranchPoint[] = [];
  #recorder: RunRecorder | null = null;
  #recording: Recording | null = null;

  /**
   * @param origin Where it begins; null for the one that everything begins with.
   * @param before Lines that the session it goes on from has written.
   */
  constructor(
    readonly name: string,
    readonly origin: Origin | null,
    onLine: (text: string) => void,
    make: (hooks: SessionHooks) => RunSession,
    before: readonly OutputLine[] = [],
  ) {
    const written = [...before];
    this.session = make({
      onVm: (vm) => {
        this.#recorder = new RunRecorder(vm, written.splice(0));
        this.#branchPoints = [];
        this.#recording = null;
      },
      onBranchPoint: (move, part, isStatement) => this.#recordBranchPoint(move, part, isStatement),
      onLine: (text) => {
        this.#recorder?.line(text);
        onLine(text);
      },
    });
  }

  #recordBranchPoint(move: number, part: number, isStatement: boolean): void {
    const position = this.#recorder!.end;
    const last = this.#branchPoints.at(-1);
    // An activity without events leads nowhere else.
    const isHere = last !== undefined && comparePositions(last.position, position) === 0;
    if (isHere && !isStatement && part > 0) return;
    this.#branchPoints.push({ position, move, part, isStatement });
  }

  /** The run of the machine that the session has now. */
  get recording(): Recording {
    return this.#recording ??= this.#record(this.#recorder!);
  }

  #record(recorder: RunRecorder): Recording {
    const { compiler, registry } = this.session.code;
    const { seed } = this.session.machine.lab.machine.config;
    const place = "session:1:1";
    const recording = new Recording({
      ...recorder.parts,
      name: { file: "session", kind: "main", name: this.name, combination: "", place, seed },
      code: compiler.code,
      childRuns: [],
      sideKeeper: null,
      run: recorder.vm,
      evaluator: new Evaluator(registry, compiler, () => this.session.state.names.scope),
    });
    const live = () => pausedAt(recorder.vm, recorder.end, null);
    recording.timeline.live = live;
    return recording;
  }

  /**
   * Where something can be typed that is at a moment or nearest to it: a statement is whole, and so
   * is an activity, which runs to its end. Null when that is the end of the run.
   */
  #restFor(position: Position): BranchPoint | null {
    const branchPoints = this.#branchPoints;
    const next = branchPoints.findIndex((rest) => comparePositions(rest.position, position) >= 0);
    // Where nothing more happens in a statement it is done.
    if (next < 0) {
      return position.seq === this.recording.last.seq ? null : branchPoints.at(-1) ?? null;
    }
    const rest = branchPoints[next]!;
    const isThere = rest.position.seq === position.seq;
    return isThere || isActivityEnd(rest) ? rest : branchPoints[next - 1] ?? rest;
  }

  /**
   * A branch that goes on from a moment of this one, which stays as it is.
   *
   * @returns Null when the moment is the end: there is nothing to leave.
   */
  branch(name: string, position: Position, onLine: (text: string) => void): Branch | null {
    const { recording } = this;
    const { last } = recording;
    const rest = comparePositions(position, last) >= 0 ? null : this.#restFor(position);
    if (rest === null || comparePositions(rest.position, last) === 0) return null;
    const before = recording.output
      .filter((line) => comparePositions(line.position, rest.position) < 0);
    const { move, part } = rest;
    const origin = { branch: this, position: rest.position };
    const make = (hooks: SessionHooks) => this.session.branch(move, part, hooks);
    return new Branch(name, origin, onLine, make, before);
  }
}

function isActivityEnd({ isStatement, part }: BranchPoint): boolean {
  return !isStatement && part > 0;
}
