/** Stops a run that exceeds the limits of time or memory, or is interrupted. */
import { groupThousands } from "../text/numbers.ts";
import { CLOCK_TIMES, limitOption, type Limits } from "../values/limits.ts";
import { LimitError } from "../values/script_error.ts";
import { memoryHint } from "./vm_errors.ts";

/**
 * The host's clock and memory. A run checks them from time to time; the language itself has no
 * clock.
 */
export interface HostWatch {
  /** Wall-clock milliseconds since an arbitrary moment. */
  nowMs(): number;
  /**
   * Milliseconds of processor time since an arbitrary moment. On a busy host, processor time
   * advances more slowly than the wall clock. Without this method the wall clock is compared with
   * the limit.
   */
  processorMs?(): number;
  /** True when the run is to end, as with Ctrl-C. */
  interrupted(): boolean;
  /**
   * The run's memory use on the host. Without it, only the charged memory is compared with the
   * limit.
   * @internal
   */
  readonly memory?: MemoryWatch;
}

export interface MemoryWatch {
  /** Bytes that the host has allocated for values, live or not. */
  takenBytes(): number;
  /** Collects garbage. @returns The bytes of live values. */
  collect(): number;
}

/** Milliseconds between two checks of the memory, which take longer than checks of the clock. */
const MEMORY_MS = 5;

/** The part of the limit that live values may use. The host needs the rest to manage the values. */
const HELD_PART = 7 / 8;
/** The part of the limit that may be allocated between two collections. */
const GARBAGE_PART = 1 / 16;

/**
 * The part of the time limit after which the processor time is first read; most runs end before
 * that. Wall-clock time that passes before the first reading is counted up to at most this part of
 * the limit.
 */
const UNASKED_PART = 1 / 32;

/** The watch over one test, from its beginning. */
export class RunWatch {
  readonly #startMs: number;
  /** Wall-clock time of the next check: no time limit can be reached before it. */
  #lookMs: number;
  /** The processor time at its first reading; null before it. */
  #processorStartMs: number | null = null;
  #memoryMs = 0;
  readonly #collectAtBytes: number;
  /** Processor time that other threads have used for this test. */
  #chargedMs = 0;

  constructor(
    readonly host: HostWatch,
    readonly limits: Pick<Limits, "timeMs" | "memoryBytes">,
  ) {
    this.#startMs = host.nowMs();
    this.#lookMs = this.#startMs + UNASKED_PART * limits.timeMs;
    this.#collectAtBytes = (HELD_PART + GARBAGE_PART) * limits.memoryBytes;
  }

  /** Checks the clock, and the memory. @throws {LimitError} When the run has to stop. */
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

  /** Adds processor time that another thread has used for this test. */
  charge(processorMs: number): void {
    this.#chargedMs += processorMs;
    this.#lookMs -= processorMs;
  }

  #checkTime(nowMs: number): void {
    const { timeMs } = this.limits;
    const clockMs = nowMs - this.#startMs;
    const takenMs = this.#takenMs(clockMs);
    const hint = `${limitOption("timeMs", 2 * timeMs)} allows twice as much`;
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
    // Before this time no limit can be reached: processor time advances no faster than wall-clock
    // time.
    this.#lookMs = Math.min(nowMs + timeMs - takenMs, this.#startMs + CLOCK_TIMES * timeMs);
  }

  /** The time that the run has used since its beginning. */
  #takenMs(clockMs: number): number {
    const processorMs = this.host.processorMs?.();
    if (processorMs === undefined) return clockMs + this.#chargedMs;
    const unaskedMs = Math.min(clockMs, UNASKED_PART * this.limits.timeMs);
    this.#processorStartMs ??= processorMs - unaskedMs;
    return processorMs - this.#processorStartMs + this.#chargedMs;
  }

  /**
   * Compares the memory in use, as the host counts it, with the limit. The run's own charges are
   * compared in addition.
   */
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
