/**
 * What the formats of page tables share: the record of the last operation, the answer of the last
 * walk, and the lowest table used last, where most addresses lie that are asked for next.
 */
import type { MemoryRuns } from "./memory_runs.ts";
import { LeafRuns, SyncRanges } from "./page_table.ts";

export abstract class RadixTable {
  abstract readonly granuleBytes: number;
  abstract readonly lastPhys: number;
  readonly syncs: SyncRanges = new SyncRanges();
  readonly leaves: LeafRuns = new LeafRuns();
  warnings = 0;
  walkPhys = 0;
  walkFlags = 0;
  walkSizeBytes = 0;
  outOfMemory: (() => boolean) | null = null;
  undoneBytes = 0;
  /** The lowest table used last. */
  protected hot: Float64Array = new Float64Array(0);
  /** The first address that it covers; NaN for none. */
  #hotBase = NaN;
  readonly #lowestBytes: number;
  readonly #inverseGranule: number;

  /** @param lowestBytes What a lowest table covers. */
  constructor(granuleBytes: number, lowestBytes: number) {
    this.#lowestBytes = lowestBytes;
    this.#inverseGranule = 1 / granuleBytes;
  }

  /** A new operation begins. */
  protected begin(): void {
    this.syncs.count = 0;
    this.leaves.count = 0;
    this.undoneBytes = 0;
    this.warnings = 0;
  }

  protected isInHot(iova: number): boolean {
    const offset = iova - this.#hotBase;
    return offset >= 0 && offset < this.#lowestBytes;
  }

  protected warm(page: Float64Array, iova: number): void {
    this.hot = page;
    this.#hotBase = Math.floor(iova / this.#lowestBytes) * this.#lowestBytes;
  }

  /** A table was freed. */
  protected cool(): void {
    this.#hotBase = NaN;
  }

  mapGranules(iova: number, runs: MemoryRuns, first: number, flags: number): number {
    if (!this.isInHot(iova)) return 0;
    const start = (iova - this.#hotBase) * this.#inverseGranule;
    return runs.writeGranules(first, this.hot, start, this.granuleBytes, this.lastPhys, flags);
  }
}
