/** Two-step ranges: how long they are mapped, and which of them are never destroyed. */
import type { Edges } from "./edges.ts";
import { NewestMap } from "./newest_map.ts";
import type { EndedRange, PageTableRun } from "./page_table.ts";
import type { Certainty } from "./traced_mapping.ts";

/** A range may be leaked if this many newer ones were destroyed. */
const LATER_RANGES = 3;
/**
 * A range may be leaked if it is mapped this many times as long as any destroyed range. `MAX_TIMES`
 * is used if newer ranges were destroyed, `LEFT_TIMES` if not.
 */
const MAX_TIMES = 2;
const LEFT_TIMES = 10;
/** Largest number of tasks for which ranges are tracked separately. */
const MAX_TASKS = 1 << 12;

/** The key of the ranges of all requests, which is no pid. */
const OF_REQUEST = -1;

interface RangeUse {
  longestSeconds: number;
  /** First lines of the newest destroyed ranges, descending. */
  newest: readonly number[];
}

export class RequestRanges {
  readonly #uses = new NewestMap<RangeUse>(MAX_TASKS);

  end({ maps: [first], run, unmap }: EndedRange): void {
    if (first === undefined) return;
    const key = keyOf(run);
    const { longestSeconds = 0, newest = [] } = this.#uses.get(key) ?? {};
    this.#uses.set(key, {
      longestSeconds: Math.max(longestSeconds, unmap.seconds - first.seconds),
      newest: [...newest, first.line].sort((a, b) => b - a).slice(0, LATER_RANGES),
    });
  }

  /** Judges a range that no unmap has ended. */
  verdict(run: PageTableRun, { lastSeconds, lostLine, silenceLine }: Edges): {
    readonly certainty: Certainty;
    readonly text: string;
  } {
    const { line, seconds } = run.maps[0]!;
    const { longestSeconds = Infinity, newest = [] } = this.#uses.get(keyOf(run)) ?? {};
    const times = (lastSeconds - seconds) / longestSeconds;
    // Whether enough is known about this range. Ranges that were destroyed show how long such a range
    // is mapped. But if lines are missing after its map, this range may have been destroyed in those
    // lines.
    const isKnown = newest.length === LATER_RANGES && line > Math.max(lostLine, silenceLine);
    const name = run.request === null
      ? `a range that ${run.context.task}-${run.context.pid} maps`
      : "a request's two-step range";
    if (isKnown && times > MAX_TIMES && line < newest.at(-1)!) {
      return {
        // A range without a request may belong to another user of the IOMMU, and may live as long
        // as that user.
        certainty: run.request === null ? "possible" : "likely",
        text: `${name} was never destroyed, while newer ones were`,
      };
    }
    if (isKnown && times > LEFT_TIMES && run.request !== null) {
      const text =
        `${name} was never destroyed, and is mapped ten times as long as any other was: ` +
        "leaked, or the request hangs";
      return { certainty: "possible", text };
    }
    return { certainty: "unknown", text: "mapped at the end, as a request in flight is" };
  }
}

/**
 * The key of a group of ranges that are compared. The ranges of all requests are one group. Other
 * ranges are compared only with ranges of the same task, by its pid.
 */
function keyOf({ context, request }: PageTableRun): number {
  return request === null ? context.pid : OF_REQUEST;
}
