/**
 * The mappings that ended last, so that a report about one that is gone can say what it was.
 */
import { NONE, type RecordTable } from "./record_table.ts";
import { zeros } from "../../zeros.ts";

/** How many are remembered; a power of two. */
const KEPT = 64;

/** One of them. */
export interface EndedMapping {
  readonly dma: number;
  readonly sizeBytes: number;
  /** The statement that made it. */
  readonly site: number | null;
}

export class EndedMappings {
  readonly #dma = zeros(Float64Array, KEPT);
  readonly #sizeBytes = zeros(Float64Array, KEPT);
  readonly #device = zeros(Uint16Array, KEPT);
  readonly #site: (number | null)[] = new Array<number | null>(KEPT).fill(null);
  #total = 0;

  /** Remembers a record that is about to go. */
  add(table: RecordTable, record: number): void {
    const slot = this.#total++ & (KEPT - 1);
    this.#dma[slot] = table.dma[record]!;
    this.#sizeBytes[slot] = table.sizeBytes[record]!;
    this.#device[slot] = table.device[record]!;
    this.#site[slot] = table.site(record);
  }

  /** The mapping of a device that an address lay in and that ended last, or null. */
  find(device: number, dma: number): EndedMapping | null {
    const slot = this.#slotOf(device, dma);
    return slot === NONE ? null : {
      dma: this.#dma[slot]!,
      sizeBytes: this.#sizeBytes[slot]!,
      site: this.#site[slot]!,
    };
  }

  #slotOf(device: number, dma: number): number {
    for (let back = 1; back <= Math.min(KEPT, this.#total); back++) {
      const slot = (this.#total - back) & (KEPT - 1);
      const start = this.#dma[slot]!;
      if (
        this.#device[slot] === device && start <= dma && dma < start + this.#sizeBytes[slot]!
      ) return slot;
    }
    return NONE;
  }
}
