/** The mappings of a page by time, for traces that map one page a hundred thousand times. */
import type { TracedMapping } from "./traced_mapping.ts";

export class PageIndex {
  /** By the time of their maps. */
  readonly #mapped: readonly TracedMapping[];
  /** The latest unmap of each of these and all before it. */
  readonly #latestUnmap: Float64Array;
  /** Those that were unmapped, by the time of their unmaps. */
  readonly #unmapped: readonly TracedMapping[];

  /** @param mappings In the order of their map lines. */
  constructor(mappings: readonly TracedMapping[]) {
    this.#mapped = mappings.toSorted((a, b) => a.mappedAt.seconds - b.mappedAt.seconds);
    this.#latestUnmap = new Float64Array(mappings.length);
    let latest = -Infinity;
    for (const [index, mapping] of this.#mapped.entries()) {
      this.#latestUnmap[index] = latest = Math.max(latest, unmapSeconds(mapping));
    }
    this.#unmapped = mappings.filter(({ unmappedAt }) => unmappedAt !== null)
      .sort((a, b) => unmapSeconds(a) - unmapSeconds(b));
  }

  /** Those that were live at a time, in the order of their maps. */
  liveAt(seconds: number): TracedMapping[] {
    const live: TracedMapping[] = [];
    const after = firstAfter(this.#mapped, seconds, ({ mappedAt }) => mappedAt.seconds);
    for (let at = after - 1; at >= 0 && this.#latestUnmap[at]! > seconds; at--) {
      const mapping = this.#mapped[at]!;
      if (unmapSeconds(mapping) > seconds) live.push(mapping);
    }
    return live.reverse();
  }

  /** The last that had been unmapped at a time, or null. */
  unmappedBy(seconds: number): TracedMapping | null {
    return this.#unmapped[firstAfter(this.#unmapped, seconds, unmapSeconds) - 1] ?? null;
  }
}

function unmapSeconds({ unmappedAt }: TracedMapping): number {
  return unmappedAt?.seconds ?? Infinity;
}

/** The index of the first whose time is later. */
function firstAfter(
  sorted: readonly TracedMapping[],
  seconds: number,
  timeOf: (mapping: TracedMapping) => number,
): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (timeOf(sorted[middle]!) > seconds) high = middle;
    else low = middle + 1;
  }
  return low;
}
