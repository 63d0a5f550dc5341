/** Two-step ranges of requests: how long they are mapped, and which of them are never destroyed. */
import type { Edges } from "./edges.ts";
import type { EndedRange, PageTableRun } from "./page_table.ts";

/** A range may be leaked when so many newer ones were destroyed. */
const LATER_RANGES = 3;
/** How many times as long as any destroyed one a leaked one is mapped. */
const MAX_TIMES = 2;

export class RequestRanges {
  #longestSeconds = 0;
  /** First lines of the newest that were destroyed, falling. */
  #newest: number[] = [];

  end({ maps: [first], run, unmap }: EndedRange): void {
    if (first === undefined || run.request === null) return;
    this.#longestSeconds = Math.max(this.#longestSeconds, unmap.seconds - first.seconds);
    this.#newest = [...this.#newest, first.line].sort((a, b) => b - a).slice(0, LATER_RANGES);
  }

  /** Ranges without a request may be of another user of the IOMMU, and live as long as that. */
  leaked(
    open: readonly PageTableRun[],
    { lastSeconds, lostLine, silenceLine }: Edges,
  ): PageTableRun[] {
    const newest = this.#newest[LATER_RANGES - 1] ?? 0;
    return open.filter(({ cutBy, maps, request }) => {
      const { line, seconds } = maps[0]!;
      return request !== null && cutBy === null && line < newest &&
        line > Math.max(lostLine, silenceLine) &&
        lastSeconds - seconds > MAX_TIMES * this.#longestSeconds;
    });
  }
}
