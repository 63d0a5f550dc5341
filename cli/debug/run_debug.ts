/** Picks the run of a scenario that is gone through, and records it. */
import { type RecordOptions, recordRun, type RunChoice, runsOf } from "../../lang/recording/mod.ts";
import { isNamed } from "../../lang/run/name_match.ts";
import type { NameMatch } from "../../lang/run/name_match.ts";
import { loadFollowed } from "../../lang/language.ts";
import type { Program } from "../../lang/run/program.ts";
import { displayName } from "../../lang/run/report.ts";
import { renderDiagnostics } from "../../lang/diagnostics/render.ts";
import { diagnosticStyle } from "../scenario/diagnostic_style.ts";
import { painter } from "../../lang/render/paint.ts";
import { type ExitCode, HELD, WRONG } from "../exit_code.ts";
import { HostLoader } from "../host_loader.ts";
import { runLineTool } from "../repl/terminal.ts";
import { refuse, type Screen } from "../screen.ts";
import { Debugger } from "./debugger.ts";

/** What may be said about a run that is debugged. */
export interface DebugOptions {
  readonly match: readonly NameMatch[];
  /** The number of a run, as the list has it; null to be found by its name. */
  readonly run: number | null;
  readonly record: RecordOptions;
}

/** Runs the debugger until its lines end. */
export async function runDebug(
  path: string,
  { match, record, run }: DebugOptions,
  screen: Screen & { flush?(): void },
): Promise<ExitCode> {
  const opened = HostLoader.open(path);
  if (typeof opened === "string") return refuse(opened, screen);
  const { diagnostics, program } = loadFollowed(opened.entry, opened.loader);
  if (program === null) {
    const style = diagnosticStyle(painter(screen.colour));
    screen.err(`${renderDiagnostics(diagnostics, { style })}\n`);
    return WRONG;
  }
  const runs = runsOf(program);
  const meant = run === null
    ? runs.filter(({ name }) => isNamed(name, match))
    : runs.slice(run - 1, run);
  const [choice, ...others] = meant;
  if (choice === undefined) return refuse(`${path} has no such run; it has ${runs.length}`, screen);
  if (others.length > 0) {
    listRuns(runs, meant, screen);
    return HELD;
  }
  return await debugRun(program, choice, record, screen);
}

/** Says which runs there are, to choose one. */
function listRuns(runs: readonly RunChoice[], meant: readonly RunChoice[], screen: Screen): void {
  for (const choice of meant) {
    const name = choice.name.kind === "main" ? "(statements)" : displayName(choice.name);
    screen.out(`${String(runs.indexOf(choice) + 1).padStart(4)}  ${name}\n`);
  }
  screen.out("`--run N` debugs one of them\n");
}

function debugRun(
  program: Program,
  choice: RunChoice,
  record: RecordOptions,
  screen: Screen & { flush?(): void },
): Promise<ExitCode> {
  const recording = recordRun(program, choice, record);
  const greeting = "An empty line does the last command again, :help lists them, Ctrl-D ends.";
  return runLineTool(
    screen,
    greeting,
    (console, options) => new Debugger(recording, console, options),
  );
}
