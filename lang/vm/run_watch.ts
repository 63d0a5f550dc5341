/** Stops a run that takes too much of its host, or that is to end. */
import { groupThousands } from "../text/numbers.ts";
import { CLOCK_TIMES, type Limits } from "../values/limits.ts";
import { LimitError } from "../values/script_error.ts";
import { memoryHint } from "./vm_errors.ts";

/** Checks that a run makes at its host now and then: the language has no clock. */
export interface HostWatch {
  /** Milliseconds by the clock since some moment. */
  nowMs(): number;
  /**
   * Milliseconds of processor time since some moment: a busy host lets the clock go on, and not
   * this. Without it the clock is the limit.
   */
  processorMs?(): number;
  /** True when the run is to end, as with Ctrl-C. */
  interrupted(): boolean;
  /**
   * The run's use of the host; without it, only charges count.
   * @internal
   */
  readonly memory?: MemoryWatch;
}

export interface MemoryWatch {
  /** Bytes that the host has set aside for its values; more than what is held. */
  takenBytes(): number;
  /** Releases what is not held. @returns The bytes that are. */
  collect(): number;
}

/** Between two looks at the memory, which take longer than those at the clock. */
const MEMORY_MS = 5;

/** The part of the limit that may be held. The host needs the rest to manage it. */
const HELD_PART = 7 / 8;
/** The part of the limit that may be taken between two collections. */
const GARBAGE_PART = 1 / 16;

/**
 * The part of the limit after which the processor time is first asked for: most runs are over before.
 * Until then all of the clock's time counts, at most this part.
 */
const UNASKED_PART = 1 / 32;

/** The watch over one test, from its beginning. */
export class RunWatch {
  readonly #startMs: number;
  /** By the clock: no limit is reached before. */
  #lookMs: number;
  /** The processor time at the beginning; null until the first request. */
  #processorStartMs: number | null = null;
  #memoryMs = 0;
  readonly #collectAtBytes: number;

  constructor(
    readonly host: HostWatch,
    readonly limits: Pick<Limits, "timeMs" | "memoryBytes">,
  ) {
    this.#startMs = host.nowMs();
    this.#lookMs = this.#startMs + UNASKED_PART * limits.timeMs;
    this.#collectAtBytes = (HELD_PART + GARBAGE_PART) * limits.memoryBytes;
  }

  /** Looks at the clock, and at the memory. @throws {LimitError} When the run has to stop. */
  check(): void {
    if (this.host.interrupted()) {
      throw new LimitError("E0807", "Interrupted", "the statements after this one did not run");
    }
    const nowMs = this.host.nowMs();
    if (nowMs >= this.#memoryMs) {
      this.#memoryMs = nowMs + MEMORY_MS;
      this.#checkMemory();
    }
    if (nowMs >= this.#lookMs) this.#checkTime(nowMs);
  }

  #checkTime(nowMs: number): void {
    const { timeMs } = this.limits;
    const clockMs = nowMs - this.#startMs;
    const takenMs = this.#takenMs(clockMs);
    const hint = `\`--max-time ${seconds(2 * timeMs).slice(0, -1)}\` allows twice as much`;
    if (takenMs >= timeMs) {
      const what = this.host.processorMs === undefined ? "" : " of CPU time";
      throw new LimitError("E0806", `The run took longer than ${seconds(timeMs)}${what}`, hint);
    }
    if (clockMs >= CLOCK_TIMES * timeMs) {
      const message = `The run took longer than ${
        seconds(CLOCK_TIMES * timeMs)
      } of wall-clock time`;
      throw new LimitError("E0806", message, hint);
    }
    // It takes no more processor time than passes until then.
    this.#lookMs = Math.min(nowMs + timeMs - takenMs, this.#startMs + CLOCK_TIMES * timeMs);
  }

  /** The run's use since its beginning. */
  #takenMs(clockMs: number): number {
    const processorMs = this.host.processorMs?.();
    if (processorMs === undefined) return clockMs;
    const unaskedMs = Math.min(clockMs, UNASKED_PART * this.limits.timeMs);
    this.#processorStartMs ??= processorMs - unaskedMs;
    return processorMs - this.#processorStartMs;
  }

  /** The run's charges give its memory. They are compared with the host's own count. */
  #checkMemory(): void {
    const { memory } = this.host;
    if (memory === undefined || memory.takenBytes() <= this.#collectAtBytes) return;
    const { memoryBytes } = this.limits;
    const heldBytes = memory.collect();
    if (heldBytes > HELD_PART * memoryBytes) {
      throw new LimitError(
        "E0802",
        `It takes more than ${groupThousands(memoryBytes)} bytes of host memory`,
        memoryHint(this.limits),
      );
    }
  }
}

function seconds(ms: number): string {
  return `${ms / 1000}s`;
}
