/**
 * A run, kept, that can be asked about any of its moments.
 *
 * What its events and statements record is answered from what is kept of it. What they do not
 * (bytes, values of variables, any expression) is put to the real machine: the same run again, up to
 * that moment. Asking changes nothing, and the moment is a part of the question.
 */
import type { Code } from "../vm/code.ts";
import { Answers } from "./answers.ts";
import { type KeptParts, KeptRun } from "./kept_run.ts";
import type { Looker } from "./look.ts";
import type { Reruns } from "./machines/reruns.ts";

export type {
  KernelFrame,
  OutputLine,
  RunName,
  ScriptFrame,
  StartedStatement,
} from "./kept_run.ts";

/** What a recording is made of. */
export interface RecordingParts extends KeptParts {
  readonly code: Code;
  readonly reruns: Reruns;
  readonly looker: Looker;
}

/** A run that can be asked about any of its moments. */
export class Recording extends KeptRun {
  /** @internal */
  declare readonly code: Code;
  /** @internal */
  readonly reruns: Reruns;
  /** @internal */
  readonly looker: Looker;
  /**
   * What was asked of the machine at some place.
   * @internal
   */
  readonly answers: Answers;

  /** @internal */
  constructor(parts: RecordingParts) {
    super(parts);
    const { looker, reruns } = parts;
    this.reruns = reruns;
    this.looker = looker;
    this.answers = new Answers(reruns, () => looker.scope);
  }
}
