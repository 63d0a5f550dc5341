/** A ring buffer with the bytes that a stream has brought in the last seconds. */

export const LINE_END = 0x0a;

/** Where a piece begins, counted from the stream's first byte, and when its lines were written. */
interface Mark {
  readonly at: number;
  readonly seconds: number;
}

/** The ring holds about this many marks. */
const MARKS = 1024;

export class KeptBytes {
  readonly #ring: Uint8Array<ArrayBuffer>;
  #written = 0;
  #marks: Mark[] = [];

  constructor(sizeBytes: number, readonly seconds: number) {
    this.#ring = new Uint8Array(sizeBytes);
  }

  push(bytes: Uint8Array): void {
    const size = this.#ring.length;
    const kept = bytes.length > size ? bytes.subarray(bytes.length - size) : bytes;
    this.#written += bytes.length - kept.length;
    const at = this.#written % size;
    const first = kept.subarray(0, size - at);
    this.#ring.set(first, at);
    this.#ring.set(kept.subarray(first.length), 0);
    this.#written += kept.length;
  }

  /** Notes the time of what was pushed so far. */
  mark(seconds: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && this.#written - last.at < this.#ring.length / MARKS) return;
    this.#marks.push({ at: this.#written, seconds });
    const oldest = this.#written - this.#ring.length;
    const cut = this.#marks.findIndex(({ at }) => at >= oldest);
    if (cut > 0) this.#marks = this.#marks.slice(cut);
  }

  /** Whole lines of the last seconds, and how many seconds they are. */
  newest(now: number): { readonly bytes: Uint8Array<ArrayBuffer>; readonly seconds: number } {
    const size = this.#ring.length;
    const inTime = this.#marks.findLast(({ seconds }) => seconds <= now - this.seconds);
    const from = Math.max(inTime?.at ?? 0, this.#written - size, 0);
    const bytes = new Uint8Array(this.#written - from);
    const at = from % size;
    const first = this.#ring.subarray(at, Math.min(size, at + bytes.length));
    bytes.set(first);
    bytes.set(this.#ring.subarray(0, bytes.length - first.length), first.length);
    const isCut = from > 0 &&
      (from === this.#written - size || this.#ring[(from - 1) % size] !== LINE_END);
    const start = isCut ? bytes.indexOf(LINE_END) + 1 : 0;
    const since = this.#marks.find((mark) => mark.at >= from)?.seconds ?? now;
    const isAll = inTime !== undefined && inTime.at === from;
    return { bytes: bytes.subarray(start), seconds: isAll ? this.seconds : now - since };
  }
}
