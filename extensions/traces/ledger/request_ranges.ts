/** Two-step ranges: how long they are mapped, and which of them are never destroyed. */
import type { Edges } from "./edges.ts";
import { NewestMap } from "./newest_map.ts";
import type { EndedRange, PageTableRun } from "./page_table.ts";
import type { Certainty } from "./traced_mapping.ts";

/** A range may be leaked when so many newer ones were destroyed. */
const LATER_RANGES = 3;
/** How many times as long as any destroyed one a leaked one is mapped. */
const MAX_TIMES = 2;
/** Tasks whose ranges are told apart. */
const MAX_TASKS = 1 << 12;

/** Ranges that are used alike. */
interface RangeUse {
  longestSeconds: number;
  /** First lines of the newest that were destroyed, falling. */
  newest: readonly number[];
}

/** A range that no unmap has ended, and what that is. */
interface OpenRange {
  readonly run: PageTableRun;
  readonly certainty: Certainty;
  readonly text: string;
}

export class RequestRanges {
  readonly #uses = new NewestMap<string, RangeUse>(MAX_TASKS);

  end({ maps: [first], run, unmap }: EndedRange): void {
    if (first === undefined) return;
    const key = keyOf(run);
    const { longestSeconds = 0, newest = [] } = this.#uses.get(key) ?? {};
    this.#uses.set(key, {
      longestSeconds: Math.max(longestSeconds, unmap.seconds - first.seconds),
      newest: [...newest, first.line].sort((a, b) => b - a).slice(0, LATER_RANGES),
    });
  }

  /** What is left at the end, but for what was cut by an unmap. */
  open(runs: readonly PageTableRun[], edges: Edges): OpenRange[] {
    return runs.filter(({ cutBy }) => cutBy === null).map((run) => ({
      run,
      ...this.#isLeaked(run, edges)
        ? run.request !== null
          ? {
            certainty: "likely",
            text: "the two-step range of a request was never destroyed, while newer ones were",
          }
          // It may be of another user of the IOMMU, and live as long as that.
          : {
            certainty: "possible",
            text: `a range that ${
              nameOf(run)
            } maps was never unmapped, while newer ones of it were`,
          }
        : { certainty: "unknown", text: "mapped at the end, as a request in flight is" },
    }));
  }

  #isLeaked(run: PageTableRun, { lastSeconds, lostLine, silenceLine }: Edges): boolean {
    const use = this.#uses.get(keyOf(run));
    const { line, seconds } = run.maps[0]!;
    return use !== undefined && line < (use.newest[LATER_RANGES - 1] ?? 0) &&
      line > Math.max(lostLine, silenceLine) &&
      lastSeconds - seconds > MAX_TIMES * use.longestSeconds;
  }
}

/** Requests are used alike; of others those of one task. */
function keyOf({ context, request }: PageTableRun): string {
  return request === null ? `task ${context.pid}` : "request";
}

function nameOf({ context: { pid, task } }: PageTableRun): string {
  return `${task}-${pid}`;
}
