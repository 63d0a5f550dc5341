/**
 * Runs a tool at a terminal, with keys, history and completion. This module is loaded only at a
 * terminal, because it needs Deno's modules for Node, which take longer to start than Deno itself.
 */
import { type ExitCode, HELD } from "../exit_code.ts";
import { SignalWatch } from "../interrupts.ts";
import { InputHistory } from "../terminal/input_history.ts";
import { LineEditor } from "../terminal/line_editor.ts";
import { LineReader } from "../terminal/line_reader.ts";
import { editText, findEditor } from "../terminal/text_editor.ts";
import { ENDING_SIGNALS, Terminal, type TerminalScreen } from "../terminal/terminal.ts";
import type { LineTool, LineToolPlan, ToolOptions } from "./line_tool.ts";
import { withoutPrompts } from "./prompts.ts";
import { appendOwnLines, HISTORY, readStateLines, writeOwnLines } from "../state_folder.ts";
import { FileError } from "../files/file_error.ts";

const MAX_HISTORY_INPUTS = 1000;

/**
 * Marks the second and later lines of an input in the history file. No typed input begins with a
 * tab, so the mark is unambiguous.
 */
const FURTHER = "\t";

/**
 * The inputs of earlier sessions. Each new input is saved at once, if dmalab may write the file: a
 * session may end in any way, and other sessions may run at the same time.
 *
 * @param say Called with the reason if inputs cannot be saved: the session then continues without a
 *   file.
 */
export function openHistory(say: (lines: string) => void): InputHistory {
  const earlier = orSay(say, earlierInputs);
  const history = new InputHistory(earlier ?? []);
  if (earlier === null) return history;
  history.onAdd = (input) => {
    const isKept = orSay(say, () => (appendOwnLines(HISTORY, linesOf(input)), true));
    if (!isKept) history.onAdd = () => {};
  };
  return history;
}

function earlierInputs(): readonly string[] {
  const inputs = inputsOf(readStateLines(HISTORY) ?? []);
  const kept = inputs.slice(-MAX_HISTORY_INPUTS);
  if (kept.length < inputs.length) writeOwnLines(HISTORY, kept.flatMap(linesOf));
  return kept;
}

function orSay<T>(say: (lines: string) => void, work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    say(error.lines);
    return null;
  }
}

export function linesOf(input: string): readonly string[] {
  return input.trim().split("\n").map((line, index) => index === 0 ? line : `${FURTHER}${line}`);
}

export function inputsOf(lines: readonly string[]): readonly string[] {
  const inputs: string[] = [];
  for (const line of lines) {
    const isFurther = line.startsWith(FURTHER) && inputs.length > 0;
    if (isFurther) inputs.push(`${inputs.pop()}\n${line.slice(FURTHER.length)}`);
    else inputs.push(line);
  }
  return inputs;
}

export async function runAtTerminal(
  screen: TerminalScreen,
  plan: LineToolPlan,
  options: ToolOptions,
  write: (text: string) => void,
): Promise<ExitCode> {
  let terminal: Terminal | null = null;
  const interrupts = new SignalWatch({
    signals: ENDING_SIGNALS,
    onWorker: () => terminal?.redraw(),
  });
  try {
    terminal = new Terminal(screen, { whole: false });
    const watched = { ...options, watch: interrupts };
    return await atTerminal({ screen, terminal, interrupts, write }, plan, watched);
  } finally {
    terminal?.close();
    interrupts.close();
  }
}

async function atTerminal(
  { interrupts, screen, terminal, write }: {
    readonly screen: TerminalScreen;
    readonly terminal: Terminal;
    readonly interrupts: SignalWatch;
    readonly write: (text: string) => void;
  },
  { firstPrompt, greeting, load }: LineToolPlan,
  options: ToolOptions,
): Promise<ExitCode> {
  const history: InputHistory = openHistory((lines) => screen.err(lines));
  // Declared before the editor: the editor calls the tool, and the tool is created with the
  // editor's reader.
  let tool: LineTool | null = null;
  const editor = new LineEditor({
    history,
    suggest: (before) => tool!.suggest(before),
    isWhole: (text) => tool!.isWhole(text),
    pasted: withoutPrompts,
  });
  const reader = new LineReader(terminal, editor);
  write(`dmalab, a laboratory for DMA mapping. ${greeting}\n`);
  // Text that is typed while the tool is loaded is kept, and read afterwards.
  if (firstPrompt !== null) reader.show(firstPrompt);
  const make = await load();
  tool = make({
    lines: reader.lines(),
    write,
    prompt: (text) => reader.prompt(text),
    work: (task) => {
      interrupts.reset();
      return terminal.work(task);
    },
    edit: async (text) => {
      const program = findEditor();
      if ("problem" in program) return program.problem;
      const edited = await terminal.lend(() => editText(program, text));
      if ("problem" in edited) return edited.problem;
      reader.begin(edited.text);
      return null;
    },
  }, options);
  tool.start?.();
  await tool.run();
  return reader.endedBy ?? HELD;
}
