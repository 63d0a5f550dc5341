/** Writes the events of a run for other programs: `--trace json` and `--export FILE`. */
import {
  ChromeTraceWriter,
  type Recording,
  START,
  TRACE_SUFFIX,
  TraceLineWriter,
  type TraceWriter,
  type WriteText,
} from "@dmalab/recording";
import type { Program, RunStart } from "@dmalab/lang/run";
import { spanPlace } from "@dmalab/lang";
import { FileError } from "../files/file_error.ts";
import { VERSION } from "../package_version.ts";
import type { Screen } from "../screen.ts";
import { FileDraft, sayWritten } from "../files/write_file.ts";

/** The ending of files in Chrome's format. */
const CHROME_SUFFIX = ".json";
/** Number of characters that are collected before they are written. */
const CHUNK_LENGTH = 65_536;

/** Receives the error of a file that cannot be written. */
type ErrorScreen = Pick<Screen, "err">;

export interface RunListeners {
  readonly onRun: (run: RunStart) => void;
  readonly onEvent: TraceWriter["event"];
  /** Gets the events of the separate machines of `fork`, `inject each`, `compare` and `race`. */
  readonly onChildEvent?: TraceWriter["event"];
  readonly onOutcome: TraceWriter["outcome"];
}

/** All event writers of one command. */
export class TraceOutputs {
  readonly #writers: TraceWriter[] = [];
  readonly #files: TraceFile[] = [];
  /**
   * Whether something was run. If nothing was run, because the program has errors, no file is left
   * behind.
   */
  #isWanted = false;

  /** Writes lines of `.dmatrace.jsonl` to the screen. */
  toScreen(screen: Screen): void {
    this.#writers.push(lineWriter((text) => screen.out(text)));
  }

  /**
   * Writes a file. The ending of its name selects the format.
   * @returns Null, or what is wrong with the name, as the rest of a sentence that begins with the option.
   */
  toFile(path: string, screen: ErrorScreen): string | null {
    const isLines = path.endsWith(TRACE_SUFFIX);
    if (!isLines && !path.endsWith(CHROME_SUFFIX)) {
      return `takes a name that ends in ${TRACE_SUFFIX} (lines of JSON, docs/trace-files.md) or ` +
        `in ${CHROME_SUFFIX} (for Perfetto and chrome://tracing), not "${path}"`;
    }
    const file = new TraceFile(path, screen);
    const write: WriteText = (text) => file.write(text);
    this.#files.push(file);
    this.#writers.push(isLines ? lineWriter(write) : new ChromeTraceWriter(write));
    return null;
  }

  /** The listeners for a program's runs. @param file The program's name. */
  listeners(code: Program["code"], file: string): RunListeners {
    const places = placesOf(code);
    const writers = this.#writers;
    this.#isWanted = true;
    return {
      onRun: (run) => writers.forEach((each) => each.run(file, run, places)),
      onEvent: (event) => writers.forEach((each) => each.event(event)),
      onOutcome: (outcome) => writers.forEach((each) => each.outcome(outcome)),
    };
  }

  /** Writes the events of a recorded run. @param isOver Whether the run has ended. */
  recorded(recording: Recording, isOver: boolean): void {
    const { code, failure, log, name: { file, seed, ...name }, timeline } = recording;
    const { onEvent, onOutcome, onRun } = this.listeners(code, file);
    const machine = timeline.at(START, ({ vm }) => vm.lab.config);
    onRun({ ...name, machine: { ...machine, seed } });
    for (let seq = 1; seq <= log.count; seq++) onEvent(log.event(seq));
    const outcome = failure === null ? "passed" : "failed";
    if (isOver) onOutcome({ ...name, outcome, failure });
  }

  /** Completes the output. @returns False if a file could not be written; the reason was printed. */
  end(): boolean {
    for (const writer of this.#writers) writer.end();
    if (!this.#isWanted) return true;
    for (const file of this.#files) file.keep();
    return this.#files.every(({ failed }) => !failed);
  }
}

function lineWriter(write: WriteText): TraceWriter {
  return new TraceLineWriter(write, `dmalab ${VERSION}`);
}

/** Returns the place of each statement as `file:line:column`; each is computed once. */
function placesOf(code: Program["code"]): (site: number) => string | null {
  const known = new Map<number, string | null>();
  return (site) => {
    const before = known.get(site);
    if (before !== undefined) return before;
    const span = code.sites[site - 1]?.span;
    const place = span === undefined ? null : spanPlace(span);
    known.set(site, place);
    return place;
  };
}

/**
 * A file that is written piece by piece, and renamed to its path when it is complete. The first error is
 * reported; after it nothing more is written.
 */
class TraceFile {
  failed = false;
  #pending = "";
  #draft: FileDraft | null = null;

  constructor(readonly path: string, readonly screen: ErrorScreen) {}

  write(text: string): void {
    this.#pending += text;
    if (this.#pending.length >= CHUNK_LENGTH) this.#flush();
  }

  /** All is written. */
  keep(): void {
    this.#flush();
    this.#orFail(() => {
      this.#draft!.keep();
      sayWritten(this.path, this.screen);
    });
  }

  #flush(): void {
    const text = this.#pending;
    this.#pending = "";
    this.#orFail(() => {
      this.#draft ??= new FileDraft(this.path);
      this.#draft.write(text);
    });
  }

  #orFail(work: () => void): void {
    if (this.failed) return;
    try {
      work();
    } catch (error) {
      this.failed = true;
      if (!(error instanceof FileError)) throw error;
      this.screen.err(error.lines);
    }
  }
}
