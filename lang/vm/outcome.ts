/** `fails`, `faults`, `warns` and `expect error`, `expect fault`, `expect warning`. */
import type { Raised } from "../values/raised_error.ts";
import { type IncidentEvent, incidentName } from "../values/incident.ts";
import type { RelatedSpan } from "../diagnostics/diagnostic.ts";
import { afterColon } from "../diagnostics/render.ts";
import type { OutcomeInfo } from "./code.ts";
import { ExpectationError } from "./failure.ts";

export interface CallValue {
  readonly text: string;
  /**
   * The error status that the device returned for the command; null for success and for other
   * values.
   */
  readonly deviceStatus: number | null;
}

/** The outcome of a call or block: how it ended, and the machine's reports meanwhile. */
export interface Happened {
  readonly raised: Raised | null;
  /** Where the error was raised, and its callers, innermost first; empty without an error. */
  readonly raisedAt: readonly RelatedSpan[];
  /** The value of a call; null for a block. */
  readonly value: CallValue | null;
  /** Faults and reports meanwhile, oldest first. */
  readonly incidents: readonly IncidentEvent[];
  /** The statement that was running at the end. */
  readonly site: number | null;
}

/**
 * Compares an expected outcome with the actual outcome.
 *
 * If a call raises an error because of the expected fault or report, that error is accepted, too:
 * `ssd.read(…) faults not_present` needs no second expectation.
 *
 * @returns The incidents that count as expected.
 * @throws {ExpectationError} If the outcome differs; the message contains the actual outcome.
 */
export function settleOutcome(info: OutcomeInfo, happened: Happened): readonly IncidentEvent[] {
  switch (info.outcome) {
    case "error":
      return settleError(info, happened);
    case "fault":
      return settleIncident(info, happened, "iommu.fault", "E0904");
    case "warning":
      return settleIncident(info, happened, "dma.report", "E0905");
  }
}

function settleError(info: OutcomeInfo, happened: Happened): readonly IncidentEvent[] {
  const { raised, value } = happened;
  // For commands that the script itself submits, the value contains the status.
  const answered = raised?.deviceStatus ?? value?.deviceStatus ?? null;
  if (!(raised !== null && isCode(raised, info.code)) && !isStatus(answered, info)) {
    const subject = info.oneCall ? "the call" : "the block";
    throw new ExpectationError(
      "E0903",
      raised === null
        ? `Expected ${info.code}, but ${subject} ${returned(info, happened)}`
        : `Expected ${info.code}, but ${errorText(raised)}`,
      { span: info.codeSpan, related: placesIn(info, happened) },
    );
  }
  // In a block, only incidents of the statement that failed count as expected.
  return happened.incidents.filter((event) => info.oneCall || event.site === happened.site);
}

/**
 * The locations that are listed with an error. For a block, all locations where the error was
 * raised are needed. For a single call, the location of the call is on the same line, so it is left
 * out.
 */
function placesIn(info: OutcomeInfo, { raisedAt }: Happened): readonly RelatedSpan[] {
  return info.oneCall ? raisedAt.slice(0, -1) : raisedAt;
}

function returned(info: OutcomeInfo, happened: Happened): string {
  if (!info.oneCall) return "completed";
  if (happened.value === null) return "did not fail";
  const { deviceStatus, text } = happened.value;
  return `returned ${text}${answerText(deviceStatus)}`;
}

function isCode(raised: Raised, code: string): boolean {
  return raised.errno === code || raised.blkStatus === code;
}

/** The status in the form of `.nvme_status`. */
function answerText(status: number | null): string {
  return status === null ? "" : `, answered with 0x${status.toString(16).padStart(4, "0")}`;
}

function isStatus(status: number | null, { deviceStatus: expected }: OutcomeInfo): boolean {
  return status !== null && expected !== null && (status & expected.mask) === expected.status;
}

function errorText(raised: Raised): string {
  const status = raised.blkStatus === null ? "" : ` (${raised.blkStatus})`;
  const answer = answerText(raised.deviceStatus);
  return `${raised.errno}${status} was raised: ${afterColon(raised.what)}${answer}`;
}

function settleIncident(
  info: OutcomeInfo,
  happened: Happened,
  eventName: "iommu.fault" | "dma.report",
  code: "E0904" | "E0905",
): readonly IncidentEvent[] {
  const ofKind = happened.incidents.filter((event) => event.name === eventName);
  const matching = ofKind.filter((event) => incidentName(event) === info.code);
  if (matching.length > 0) {
    return happened.incidents.filter((event) =>
      matching.includes(event) ||
      info.outcome === "fault" && info.oneCall && event.name === "dma.report"
    );
  }
  const others = [...new Set(ofKind.map(incidentName))];
  const noun = info.outcome === "fault" ? "fault" : "report";
  const parts = [
    ...others.map((name) => `${name} occurred`),
    ...(happened.raised === null ? [] : [errorText(happened.raised)]),
  ];
  throw new ExpectationError(
    code,
    parts.length === 0
      ? `Expected the ${noun} ${info.code}, but there was no ${noun}`
      : `Expected the ${noun} ${info.code}, but ${parts.join(", and ")}`,
    { span: info.codeSpan, related: placesIn(info, happened) },
  );
}
