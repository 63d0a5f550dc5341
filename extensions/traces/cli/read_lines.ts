/**
 * Lines of files however large: plain or gzip, or the standard input.
 *
 * What a machine has recorded is text of strangers, names of tasks and devices among it: control
 * characters become pictures here, before anything prints or exports them.
 */
import { hasUnprintableText, printable } from "@dmalab/lang/diagnostics";
import { formatSize } from "@dmalab/lang/text";
import type { ExitCode } from "@dmalab/cli/exit_code";
import { refuse, type Screen } from "@dmalab/cli/extend";
import { FileError, READ_LIMITS, Spool } from "@dmalab/cli/files";
import { findHostFile, host, HostMemoryWatch, hostReason, INPUT_CHUNK_BYTES } from "@dmalab/cli";

/** A file that cannot be read, and why: a sentence without its end. */
export class UnreadableFile extends Error {}

/** Does what reads files: of one that cannot be read, the reason is printed. */
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

const GZIP = [0x1f, 0x8b];

type Chunk = Uint8Array<ArrayBuffer>;

/** Receives each line without its end, and its number from 1. */
export type LineSink = (text: string, number: number) => void;

/** Receives from time to time how many bytes of a file have been read. */
export type ProgressSink = (bytes: number, ofBytes: number | null) => void;

/** A source of lines that may be read more than once. */
export class LineSource {
  /** @param lines Its lines from the first one on, without their ends, in batches. */
  constructor(
    readonly name: string,
    readonly lines: (progress?: ProgressSink) => AsyncIterable<readonly string[]>,
  ) {}

  /** Reads it to its end. @throws {UnreadableFile} */
  async each(sink: LineSink, progress?: ProgressSink): Promise<void> {
    const heap = new LeanHeap();
    let number = 0;
    for await (const batch of this.lines(progress)) {
      for (const line of batch) sink(line, ++number);
      heap.look();
    }
  }
}

/** Between two looks at the heap: batches, of about 500 lines each. */
const LOOK_BATCHES = 64;
/** Garbage of so many bytes is collected, which the engine would let grow to several times that. */
const LEAN_BYTES = 3 * 2 ** 24;

/** Collects garbage early: most of what is made of a line is dropped with the next ones. */
export class LeanHeap {
  readonly #memory = new HostMemoryWatch();
  #batches = 0;
  #mostBytes = LEAN_BYTES;

