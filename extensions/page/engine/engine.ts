/**
 * The language in a worker: checks a project, prints the output of `dmalab run`, and records a run.
 *
 * All scripts run in this worker. If a script reaches one of its limits, the script ends with the
 * limit's message. If a script does not end even so, the page terminates the worker.
 */
import type { Screen } from "@dmalab/cli/extend";
import { codeOfProblems, HELD, worseExitCode } from "@dmalab/cli/exit_code";
import {
  codeOf,
  printDiagnostics,
  printReports,
  runSettings,
  startPrinting,
} from "@dmalab/cli/presentation";
import { type Diagnostic, printableText } from "@dmalab/lang/diagnostics";
import { loadForDebugging, SourceFile, spanPlace } from "@dmalab/lang";
import { keepVariables, recordRun, type RunChoice, runsOf } from "@dmalab/recording";
import {
  type BenchReport,
  isSameEntry,
  type LoadResult,
  type Program,
  runProgramWith,
  type RunReport,
  runTitle,
} from "@dmalab/lang/run";
import { FAST_CHECK, runBenches } from "@dmalab/lang/program";
import { DEFAULT_LIMITS, limitsOf } from "@dmalab/lang/values";
import { serialise } from "@dmalab/recording/views";
import { benchEntries, benchText, codeOfBenches, failedBench } from "./bench_verdict.ts";
import { projectLoader } from "./project_loader.ts";
import type { EngineResponse, PageProblem, Project, Request, RunEntry } from "./protocol.ts";

/** Time limit for a run in the page, in seconds; the command line allows a minute. */
const RUN_SECONDS = 10;
/** The limits of a recording, which is repeated after each edit. */
const RECORD_LIMITS = { ...DEFAULT_LIMITS, steps: 50_000_000, timeMs: 3_000, events: 300_000 };
/** Length of the pieces in which output is collected. */
const CHUNK_LENGTH = 65_536;

const WATCH = { nowMs: () => performance.now(), interrupted: () => false };
const PRINTED = {
  only: "all",
  lenient: false,
  trace: null,
  matches: [],
  observers: null,
  watch: WATCH,
  limits: limitsOf({ "time-seconds": RUN_SECONDS }),
} as const;

/** Number of characters that are shown from the beginning of a run's output, and from its end. */
const FIRST_LENGTH = 30_000;
const LAST_LENGTH = 10_000;

/**
 * Collects the part of the output that the page shows. The rest is dropped, because a browser takes seconds to
 * lay out a million characters.
 */
export class PrintedScreen implements Screen {
  readonly colour = false;
  readonly columns = null;
  #pending = "";
  #first = "";
  #last = "";
  #length = 0;

  out(text: string): void {
    this.data(printableText(text, false));
  }

  err(text: string): void {
    this.out(text);
  }

  data(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= CHUNK_LENGTH) this.#flush();
  }

  progress(): void {}

  /** The shown output, with the number of omitted characters. */
  get shown(): string {
    this.#flush();
    const left = this.#length - this.#first.length - this.#last.length;
    const between = left > 0 ? `\n… ${left} more characters …\n` : "";
    return `${this.#first}${between}${this.#last}`;
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = "";
    const room = FIRST_LENGTH - this.#first.length;
    this.#first += text.slice(0, room);
    this.#last = (this.#last + text.slice(room)).slice(-LAST_LENGTH);
    this.#length += text.length;
  }
}

/** Runs the benches of a program, which `dmalab run` does not run, and prints their tables. */
function printBenches(
  program: Program,
  seed: Project["seed"],
  screen: Screen,
): readonly BenchReport[] {
  const reports = runBenches(program, {
    ...runSettings({ ...PRINTED, seed }),
    watch: WATCH,
    onLine: (line) => screen.out(`${line}\n`),
  });
  if (reports.length > 0) screen.out("\n");
  for (const report of reports) screen.out(`${benchText(report)}\n`);
  return reports;
}

/** The engine of one project at a time. */
export class Engine {
  #followed: Program | null = null;
  #runs: readonly RunChoice[] = [];

