/** Where the inputs of a tool come from, and where its text goes: a terminal, a pipe, or a test. */

/** Stands for Ctrl-C in the inputs: what was typed so far is dropped. */
export const INTERRUPT = "\x03";

export interface LineConsole {
  /** Inputs without their ends, of one line or several; `INTERRUPT` when somebody gave up one. */
  readonly lines: AsyncIterable<string>;
  /** Writes text as it is. */
  write(text: string): void;
  /** Asks for the next input. */
  prompt(text: string): void;
  /** Does what was typed, which may take long; what watches it hears Ctrl-C meanwhile. */
  work?<T>(task: () => T): T;
  /** Lets another program have the terminal; nowhere else is one. */
  lend?<T>(task: () => Promise<T>): Promise<T>;
  /** A text that the next input begins with. */
  begin?(text: string): void;
}
