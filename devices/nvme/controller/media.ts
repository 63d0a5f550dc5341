/** The medium of a disk: blocks, and the metadata of each. */
import {
  type Bytes,
  fillSeries,
  type HostBudget,
  IntervalSet,
  invariant,
  type MemoryPage,
  sameBytes,
} from "@dmalab/runtime";

/** Upper half of a fresh disk's data tag: the 8 bytes at byte x hold 0x5A00_0000_0000_0000 + x. */
const DATA_TAG_HIGH = 0x5a00_0000;
/**
 * Upper half of a fresh disk's metadata tag: the 8 bytes at metadata byte x hold
 * 0x4D00_0000_0000_0000 + x. Only metadata bytes count in x.
 */
const METADATA_TAG_HIGH = 0x4d00_0000;

interface MediaOptions {
  /** Size of a logical block's data, a power of two and at least 512. */
  readonly blockSizeBytes: Bytes;
  /** Capacity, rounded down to whole blocks. */
  readonly capacityBytes: Bytes;
  /** Metadata bytes of each block, stored separately from the data; 0 for none. */
  readonly metadataBytes: Bytes;
  readonly budget: HostBudget;
}

export class Media {
  readonly blockSizeBytes: Bytes;
  readonly metadataBytes: Bytes;
  /** Number of logical blocks. */
  readonly blockCount: number;
  readonly data: PatternStore;
  /** The metadata of block n begins at byte n × `metadataBytes`. */
  readonly metadata: PatternStore;

  constructor(options: MediaOptions) {
    this.blockSizeBytes = options.blockSizeBytes;
    this.metadataBytes = options.metadataBytes;
    this.blockCount = Math.floor(options.capacityBytes / options.blockSizeBytes);
    this.data = new PatternStore(
      DATA_TAG_HIGH,
      this.blockCount * this.blockSizeBytes,
      options.budget,
    );
    this.metadata = new PatternStore(
      METADATA_TAG_HIGH,
      this.blockCount * this.metadataBytes,
      options.budget,
    );
  }

  /** Deallocates blocks: they and their metadata read as zeros. */
  zeroBlocks(lba: number, blocks: number): void {
    this.data.zero(lba * this.blockSizeBytes, blocks * this.blockSizeBytes);
    this.metadata.zero(lba * this.metadataBytes, blocks * this.metadataBytes);
  }
}

const CHUNK_BYTES = 4096;
/** The cost of reading a chunk, in units of work. */
const CHUNK_UNITS = 64;
const WORD_BYTES = 8;
/** Mask for the low bits of an offset; `&` is exact for offsets below 2^53 (address.ts). */
const WORD_MASK = WORD_BYTES - 1;
const CHUNK_WORDS = CHUNK_BYTES / WORD_BYTES;
/** Bytes compared at a time. */
const COMPARED_BYTES = 4 * CHUNK_BYTES;
/** The charge for a zeroed range: two array slots, with room for growth. */
const EXTENT_BYTES = 32;

/**
 * Largest size of a store. The 8 bytes at byte x of a fresh store hold the number `tag + x`, where
 * `tag` is a constant of the store; beyond this size, the number is not exact.
 */
export const MAX_PATTERN_BYTES: Bytes = 2 ** 52;

/**
 * Sparse storage of any size. Its fresh content shows the offset from which it was read.
 *
 * The 8 bytes at byte x (x a multiple of 8) of a fresh store hold the little-endian number `tag +
 * x`, so a read from a wrong offset shows that offset (docs/language/declarations.md: "A fresh disk
 * holds …"). Only written data takes memory; zeroed ranges are kept as ranges.
 *
 * Fresh content is produced on every read, so producing it must be cheap (`nvme.read4k.looked`).
 * The bits of `tag + x`, read as a double, are exactly the number `2^e + x * 2^(e-52)` for every x
 * below 2^52, where e is the exponent that the tag's top bits encode. Therefore one addition of
 * doubles makes 8 bytes at once. Typed arrays have the host's byte order, which is little-endian on
 * every host that runs dmalab.
 */
export class PatternStore {
  readonly #budget: HostBudget;
  readonly #base: number;
  readonly #unit: number;
  readonly #written = new Map<number, Uint8Array>();
  /** Chunks that were zeroed as a whole; a written chunk of the same number takes precedence. */
  readonly #zeroed = new IntervalSet();
  /**
   * A buffer for a fresh chunk, and a buffer for a chunk to compare; both are allocated at first
   * use.
   */
  #scratch: TransferBuffer | null = null;
  #compared: TransferBuffer | null = null;

