/**
 * The limits of a run on its host: memory and work.
 *
 * One account covers all consumers in all layers: pages of the machine, tables of the simulator,
 * values of a script, walks over large structures. Code with a cost that depends on an argument
 * charges that cost to the account, before or during the work. The owner of the limits is called
 * after a fixed number of work units, however long a single call takes.
 */
import { invariant } from "./errno.ts";
import { type Bytes, GIB } from "./address.ts";

/** Units of work between two checks of the limits: a fraction of a millisecond. */
const LOOK_UNITS = 16_384;

/** Bytes that are filled in one unit of work. */
const WORK_BYTES = 16;

const DEFAULT_LIMIT_BYTES = 1 * GIB;

/**
 * A run requested more memory than it may use. This is a limit of the simulator, not of the
 * machine.
 */
export class MemoryLimitError extends Error {
  override readonly name = "MemoryLimitError";
  /** True when most of the memory is used by events. */
  readonly isOfEvents: boolean;

  /** @param eventBytes Bytes of the memory in use that kept events occupy. */
  constructor(readonly limitBytes: Bytes, readonly eventBytes: Bytes) {
    const isOfEvents = eventBytes > limitBytes / 2;
    super(
      `Cannot touch more memory: ${limitBytes} bytes are in use, and that is the limit` +
        (isOfEvents ? `; ${eventBytes} of them are the events that are kept of the run` : ""),
    );
    this.isOfEvents = isOfEvents;
  }
}

export class HostBudget {
  /** Bytes that machines hold: pages that were touched, tables, records of requests. */
  heldBytes: Bytes = 0;
  /** The part of `heldBytes` that kept events of the run use. */
  eventBytes: Bytes = 0;
  /** Bytes of a script's values. A recount removes unreachable values, so the number can decrease. */
  valueBytes: Bytes = 0;
  /**
   * Checks the limits of work and time; throws when a limit is exceeded. The function asks
   * {@linkcode takeWork} how much was done since its last call.
   */
  onLook: (() => void) | null = null;
  /** Recounts the values that are still reachable, before memory is refused. */
  onFull: (() => void) | null = null;
  #workUnits = 0;

  /** @param limitBytes Limit of {@linkcode usedBytes}. */
  constructor(public limitBytes: Bytes = DEFAULT_LIMIT_BYTES) {}

  get usedBytes(): Bytes {
    return this.heldBytes + this.valueBytes;
  }

  get leftBytes(): Bytes {
    return Math.max(0, this.limitBytes - this.usedBytes);
  }

  /**
   * Takes memory for a machine.
   * @throws {MemoryLimitError} When the memory would exceed the limit; nothing is taken then.
   */
  hold(sizeBytes: Bytes): void {
    invariant(sizeBytes >= 0, "Less than nothing is held");
    if (!this.fits(sizeBytes)) throw new MemoryLimitError(this.limitBytes, this.eventBytes);
    this.heldBytes += sizeBytes;
  }

  /** Takes memory for an event that is kept. @throws {MemoryLimitError} As `hold`. */
  holdEvent(sizeBytes: Bytes): void {
    this.hold(sizeBytes);
    this.eventBytes += sizeBytes;
  }

  /**
   * Checks, before an action begins, that the memory for it is available. An action that is too
   * large then does not begin.
   *
   * @param asked Bytes already requested for the same action.
   * @throws {MemoryLimitError} When the memory would exceed the limit.
   */
  demand(sizeBytes: Bytes, asked: Bytes = 0): void {
    if (!this.fits(asked + sizeBytes)) throw new MemoryLimitError(this.limitBytes, this.eventBytes);
    this.work(sizeBytes / WORK_BYTES);
  }

  /** Frees memory of a machine. */
  release(sizeBytes: Bytes): void {
    invariant(sizeBytes <= this.heldBytes, "More memory is released than is held");
    this.heldBytes -= sizeBytes;
  }

  /** Whether that many more bytes may be used, after a recount of reachable values if needed. */
  fits(sizeBytes: Bytes): boolean {
    if (this.usedBytes + sizeBytes <= this.limitBytes) return true;
    this.onFull?.();
    return this.usedBytes + sizeBytes <= this.limitBytes;
  }

  /**
   * Charges work. A unit is some 10 ns of the host's time, about one simple instruction of a script.
   *
   * @throws Whatever {@linkcode onLook} throws, when the run has to stop.
   */
  work(units: number): void {
    this.#workUnits += units;
    if (this.#workUnits >= LOOK_UNITS) this.onLook?.();
  }

  /** Returns the work since the last call, and resets it. */
  takeWork(): number {
    const units = this.#workUnits;
    this.#workUnits = 0;
    return units;
  }
}
