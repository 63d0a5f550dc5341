/** Turns whatever ended a script into a failure that says where and why. */
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { RelatedSpan } from "../diagnostics/diagnostic.ts";
import { afterColon } from "../diagnostics/render.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { formatEvent, STREAM_LAYOUT } from "../render/event_line.ts";
import { formatCount } from "../text/numbers.ts";
import { isInside, type Span } from "../source.ts";
import { ExpectationError, type Failure } from "./failure.ts";
import type { Raised } from "../values/raised_error.ts";
import { LimitError, ScriptError } from "../values/script_error.ts";

/** Events of the device that a failure shows. */
const LAST_EVENTS = 8;

/** What an event says in a sentence, as a report does, is said whole above. */
const EVENT_LAYOUT = { ...STREAM_LAYOUT, columns: 120 };

/** Places of callers that a failure shows: the innermost, and the outermost of many. */
const INNER_PLACES = 6;
const OUTER_PLACES = 2;

/** Failures that what the device did last may explain. */
const NOT_AS_EXPECTED: ReadonlySet<DiagnosticCode> = new Set([
  "E0903",
  "E0904",
  "E0905",
  "E0907",
]);

/** One script function that was running, seen from where it was called. */
export interface CallerPlace {
  readonly span: Span;
  /** The function that was called there; empty for a lambda. */
  readonly callee: string;
}

export interface FailureContext {
  /** The instruction that failed. */
  readonly span: Span;
  /** How we got there, innermost first. */
  readonly callers: readonly CallerPlace[];
  /** The kernel error, where that is what ended it. */
  readonly raised: Raised | null;
  /** The events so far. */
  readonly events: readonly MachineEvent[];
}

/** Describes an error thrown while a script ran. */
export function describeFailure(error: unknown, context: FailureContext): Failure {
  const related = callerSpans(context.callers);
  if (error instanceof ExpectationError) {
    const { hint, notes, parts, span } = error.details;
    const own = error.details.related ?? [];
    return {
      kind: "failed",
      diagnostic: {
        code: error.code,
        severity: "error",
        span: span ?? context.span,
        message: error.message,
        ...(hint === undefined ? {} : { hint }),
        related: [...own, ...related],
      },
      parts: parts ?? [],
      notes: [
        ...notes ?? [],
        ...NOT_AS_EXPECTED.has(error.code) ? lastEvents(context.events) : [],
      ],
    };
  }
  if (error instanceof ScriptError) {
    return {
      kind: error instanceof LimitError ? "limit" : "failed",
      diagnostic: {
        code: error.code,
        severity: "error",
        span: context.span,
        message: error.message,
        ...(error.hint === null ? {} : { hint: error.hint }),
        related,
      },
      parts: [],
      notes: [],
    };
  }
  return context.raised === null
    ? describeBug(error, context, related)
    : describeRaised(context.raised, context, related);
}

function describeRaised(
  raised: Raised,
  context: FailureContext,
  related: readonly RelatedSpan[],
): Failure {
  const status = raised.blkStatus === null ? "" : ` (${raised.blkStatus})`;
  return {
    kind: "failed",
    diagnostic: {
      code: "E0902",
      severity: "error",
      span: context.span,
      message: `Unexpected ${raised.errno}${status}: ${afterColon(raised.what)}`,
      hint: `where it is meant, take it with \`fails ${raised.errno}\`, ` +
        `\`expect error ${raised.errno} { … }\` or \`try\``,
      related,
    },
    parts: [],
    notes: lastEvents(context.events),
  };
}

/** The last events of the device that the last event was about. */
function lastEvents(events: readonly MachineEvent[]): string[] {
  const device = events.findLast((event) => event.device !== null)?.device ?? null;
  if (device === null) return [];
  const last: MachineEvent[] = [];
  for (let index = events.length - 1; index >= 0 && last.length < LAST_EVENTS; index--) {
    if (events[index]!.device === device) last.unshift(events[index]!);
  }
  return [
    `last events of ${device}:`,
    ...last.map((event) => `  ${formatEvent(event, EVENT_LAYOUT)}`),
  ];
}

function describeBug(
  error: unknown,
  context: FailureContext,
  related: readonly RelatedSpan[],
): Failure {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error ? error.stack ?? "" : "";
  return {
    kind: "bug",
    diagnostic: {
      code: "E0999",
      severity: "error",
      span: context.span,
      message: `Bug in dmalab: ${message}`,
      hint: "nothing in the script is at fault; please report it with the script and the seed",
      related,
    },
    parts: [],
    notes: stack.split("\n").slice(1).map((line) => line.trim()),
  };
}

/**
 * Where an error was raised, and who called there.
 *
 * @param count How many of its callers are told: those inside of what took it.
 */
export function raisedPlaces(
  { callers, raised, span }: { raised: Raised; span: Span; callers: readonly CallerPlace[] },
  count: number,
): readonly RelatedSpan[] {
  const own = { span, message: `${raised.errno} was raised here` };
  return [own, ...callerSpans(callers.slice(0, count))];
}

/** Callers, innermost first; of one that calls itself, and of very many, how often. */
function callerSpans(callers: readonly CallerPlace[]): RelatedSpan[] {
  const places: { readonly caller: CallerPlace; times: number }[] = [];
  for (const caller of callers) {
    const last = places.at(-1);
    const same = last !== undefined && last.caller.callee === caller.callee &&
      isInside(last.caller.span, caller.span) && isInside(caller.span, last.caller.span);
    if (same) last.times++;
    else places.push({ caller, times: 1 });
  }
  const hidden = Math.max(0, places.length - INNER_PLACES - OUTER_PLACES);
  const left = places.slice(INNER_PLACES, INNER_PLACES + hidden)
    .reduce((sum, { times }) => sum + times, 0);
  const shown = [...places.slice(0, INNER_PLACES), ...places.slice(INNER_PLACES + hidden)];
  return shown.map(({ caller: { callee, span }, times }, index) => {
    const name = callee === "" ? "the lambda" : `\`${callee}\``;
    const often = times === 1 ? "" : `, ${formatCount(times, "time")}`;
    const gap = hidden > 0 && index === INNER_PLACES
      ? `; ${formatCount(left, "call")} between are not shown`
      : "";
    return { span, message: `${name} was called here${often}${gap}` };
  });
}
