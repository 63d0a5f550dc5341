/**
 * The output of runs: lines of a run while it goes on, and the summary of several runs. It needs a
 * screen to print on and nothing of the host.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { painter } from "@dmalab/lang/text";
import type { NameMatch, Program, RunOptions, RunReport, TestOutcome } from "@dmalab/lang/run";
import { BUG, type ExitCode, FAILED, HELD, STOPPED } from "../exit_code.ts";
import { matchText } from "../name_match.ts";
import type { Screen } from "../screen.ts";
import { diagnosticStyle } from "./diagnostic_style.ts";
import { allLimits, type LimitOptions, runSettings } from "./limit_options.ts";
import {
  failureLines,
  headLine,
  incidentLines,
  outcomeLine,
  summaryLines,
} from "./report_printer.ts";
import { SpacedLines } from "./spaced_lines.ts";
import type { TraceForm } from "./trace_form.ts";
import type { RunListeners } from "./trace_outputs.ts";
import { TracePrinter } from "./trace_printer.ts";

/** What may be said about runs that are printed. */
export interface PrintOptions {
  /** `tests` leaves the statements at the top of the file out, and finds no test a failure. */
  readonly only: "all" | "tests";
  /** Reports, faults and leaks that the test does not expect fail it. */
  readonly lenient: boolean;
  /** Print every event: as a line to read, or as JSON, with what else is said on the error stream. */
  readonly trace: TraceForm | null;
  /** Only tests with a name that contains one of these; all for an empty list. */
  readonly matches: readonly NameMatch[];
  /** Instead of the seeds the files name; null for those. */
  readonly seed: number | null;
  /** The run beside each test that is run instead, as `--branch` has it; null for the test's own. */
  readonly branch?: string | null;
  readonly limits: LimitOptions;
  /** The kernel tree of each driver that has one, instead of the one that it names. */
  readonly tree?: string | null;
  /** Permissions that the command line has before the command's name. */
  readonly given?: readonly string[];
}

/** Options of one run besides. */
interface RunParts extends PrintOptions, Pick<RunOptions, "watch"> {
  readonly observers: RunListeners | null;
  readonly onQuestion?: RunOptions["onQuestion"] | undefined;
  readonly onShown?: RunOptions["onShown"] | undefined;
}

/** Prints the head of a run. @returns Options with which the run prints its output, and a line for each test. */
export function startPrinting(
  program: Program,
  options: RunParts,
  screen: Screen,
): RunOptions {
  const { observers, watch } = options;
  const paint = painter(screen.colour);
  const lines = new SpacedLines(screen);
  const shown = new Set<string>();
  const { outputBytes } = allLimits(options.limits);
  const trace = new TracePrinter((line) => lines.body(line), paint, outputBytes);
  const tests = program.tests.filter(({ kind }) => kind !== "bench").length;
  if (tests > 0) lines.head(headLine(tests, program.source.name, paint));
  return {
    ...runSettings(options),
    only: options.only,
    match: options.matches,
    ...eventListeners(observers, options.trace === "text" ? trace : null),
    onLine: (line) => lines.body(printable(line)),
    ...options.onShown === undefined ? {} : { onShown: options.onShown },
    ...options.onQuestion === undefined ? {} : { onQuestion: options.onQuestion },
    columns: screen.columns ?? undefined,
    onOutcome: (outcome) => {
      observers?.onOutcome(outcome);
      const line = outcomeLine(outcome, paint);
      const incidents = incidentLines(outcome, paint, shown);
      if (line !== null) lines.verdict(line, incidents);
      else for (const incident of incidents) lines.body(incident);
    },
    style: diagnosticStyle(paint),
    watch,
  };
}

/** Prints the failures and the summary. @returns The exit code of it, apart from those of the files. */
export function printReports(
  reports: readonly RunReport[],
  wrongFiles: number,
  options: PrintOptions,
  screen: Screen,
): ExitCode {
  if (reports.length === 0) return HELD;
  const paint = painter(screen.colour);
  const noTest = noTestFound(reports, options, screen);
  if (noTest !== HELD) return noTest;
  const failures = failureLines(reports, paint, options.tree ?? null, options.given ?? []);
  if (failures.length > 0) screen.out(`\n${failures.join("\n")}\n`);
  if (reports.some(isWorthSummary)) {
    screen.out(`\n${summaryLines(reports, paint, { wrongFiles }).join("\n")}\n`);
  }
  return HELD;
}

/** Observers of events. Without any, no event is made. */
function eventListeners(
  observers: RunListeners | null,
  trace: TracePrinter | null,
): Pick<RunOptions, "onRun" | "onEvent"> {
  if (observers === null && trace === null) return {};
  return {
    onRun: (start) => {
      observers?.onRun(start);
      trace?.run(start);
    },
    onEvent: (event) => {
      observers?.onEvent(event);
      trace?.print(event);
    },
  };
}

/** A file of statements that ran to their end needs no summary. */
function isWorthSummary({ outcomes, counts, unreached }: RunReport): boolean {
  return outcomes.some(({ kind, failure }) => kind !== "main" || failure !== null) ||
    counts.filtered + counts.notRun + counts.reports + counts.faults + counts.leaks +
          unreached.length > 0;
}

export function codeOf(report: RunReport): ExitCode {
  const failed = ({ failure }: TestOutcome) => failure !== null;
  if (report.outcomes.some(({ failure }) => failure?.kind === "bug")) return BUG;
  if (report.limitReached) return STOPPED;
  return report.outcomes.some(failed) ? FAILED : HELD;
}

/** Reports a wanted test that does not exist. @returns The exit code of it. */
export function noTestFound(
  reports: readonly RunReport[],
  { only, matches }: Pick<PrintOptions, "matches" | "only">,
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
    return "No test found: the files contain no `test` or `property`";
  }
  return `No test found: no name contains ${matches.map(matchText).join(" or ")}`;
}
