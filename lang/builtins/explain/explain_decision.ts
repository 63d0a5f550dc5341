/**
 * Decisions in words: what was decided, and why, out of the event that recorded it. Nothing is
 * computed again; the numbers are the inputs of the deciding code.
 */
import type { EventName } from "../../../runtime/event_vocabulary.ts";
import { isReturn, type MachineEvent } from "../../../runtime/events.ts";
import { formatEventText } from "../../render/event_line.ts";
import {
  explainIteratorStart,
  explainIteratorUnmap,
  explainMerge,
  explainSplit,
} from "./explain_block.ts";
import {
  explainHmmAlloc,
  explainHmmMap,
  explainHmmUnmap,
  explainRangeFault,
} from "./explain_hmm.ts";
import { formatInputs } from "./inputs.ts";
import { refusalReason } from "./io_refusal.ts";
import {
  explainAnswer,
  explainFault,
  explainFlush,
  explainIotlb,
  explainIovaAlloc,
  explainIovaAllocFailed,
  explainIovaFree,
  explainMap,
  explainPoolFull,
  explainTableRefusal,
  explainWarning,
} from "./explain_mapping.ts";
import {
  explainCancel,
  explainCompletion,
  explainFormat,
  explainMemory,
  explainMetadata,
  explainTimeout,
  explainUnmap,
} from "./explain_nvme.ts";
import { explainHandled, explainRetry, explainTable, explainTakenBack } from "./explain_odp.ts";
import { explainRoute } from "./explain_peer.ts";
import { type Explanation, Facts } from "./explanation.ts";
import { explainBuffer, explainPages, explainRegister, explainUnwind } from "./explain_vfio.ts";

/** The explanation of each kind of event, by its name. */
const EXPLAINERS: { readonly [N in EventName]?: (facts: Facts<N>) => Explanation } = {
  "block.split": explainSplit,
  "block.merge": explainMerge,
  "block.status": ({ fields, why }) => ({
    title: `completed with ${fields.status}`,
    why: why === null ? "" : refusalReason(why.inputs),
  }),
  "ret.blk_rq_dma_map_iter_start": explainIteratorStart,
  "ret.blk_rq_integrity_dma_map_iter_start": explainIteratorStart,
  "ret.blk_rq_dma_unmap": explainIteratorUnmap,
  "nvme.choose": explainFormat,
  "nvme.metadata": explainMetadata,
  "nvme.complete": explainCompletion,
  "nvme.unmap": explainUnmap,
  "nvme.timeout": explainTimeout,
  "nvme.cancel": explainCancel,
  "mem.alloc": explainMemory,
  "dma.map": explainMap,
  "dma.report": ({ fields }) => ({
    title: `the checker: ${fields.class}`,
    why: fields.text,
    rule: fields.rule,
  }),
  "iova.alloc": explainIovaAlloc,
  "iova.alloc_failed": explainIovaAllocFailed,
  "iova.free": explainIovaFree,
  "iommu.map_failed": explainTableRefusal,
  "iotlb.sync": explainIotlb,
  "flush_queue.flush": explainFlush,
  "swiotlb.full": explainPoolFull,
  "iommu.fault": explainFault,
  "hmm.fault": explainRangeFault,
  "ret.hmm_dma_map_alloc": explainHmmAlloc,
  "ret.hmm_dma_map_pfn": explainHmmMap,
  "ret.hmm_dma_unmap_pfn": explainHmmUnmap,
  "odp.handled": explainHandled,
  "odp.retry": explainRetry,
  "odp.table": explainTable,
  "odp.invalidate": explainTakenBack,
  "p2p.route": explainRoute,
  "vfio.add_pages": explainPages,
  "vfio.register": explainRegister,
  "vfio.unwind": explainUnwind,
  "vfio.buffer": explainBuffer,
  "kernel.warn": explainWarning,
  inject: ({ fields }) => ({
    title: `injected failure: ${fields.point} returns ${fields.error}`,
    why: `hit number ${fields.nth}`,
  }),
};

/** A decision in words. */
export function explainDecision(event: MachineEvent): Explanation {
  // The table pairs each name with the function that explains it.
  const tell = EXPLAINERS[event.name] as ((facts: Facts) => Explanation) | undefined;
  if (tell !== undefined) return tell(new Facts(event.name, event.fields, event.why));
  return isReturn(event)
    ? explainAnswer(new Facts(event.name, event.fields, event.why))
    : explainPlainly(event);
}

/** An event without an explanation of its own: the event and its inputs. */
function explainPlainly(event: MachineEvent): Explanation {
  return {
    title: formatEventText(event, 0, true),
    why: formatInputs(event.why?.inputs ?? {}),
  };
}
