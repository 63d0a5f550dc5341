/** An event as text and values, the same in every view. */
import { eventParts, type TextPart } from "@dmalab/lang/render";
import type { RecordedRun } from "../recorded_run.ts";
import { spanOfEvent } from "../last_writes.ts";
import type { Span } from "@dmalab/lang";

/** An event. */
export interface EventView {
  /** Its number. */
  readonly seq: number;
  /** Virtual time. */
  readonly atNs: number;
  /** Its name. */
  readonly name: string;
  /** The CPU on which the event happened. */
  readonly cpu: number;
  /** The device that the event is about; null for none. */
  readonly device: string | null;
  /** The request that the event belongs to; null for none. */
  readonly request: number | null;
  /** The event's text, in pieces: pieces with a `kind` are values. */
  readonly parts: readonly TextPart[];
  /** True if the event is a decision: `whyView` gives the decision and its reason. */
  readonly isDecision: boolean;
  /** The statement that led to the event; null for none. */
  readonly span: Span | null;
}

/** The description of an event. @throws {RangeError} When no event has that number. */
export function eventView(run: RecordedRun, seq: number): EventView {
  const event = run.event(seq);
  const { at_ns: atNs, cpu, device, name, request, why } = event;
  const span = spanOfEvent(run, seq);
  const parts = eventParts(event);
  return { seq, atNs, name, cpu, device, request, parts, isDecision: why !== null, span };
}
