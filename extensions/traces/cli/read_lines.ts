/**
 * Reads lines of files of any size: plain or gzip, or the standard input.
 *
 * A recorded trace or log is untrusted text, and contains names of tasks and devices. Therefore
 * this module replaces control characters by visible symbols before the text is printed or
 * exported.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { formatSize } from "@dmalab/lang/text";
import type { ExitCode } from "@dmalab/cli/exit_code";
import { refuse, type Screen } from "@dmalab/cli/extend";
import {
  FileError,
  findHostFile,
  host,
  HostMemoryWatch,
  hostReason,
  INPUT_CHUNK_BYTES,
  READ_LIMITS,
  Spool,
} from "@dmalab/cli";
import { type LineBatch, LineBuffer } from "../line/line_batch.ts";
import { TraceLine } from "../line/trace_line.ts";

/** A file that cannot be read. The message gives the reason, without a full stop. */
export class UnreadableFile extends Error {}

/**
 * Runs a task that reads files. If a file cannot be read, prints the reason and returns an error
 * code.
 */
export async function refusingUnreadable(
  screen: Screen,
  task: () => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof UnreadableFile) return refuse(error.message, screen);
    throw error;
  }
}

type Chunk = Uint8Array<ArrayBuffer>;
/** Bytes of a stream, in chunks. A chunk is only valid until the next chunk is requested. */
type Chunks = AsyncIterable<Chunk>;

/** Receives each line and its number, from 1. The line object is reused for the next line. */
export type LineSink = (line: TraceLine, number: number) => void;

/** Receives from time to time how many bytes of a file have been read. */
export type ProgressSink = (bytes: number, ofBytes: number | null) => void;

export interface BatchOptions {
  readonly progress?: ProgressSink | undefined;
  /**
   * Called after every batch of some hundred lines.
   * @returns A promise to await before reading the next batch, or null.
   */
  readonly afterBatch?: () => Promise<void> | null;
}

/** A source of lines that may be read more than once. */
export class LineSource {
  /** Number of lines in the last pass, and of carriage returns within them. */
  #lines = 0;
  #returns = 0;

  /**
   * @param batches Starts a new pass from the first line. A batch is only valid until the next batch
   *   is requested.
   */
  constructor(
    readonly name: string,
    readonly batches: (progress?: ProgressSink) => AsyncIterable<LineBatch>,
  ) {}

  /** Reads the source to its end. @throws {UnreadableFile} */
  async each(sink: LineSink, { progress, afterBatch }: BatchOptions = {}): Promise<void> {
    const heap = new LeanHeap();
    const line = new TraceLine();
    let number = 0;
    const take = () => sink(line, ++number);
    this.#returns = 0;
    for await (const batch of this.batches(progress)) {
      batch.each(line, take);
      const waits = afterBatch?.();
      if (waits != null) await waits;
      this.#returns += batch.returns;
      heap.look();
    }
    this.#lines = number;
  }

  /**
   * The reason why the whole file looks like one line: its lines end in carriage returns. Null for
   * other files.
   */
  get returnsProblem(): string | null {
    if (this.#returns === 0 || this.#returns < 2 * this.#lines - 1) return null;
    return "its lines end in carriage returns alone; to read them: " +
      "tr '\\r' '\\n' < FILE, and - in place of FILE";
  }
}

/** Number of batches, of about 500 lines each, between two checks of the heap size. */
const LOOK_BATCHES = 64;
/**
 * Heap size from which garbage is collected explicitly. Otherwise the engine would let the heap grow
 * to several times this size.
 */
const LEAN_BYTES = 2 ** 27;

/**
 * Collects garbage early, because most data kept from a line is dropped some thousand lines later.
 */
class LeanHeap {
  readonly #memory = new HostMemoryWatch();
  #batches = 0;
  #mostBytes = LEAN_BYTES;

