/** `dmalab report`: writes the runs of a file as a page that shows them. */
import {
  type BenchReport,
  isNamed,
  isSameEntry,
  type Program,
  runProgramWith,
  type RunReport,
} from "@dmalab/lang/run";
import { benchPlot, type PlotColours, runBenches } from "@dmalab/lang/program";
import {
  keepVariables,
  keptTraces,
  type RecordedRun,
  recordRun,
  rowsAt,
  runsOf,
  TRACE_SUFFIX,
} from "@dmalab/recording";
import { formatEventText } from "@dmalab/lang/render";
import { SourceFile } from "@dmalab/lang";
import type { RunAndOutcome } from "@dmalab/recording/views";
import { escapeMarkup, formatCount } from "@dmalab/lang/text";
import {
  FileError,
  HostLoader,
  loadCompiled,
  MemoryScreen,
  type OutputTarget,
  READ_LIMITS,
  type SignalWatch,
  writeFile,
} from "@dmalab/cli";
import { refuse, type Screen } from "@dmalab/cli/extend";
import {
  codeOfProblems,
  type ExitCode,
  FAILED,
  HELD,
  worseExitCode,
  WRONG,
} from "@dmalab/cli/exit_code";
import { blocksOf, engineFor, foreignFile, PAGE_SUFFIX } from "@dmalab/cli/scenario";
import {
  codeOf,
  hasFailed,
  printDiagnostics,
  type PrintOptions,
  printReports,
  runSettings,
  startPrinting,
  staticPage,
} from "@dmalab/cli/presentation";
import { type LineRecord, linesRunBy } from "@dmalab/cli/testing";
import { benchEntries, benchText, codeOfBenches, failedBench } from "../engine/bench_verdict.ts";
import { readReportPage, reportPage } from "./report_data.ts";

/** The options of a report. */
export interface PageOptions extends Omit<PrintOptions, "trace"> {
  /** Whether to also record which lines of drivers in C the tests execute. */
  readonly coverage: boolean;
}

export interface Reported {
  readonly exitCode: ExitCode;
  /**
   * One report for each program that ran. A file has several programs if it is a Markdown page,
   * because each of its blocks is a program.
   */
  readonly reports: readonly RunReport[];
  /** Null if coverage was not requested. */
  readonly coverage: LineRecord | null;
  /** Whether the page was written: some run matched, and there was no error. */
  readonly isWritten: boolean;
}

/** Writes the report of a scenario or of a trace to a file; prints errors. */
export async function writeReport(
  path: string,
  target: OutputTarget,
  options: PageOptions,
  screen: Screen,
  watch: SignalWatch,
): Promise<Reported> {
  const made = await madeOf(path, options, screen, watch);
  if (typeof made === "string") {
    return { ...NOTHING, exitCode: refuse(made, screen), isWritten: false };
  }
  const { benches, printed, runs } = made;
  if (runs.length === 0 && benches.length === 0) return { ...made, isWritten: false };
  try {
    const page = runs.length === 0
      ? benchPage(path, benches)
      : await reportPage(readReportPage(), runs, {
        title: path,
        printed,
        failedBench: failedBench(benches),
        benches: benchEntries(benches, plotOf),
      });
    writeFile(target, page);
    return { ...made, isWritten: true };
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    screen.err(error.lines);
    return { ...made, exitCode: WRONG, isWritten: false };
  }
}

export interface Made extends Omit<Reported, "isWritten"> {
  readonly benches: readonly BenchReport[];
  readonly runs: readonly RunAndOutcome[];
  readonly printed: string;
}

/**
 * Maximum number of findings of a trace's run that are printed; the run's events include all
 * findings.
 */
const PRINTED_FINDINGS = 20;

const NOTHING = { benches: [], reports: [], coverage: null, runs: [], printed: "" } as const;

/** The content of a file for the page, or the reason why it cannot be shown. */
export async function madeOf(
  path: string,
  options: PageOptions,
  screen: Screen,
  watch: SignalWatch,
): Promise<Made | string> {
  if (path.endsWith(TRACE_SUFFIX)) {
    const opened = HostLoader.open(path);
    if (typeof opened === "string") return opened;
    const { entry: { name, text }, loader } = opened;
    const loaders = [HostLoader.here(), loader];
    const textOf = (file: string) => {
      for (const each of loaders) {
        const source = each.load(file, null, READ_LIMITS.text);
        if (source instanceof SourceFile) return source.text;
      }
      return null;
    };
    return traceRuns(path, keptTraces(text, { name, textOf }));
  }
  const foreign = await foreignFile(path);
  if (foreign === null) return await scenarioRuns(path, options, screen, watch);
  const read = await foreign.record(screen);
  if (typeof read === "string") return read;
  const kept = keptTraces(read.events, { name: path + TRACE_SUFFIX, textOf: () => read.text });
  return traceRuns(path, kept);
}

function traceRuns(path: string, runs: readonly RecordedRun[] | string): Made | string {
  if (typeof runs === "string") return `Cannot read "${path}": ${runs}`;
  const named = runs.flatMap((run) => [
    `${run.name.file} ${run.name.name}: ${formatCount(run.log.count, "event")}${
      run.failure === null ? "" : ", FAILED"
    }`,
    ...run.failure?.lines ?? [],
    ...findingLines(run),
  ]);
  return {
    ...NOTHING,
    exitCode: runs.some(({ failure }) => failure !== null) ? FAILED : HELD,
    runs: runs.map((run) => ({ run })),
    printed: `${path}\n${named.join("\n")}\n`,
  };
}

/**
 * The incidents on a trace's machine. All incidents are listed, because the trace does not say
 * which of them were expected.
 */
