/** The messages between the page and the engine in its worker. */
import type { TestOutcome } from "@dmalab/lang/run";
import type { RunName } from "@dmalab/recording";
import type { SaidVerdict } from "./bench_verdict.ts";

/** A scenario with the files that it uses, by their paths. */
export interface Project {
  readonly files: Readonly<Record<string, string>>;
  /** The path of the scenario. */
  readonly entry: string;
  /** Instead of the seed of the file; null for that. */
  readonly seed: number | null;
}

/** A request of the page. */
export type Wish =
  /** Checks, runs and records; each step is answered as soon as it is done. `run`: null for the first that fails. */
  | { readonly kind: "run"; readonly project: Project; readonly run: number | null }
  /**
   * Records another run of the project that ran last; `beside` for a comparison: with its blocks
   * that run on separate machines.
   */
  | { readonly kind: "record" | "beside"; readonly run: number };

/** Answers carry its number. */
export type Request = Wish & { readonly id: number };

/**
 * A mistake or a warning, by offsets in the entry; a problem of another file is put at the
 * beginning.
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
  /** As it is listed: the name and the combination. */
  readonly title: string;
  readonly outcome: "passed" | "failed" | "skipped" | "not run";
  /** All that the runner says of it; null where it did not run. */
  readonly report: TestOutcome | null;
}

export type EngineResponse =
  | { readonly kind: "ready" }
  | { readonly id: number; readonly kind: "checked"; readonly problems: readonly PageProblem[] }
  /** The output and the errors of the command line as one text, as far as the page shows it. */
  | { readonly id: number; readonly kind: "output"; readonly text: string }
  | {
    readonly id: number;
    readonly kind: "runs";
    readonly runs: readonly RunEntry[];
    /** The first failure of a bench; null for none. */
    readonly failedBench: SaidVerdict | null;
  }
  | {
    readonly id: number;
    readonly kind: "recorded" | "beside";
    readonly run: number;
    /** As `serialise` of recording/views writes it. */
    readonly bytes: Uint8Array<ArrayBuffer>;
  }
  /** Everything that was asked for is done; the exit code is null where nothing was printed. */
  | { readonly id: number; readonly kind: "done"; readonly exitCode: number | null };
