/** `dmalab bench`: the benches of scenarios, each cell on a separate machine. */
import { nearestNames, printable, printableJson } from "@dmalab/lang/diagnostics";
import { escapeMarkup, painter } from "@dmalab/lang/text";
import {
  BENCH_FIGURES,
  benchJson,
  benchPlot,
  benchReports,
  cellFigure,
  type HostTime,
  startBenchLoop,
} from "@dmalab/lang/program";
import { type BenchOutcome, type BenchReport, displayName, type Program } from "@dmalab/lang/run";
import { codeOfFailure, type ExitCode, HELD, worseExitCode, WRONG } from "../exit_code.ts";
import { sayWritten, svgFile, writeNamed, wrongPictureName } from "../files/write_file.ts";
import { type SignalWatch, withInterrupts } from "../interrupts.ts";
import { EVENT_NAMES } from "@dmalab/runtime";
import { DENO_VERSION, VERSION } from "../package_version.ts";
import { processorMs } from "../processor_time.ts";
import { matchText } from "../name_match.ts";
import { printError, refuse } from "../print_error.ts";
import type { Screen } from "../screen.ts";
import { counted, whyNoFailure } from "../scenario/report_printer.ts";
import { loadScenario } from "../scenario/load_scenario.ts";
import { nothingSelected } from "../scenario/print_run.ts";
import type { JobCount } from "../jobs/job_count.ts";
import { OrderedPlan } from "../jobs/ordered_plan.ts";
import { runPlan } from "../jobs/run_plan.ts";
import {
  type BenchJob,
  type BenchMessage,
  benchOnce,
  benchOptions,
  type BenchSettings,
  cellsOf,
} from "./bench_job.ts";
import { benchLines } from "./bench_text.ts";
import { measureHostTimes } from "./host_time.ts";
import { CannotMeasure, checkSavePlace, readSaved, writeSaved } from "./saved_measurements.ts";
import { comparisonLines, type Measured, type Measurements } from "./statistics.ts";

/** The options of `dmalab bench`. */
export interface BenchScenarioOptions extends Omit<BenchSettings, "colour" | "columns"> {
  readonly json: boolean;
  /**
   * Number of workers that compute exact figures; the host's time is measured in this process
   * alone.
   */
  readonly jobs: JobCount;
  /** Figures and events that tables show; where empty, tables show everything that happened. */
  readonly figures: readonly string[];
  readonly hostTime: boolean;
  /** Files to write: a plot, a JUnit report, measurements; null for no such file. */
  readonly plot: string | null;
  readonly junitPath: string | null;
  readonly save: string | null;
  /** File with the measurements to compare with; null to compare nothing. */
  readonly against: string | null;
}

/** A bench, and the host times of its cells; null where they were not measured. */
interface TimedReport {
  readonly report: BenchReport;
  readonly hostTimes: readonly (HostTime | null)[] | null;
}

/** Runs the benches of each file; it is a failure if there are no benches. */
export async function benchScenarios(
  paths: readonly string[],
  options: BenchScenarioOptions,
  screen: Screen,
): Promise<ExitCode> {
  try {
    const unknown = options.figures.find((name) => !isFigure(name));
    if (unknown !== undefined) {
      const [nearest] = nearestNames(unknown, [...FIGURE_NAMES, ...EVENT_NAMES], 1);
      const hint = nearest === undefined
        ? `figures are ${FIGURE_NAMES.join(", ")}`
        : `did you mean "${nearest}"?`;
      return refuse(`--figure: nothing is called "${unknown}"; ${hint}`, screen);
    }
    const wrong = options.plot === null ? null : wrongPictureName("--plot", options.plot);
    if (wrong !== null) return refuse(wrong, screen);
    if (options.save !== null) checkSavePlace(options.save);
    const saved = options.against === null ? null : readSaved(options.against);
    if (options.against !== null && saved === null) {
      return refuse(`there is no file "${options.against}"`, screen);
    }
    return await withInterrupts(async (watch) => {
      const { exitCode, files } = await new BenchCommand(options, screen, watch).run(paths);
      const old = saved?.results ?? null;
      return worseExitCode(exitCode, writeResults(files, old, options, screen));
    });
  } catch (error) {
    if (!(error instanceof CannotMeasure)) throw error;
    return refuse(error.message, screen);
  }
}

const FIGURE_NAMES: readonly string[] = BENCH_FIGURES.map(({ name }) => name);

function isFigure(name: string): boolean {
  return FIGURE_NAMES.includes(name) || (EVENT_NAMES as readonly string[]).includes(name);
}

interface BenchedFile {
  readonly file: string;
  readonly reports: readonly TimedReport[];
}

class BenchCommand {
  readonly #settings: BenchSettings;
  #exitCode: ExitCode = HELD;
  #tolerant = 0;

  constructor(
    readonly options: BenchScenarioOptions,
    readonly screen: Screen,
    readonly watch: SignalWatch,
  ) {
    const { lenient, limits, matches, seed } = options;
    const { colour, columns } = screen;
    this.#settings = { lenient, limits, matches, seed, colour, columns };
  }

