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
  /** Where the files come from that an input uses. */
  readonly loader: SourceLoader;
  /** Of each input. */
  readonly limits?: Limits;
  /** A clock, and a source of interrupts. An input that one of them ends is undone. */
  readonly watch?: HostWatch;
  /** Whether tests of an input are run; they are when it is left out. Those of a file never are. */
  readonly runsTests?: boolean;
  /** Instead of the seed of the machine block. */
  readonly seed?: number;
  /** Gets every line of `print`, `show` and `explain` when it is written. */
  readonly onLine?: (text: string) => void;
  /** How wide these lines may be; 80 columns when nothing is known. */
  readonly columns?: number;
  /** Colours for failures. */
  readonly style?: FailureStyle;
}

/** The inputs of a session. */
export interface SessionParts extends SessionOptions {
  /** @internal */
  readonly registry: Registry;
  /**
   * Gets the VM of each machine of the session, before anything runs on it; its statements are then
   * marked.
   * @internal
   */
  readonly onVm?: (vm: Vm) => void;
  /**
   * Called where a branch could begin: before each statement of an input and each activity of a step,
   * and after the last one, with how many are done.
   * @param move How many moves were done before this one.
   * @param isStatement Whether it is a part of an input, and not of a step.
   * @internal
   */
  readonly onBranchPoint?: (move: number, part: number, isStatement: boolean) => void;
}

/** The result of one input. */
export interface InputResult {
  /** True when the text ends in the middle of something; nothing was done. */
  readonly incomplete: boolean;
  /** With errors among them nothing was done. */
  readonly diagnostics: readonly Diagnostic[];
  /** The values of expressions, in order. */
  readonly values: readonly ShownValue[];
  /** What stopped the input; the statements before it were done. */
  readonly failure: FailureReport | null;
  /** Outcomes of tests in the input, which are run at once, each on a separate machine. */
  readonly tests: readonly TestOutcome[];
  /**
   * A checked input, for a command to run.
   * @internal
   */
  readonly notRun: readonly UnrunPart[];
  /** What happened on the session's machine meanwhile. */
  readonly events: readonly MachineEvent[];
  /** Faults and reports of it that no statement expected. */
  readonly unexpected: Unexpected;
  /** True when the input declared another machine: the variables of the old one are gone. */
  readonly newMachine: boolean;
  /** True when it took too long or was interrupted: its effects are rolled back. */
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

/** A part of an input that a session does not run: a command does. */
export interface UnrunPart {
  readonly kind: "test" | "bench" | "driver";
  readonly name: string;
}

/** A value of an input. */
export interface ShownValue {
  /** @internal */
  readonly value: Value;
  /** As `print` writes it. */
  readonly text: string;
}

/** A variable of a session. */
export interface SessionVariable {
  /** Its name. */
  readonly name: string;
  /** "an int", "a request" … */
  readonly kind: string;
  /** Its value, as `print` writes it. */
  readonly text: string;
}

/** What there is to know about a session at a glance. */
export interface SessionSummary {
  /** How many inputs and steps were done. */
  readonly moves: number;
  /** Number of the last event, and virtual time, for the prompt. */
  readonly seq: number;
  /** Virtual time. */
  readonly nowNs: number;
  /** The CPU that statements run on. */
  readonly cpu: number;
  /** Activities that wait. */
  readonly pendingActivities: number;
  /** Faults of the IOMMU so far. */
  readonly faults: number;
  /** Reports of the checker so far. */
  readonly reports: number;
  /** Its variables, with their values. */
  readonly variables: readonly SessionVariable[];
  /** Names of consts and functions. */
  readonly declared: readonly string[];
  /** Names the machine binds. */
  readonly machineNames: readonly string[];
}
