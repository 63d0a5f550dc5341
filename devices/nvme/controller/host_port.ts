/** The controller's PCIe port: all of its accesses to host memory go through this class. */
import {
  alignUp,
  type Bytes,
  type DmaAddr,
  eventId,
  type EventStream,
  INJECTION,
  type MemoryPage,
  MIB,
} from "@dmalab/runtime";
import {
  type DeviceBus,
  directionWord,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDevice,
  type DmaDirection,
  type EntryPage,
  type PageMaker,
} from "@dmalab/runtime/dma";
import type { RangeList } from "./data_pointer.ts";
import type { LocalMemory } from "./local_memory.ts";
import { type PatternStore, TransferBuffer } from "./media.ts";
import { PAGE_BYTES, STATUS } from "./specification.ts";

const QUEUE_READ = INJECTION["queue.read"];
const QUEUE_WRITE = INJECTION["queue.write"];

const NVME_WALK = eventId("nvme.walk");

export type HostBus = Pick<
  DeviceBus,
  "read" | "write" | "readWords" | "writeWords" | "writePage" | "faultWide"
>;

export class HostPort {
  readonly #bus: HostBus;
  /** The controller's own memory (CMB); null without any. */
  readonly #local: LocalMemory | null;

  constructor(
    readonly events: EventStream,
    readonly dev: DmaDevice,
    bus: HostBus,
    local: LocalMemory | null = null,
  ) {
    this.#bus = bus;
    this.#local = local;
  }

  /** Reads host memory. @returns False if the access faulted; then `into` must not be used. */
  read(dma: number, into: Uint8Array, offset: number, sizeBytes: number): boolean {
    return this.#bus.read(this.dev, dma, into, offset, sizeBytes);
  }

  /** Writes host memory. @returns False if the access faulted and nothing was written. */
  write(dma: number, from: Uint8Array, offset: number, sizeBytes: number): boolean {
    return this.#bus.write(this.dev, dma, from, offset, sizeBytes);
  }

  /**
   * Writes a page of host memory; `maker` generates the bytes in place.
   * @returns False if the access faulted.
   */
  writePage(dma: number, maker: PageMaker): boolean {
    return this.#bus.writePage(this.dev, dma, maker);
  }

  /** Reads a command from a queue. @returns False if the access faulted. */
  fetch(dma: number, into: Int32Array, page: EntryPage | null = null): boolean {
    if (this.#local !== null && this.#local.readWords(dma, into)) return true;
    return this.#bus.readWords(this.dev, dma, into, QUEUE_READ, page);
  }

  /** Writes a completion to a queue. @returns False if the access faulted and nothing was written. */
  post(dma: number, from: Int32Array, page: EntryPage | null = null): boolean {
    return this.#bus.writeWords(this.dev, dma, from, QUEUE_WRITE, page);
  }

  /**
   * Reports an access to an address of 2^53 or more, which faults on every machine.
   * @param toHost Whether the access was a write.
   * @returns The status of the command.
   */
  faultWide(toHost: boolean, high: number): number {
    this.#bus.faultWide(this.dev, toHost ? "write" : "read", high);
    return STATUS.DATA_TRANSFER_ERROR;
  }

  /** Records that an entry of a list was read. */
  walked(entry: number, dma: number): void {
    if (this.events.tick(NVME_WALK)) {
      this.events.emit(NVME_WALK, { entry, dma: dma as DmaAddr });
    }
  }
}

const { SUCCESS } = STATUS;
const PAGE = PAGE_BYTES;

const NVME_DATA = eventId("nvme.data");

const MAX_PIECE_BYTES = MIB;
/** Space that `PatternStore.read` may use before and after a piece. */
const ALIGNMENT_ROOM_BYTES = 16;

/**
 * Moves data between the controller and the ranges of host memory to which a command was resolved.
 *
 * Ranges are transferred in order; the first range with a fault ends the transfer, and later ranges
 * are not accessed. A range is transferred in pieces of at most 1 MiB, so that the size of the
 * controller's own buffer is bounded even for a large command.
 */
export class HostTransfer implements PageMaker {
  readonly #host: HostPort;
  /** A buffer of exactly one page, so that whole-page copies need no view. Allocated at first use. */
  #page: TransferBuffer | null = null;
  #large = new TransferBuffer(0);

  /** The store with the contents of the page that is being sent. */
  #pageStore: PatternStore | null = null;
  #pageOffset = 0;

  constructor(host: HostPort) {
    this.#host = host;
  }

