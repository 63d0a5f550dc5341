/**
 * A run, kept, that can be asked about any of its moments.
 *
 * What its events and statements record is answered from what is kept of it. What they do not
 * (bytes, values of variables, any expression) is put to the real machine: the same run again, up to
 * that moment. Asking changes nothing, and the moment is a part of the question.
 */
import type { Code } from "@dmalab/lang/vm";
import { Answers } from "./answers.ts";
import { type KeptParts, KeptRun, type Side } from "./kept_run.ts";
import type { Looker } from "./look.ts";
import type { Reruns } from "./machines/reruns.ts";
import type { Position } from "./position.ts";

export type {
  KernelFrame,
  OutputLine,
  RunName,
  ScriptFrame,
  StartedStatement,
} from "./kept_run.ts";

/** A side, every moment of which can be asked about. */
export interface RecordedSide extends Side {
  /** Where the run stood when the block ran. */
  readonly at: Position;
  /** Where the block begins, in its own recording: that of `fork` and `race` begins as the run does. */
  readonly begin: Position;
  open(): Recording;
}

export interface RecordingParts extends KeptParts {
  readonly code: Code;
  readonly sides: readonly RecordedSide[];
  readonly sideKeeper: { readonly isFull: boolean } | null;
  readonly reruns: Reruns;
  readonly looker: Looker;
}

/** A run that can be asked about any of its moments. */
export class Recording extends KeptRun {
  /** @internal */
  declare readonly code: Code;
  /** @internal */
  declare readonly sides: readonly RecordedSide[];
  /**
   * The recording that it is a side of, and which one; null until it was entered, and for whole runs.
   * @internal
   */
  within: { readonly recording: Recording; readonly index: number } | null = null;
  /** @internal */
  readonly reruns: Reruns;
  /** @internal */
  readonly looker: Looker;
  /**
   * What records the blocks that run on machines of their own; null where they are not recorded.
   * @internal
   */
  readonly sideKeeper: RecordingParts["sideKeeper"];
  /**
   * What was asked of the machine at some place.
   * @internal
   */
  readonly answers: Answers;

  /** @internal */
  constructor(parts: RecordingParts) {
    super(parts);
    const { looker, reruns, sideKeeper } = parts;
    this.sideKeeper = sideKeeper;
    this.reruns = reruns;
    this.looker = looker;
    this.answers = new Answers(reruns, () => looker.scope);
  }
}
