/** Picks the run of a scenario for the debugger, and records it. */
import {
  type OpenRun,
  openRun,
  type Recording,
  type RecordOptions,
  recordRun,
  type RunChoice,
  runsOf,
} from "@dmalab/recording";
import { displayName, isNamed, type NameMatch, type Program } from "@dmalab/lang/run";
import { loadCompiled } from "../with_compiled.ts";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import { diagnosticStyle } from "../scenario/diagnostic_style.ts";
import { painter } from "@dmalab/lang/text";
import { type ExitCode, HELD, WRONG } from "../exit_code.ts";
import { host } from "../host.ts";
import { exportRecording } from "../scenario/export_recording.ts";
import { openFile } from "../scenario/open_file.ts";
import type { RunStatus } from "../repl/command_target.ts";
import { runLineTool } from "../repl/run_line_tool.ts";
import { refuse } from "../print_error.ts";
import type { TerminalScreen } from "../terminal/terminal.ts";
import { Debugger, type DebugRuns } from "./debugger.ts";
import { runFullScreen } from "./screen/run_full_screen.ts";

/** Options of the debugger. */
export interface DebugOptions {
  readonly match: readonly NameMatch[];
  /** Number of the run in the list of runs; null to find the run by its name. */
  readonly run: number | null;
  readonly record: RecordOptions;
  /** Read commands line by line, on a terminal too, instead of drawing panes. */
  readonly plain: boolean;
  /**
   * Kernel tree for all drivers that are compiled from a tree. It replaces every tree that the
   * scenario names.
   */
  readonly tree: string | null;
}

/** Runs the debugger until its input ends, or a key or command ends it. */
export async function runDebug(
  path: string,
  { match, plain, record, run, tree }: DebugOptions,
  screen: TerminalScreen,
): Promise<ExitCode> {
  const opened = await openFile(path, tree, record.limits?.timeMs);
  if (typeof opened === "string") return refuse(opened, screen);
  const { entry, loader } = opened;
  const { diagnostics, program } = await loadCompiled(entry, loader);
  if (program === null) {
    const style = diagnosticStyle(painter(screen.colour));
    screen.err(`${renderDiagnostics(diagnostics, { style })}\n`);
    return WRONG;
  }
  const choices = runsOf(program);
  const meant = run === null
    ? choices.filter(({ name }) => isNamed(name, match))
    : choices.slice(run - 1, run);
  const [first] = meant;
  if (first === undefined) {
    return refuse(`${path} has no such run: it has ${choices.length}`, screen);
  }
  const runs = runsFrom(program, choices, record, choices.indexOf(first));
  const isTerminal = host.stdin.isTerminal() && host.stdout.isTerminal();
  const indices = meant.map((choice) => choices.indexOf(choice));
  if (isTerminal && !plain) {
    return await runFullScreen(path, runs, indices, screen);
  }
  if (meant.length > 1) {
    listRuns(runs, indices, screen);
    return HELD;
  }
  return await debugLines(runs, screen);
}

/** Number of statements to run before keys are read again. */
const STRETCH_STATEMENTS = 20_000;

function runsFrom(
  program: Program,
  choices: readonly RunChoice[],
  options: RecordOptions,
  first: number,
): DebugRuns {
  const outcomes = new Map<number, RunStatus>();
  const keep = (index: number, { failure }: Recording) =>
    outcomes.set(index, failure === null ? "ok" : "FAILED");
  let open: { readonly index: number; readonly run: OpenRun } | null = null;
  return {
    names: choices.map(({ name }) => name.kind === "main" ? "(statements)" : displayName(name)),
    first,
    outcomes,
    record(index) {
      const recording = recordRun(program, choices[index]!, { ...options, sides: true });
      keep(index, recording);
      return recording;
    },
    runOn(indices) {
      const index = open?.index ?? indices.find((each) => !outcomes.has(each));
      if (index === undefined) return false;
      open ??= { index, run: openRun(program, choices[index]!, options) };
      open.run.grow(STRETCH_STATEMENTS);
      if (open.run.isOver) {
        keep(index, open.run.recording);
        open = null;
      }
      return true;
    },
  };
}

/** Lists the runs to choose from, each with its outcome. */
function listRuns(runs: DebugRuns, meant: readonly number[], screen: TerminalScreen): void {
  for (const index of meant) {
    while (!runs.outcomes.has(index)) runs.runOn([index]);
    const outcome = runs.outcomes.get(index)!.padEnd(6);
    screen.out(`${String(index + 1).padStart(4)}  ${outcome}  ${runs.names[index]!}\n`);
  }
  screen.out("`--run N` selects one\n");
}

function debugLines(runs: DebugRuns, screen: TerminalScreen): Promise<ExitCode> {
  const recording = runs.record(runs.first);
  return runLineTool(screen, {
    greeting: "An empty line repeats the last command, :help lists them, Ctrl-D ends.",
    firstPrompt: null,
    load: () =>
      Promise.resolve((console, options) => {
        const tool = new Debugger(recording, console, options, runs);
        tool.exportRun = exportRecording;
        return tool;
      }),
  });
}