  /** Counts a batch and, every {@linkcode LOOK_BATCHES} batches, checks the heap size. */
  look(): void {
    if (++this.#batches % LOOK_BATCHES !== 0 || this.#memory.takenBytes() < this.#mostBytes) return;
    this.#mostBytes = Math.max(LEAN_BYTES, 3 * this.#memory.collect());
  }
}

/** How much of the standard input is read, and the advice for larger input. */
interface InputLimit {
  readonly mostBytes: number;
  readonly instead: string;
}

const TRACE_INPUT: InputLimit = {
  mostBytes: READ_LIMITS.traceSpool,
  instead: "name the file",
};

export const LOG_INPUT: InputLimit = {
  mostBytes: READ_LIMITS.text,
  instead: "`dmalab trace check` takes larger logs",
};

/** @param path A file, or `-` for the standard input. */
export function lineSource(path: string, inputLimit = TRACE_INPUT): LineSource {
  if (path !== "-") {
    return new LineSource(printable(path), (progress) => linesOfFile(path, progress));
  }
  // The standard input can be read only once, so it is kept for further passes.
  let kept: (() => Chunks) | null = null;
  return new LineSource("standard input", () => {
    kept ??= keepInput(inputLimit);
    return linesOf(kept(), "the standard input");
  });
}

/** The lines of a text, such as a pasted line. */
export function textSource(name: string, text: string): LineSource {
  const bytes = new TextEncoder().encode(text);
  const chunks = async function* () {
    yield bytes;
  };
  return new LineSource(name, () => linesOf(chunks(), name));
}

/**
 * All lines of a log.
 * @param path A file, or `-` for the standard input.
 * @throws {UnreadableFile}
 */
export async function textOf(path: string): Promise<string> {
  const source = lineSource(path, LOG_INPUT);
  const lines: string[] = [];
  let length = 0;
  await source.each(({ text }) => {
    length += text.length + 1;
    if (length <= READ_LIMITS.text) lines.push(text);
  });
  if (length > READ_LIMITS.text) {
    const most = formatSize(READ_LIMITS.text);
    throw new UnreadableFile(`"${source.name}" has more than ${most}: ${LOG_INPUT.instead}`);
  }
  if (source.returnsProblem !== null) {
    throw new UnreadableFile(`"${source.name}": ${source.returnsProblem}`);
  }
  return lines.join("\n");
}

/**
 * Reads the standard input to its end and keeps the bytes.
 * @returns A function that returns the chunks, any number of times.
 */
function keepInput({ mostBytes, instead }: InputLimit): () => Chunks {
  const chunks: Chunk[] = [];
  let spool: Spool | null = null;
  let sizeBytes = 0;
  try {
    // One buffer is reused for all reads. A stream would make a new buffer for each chunk, and much
    // of this garbage would pile up before it is collected.
    const buffer = new Uint8Array(INPUT_CHUNK_BYTES);
    for (;;) {
      const count = host.stdin.readSync(buffer);
      if (count === null) break;
      const chunk = buffer.subarray(0, count);
      sizeBytes += count;
      if (sizeBytes > mostBytes) {
        const most = formatSize(mostBytes);
        throw new UnreadableFile(`The standard input has more than ${most}: ${instead}`);
      }
      if (sizeBytes > READ_LIMITS.traceInput && spool === null) {
        spool = new Spool();
        for (const each of chunks.splice(0)) spool.write(each);
      }
      if (spool === null) chunks.push(chunk.slice());
      else spool.write(chunk);
    }
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    throw new UnreadableFile(
      `The standard input has more than memory should keep; ${error.message}: name the file instead`,
    );
  }
  const whole = spool;
  return async function* () {
    if (whole === null) yield* chunks;
    else yield* chunksOf(whole.read());
  };
}

async function* linesOfFile(path: string, progress?: ProgressSink): AsyncGenerator<LineBatch> {
  const found = findHostFile(path);
  if (!found.found) throw new UnreadableFile(found.problem);
  try {
    const file = host.openSync(found.realPath);
    const take = (bytes: number) => progress?.(bytes, found.sizeBytes);
    yield* linesOf(chunksOf(file, take), `"${printable(path)}"`);
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    throw new UnreadableFile(`Cannot read "${printable(path)}": ${hostReason(error)}`);
  }
}

/**
 * All chunks of a file, which is closed afterwards.
 * @param take Receives the number of bytes read so far.
 */
async function* chunksOf(
  file: Deno.FsFile,
  take: (bytes: number) => void = () => {},
): AsyncGenerator<Chunk> {
  using open = file;
  const buffer = new Uint8Array(INPUT_CHUNK_BYTES);
  let bytes = 0;
  for (;;) {
    const count = open.readSync(buffer);
    if (count === null) return;
    bytes += count;
    take(bytes);
    yield buffer.subarray(0, count);
  }
}

async function* linesOf(
  chunks: Chunks,
  shown: string,
): AsyncGenerator<LineBatch> {
  const buffer = new LineBuffer(READ_LIMITS.traceLine);
  let count = 0;
  for await (const chunk of utf8(unpacked(chunks, shown, () => count))) {
    // Unpacked data arrives in one large chunk. It is split, because each of its bytes could be a
    // line.
    for (let from = 0; from < chunk.length; from += INPUT_CHUNK_BYTES) {
      const batch = buffer.push(chunk.subarray(from, from + INPUT_CHUNK_BYTES));
      count += batch.count;
      yield batch;
    }
  }
  yield buffer.end();
}

/**
 * Returns the first bytes of the input (`head`), and a stream of the whole input. The head has
 * fewer than `leastBytes` bytes only if the input is shorter than that.
 */
async function peek(chunks: Chunks, leastBytes: number): Promise<{ head: Chunk; all: Chunks }> {
  const iterator = chunks[Symbol.asyncIterator]();
  let head: Chunk = new Uint8Array();
  while (head.length < leastBytes) {
    const { done, value } = await iterator.next();
    if (done === true) break;
    head = joined(head, value);
  }
  const all = async function* () {
    try {
      yield head;
      for (;;) {
        const { done, value } = await iterator.next();
        if (done === true) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  };
  return { head, all: all() };
}

function joined(head: Chunk, more: Chunk): Chunk {
  const all = new Uint8Array(head.length + more.length);
  all.set(head);
  all.set(more, head.length);
  return all;
}

/**
 * Recognises encodings by the byte order mark at the beginning of a text, or by the zero bytes of
 * its first characters.
 */
const ENCODINGS: readonly (readonly [name: string, begins: (head: Chunk) => boolean])[] = [
  [
    "utf-16le",
    ([a, b, c, d]) => a === 0xff && b === 0xfe || a !== 0 && b === 0 && c !== 0 && d === 0,
  ],
  [
    "utf-16be",
    ([a, b, c, d]) => a === 0xfe && b === 0xff || a === 0 && b !== 0 && c === 0 && d !== 0,
  ],
];
const UTF8_MARK = [0xef, 0xbb, 0xbf];

/**
 * Converts text to UTF-8 without a byte order mark. This is needed because a Windows shell writes
 * UTF-16 to a redirected output.
 */
async function* utf8(chunks: Chunks): AsyncGenerator<Chunk> {
  const { head, all } = await peek(chunks, 4);
  const encoding = ENCODINGS.find(([, begins]) => head.length >= 4 && begins(head))?.[0];
  if (encoding === undefined) {
    let skipped = UTF8_MARK.every((byte, index) => head[index] === byte) ? UTF8_MARK.length : 0;
    for await (const chunk of all) {
      yield chunk.subarray(skipped);
      skipped = 0;
    }
    return;
  }
  const [decoder, encoder] = [new TextDecoder(encoding), new TextEncoder()];
  for await (const chunk of all) yield encoder.encode(decoder.decode(chunk, { stream: true }));
  yield encoder.encode(decoder.decode());
}

const GZIP = [0x1f, 0x8b];

/** Decompresses input that begins like gzip, whatever its name; concatenated gzip files are read as one. */
async function* unpacked(
  chunks: Chunks,
  shown: string,
  lines: () => number,
): AsyncGenerator<Chunk> {
  const { head, all } = await peek(chunks, GZIP.length);
  if (!GZIP.every((byte, index) => head[index] === byte)) {
    yield* all;
    return;
  }
  // Loaded on demand: plain text does not need it.
  const { createGunzip } = await import("node:zlib");
  const gunzip = createGunzip({ chunkSize: INPUT_CHUNK_BYTES });
  const ready: Chunk[] = [];
  gunzip.on("data", (chunk: Chunk) => ready.push(chunk));
  const failed = new Promise<never>((_, reject) => gunzip.on("error", reject));
  failed.catch(() => {});
  let [packedBytes, bytes] = [0, 0];
  const take = function* () {
    for (const chunk of ready.splice(0)) {
      bytes += chunk.length;
      // A few compressed bytes can expand to terabytes of one letter.
      if (bytes > Math.max(READ_LIMITS.unpacked, READ_LIMITS.unpackedTimes * packedBytes)) {
        throw new UnreadableFile(
          `Cannot read ${shown}: it unpacks to more than ${READ_LIMITS.unpackedTimes} times its ` +
            "size; unpack it with gunzip if it is a trace",
        );
      }
      yield chunk;
    }
  };
  try {
    for await (const piece of inPieces(all)) {
      packedBytes += piece.length;
      const written = new Promise<void>((resolve) => gunzip.write(piece, () => resolve()));
      await Promise.race([written, failed]);
      yield* take();
    }
    const ended = new Promise<void>((resolve) => gunzip.on("end", () => resolve()));
    gunzip.end();
    await Promise.race([ended, failed]);
    yield* take();
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    yield* take();
    throw new UnreadableFile(
      `Cannot read ${shown}: its gzip data is cut or damaged, and could be unpacked as far as line ` +
        `${lines()}; to check that part: gunzip -c FILE | dmalab trace check -`,
    );
  }
}

/** Size of the pieces in which packed bytes are decompressed: they may expand a thousandfold. */
const UNPACKED_AT_ONCE_BYTES = 2 ** 13;

async function* inPieces(chunks: Chunks): AsyncGenerator<Chunk> {
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += UNPACKED_AT_ONCE_BYTES) {
      yield chunk.subarray(from, from + UNPACKED_AT_ONCE_BYTES);
    }
  }
}