  /**
   * @param tagHigh The upper 32 bits of the tag: below 2^31, its lower 20 bits zero.
   * @param capacityBytes At most {@linkcode MAX_PATTERN_BYTES}.
   * @param budget The budget for the store's own memory.
   */
  constructor(tagHigh: number, capacityBytes: Bytes, budget: HostBudget) {
    invariant(tagHigh % 2 ** 20 === 0 && tagHigh < 2 ** 31, `Tag 0x${tagHigh.toString(16)}`);
    invariant(capacityBytes <= MAX_PATTERN_BYTES, `Capacity ${capacityBytes}`);
    this.#budget = budget;
    this.#base = 2 ** (tagHigh / 2 ** 20 - 1023);
    this.#unit = this.#base * 2 ** -52;
  }

  /**
   * Reads into a buffer. The index of the first byte in the buffer has the same remainder modulo 8
   * as the offset.
   *
   * @param offsetBytes Any byte of the store.
   * @param into Must have room for `sizeBytes` plus alignment on either side.
   * @returns Index in `into` of the first byte read: `offsetBytes % 8`. The bytes around the data
   *   may be overwritten.
   */
  read(offsetBytes: number, into: TransferBuffer, sizeBytes: Bytes): number {
    const start = offsetBytes & WORD_MASK;
    if (this.#written.size === 0 && this.#zeroed.count === 0) {
      this.#fill(into, 0, offsetBytes - start, Math.ceil((start + sizeBytes) / WORD_BYTES));
      return start;
    }
    let at = offsetBytes;
    let position = start;
    const end = offsetBytes + sizeBytes;
    while (at < end) {
      this.#budget.work(CHUNK_UNITS);
      const chunk = Math.floor(at / CHUNK_BYTES);
      const inside = at - chunk * CHUNK_BYTES;
      const count = Math.min(end - at, CHUNK_BYTES - inside);
      const written = this.#written.get(chunk);
      if (written !== undefined) {
        into.bytes.set(
          count === CHUNK_BYTES ? written : written.subarray(inside, inside + count),
          position,
        );
      } else if (this.#zeroed.has(chunk)) {
        into.bytes.fill(0, position, position + count);
      } else {
        const lead = position & WORD_MASK;
        const words = Math.ceil((lead + count) / WORD_BYTES);
        this.#fill(into, (position - lead) / WORD_BYTES, at - lead, words);
      }
      at += count;
      position += count;
    }
    return start;
  }

  /**
   * Reads into a page of host memory. Fresh content is generated only when it is accessed.
   * @param offsetBytes A multiple of 8.
   */
  readPage(offsetBytes: number, page: MemoryPage): void {
    const fresh = this.#written.size === 0 && this.#zeroed.count === 0;
    if (fresh) page.fillSeries(this.#base + offsetBytes * this.#unit, WORD_BYTES * this.#unit);
    else this.read(offsetBytes, page, CHUNK_BYTES);
  }

  /** Whether the store's bytes from an offset on are equal to the first `sizeBytes` of `bytes`. */
  holds(offsetBytes: number, bytes: Uint8Array, sizeBytes: Bytes): boolean {
    const read = this.#compared ??= new TransferBuffer(COMPARED_BYTES + 2 * WORD_BYTES);
    for (let done = 0; done < sizeBytes; done += COMPARED_BYTES) {
      const count = Math.min(sizeBytes - done, COMPARED_BYTES);
      const held = read.bytes.subarray(this.read(offsetBytes + done, read, count));
      if (!sameBytes(held, bytes.subarray(done), count)) return false;
    }
    return true;
  }

  /** A copy of `sizeBytes` bytes. */
  bytes(offsetBytes: number, sizeBytes: Bytes): Uint8Array {
    const lead = offsetBytes & WORD_MASK;
    const buffer = new TransferBuffer(Math.ceil((lead + sizeBytes) / WORD_BYTES) * WORD_BYTES);
    const start = this.read(offsetBytes, buffer, sizeBytes);
    return buffer.bytes.subarray(start, start + sizeBytes);
  }

  /**
   * Stores `sizeBytes` bytes of `from`, starting at index `at` of `from`.
   * @throws {MemoryLimitError} If the budget is exhausted. Bytes before the failure are written.
   */
  write(offsetBytes: number, from: Uint8Array, at: number, sizeBytes: Bytes): void {
    let target = offsetBytes;
    let source = at;
    const end = offsetBytes + sizeBytes;
    while (target < end) {
      const chunk = Math.floor(target / CHUNK_BYTES);
      const inside = target - chunk * CHUNK_BYTES;
      const count = Math.min(end - target, CHUNK_BYTES - inside);
      const bytes = this.#chunkForWriting(chunk, count === CHUNK_BYTES);
      bytes.set(
        count === from.length ? from : from.subarray(source, source + count),
        inside,
      );
      target += count;
      source += count;
    }
  }

  /** Makes a span read as zeros. The memory of whole chunks in it is freed. */
  zero(offsetBytes: number, sizeBytes: Bytes): void {
    const end = offsetBytes + sizeBytes;
    const firstWhole = Math.ceil(offsetBytes / CHUNK_BYTES);
    const endWhole = Math.floor(end / CHUNK_BYTES);
    if (firstWhole > endWhole) return this.#zeroPart(offsetBytes, end);
    this.#zeroPart(offsetBytes, firstWhole * CHUNK_BYTES);
    this.#dropChunks(firstWhole, endWhole);
    this.#budget.hold(EXTENT_BYTES);
    const extents = this.#zeroed.count;
    this.#zeroed.add(firstWhole, endWhole);
    this.#budget.release(EXTENT_BYTES * (extents + 1 - this.#zeroed.count));
    this.#zeroPart(endWhole * CHUNK_BYTES, end);
  }

  /** Zeroes a span within one chunk. */
  #zeroPart(start: number, end: number): void {
    if (start >= end) return;
    const chunk = Math.floor(start / CHUNK_BYTES);
    const inside = start - chunk * CHUNK_BYTES;
    this.#chunkForWriting(chunk, false).fill(0, inside, inside + (end - start));
  }

