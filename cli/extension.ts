/**
 * The parts that an extension can add to `dmalab`. An extension consists of one record of type
 * `Extension` and a line in `bin/extensions.ts`.
 */
import type { CodeEntry } from "@dmalab/lang/diagnostics";
import type { HostWatch } from "@dmalab/lang/run";
import type { WantingLoader } from "./compile_cache.ts";
import type { CommandTable } from "./command.ts";
import type { ExitCode } from "./exit_code.ts";
import type { PrintOptions } from "./scenario/print_run.ts";
import type { Screen } from "./screen.ts";
import type { UserWord } from "./explain/user_word.ts";

/**
 * Runs jobs of one kind in a worker. The first job opens the runner, and the worker keeps the
 * runner for later jobs.
 */
export interface JobRunner<J> {
  run(
    job: J,
    send: (message: { readonly kind: string }) => void,
    watch: HostWatch,
  ): void | Promise<void>;
}

export type OpenJobRunner<J> = (first: J) => Promise<JobRunner<J>>;

/** Explains lines that were pasted, such as those of a kernel log. */
/** How the explanation of a log is printed. */
export interface LogOutput {
  /** Whether each message is printed as a JSON object. */
  readonly asJson: boolean;
  /** Path of an HTML page to write beside what is printed; null for none. */
  readonly page: string | null;
}

export interface LineExplainer {
  /** Whether a question is a line that this explainer reads, rather than a name. */
  accepts(question: string): boolean;
  explainLine(line: string, output: LogOutput, screen: Screen): Promise<ExitCode>;
  /** Explains the log on the standard input, whatever its encoding. */
  explainInput(output: LogOutput, screen: Screen): Promise<ExitCode>;
  /**
   * Explains a log in a file of any encoding. If the file is no log, prints what kind of file it
   * is.
   */
  explainFile(path: string, output: LogOutput, screen: Screen): Promise<ExitCode>;
  /** Explains the known log lines that contain a text; null if there are no such lines. */
  linesWith(text: string): readonly string[] | null;
  /** Explains lines with the help of traces of the same machine. */
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

/** A file that another program has written, not a scenario. */
export interface ForeignFile {
  /** What the file is, such as "a kernel log". */
  readonly what: string;
  /** The commands that read the file, as part of a sentence. */
  readonly readers: string;
  /**
   * The file's lines, and its events as a `.dmatrace.jsonl` for `dmalab report`. If the file has no
   * events, the reason as a sentence.
   */
  record(screen: Screen): Promise<{ readonly text: string; readonly events: string } | string>;
}

/** Creates a folder with a scenario for an out-of-tree module. */
export type InitDriver = (
  asked: {
    /** The module's folder. */
    readonly module: string;
    /**
     * A source file in the module's folder; null for the first file that registers a PCI driver.
     */
    readonly file: string | null;
    /** A kernel tree; null for dmalab's own headers. */
    readonly kernel: string | null;
    /** The folder to create. */
    readonly folder: string;
  },
  screen: Screen,
) => Promise<ExitCode>;

/** The parts of an extension, all optional. Slow modules are loaded on demand. */
export interface Extension {
  readonly commands?: CommandTable;
  /** The error codes of the extension, for `dmalab explain CODE`. */
  readonly codes?: Readonly<Record<string, CodeEntry>>;
  /** Words from outside dmalab, and the names that explain them. */
  readonly words?: readonly UserWord[];
  readonly loadLineExplainer?: () => Promise<LineExplainer>;
  readonly jobRunners?: Readonly<Record<string, OpenJobRunner<never>>>;
  readonly loadCompiler?: () => Promise<(loaders: readonly WantingLoader[]) => Promise<void>>;
  readonly loadInitDriver?: () => Promise<InitDriver>;
  readonly loadReports?: () => Promise<WriteReports>;
  /**
   * Recognises a file of another program; null if the extension does not know the file or cannot
   * read it.
   */
  readonly readForeignFile?: (path: string) => Promise<ForeignFile | null>;
}
