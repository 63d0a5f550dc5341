/** Faults and reports that no statement of a test expected, and what is left at its end. */
import { type IncidentEvent, incidentName } from "../values/incident.ts";
import type { MachineEvent } from "@dmalab/runtime";
import type { TestLeak } from "@dmalab/runtime/leaks";
import { renderFinding, type RenderOptions } from "../diagnostics/render.ts";
import { formatEventText } from "../render/event_line.ts";
import { formatAddress } from "../text/numbers.ts";
import { logLine, reportSentence } from "../render/report_text.ts";
import { spanPlace } from "../source.ts";
import type { Failure } from "../vm/failure.ts";
import type { ChildVm } from "../vm/branches.ts";
import { relatedTo } from "../vm/report_places.ts";
import type { SweepIncident } from "../vm/sweeps.ts";
import type { RaceIncident } from "../vm/races.ts";
import type { Vm } from "../vm/vm.ts";
import { describeLeak, judgeLeaks, spanOf } from "./leaks.ts";
import type { FailureStyle } from "./render_failure.ts";
import type { Incident } from "./report.ts";

/** Incidents of one run that are listed; the others are counted. */
export const DISPLAYED_INCIDENTS = 20;

/** Faults and reports that no statement expected. */
export function unexpectedIncidents(vm: ChildVm): readonly IncidentEvent[] {
  return vm.machine.incidents.filter((event) => !vm.expectedIncidents.has(event));
}

/** Unexpected incidents fail a run that completed, unless its machine says otherwise. */
function judgeIncidents(vm: ChildVm): Failure | null {
  const first = unexpectedIncidents(vm).find((event) => vm.machine.fails(incidentKind(event)));
  if (first === undefined) return null;
  const kind = incidentKind(first);
  const name = incidentName(first);
  return {
    kind: "failed",
    finding: first,
    diagnostic: {
      code: "E0908",
      severity: "error",
      span: spanOf(first.site, vm) ?? vm.span,
      message: `Unexpected ${kind} ${name}`,
      hint: hintOf(first),
      related: relatedTo(first, vm),
    },
    parts: [],
    notes: first.name === "dma.report"
      ? [first.fields.text, ...factsOf(first).map(([label, text]) => `${label}: ${text}`)]
      : [formatEventText(first)],
  };
}

/** What fails a run that completed: unexpected incidents, then leaks. */
export function judgeEnd(vm: ChildVm, leaks: readonly TestLeak[]): Failure | null {
  return judgeIncidents(vm) ?? judgeLeaks(vm, leaks);
}

/** Unexpected incidents, or leaks. */
export type RunFinding = IncidentEvent | TestLeak;

/** What a finding of a run counts as. */
export function kindOfFinding({ finding, context, where }: FoundIncident): Incident["kind"] {
  // An order of a race is listed for its leaks only where it reached its end.
  if (!("name" in finding)) return where === null && context.failure !== null ? "held" : "leak";
  return incidentKind(finding);
}

/** The words that say that it is meant. */
function hintOf(event: IncidentEvent): string {
  const [after, around] = event.name === "iommu.fault" ? ["faults", "fault"] : ["warns", "warning"];
  const name = incidentName(event);
  return `if it is intended, write \`${after} ${name}\` after the call, or ` +
    `\`expect ${around} ${name} { … }\` around where it happens`;
}

function incidentKind(event: IncidentEvent): "fault" | "report" {
  return event.name === "iommu.fault" ? "fault" : "report";
}

/** What it is called, and the statement it happened at, or that left it. */
export function findingKey(finding: RunFinding): string {
  return "name" in finding
    ? `${incidentName(finding)} ${finding.site}`
    : `leak ${finding.kind} ${finding.device} ${finding.site}`;
}

/** An incident, and in which runs it happened. */
export interface FoundIncident {
  readonly finding: RunFinding;
  readonly context: ChildVm;
  /** Of runs beside the one of the test: which ones, behind a word. */
  readonly where: { readonly label: "orders" | "at"; readonly text: string } | null;
}

