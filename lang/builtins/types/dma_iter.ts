/** The block layer's DMA iterator. */
import { type BlkDmaIter, blkStatusName, type MachineEvent } from "@dmalab/runtime";
import { formatAddress, formatSize } from "../../text/numbers.ts";
import { decisionList } from "../explain/decision_list.ts";
import type { HandleType } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

/** An iterator, and the events of its latest start and of the steps after that start. */
export interface DmaIterTarget {
  readonly iter: BlkDmaIter;
  /** The events since the last start; null before the first start. */
  leftBy: readonly MachineEvent[] | null;
}

export const DMA_ITER: HandleType<DmaIterTarget> = {
  name: "dma_iter",
  doc: "An iterator over the DMA ranges of a request: the result of its last step.",
  fields: fieldsOf<DmaIterTarget>((f) => ({
    addr: f.dma(
      "Start of the range this step mapped; none after a failed map.",
      ({ iter }) => iter.addr < 0 ? null : iter.addr,
    ),
    len: f.size("Its length.", ({ iter }) => iter.lengthBytes),
    status: f.word(
      "Valid after a step returned false: OK means that no segment is left.",
      ({ iter }) => blkStatusName(iter.status),
    ),
    kind: f.word(
      "Route to the request's peer memory: none (RAM), bus_addr, thru_host_bridge, not_supported.",
      ({ iter }) => iter.kind,
    ),
  })),
  format: ({ iter }) =>
    `dma_iter ${formatAddress(iter.addr)} ${formatSize(iter.lengthBytes)}, ${
      blkStatusName(iter.status)
    }`,
  explain: ({ leftBy }, { columns }) =>
    leftBy === null
      ? ["the iterator has not been started"]
      : decisionList(leftBy.filter(({ why }) => why !== null), columns),
};
