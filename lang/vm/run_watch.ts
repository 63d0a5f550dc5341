/** Stops a run that takes too long, or that somebody wants to end. */
import { LimitError } from "../values/script_error.ts";

/** What a run asks of its host now and then: the language has no clock of its own. */
export interface HostWatch {
  /** Milliseconds since some moment. */
  nowMs(): number;
  /** True when somebody has asked for the end, as with Ctrl-C. */
  interrupted(): boolean;
}

/** The watch over one test, from its beginning. */
export class RunWatch {
  readonly #endMs: number;

  constructor(readonly host: HostWatch, readonly limitMs: number) {
    this.#endMs = host.nowMs() + limitMs;
  }

  /** Looks at the clock. @throws {LimitError} When the run has to stop. */
  check(): void {
    if (this.host.interrupted()) {
      throw new LimitError("E0807", "Interrupted", "the rest was not run");
    }
    if (this.host.nowMs() < this.#endMs) return;
    throw new LimitError(
      "E0806",
      `It took longer than ${seconds(this.limitMs)}`,
      `\`--max-time ${seconds(2 * this.limitMs).slice(0, -1)}\` allows twice as much`,
    );
  }
}

function seconds(ms: number): string {
  return `${ms / 1000}s`;
}
