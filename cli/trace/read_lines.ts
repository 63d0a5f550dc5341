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
export interface LineSource {
  readonly name: string;
  readonly each: (sink: LineSink, progress?: ProgressSink) => Promise<void>;
}

/** @param path A file, or `-` for the standard input. */
export function lineSource(path: string): LineSource {
  if (path !== "-") {
    return { name: path, each: (sink, progress) => eachLineOfFile(path, sink, progress) };
  }
  // The standard input comes only once, and may be asked for again.
  const kept: Uint8Array<ArrayBuffer>[] = [];
  let isRead = false;
  return {
    name: "standard input",
    async each(sink) {
      if (!isRead) {
        for await (const chunk of host.stdin.readable) kept.push(chunk);
        isRead = true;
      }
      await eachLine(new Blob(kept).stream(), sink);
    },
  };
}

async function eachLineOfFile(
  path: string,
  sink: LineSink,
  progress?: ProgressSink,
): Promise<void> {
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
    await eachLine(counted, sink);
  } catch (error) {
    if (error instanceof UnreadableFile) throw error;
    throw new UnreadableFile(`Cannot read "${printable(path)}": ${hostReason(error)}`);
  }
}

async function eachLine(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  sink: LineSink,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  let number = 0;
  const take = (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) sink(line.endsWith("\r") ? line.slice(0, -1) : line, ++number);
    if (rest.length > LONGEST_LINE) rest = rest.slice(0, LONGEST_LINE);
  };
  for await (const chunk of await plain(stream)) take(decoder.decode(chunk, { stream: true }));
  take(decoder.decode());
  if (rest !== "") sink(rest.replace(/\r$/, ""), ++number);
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
