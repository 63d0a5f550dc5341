/**
 * The notifiers of a process's address space: a driver inserts one over the addresses that it has
 * handed to its device.
 *
 * A change has a beginning and an end. At the beginning every driver with a touched interval takes
 * its device off the pages, and increments the interval's sequence number; only then does the page
 * table change. A reader of the page table compares the number before and after: a different one
 * means that the result may be stale.
 *
 * @see rules/hmm-rdma-vfio.md 1.5, 2.2, 2.3
 */
import type { VirtAddr } from "../address.ts";

/** The kind of a change, in the kernel's terms. */
export type NotifierEvent =
  /** Addresses are taken away. */
  | "unmap"
  /** Pages go, or are mapped otherwise. */
  | "clear"
  /** The permissions of an area. */
  | "protect_area"
  /** The permissions of single pages: a child shares them from now on. */
  | "protect_page";

/** Addresses that change, the end excluded. */
export interface ChangedRange {
  readonly start: VirtAddr;
  readonly end: VirtAddr;
  /** False for a change that cannot wait for anybody. */
  readonly blockable: boolean;
  /** What happens; left out where a caller only announces a change. */
  readonly event?: NotifierEvent;
}

/** The driver's side of a notifier. */
export interface IntervalClient {
  /**
   * Takes the device off what changes and calls `notifier.advance()`.
   * @returns False when that would take waiting and the change cannot wait.
   */
  invalidate(notifier: IntervalNotifier, range: ChangedRange): boolean;
}

export class IntervalNotifier {
  /** How often the interval changed. */
  sequence = 0;

  constructor(
    readonly start: VirtAddr,
    /** The first address behind it. */
    readonly end: VirtAddr,
    readonly client: IntervalClient,
  ) {}

  /** The number to compare with later. */
  readBegin(): number {
    return this.sequence;
  }

  /** True when what was read since `readBegin` must be read again. */
  readRetry(sequence: number): boolean {
    return sequence !== this.sequence;
  }

  /** Earlier results hold no longer. */
  advance(): void {
    this.sequence++;
  }
}

/** The notifiers of one address space, and the changes that are under way. */
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
   * A change begins: calls the notifiers concerned, in the order in which they were inserted.
   * @returns False when a notifier refused: the page table must stay as it is.
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
   * The change is over.
   * @returns False when none of these addresses was under way.
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

  /** True when a change of all these addresses was begun by hand, without naming its kind. */
  coversByHand(start: VirtAddr, end: VirtAddr): boolean {
    return this.#changing.some((range) =>
      range.event === undefined && range.start <= start && range.end >= end
    );
  }
}
