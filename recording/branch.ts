/** A recorded session: it can be queried about its past, and continued from any position. */
import type { SessionParts } from "@dmalab/lang/run";
import type { RunSession } from "@dmalab/lang/program";
import { Evaluator } from "./evaluator.ts";
import { RunRecorder } from "./run_recorder.ts";
import { comparePositions, type Position } from "./position.ts";
import type { OutputLine } from "./recorded_run.ts";
import { Recording } from "./recording.ts";
import { pausedAt } from "./machines/replay.ts";

/** The callbacks of a session that its recorder needs. */
export type SessionHooks = Required<Pick<SessionParts, "onLine" | "onBranchPoint" | "onVm">>;

/** A position of a session at which an input other than the recorded one can be typed. */
interface BranchPoint {
  /** The position before the next input or step. */
  readonly position: Position;
  /**
   * `move` is the number of complete moves before the branch point; `part` is the number of
   * statements or activities of the current move before it.
   */
  readonly move: number;
  readonly part: number;
  /**
   * True at the start of a statement; false after an activity of a step, and before the first
   * activity.
   */
  readonly isStatement: boolean;
}

export interface Origin {
  readonly branch: Branch;
  readonly position: Position;
}

export class Branch {
  readonly session: RunSession;
  /** The branch points on the session's current machine. */
  #branchPoints: BranchPoint[] = [];
  #recorder: RunRecorder | null = null;
  #recording: Recording | null = null;

  /**
   * @param origin The branch and position where this branch begins; null for the first branch.
   * @param before Lines that the session had written before this branch began.
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
    // After an activity without events the position is the same: no further branch point.
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
   * The branch point at a position or nearest to it. Statements and activities run as a whole, so
   * no branch point lies inside them. Null at the end of the run.
   */
  #restFor(position: Position): BranchPoint | null {
    const branchPoints = this.#branchPoints;
    const next = branchPoints.findIndex((rest) => comparePositions(rest.position, position) >= 0);
    // The position lies in the last statement. If that statement has no further events, its end is
    // also the end of the run.
    if (next < 0) {
      return position.seq === this.recording.last.seq ? null : branchPoints.at(-1) ?? null;
    }
    const rest = branchPoints[next]!;
    const isThere = rest.position.seq === position.seq;
    return isThere || isActivityEnd(rest) ? rest : branchPoints[next - 1] ?? rest;
  }

  /**
   * Starts another branch from a position of this branch. This branch stays unchanged.
   *
   * @returns Null when the position is the end of this branch, because no new branch is needed
   *   then.
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
