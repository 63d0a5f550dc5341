/**
 * Lines of files however large: plain or gzip, or the standard input.
 *
 * What a machine has recorded is text of strangers, names of tasks and devices among it: control
 * characters become pictures here, before anything prints or exports them.
 */
import { hasUnprintable, printable } from "../../lang/diagnostics/display_width.ts";
import { formatSize } from "../../lang/text/numbers.ts";
import { READ_LIMITS } from "../files/file_limits.ts";
import { host } from "../host.ts";
import { hostReason } from "../host_error.ts";
import { findHostFile } from "../host_file.ts";

/** A file that cannot be read, and why: a sentence without its end. */
export class UnreadableFile extends Error {}

const GZIP = [0x1f, 0x8b];

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
    let number = 0;
    for await (const batch of this.lines(progress)) {
      for (const line of batch) sink(line, ++number);
    }
  }
}

/** @param path A file, or `-` for the standard input. */
export function lineSource(path: string): LineSource {
  if (path !== "-") {
    return new LineSource(printable(path), (progress) => linesOfFile(path, progress));
  }
  // The standard input comes only once, and may be asked for again.
  const kept: Uint8Array<ArrayBuffer>[] = [];
  let isRead = false;
  return new LineSource("standard input", async function* () {
    if (!isRead) {
      let sizeBytes = 0;
      for await (const chunk of host.stdin.readable) {
        kept.push(chunk);
        if ((sizeBytes += chunk.length) > READ_LIMITS.traceInput) throw tooMuchInput();
      }
      isRead = true;
    }
    yield* linesOf(new Blob(kept).stream(), "the standard input");
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
    yield* linesOf(counted, `"${printable(path)}"`);
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    throw new UnreadableFile(`Cannot read "${printable(path)}": ${hostReason(error)}`);
  }
}

function tooMuchInput(): UnreadableFile {
  const most = formatSize(READ_LIMITS.traceInput);
  return new UnreadableFile(
    `The standard input has more than ${most}: name the file, which is read in parts`,
  );
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  shown: string,
): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  const { traceLine: longest } = READ_LIMITS;
  let rest = "";
  const take = (text: string): readonly string[] => {
    // Of a line that is too long only the end is looked for: nothing that is read here has such lines.
    const from = rest.length < longest ? 0 : text.indexOf("\n");
    if (from < 0) return [];
    const lines = (rest + text.slice(from)).split("\n");
    rest = lines.pop()!.slice(0, longest);
    return lines.map(withoutReturn).map((line) => hasUnprintable(line) ? printable(line) : line);
  };
  for await (const chunk of await plain(stream, shown)) {
    yield take(decoder.decode(chunk, { stream: true }));
  }
  yield take(decoder.decode());
  if (rest !== "") yield [printable(withoutReturn(rest))];
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

/** Unpacks what begins like gzip, whatever its name. */
async function plain(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  shown: string,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const reader = stream.getReader();
  const first = await reader.read();
  let packedBytes = first.value?.length ?? 0;
  const whole = new ReadableStream<Uint8Array<ArrayBuffer>>({
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
  const isGzip = GZIP.every((byte, index) => first.value?.[index] === byte);
  if (!isGzip) return whole;
  const bounded = boundedUnpacking(() => packedBytes, shown);
  return whole.pipeThrough(new DecompressionStream("gzip")).pipeThrough(bounded);
}

/** Ends what unpacks to far more than traces do: a few bytes can hold terabytes of one letter. */
function boundedUnpacking(packedBytes: () => number, shown: string) {
  const { unpacked, unpackedTimes } = READ_LIMITS;
  let bytes = 0;
  return new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      bytes += chunk.length;
      if (bytes > Math.max(unpacked, unpackedTimes * packedBytes())) {
        throw new UnreadableFile(
          `Cannot read ${shown}: it unpacks to more than ${unpackedTimes} times its size; ` +
            "unpack it with gunzip if it is a trace",
        );
      }
      controller.enqueue(chunk);
    },
  });
}
