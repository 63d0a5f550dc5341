/**
 * The addresses of a case's requests. They depend only on the case, so that the memory keeps its
 * place when the case is shrunk.
 */
import {
  alignUp,
  type BioVec,
  type Bytes,
  GIB,
  type HostBuffer,
  KIB,
  MIB,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  vecsSizeBytes,
} from "@dmalab/runtime";
import type { HuntIo, MetadataShape, PieceRun } from "./hunt_case.ts";

/** Start of the buffers; scripts also get their pages from here on. */
export const LOW_BASE = GIB;
/** Start of the buffers above 4 GiB: above every window, in the upper half of the RAM. */
export const HIGH_BASE = 4 * GIB + 512 * MIB;
/** Maximum size of a request in a hunt: enough to reach every limit of a queue. */
export const MAX_BYTES = 256 * KIB;

export interface IoMemory {
  readonly data: readonly BioVec[];
  readonly dataBytes: Bytes;
  /** Empty when the block layer supplies the metadata. */
  readonly metadata: readonly BioVec[];
  readonly metadataBytes: Bytes;
}

/** A request with its memory, for the duration of its step. */
export interface PlacedIo {
  readonly io: HuntIo;
  readonly memory: IoMemory;
  readonly lba: number;
  readonly data: HostBuffer;
  readonly metadata: HostBuffer | null;
}

/** The properties of the machine that the layout needs. */
export interface LayoutFacts {
  readonly blockSizeBytes: Bytes;
  /** Metadata of a block, in bytes. */
  readonly metadataBytes: Bytes;
  /** First byte of the peer's memory; null without peer memory. */
  readonly peerBase: number | null;
  /** Whether the controller knows the length of metadata. */
  readonly metadataHasLength: boolean;
  /** Whether there is memory above 4 GiB. */
  readonly hasHigh: boolean;
  /** Maximum size of a request. Bytes beyond this size are left out. */
  readonly mostBytes: Bytes;
  /** Size of cache lines that a piece may not share with another, for a non-coherent device. */
  readonly lineBytes: Bytes;
}

/** Assigns addresses, page after page, never the same page twice. */
export class MemoryLayout {
  #low: number = LOW_BASE;
  #high: number = HIGH_BASE;
  #peer: number;

  constructor(private readonly facts: LayoutFacts) {
    this.#peer = facts.peerBase ?? 0;
  }

  /** Assigns the memory of the next request. */
  place(io: HuntIo): IoMemory {
    const data = this.#data(io);
    const dataBytes = vecsSizeBytes(data);
    const metadata = this.#metadata(io, dataBytes);
    return { data, dataBytes, metadata, metadataBytes: vecsSizeBytes(metadata) };
  }