  /** Another batch was read. */
  look(): void {
    if (++this.#batches % LOOK_BATCHES !== 0 || this.#memory.takenBytes() < this.#mostBytes) return;
    this.#mostBytes = Math.max(LEAN_BYTES, 2 * this.#memory.collect());
  }
}

/** A stream that is read as it grows. */
export interface FollowedSource {
  /** @param take Receives the bytes before their lines. */
  readonly lines: (take: (bytes: Chunk) => void) => AsyncIterable<readonly string[]>;
  /** Ends it, though it goes on. */
  readonly stop: () => void;
}

/** @param path A file, a pipe or a device that is read until it ends, or `-`. @throws {UnreadableFile} */
export function followedSource(path: string): FollowedSource {
  const stopped = new AbortController();
  const shown = path === "-" ? "the standard input" : `"${printable(path)}"`;
  return {
    stop: () => stopped.abort(),
    lines: async function* (take) {
      try {
        const input = path === "-" ? host.stdin.readable : (await host.open(path)).readable;
        const whole = new TransformStream<Uint8Array, Chunk>();
        yield* linesOf(input.pipeThrough(whole, { signal: stopped.signal }), shown, take);
      } catch (error) {
        if (stopped.signal.aborted) return;
        if (error instanceof UnreadableFile) throw error;
        throw new UnreadableFile(`Cannot read ${shown}: ${hostReason(error)}`);
      }
    },
  };
}

/** @param path A file, or `-` for the standard input. */
export function lineSource(path: string): LineSource {
  if (path !== "-") {
    return new LineSource(printable(path), (progress) => linesOfFile(path, progress));
  }
  // The standard input comes only once, and may be asked for again.
  let kept: Promise<() => ReadableStream<Chunk>> | null = null;
  return new LineSource("standard input", async function* () {
    const open = await (kept ??= keepInput());
    yield* linesOf(open(), "the standard input");
  });
}

/** Reads the standard input to its end. @returns What gives it, any time. */
async function keepInput(): Promise<() => ReadableStream<Chunk>> {
  const chunks: Chunk[] = [];
  let spool: Spool | null = null;
  let sizeBytes = 0;
  try {
    // One buffer: chunks of a stream would be garbage, of which much piles up before it is collected.
    const buffer = new Uint8Array(INPUT_CHUNK_BYTES);
    for (;;) {
      const count = await host.stdin.read(buffer);
      if (count === null) break;
      const chunk = buffer.subarray(0, count);
      sizeBytes += count;
      if (sizeBytes > READ_LIMITS.traceSpool) {
        const most = formatSize(READ_LIMITS.traceSpool);
        throw new UnreadableFile(
          `The standard input has more than ${most}: name the file, or follow it with \`trace watch\``,
        );
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
  return whole === null ? () => new Blob(chunks).stream() : () => whole.read();
}

async function* linesOfFile(
  path: string,
  progress?: ProgressSink,
): AsyncGenerator<readonly string[]> {
  const found = findHostFile(path);
  if (!found.found) throw new UnreadableFile(found.problem);
  const file = await host.open(found.realPath);
  const size = found.sizeBytes;
  let bytes = 0;
  const counted = file.readable.pipeThrough(seen((chunk) => {
    bytes += chunk.length;
    progress?.(bytes, size);
  }));
  try {
    yield* linesOf(counted, `"${printable(path)}"`);
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    throw new UnreadableFile(`Cannot read "${printable(path)}": ${hostReason(error)}`);
  }
}

async function* linesOf(
  stream: ReadableStream<Chunk>,
  shown: string,
  see: (bytes: Chunk) => void = () => {},
): AsyncGenerator<readonly string[]> {
  let decoder: TextDecoder | null = null;
  const { traceLine: longest } = READ_LIMITS;
  let rest = "";
  const take = (text: string): readonly string[] => {
    // Of a line that is too long only the end is looked for: nothing that is read here has such lines.
    const from = rest.length < longest ? 0 : text.indexOf("\n");
    if (from < 0) return [];
    const whole = rest + text.slice(from);
    const lines = whole.split("\n");
    rest = lines.pop()!.slice(0, longest);
    // One look at all lines is cheaper than one at each.
    if (!hasUnprintableText(whole)) return lines;
    return lines.map((line) => printable(withoutReturn(line)));
  };
  const { bytes, isPacked } = await plain(stream, shown);
  let count = 0;
  const unpacked = isPacked ? whileWhole(bytes, shown, () => count) : bytes;
  for await (const chunk of unpacked) {
    see(chunk);
    // What is unpacked comes in one chunk, of which each byte may be a line.
    for (let from = 0; from < chunk.length; from += INPUT_CHUNK_BYTES) {
      const part = chunk.subarray(from, from + INPUT_CHUNK_BYTES);
      decoder ??= new TextDecoder(encodingOf(part));
      const lines = take(decoder.decode(part, { stream: true }));
      count += lines.length;
      yield lines;
    }
  }
  yield take(decoder?.decode() ?? "");
  if (rest !== "") yield [printable(withoutReturn(rest))];
}

/** Says how far a packed file could be read that is cut or damaged. @param lines How many there were. */
async function* whileWhole(
  bytes: ReadableStream<Chunk>,
  shown: string,
  lines: () => number,
): AsyncGenerator<Chunk> {
  try {
    yield* bytes;
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    throw new UnreadableFile(
      `Cannot read ${shown}: its gzip data is cut or damaged, and could be unpacked as far as line ` +
        `${lines()}; to check that part: gunzip -c FILE | dmalab trace check -`,
    );
  }
}

/** UTF-16, as a shell of Windows writes what it redirects, begins with its mark. */
function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** Unpacks what begins like gzip, whatever its name. */
async function plain(
  stream: ReadableStream<Chunk>,
  shown: string,
): Promise<
  { readonly bytes: ReadableStream<Chunk>; readonly isPacked: boolean }
> {
  const reader = stream.getReader();
  const first = await reader.read();
  let packedBytes = first.value?.length ?? 0;
  const whole = new ReadableStream<Chunk>({
    start(controller) {
      if (first.value !== undefined) controller.enqueue(first.value);
      if (first.done) controller.close();
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      packedBytes += value?.length ?? 0;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      await reader.cancel(reason);
    },
  });
  const isPacked = GZIP.every((byte, index) => first.value?.[index] === byte);
  if (!isPacked) return { bytes: whole, isPacked };
  const bounded = boundedUnpacking(() => packedBytes, shown);
  const bytes = whole.pipeThrough(inPieces()).pipeThrough(new DecompressionStream("gzip"))
    .pipeThrough(bounded);
  return { bytes, isPacked };
}

/** Bytes that are unpacked at once: they may become a thousand times as many. */
const UNPACKED_AT_ONCE_BYTES = 2 ** 13;

function inPieces() {
  return new TransformStream<Chunk, Chunk>({
    transform(chunk, controller) {
      for (let from = 0; from < chunk.length; from += UNPACKED_AT_ONCE_BYTES) {
        controller.enqueue(chunk.subarray(from, from + UNPACKED_AT_ONCE_BYTES));
      }
    },
  });
}

/** Ends what unpacks to far more than traces do: a few bytes can hold terabytes of one letter. */
function boundedUnpacking(packedBytes: () => number, shown: string) {
  const { unpacked, unpackedTimes } = READ_LIMITS;
  let bytes = 0;
  return seen((chunk) => {
    bytes += chunk.length;
    if (bytes > Math.max(unpacked, unpackedTimes * packedBytes())) {
      throw new UnreadableFile(
        `Cannot read ${shown}: it unpacks to more than ${unpackedTimes} times its size; ` +
          "unpack it with gunzip if it is a trace",
      );
    }
  });
}

/** Passes each chunk on, behind a look at it. */
function seen(look: (chunk: Uint8Array) => void) {
  return new TransformStream<Uint8Array, Chunk>({
    transform(chunk, controller) {
      look(chunk);
      controller.enqueue(chunk as Chunk);
    },
  });
}
