/** Inputs and results of a session. */
import type { MachineEvent } from "@dmalab/runtime";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceLoader } from "../syntax/load_files.ts";
import type { Limits } from "../values/limits.ts";
import type { Registry } from "../values/registry.ts";
import type { Value } from "../values/value.ts";
import type { HostWatch } from "../vm/run_watch.ts";
import type { Vm } from "../vm/vm.ts";
import type { FailureStyle } from "./render_failure.ts";
import type { FailureReport, TestOutcome, Unexpected } from "./report.ts";

/** Options of a session. */
export interface SessionOptions {
  /** Loads the files that an input uses. */
  readonly loader: SourceLoader;
  /** Limits of each input. */
  readonly limits?: Limits;
  /** A clock, and a source of interrupts. An input that either of them stops is undone. */
  readonly watch?: HostWatch;
  /** Whether the tests in an input are run; the default is true. Tests in a file are never run. */
  readonly runsTests?: boolean;
  /** Replaces the seed of the machine block. */
  readonly seed?: number;
  /** Gets every line of `print`, `show` and `explain` when it is written. */
  readonly onLine?: (text: string) => void;
  /** Width of the lines; 80 columns if not set. */
  readonly columns?: number;
  /** Colours for failures. */
  readonly style?: FailureStyle;
}

/** The options and internal callbacks of a session. */
export interface SessionParts extends SessionOptions {
  /** @internal */
  readonly registry: Registry;
  /**
   * Gets the VM of each machine of the session, before anything runs on it. If this is set,
   * statements are marked.
   * @internal
   */
  readonly onVm?: (vm: Vm) => void;
  /**
   * Called at each point where a branch could begin: before each statement of an input and each
   * activity of a step, and after the last one.
   * @param move Number of moves before this move.
   * @param part Number of statements or activities of this move done so far.
   * @param isStatement True if the part is a statement of an input, false if it is an activity of a
   *   step.
   * @internal
   */
  readonly onBranchPoint?: (move: number, part: number, isStatement: boolean) => void;
}

/** The result of one input. */
export interface InputResult {
  /** True when the text ends in the middle of a construct; nothing was run. */
  readonly incomplete: boolean;
  /** Errors and warnings; with an error nothing was run. */
  readonly diagnostics: readonly Diagnostic[];
  /** The values of expressions, in order. */
  readonly values: readonly ShownValue[];
  /** The failure that stopped the input; the statements before it were run. */
  readonly failure: FailureReport | null;
  /** Outcomes of tests in the input, which are run immediately, each on a separate machine. */
  readonly tests: readonly TestOutcome[];
  /**
   * Parts of the input that a session does not run, for a command that runs them.
   * @internal
   */
  readonly notRun: readonly UnrunPart[];
  /** Events on the session's machine during the input. */
  readonly events: readonly MachineEvent[];
  /** Faults and reports during the input that no statement expected. */
  readonly unexpected: Unexpected;
  /** True when the input declared another machine: the variables of the old one were dropped. */
  readonly newMachine: boolean;
  /** True when the input took too long or was interrupted: its effects are rolled back. */
  readonly undone: boolean;
}

/**
 * The result of an input that did nothing.
 * @internal
 */
export const NOTHING_DONE: InputResult = {
  incomplete: false,
  diagnostics: [],
  values: [],
  failure: null,
  tests: [],
  notRun: [],
  events: [],
  unexpected: { incidents: [], unexpectedFaults: 0, unexpectedReports: 0, leaks: 0 },
  newMachine: false,
  undone: false,
};

/** A part of an input that only a command runs, and not a session. */
export interface UnrunPart {
  readonly kind: "test" | "bench" | "driver";
  readonly name: string;
}

/** A value of an input. */
export interface ShownValue {
  /** @internal */
  readonly value: Value;
  /** The value as `print` writes it. */
  readonly text: string;
}

/** A variable of a session. */
export interface SessionVariable {
  /** Its name. */
  readonly name: string;
  /** "an int", "a request" … */
  readonly kind: string;
  /** The variable's value, as `print` writes it. */
  readonly text: string;
}

/** A summary of a session. */
export interface SessionSummary {
  /** Number of inputs and steps so far. */
  readonly moves: number;
  /** Number of the last event, for the prompt. */
  readonly seq: number;
  /** Virtual time. */
  readonly nowNs: number;
  /** The CPU that statements run on. */
  readonly cpu: number;
  /** Number of pending activities. */
  readonly pendingActivities: number;
  /** Faults of the IOMMU so far. */
  readonly faults: number;
  /** Reports of the checker so far. */
  readonly reports: number;
  /** The session's variables, with their values. */
  readonly variables: readonly SessionVariable[];
  /** Names of consts and functions. */
  readonly declared: readonly string[];
  /** Names that the machine binds. */
  readonly machineNames: readonly string[];
}
