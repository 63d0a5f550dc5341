/**
 * A recorded run that can be queried at any of its positions.
 *
 * Events and statements are read from the record. For anything else (bytes, values of variables,
 * any expression), a real machine replays the same run up to the position. Queries change nothing,
 * and take the position as an argument.
 */
import { type Code, type ReplayableRun, startReplay } from "@dmalab/lang/run";
import { EvaluationCache } from "./evaluation_cache.ts";
import { type ChildRun, RecordedRun, type RecordedRunParts } from "./recorded_run.ts";
import type { Evaluator } from "./evaluator.ts";
import { Timeline } from "./machines/timeline.ts";
import type { Position } from "./position.ts";

/** A child run with its recording. */
export interface RecordedChildRun extends ChildRun {
  /** The run's position when the block ran. */
  readonly position: Position;
  /**
   * The position at which the block begins in its own recording. It is not the start for `fork` and
   * `race`, because the recording of such a block begins like the run.
   */
  readonly begin: Position;
  open(): Recording;
}

export interface RecordingParts extends RecordedRunParts {
  readonly code: Code;
  readonly childRuns: readonly RecordedChildRun[];
  readonly sideKeeper: { readonly isFull: boolean } | null;
  /** The inputs for repeating the run. */
  readonly run: ReplayableRun;
  readonly evaluator: Evaluator;
}

/** A run that can be queried at any of its positions. */
export class Recording extends RecordedRun {
  /** @internal */
  declare readonly code: Code;
  /** @internal */
  declare readonly childRuns: readonly RecordedChildRun[];
  /**
   * For the recording of a child run: the recording to which it belongs, and its index there. Null
   * before the child run was entered, and for whole runs.
   * @internal
   */
  within: { readonly recording: Recording; readonly index: number } | null = null;
  /** @internal */
  readonly timeline: Timeline;
  /** @internal */
  readonly evaluator: Evaluator;
  /**
   * Records child runs; null where they are not recorded.
   * @internal
   */
  readonly sideKeeper: RecordingParts["sideKeeper"];
  /**
   * Cached results of evaluations.
   * @internal
   */
  readonly evaluationCache: EvaluationCache;

  /** @internal */
  constructor(parts: RecordingParts) {
    super(parts);
    const { evaluator, machine: { log, statements }, run, sideKeeper } = parts;
    this.sideKeeper = sideKeeper;
    this.timeline = new Timeline({ log, statements }, (onVm) => startReplay(run, onVm));
    this.evaluator = evaluator;
    this.evaluationCache = new EvaluationCache(this.timeline, () => evaluator.scope);
  }
}
