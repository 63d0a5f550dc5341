/**
 * The lines of the process's input, where it is no terminal. Not by Node's `readline`: a start that
 * loads it takes twice the time.
 */
import { host } from "../host.ts";

const CHUNK_BYTES = 1 << 16;

/** A carriage return that ends a text may be half of a line end. */
const LINE_END = /\r\n|\n|\r(?!$)/;

/** Lines without their ends, the last one with or without one. */
export async function* pipedLines(): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(CHUNK_BYTES);
  let rest = "";
  for (;;) {
    const length = await host.stdin.read(chunk);
    rest += decoder.decode(chunk.subarray(0, length ?? 0), { stream: length !== null });
    const lines = rest.split(LINE_END);
    rest = lines.pop()!;
    yield* lines;
    if (length === null) break;
  }
  if (rest !== "") yield rest.replace(/\r$/, "");
}

/** Waits for the first of some lines. @returns All of them; null when there is none. */
export async function begunLines(
  lines: AsyncGenerator<string>,
): Promise<AsyncGenerator<string> | null> {
  const first = await lines.next();
  return first.done === true ? null : withFirst(first.value, lines);
}

async function* withFirst(first: string, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  yield first;
  yield* rest;
}
