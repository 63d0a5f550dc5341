/** The incidents that a statement may expect with `faults` and `warns`. */
import type { MachineEvent, TestLeak } from "@dmalab/runtime";

/** A device's access that went nowhere, or something that the checker found. */
export type IncidentEvent = MachineEvent<"iommu.fault" | "dma.report">;

/** The words of a setting and of a script for it. */
export function incidentKind({ name }: IncidentEvent): "fault" | "report" {
  return name === "iommu.fault" ? "fault" : "report";
}

/** Its name: the reason of a fault, the class of a report. */
export function incidentName(incident: IncidentEvent): string {
  return incident.name === "iommu.fault" ? incident.fields.reason : incident.fields.class;
}

/** Unexpected incidents, or leaks. */
export type RunFinding = IncidentEvent | TestLeak;

/** Its name, and the statement at which it happened, or that left it. */
export function findingKey(finding: RunFinding): string {
  return "name" in finding
    ? `${incidentName(finding)} ${finding.site}`
    : `leak ${finding.kind} ${finding.device} ${finding.site}`;
}

/** True for the events that are incidents. */
export function isIncident(event: MachineEvent): event is IncidentEvent {
  return event.name === "iommu.fault" || event.name === "dma.report";
}
