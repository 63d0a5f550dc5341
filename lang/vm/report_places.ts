/** Which other statements a report of the checker is about. */
import type { RelatedSpan } from "../diagnostics/diagnostic.ts";
import type { MachineEvent } from "@dmalab/runtime";
import type { IncidentEvent } from "../values/incident.ts";
import { firstStatement } from "../render/report_text.ts";
import type { Vm } from "./vm.ts";

/** The last call that unmapped the address of a fault; empty if no call did. */
function unmapOf({ device, fields, seq }: MachineEvent<"iommu.fault">, vm: Vm): RelatedSpan[] {
  const unmap = fields.reason !== "not_present" ? undefined : vm.machine.recorder.events.findLast(
    (event) =>
      event.name === "iommu.unmap" && event.device === device && event.seq < seq &&
      fields.dma >= event.fields.iova && fields.dma < event.fields.iova + event.fields.size_bytes,
  );
  const site = unmap?.site ?? null;
  const span = site === null ? null : vm.siteCall(site);
  return span === null ? [] : [{ span, message: "unmapped here" }];
}

/**
 * The statement that created the subject of a report, or that unmapped the memory which a device
 * accessed.
 */
export function relatedTo(event: IncidentEvent, vm: Vm): RelatedSpan[] {
  if (event.name !== "dma.report") return unmapOf(event, vm);
  const { class: reportClass, first_site: first, rule, second_site: second } = event.fields;
  const span = first === null ? null : vm.siteCall(first);
  if (span === null || first === second) return [];
  return [{ span, message: `${firstStatement({ reportClass, rule })} here` }];
}
