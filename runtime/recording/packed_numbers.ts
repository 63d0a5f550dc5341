/** Numbers as bytes, small ones in one byte: the format of a written recording. */

/** Differences are used only for integers below this, where they are exact. */
const MOST = 2 ** 50;
/** Precedes a number that is written in full rather than as a difference. */
const AS_IT_IS = 0;
const FIRST_BYTES = 1 << 12;

export class PackedWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;

  /** Writes an integer of 0 or more. */
  count(value: number): void {
    this.#reserve(8);
    let left = value;
    for (; left >= 0x80; left = Math.floor(left / 0x80)) {
      this.#bytes[this.#length++] = left % 0x80 + 0x80;
    }
    this.#bytes[this.#length++] = left;
  }

  /** Writes any number, as its difference from another. */
  number(value: number, from: number): void {
    if (!isWhole(value) || !isWhole(from)) {
      this.count(AS_IT_IS);
      this.#reserve(8);
      new DataView(this.#bytes.buffer).setFloat64(this.#length, value);
      this.#length += 8;
      return;
    }
    const distance = value - from;
    this.count(1 + (distance >= 0 ? 2 * distance : -2 * distance - 1));
  }

  /** Writes bytes, preceded by their number. */
  bytes(bytes: Uint8Array): void {
    this.count(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes a value as JSON. */
  json(value: unknown): void {
    this.bytes(new TextEncoder().encode(JSON.stringify(value)));
  }

  /** All bytes written so far. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(2 * (this.#length + bytes));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

export class PackedReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** @throws {RangeError} When no bytes are left. */
  count(): number {
    let value = 0;
    for (let scale = 1;; scale *= 0x80) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined || scale > MOST) throw new RangeError("The recording is cut off");
      value += byte % 0x80 * scale;
      if (byte < 0x80) return value;
    }
  }

  number(from: number): number {
    const written = this.count();
    if (written === AS_IT_IS) {
      const { buffer, byteOffset } = this.#take(8);
      return new DataView(buffer, byteOffset).getFloat64(0);
    }
    const folded = written - 1;
    return from + (folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2);
  }

  bytes(): Uint8Array {
    return this.#take(this.count());
  }

  json(): unknown {
    return JSON.parse(new TextDecoder().decode(this.bytes()));
  }

  #take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    if (taken.length < count) throw new RangeError("The recording is cut off");
    this.#at += count;
    return taken;
  }
}

function isWhole(value: number): boolean {
  return Number.isInteger(value) && Math.abs(value) < MOST && !Object.is(value, -0);
}
