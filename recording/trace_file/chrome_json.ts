/** A file of Chrome's trace JSON, which Perfetto and chrome://tracing open: an entry a line. */
import { printableJson } from "@dmalab/lang/diagnostics";
import type { WriteText } from "./trace_writer.ts";

export class ChromeJson {
  #entries = 0;

  /** Writes the beginning. */
  constructor(private readonly write: WriteText) {
    this.write('{"otherData":{"by":"dmalab"},"traceEvents":[');
  }

  add(entry: Readonly<Record<string, unknown>>): void {
    this.write(`${this.#entries++ === 0 ? "" : ","}\n${printableJson(entry, 0)}`);
  }

  end(): void {
    this.write('\n],"displayTimeUnit":"ns"}\n');
  }
}
