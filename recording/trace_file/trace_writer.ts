/** Writes runs and their events as text of some format, while they happen. */
import { printableJson } from "@dmalab/lang/diagnostics";
import type { RunNames, RunStart, TestOutcome } from "@dmalab/lang/run";
import { eventFields, type MachineEvent } from "@dmalab/runtime";
import type { Field } from "@dmalab/runtime/vocabulary";
import {
  TRACE_VERSION,
  type TraceEnd,
  type TraceHead,
  type TraceMachine,
  type TraceOutcome,
  type TraceRun,
} from "./trace_line.ts";

/** Receives events in order, and writes them. Only unfinished entries are kept in memory. */
export interface TraceWriter {
  /**
   * A machine begins. @param places Converts the numbers of statements in its events to source
   * locations.
   */
  run(file: string, run: RunStart, places: SitePlaces): void;
  /** An event on the machine that began last. */
  event(event: MachineEvent): void;
  /** A test is over. */
  outcome(outcome: TracedRunOutcome): void;
  /** There are no further events. */
  end(): void;
}

/** The result of a run. */
export type TracedRunOutcome = Pick<TestOutcome, keyof RunNames | "failure" | "outcome">;

/** `file:line:column` of a statement's number; null for an unknown number. */
export type SitePlaces = (site: number) => string | null;

/** Receives text piece by piece. */
export type WriteText = (text: string) => void;

/** Lines of a `.dmatrace.jsonl` file. @see docs/trace-files.md */
export class TraceLineWriter implements TraceWriter {
  #runs = 0;
  #events = 0;
  #places: SitePlaces = () => null;

  /**
   * Writes the head of the file.
   * @param by Name and version of the program that writes the file; the head contains them.
   */
  constructor(private readonly write: WriteText, by: string) {
    this.#line<TraceHead>({ dmatrace: TRACE_VERSION, by });
  }

  run(file: string, { machine, ...names }: RunStart, places: SitePlaces): void {
    this.#runs++;
    this.#places = places;
    this.#line<TraceRun>({ run: this.#runs, file, ...names, machine: traceMachine(machine) });
  }

  event({ at_ns, cpu, device, fields, name, request, seq, site, why }: MachineEvent): void {
    this.#events++;
    this.#line({
      seq,
      at_ns,
      cpu,
      ...device === null ? {} : { device },
      ...request === null ? {} : { request },
      ...site === null ? {} : { site: this.#places(site) ?? undefined },
      name,
      fields: placedFields(name, fields, this.#places),
      ...why === null ? {} : { why },
    });
  }

  outcome({ combination, failure, kind, name, outcome, place }: TraceOutcome): void {
    this.#line<TraceOutcome>({
      outcome,
      kind,
      name,
      combination,
      place,
      failure: failure &&
        { code: failure.code, message: failure.message, place: failure.place },
    });
  }

  end(): void {
    this.#line<TraceEnd>({ runs: this.#runs, events: this.#events });
  }

  #line<T extends object>(line: T): void {
    this.write(`${printableJson(line, 0)}\n`);
  }
}

function traceMachine({ quirks, ...machine }: RunStart["machine"]): TraceMachine {
  return { ...machine, quirks: quirks && [...quirks].sort() };
}

/** The fields of an event, with source locations in place of statement numbers. */
export function placedFields(
  name: string,
  fields: Readonly<Record<string, unknown>>,
  places: SitePlaces,
): Readonly<Record<string, unknown>> {
  const kinds: Readonly<Record<string, Field>> = eventFields(name);
  const placed = Object.entries<unknown>(fields).map(([field, value]) =>
    [
      field,
      kinds[field]?.kind === "site" && typeof value === "number" ? places(value) : value,
    ] as const
  );
  return Object.fromEntries(placed);
}
