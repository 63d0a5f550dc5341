/**
 * The standard input, read by a worker.
 *
 * A search blocks this thread, so a worker reads stdin and counts pause, end and cancel requests in
 * shared memory.
 */
import { PassThrough } from "node:stream";

/** Requests of the client that the worker has read and this thread has not received yet. */
export interface Arrivals {
  /** Whether there is a request to pause or to end. */
  stops(): boolean;
  /** Whether there is a request to end. */
  ends(): boolean;
  /** Whether a request was cancelled. */
  cancels(request: number): boolean;
}

/** Requests that end the session. */
const ENDING: readonly string[] = ["terminate", "disconnect"];
/** Requests that stop the current search. */
export const STOPPING: readonly string[] = ["pause", ...ENDING];

/** What the two threads share, as numbers. */
const SLOTS = { STOPS: 0, ENDS: 1, CANCELS: 2, CANCELLED: 3, COUNT: 19 } as const;
/** The last cancelled requests, in turn. */
const MAX_CANCELLED = SLOTS.COUNT - SLOTS.CANCELLED;

/** What the other thread hands over. */
interface Handed {
  /** Null at the end. */
  readonly bytes: Uint8Array | null;
  /** How many such requests had been read by then. */
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
        // The reader of these bytes on the main thread reports the error.
      }
      text = text.slice(end);
    }
  };
  const give = (bytes) =>
    postMessage({ bytes, stops: heard[slots.STOPS], ends: heard[slots.ENDS] });
  try {
    for await (const bytes of Deno.stdin.readable) {
      follow(bytes);
      give(bytes);
    }
  } catch {
    // The client has gone.
  }
  hear({ command: ending[0] });
  give(null);
};`;

export class StdinWorker implements Arrivals {
  readonly stream: PassThrough = new PassThrough();
  readonly #heard: Int32Array;
  readonly #worker: Worker;
  #stops = 0;
  #ends = 0;

  constructor() {
    const shared = new SharedArrayBuffer(SLOTS.COUNT * Int32Array.BYTES_PER_ELEMENT);
    this.#heard = new Int32Array(shared);
    this.#worker = new Worker(`data:text/javascript,${encodeURIComponent(READER)}`, {
      type: "module",
    });
    this.#worker.onmessage = ({ data }: MessageEvent<Handed>) => this.#take(data);
    this.#worker.postMessage({
      ending: ENDING,
      mostCancelled: MAX_CANCELLED,
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
