/** Faults and reports that no statement of a test expected, and leaks at its end. */
import {
  type IncidentEvent,
  incidentKind,
  incidentName,
  type RunFinding,
} from "../values/incident.ts";
import type { MachineEvent, TestLeak } from "@dmalab/runtime";
import { renderFinding, type RenderOptions } from "../diagnostics/render.ts";
import { formatEventText } from "../render/event_line.ts";
import { formatAddress } from "../text/numbers.ts";
import { logLine, reportSentence } from "../render/report_text.ts";
import { type Span, spanPlace } from "../source.ts";
import { failed, type Failure } from "../vm/failure.ts";
import { relatedTo } from "../vm/report_places.ts";
import type { SweepIncident } from "../vm/sweeps.ts";
import type { RaceIncident } from "../vm/races.ts";
import type { Vm } from "../vm/vm.ts";
import { describeLeak, judgeLeaks, spanOf } from "./leaks.ts";
import type { FailureStyle } from "./render_failure.ts";
import type { Incident } from "./report.ts";

/** Limit of the incidents that are listed for one run; the others are counted. */
export const DISPLAYED_INCIDENTS = 20;

/** Faults and reports that no statement expected. */
export function unexpectedIncidents(vm: Vm): readonly IncidentEvent[] {
  return vm.machine.incidents.filter((event) => !vm.expectedIncidents.has(event));
}

/** Unexpected incidents fail a run that completed, unless its machine says otherwise. */
function judgeIncidents(vm: Vm): Failure | null {
  const first = unexpectedIncidents(vm).find((event) => vm.machine.fails(incidentKind(event)));
  if (first === undefined) return null;
  return failed({
    code: "E0908",
    span: spanOf(first.site, vm) ?? vm.span,
    message: `Unexpected ${incidentKind(first)} ${incidentName(first)}`,
    hint: hintOf(first),
    related: relatedTo(first, vm),
  }, {
    finding: first,
    notes: first.name === "dma.report"
      ? [first.fields.text, ...factsOf(first).map(([label, text]) => `${label}: ${text}`)]
      : [faultText(first)],
  });
}

/** The failure of a run that completed: unexpected incidents, then leaks. */
export function judgeEnd(vm: Vm, leaks: readonly TestLeak[]): Failure | null {
  return judgeIncidents(vm) ?? judgeLeaks(vm, leaks);
}

/** The kind of a run's finding. */
export function kindOfFinding({ finding, context, where }: FoundIncident): Incident["kind"] {
  // If `where` is set, some orders of a race left the resource unreleased. These orders ran to
  // their end, so the finding is a leak, even if the run itself failed.
  if (!("name" in finding)) return where === null && context.failure !== null ? "held" : "leak";
  return incidentKind(finding);
}

/** A hint with the syntax that marks the incident as intended. */
function hintOf(event: IncidentEvent): string {
  const name = incidentName(event);
  // A device may access memory long after the call that started it.
  return event.name === "iommu.fault"
    ? `if it is intended, write \`expect fault ${name} { … }\` around where it happens, which may ` +
      `be a later \`wait\`, or \`faults ${name}\` after the call that makes the access`
    : `if it is intended, write \`warns ${name}\` after the call, or ` +
      `\`expect warning ${name} { … }\` around where it happens`;
}

/** An incident, and the runs in which it happened. */
export interface FoundIncident {
  readonly finding: RunFinding;
  readonly context: Vm;
  /**
   * The child runs in which the incident happened, as a label and a text; null for the test's own
   * run.
   */
  readonly where: { readonly label: "orders" | "at"; readonly text: string } | null;
}

/** All unexpected incidents of a run so far, including those of its races and of `inject each`. */
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
  { event, places, context, tried, when, word }: SweepIncident,
): FoundIncident {
  const text = `${places} of ${tried} places of \`${word}\`, such as when ${when}`;
  return { finding: event, context, where: { label: "at", text } };
}

/** Further facts about an incident, each with a label. */
type Facts = readonly (readonly [label: string, text: string])[];

/**
 * An incident as plain data.
 *
 * @param gone The defects that cause the incident; null if they are unknown.
 * @param style Colours for the lines.
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
  const { resource } = incident;
  return {
    ...incident,
    text: `${incident.text} (${word} ${where.text})`,
    ...resource === undefined ? {} : { resource: { ...resource, eventSeqs: [] } },
  };
}

function describeEvent(
  event: IncidentEvent,
  vm: Vm,
  options: RenderOptions,
  facts: Facts,
): Incident {
  const kind = incidentKind(event);
  const name = incidentName(event);
  const own = spanOf(event.site, vm);
  const said = event.name === "dma.report" ? reportOf(event, own, vm) : faultOf(event);
  const lines = renderFinding({
    word: `unexpected ${kind}`,
    severity: "warning",
    tag: name,
    message: said.message,
    span: said.span ?? own,
    related: relatedTo(event, vm),
    facts: [...said.facts, ...facts],
    hint: hintOf(event),
  }, options);
  return { kind, name, text: said.text, place: own === null ? null : spanPlace(own), lines };
}

function reportOf(event: MachineEvent<"dma.report">, own: Span | null, vm: Vm) {
  const { beyond_kernel: beyondKernel, class: reportClass, rule, text, ...sites } = event.fields;
  const first = spanOf(sites.first_site, vm);
  const span = spanOf(sites.second_site, vm) ?? own;
  const sentence = reportSentence({
    reportClass,
    rule,
    text,
    beyondKernel,
    firstPlace: first === null ? null : spanPlace(first),
    secondPlace: span === null ? null : spanPlace(span),
  });
  return { message: text, span, facts: factsOf(event), text: sentence };
}

function faultOf(event: MachineEvent<"iommu.fault">) {
  const { access, dma } = event.fields;
  const message = `Device "${event.device}" cannot ${access} at ${formatAddress(dma)}`;
  return { message, span: null, facts: [], text: faultText(event) };
}

function faultText(event: MachineEvent<"iommu.fault">): string {
  return `${formatEventText(event)}${event.why?.inputs.injected === true ? ": injected" : ""}`;
}

function factsOf({ fields }: MachineEvent<"dma.report">): Facts {
  const { beyond_kernel: beyondKernel, class: reportClass, log, rule } = fields;
  return [
    ["rule", `${rule}, ${beyondKernel ? "not checked by any kernel" : "checked by the kernel"}`],
    ...log === null ? [] : [["kernel log", logLine(log, reportClass)] as const],
  ];
}
