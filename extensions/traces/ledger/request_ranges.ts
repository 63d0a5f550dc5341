/** Two-step ranges: how long they are mapped, and which of them are never destroyed. */
import type { Edges } from "./edges.ts";
import { NewestMap } from "./newest_map.ts";
import type { EndedRange, PageTableRun } from "./page_table.ts";
import type { Certainty } from "./traced_mapping.ts";

/** A range may be leaked when so many newer ones were destroyed. */
const LATER_RANGES = 3;
/** How many times as long as any destroyed one a leaked one is mapped, with newer ones and without. */
const MAX_TIMES = 2;
const LEFT_TIMES = 10;
/** How many tasks have separate ranges. */
const MAX_TASKS = 1 << 12;

/** No pid. */
const OF_REQUEST = -1;

interface RangeUse {
  longestSeconds: number;
  /** First lines of the newest that were destroyed, falling. */
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

  /** The verdict on a range that no unmap has ended. */
  verdict(run: PageTableRun, { lastSeconds, lostLine, silenceLine }: Edges): {
    readonly certainty: Certainty;
    readonly text: string;
  } {
    const { line, seconds } = run.maps[0]!;
    const { longestSeconds = Infinity, newest = [] } = this.#uses.get(keyOf(run)) ?? {};
    const times = (lastSeconds - seconds) / longestSeconds;
    // Destroyed ones show how long such a range is mapped; lines that are missing may have destroyed it.
    const isKnown = newest.length === LATER_RANGES && line > Math.max(lostLine, silenceLine);
    const name = run.request === null
      ? `a range that ${run.context.task}-${run.context.pid} maps`
      : "a request's two-step range";
    if (isKnown && times > MAX_TIMES && line < newest.at(-1)!) {
      return {
        // That of a task may be of another user of the IOMMU, and live as long as that.
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

/** Requests are used alike; of others those of one task, which its pid names. */
function keyOf({ context, request }: PageTableRun): number {
  return request === null ? context.pid : OF_REQUEST;
}
