/** The messages between the page and the engine in its worker. */
import type { TestOutcome } from "@dmalab/lang/run";
import type { RunName } from "@dmalab/recording";
import type { BenchEntry, SaidVerdict } from "./bench_verdict.ts";

/** A scenario with the files that it uses, by their paths. */
export interface Project {
  readonly files: Readonly<Record<string, string>>;
  /** The path of the scenario. */
  readonly entry: string;
  /** Overrides the seed of the file; null for the file's own. */
  readonly seed: number | null;
}

/** A request of the page. */
export type Wish =
  /**
   * Checks, runs and records a project; sends a response after each step. If `run` is null, the first run
   * that fails is recorded.
   */
  | { readonly kind: "run"; readonly project: Project; readonly run: number | null }
  /**
   * Records another run of the last project. `beside` is for a comparison: it also records those
   * blocks of the run that run on separate machines.
   */
  | { readonly kind: "record" | "beside"; readonly run: number };

/** A request with a number, which its responses repeat. */
export type Request = Wish & { readonly id: number };

/**
 * A mistake or a warning, with offsets in the entry file. A problem in another file is shown at the
 * beginning of the entry file.
 */
export interface PageProblem {
  readonly code: string;
  readonly severity: "error" | "warning";
  readonly message: string;
  /** `file:line:col`. */
  readonly place: string;
  readonly hint: string | null;
  readonly from: number;
  readonly to: number;
}

export interface RunEntry {
  readonly name: RunName;
  /** The title in the list: the name and the combination. */
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped" | "not run";
  /** The runner's result; null if the runner did not execute the run. */
  readonly report: TestOutcome | null;
}

export type EngineResponse =
  | { readonly kind: "ready" }
  | { readonly id: number; readonly kind: "checked"; readonly problems: readonly PageProblem[] }
  /**
   * The output and the errors of the command line as one text, which contains only the part that
   * the page shows.
   */
  | { readonly id: number; readonly kind: "output"; readonly text: string }
  | {
    readonly id: number;
    readonly kind: "runs";
    readonly runs: readonly RunEntry[];
    /** The first failure of a bench; null for none. */
    readonly failedBench: SaidVerdict | null;
    /** The benches that ran. */
    readonly benches: readonly BenchEntry[];
  }
  | {
    readonly id: number;
    readonly kind: "recorded" | "beside";
    readonly run: number;
    /** The recording in the format of `serialise` of recording/views. */
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  /** The request is finished; the exit code is null where nothing was printed. */
  | { readonly id: number; readonly kind: "done"; readonly exitCode: number | null };
