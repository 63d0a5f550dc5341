/** Lines of files however large: plain or gzip, or the standard input. */
import { printable } from "../../lang/diagnostics/display_width.ts";
import { host } from "../host.ts";
import { hostReason } from "../host_error.ts";
import { findHostFile } from "../host_file.ts";

/** A file that cannot be read, and why: a sentence without its end. */
export class UnreadableFile extends Error {}

/** Longer lines are cut: nothing that is read here has them, and memory stays constant. */
const LONGEST_LINE = 1 << 20;
const GZIP = [0x1f, 0x8b];

/** Told of each line without its end, and its number from 1. */
export type LineSink = (text: string, number: number) => void;

/** Told now and then how many bytes of a file have been read. */
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
    let number = 0;
    for await (const batch of this.lines(progress)) {
      for (const line of batch) sink(line, ++number);
    }
  }
}

/** @param path A file, or `-` for the standard input. */
export function lineSource(path: string): LineSource {
  if (path !== "-") return new LineSource(path, (progress) => linesOfFile(path, progress));
  // The standard input comes only once, and may be asked for again.
  const kept: Uint8Array<ArrayBuffer>[] = [];
  let isRead = false;
  return new LineSource("standard input", async function* () {
    if (!isRead) {
      for await (const chunk of host.stdin.readable) kept.push(chunk);
      isRead = true;
    }
    yield* linesOf(new Blob(kept).stream());
  });
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
  const counted = file.readable.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>({
      transform(chunk, controller) {
        bytes += chunk.length;
        progress?.(bytes, size);
        controller.enqueue(chunk as Uint8Array<ArrayBuffer>);
      },
    }),
  );
  try {
    yield* linesOf(counted);
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    throw new UnreadableFile(`Cannot read "${printable(path)}": ${hostReason(error)}`);
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  let rest = "";
  const take = (text: string): readonly string[] => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    if (rest.length > LONGEST_LINE) rest = rest.slice(0, LONGEST_LINE);
    return lines.map(withoutReturn);
  };
  for await (const chunk of await plain(stream)) {
    yield take(decoder.decode(chunk, { stream: true }));
  }
  yield take(decoder.decode());
  if (rest !== "") yield [withoutReturn(rest)];
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** Unpacks what begins like gzip, whatever its name. */
async function plain(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = stream.getReader();
  const first = await reader.read();
  const whole = new ReadableStream<Uint8Array<ArrayBuffer>>({
    start(controller) {
      if (first.value !== undefined) controller.enqueue(first.value);
      if (first.done) controller.close();
    },
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel(reason) {
      await reader.cancel(reason);
    },
  });
  const isGzip = GZIP.every((byte, index) => first.value?.[index] === byte);
  return isGzip ? whole.pipeThrough(new DecompressionStream("gzip")) : whole;
}
