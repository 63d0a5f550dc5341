/** A tool that is driven line by line, at a terminal or from a pipe: the REPL, or the debugger. */
import type { ExitCode } from "../exit_code.ts";
import type { LineConsole } from "../terminal/line_console.ts";
import type { Suggestions } from "@dmalab/lang/editor";
import type { ReplOptions } from "./repl.ts";

export interface LineTool {
  readonly exitCode: ExitCode;
  /** Done before the first prompt. */
  start?(): void;
  /** Reads and does lines until they end. */
  run(): Promise<void>;
  /** Completions at the end of a text. */
  suggest(before: string): Suggestions;
  /** Whether a text is an input, and not only its beginning. */
  isWhole(text: string): boolean;
}

export type ToolOptions = Pick<ReplOptions, "colour" | "columns" | "watch">;

export type MakeTool = (console: LineConsole, options: ToolOptions) => LineTool;

export interface LineToolPlan {
  /** The first lines. */
  readonly greeting: string;
  /**
   * The first prompt of a tool that does nothing before its first input, and is not loaded before
   * can be typed; null of one that has something to do or to say.
   */
  readonly firstPrompt: string | null;
  load(): Promise<MakeTool>;
}
