/**
 * A memory allocator for a module that was compiled from a tree's files, in place of the kernel's
 * allocators.
 */

/** Block sizes are multiples of this. */
const UNIT_BYTES = 64;
const GROW_PAGES = 256;
const PAGE_BYTES = 2 ** 16;
/** Limit of allocated memory: far more than a comparison needs. */
const MAX_BYTES = 2 ** 30;

export class TreeMemory {
  #view: DataView;
  #end: number;
  #extended = 0;
  readonly #sizes = new Map<number, number>();
  readonly #free = new Map<number, number[]>();

  /** @param start First address after the module's own data. */
  constructor(private readonly memory: WebAssembly.Memory, start: number) {
    this.#view = new DataView(this.memory.buffer);
    this.#end = Math.ceil(start / UNIT_BYTES) * UNIT_BYTES;
  }

  get view(): DataView {
    if (this.#view.buffer !== this.memory.buffer) this.#view = new DataView(this.memory.buffer);
    return this.#view;
  }

  /** Allocates zeroed memory. @param unit Alignment of the memory's address and size. */
  take(sizeBytes: number, unit: number = UNIT_BYTES): number {
    const size = Math.max(1, Math.ceil(sizeBytes / unit)) * unit;
    const free = this.#free.get(size)?.find((at) => at % unit === 0);
    const at = free ?? this.#extend(size, unit);
    if (free !== undefined) this.#free.set(size, this.#free.get(size)!.filter((at) => at !== free));
    this.#sizes.set(at, size);
    new Uint8Array(this.memory.buffer, at, size).fill(0);
    return at;
  }

  /** Frees memory. @throws {RangeError} For memory that is not allocated. */
  give(at: number): void {
    if (at === 0) return;
    const size = this.#sizes.get(at);
    if (size === undefined) {
      throw new RangeError(`Frees 0x${at.toString(16)}, which is not allocated`);
    }
    this.#sizes.delete(at);
    this.#free.getOrInsertComputed(size, () => []).push(at);
  }

  word(at: number): number {
    return Number(this.view.getBigUint64(at, true));
  }

  fill(at: number, byte: number, sizeBytes: number): void {
    new Uint8Array(this.memory.buffer, at, sizeBytes).fill(byte);
  }

  copy(to: number, from: number, sizeBytes: number): void {
    new Uint8Array(this.memory.buffer).copyWithin(to, from, from + sizeBytes);
  }

  text(at: number): string {
    const bytes = new Uint8Array(this.memory.buffer, at);
    const end = bytes.indexOf(0);
    return new TextDecoder().decode(bytes.subarray(0, end < 0 ? 0 : end));
  }

  /** Allocates memory for a text with a zero byte at its end. @returns Its address. */
  takeText(text: string): number {
    const bytes = new TextEncoder().encode(text);
    const at = this.take(bytes.length + 1);
    new Uint8Array(this.memory.buffer, at, bytes.length).set(bytes);
    return at;
  }

  #extend(size: number, unit: number): number {
    const at = Math.ceil(this.#end / unit) * unit;
    this.#extended += size;
    if (this.#extended > MAX_BYTES) {
      throw new RangeError(`Allocates more than ${MAX_BYTES} bytes`);
    }
    this.#end = at + size;
    this.growTo(this.#end);
    return at;
  }

  /** Grows the memory up to an address. */
  growTo(end: number): void {
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) {
      const pages = BigInt(Math.max(GROW_PAGES, Math.ceil(missing / PAGE_BYTES)));
      // A 64-bit memory counts pages as bigint, which the types do not know.
      this.memory.grow(pages as bigint & number);
    }
  }
}
