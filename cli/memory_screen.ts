/** A screen that keeps what was written: for tests, and wherever text is wanted as a value. */
import type { Screen } from "./screen.ts";

export class MemoryScreen implements Screen {
  readonly colour = false;
  /** Everything written, by stream. */
  output = "";
  errors = "";

  constructor(readonly columns: number | null = null) {}

  out(text: string): void {
    this.output += text;
  }

  err(text: string): void {
    this.errors += text;
  }
}