/** All unexpected incidents of a run so far, of its races and its `inject each` too. */
export function foundIncidents(vm: Vm): readonly FoundIncident[] {
  return [
    ...unexpectedIncidents(vm).map((finding) => ({ finding, context: vm, where: null })),
    ...vm.races.incidents.map(raceIncident),
    ...vm.sweeps.incidents.map(sweepIncident),
  ];
}

function raceIncident({ finding, order, orders, context, runs }: RaceIncident): FoundIncident {
  const text = `${orders} of ${runs} of the race, such as ${order.letters}`;
  return { finding, context, where: { label: "orders", text } };
}

function sweepIncident(
  { event, places, context, tried, when }: SweepIncident,
): FoundIncident {
  const text = `${places} of ${tried} places of \`inject each\`, such as when ${when}`;
  return { finding: event, context, where: { label: "at", text } };
}

/** What there is to say of an incident beside its message: a word and a text each. */
type Facts = readonly (readonly [label: string, text: string])[];

/**
 * An incident as plain data.
 *
 * @param gone What it is gone without; null where that is unknown.
 * @param style Colours for its lines.
 */
export function describeIncident(
  { finding, context, where }: FoundIncident,
  gone: string | null,
  style?: FailureStyle,
): Incident {
  const options = style === undefined ? {} : { style };
  const facts: Facts = [
    ...where === null ? [] : [[where.label, where.text] as const],
    ...gone === null ? [] : [["note", gone] as const],
  ];
  const kind = kindOfFinding({ finding, context, where });
  const incident = "name" in finding
    ? describeEvent(finding, context, options, facts)
    : describeLeak(finding, kind === "held" ? kind : "leak", context, options, facts);
  if (where === null) return incident;
  const word = where.label === "orders" ? "in" : where.label;
  return { ...incident, text: `${incident.text} (${word} ${where.text})` };
}

function describeEvent(
  finding: IncidentEvent,
  context: ChildVm,
  options: RenderOptions,
  facts: Facts,
): Incident {
  return finding.name === "dma.report"
    ? describeReport(finding, context, options, facts)
    : describeFault(finding, context, options, facts);
}

function describeReport(
  event: MachineEvent<"dma.report">,
  vm: ChildVm,
  options: RenderOptions,
  facts: Facts,
): Incident {
  const fields = event.fields;
  const { beyond_kernel: beyondKernel, class: reportClass, rule } = fields;
  const first = spanOf(fields.first_site, vm);
  const second = spanOf(fields.second_site, vm) ?? spanOf(event.site, vm);
  const lines = renderFinding({
    word: "unexpected report",
    severity: "warning",
    tag: reportClass,
    message: fields.text,
    span: second,
    related: relatedTo(event, vm),
    facts: [...factsOf(event), ...facts],
    hint: hintOf(event),
  }, options);
  return {
    kind: "report",
    name: reportClass,
    text: reportSentence({
      reportClass,
      rule,
      text: fields.text,
      beyondKernel,
      firstPlace: first === null ? null : spanPlace(first),
      secondPlace: second === null ? null : spanPlace(second),
    }),
    place: locationOf(event.site, vm),
    lines,
  };
}

function factsOf({ fields }: MachineEvent<"dma.report">): Facts {
  const { beyond_kernel: beyondKernel, log, rule } = fields;
  return [
    ["rule", `${rule}, ${beyondKernel ? "not checked by any kernel" : "checked by the kernel"}`],
    ...log === null ? [] : [["kernel log", logLine(log)] as const],
  ];
}

function describeFault(
  event: MachineEvent<"iommu.fault">,
  vm: ChildVm,
  options: RenderOptions,
  facts: Facts,
): Incident {
  const { access, dma, reason } = event.fields;
  const lines = renderFinding({
    word: "unexpected fault",
    severity: "warning",
    tag: reason,
    message: `Device "${event.device}" cannot ${access} at ${formatAddress(dma)}`,
    span: spanOf(event.site, vm),
    related: relatedTo(event, vm),
    facts,
    hint: hintOf(event),
  }, options);
  const text = formatEventText(event);
  return { kind: "fault", name: reason, text, place: locationOf(event.site, vm), lines };
}

function locationOf(site: number | null, vm: ChildVm): string | null {
  const span = spanOf(site, vm);
  return span === null ? null : spanPlace(span);
}
