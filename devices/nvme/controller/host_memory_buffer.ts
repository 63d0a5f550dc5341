/**
 * The Host Memory Buffer: host memory that the controller uses as its own (Base Specification 1.4,
 * section 8.9).
 *
 * Like real drives, the controller uses this memory as a cache: it records which blocks it has
 * looked up last, in slots with an entry of eight bytes each. Every read or write looks up its
 * first block, and enters the block if it is unknown. The entries are never required, so losing the
 * memory costs only time.
 */
import { type Bytes, type DmaAddr, eventId, foldedHigh, invariant } from "@dmalab/runtime";
import type { HostPort } from "./host_port.ts";
import { PAGE_BYTES, STATUS, WIDE_HALF } from "./specification.ts";

const NVME_HOST_MEMORY = eventId("nvme.host_memory");

const DESCRIPTOR_BYTES = 16;
const ENTRY_BYTES = 8;
/**
 * Largest epoch. Each entry contains the epoch in which it was made. Epochs begin at 1, so that
 * fresh memory, which is zero, never matches.
 */
const LAST_EPOCH = 0xffff;

/** The sizes that the controller requests, in units of its pages, and its limits for pieces. */
export interface HostMemoryNeeds {
  readonly preferredBytes: Bytes;
  readonly minimumBytes: Bytes;
  readonly smallestChunkBytes: Bytes;
  /** 0: any number. */
  readonly mostChunks: number;
}

/** The fields of Set Features, Host Memory Buffer. */
export interface HostMemoryGrant {
  readonly sizeBytes: Bytes;
  readonly listLow: number;
  readonly listHigh: number;
  readonly count: number;
  /** Whether the granted memory is the same as before, with unchanged contents. */
  readonly returned: boolean;
}

interface Chunk {
  readonly dma: number;
  readonly sizeBytes: Bytes;
}

export class ControllerHostMemory {
  readonly #host: HostPort;
  readonly #needs: HostMemoryNeeds;
  readonly #bytes = new Uint8Array(ENTRY_BYTES);
  readonly #entry = new DataView(this.#bytes.buffer);
  #chunks: readonly Chunk[] = [];
  #slots = 0;
  #epoch = 0;
  /** The granted memory; null without a grant. */
  grant: HostMemoryGrant | null = null;

  constructor(host: HostPort, needs: HostMemoryNeeds) {
    this.#host = host;
    this.#needs = needs;
  }

  /** Enables the memory granted by the host. @returns 0, or a status if nothing has changed. */
  enable(grant: HostMemoryGrant): number {
    if (this.grant !== null) return STATUS.COMMAND_SEQUENCE_ERROR;
    const { minimumBytes, mostChunks, smallestChunkBytes } = this.#needs;
    if (
      grant.count === 0 || (mostChunks !== 0 && grant.count > mostChunks) ||
      grant.sizeBytes < minimumBytes || grant.listLow % DESCRIPTOR_BYTES !== 0 ||
      foldedHigh(grant.listHigh) >= WIDE_HALF
    ) return STATUS.INVALID_FIELD;
    const list = new Uint8Array(grant.count * DESCRIPTOR_BYTES);
    if (
      !this.#host.read(foldedHigh(grant.listHigh) * 2 ** 32 + grant.listLow, list, 0, list.length)
    ) {
      return STATUS.DATA_TRANSFER_ERROR;
    }
    const view = new DataView(list.buffer);
    const chunks: Chunk[] = [];
    let total = 0;
    for (let at = 0; at < list.length; at += DESCRIPTOR_BYTES) {
      const sizeBytes = view.getUint32(at + 8, true) * PAGE_BYTES;
      const high = foldedHigh(view.getUint32(at + 4, true));
      if (view.getUint32(at, true) % PAGE_BYTES !== 0 || high >= WIDE_HALF) {
        return STATUS.INVALID_FIELD;
      }
      total += sizeBytes;
      // The host may give a piece that is too small; it is not used.
      if (sizeBytes < smallestChunkBytes || sizeBytes === 0) continue;
      chunks.push({ dma: high * 2 ** 32 + view.getUint32(at, true), sizeBytes });
    }
    if (total < grant.sizeBytes || chunks.length === 0) return STATUS.INVALID_FIELD;
    // If the granted memory is not the same as before, it may hold other data: its old entries are
    // invalid.
    if (!grant.returned) this.#epoch = this.#epoch % LAST_EPOCH + 1;
    invariant(this.#slots === 0, "Host memory is enabled twice");
    this.#chunks = chunks;
    this.#slots = chunks.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / ENTRY_BYTES;
    this.grant = grant;
    return STATUS.SUCCESS;
  }

  /** Ends the use of the memory; afterwards it belongs to the host again. */
  disable(): void {
    this.grant = null;
    this.#slots = 0;
  }

  /** Looks a block up, and enters it if it is unknown. */
  lookUp(lba: number): void {
    if (this.#slots === 0 || lba === Infinity) return;
    const dma = this.#slotDma(lba % this.#slots);
    if (!this.#host.read(dma, this.#bytes, 0, ENTRY_BYTES)) return this.disable();
    const low = lba % 2 ** 32;
    const high = this.#epoch * 2 ** 16 + Math.floor(lba / 2 ** 32);
    const entry = this.#entry;
    const hit = entry.getUint32(0, true) === low && entry.getUint32(4, true) === high;
    const { events } = this.#host;
    if (events.tick(NVME_HOST_MEMORY)) {
      events.emit(NVME_HOST_MEMORY, { dma: dma as DmaAddr, hit });
    }
    if (hit) return;
    entry.setUint32(0, low, true);
    entry.setUint32(4, high, true);
    if (!this.#host.write(dma, this.#bytes, 0, ENTRY_BYTES)) this.disable();
  }

  #slotDma(slot: number): number {
    invariant(slot < this.#slots, "A lookup goes beyond the host memory");
    let offset = slot * ENTRY_BYTES;
    let piece = 0;
    while (offset >= this.#chunks[piece]!.sizeBytes) offset -= this.#chunks[piece++]!.sizeBytes;
    return this.#chunks[piece]!.dma + offset;
  }
}
