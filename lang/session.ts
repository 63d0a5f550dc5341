/**
 * A session with all of dmalab's features. It can run any input, including properties, and so loads
 * fast-check for their cases. It is not a part of `language.ts`, which is loaded at every start.
 */
import { type Laboratory, PLAIN } from "./laboratory.ts";
import { RunSession as SessionWith } from "./run/session.ts";
import type { SessionOptions } from "./run/session_types.ts";

/** A session without a terminal: accepts text, keeps one machine, and undoes inputs. */
export class Session extends SessionWith {
  /**
   * Starts without a machine block: one CPU, 4 GiB, no devices.
   * @param laboratory The laboratory of its scripts; without additions when left out.
   */
  constructor(options: SessionOptions, laboratory: Laboratory = PLAIN) {
    super({ ...options, registry: laboratory.builtins });
  }
}
