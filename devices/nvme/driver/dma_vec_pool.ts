/**
 * Arrays that remember single mappings, for requests whose PRPs do not tell them.
 *
 * @see behaviour/nvme.md 1 (dma-vec array), 2.3 (Saved mappings)
 */
import type { Bytes, DmaAddr } from "../../../runtime/address.ts";
import { invariant } from "../../../runtime/errno.ts";
import { eventId } from "../../../runtime/event_vocabulary.ts";
import { FAULT } from "../../../runtime/faults.ts";
import type { Machine } from "../../../runtime/machine.ts";
import { MAX_SEGMENTS } from "./protocol.ts";

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

const ENTRY_BYTES = 16;
const ARRAY_BYTES = MAX_SEGMENTS * ENTRY_BYTES;

/** Room for the mappings of one request. */
export class DmaVecs {
  readonly #addrs = new Float64Array(MAX_SEGMENTS);
  readonly #sizes = new Float64Array(MAX_SEGMENTS);

  set(index: number, addr: DmaAddr, sizeBytes: Bytes): void {
    invariant(index < MAX_SEGMENTS, `More than ${MAX_SEGMENTS} mappings of one request to save`);
    this.#addrs[index] = addr;
    this.#sizes[index] = sizeBytes;
  }

  addrAt(index: number): DmaAddr {
    return this.#addrs[index]! as DmaAddr;
  }

  sizeAt(index: number): Bytes {
    return this.#sizes[index]!;
  }
}

/** Where the arrays come from. */
export interface DmaVecSource {
  /** An array, or null when there is none. */
  take(): DmaVecs | null;
  put(vecs: DmaVecs): void;
}

/** A memory pool: used arrays are used again, so that a busy queue makes no garbage. */
export class DmaVecPool implements DmaVecSource {
  readonly #free: DmaVecs[] = [];
  readonly #machine: Machine;

  constructor(machine: Machine) {
    this.#machine = machine;
  }

  take(): DmaVecs | null {
    const { events, faults } = this.#machine;
    if (faults !== null && faults.errnoAt(FAULT.mempool_alloc) !== 0) return null;
    if (events.tick(MEM_ALLOC)) {
      events.emit(MEM_ALLOC, { what: "dma_vecs", size_bytes: ARRAY_BYTES, from: "mempool" }, {
        rule: "nvme.2.3",
        inputs: { room: MAX_SEGMENTS },
      });
    }
    return this.#free.pop() ?? new DmaVecs();
  }

  put(vecs: DmaVecs): void {
    const { events } = this.#machine;
    this.#free.push(vecs);
    if (events.tick(MEM_FREE)) {
      events.emit(MEM_FREE, { what: "dma_vecs", size_bytes: ARRAY_BYTES, from: "mempool" });
    }
  }
}
