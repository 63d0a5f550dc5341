/**
 * Prints runs: the lines of a run while it runs, and the summary of several runs. This module
 * prints on a screen that the caller passes, and does not access the host.
 */
import { printable } from "@dmalab/lang/diagnostics";
import { painter } from "@dmalab/lang/text";
import type { NameMatch, Program, RunOptions, RunReport, TestOutcome } from "@dmalab/lang/run";
import { BUG, type ExitCode, FAILED, HELD, STOPPED, WRONG } from "../exit_code.ts";
import { matchText } from "../name_match.ts";
import { printError } from "../print_error.ts";
import type { Screen } from "../screen.ts";
import { diagnosticStyle } from "./diagnostic_style.ts";
import type { Limits } from "@dmalab/lang/values";
import { runSettings } from "./run_settings.ts";
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

/** Options for running scenarios and printing the runs. */
export interface PrintOptions {
  /**
   * `tests` skips the statements at the top of the file; the command then fails if the file has no
   * test.
   */
  readonly only: "all" | "tests";
  /**
   * If true, reports, faults and leaks that a test does not expect are printed, but do not fail the
   * test.
   */
  readonly lenient: boolean;
  /**
   * The form in which every event is printed: as a line of text, or as JSON. With JSON all other
   * output goes to the error stream.
   */
  readonly trace: TraceForm | null;
  /**
   * Patterns for names: only tests with a name that one of them matches run. With an empty list,
   * all tests run.
   */
  readonly matches: readonly NameMatch[];
  /** The seed in place of the seeds that the files name; null to use the seeds of the files. */
  readonly seed: number | null;
  /** The branch that each test runs, from `--branch`. Null: each test runs as usual. */
  readonly branch?: string | null;
  readonly limits: Limits;
  /**
   * Kernel tree for all drivers that are compiled from a tree. It replaces every tree that the
   * scenario names.
   */
  readonly tree?: string | null;
  /**
   * Permissions that the command line has before the command's name; printed command lines repeat
   * them.
   */
  readonly given?: readonly string[];
}

/** Further options of a single run. */
interface RunParts extends PrintOptions, Pick<RunOptions, "watch"> {
  readonly observers: RunListeners | null;
  readonly onQuestion?: RunOptions["onQuestion"] | undefined;
  readonly onShown?: RunOptions["onShown"] | undefined;
}

/**
 * Prints the heading of a run.
 * @returns Options that make the run print its output, and a line for each test.
 */
export function startPrinting(
  program: Program,
  options: RunParts,
  screen: Screen,
): RunOptions {
  const { observers, watch } = options;
  const paint = painter(screen.colour);
  const lines = new SpacedLines(screen);
  const shown = new Set<string>();
  const { outputBytes } = options.limits;
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

/**
 * Prints the failures and the summary.
 * @returns The exit code of an error if no test was selected; otherwise that of success. The exit
 *   codes of the files are not included.
 */
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
  const failures = failureLines(
    reports,
    paint,
    screen.columns,
    options.tree ?? null,
    options.given ?? [],
  );
  if (failures.length > 0) screen.out(`\n${failures.join("\n")}\n`);
  if (reports.some(isWorthSummary)) {
    screen.out(`\n${summaryLines(reports, paint, { wrongFiles }).join("\n")}\n`);
  }
  return HELD;
}

/** Listeners for events. Without listeners, no event object is created. */
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

/** Whether a run needs a summary; a file of statements that did not fail needs none. */
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

/** Reports that no test was found where tests were wanted. @returns The exit code for that. */
export function noTestFound(
  reports: readonly RunReport[],
  { only, matches }: Pick<PrintOptions, "matches" | "only">,
  screen: Screen,
): ExitCode {
  const found = reports.some(({ outcomes }) => outcomes.some(({ kind }) => kind !== "main"));
  if (found || (only === "all" && matches.length === 0)) return HELD;
  printError(noTestText(matches), screen);
  return nothingSelected(matches);
}

/** The exit code where nothing was found: a `--match` that no name has is an error of the command line. */
export function nothingSelected(matches: readonly NameMatch[]): ExitCode {
  return matches.length === 0 ? FAILED : WRONG;
}

/** The message that there is no test. @param matches The values of `--match`. */
export function noTestText(matches: readonly NameMatch[]): string {
  if (matches.length === 0) {
    return "No test found: the files contain no `test` or `property`; `dmalab bench` runs a `bench`";
  }
  return `No test found: no name contains ${matches.map(matchText).join(" or ")}`;
}
