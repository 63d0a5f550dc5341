/**
 * Arrays that save single mappings, for requests whose PRPs do not hold them.
 *
 * @see rules/nvme.md 1 (dma-vec array), 2.3 (Saved mappings)
 */
import { type Bytes, type DmaAddr, eventId, FAULT, invariant, type Machine } from "@dmalab/runtime";
import { MAX_SEGMENTS } from "../protocol.ts";

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

const ENTRY_BYTES = 16;

/** Room for the mappings of one request. */
export class DmaVecs {
  readonly #addrs: Float64Array;
  readonly #sizes: Float64Array;

  /** @param room How many mappings it holds. */
  constructor(room: number) {
    this.#addrs = new Float64Array(room);
    this.#sizes = new Float64Array(room);
  }

  set(index: number, addr: DmaAddr, sizeBytes: Bytes): void {
    const room = this.#addrs.length;
    invariant(index < room, `More than ${room} mappings of one request to save`);
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
  readonly #room: number;

  /** @param room Mappings that an array holds: as many as a request has segments. */
  constructor(machine: Machine, room: number = MAX_SEGMENTS) {
    this.#machine = machine;
    this.#room = room;
  }

  take(): DmaVecs | null {
    const { events, faults } = this.#machine;
    if (faults !== null && faults.errnoAt(FAULT.mempool_alloc) !== 0) return null;
    if (events.tick(MEM_ALLOC)) {
      events.emit(MEM_ALLOC, {
        what: "dma_vecs",
        size_bytes: this.#room * ENTRY_BYTES,
        from: "mempool",
      }, {
        rule: "nvme.2.3",
        inputs: { room: this.#room },
      });
    }
    return this.#free.pop() ?? new DmaVecs(this.#room);
  }

  put(vecs: DmaVecs): void {
    const { events } = this.#machine;
    this.#free.push(vecs);
    if (events.tick(MEM_FREE)) {
      events.emit(MEM_FREE, {
        what: "dma_vecs",
        size_bytes: this.#room * ENTRY_BYTES,
        from: "mempool",
      });
    }
  }
}