  async run(
    paths: readonly string[],
  ): Promise<{ readonly exitCode: ExitCode; readonly files: readonly BenchedFile[] }> {
    const { json, lenient, limits } = this.options;
    const paint = painter(this.screen.colour);
    const files: BenchedFile[] = [];
    for (const path of paths) {
      const loaded = await loadScenario(path, this.screen, null, limits.timeMs);
      if (loaded.program === null) this.#note(loaded.exitCode);
      else files.push({ file: path, reports: await this.#file(path, loaded.program) });
    }
    if (this.#tolerant > 0 && !json) {
      const passed = `${
        counted(this.#tolerant, "bench run")
      } passed with unexpected reports or faults`;
      this.#say([`${paint("warning", "warning:")} ${passed}; ${whyNoFailure(lenient)}`]);
    }
    const found = files.some(({ reports }) => reports.length > 0);
    if (!found && this.#exitCode === HELD) {
      const { matches } = this.options;
      const which = matches.length === 0
        ? ""
        : `: none matches ${matches.map(matchText).join(" or ")}`;
      printError(`No bench found${which}`, this.screen);
      return { exitCode: nothingSelected(matches), files };
    }
    return { exitCode: this.#exitCode, files };
  }

  async #file(path: string, program: Program): Promise<readonly TimedReport[]> {
    const { json } = this.options;
    const outcomes = await this.#outcomes(path, program);
    for (const { failure, incidents } of outcomes) {
      if (failure === null && incidents.length > 0) this.#tolerant++;
      this.#note(codeOfFailure(failure));
    }
    const reports = benchReports(program, outcomes, benchOptions(this.#settings, this.watch));
    return reports.map((report) => {
      for (const { failure } of report.expectations) this.#note(codeOfFailure(failure));
      const hostTimes = this.options.hostTime ? this.#hostTimes(program, report) : null;
      const timed = { report, hostTimes };
      this.#say(
        json
          ? [printableJson(benchJson(report, hostTimes ?? []), 0)]
          : benchLines(report, hostTimes, this.options.figures, painter(this.screen.colour)),
      );
      return timed;
    });
  }

  async #outcomes(path: string, program: Program): Promise<readonly BenchOutcome[]> {
    const cells = cellsOf(program, this.#settings);
    const outcomes: BenchOutcome[] = [];
    const mayGoOn = () => !this.watch.interrupted();
    const tell = () => {
      if (outcomes.length === cells.length) return;
      this.screen.progress(`${path}: cell ${outcomes.length + 1} of ${cells.length}`);
    };
    const onCell = ({ outcome, text }: BenchMessage) => {
      // With --json the standard output contains only JSON. Therefore the lines of a bench go to
      // the error stream.
      if (this.options.json) this.screen.err(text);
      else this.screen.out(text);
      outcomes.push(outcome);
      tell();
    };
    tell();
    const plan = new OrderedPlan<BenchJob, BenchMessage>({
      count: cells.length,
      job: (number) => ({ kind: "bench", path, settings: this.#settings, number }),
      onNext: onCell,
      mayGoOn,
    });
    await runPlan(plan, {
      jobs: this.options.jobs,
      interrupts: this.watch,
      run: ({ number }, send) =>
        send(benchOnce(program, cells[number]!, this.#settings, this.watch)),
    });
    return outcomes;
  }

  /** Measures the host's time of each cell, in the order of cells. Failed cells are not timed. */
  #hostTimes(program: Program, { cells }: BenchReport): readonly (HostTime | null)[] {
    const wanted = cells.filter(({ outcome }) => outcome === "passed");
    const options = benchOptions(this.#settings, this.watch);
    const loops = wanted.map((cell) => {
      const entry = program.tests.find((test) =>
        test.kind === "bench" && test.name === cell.name && test.combination === cell.combination
      )!;
      return startBenchLoop(program, entry, options);
    });
    const times = measureHostTimes(loops, {
      clockMs: processorMs,
      seed: this.options.seed ?? 0,
      mayGoOn: () => !this.watch.interrupted(),
      onRound: (text) => this.screen.progress(`host time of ${wanted.length} cells: ${text}`),
    });
    return cells.map((cell) => times[wanted.indexOf(cell)] ?? null);
  }

  #say(lines: readonly string[]): void {
    this.screen.out(lines.map((line) => `${line}\n`).join(""));
  }

  #note(exitCode: ExitCode): void {
    this.#exitCode = worseExitCode(this.#exitCode, exitCode);
  }
}

/** Writes the requested files, and reports differences from the measurements of `--against`. */
function writeResults(
  files: readonly BenchedFile[],
  old: Measurements | null,
  { figures, json, junitPath, plot, save }: BenchScenarioOptions,
  screen: Screen,
): ExitCode {
  const all = files.flatMap(({ reports }) => reports);
  let written = true;
  if (junitPath !== null) {
    const suites = files.map(({ file, reports }) => ({
      file,
      reports: reports.map(({ report }) => report),
    }));
    written = writeNamed(junitPath, benchJunit(suites), screen) && written;
  }
  if (plot !== null) {
    const [first, ...more] = all.flatMap(({ hostTimes, report }) =>
      benchPlot(report, hostTimes ?? [], figures) ?? []
    );
    if (first === undefined) return refuse("--plot: no figure tells the cells apart", screen);
    if (more.length > 0) {
      return refuse(`--plot draws one bench; ${more.length + 1} ran: --match chooses one`, screen);
    }
    written = writeNamed(plot, svgFile(first), screen) && written;
  }
  const now = measurementsOf(all);
  if (old !== null) {
    const say = (line: string) => json ? screen.err(`${line}\n`) : screen.out(`${line}\n`);
    if (!Object.keys(now).some((name) => Object.hasOwn(old, name))) {
      return refuse("--against: no figure stands in both, so that nothing was compared", screen);
    }
    for (const line of differenceLines(old, now)) say(line);
  }
  if (save !== null) {
    writeSaved(save, { commit: `dmalab ${VERSION}`, deno: DENO_VERSION, results: now });
    sayWritten(save, screen);
  }
  return written ? HELD : WRONG;
}

const HOST_UNIT = "ns/iteration";

/**
 * The measurements of all benches, by name. An exact figure has one value; the host's time has one
 * value for each round.
 */
function measurementsOf(reports: readonly TimedReport[]): Measurements {
  const results: Record<string, Measured> = {};
  for (const { hostTimes, report } of reports) {
    for (const [index, cell] of report.cells.entries()) {
      if (cell.stopped === null) continue;
      const name = displayName(cell);
      for (const { name: figure, unit } of BENCH_FIGURES) {
        results[`${name} ${figure}`] = { unit, values: [cellFigure(cell, figure)] };
      }
      const time = hostTimes?.[index];
      if (time) results[`${name} host time`] = { unit: HOST_UNIT, values: time.roundsNs };
    }
  }
  return results;
}

/**
 * Lines that list differences: an exact figure is listed if it differs at all, the host's time if it
 * differs by more than its noise.
 */
function differenceLines(old: Measurements, now: Measurements): string[] {
  const isHost = ([, { unit }]: [string, Measured]) => unit === HOST_UNIT;
  const exact = Object.entries(now).filter((each) => !isHost(each)).flatMap(
    ([name, { values }]) => {
      const before = Object.hasOwn(old, name) ? old[name] : undefined;
      return before !== undefined && before.values[0] !== values[0]
        ? [`${name}: ${before.values[0]} → ${values[0]} per iteration`]
        : [];
    },
  );
  return [
    ...exact.length === 0 ? ["no exact figure differs"] : exact,
    ...comparisonLines(old, Object.fromEntries(Object.entries(now).filter(isHost)), false),
  ];
}

interface JunitCase {
  readonly name: string;
  readonly message: string | null;
  readonly lines: readonly string[];
  readonly skipped: string | null;
}

/** The JUnit XML of benches, with a suite for each file that declares them. */
function benchJunit(
  files: readonly { readonly file: string; readonly reports: readonly BenchReport[] }[],
): string {
  const suites = files.filter(({ reports }) => reports.length > 0).map(({ file, reports }) => {
    const cases = reports.flatMap(casesOf);
    const count = (of: (each: JunitCase) => boolean) => cases.filter(of).length;
    const failures = count(({ message }) => message !== null);
    const skipped = count((each) => each.skipped !== null);
    return `  <testsuite name="${text(file)}" tests="${cases.length}" failures="${failures}" ` +
      `skipped="${skipped}" errors="0">\n${
        cases.map((each) => caseText(file, each)).join("")
      }  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="dmalab bench">\n${
    suites.join("")
  }</testsuites>\n`;
}

function casesOf({ cells, expectations, name }: BenchReport): JunitCase[] {
  return [
    ...cells.map((cell) => ({
      name: displayName(cell),
      message: cell.failure?.message ?? null,
      lines: cell.failure?.lines ?? [],
      skipped: cell.outcome === "skipped" ? "declared as skipped" : null,
    })),
    ...expectations.map(({ failure, reason, text: condition, where }) => ({
      name: `${name}: expect ${condition}${where === "" ? "" : ` at ${where}`}`,
      message: failure?.message ?? null,
      lines: failure?.lines ?? [],
      skipped: reason,
    })),
  ];
}

function caseText(file: string, { lines, message, name, skipped }: JunitCase): string {
  const inner = message !== null
    ? `\n      <failure message="${text(message)}">${text(lines.join("\n"))}</failure>\n    `
    : skipped !== null
    ? `\n      <skipped message="${text(skipped)}"/>\n    `
    : "";
  return `    <testcase name="${text(name)}" classname="${text(file)}">${inner}</testcase>\n`;
}

function text(of: string): string {
  return of.split("\n").map((line) => escapeMarkup(printable(line))).join("\n");
}
