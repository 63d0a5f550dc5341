/** A file that cannot be written or read: the reason, and a hint. */
import type { FileCode } from "./file_codes.ts";

export class FileError extends Error {
  /**
   * @param message The problem, with the file's name: a sentence without its full stop.
   * @param code Null if the operating system refused access to the file; otherwise the code of
   *   dmalab's own refusal.
   */
  constructor(
    message: string,
    readonly code: FileCode | null = null,
    readonly hint: string | null = null,
  ) {
    super(message);
  }

  /** The text for the error stream. */
  get lines(): string {
    return this.#linesAs("error");
  }

  /** The text as a warning, for a command that continues without the file. */
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
 * The disk is full; the message names the file. This error ends the process with an exit code that
 * is used for nothing else.
 */
export class FullDiskError extends Error {}
