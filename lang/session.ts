/**
 * A session with everything that dmalab can do. It runs whatever is typed, properties too, and so
 * loads what draws their cases: no part of `language.ts`, which every start loads.
 */
import { type Laboratory, PLAIN } from "./laboratory.ts";
import { RunSession as SessionWith } from "./run/session.ts";
import type { SessionOptions } from "./run/session_types.ts";

/** A session without a terminal: takes text, keeps one machine, and goes back. */
export class Session extends SessionWith {
  /**
   * Begins without a machine block: one CPU, 4 GiB, no devices.
   * @param laboratory Where it takes place; the one to which nothing was added when left out.
   */
  constructor(options: SessionOptions, laboratory: Laboratory = PLAIN) {
    super({ ...options, registry: laboratory.builtins });
  }
}
