/** The input and output of a tool that works with lines: a terminal, a pipe, or a test. */

/** An input that means Ctrl-C: the typed text is dropped. */
export const INTERRUPT = "\x03";

export interface LineConsole {
  /** Inputs without their line ends, of one line or several; `INTERRUPT` for a dropped input. */
  readonly lines: AsyncIterable<string>;
  write(text: string): void;
  prompt(text: string): void;
  /** Runs a task, which may take long; Ctrl-C interrupts it. */
  work?<T>(task: () => T): T;
  /**
   * Starts an editor on the terminal for a text; the edited text becomes the beginning of the next
   * input. Only a terminal has this function.
   *
   * @returns The error as a sentence; null if the text was edited.
   */
  edit?(text: string): Promise<string | null>;
}
