/**
 * The lines of a `.dmatrace.jsonl` file: docs/trace-files.md, as types.
 *
 * Each line is one JSON object. The kind of a line is identified by a field that only this kind
 * has: `dmatrace`, `run`, `seq`, `outcome` or `runs`. Fields of events have the names and units of
 * the vocabulary.
 */
import type { LabConfig } from "@dmalab/devices";
import type { RunNames, TestOutcome } from "@dmalab/lang/run";
import type { EventName, MachineEvent } from "@dmalab/runtime";

/**
 * The version of the format that is written. It increases when a reader of the old version would
 * misinterpret something. New fields and new events alone do not increase it.
 */
export const TRACE_VERSION = 1;

/** Suffix of this format's file names. */
export const TRACE_SUFFIX = ".dmatrace.jsonl";

/** The first line: the format, and the program that wrote it. */
export interface TraceHead {
  /** The version of the format. */
  readonly dmatrace: number;
  /** Program and version: `dmalab 0.1.0`. */
  readonly by: string;
}

/** A machine as JSON: sets are sorted lists. `labConfigOf` converts it for `buildLab`. */
export type TraceMachine = Omit<LabConfig, "quirks"> & {
  /** Names of defects; null for those of the release. */
  readonly quirks: readonly string[] | null;
};

/**
 * The start of a machine. The events after this line, up to the next such line, belong to this
 * machine.
 */
export interface TraceRun extends RunNames {
  /** Number in the file, from 1. */
  readonly run: number;
  /** The scenario's file. */
  readonly file: string;
  /** The complete configuration of the machine. */
  readonly machine: TraceMachine;
}

/**
 * A type in which statements of the script are given as `file:line:column` instead of numbers.
 * @internal
 */
export type Placed<T> = {
  readonly [F in keyof T]: F extends `${string}_site` ? string | Extract<T[F], null> : T[F];
};

/** @internal */
export type TraceEventOf<E extends MachineEvent> = E extends MachineEvent
  ? Omit<E, "fields" | "site"> & {
    readonly fields: Placed<E["fields"]>;
    /** The statement that led to the event, as `file:line:column`, or null. */
    readonly site: string | null;
  }
  : never;

/** One event. In the file, `device`, `request`, `site` and `why` are omitted when they are null. */
export type TraceEvent<N extends EventName = EventName> = TraceEventOf<MachineEvent<N>>;

/** The result of a test, after the events of its runs. */
export interface TraceOutcome extends RunNames, Pick<TestOutcome, "outcome"> {
  /** The failure; null if the test passed. */
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
  /** Number of events in the file. */
  readonly events: number;
}

/** A line of a file. `in` distinguishes the kinds: `"seq" in line` is an event. */
export type TraceFileLine = TraceHead | TraceRun | TraceEvent | TraceOutcome | TraceEnd;
