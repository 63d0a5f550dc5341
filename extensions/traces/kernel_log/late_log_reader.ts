/**
 * The reader of kernel logs, loaded only when the first line appears that may be a log line. Its message
 * table is a third of all modules that a check of a trace loads, and most traces have no log line.
 */
import { InvariantError } from "@dmalab/runtime/basics";
import type { KernelLogReader, KernelLogSink } from "./kernel_log_reader.ts";

let loaded: typeof import("./kernel_log_reader.ts") | null = null;

/** Loads the reader; after that, lines no longer wait. */
export async function loadLogReader(): Promise<void> {
  loaded ??= await import("./kernel_log_reader.ts");
}

/** Accepts the lines of a log at any time; they wait until the reader is loaded. */
export class LateLogReader {
  #reader: KernelLogReader | null = null;
  #waiting: { readonly text: string; readonly line: number }[] = [];

  constructor(private readonly sink: KernelLogSink) {}

  /**
   * Reads one line, or queues the line if the reader is not loaded.
   * @param line The number of the line, from 1.
   */
  push(text: string, line: number): void {
    if (loaded === null) {
      this.#waiting.push({ text, line });
      return;
    }
    this.#reader ??= new loaded.KernelLogReader(this.sink);
    this.#reader.push(text, line);
  }

  /** The system whose log it is; null for Linux. */
  get system(): string | null {
    return this.#reader?.system ?? null;
  }

  /** Whether the text is a trace of QEMU alone, without a line of a kernel. */
  get isOfQemu(): boolean {
    return this.#reader?.isOfQemu ?? false;
  }

  /** Whether the text is no log but sentences, markup or a program. */
  get isNoLog(): boolean {
    return this.#reader?.isNoLog ?? false;
  }

  /** Whether lines wait for `readWaiting`. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Loads the reader and reads the lines that wait. */
  async readWaiting(): Promise<void> {
    await loadLogReader();
    for (const { text, line } of this.#waiting.splice(0)) this.push(text, line);
  }

  end(): void {
    if (this.isWaiting) throw new InvariantError("lines of a log wait for their reader");
    this.#reader?.end();
  }
}
