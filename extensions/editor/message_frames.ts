/**
 * Parses the messages of a client. Each message follows a header with its length in bytes.
 *
 * All input from a port of this host passes through this parser first, including requests of web
 * pages. If a line is not a header of the protocol, the parser ends the connection before it
 * processes any byte after that line.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { clip } from "@dmalab/lang/text";

/** Largest size of a message: enough for positions, expressions and texts of scenarios. */
const MAX_BYTES = 2 ** 24;
const MAX_HEADER_BYTES = 1024;
const QUOTED_COLUMNS = 40;

const HEADER_LINES = /^(?:Content-(?:Length: *\d{1,12}|Type: *[\x20-\x7e]*)\r\n)*/i;
const LENGTH = /^Content-Length: *(\d+)/im;
/** Common prefix of the protocol's headers. */
const BEGINNING = "content-";

/** The error for input that is not a header. */
export class FrameError extends Error {}

/** Receives bytes in chunks, and returns the texts of complete messages. */
export class MessageFrames {
  #bytes = new Uint8Array(0);
  #sizeBytes = 0;

  /** @param mostBytes Largest size of a message. */
  constructor(private readonly mostBytes: number = MAX_BYTES) {}

  /**
   * The messages that are complete after a chunk.
   * @throws {FrameError} For invalid input, after the messages before it.
   */
  *take(chunk: Uint8Array): Generator<string> {
    const sizeBytes = this.#sizeBytes + chunk.length;
    if (sizeBytes > this.#bytes.length) {
      const grown = new Uint8Array(2 * sizeBytes);
      grown.set(this.#bytes.subarray(0, this.#sizeBytes));
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.#sizeBytes);
    let start = 0;
    for (;;) {
      const header = readHeader(this.#bytes.subarray(start, sizeBytes), this.mostBytes);
      const end = start + (header?.sizeBytes ?? 0) + (header?.bodyBytes ?? 0);
      if (header === null || end > sizeBytes) break;
      yield new TextDecoder().decode(this.#bytes.subarray(start + header.sizeBytes, end));
      start = end;
    }
    this.#bytes.copyWithin(0, start, sizeBytes);
    this.#sizeBytes = sizeBytes - start;
  }
}

export function framed(message: object): string {
  const text = JSON.stringify(message);
  return `Content-Length: ${new TextEncoder().encode(text).length}\r\n\r\n${text}`;
}

/** Parses a header; null while the header is incomplete but valid so far. @throws {FrameError} */
function readHeader(
  bytes: Uint8Array,
  mostBytes: number,
): { readonly sizeBytes: number; readonly bodyBytes: number } | null {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, MAX_HEADER_BYTES));
  const [lines] = HEADER_LINES.exec(text)!;
  const rest = text.slice(lines.length);
  if (rest.startsWith("\r\n")) {
    const [, length] = LENGTH.exec(lines) ?? [];
    if (length === undefined) throw new FrameError("The header has no Content-Length");
    if (Number(length) <= mostBytes) {
      return { sizeBytes: lines.length + 2, bodyBytes: Number(length) };
    }
    throw new FrameError(`A message of ${length} bytes is too long: at most ${mostBytes}`);
  }
  const [line, ...more] = rest.split("\n");
  const shown = `"${clip(printable(line!.trimEnd()), QUOTED_COLUMNS)}"`;
  if (more.length > 0 && !line!.endsWith("\r")) {
    throw new FrameError(`${shown} ends with LF; a header line ends with CR LF`);
  }
  const begins = line!.slice(0, BEGINNING.length).toLowerCase();
  if (more.length > 0 || line !== "\r" && !BEGINNING.startsWith(begins)) {
    throw new FrameError(
      `${shown} is not a header of the protocol, such as Content-Length: 119`,
    );
  }
  if (text.length < MAX_HEADER_BYTES) return null;
  throw new FrameError(`The header has more than ${MAX_HEADER_BYTES} bytes`);
}
