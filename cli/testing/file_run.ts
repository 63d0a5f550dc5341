/** Runs one file of tests. Its options and results can be posted to a worker and back. */
import {
  type HostWatch,
  isNamed,
  type Program,
  runProgramWith,
  type RunReport,
  type TestOutcome,
} from "@dmalab/lang/run";
import { printable } from "@dmalab/lang/diagnostics";
import { type ExitCode, WRONG } from "../exit_code.ts";
import { MemoryScreen } from "../memory_screen.ts";
import { limited, SlowMatch } from "../read_matches.ts";
import { painter } from "@dmalab/lang/text";
import { diagnosticStyle } from "../scenario/diagnostic_style.ts";
import { loadScenario } from "../scenario/load_scenario.ts";
import { runSettings } from "../scenario/run_settings.ts";
import { codeOf, type PrintOptions } from "../scenario/print_run.ts";
import { engineFor } from "../scenario/run_scenarios.ts";
import type { RunListeners } from "../scenario/trace_outputs.ts";
import { TracePrinter } from "../scenario/trace_printer.ts";
import type { JobCount } from "../jobs/job_count.ts";
import { PlaceCrew } from "../jobs/place_crew.ts";
import type { PlaceSource } from "../jobs/place_job.ts";
import { type LineRecord, linesRunBy } from "./line_coverage.ts";

export interface FileJob
  extends Pick<PrintOptions, "branch" | "lenient" | "limits" | "matches" | "seed" | "trace"> {
  readonly path: string;
  readonly failFast: boolean;
  /**
   * Selects tests of the file. Tests are counted from `first`; a test is selected if its number
   * modulo `count` is `index`.
   */
  readonly shard: { readonly index: number; readonly count: number; readonly first: number } | null;
  /** The kernel tree that `--tree` names. */
  readonly tree: string | null;
  readonly colour: boolean;
  /** Whether to record which lines of drivers in C the tests execute. */
  readonly coverage: boolean;
}

/** The events of a file's run, in this order. */
export type FileEvent =
  /** The file's diagnostics as text, if it has any. */
  | { readonly kind: "problems"; readonly text: string }
  | { readonly kind: "start"; readonly file: string; readonly tests: number }
  | { readonly kind: "trace"; readonly text: string }
  /** A printed line of a test. */
  | { readonly kind: "line"; readonly text: string }
  | {
    readonly kind: "outcome";
    readonly outcome: TestOutcome;
    readonly printed: readonly string[];
    /** Duration of the test by the host's clock. */
    readonly wallMs: number;
  }
  | {
    readonly kind: "end";
    readonly path: string;
    /** Null when the file has errors. */
    readonly report: RunReport | null;
    /** The file's diagnostics as text. */
    readonly problems: string;
    readonly exitCode: ExitCode;
    readonly coverage: LineRecord | null;
  };

/** Threads that may help with the tests of a file. */
export interface FileHelpers {
  /** Largest number of threads, the tests' included. */
  readonly jobs: JobCount;
  readonly interrupts: SharedArrayBuffer;
}

function sourceOf({ lenient, limits, path, seed, tree }: FileJob): PlaceSource {
  return { lenient, limits, path, seed, tree };
}

export type ListenersOf = (program: Program) => RunListeners;

export async function runFile(
  job: FileJob,
  onEvent: (event: FileEvent) => void,
  watch?: HostWatch,
  listeners: ListenersOf | null = null,
  helpers: FileHelpers | null = null,
): Promise<void> {
  const paint = painter(job.colour);
  const problems = new MemoryScreen();
  const { exitCode, program } = await loadScenario(job.path, problems, job.tree, job.limits.timeMs);
  if (problems.errors !== "") onEvent({ kind: "problems", text: problems.errors });
  const end = { kind: "end", path: job.path, problems: problems.errors } as const;
  if (program === null) {
    onEvent({ ...end, report: null, exitCode, coverage: null });
    return;
  }
  // The time limit of regular expressions is lost when a job is posted to a worker. Therefore
  // `limited` sets it again.
  const match = await limited(job.matches);
  try {
    for (const test of program.tests) isNamed(test, match);
  } catch (error) {
    if (!(error instanceof SlowMatch)) throw error;
    const text = `error: ${printable(error.message)}\n`;
    onEvent({ kind: "problems", text });
    onEvent({ ...end, problems: text, report: null, exitCode: WRONG, coverage: null });
    return;
  }
  const tests = program.tests.filter(({ kind }) => kind !== "bench").length;
  onEvent({ kind: "start", file: program.source.name, tests });
  const { outputBytes } = job.limits;
  const trace = new TracePrinter((text) => onEvent({ kind: "trace", text }), paint, outputBytes);
  const observers = listeners?.(program) ?? null;
  let printed: string[] = [];
  let began = performance.now();
  const { shard } = job;
  using crew = helpers === null || job.trace !== null || observers !== null || job.coverage
    ? null
    : new PlaceCrew(helpers.jobs, sourceOf(job), program, helpers.interrupts);
  const report = runProgramWith(await engineFor(program), program, {
    ...runSettings(job),
    only: "tests",
    match,
    failFast: job.failFast,
    ...shard === null
      ? {}
      : { select: (number) => (shard.first + number) % shard.count === shard.index },
    onRun: (start) => {
      observers?.onRun(start);
      trace.run(start);
    },
    ...job.trace !== null || observers !== null
      ? {
        onEvent: (event) => {
          observers?.onEvent(event);
          if (job.trace === "text") trace.print(event);
        },
      }
      : {},
    ...observers?.onChildEvent === undefined ? {} : { onChildEvent: observers.onChildEvent },
    onLine: (text) => {
      printed.push(text);
      onEvent({ kind: "line", text });
    },
    onOutcome: (outcome) => {
      observers?.onOutcome(outcome);
      const now = performance.now();
      onEvent({ kind: "outcome", outcome, printed, wallMs: now - began });
      printed = [];
      began = now;
    },
    style: diagnosticStyle(paint),
    ...watch === undefined ? {} : { watch },
    ...crew === null ? {} : { helpPlaces: (...request) => crew.help(...request) },
  });
  const coverage = job.coverage ? linesRunBy(program) : null;
  onEvent({ ...end, report, exitCode: codeOf(report), coverage });
}
