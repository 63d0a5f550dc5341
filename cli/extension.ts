/** The parts that an extension adds to `dmalab`: one record, and a line of `bin/extensions.ts`. */
import type { CodeEntry } from "@dmalab/lang/diagnostics";
import type { HostWatch } from "@dmalab/lang/run";
import type { WantingLoader } from "./compile_cache.ts";
import type { CommandTable } from "./command.ts";
import type { ExitCode } from "./exit_code.ts";
import type { PrintOptions } from "./scenario/print_run.ts";
import type { Screen } from "./screen.ts";
import type { UserWord } from "./explain/user_word.ts";

/** Runs jobs of one kind in a worker: opened by the first, kept for the next ones. */
export interface JobRunner<J> {
  run(
    job: J,
    send: (message: { readonly kind: string }) => void,
    watch: HostWatch,
  ): void | Promise<void>;
}

export type OpenJobRunner<J> = (first: J) => Promise<JobRunner<J>>;

/** Explains lines that were pasted, such as those of a kernel log. */
export interface LineExplainer {
  /** Whether a question is such a line, and no name. */
  accepts(question: string): boolean;
  explainLine(line: string, asJson: boolean, screen: Screen): ExitCode;
  /** Explains the log on the standard input, whatever its encoding. */
  explainInput(asJson: boolean, screen: Screen): Promise<ExitCode>;
  /** Explains a log that is a file, whatever its encoding; or says what else the file is. */
  explainFile(path: string, asJson: boolean, screen: Screen): Promise<ExitCode>;
  /** What lines mean that have a text as a part; null where none has. */
  linesWith(text: string): readonly string[] | null;
  /** Explains lines by what traces of the same machine know of them. */
  explainWithTrace(
    lines: { readonly text: string } | { readonly path: string },
    tracePaths: readonly string[],
    screen: Screen,
  ): Promise<ExitCode>;
}

/** Writes a page for each scenario, and an index of them, into a folder. */
export type WriteReports = (
  paths: readonly string[],
  folder: string,
  options: Omit<PrintOptions, "trace"> & { readonly coverage: boolean },
  screen: Screen,
) => Promise<ExitCode>;

/** A file that another program has written, and that is no scenario. */
export interface ForeignFile {
  /** Such as "a kernel log". */
  readonly what: string;
  /** The commands that read it, as part of a sentence. */
  readonly readers: string;
  /**
   * Its lines, and its events as a `.dmatrace.jsonl`, for `dmalab report`; or the reason why it has
   * none, as a sentence.
   */
  record(screen: Screen): Promise<{ readonly text: string; readonly events: string } | string>;
}

/** Makes a folder with a scenario of an out-of-tree module. */
export type InitDriver = (
  asked: {
    /** The module's folder. */
    readonly module: string;
    /** A source in it; null for the first that registers a PCI driver. */
    readonly file: string | null;
    /** A kernel tree; null for dmalab's own headers. */
    readonly kernel: string | null;
    /** The folder to write. */
    readonly folder: string;
  },
  screen: Screen,
) => Promise<ExitCode>;

/** The possible parts of an extension. Slow modules are loaded on demand. */
export interface Extension {
  readonly commands?: CommandTable;
  /** Its error codes, for `dmalab explain CODE`. */
  readonly codes?: Readonly<Record<string, CodeEntry>>;
  /** Words of users, and the names that explain them. */
  readonly words?: readonly UserWord[];
  readonly loadLineExplainer?: () => Promise<LineExplainer>;
  readonly jobRunners?: Readonly<Record<string, OpenJobRunner<never>>>;
  readonly loadCompiler?: () => Promise<(loaders: readonly WantingLoader[]) => Promise<void>>;
  readonly loadInitDriver?: () => Promise<InitDriver>;
  readonly loadReports?: () => Promise<WriteReports>;
  /** Null where the file is of no kind that the extension knows, or cannot be read. */
  readonly readForeignFile?: (path: string) => Promise<ForeignFile | null>;
}
