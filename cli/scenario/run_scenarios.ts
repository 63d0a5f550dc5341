/** Runs scenarios and prints their output: `dmalab run`, `dmalab test`, `deno run scenario.dma`. */
import { printable } from "../../lang/diagnostics/display_width.ts";
import type { RunReport, TestOutcome } from "../../lang/run/report.ts";
import type { NameMatch } from "../../lang/run/name_match.ts";
import { matchText } from "../name_match.ts";
import type { Program } from "../../lang/run/program.ts";
import type { RunOptions } from "../../lang/run/run_options.ts";
import { runProgramWith } from "../../lang/run/runner.ts";
import { sayBug } from "../bug/say_bug.ts";
import { BUG, type ExitCode, FAILED, HELD, STOPPED, worseExitCode, WRONG } from "../exit_code.ts";
import { type Interrupts, withInterrupts } from "../interrupts.ts";
import { painter } from "../../lang/render/paint.ts";
import { errorScreen, refuse, type Screen } from "../screen.ts";
import { diagnosticStyle } from "./diagnostic_style.ts";
import { allLimits, type LimitOptions } from "./limit_options.ts";
import { loadScenario } from "./load_scenario.ts";
import {
  failureLines,
  headLine,
  incidentLines,
  outcomeLine,
  summaryLines,
} from "./report_printer.ts";
import { SpacedLines } from "./spaced_lines.ts";
import type { TraceForm } from "./trace_form.ts";
import type { TraceOutputs } from "./trace_outputs.ts";
import { TracePrinter } from "./trace_printer.ts";

/** Limits of the script that differ from the usual ones; null for those. */
export interface ScenarioOptions {
  /** `tests` leaves the statements at the top of the file out, and finds no test a failure. */
  readonly only: "all" | "tests";
  /** Reports, faults and leaks that the test does not expect fail it. */
  readonly strict: boolean;
  /** Print every event: as a line to read, or as JSON, with what else is said on the error stream. */
  readonly trace: TraceForm | null;
  /** Write every event to this file. */
  readonly exportPath: string | null;
  /** Only tests whose name contains one of these; all for an empty list. */
  readonly matches: readonly NameMatch[];
  /** Instead of the seeds the files name; null for those. */
  readonly seed: number | null;
  readonly limits: LimitOptions;
}

/** Runs each file in turn; a file that is wrong does not keep the others from running. */
export async function runScenarios(
  paths: readonly string[],
  options: ScenarioOptions,
  screen: Screen,
): Promise<ExitCode> {
  const outputs = await openOutputs(options, screen);
  if (typeof outputs === "string") return refuse(outputs, screen);
  // Lines of JSON are for programs: what is for people goes the other way.
  const said = options.trace === "json" ? errorScreen(screen) : screen;
  const exitCode = await withInterrupts((watch) => runAll(paths, options, outputs, said, watch));
  return outputs === null || outputs.end() ? exitCode : worseExitCode(exitCode, WRONG);
}

/** The writers that the options ask for, null for none; or what is wrong with them. */
async function openOutputs(
  { exportPath, trace }: ScenarioOptions,
  screen: Screen,
): Promise<TraceOutputs | string | null> {
  if (exportPath === null && trace !== "json") return null;
  const { TraceOutputs } = await import("./trace_outputs.ts");
  const outputs = new TraceOutputs();
  if (trace === "json") outputs.toScreen(screen);
  const problem = exportPath === null ? null : outputs.toFile(exportPath, screen);
  return problem === null ? outputs : `--export ${problem}`;
}

