/**
 * Splits bytes that arrive in pieces into whole lines.
 *
 * A line ends with a line feed, with an optional carriage return before it. Control characters
 * within a line are replaced by visible symbols, because the lines are untrusted text and will be
 * printed.
 */
import { hasUnprintableText, printable } from "@dmalab/lang/diagnostics";
import type { TraceLine } from "./trace_line.ts";

const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const TAB = 0x09;
const SPACE = 0x20;
const LAST_PLAIN = 0x7e;
/** Constants for four bytes at once. Each byte is the highest bit, a blank, or the number 1. */
const HIGH_BITS = 0x80808080 | 0;
const BLANKS = 0x20202020;
const ONES = 0x01010101;
const WORD_BYTES = 4;

const ENCODER = new TextEncoder();

/** The whole lines in a buffer; valid until more bytes are pushed. */
export class LineBatch {
  count = 0;
  /** Number of carriage returns within lines. */
  returns = 0;
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array();
  /** Offset of the first line. */
  #start = 0;
  /** Offset of each line's line feed. */
  #ends = new Int32Array(1 << 10);

  /**
   * Sets new contents.
   * @returns Whether all bytes are printable ASCII or line ends, so that no conversion is needed.
   */
  set(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): boolean {
    this.bytes = bytes;
    this.#start = start;
    this.count = this.returns = 0;
    return this.#find(start, end);
  }

  /** Calls `take` for each line, after reading it into `line`. */
  each(line: TraceLine, take: () => void): void {
    const { bytes } = this;
    let start = this.#start;
    for (let index = 0; index < this.count; index++) {
      const end = this.#ends[index]!;
      const hasReturn = end > start && bytes[end - 1] === RETURN;
      line.read(bytes, start, hasReturn ? end - 1 : end);
      start = end + 1;
      take();
    }
  }

  /** Finds line ends. Tests four bytes at a time, because most bytes are within lines. */
  #find(start: number, end: number): boolean {
    const { bytes } = this;
    const words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2);
    let isPlain = true;
    let at = start;
    while (at < end) {
      if (at % WORD_BYTES === 0) {
        const last = end >>> 2;
        let index = at >>> 2;
        while (index < last) {
          const word = words[index]!;
          // The highest bit of a byte of this result is set if the byte is not ASCII, is DEL, or is
          // less than a blank.
          if (((word | word + ONES | word - BLANKS) & HIGH_BITS) !== 0) break;
          index++;
        }
        at = index * WORD_BYTES;
        if (at >= end) break;
      }
      const stop = Math.min(end, at + WORD_BYTES - at % WORD_BYTES);
      for (; at < stop; at++) {
        const code = bytes[at]!;
        if (code >= SPACE && code <= LAST_PLAIN || code === TAB) continue;
        if (code === LINE_FEED) this.#add(at);
        else if (code !== RETURN || bytes[at + 1] !== LINE_FEED) {
          isPlain = false;
          // A serial console may write several carriage returns before the line feed.
          if (code === RETURN && bytes[at + 1] !== RETURN) this.returns++;
        }
      }
    }
    return isPlain;
  }

  #add(end: number): void {
    if (this.count === this.#ends.length) {
      const ends = new Int32Array(2 * this.count);
      ends.set(this.#ends);
      this.#ends = ends;
    }
    this.#ends[this.count++] = end;
  }
}

/** Collects the bytes of a file and returns its lines. */
export class LineBuffer {
  #bytes = new Uint8Array(1 << 18);
  /**
   * Offset of the end of the bytes that have been returned as lines; `#length`: offset of the end
   * of the received bytes.
   */
  #given = 0;
  #length = 0;
  readonly #batch = new LineBatch();
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  /**
   * @param longest The largest number of bytes of a line that are kept; the rest of a longer line
   *   is dropped.
   */
  constructor(private readonly longest: number) {}

  /** Adds the next bytes. @returns The lines that are now complete. */
  push(chunk: Uint8Array): LineBatch {
    this.#bytes.copyWithin(0, this.#given, this.#length);
    this.#length -= this.#given;
    this.#given = 0;
    let more = chunk;
    if (this.#length >= this.longest) {
      // In a line that is too long, only the end of the line is searched for.
      const end = chunk.indexOf(LINE_FEED);
      more = chunk.subarray(end < 0 ? chunk.length : end);
      this.#length = this.longest;
    }
    const last = more.lastIndexOf(LINE_FEED);
    this.#reserve(this.#length + more.length + 1);
    this.#bytes.set(more, this.#length);
    this.#given = last < 0 ? 0 : this.#length + last + 1;
    this.#length += more.length;
    return this.#lines();
  }

  /** Ends the file. @returns The last line, if it has no line end. */
  end(): LineBatch {
    if (this.#length > this.#given) {
      this.#bytes.copyWithin(0, this.#given, this.#length);
      this.#length -= this.#given;
      this.#bytes[Math.min(this.#length, this.longest)] = LINE_FEED;
      this.#given = this.#length = Math.min(this.#length, this.longest) + 1;
    } else this.#given = this.#length = 0;
    return this.#lines();
  }

  #lines(): LineBatch {
    const batch = this.#batch;
    if (batch.set(this.#bytes, 0, this.#given)) return batch;
    const text = this.#decoder.decode(this.#bytes.subarray(0, this.#given));
    if (!hasUnprintableText(text.replaceAll("\r\n", "\n"))) return batch;
    const lines = text.split("\n").map((line) =>
      printable(line.endsWith("\r") ? line.slice(0, -1) : line)
    );
    const shown = ENCODER.encode(lines.join("\n"));
    const { returns } = batch;
    batch.set(shown, 0, shown.length);
    batch.returns = returns;
    return batch;
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const bytes = new Uint8Array(2 * length);
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }
}