  #dropChunks(first: number, end: number): void {
    const before = this.#written.size;
    if (end - first < before) {
      for (let chunk = first; chunk < end; chunk++) this.#written.delete(chunk);
    } else {
      for (const chunk of this.#written.keys()) {
        if (chunk >= first && chunk < end) this.#written.delete(chunk);
      }
    }
    this.#budget.release(CHUNK_BYTES * (before - this.#written.size));
  }

  #chunkForWriting(chunk: number, whole: boolean): Uint8Array {
    const present = this.#written.get(chunk);
    if (present !== undefined) return present;
    this.#budget.hold(CHUNK_BYTES);
    const bytes = new Uint8Array(CHUNK_BYTES);
    if (!whole && !this.#zeroed.has(chunk)) {
      const fresh = this.#scratch ??= new TransferBuffer(CHUNK_BYTES);
      this.#fill(fresh, 0, chunk * CHUNK_BYTES, CHUNK_WORDS);
      bytes.set(fresh.bytes);
    }
    this.#written.set(chunk, bytes);
    return bytes;
  }

  /** Writes fresh words for the bytes from `offsetBytes` on. `offsetBytes` is a multiple of 8. */
  #fill(into: TransferBuffer, firstWord: number, offsetBytes: number, count: number): void {
    if (count === CHUNK_WORDS && firstWord === 0) {
      fillSeries(into.doubles, this.#base + offsetBytes * this.#unit, WORD_BYTES * this.#unit);
      return;
    }
    const { doubles } = this.#scratch ??= new TransferBuffer(CHUNK_BYTES);
    for (let done = 0; done < count; done += CHUNK_WORDS) {
      this.#budget.work(CHUNK_UNITS);
      const offset = offsetBytes + done * WORD_BYTES;
      fillSeries(doubles, this.#base + offset * this.#unit, WORD_BYTES * this.#unit);
      const rest = count - done;
      into.doubles.set(rest < CHUNK_WORDS ? doubles.subarray(0, rest) : doubles, firstWord + done);
    }
  }
}

/**
 * The controller's internal memory for data in transit between medium and host. The memory can be
 * written as bytes or as 64-bit words. With words, a fresh disk's content is generated cheaply.
 */
export class TransferBuffer {
  readonly bytes: Uint8Array;
  /** The same memory as 64-bit words. */
  readonly doubles: Float64Array;

  /** @param sizeBytes A multiple of 8. */
  constructor(sizeBytes: Bytes) {
    const memory = new ArrayBuffer(sizeBytes);
    this.bytes = new Uint8Array(memory);
    this.doubles = new Float64Array(memory);
  }
}
