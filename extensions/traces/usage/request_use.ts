/** How a request was mapped. */
import { formatCount } from "@dmalab/lang/text";
import type { TracedMapping } from "../ledger/traced_mapping.ts";

/**
 * For each kind of mapping, a description in words. Requests that were mapped alike have the same
 * words.
 */
const WORDS: Readonly<
  Record<TracedMapping["kind"], (count: number, request: RequestUse) => string>
> = {
  map: (count) => formatCount(count, "single map"),
  alloc: (count) => formatCount(count, "coherent allocation"),
  sg: (count, { entries }) =>
    `${formatCount(count, "list")} of ${formatCount(entries, "entry", "entries")}`,
  two_step: (count, { links }) =>
    `${formatCount(count, "two-step range")} of ${formatCount(links, "link")}`,
};

export class RequestUse {
  links = 0;
  entries = 0;
  bytes = 0;
  /** Lines of the request's maps; for a two-step range the line of the first link. */
  readonly lines: number[] = [];
  /** Time to the request's completion, or null without a completion. */
  tookSeconds: number | null = null;
  readonly #mappings = new Map<TracedMapping["kind"], number>();

  /**
   * @param keyOf Returns a key such as `read lba 8, 16 blocks`, which is equal for the same request
   *   in another trace.
   * @param line The line of the request's setup or issue.
   */
  constructor(
    private readonly keyOf: () => string,
    readonly line: number,
    readonly seconds: number,
  ) {}

  get key(): string {
    return this.keyOf();
  }

  add({ entries, kind, mappedAt, sizeBytes }: TracedMapping, links: number): void {
    this.#mappings.set(kind, (this.#mappings.get(kind) ?? 0) + 1);
    this.bytes += sizeBytes;
    this.lines.push(mappedAt.line);
    this.links += links;
    if (kind === "sg") this.entries += entries;
  }

  get isMapped(): boolean {
    return this.#mappings.size > 0;
  }

  get way(): string {
    return [...this.#mappings].sort().map(([kind, count]) => WORDS[kind](count, this)).join(
      " and ",
    );
  }
}
