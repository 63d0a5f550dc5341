/** Finds the cause of a consequence among the entries of a log. */
import type { KernelLogEntry } from "./entry.ts";

/**
 * Longest time from a message to an NVMe controller's timeout that the message explains. It is
 * twice the driver's timeout limit.
 */
const STORY_SECONDS = 60;

/** The entries of a log, searched for the cause of a consequence. */
export class FollowedEntries {
  readonly #entries: readonly KernelLogEntry[];

  /** @param entries In the order of their lines. */
  constructor(entries: readonly KernelLogEntry[]) {
    this.#entries = entries;
  }

  /**
   * The nearest earlier entry from which a consequence can follow. Null if the log has no such
   * entry, or if the given entry is not a consequence.
   */
  of({ line, row, seconds }: KernelLogEntry): KernelLogEntry | null {
    const { follows = [], role } = row ?? {};
    if (role !== "consequence") return null;
    return this.#entries.findLast((each) =>
      each.line < line && follows.includes(each.kind) &&
      (seconds === null || each.seconds === null || seconds - each.seconds <= STORY_SECONDS)
    ) ?? null;
  }
}
