/**
 * Scatterlists of one fixed size, which 6.12 takes for every request that one mapping call does not
 * serve.
 *
 * @see rules/nvme.md 6
 */
import { type Bytes, eventId, FAULT, type Machine } from "@dmalab/runtime";
import { SCATTER_ENTRY_BYTES, Scatterlist } from "@dmalab/runtime/dma";

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** A memory pool: used lists are used again, so that a busy queue makes no garbage. */
export class ScatterlistPool {
  readonly #free: Scatterlist[] = [];
  readonly #machine: Machine;
  readonly #capacityEntries: number;
  readonly #sizeBytes: Bytes;

  constructor(machine: Machine, capacityEntries: number) {
    this.#machine = machine;
    this.#capacityEntries = capacityEntries;
    this.#sizeBytes = capacityEntries * SCATTER_ENTRY_BYTES;
  }

  /** An empty list, or null when there is no memory for one. */
  take(): Scatterlist | null {
    const { events, faults } = this.#machine;
    if (faults !== null && faults.errnoAt(FAULT.mempool_alloc) !== 0) return null;
    if (events.tick(MEM_ALLOC)) {
      events.emit(MEM_ALLOC, {
        what: "scatterlist",
        size_bytes: this.#sizeBytes,
        from: "mempool",
      });
    }
    return this.#free.pop() ?? new Scatterlist([], this.#capacityEntries);
  }

  put(list: Scatterlist): void {
    const { events } = this.#machine;
    list.clear();
    this.#free.push(list);
    if (events.tick(MEM_FREE)) {
      events.emit(MEM_FREE, {
        what: "scatterlist",
        size_bytes: this.#sizeBytes,
        from: "mempool",
      });
    }
  }
}
