/**
 * The kernel's own warnings, with the kernel's limits on printing.
 *
 * They are events `kernel.warn`, separate from the checker's reports: a WARN is printed by the
 * kernel of the release, a report is made by dmalab.
 *
 * @see rules/dma.md, Notation (WARN, WARN1)
 */
import type { Nanoseconds } from "./address.ts";
import type { VirtualClock } from "./time/clock.ts";
import { eventId } from "./event_vocabulary.ts";
import type { EventStream, Why } from "./events.ts";
import { KernelError } from "./errno.ts";

const KERNEL_WARN = eventId("kernel.warn");

/** Maximum number of prints of a rate-limited message within `INTERVAL_NS`. */
const BURST = 10;
/** The interval of a rate limit. */
const INTERVAL_NS: Nanoseconds = 5_000_000_000;

interface RateLimit {
  beginNs: Nanoseconds;
  printed: number;
}

export class KernelWarnings {
  readonly #events: EventStream;
  readonly #clock: VirtualClock;
  readonly #said = new Set<string>();
  readonly #rates = new Map<string, RateLimit>();
  #total = 0;

  constructor(events: EventStream, clock: VirtualClock) {
    this.#events = events;
    this.#clock = clock;
  }

  /** How many warnings were printed since boot. */
  get total(): number {
    return this.#total;
  }

  /**
   * Warns each time.
   * @param at The call site as a kernel function; the log of a WARN contains it.
   * @param log The text of a message in the log; null for a WARN, which has no such text.
   */
  warn(at: string, text: string, log: string | null = null): void {
    this.#total++;
    if (!this.#events.tick(KERNEL_WARN)) return;
    this.#events.emit(KERNEL_WARN, { at, text, log, error: null });
  }

  /** Warns the first time at this call site and never again until the next boot (WARN1). */
  warnOnce(at: string, text: string, log: string | null = null): void {
    if (this.#said.has(at)) return;
    this.#said.add(at);
    this.warn(at, text, log);
  }

  /** Warns at most ten times in five seconds of virtual time at this call site. */
  warnRatelimited(at: string, text: string, log: string | null = null): void {
    let rate = this.#rates.get(at);
    if (rate === undefined || this.#clock.nowNs - rate.beginNs > INTERVAL_NS) {
      rate = { beginNs: this.#clock.nowNs, printed: 0 };
      this.#rates.set(at, rate);
    }
    if (rate.printed >= BURST) return;
    rate.printed++;
    this.warn(at, text, log);
  }

  /** Allows messages that were printed once to be printed again, as an administrator can. */
  rearm(): void {
    this.#said.clear();
  }

  /**
   * Resets rate limits when time restarts. Messages that are printed only once count as printed,
   * because it is still the same boot.
   */
  restartTime(): void {
    this.#rates.clear();
  }
}

/** The start of the log line, before the address and the function. */
const LOGGED = "BUG: kernel NULL pointer dereference";

/**
 * Ends the running activity like a null-pointer dereference. The task's resources stay allocated:
 * locks, tags and memory of a request. The machine continues with other work.
 *
 * @param at The name of the kernel function.
 * @param text The object that was expected behind the pointer, as a sentence without a final
 *   period.
 * @param why The deciding rule, and its inputs.
 * @throws {KernelError} EFAULT, always.
 */
export function dereferenceNull(
  events: EventStream,
  at: string,
  text: string,
  why: Why | null = null,
): never {
  const message = `null pointer in ${at}(): ${text}`;
  const error = "EFAULT";
  if (events.tick(KERNEL_WARN)) {
    events.emit(KERNEL_WARN, { at, text: message, log: LOGGED, error }, why);
  }
  throw new KernelError(error, `The kernel follows a ${message}`);
}
