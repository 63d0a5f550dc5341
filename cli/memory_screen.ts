/**
 * A screen that collects the written text in memory: for tests, and for callers that need the text
 * as a value.
 */
import { printableText } from "@dmalab/lang/diagnostics";
import type { Screen } from "./screen.ts";

export class MemoryScreen implements Screen {
  readonly colour = false;
  /** The text written to the output stream, and the text written to the error stream. */
  output = "";
  errors = "";

  constructor(readonly columns: number | null = null) {}

  out(text: string): void {
    this.output += printableText(text, this.colour);
  }

  err(text: string): void {
    this.errors += printableText(text, this.colour);
  }

  data(text: string): void {
    this.output += text;
  }

  progress(): void {}
}
