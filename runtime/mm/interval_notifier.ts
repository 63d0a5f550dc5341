/**
 * The notifiers of a process's address space. A driver inserts a notifier for the addresses that it
 * has handed to its device.
 *
 * A change of the page table has a beginning and an end. At the beginning, every driver with an
 * affected interval stops its device's use of the pages, and increments the interval's sequence
 * number. The page table changes only after this. A reader of the page table compares the number
 * before and after its read: if the number differs, the result may be stale.
 *
 * @see rules/hmm-rdma-vfio.md 1.5, 2.2, 2.3
 */
import type { VirtAddr } from "../address.ts";

/** The kind of a change, in the kernel's terms. */
export type NotifierEvent =
  /** Addresses are unmapped. */
  | "unmap"
  /** Pages are removed, or mapped in another way. */
  | "clear"
  /** The permissions of an area change. */
  | "protect_area"
  /** The permissions of single pages change, because a child shares them from now on. */
  | "protect_page";

/** The addresses that change, the end excluded. */
export interface ChangedRange {
  readonly start: VirtAddr;
  readonly end: VirtAddr;
  /** False for a change that cannot wait. */
  readonly blockable: boolean;
  /** The kind of change; omitted where a caller only announces a change. */
  readonly event?: NotifierEvent;
}

/** The driver's side of a notifier. */
export interface IntervalClient {
  /**
   * Stops the device's use of the changing pages and calls `notifier.advance()`.
   * @returns False when the driver would have to wait for that, and the change cannot wait.
   */
  invalidate(notifier: IntervalNotifier, range: ChangedRange): boolean;
}

export class IntervalNotifier {
  /** Number of changes of the interval so far. */
  sequence = 0;

  constructor(
    readonly start: VirtAddr,
    /** The first address after the interval. */
    readonly end: VirtAddr,
    readonly client: IntervalClient,
  ) {}

  /** The sequence number, to be compared later. */
  readBegin(): number {
    return this.sequence;
  }

  /** True when the values read since `readBegin` may be stale and must be read again. */
  readRetry(sequence: number): boolean {
    return sequence !== this.sequence;
  }

  /** Invalidates earlier results by incrementing the sequence number. */
  advance(): void {
    this.sequence++;
  }
}

/** The notifiers of one address space, and the changes in progress. */
export class IntervalNotifiers {
  readonly #notifiers: IntervalNotifier[] = [];
  readonly #changing: ChangedRange[] = [];

  get count(): number {
    return this.#notifiers.length;
  }

  insert(start: VirtAddr, end: VirtAddr, client: IntervalClient): IntervalNotifier {
    const notifier = new IntervalNotifier(start, end, client);
    this.#notifiers.push(notifier);
    return notifier;
  }

  remove(notifier: IntervalNotifier): void {
    const index = this.#notifiers.indexOf(notifier);
    if (index >= 0) this.#notifiers.splice(index, 1);
  }

  /**
   * Begins a change: calls the affected notifiers, in the order in which they were inserted.
   * @returns False when a notifier refused: the page table must not be changed.
   */
  begin(range: ChangedRange): boolean {
    for (const notifier of [...this.#notifiers]) {
      if (notifier.start >= range.end || notifier.end <= range.start) continue;
      if (!notifier.client.invalidate(notifier, range)) return false;
    }
    this.#changing.push(range);
    return true;
  }

  /**
   * Ends a change.
   * @returns False when no change of these addresses was in progress.
   */
  end(start: VirtAddr, end: VirtAddr): boolean {
    const index = this.#changing.findIndex((range) => range.start === start && range.end === end);
    if (index < 0) return false;
    this.#changing.splice(index, 1);
    return true;
  }

  /** True while something between two addresses is changing. */
  isChanging(start: VirtAddr, end: VirtAddr): boolean {
    return this.#changing.some((range) => range.start < end && range.end > start);
  }

  /** True when a change of all these addresses was begun manually, without naming its kind. */
  coversByHand(start: VirtAddr, end: VirtAddr): boolean {
    return this.#changing.some((range) =>
      range.event === undefined && range.start <= start && range.end >= end
    );
  }
}
