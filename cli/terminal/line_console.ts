/** Where the inputs of a tool come from, and where its text goes: a terminal, a pipe, or a test. */

/** Means Ctrl-C in the inputs: the typed text is dropped. */
export const INTERRUPT = "\x03";

export interface LineConsole {
  /** Inputs without their ends, of one line or several; `INTERRUPT` for one that was dropped. */
  readonly lines: AsyncIterable<string>;
  write(text: string): void;
  prompt(text: string): void;
  /** Does what was typed, which may take long; Ctrl-C is noticed meanwhile. */
  work?<T>(task: () => T): T;
  /**
   * Has a text edited by a program that has the terminal meanwhile: the next input begins with what
   * it has become. Nowhere else is such a program.
   *
   * @returns What is wrong, as a sentence; null when it was edited.
   */
  edit?(text: string): Promise<string | null>;
}
