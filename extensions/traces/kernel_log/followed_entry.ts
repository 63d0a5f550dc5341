/** The cause of a consequence, among the entries of a log. */
import type { KernelLogEntry } from "./entry.ts";

/** Further back a timeout of an NVMe controller does not follow: its limit, twice. */
const STORY_SECONDS = 60;

/** The entries of a log, in which the earlier one of a consequence is sought. */
export class FollowedEntries {
  readonly #entries: readonly KernelLogEntry[];

  /** @param entries In the order of their lines. */
  constructor(entries: readonly KernelLogEntry[]) {
    this.#entries = entries;
  }

  /**
   * The nearest entry before a consequence that it can follow from; null without one, and for an entry
   * that is no consequence.
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
