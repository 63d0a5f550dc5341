/** Converts a thrown error into a failure with its location and reason. */
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import type { Diagnostic, RelatedSpan } from "../diagnostics/diagnostic.ts";
import { BUG_CODE, bugDiagnostic } from "../diagnostics/bug.ts";
import { afterColon } from "../diagnostics/render.ts";
import type { MachineEvent } from "@dmalab/runtime";
import { formatEvent, STREAM_LAYOUT } from "../render/event_line.ts";
import { clippedMessage } from "../diagnostics/clip.ts";
import { formatCount } from "../text/numbers.ts";
import { isInside, type Span } from "../source.ts";
import { ExpectationError, type Failure } from "./failure.ts";
import { hostLimit } from "./host_limits.ts";
import type { Raised } from "../values/raised_error.ts";
import { LimitError, ScriptError } from "../values/script_error.ts";

/** Number of the device's last events in a failure. */
const LAST_EVENTS = 8;

/**
 * Cuts events at 120 columns. The text of an event such as a report may be cut, because it is
 * printed in full above.
 */
const EVENT_LAYOUT = { ...STREAM_LAYOUT, columns: 120 };

/** How many callers a failure shows: the innermost and, if there are many, the outermost. */
const INNER_PLACES = 6;
const OUTER_PLACES = 2;

/** Codes of failures that the last actions of the device may explain. */
const NOT_AS_EXPECTED: ReadonlySet<DiagnosticCode> = new Set([
  "E0903",
  "E0904",
  "E0905",
  "E0907",
]);

/** One script function that was running, seen from where it was called. */
export interface CallerLocation {
  readonly span: Span;
  /** The function that was called there; empty for a lambda. */
  readonly callee: string;
}

export interface FailureContext {
  readonly span: Span;
  /** The callers, innermost first. */
  readonly callers: readonly CallerLocation[];
  /** The kernel error, if one ended the run. */
  readonly raised: Raised | null;
  /** Returns the events so far; called only if they may explain the failure. */
  readonly events: () => readonly MachineEvent[];
}

/** Describes an error thrown while a script ran. */
export function describeFailure(thrown: unknown, context: FailureContext): Failure {
  const error = hostLimit(thrown) ?? thrown;
  if (error instanceof ExpectationError) {
    const { code, details, message } = error;
    const { branch, hint, leaking, notes = [], parts, related, remedies, span } = details;
    const events = NOT_AS_EXPECTED.has(code) ? lastEvents(context.events()) : [];
    const failure = failureOf(context, { code, message, hint, span }, [...notes, ...events]);
    const spans = [...related ?? [], ...failure.diagnostic.related ?? []];
    const diagnostic = { ...failure.diagnostic, related: spans };
    return { ...failure, diagnostic, parts: parts ?? [], remedies, branch, leaking };
  }
  if (error instanceof ScriptError) {
    const { code, hint, message } = error;
    const failure = failureOf(context, { code, message, hint: hint ?? undefined }, []);
    return { ...failure, kind: error instanceof LimitError ? "limit" : "failed" };
  }
  const { raised } = context;
  if (raised === null) return describeBug(error, context);
  const failure = describeRaised(raised, context);
  if (!raised.crashed) return failure;
  const { diagnostic } = failure;
  const place = raised.at === null ? [] : [{ span: raised.at, message: "in C, here" }];
  return {
    ...failure,
    crashed: true,
    diagnostic: { ...diagnostic, related: [...place, ...diagnostic.related ?? []] },
  };
}

function describeRaised(raised: Raised, context: FailureContext): Failure {
  const status = raised.blkStatus === null ? "" : ` (${raised.blkStatus})`;
  return failureOf(context, {
    code: "E0902",
    message: `Unexpected ${raised.errno}${status}: ${afterColon(raised.what)}`,
    hint: `if it is intended, write \`fails ${raised.errno}\`, ` +
      `\`expect error ${raised.errno} { … }\` or \`try\`` +
      (raised.way === null ? "" : `; ${raised.way}`),
  }, lastEvents(context.events()));
}

/**
 * The failure with this message, at the location and with the callers that the context contains.
 */
function failureOf(
  context: FailureContext,
  { span = context.span, ...said }: Omit<Diagnostic, "severity" | "related" | "span"> & {
    readonly span?: Span | undefined;
  },
  notes: readonly string[],
): Failure {
  const related = callerSpans(context.callers);
  const message = clippedMessage(said.message);
  const diagnostic = { ...said, message, span, severity: "error" as const, related };
  return { kind: "failed", diagnostic, parts: [], notes: notes.map(clippedMessage) };
}

function describeBug(error: unknown, context: FailureContext): Failure {
  const { bug, hint, message } = bugDiagnostic(error, context.span);
  return { ...failureOf(context, { code: BUG_CODE, message, hint, bug }, []), kind: "bug" };
}

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

/**
 * The locations where an error was raised, and those of its callers.
 *
 * @param count How many callers to report: the callers inside the statement that caught the error.
 */
export function raisedLocations(
  { callers, raised, span }: { raised: Raised; span: Span; callers: readonly CallerLocation[] },
  count: number,
): readonly RelatedSpan[] {
  const own = { span, message: `${raised.errno} was raised here` };
  return [own, ...callerSpans(callers.slice(0, count))];
}

/**
 * Callers, innermost first. Successive calls of one function at one place, as in a recursion, are
 * listed once, with their number. If there are very many callers, those in the middle are only
 * counted.
 */
function callerSpans(callers: readonly CallerLocation[]): RelatedSpan[] {
  const places: { readonly caller: CallerLocation; times: number }[] = [];
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