export function findingLines(run: RecordedRun): readonly string[] {
  const found = rowsAt(run, "incidents", run.last);
  const lines = found.slice(0, PRINTED_FINDINGS)
    .map(({ createdSeq }) => `  #${createdSeq} ${formatEventText(run.event(createdSeq))}`);
  const rest = found.length - lines.length;
  return rest === 0 ? lines : [...lines, `  and ${formatCount(rest, "more finding")}`];
}

async function scenarioRuns(
  path: string,
  options: PageOptions,
  screen: Screen,
  watch: SignalWatch,
): Promise<Made | string> {
  const opened = HostLoader.open(path, null, options.limits.timeMs);
  if (typeof opened === "string") return opened;
  const { entry, loader } = opened;
  if (!path.endsWith(PAGE_SUFFIX)) return await entryRuns(entry, loader, options, screen, watch);
  const blocks = blocksOf(entry);
  if (typeof blocks === "string") return blocks;
  let all: Made = { ...NOTHING, exitCode: HELD };
  for (const block of blocks) {
    const next = await entryRuns(block, loader, options, screen, watch);
    all = {
      exitCode: worseExitCode(all.exitCode, next.exitCode),
      reports: [...all.reports, ...next.reports],
      coverage: null,
      benches: [...all.benches, ...next.benches],
      runs: [...all.runs, ...next.runs],
      printed: all.printed + next.printed,
    };
  }
  return all;
}

async function entryRuns(
  entry: SourceFile,
  loader: HostLoader,
  options: PageOptions,
  screen: Screen,
  watch: SignalWatch,
): Promise<Made> {
  const { diagnostics, program } = await loadCompiled(entry, loader);
  printDiagnostics(diagnostics, screen);
  const wrong = codeOfProblems(diagnostics);
  if (program === null) return { ...NOTHING, exitCode: wrong };
  const said = new MemoryScreen();
  const parts = { ...options, trace: null, observers: null, watch };
  const engine = await engineFor(program);
  const report = runProgramWith(engine, program, startPrinting(program, parts, said));
  // The name patterns are left out here. Whether each pattern has found a test can be checked only
  // over all files of a suite.
  printReports([report], 0, { ...parts, matches: [] }, said);
  const benches = benchesOf(program, options, watch);
  for (const bench of benches) said.out(`\n${benchText(bench)}\n`);
  return {
    exitCode: [codeOf(report), codeOfBenches(benches)].reduce(worseExitCode, wrong),
    benches,
    reports: [report],
    coverage: options.coverage ? linesRunBy(program) : null,
    runs: recorded(program, report, options, watch),
    printed: said.output,
  };
}

/**
 * Runs the requested benches. Their figures are those of the simulated machine, which do not depend
 * on the host.
 */
function benchesOf(
  program: Program,
  options: PageOptions,
  watch: SignalWatch,
): readonly BenchReport[] {
  const tests = program.tests.filter((each) => isNamed(each, options.matches));
  return runBenches({ ...program, tests }, { ...runSettings(options), watch });
}

/** Records the selected runs, each with its outcome. */
function recorded(
  program: Program,
  { outcomes, unreached }: RunReport,
  options: PageOptions,
  watch: SignalWatch,
): readonly RunAndOutcome[] {
  const record = { ...runSettings(options), sides: true, watch };
  return runsOf(program).flatMap((choice) => {
    const { name, test } = choice;
    if (watch.interrupted() || test !== null && !isNamed(test, options.matches)) return [];
    const found = outcomes.find((each) => isSameEntry(each, name));
    if (found === undefined || found.outcome === "skipped") return [];
    // Another combination of a matrix may have reached it.
    const never = found.unreached.filter((place) => unreached.includes(place));
    const outcome = { ...found, unreached: never };
    const run = recordRun(program, choice, record);
    keepVariables(run, watch);
    return [{ run, outcome }];
  });
}

/** Styles of a report with benches only. The report shows the plot and the tables of each bench. */
const STYLE = "svg{max-width:100%;height:auto}section{border-top:1px solid var(--line)}";

/** Colours of the page's style sheet, so that a plot follows the page's light or dark theme. */
const COLOURS: PlotColours = {
  ground: "var(--bg)",
  text: "var(--text)",
  grid: "var(--line)",
  axis: "var(--dim)",
  series: ["map", "unmap", "data", "decision", "fault", "translate"].map((name) =>
    `var(--${name})`
  ),
};

/** The plot of a bench as SVG; null without a plot. */
function plotOf(report: BenchReport): string | null {
  return benchPlot(report, [], [], COLOURS);
}

export function benchPage(path: string, reports: readonly BenchReport[]): string {
  const bad = reports.filter(hasFailed).length;
  const count = formatCount(reports.length, "bench", "benches");
  const hasExpected = ({ budgets, expectations }: BenchReport) => budgets + expectations.length > 0;
  const isJudged = reports.some(hasExpected);
  const held = isJudged ? "all as expected" : "without expect or budget";
  return staticPage({
    title: `${path}: ${count}, ${bad === 0 ? held : `${bad} failed`}`,
    outcome: bad > 0 ? "failed" : isJudged ? "passed" : null,
    style: STYLE,
    body: reports.map((report) => {
      const state = hasFailed(report) ? "✕" : hasExpected(report) ? "✓" : "·";
      const failure = failedBench([report]);
      const why = failure === null ? [] : [`${failure.place}: ${failure.what}`, ...failure.why];
      return `<section><h2>${state} ${escapeMarkup(report.name)}</h2>
${why.map((each) => `<p>${escapeMarkup(each)}</p>\n`).join("")}${plotOf(report) ?? ""}
<pre tabindex="0">${escapeMarkup(benchText(report))}</pre></section>`;
    }).join("\n"),
  });
}