async function runAll(
  paths: readonly string[],
  options: ScenarioOptions,
  outputs: TraceOutputs | null,
  screen: Screen,
  watch: Interrupts,
): Promise<ExitCode> {
  const paint = painter(screen.colour);
  const reports: RunReport[] = [];
  let exitCode: ExitCode = HELD;
  let withBug: string | null = null;
  let wrongFiles = 0;
  for (const path of paths) {
    if (watch.interrupted()) break;
    const { exitCode: loaded, program } = await loadScenario(path, screen);
    if (loaded === BUG) withBug ??= path;
    if (program === null) {
      wrongFiles++;
      exitCode = worseExitCode(exitCode, loaded);
      continue;
    }
    const lines = new SpacedLines(screen);
    const { outputBytes } = allLimits(options.limits);
    const trace = new TracePrinter((line) => lines.body(line), paint, outputBytes);
    const tests = program.tests.filter(({ kind }) => kind !== "bench").length;
    if (tests > 0) lines.head(headLine(tests, program.source.name, paint));
    const observers = outputs?.listeners(program) ?? null;
    const report = runProgramWith(await engineFor(program), program, {
      only: options.only,
      strict: options.strict,
      match: options.matches,
      ...options.seed === null ? {} : { seed: options.seed },
      ...eventListeners(observers, options.trace === "text" ? trace : null),
      onLine: (line) => lines.body(printable(line)),
      columns: screen.columns ?? undefined,
      onOutcome: (outcome) => {
        observers?.onOutcome(outcome);
        const line = outcomeLine(outcome, paint);
        if (line !== null) lines.verdict(line, incidentLines(outcome, paint));
        else for (const incident of incidentLines(outcome, paint)) lines.body(incident);
      },
      style: diagnosticStyle(paint),
      watch,
      limits: allLimits(options.limits),
    });
    reports.push(report);
    if (codeOf(report) === BUG) withBug ??= path;
    exitCode = worseExitCode(exitCode, codeOf(report));
  }
  exitCode = worseExitCode(exitCode, sayReports(reports, wrongFiles, options, screen));
  if (withBug !== null) await sayBug(withBug, options.seed, screen);
  return exitCode;
}

/** Prints the failures and the summary. @returns The exit code of it, apart from those of the files. */
function sayReports(
  reports: readonly RunReport[],
  wrongFiles: number,
  options: ScenarioOptions,
  screen: Screen,
): ExitCode {
  if (reports.length === 0) return HELD;
  const paint = painter(screen.colour);
  const noTest = noTestFound(reports, options, screen);
  if (noTest !== HELD) return noTest;
  const failures = failureLines(reports, paint);
  if (failures.length > 0) screen.out(`\n${failures.join("\n")}\n`);
  if (reports.some(isWorthSummary)) {
    screen.out(`\n${summaryLines(reports, paint, { wrongFiles }).join("\n")}\n`);
  }
  return HELD;
}

/** Observers of events. Without any, no event is made. */
function eventListeners(
  observers: ReturnType<TraceOutputs["listeners"]> | null,
  trace: TracePrinter | null,
): Pick<RunOptions, "onRun" | "onEvent"> {
  if (observers === null && trace === null) return {};
  return {
    onRun: observers?.onRun,
    onEvent: (event) => {
      observers?.onEvent(event);
      trace?.print(event);
    },
  };
}

/** What draws the cases of a program's properties: loaded for those that have any. */
export async function engineFor({ tests }: Program) {
  if (!tests.some(({ kind }) => kind === "property")) return null;
  const { FAST_CHECK } = await import("../../lang/run/property/fast_check_engine.ts");
  return FAST_CHECK;
}

/** A file of statements that ran to their end needs no summary. */
function isWorthSummary({ outcomes, counts, unreached }: RunReport): boolean {
  return outcomes.some(({ kind, failure }) => kind !== "main" || failure !== null) ||
    counts.filtered + counts.notRun + counts.reports + counts.faults + counts.leaks +
          unreached.length > 0;
}

/** The exit code of one file. */
export function codeOf(report: RunReport): ExitCode {
  const failed = ({ failure }: TestOutcome) => failure !== null;
  if (report.outcomes.some(({ failure }) => failure?.kind === "bug")) return BUG;
  if (report.limitReached) return STOPPED;
  return report.outcomes.some(failed) ? FAILED : HELD;
}

function noTestFound(
  reports: readonly RunReport[],
  { only, matches }: ScenarioOptions,
  screen: Screen,
): ExitCode {
  const found = reports.some(({ outcomes }) => outcomes.some(({ kind }) => kind !== "main"));
  if (found || (only === "all" && matches.length === 0)) return HELD;
  screen.err(`error: ${noTestText(matches)}\n`);
  return FAILED;
}

/** Why there was no test. @param matches What was looked for in names. */
export function noTestText(matches: readonly NameMatch[]): string {
  if (matches.length === 0) {
    return "No test found: there is no `test` or `property` in what was given";
  }
  return `No test found: no name contains ${matches.map(matchText).join(" or ")}`;
}