  /**
   * Assigns whole blocks: the last piece is shortened or, if that leaves no whole block,
   * lengthened.
   */
  #data(io: HuntIo): BioVec[] {
    const { blockSizeBytes, mostBytes, peerBase } = this.facts;
    const peer = io.peer && peerBase !== null;
    const pieces: BioVec[] = [];
    let total = 0;
    for (const run of io.runs) {
      const sizeBytes = alignUp(run.sizeBytes, this.facts.lineBytes);
      const most = Math.floor((mostBytes - total) / sizeBytes);
      const count = Math.max(1, Math.min(run.count, most));
      this.#addRun(pieces, { ...run, sizeBytes, count }, peer);
      total += count * sizeBytes;
      if (total >= mostBytes) break;
    }
    const excess = total % blockSizeBytes;
    if (total < blockSizeBytes) {
      const last = pieces.pop()!;
      pieces.push({ phys: last.phys, sizeBytes: last.sizeBytes + blockSizeBytes - total });
      this.#skip(vec(last.phys, blockSizeBytes), peer);
      return pieces;
    }
    for (let left = excess; left > 0;) {
      const last = pieces.pop()!;
      const taken = Math.min(left, last.sizeBytes);
      left -= taken;
      if (last.sizeBytes > taken) {
        pieces.push({ phys: last.phys, sizeBytes: last.sizeBytes - taken });
      }
    }
    return pieces;
  }

  #metadata({ metadata: shape, op }: HuntIo, dataBytes: Bytes): BioVec[] {
    const { blockSizeBytes, metadataBytes, metadataHasLength } = this.facts;
    if (metadataBytes === 0) return [];
    const format = (dataBytes / blockSizeBytes) * metadataBytes;
    const user = op === "user_read" || op === "user_write";
    if (shape === null) {
      // The block layer adds metadata to other requests, but not to a user's command.
      if (!user) return [];
      return this.#metadataPieces({ pieces: 1, offsetBytes: 0, touching: false }, format);
    }
    if (!user || shape.sizeBytes === null) return this.#metadataPieces(shape, format);
    // If the device does not know the length of the metadata, it uses the length of the format.
    // Therefore the buffer must be at least that long.
    const sizeBytes = metadataHasLength ? shape.sizeBytes : Math.max(shape.sizeBytes, format);
    return this.#metadataPieces(shape, sizeBytes);
  }

  #metadataPieces(shape: Omit<MetadataShape, "sizeBytes">, sizeBytes: Bytes): BioVec[] {
    const { lineBytes } = this.facts;
    // Every piece consists of whole dwords and whole cache lines.
    const unit = Math.max(4, lineBytes);
    const count = Math.max(1, Math.min(shape.pieces, Math.floor(sizeBytes / unit)));
    const each = Math.floor(sizeBytes / count / unit) * unit;
    const pieces: BioVec[] = [];
    let left = sizeBytes;
    for (let piece = 0; piece < count; piece++) {
      const bytes = piece === count - 1 ? left : each;
      const last = pieces.at(-1);
      if (shape.touching && lineBytes === 1 && last !== undefined) {
        pieces.push(vec(last.phys + last.sizeBytes, bytes));
        this.#skip(pieces.at(-1)!, false);
      } else {
        pieces.push(vec(this.#take(shape.offsetBytes, bytes, false, false), bytes));
      }
      left -= bytes;
    }
    return pieces;
  }

  #addRun(
    pieces: BioVec[],
    { count, high, offsetBytes, sizeBytes, touching }: PieceRun,
    peer: boolean,
  ): void {
    const first = touching ? this.#take(offsetBytes, count * sizeBytes, high, peer) : 0;
    for (let piece = 0; piece < count; piece++) {
      const phys = touching
        ? first + piece * sizeBytes
        : this.#take(offsetBytes, sizeBytes, high, peer);
      pieces.push(vec(phys, sizeBytes));
    }
  }

  /** Assigns separate pages, and leaves one page free after them. */
  #take(wantedOffset: number, sizeBytes: Bytes, high: boolean, peer: boolean): number {
    const offset = wantedOffset - wantedOffset % this.facts.lineBytes;
    const pages = alignUp(offset + sizeBytes, PAGE_SIZE_BYTES) + PAGE_SIZE_BYTES;
    if (peer) {
      this.#peer += pages;
      return this.#peer - pages + offset;
    }
    if (high && this.facts.hasHigh) {
      this.#high += pages;
      return this.#high - pages + offset;
    }
    this.#low += pages;
    return this.#low - pages + offset;
  }

  /** Continues after a piece that became longer than its assigned pages. */
  #skip({ phys, sizeBytes }: BioVec, peer: boolean): void {
    const end = alignUp(phys + sizeBytes, PAGE_SIZE_BYTES) + PAGE_SIZE_BYTES;
    if (peer) this.#peer = Math.max(this.#peer, end);
    else if (phys >= HIGH_BASE) this.#high = Math.max(this.#high, end);
    else this.#low = Math.max(this.#low, end);
  }
}

function vec(phys: number, sizeBytes: Bytes): BioVec {
  return { phys: phys as PhysAddr, sizeBytes };
}
