/**
 * Decisions in words: what was decided, and why, out of the event that recorded it. Nothing is
 * worked out again; numbers are those that the deciding code looked at.
 */
import type { MachineEvent } from "../../../runtime/events.ts";
import { formatEventText } from "../../render/event_line.ts";
import { iteratorStartTold, iteratorUnmapTold, mergeTold, splitTold } from "./block_told.ts";
import { hmmAllocTold, hmmMapTold, hmmUnmapTold, rangeFaultTold } from "./hmm_told.ts";
import { formatInputs } from "./inputs.ts";
import { refusalReason } from "./io_refusal.ts";
import {
  faultTold,
  flushTold,
  iotlbTold,
  iovaAllocFailedTold,
  iovaAllocTold,
  iovaFreeTold,
  mapTold,
  poolFullTold,
  refusalTold,
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

/** A decision in words. */
export function decisionTold(event: MachineEvent): Told {
  const facts = new Facts(event);
  switch (event.name) {
    case "block.split":
      return splitTold(facts);
    case "block.merge":
      return mergeTold(facts);
    case "ret.blk_rq_dma_map_iter_start":
    case "ret.blk_rq_integrity_dma_map_iter_start":
      return iteratorStartTold(facts);
    case "ret.blk_rq_dma_unmap":
      return iteratorUnmapTold(facts);
    case "nvme.choose":
      return formatTold(facts);
    case "nvme.metadata":
      return metadataTold(facts);
    case "nvme.complete":
      return completionTold(facts);
    case "nvme.unmap":
      return unmapTold(facts);
    case "nvme.timeout":
      return timeoutTold(facts);
    case "nvme.cancel":
      return cancelTold();
    case "mem.alloc":
      return memoryTold(facts);
    case "dma.map":
      return mapTold(facts);
    case "iova.alloc":
      return iovaAllocTold(facts);
    case "iova.alloc_failed":
      return iovaAllocFailedTold(facts);
    case "iova.free":
      return iovaFreeTold(facts);
    case "iotlb.sync":
      return iotlbTold(facts);
    case "flush_queue.flush":
      return flushTold(facts);
    case "swiotlb.full":
      return poolFullTold(facts);
    case "iommu.fault":
      return faultTold(facts);
    case "hmm.fault":
      return rangeFaultTold(facts);
    case "ret.hmm_dma_map_alloc":
      return hmmAllocTold(facts);
    case "ret.hmm_dma_map_pfn":
      return hmmMapTold(facts);
    case "ret.hmm_dma_unmap_pfn":
      return hmmUnmapTold(facts);
    case "odp.handled":
      return handledTold(facts);
    case "odp.retry":
      return retryTold(facts);
    case "odp.table":
      return tableTold(facts);
    case "odp.invalidate":
      return takenBackTold(facts);
    case "p2p.route":
      return routeTold(facts);
    case "vfio.add_pages":
      return pagesTold(facts);
    case "vfio.register":
      return registerTold(facts);
    case "vfio.unwind":
      return unwindTold(facts);
    case "vfio.buffer":
      return bufferTold(facts);
    case "kernel.warn":
      return warningTold(facts);
    case "inject":
      return {
        title: `${facts.word("point")} is told to fail: ${facts.word("error")}`,
        why: `its passing number ${facts.number("nth")}`,
      };
    case "dma.report":
      return {
        title: `the checker: ${facts.word("class")}`,
        why: facts.word("text"),
        rule: facts.word("rule"),
      };
    case "block.status":
      return {
        title: `ended with ${facts.word("status")}`,
        why: event.why === null ? "" : refusalReason(event.why.inputs),
      };
    default:
      return event.name.startsWith("ret.") ? refusalTold(facts) : plainTold(event);
  }
}

/** An event that nobody has words for: itself, and what it looked at. */
function plainTold(event: MachineEvent): Told {
  return {
    title: formatEventText(event, 0, true),
    why: formatInputs(event.why?.inputs ?? {}),
  };
}
