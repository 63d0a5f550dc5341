/** The incidents that a statement may expect with `faults` and `warns`. */
import type { MachineEvent, TestLeak } from "@dmalab/runtime";

/** A device's access that faulted, or a report of the checker. */
export type IncidentEvent = MachineEvent<"iommu.fault" | "dma.report">;

/** The word for an incident in settings and in scripts. */
export function incidentKind({ name }: IncidentEvent): "fault" | "report" {
  return name === "iommu.fault" ? "fault" : "report";
}

/** The incident's name: the reason of a fault, the class of a report. */
export function incidentName(incident: IncidentEvent): string {
  return incident.name === "iommu.fault" ? incident.fields.reason : incident.fields.class;
}

/** An unexpected incident, or a leak. */
export type RunFinding = IncidentEvent | TestLeak;

/**
 * A key made from two parts: the finding's name, and the statement at which the incident happened
 * or that allocated the leaked resource.
 */
export function findingKey(finding: RunFinding): string {
  return "name" in finding
    ? `${incidentName(finding)} ${finding.site}`
    : `leak ${finding.kind} ${finding.device} ${finding.site}`;
}

/** Whether an event is an incident. */
export function isIncident(event: MachineEvent): event is IncidentEvent {
  return event.name === "iommu.fault" || event.name === "dma.report";
}
