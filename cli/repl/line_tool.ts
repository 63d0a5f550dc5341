/** A tool that reads lines from a terminal or a pipe: the REPL, or the debugger. */
import type { ExitCode } from "../exit_code.ts";
import type { LineConsole } from "../terminal/line_console.ts";
import type { Suggestions } from "@dmalab/lang/editor";
import type { ReplOptions } from "./repl.ts";

export interface LineTool {
  readonly exitCode: ExitCode;
  /** Called before the first prompt. */
  start?(): void;
  /** Executes lines until the input ends. */
  run(): Promise<void>;
  /** Completions at the end of a text. */
  suggest(before: string): Suggestions;
  /** Whether a text is a complete input. */
  isWhole(text: string): boolean;
}

export type ToolOptions = Pick<ReplOptions, "colour" | "columns" | "watch">;

export type MakeTool = (console: LineConsole, options: ToolOptions) => LineTool;

export interface LineToolPlan {
  /** The first lines. */
  readonly greeting: string;
  /**
   * The first prompt, which is printed while the tool is still loaded: the user can type in the
   * meantime. Null for a tool that runs or prints something before its first input.
   */
  readonly firstPrompt: string | null;
  load(): Promise<MakeTool>;
}