  constructor(private readonly answer: (answer: EngineResponse) => void) {}

  handle(request: Request): void {
    const { id } = request;
    if (request.kind !== "run") {
      this.#record(id, request.run, request.kind === "beside");
      return this.answer({ id, kind: "done", exitCode: null });
    }
    const { diagnostics, program } = this.#check(id, request.project);
    // The user sees one run while editing, so it is recorded before all others are run.
    this.#record(id, request.run ?? 0);
    const { exitCode, failed } = this.#print(id, request.project, diagnostics, program);
    if (request.run === null && failed > 0) this.#record(id, failed);
    this.answer({ id, kind: "done", exitCode });
  }

  #check(id: number, { entry, files }: Project): LoadResult {
    const result = loadForDebugging(
      new SourceFile(entry, files[entry] ?? ""),
      projectLoader(files),
    );
    const { diagnostics, program } = result;
    this.answer({
      id,
      kind: "checked",
      problems: diagnostics.map((each) => problemOf(each, entry)),
    });
    this.#followed = program;
    this.#runs = program === null ? [] : runsOf(program);
    return result;
  }

  /**
   * Runs the whole project, and sends the output of the command line.
   * @returns The exit code of the command, and the first run that failed.
   */
  #print(
    id: number,
    { seed }: Project,
    diagnostics: readonly Diagnostic[],
    program: Program | null,
  ): { readonly exitCode: number; readonly failed: number } {
    const screen = new PrintedScreen();
    printDiagnostics(diagnostics, screen);
    const options = { ...PRINTED, seed };
    const report = program === null
      ? null
      : runProgramWith(FAST_CHECK, program, startPrinting(program, options, screen));
    const reports = report === null ? [] : [report];
    const said = printReports(reports, program === null ? 1 : 0, options, screen);
    const benches = program === null ? [] : printBenches(program, seed, screen);
    this.answer({ id, kind: "output", text: screen.shown });
    const runs = this.#runs.map((each) => entryOf(each, report));
    this.answer({
      id,
      kind: "runs",
      runs,
      failedBench: failedBench(benches),
      // The playground draws no plots.
      benches: benchEntries(benches, () => null),
    });
    const exitCode = worseExitCode(
      worseExitCode(codeOfProblems(diagnostics), report === null ? HELD : codeOf(report)),
      worseExitCode(said, codeOfBenches(benches)),
    );
    return { exitCode, failed: runs.findIndex(({ outcome }) => outcome === "failed") };
  }

  /**
   * @param isBeside Whether the run is recorded for a comparison. The run's blocks that run on
   *   separate machines are then recorded, too.
   */
  #record(id: number, run: number, isBeside = false): void {
    const choice = this.#runs[run] ?? this.#runs[0];
    if (choice === undefined || this.#followed === null) return;
    const index = this.#runs.indexOf(choice);
    const options = { limits: RECORD_LIMITS, watch: WATCH, sides: isBeside, ownRun: isBeside };
    const recording = recordRun(this.#followed, choice, options);
    keepVariables(recording, WATCH);
    // The output is left out: the page has it already, and it may have a million lines.
    const bytes = serialise([{ run: recording }], { output: false });
    this.answer({ id, kind: isBeside ? "beside" : "recorded", run: index, bytes });
  }
}

function problemOf(
  { code, hint, message, severity, span }: Diagnostic,
  entry: string,
): PageProblem {
  const isHere = span.source.name === entry;
  const place = isHere ? "" : `${span.source.name}: `;
  return {
    code,
    severity,
    message: `${place}${message}`,
    place: spanPlace(span),
    hint: hint ?? null,
    from: isHere ? span.start : 0,
    to: isHere ? span.end : 0,
  };
}

function entryOf({ name, skip }: RunChoice, report: RunReport | null): RunEntry {
  const outcome = report?.outcomes.find((each) => isSameEntry(each, name));
  const title = runTitle(name);
  const word = outcome?.outcome ?? (skip ? "skipped" : "not run");
  return { name, title, outcome: word, report: outcome ?? null };
}
