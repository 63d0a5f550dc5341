/**
 * A session with all of dmalab's features. It can run any input, including properties, so this file
 * loads fast-check for their cases. Therefore it is not a part of `language.ts`, which is loaded at
 * every start.
 */
import { type Laboratory, PLAIN } from "./laboratory.ts";
import { RunSession as SessionWith } from "./run/session.ts";
import type { SessionOptions } from "./run/session_types.ts";

/** A session without a terminal: accepts text, keeps one machine, and undoes inputs. */
export class Session extends SessionWith {
  /**
   * Starts without a machine block: one CPU, 4 GiB, no devices.
   * @param laboratory The laboratory of the session's scripts; default: the laboratory without
   *   additions.
   */
  constructor(options: SessionOptions, laboratory: Laboratory = PLAIN) {
    super({ ...options, registry: laboratory.builtins });
  }
}
