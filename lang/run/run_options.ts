/** Options of a run, and where its output goes. */
import type { LabConfig } from "@dmalab/devices";
import type { MachineEvent } from "@dmalab/runtime";
import { DEFAULT_LIMITS, limitOption, type Limits } from "../values/limits.ts";
import type { Question } from "../values/question.ts";
import { LimitError } from "../values/script_error.ts";
import { groupThousands } from "../text/numbers.ts";
import { type BranchChoice, readBranch } from "../vm/branch_choice.ts";
import type { PlaceHelp, PlacesRequest } from "../vm/place_help.ts";
import type { HostWatch } from "../vm/run_watch.ts";
import type { Output, ShowStatement } from "../values/execution_context.ts";
import type { NameMatch } from "./name_match.ts";
import type { FailureStyle } from "./render_failure.ts";
import type { RunNames, TestOutcome } from "./report.ts";
import type { MachineOptions } from "./test_machine.ts";

/** A run that begins: its test, and all inputs of its machine. */
export interface RunStart extends RunNames {
  /** The machine's configuration, with the seed and the leniency of the run. */
  readonly machine: LabConfig;
}

/** Options of a run. */
export interface RunOptions {
  /** `all`: the statements at the top of the file and the tests; `tests`: only the tests. */
  readonly only?: "all" | "tests";
  /**
   * Runs only tests that have one of these matches in their name or in their machine's name; all
   * tests if the list is empty.
   */
  readonly match?: readonly NameMatch[];
  /** Runs no further test after one that failed. */
  readonly failFast?: boolean;
  /**
   * Runs only tests for which the function returns true; `number` counts the file's tests and
   * properties from 0.
   */
  readonly select?: (number: number) => boolean;
  /** Replaces the seeds in the file. */
  readonly seed?: number | undefined;
  /**
   * Runs one branch of each test instead of the whole test. A branch is a place of `inject each`, a
   * block of `fork` or an order of `race`; it is written as in {@linkcode FailureReport.branch}.
   */
  readonly branch?: string | undefined;
  /**
   * Whether unexpected incidents and leaks are only listed, and fail no test, whatever the file
   * says.
   */
  readonly lenient?: boolean | undefined;
  /** Limits at which the run is stopped. */
  readonly limits?: Limits;
  /** Gets every line of `print`, `show` and `explain` when it is written. */
  readonly onLine?: (text: string) => void;
  /** Gets the lines of `show` as `onLine` does, together with the `show` statement of each line. */
  readonly onShown?: (text: string, shown: ShowStatement) => void;
  /** Gets the questions of quizzes; without it they are printed as lines. */
  readonly onQuestion?: (question: Question) => void;
  /** Width of the lines; 80 columns if not set, so that they are the same everywhere. */
  readonly columns?: number | undefined;
  /**
   * Gets each run of a test, or of a case of a property, before the machine of the run emits its
   * first event.
   */
  readonly onRun?: ((run: RunStart) => void) | undefined;
  /** Gets every event of every test's machine. */
  readonly onEvent?: (event: MachineEvent) => void;
  /** Gets every event of the separate machines of `fork`, `inject each`, `compare` and `race`. */
  readonly onChildEvent?: (event: MachineEvent) => void;
  /** Gets each outcome as soon as it is known. */
  readonly onOutcome?: (outcome: TestOutcome) => void;
  /** Colours for the lines of failures. */
  readonly style?: FailureStyle | undefined;
  /**
   * Whether to search for the known defects that cause a failure. False if the caller does not show
   * the defects.
   */
  readonly attributeDefects?: boolean;
  /**
   * Helps with the sweeps of tests, on behalf of {@linkcode RunNames}.
   * @internal
   */
  readonly helpPlaces?: ((names: RunNames, request: PlacesRequest) => PlaceHelp) | undefined;
  /** A clock, and a source of interrupts. Without it there is no time limit. */
  readonly watch?: HostWatch | undefined;
}

/** Options for callers inside the project, which may inspect the machine. */
export interface InspectedRunOptions extends RunOptions {
  /**
   * Receives the VM of each test before the test's first statement. The VM gives access to the
   * machine.
   */
  readonly onVm?: MachineOptions["onVm"];
}

/** Options that every test gets in the same form. The output limit applies to the whole run. */
export interface SharedOptions {
  readonly machine: Omit<MachineOptions, "record">;
  readonly style: FailureStyle | undefined;
  readonly watch: HostWatch | undefined;
  readonly onRun: ((run: RunStart) => void) | undefined;
  readonly helpPlaces: RunOptions["helpPlaces"];
  readonly branch: readonly BranchChoice[] | undefined;
  /**
   * Returns true when no further test must run, because the output limit was reached or the run was
   * interrupted.
   */
  readonly stopped: () => boolean;
}

export function sharedOptions(options: InspectedRunOptions): SharedOptions {
  const { limits = DEFAULT_LIMITS, onEvent, onLine, onChildEvent } = options;
  const { lenient, onRun, seed, style, watch } = options;
  const output = new LimitedOutput(
    limits,
    onLine,
    options.columns,
    options.onQuestion,
    options.onShown,
  );
  return {
    machine: {
      lenient,
      limits,
      output,
      seed,
      onEvent,
      onSideEvent: onChildEvent,
      onVm: options.onVm,
      attributeDefects: options.attributeDefects ?? true,
    },
    style,
    watch,
    onRun,
    helpPlaces: options.helpPlaces,
    branch: branchOf(options.branch),
    stopped: () => output.stopped || watch?.interrupted() === true,
  };
}

/** @throws {RangeError} When the text is not a valid branch. */
export function branchOf(text: string | undefined): readonly BranchChoice[] | undefined {
  if (text === undefined) return undefined;
  const choices = readBranch(text);
  if (typeof choices === "string") throw new RangeError(choices);
  return choices;
}

/** Passes lines on until the run has reached the limit of lines or of bytes. */
export class LimitedOutput implements Output {
  stopped = false;
  #linesLeft: number;
  #bytesLeft: number;

  constructor(
    readonly limits: Pick<Limits, "outputLines" | "outputBytes">,
    readonly onLine: RunOptions["onLine"] | undefined,
    readonly columns?: number,
    readonly ask?: (question: Question) => void,
    readonly onShown?: RunOptions["onShown"],
  ) {
    this.#linesLeft = limits.outputLines;
    this.#bytesLeft = limits.outputBytes;
  }

  write(line: string, shown?: ShowStatement): void {
    if (this.#linesLeft === 0) throw this.#tooMuch("outputLines", "lines");
    this.#linesLeft--;
    this.#bytesLeft -= lengthBytes(line) + 1;
    if (this.#bytesLeft < 0) throw this.#tooMuch("outputBytes", "bytes");
    this.onLine?.(line);
    if (shown !== undefined) this.onShown?.(line, shown);
  }

  #tooMuch(limit: "outputLines" | "outputBytes", unit: string): LimitError {
    this.stopped = true;
    const most = this.limits[limit];
    return new LimitError(
      "E0804",
      `The script wrote more than ${groupThousands(most)} ${unit}`,
      `${limitOption(limit, 2 * most)} allows twice as many`,
    );
  }
}

/** Length of a text in UTF-8 bytes. */
function lengthBytes(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    // The two halves of a surrogate pair count two bytes each.
    if (unit >= 0x80) bytes += unit < 0x800 || (unit & 0xf800) === 0xd800 ? 1 : 2;
  }
  return bytes;
}
