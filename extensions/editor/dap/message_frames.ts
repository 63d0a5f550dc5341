/**
 * The frames of a client's messages: a header of the protocol, then as many bytes as it says.
 *
 * Everything that reaches a port of this host comes here first, a web page's request too. The first
 * line that is no header of the protocol ends the client, before a byte behind it is read.
 */
import { Transform, type TransformCallback } from "node:stream";
import { printable } from "@dmalab/lang/diagnostics";
import { clip } from "@dmalab/lang/text";

/** Bytes of one message: a client sends places, expressions and texts of scenarios. */
const MAX_BYTES = 2 ** 24;
const MAX_HEADER_BYTES = 1024;
/** Columns of a line that is quoted. */
const QUOTED_COLUMNS = 40;
const LINE_END = "\n".charCodeAt(0);

const LENGTH = /^Content-Length: *(\d{1,12})$/i;
const TYPE = /^Content-Type: *[\x20-\x7e]*$/i;
/** How each header of the protocol begins. */
const BEGINNING = "content-";

/** What a client sent that is no header. */
export class FrameError extends Error {}

/** Takes bytes, gives whole messages, each in its frame. */
export class MessageFrames extends Transform {
  /** Bytes of the frame, from its first on. */
  #chunks: Uint8Array[] = [];
  #sizeBytes = 0;
  /** The length of the message; null while its header is read. */
  #bodyBytes: number | null = null;

  override _transform(chunk: Uint8Array, _: BufferEncoding, done: TransformCallback): void {
    try {
      this.#take(chunk);
      done();
    } catch (error) {
      done(error as FrameError);
    }
  }

  #take(chunk: Uint8Array): void {
    let rest = chunk;
    for (;;) {
      this.#chunks.push(rest);
      this.#sizeBytes += rest.length;
      if (this.#bodyBytes === null) {
        const bytes = this.#joined();
        const header = readHeader(bytes);
        if (header === null) return;
        this.#bodyBytes = header.bodyBytes;
        this.#begin(bytes.subarray(header.sizeBytes));
      }
      if (this.#sizeBytes < this.#bodyBytes) return;
      const bytes = this.#joined();
      const body = bytes.subarray(0, this.#bodyBytes);
      this.push(`Content-Length: ${body.length}\r\n\r\n`);
      this.push(body);
      rest = bytes.subarray(this.#bodyBytes);
      this.#bodyBytes = null;
      this.#chunks = [];
      this.#sizeBytes = 0;
    }
  }

  #begin(bytes: Uint8Array): void {
    this.#chunks = [bytes];
    this.#sizeBytes = bytes.length;
  }

  #joined(): Uint8Array {
    const [first] = this.#chunks;
    const joined = this.#chunks.length === 1 ? first! : new Uint8Array(this.#sizeBytes);
    if (joined !== first) {
      let at = 0;
      for (const chunk of this.#chunks) {
        joined.set(chunk, at);
        at += chunk.length;
      }
    }
    this.#chunks = [joined];
    return joined;
  }
}

/** A whole header; null while it may become one. @throws {FrameError} */
function readHeader(
  bytes: Uint8Array,
): { readonly sizeBytes: number; readonly bodyBytes: number } | null {
  let bodyBytes: number | null = null;
  for (let start = 0;;) {
    const head = bytes.subarray(0, MAX_HEADER_BYTES);
    const end = head.indexOf(LINE_END, start);
    const line = new TextDecoder("latin1").decode(head.subarray(start, end < 0 ? undefined : end));
    if (end < 0) {
      const begins = line.slice(0, BEGINNING.length).toLowerCase();
      if (line !== "\r" && !BEGINNING.startsWith(begins)) throw notHeader(line);
      if (head.length < MAX_HEADER_BYTES) return null;
      throw new FrameError(`The header has more than ${MAX_HEADER_BYTES} bytes`);
    }
    if (!line.endsWith("\r")) {
      throw new FrameError(`${quotedLine(line)} ends with LF; a header line ends with CR LF`);
    }
    start = end + 1;
    const text = line.slice(0, -1);
    if (text === "") {
      if (bodyBytes === null) throw new FrameError("The header has no Content-Length");
      return { sizeBytes: start, bodyBytes };
    }
    const length = LENGTH.exec(text)?.[1];
    if (length !== undefined) bodyBytes = messageBytes(length);
    else if (!TYPE.test(text)) throw notHeader(text);
  }
}

function messageBytes(length: string): number {
  if (Number(length) <= MAX_BYTES) return Number(length);
  throw new FrameError(`A message of ${length} bytes is too long: at most ${MAX_BYTES}`);
}

function notHeader(line: string): FrameError {
  return new FrameError(
    `${quotedLine(line)} is not a header of the protocol, such as Content-Length: 119`,
  );
}

function quotedLine(line: string): string {
  return `"${clip(printable(line.trimEnd()), QUOTED_COLUMNS)}"`;
}
