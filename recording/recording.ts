/**
 * A run, kept, that can be asked about any of its moments.
 *
 * Recorded facts of events and statements are answered from its record. Other questions (bytes,
 * values of variables, any expression) go to the real machine: the same run again, up to that
 * moment. Asking changes nothing, and the moment is a part of the question.
 */
import { type Code, type ReplayableRun, startReplay } from "@dmalab/lang/run";
import { EvaluationCache } from "./evaluation_cache.ts";
import { type ChildRun, RecordedRun, type RecordedRunParts } from "./recorded_run.ts";
import type { Evaluator } from "./evaluator.ts";
import { Timeline } from "./machines/timeline.ts";
import type { Position } from "./position.ts";

/** A side, every moment of which can be asked about. */
export interface RecordedChildRun extends ChildRun {
  /** Where the run stood when the block ran. */
  readonly position: Position;
  /** Where the block begins, in its own recording: that of `fork` and `race` begins as the run does. */
  readonly begin: Position;
  open(): Recording;
}

export interface RecordingParts extends RecordedRunParts {
  readonly code: Code;
  readonly childRuns: readonly RecordedChildRun[];
  readonly sideKeeper: { readonly isFull: boolean } | null;
  /** The source for repeating it. */
  readonly run: ReplayableRun;
  readonly evaluator: Evaluator;
}

/** A run that can be asked about any of its moments. */
export class Recording extends RecordedRun {
  /** @internal */
  declare readonly code: Code;
  /** @internal */
  declare readonly childRuns: readonly RecordedChildRun[];
  /**
   * The recording that it is a side of, and which one; null until it was entered, and for whole runs.
   * @internal
   */
  within: { readonly recording: Recording; readonly index: number } | null = null;
  /** @internal */
  readonly timeline: Timeline;
  /** @internal */
  readonly evaluator: Evaluator;
  /**
   * Records the blocks that run on separate machines; null where they are not recorded.
   * @internal
   */
  readonly sideKeeper: RecordingParts["sideKeeper"];
  /**
   * Earlier evaluations of the machine.
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
