/** A file that cannot be written or read: the reason, and a hint. */
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

/**
 * There is no room for a file, which the message names: it ends the process, with a separate exit
 * code.
 */
export class FullDiskError extends Error {}
