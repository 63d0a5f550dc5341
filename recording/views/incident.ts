/**
 * A fault of the IOMMU, a report of the checker or a warning of the kernel, with its meaning and
 * reason.
 */
import { explainFaultEvent } from "@dmalab/lang/builtins";
import type { MachineEvent } from "@dmalab/runtime";
import type { Recording } from "../recording.ts";
import { spanOfEvent } from "../last_writes.ts";
import { spanPlace } from "@dmalab/lang";
import { formatAddress } from "@dmalab/lang/text";

/** A fault, a report or a warning. */
export interface IncidentView {
  /** The reason of a fault, the class of a report, the function of a warning. */
  readonly id: string;
  /** One line: device, what happened, where. */
  readonly title: string;
  /** The reason, as sentences; empty where the title is enough. */
  readonly why: string;
  /** The complete output of `explain`. */
  readonly lines: readonly string[];
}

/** The description of an incident; null for any other event. */
export function incidentView(recording: Recording, seq: number): IncidentView | null {
  const event: MachineEvent = recording.event(seq);
  const span = spanOfEvent(recording, seq);
  const place = span === null ? "" : ` at ${spanPlace(span)}`;
  const device = event.device === null ? "" : `${event.device}: `;
  switch (event.name) {
    case "iommu.fault": {
      const { access, dma, reason } = event.fields;
      const { lines, verdict } = recording.timeline.at(
        recording.afterEvent(seq),
        ({ vm }) => explainFaultEvent(event, vm),
      );
      const title = `${device}${access} of ${formatAddress(dma)}: ${reason}${place}`;
      return { id: reason, title, why: verdict ?? "", lines };
    }
    case "dma.report": {
      const { class: id, rule, text } = event.fields;
      return { id, title: `${device}${id} (${rule})${place}`, why: text, lines: [text, rule] };
    }
    case "kernel.warn": {
      const { at, text } = event.fields;
      return { id: at, title: `${device}WARNING: at ${at}${place}`, why: text, lines: [text] };
    }
    default:
      return null;
  }
}
