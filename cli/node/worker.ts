/**
 * Workers of the web on Node, by its threads: what Deno has as `Worker`, as far as this program uses
 * it. A worker finds `self`, `onmessage` and `postMessage`, and what Node gives it under no name of
 * the web: `inputStream()`, its own way to the standard input, and `addSignalListener()`.
 *
 * Node hands signals to the main thread alone, which hears none while it runs a scenario. The class
 * below Node's own `process.on` hears them in any thread. A Node without that class, or one that does
 * not let a program have it, leaves a signal what it is by itself: the end of the process.
 */
import { Worker as Thread } from "node:worker_threads";

const WORLD = `
const { constants } = require("node:os");
const { createReadStream, fstatSync } = require("node:fs");
const { Socket } = require("node:net");
const { parentPort } = require("node:worker_threads");

process.noDeprecation = true;
const listeners = [];
globalThis.self = globalThis;
globalThis.onmessage = null;
globalThis.postMessage = (data) => parentPort.postMessage(data);
const signalClass = () => {
  try {
    return process.binding("signal_wrap").Signal ?? null;
  } catch {
    return null;
  }
};
globalThis.addSignalListener = (name, heard) => {
  const Signal = signalClass();
  if (Signal === null) return;
  const signal = new Signal();
  signal.onsignal = heard;
  signal.start(constants.signals[name]);
  listeners.push(signal);
};
globalThis.inputStream = () => {
  const info = fstatSync(0);
  return info.isFIFO() || info.isSocket()
    ? new Socket({ fd: 0, readable: true, writable: false })
    : createReadStream("", { fd: 0, autoClose: false });
};
`;

/** A worker, started from an address. */
export class NodeWorker {
  /** Called with each message of the worker. */
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  /** Called with an error that the worker did not catch; null throws it here. */
  onerror: ((event: { readonly message: string; preventDefault(): void }) => void) | null = null;
  readonly #thread: Thread;

  /**
   * Starts a worker.
   *
   * @param url The program that it runs.
   */
  constructor(url: string | URL) {
    // Messages wait until the program is there to take them.
    const start = `import(${JSON.stringify(String(url))}).then(() =>
  parentPort.on("message", (data) => globalThis.onmessage({ data })));`;
    this.#thread = new Thread(WORLD + start, { eval: true });
    this.#thread.on("message", (data) => this.onmessage?.({ data }));
    this.#thread.on("error", (error) => {
      if (this.onerror === null) throw error;
      const message = error instanceof Error ? error.message : String(error);
      this.onerror({ message, preventDefault: () => {} });
    });
  }

  /** Sends the worker a message. */
  postMessage(data: unknown): void {
    this.#thread.postMessage(data);
  }

  /** Ends the worker at once. */
  terminate(): void {
    void this.#thread.terminate();
  }
}
