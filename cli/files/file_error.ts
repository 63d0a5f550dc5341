/** A file that cannot be written or read: what is wrong, and what helps. */
import type { FileCode } from "./file_codes.ts";

export class FileError extends Error {
  /**
   * @param message What is wrong, with the file's name: a sentence without its end.
   * @param code Null where the system refused, not dmalab.
   */
  constructor(
    message: string,
    readonly code: FileCode | null = null,
    readonly hint: string | null = null,
  ) {
    super(message);
  }

  /** As the error stream shows it. */
  get lines(): string {
    return this.#linesAs("error");
  }

  /** The same where the command goes on without the file. */
  get warningLines(): string {
    return this.#linesAs("warning");
  }

  #linesAs(severity: string): string {
    const code = this.code === null ? "" : `[${this.code}]`;
    const hint = this.hint === null ? "" : `   = hint: ${this.hint}\n`;
    return `${severity}${code}: ${this.message}\n${hint}`;
  }
}

/** There is no room for a file, whose name the message has: it ends the process, with an exit code of its own. */
export class FullDiskError extends Error {}
