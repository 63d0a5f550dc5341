/**
 * Memory of a module that was compiled from a tree's files, in place of the kernel's allocators.
 */

/** The unit of a block's size. */
const UNIT_BYTES = 64;
const GROW_PAGES = 256;
const PAGE_BYTES = 2 ** 16;
/** The memory of the allocators: far more than a comparison takes. */
const MAX_BYTES = 2 ** 30;

export class TreeMemory {
  #view: DataView;
  #end: number;
  #extended = 0;
  readonly #sizes = new Map<number, number>();
  readonly #free = new Map<number, number[]>();

  /** @param start Where nothing of the module lies any more. */
  constructor(private readonly memory: WebAssembly.Memory, start: number) {
    this.#view = new DataView(this.memory.buffer);
    this.#end = Math.ceil(start / UNIT_BYTES) * UNIT_BYTES;
  }

  get view(): DataView {
    if (this.#view.buffer !== this.memory.buffer) this.#view = new DataView(this.memory.buffer);
    return this.#view;
  }

  /** Zeroed memory. @param unit What its address and its size are multiples of. */
  take(sizeBytes: number, unit: number = UNIT_BYTES): number {
    const size = Math.max(1, Math.ceil(sizeBytes / unit)) * unit;
    const free = this.#free.get(size)?.find((at) => at % unit === 0);
    const at = free ?? this.#extend(size, unit);
    if (free !== undefined) this.#free.set(size, this.#free.get(size)!.filter((at) => at !== free));
    this.#sizes.set(at, size);
    new Uint8Array(this.memory.buffer, at, size).fill(0);
    return at;
  }

  /** @throws {RangeError} For what was not taken. */
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

  /** @returns Where a text lies, with a zero byte behind it. */
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

  /** Makes room up to an address. */
  growTo(end: number): void {
    const missing = end - this.memory.buffer.byteLength;
    if (missing > 0) {
      const pages = BigInt(Math.max(GROW_PAGES, Math.ceil(missing / PAGE_BYTES)));
      // It counts in 64 bits here, which the types do not know of.
      this.memory.grow(pages as bigint & number);
    }
  }
}
