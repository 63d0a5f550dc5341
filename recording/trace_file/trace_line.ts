/**
 * The lines of a `.dmatrace.jsonl` file: docs/trace-files.md, as types.
 *
 * Each line is one JSON object. Which kind it is says a field that only that kind has: `dmatrace`,
 * `run`, `seq`, `outcome` or `runs`. Fields of events have the names and units of the vocabulary.
 */
import type { LabConfig } from "@dmalab/devices";
import type { RunNames, TestOutcome } from "@dmalab/lang/run";
import type { EventName, MachineEvent } from "@dmalab/runtime";

/**
 * The version of the format that is written. It grows when a reader of the old one would take
 * something for what it is not; new fields and new events alone do not change it.
 */
export const TRACE_VERSION = 1;

/** What file names of this format end with. */
export const TRACE_SUFFIX = ".dmatrace.jsonl";

/** The first line: what this is, and who wrote it. */
export interface TraceHead {
  /** The version of the format. */
  readonly dmatrace: number;
  /** Program and version: `dmalab 0.1.0`. */
  readonly by: string;
}

/** A machine as JSON has it: sets are sorted lists. `buildLab` takes it after `labConfigOf`. */
export type TraceMachine = Omit<LabConfig, "quirks"> & {
  /** Names of defects; null for those of the release. */
  readonly quirks: readonly string[] | null;
};

/** A machine that begins: the events after it, up to the next such line, are its events. */
export interface TraceRun extends RunNames {
  /** Number in the file, from 1. */
  readonly run: number;
  /** The scenario. */
  readonly file: string;
  /** All that it is built from. */
  readonly machine: TraceMachine;
}

/**
 * Statements of the script are places here, `file:line:column`, not numbers.
 * @internal
 */
export type Placed<T> = {
  readonly [F in keyof T]: F extends `${string}_site` ? string | Extract<T[F], null> : T[F];
};

/** @internal */
export type TraceEventOf<E extends MachineEvent> = E extends MachineEvent
  ? Omit<E, "fields" | "site"> & {
    readonly fields: Placed<E["fields"]>;
    /** The statement that led to it, as `file:line:column`, or null. */
    readonly site: string | null;
  }
  : never;

/**
 * One event. In the file, `device`, `request`, `site` and `why` are left out where they are
 * missing; here they are null then.
 */
export type TraceEvent<N extends EventName = EventName> = TraceEventOf<MachineEvent<N>>;

/** The result of a test, after the events of its runs. */
export interface TraceOutcome extends RunNames, Pick<TestOutcome, "outcome"> {
  /** Why it failed; null when it did not. */
  readonly failure: {
    readonly code: string;
    readonly message: string;
    /** `file:line:column` */
    readonly place: string;
  } | null;
}

/** The last line: a file without it was cut off. */
export interface TraceEnd {
  /** How many runs the file has. */
  readonly runs: number;
  /** How many events. */
  readonly events: number;
}

/** A line of a file. `in` distinguishes them: `"seq" in line` is an event. */
export type TraceFileLine = TraceHead | TraceRun | TraceEvent | TraceOutcome | TraceEnd;
