/**
 * A tool at a terminal, with keys, history and completion. It is loaded only at a terminal: it needs
 * Deno's modules for Node, whose start takes longer than that of Deno itself.
 */
import { type ExitCode, HELD } from "../exit_code.ts";
import { SignalWatch } from "../interrupts.ts";
import type { InputHistory } from "../terminal/input_history.ts";
import { LineEditor } from "../terminal/line_editor.ts";
import { LineReader } from "../terminal/line_reader.ts";
import { editText, findEditor } from "../terminal/text_editor.ts";
import { ENDING_SIGNALS, Terminal, type TerminalScreen } from "../terminal/terminal.ts";
import { openHistory } from "./history.ts";
import type { LineTool, LineToolPlan, ToolOptions } from "./line_tool.ts";
import { withoutPrompts } from "./prompts.ts";

/** Runs a tool at the terminal until its lines end. */
export async function runAtTerminal(
  screen: TerminalScreen,
  plan: LineToolPlan,
  options: ToolOptions,
): Promise<ExitCode> {
  let terminal: Terminal | null = null;
  const interrupts = new SignalWatch({
    signals: ENDING_SIGNALS,
    onWorker: () => terminal?.redraw(),
  });
  try {
    terminal = new Terminal(screen, { whole: false });
    const watched = { ...options, watch: interrupts };
    return await atTerminal({ screen, terminal, interrupts }, plan, watched);
  } finally {
    terminal?.close();
    interrupts.close();
  }
}

async function atTerminal(
  { interrupts, screen, terminal }: {
    readonly screen: TerminalScreen;
    readonly terminal: Terminal;
    readonly interrupts: SignalWatch;
  },
  { firstPrompt, greeting, load }: LineToolPlan,
  options: ToolOptions,
): Promise<ExitCode> {
  const history: InputHistory = openHistory((lines) => screen.err(lines));
  const write = (text: string) => {
    screen.out(text);
    screen.flush?.();
  };
  // Each side needs the other.
  let tool: LineTool | null = null;
  const editor = new LineEditor({
    history,
    suggest: (before) => tool!.suggest(before),
    isWhole: (text) => tool!.isWhole(text),
    pasted: withoutPrompts,
  });
  const reader = new LineReader(terminal, editor);
  write(`dmalab, a laboratory for DMA mapping. ${greeting}\n`);
  // What is typed while the tool is loaded waits for it.
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
