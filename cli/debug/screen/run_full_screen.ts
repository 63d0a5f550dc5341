/** Runs the debugger on the whole terminal, and restores the terminal however the debugger ends. */
import { addAll } from "@dmalab/runtime/basics";
import { painter } from "@dmalab/lang/text";
import { type ExitCode, HELD } from "../../exit_code.ts";
import { SignalWatch } from "../../interrupts.ts";
import { exportRecording } from "../../scenario/export_recording.ts";
import { ENDING_SIGNALS, Terminal, type TerminalScreen } from "../../terminal/terminal.ts";
import { Debugger, type DebugRuns } from "../debugger.ts";
import { FullScreen } from "./full_screen.ts";
import { pickRun } from "./run_picker.ts";

/**
 * Lets the user choose a run, and debugs it.
 *
 * @param title Title of the list of runs.
 * @param meant Indices of the runs to choose from.
 */
export async function runFullScreen(
  title: string,
  runs: DebugRuns,
  meant: readonly number[],
  screen: TerminalScreen,
): Promise<ExitCode> {
  const terminal = new Terminal(screen, { whole: true });
  const interrupts = new SignalWatch({
    signals: ENDING_SIGNALS,
    onWorker: () => terminal.redraw(),
  });
  try {
    const picked = await choose(title, runs, meant, terminal, screen);
    if (picked.kind === "signal") return picked.exitCode;
    if (picked.kind === "none") return HELD;
    const said: string[] = [];
    const work = <T>(task: () => T): T => {
      interrupts.reset();
      return terminal.work(task);
    };
    const console = {
      lines: (async function* () {})(),
      write: (text: string) => void addAll(said, text.replace(/\n$/, "").split("\n")),
      prompt: () => {},
      work,
    };
    const recording = work(() => runs.record(picked.index));
    const options = {
      colour: screen.colour,
      columns: terminal.size.columns,
      watch: interrupts,
    };
    const tool = new Debugger(recording, console, options, { ...runs, first: picked.index });
    tool.exportRun = exportRecording;
    return await new FullScreen(terminal, tool, said).run();
  } finally {
    terminal.close();
    interrupts.close();
  }
}

function choose(
  title: string,
  runs: DebugRuns,
  meant: readonly number[],
  terminal: Terminal,
  { colour }: TerminalScreen,
): ReturnType<typeof pickRun> {
  const [only, ...others] = meant;
  if (only !== undefined && others.length === 0) {
    return Promise.resolve({ kind: "run", index: only });
  }
  return pickRun(terminal, title, { runs, meant }, painter(colour));
}
