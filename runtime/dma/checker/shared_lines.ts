/** Live mappings of non-coherent devices by their memory: which of them share a cache line. */
import type { Bytes } from "../../address.ts";
import { countBefore } from "../../binary_search.ts";
import { CACHE_LINE_BYTES } from "../../memory/line_owners.ts";
import { NONE } from "./record_table.ts";

/** The cache lines of a mapping, both ends included. */
interface Lines {
  readonly record: number;
  readonly first: number;
  readonly last: number;
}

export class SharedLines {
  /** In the order of their first lines. */
  readonly #all: Lines[] = [];
  /** Lines of the longest mapping. */
  #most = 0;

  add(record: number, phys: number, sizeBytes: Bytes): void {
    const first = lineOf(phys);
    const last = lineOf(phys + sizeBytes - 1);
    this.#most = Math.max(this.#most, last - first + 1);
    this.#all.splice(this.#placeOf(first), 0, { record, first, last });
  }

  remove(record: number, phys: number): void {
    const first = lineOf(phys);
    for (let at = this.#placeOf(first); this.#all[at]?.first === first; at++) {
      if (this.#all[at]!.record !== record) continue;
      this.#all.splice(at, 1);
      break;
    }
    if (this.#all.length === 0) this.#most = 0;
  }

  /** A record that `counts` and has a line in a span, or `NONE`. */
  find(phys: number, sizeBytes: Bytes, counts: (record: number) => boolean): number {
    const first = lineOf(phys);
    const last = lineOf(phys + sizeBytes - 1);
    for (let at = this.#placeOf(first - this.#most); at < this.#all.length; at++) {
      const lines = this.#all[at]!;
      if (lines.first > last) break;
      if (lines.last >= first && counts(lines.record)) return lines.record;
    }
    return NONE;
  }

  /** The place of the first mapping that begins in a line or behind it. */
  #placeOf(line: number): number {
    return countBefore(this.#all.length, (index) => this.#all[index]!.first < line);
  }
}

function lineOf(phys: number): number {
  return Math.floor(phys / CACHE_LINE_BYTES);
}
