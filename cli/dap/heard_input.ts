/**
 * The standard input, read by a thread of its own.
 *
 * A search holds this thread until it is over, and would hear of nobody who wants it to end. The
 * other thread reads on meanwhile, and counts what has come of such wishes in memory that both share.
 */
import { PassThrough } from "node:stream";
import { type HostWorker, startWorker } from "../host.ts";

/** What has come in from a client that this thread has not been handed yet. */
export interface Arrivals {
  /** Somebody wants what goes on to stop: a pause, or the end. */
  stops(): boolean;
  /** Somebody wants the end. */
  ends(): boolean;
  /** Whether nobody wants the answer to a request any more. */
  cancels(request: number): boolean;
}

/** Requests that end the session. */
const ENDING: readonly string[] = ["terminate", "disconnect"];
/** Requests that want what goes on to stop. */
export const STOPPING: readonly string[] = ["pause", ...ENDING];

/** What the two threads share, as numbers. */
const SLOTS = { STOPS: 0, ENDS: 1, CANCELS: 2, CANCELLED: 3, COUNT: 19 } as const;
/** The last requests that nobody wants an answer to any more, in turn. */
const MOST_CANCELLED = SLOTS.COUNT - SLOTS.CANCELLED;

/** What the other thread hands over. */
interface Handed {
  /** Null at the end. */
  readonly bytes: Uint8Array | null;
  /** How many wishes had come by then. */
  readonly stops: number;
  readonly ends: number;
}

const READER = String
  .raw`onmessage = async ({ data: { ending, mostCancelled, shared, slots, stopping } }) => {
  const heard = new Int32Array(shared);
  const latin = new TextDecoder("latin1");
  let text = "";
  const hear = ({ arguments: args, command }) => {
    if (stopping.includes(command)) Atomics.add(heard, slots.STOPS, 1);
    if (ending.includes(command)) Atomics.add(heard, slots.ENDS, 1);
    if (command === "cancel") {
      const turn = Atomics.add(heard, slots.CANCELS, 1) % mostCancelled;
      Atomics.store(heard, slots.CANCELLED + turn, args?.requestId ?? 0);
    }
  };
  const follow = (bytes) => {
    text += latin.decode(bytes);
    for (;;) {
      const head = /Content-Length: *(\d+)[^]*?\r\n\r\n/i.exec(text);
      if (head === null) {
        text = text.slice(-4096);
        return;
      }
      const start = head.index + head[0].length;
      const end = start + Number(head[1]);
      if (text.length < end) return;
      try {
        hear(JSON.parse(text.slice(start, end)));
      } catch {
        // Who is handed the bytes tells of it.
      }
      text = text.slice(end);
    }
  };
  const give = (bytes) =>
    postMessage({ bytes, stops: heard[slots.STOPS], ends: heard[slots.ENDS] });
  const input = globalThis.inputStream?.() ?? Deno.stdin.readable;
  try {
    for await (const bytes of input) {
      follow(bytes);
      give(bytes);
    }
  } catch {
    // The client has gone.
  }
  hear({ command: ending[0] });
  give(null);
};`;

export class HeardInput implements Arrivals {
  readonly stream: PassThrough = new PassThrough();
  readonly #heard: Int32Array;
  readonly #worker: HostWorker;
  #stops = 0;
  #ends = 0;

  constructor() {
    const shared = new SharedArrayBuffer(SLOTS.COUNT * Int32Array.BYTES_PER_ELEMENT);
    this.#heard = new Int32Array(shared);
    this.#worker = startWorker(`data:text/javascript,${encodeURIComponent(READER)}`);
    this.#worker.onmessage = ({ data }: MessageEvent<Handed>) => this.#take(data);
    this.#worker.postMessage({
      ending: ENDING,
      mostCancelled: MOST_CANCELLED,
      shared,
      slots: SLOTS,
      stopping: STOPPING,
    });
  }

  #take({ bytes, ends, stops }: Handed): void {
    this.#stops = stops;
    this.#ends = ends;
    if (bytes === null) this.stream.end();
    else this.stream.write(bytes);
  }

  stops(): boolean {
    return Atomics.load(this.#heard, SLOTS.STOPS) > this.#stops;
  }

  ends(): boolean {
    return Atomics.load(this.#heard, SLOTS.ENDS) > this.#ends;
  }

  cancels(request: number): boolean {
    for (let slot = SLOTS.CANCELLED; slot < SLOTS.COUNT; slot++) {
      if (Atomics.load(this.#heard, slot) === request) return true;
    }
    return false;
  }

  /** Reads no more: else the process would not end. */
  close(): void {
    this.#worker.terminate();
    this.stream.destroy();
  }
}
