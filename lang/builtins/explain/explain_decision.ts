/**
 * Decisions in words: what was decided, and why, out of the event that recorded it. Nothing is
 * computed again; the numbers are the inputs of the deciding code.
 */
import { type EventName, isReturn, type MachineEvent } from "@dmalab/runtime";
import { formatEventText } from "../../render/event_line.ts";
import { explainIteratorStart, explainMerge, explainSplit } from "./explain_block.ts";
import { formatInputs } from "./inputs.ts";
import { refusalReason } from "./io_refusal.ts";
import {
  explainAnswer,
  explainMap,
  explainTableRefusal,
  explainWarning,
} from "./explain_mapping.ts";
import { explainCompletion, explainFormat, explainMemory, explainUnmap } from "./explain_nvme.ts";
import { explainRoute } from "./explain_peer.ts";
import { EventFacts, type Explanation } from "./explanation.ts";
import { explainByText } from "./template.ts";
import { TEXTS } from "./texts.ts";
import { explainHmmUnmap, explainPages, explainTable, explainUnwind } from "./explain_sharing.ts";

/** The explanation of each kind of event of which no text alone can say it, by its name. */
const EXPLAINERS: { readonly [N in EventName]?: (facts: EventFacts<N>) => Explanation } = {
  "block.split": explainSplit,
  "block.merge": explainMerge,
  "block.status": ({ fields, why }) => ({
    title: `completed with ${fields.status}`,
    why: why === null ? "" : refusalReason(why.inputs),
  }),
  "ret.blk_rq_dma_map_iter_start": explainIteratorStart,
  "ret.blk_rq_integrity_dma_map_iter_start": explainIteratorStart,
  "nvme.choose": explainFormat,
  "nvme.complete": explainCompletion,
  "nvme.unmap": explainUnmap,
  "mem.alloc": explainMemory,
  "dma.map": explainMap,
  "iommu.map_failed": explainTableRefusal,
  "ret.hmm_dma_unmap_pfn": explainHmmUnmap,
  "odp.table": explainTable,
  "p2p.route": explainRoute,
  "vfio.add_pages": explainPages,
  "vfio.unwind": explainUnwind,
  "kernel.warn": explainWarning,
};

/** A decision in words. */
export function explainDecision(event: MachineEvent): Explanation {
  // The table pairs each name with the function that explains it.
  const facts = new EventFacts(event.name, event.fields, event.why);
  const text = explainByText(TEXTS[event.name] ?? [], facts);
  if (text !== null) return text;
  const explain = EXPLAINERS[event.name] as ((facts: EventFacts) => Explanation) | undefined;
  if (explain !== undefined) return explain(facts);
  return isReturn(event)
    ? explainAnswer(new EventFacts(event.name, event.fields, event.why))
    : explainPlainly(event);
}

/** An event without an explanation of its own: the event and its inputs. */
function explainPlainly(event: MachineEvent): Explanation {
  return {
    title: formatEventText(event, 0, true),
    why: formatInputs(event.why?.inputs ?? {}),
  };
}
