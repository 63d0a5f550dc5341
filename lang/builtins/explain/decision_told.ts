/**
 * Decisions in words: what was decided, and why, out of the event that recorded it. Nothing is
 * worked out again; numbers are those that the deciding code looked at.
 */
import type { EventName } from "../../../runtime/event_vocabulary.ts";
import { isReturn, type MachineEvent } from "../../../runtime/events.ts";
import { formatEventText } from "../../render/event_line.ts";
import { iteratorStartTold, iteratorUnmapTold, mergeTold, splitTold } from "./block_told.ts";
import { hmmAllocTold, hmmMapTold, hmmUnmapTold, rangeFaultTold } from "./hmm_told.ts";
import { formatInputs } from "./inputs.ts";
import { refusalReason } from "./io_refusal.ts";
import {
  answerTold,
  faultTold,
  flushTold,
  iotlbTold,
  iovaAllocFailedTold,
  iovaAllocTold,
  iovaFreeTold,
  mapTold,
  poolFullTold,
  tableRefusalTold,
  warningTold,
} from "./mapping_told.ts";
import {
  cancelTold,
  completionTold,
  formatTold,
  memoryTold,
  metadataTold,
  timeoutTold,
  unmapTold,
} from "./nvme_told.ts";
import { handledTold, retryTold, tableTold, takenBackTold } from "./odp_told.ts";
import { routeTold } from "./peer_told.ts";
import { Facts, type Told } from "./told.ts";
import { bufferTold, pagesTold, registerTold, unwindTold } from "./vfio_told.ts";

/** Whoever has words for an event, by its name. */
const TELLERS: { readonly [N in EventName]?: (facts: Facts<N>) => Told } = {
  "block.split": splitTold,
  "block.merge": mergeTold,
  "block.status": ({ fields, why }) => ({
    title: `ended with ${fields.status}`,
    why: why === null ? "" : refusalReason(why.inputs),
  }),
  "ret.blk_rq_dma_map_iter_start": iteratorStartTold,
  "ret.blk_rq_integrity_dma_map_iter_start": iteratorStartTold,
  "ret.blk_rq_dma_unmap": iteratorUnmapTold,
  "nvme.choose": formatTold,
  "nvme.metadata": metadataTold,
  "nvme.complete": completionTold,
  "nvme.unmap": unmapTold,
  "nvme.timeout": timeoutTold,
  "nvme.cancel": cancelTold,
  "mem.alloc": memoryTold,
  "dma.map": mapTold,
  "dma.report": ({ fields }) => ({
    title: `the checker: ${fields.class}`,
    why: fields.text,
    rule: fields.rule,
  }),
  "iova.alloc": iovaAllocTold,
  "iova.alloc_failed": iovaAllocFailedTold,
  "iova.free": iovaFreeTold,
  "iommu.map_failed": tableRefusalTold,
  "iotlb.sync": iotlbTold,
  "flush_queue.flush": flushTold,
  "swiotlb.full": poolFullTold,
  "iommu.fault": faultTold,
  "hmm.fault": rangeFaultTold,
  "ret.hmm_dma_map_alloc": hmmAllocTold,
  "ret.hmm_dma_map_pfn": hmmMapTold,
  "ret.hmm_dma_unmap_pfn": hmmUnmapTold,
  "odp.handled": handledTold,
  "odp.retry": retryTold,
  "odp.table": tableTold,
  "odp.invalidate": takenBackTold,
  "p2p.route": routeTold,
  "vfio.add_pages": pagesTold,
  "vfio.register": registerTold,
  "vfio.unwind": unwindTold,
  "vfio.buffer": bufferTold,
  "kernel.warn": warningTold,
  inject: ({ fields }) => ({
    title: `${fields.point} is told to fail: ${fields.error}`,
    why: `its passing number ${fields.nth}`,
  }),
};

/** A decision in words. */
export function decisionTold(event: MachineEvent): Told {
  // The table pairs each name with a teller of that event's facts.
  const tell = TELLERS[event.name] as ((facts: Facts) => Told) | undefined;
  if (tell !== undefined) return tell(new Facts(event.name, event.fields, event.why));
  return isReturn(event)
    ? answerTold(new Facts(event.name, event.fields, event.why))
    : plainTold(event);
}

/** An event that nobody has words for: itself, and what it looked at. */
function plainTold(event: MachineEvent): Told {
  return {
    title: formatEventText(event, 0, true),
    why: formatInputs(event.why?.inputs ?? {}),
  };
}
