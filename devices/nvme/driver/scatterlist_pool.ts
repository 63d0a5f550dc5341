/**
 * Scatterlists of one fixed size, which 6.12 takes for every request that one mapping call does not
 * serve.
 *
 * @see behaviour/nvme.md 6
 */
import type { Bytes } from "../../../runtime/address.ts";
import { SCATTER_ENTRY_BYTES, Scatterlist } from "../../../runtime/dma/scatterlist.ts";
import { eventId } from "../../../runtime/event_vocabulary.ts";
import type { EventStream } from "../../../runtime/events.ts";

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

/** A memory pool: used lists are used again, so that a busy queue makes no garbage. */
export class ScatterlistPool {
  readonly #free: Scatterlist[] = [];
  readonly #events: EventStream;
  readonly #capacityEntries: number;
  readonly #sizeBytes: Bytes;

  constructor(events: EventStream, capacityEntries: number) {
    this.#events = events;
    this.#capacityEntries = capacityEntries;
    this.#sizeBytes = capacityEntries * SCATTER_ENTRY_BYTES;
  }

  /** An empty list. */
  take(): Scatterlist {
    if (this.#events.tick(MEM_ALLOC)) {
      this.#events.emit(MEM_ALLOC, {
        what: "scatterlist",
        size_bytes: this.#sizeBytes,
        from: "mempool",
      });
    }
    return this.#free.pop() ?? new Scatterlist([], this.#capacityEntries);
  }

  put(list: Scatterlist): void {
    list.clear();
    this.#free.push(list);
    if (this.#events.tick(MEM_FREE)) {
      this.#events.emit(MEM_FREE, {
        what: "scatterlist",
        size_bytes: this.#sizeBytes,
        from: "mempool",
      });
    }
  }
}