  sendStored(store: PatternStore, offsetBytes: number, ranges: RangeList): number {
    let offset = offsetBytes;
    // `writePage()` does not look for merged ranges; `write()` does.
    const hasMerged = this.#host.dev.merged !== null;
    for (let index = 0; index < ranges.count; index++) {
      const dma = ranges.address(index);
      const length = ranges.lengthBytes(index);
      for (let done = 0; done < length;) {
        const piece = Math.min(length - done, MAX_PIECE_BYTES);
        if (!hasMerged && isWholePage(dma + done, piece, offset)) {
          // The usual case: whole aligned pages, which are generated in place in host memory.
          this.#pageStore = store;
          this.#pageOffset = offset;
          if (!this.#host.writePage(dma + done, this)) return STATUS.DATA_TRANSFER_ERROR;
          done += PAGE;
          offset += PAGE;
          continue;
        }
        const buffer = this.#bufferFor(piece, offset);
        const start = store.read(offset, buffer, piece);
        if (!this.#host.write(dma + done, buffer.bytes, start, piece)) {
          return STATUS.DATA_TRANSFER_ERROR;
        }
        done += piece;
        offset += piece;
      }
      this.#moved(dma, length, DMA_FROM_DEVICE);
    }
    return SUCCESS;
  }

  receiveStored(store: PatternStore, offsetBytes: number, ranges: RangeList): number {
    return this.#take(offsetBytes, ranges, (offset, bytes, piece) => {
      store.write(offset, bytes, 0, piece);
      return true;
    });
  }

  /** Compares host memory with the contents of a store; stops after the first range that differs. */
  compareStored(store: PatternStore, offsetBytes: number, ranges: RangeList): number {
    return this.#take(
      offsetBytes,
      ranges,
      (offset, bytes, piece) => store.holds(offset, bytes, piece),
    );
  }

  /**
   * Reads ranges of host memory, piece by piece.
   *
   * @param each Receives a piece of the ranges, and the offset of this piece in the store; returns
   *   false to report a mismatch.
   */
  #take(
    offsetBytes: number,
    ranges: RangeList,
    each: (offset: number, bytes: Uint8Array, pieceBytes: Bytes) => boolean,
  ): number {
    let offset = offsetBytes;
    for (let index = 0; index < ranges.count; index++) {
      const dma = ranges.address(index);
      const length = ranges.lengthBytes(index);
      let same = true;
      for (let done = 0; done < length;) {
        const piece = Math.min(length - done, MAX_PIECE_BYTES);
        const { bytes } = this.#bufferFor(piece, 0);
        if (!this.#host.read(dma + done, bytes, 0, piece)) return STATUS.DATA_TRANSFER_ERROR;
        same &&= each(offset, bytes, piece);
        done += piece;
        offset += piece;
      }
      this.#moved(dma, length, DMA_TO_DEVICE);
      if (!same) return STATUS.COMPARE_FAILURE;
    }
    return SUCCESS;
  }

  /** Sends bytes generated by the controller, such as an identify page. */
  send(bytes: Uint8Array, ranges: RangeList): number {
    return this.#moveAll(bytes, ranges, DMA_FROM_DEVICE);
  }

  /** Receives bytes for the controller itself, such as a list of block ranges. */
  receive(into: Uint8Array, ranges: RangeList): number {
    return this.#moveAll(into, ranges, DMA_TO_DEVICE);
  }

  #moveAll(bytes: Uint8Array, ranges: RangeList, dir: DmaDirection): number {
    let done = 0;
    for (let index = 0; index < ranges.count; index++) {
      const dma = ranges.address(index);
      const length = ranges.lengthBytes(index);
      const moved = dir === DMA_FROM_DEVICE
        ? this.#host.write(dma, bytes, done, length)
        : this.#host.read(dma, bytes, done, length);
      if (!moved) return STATUS.DATA_TRANSFER_ERROR;
      done += length;
      this.#moved(dma, length, dir);
    }
    return SUCCESS;
  }

  /** @see PageMaker */
  makePage(page: MemoryPage): void {
    this.#pageStore?.readPage(this.#pageOffset, page);
  }

  #bufferFor(pieceBytes: Bytes, offsetBytes: number): TransferBuffer {
    if (pieceBytes === PAGE && (offsetBytes & 7) === 0) {
      return this.#page ??= new TransferBuffer(PAGE);
    }
    const wanted = pieceBytes + ALIGNMENT_ROOM_BYTES;
    if (this.#large.bytes.length < wanted) {
      const doubled = 2 * this.#large.bytes.length;
      this.#large = new TransferBuffer(doubled < wanted ? alignUp(wanted, PAGE) : doubled);
    }
    return this.#large;
  }

  #moved(dma: DmaAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    const { events } = this.#host;
    if (events.tick(NVME_DATA)) {
      events.emit(NVME_DATA, { dma, size_bytes: sizeBytes, dir: directionWord(dir) });
    }
  }
}

/** Whether a piece is a page of host memory that is aligned like the store's words. */
function isWholePage(dma: number, sizeBytes: Bytes, offsetBytes: number): boolean {
  return sizeBytes === PAGE && (dma & (PAGE - 1)) === 0 && (offsetBytes & 7) === 0;
}
