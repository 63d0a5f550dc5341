/** The block layer's DMA iterator. */
import type { BlkDmaIter } from "../../../runtime/block/dma_iterator.ts";
import type { MachineEvent } from "../../../runtime/events.ts";
import { blkStatusName } from "../../../runtime/errno.ts";
import { formatAddress, formatSize } from "../../text/numbers.ts";
import { dma, isThing, size, word } from "../arguments.ts";
import { decisionList } from "../explain/decision_list.ts";
import type { TypeSpec } from "../../values/spec.ts";

/** An iterator, and what its last start or step did. */
export interface DmaIterTarget {
  readonly iter: BlkDmaIter;
  /** The events of the last start, and of the steps since; null before. */
  leftBy: readonly MachineEvent[] | null;
}

export const DMA_ITER: TypeSpec<DmaIterTarget> = {
  name: "dma_iter",
  doc: "What one step of mapping a request gave.",
  fields: [
    {
      name: "addr",
      kind: "dma",
      doc: "Start of the range this step mapped; none after a failed map.",
      get: ({ iter }) => iter.addr < 0 ? null : dma(iter.addr),
    },
    { name: "len", kind: "size", doc: "Its length.", get: ({ iter }) => size(iter.lengthBytes) },
    {
      name: "status",
      kind: "word",
      doc: "Meaningful after false: OK says that no segment is left.",
      get: ({ iter }) => word(blkStatusName(iter.status)),
    },
    {
      name: "kind",
      kind: "word",
      doc: "What kind of memory the request is: none, bus_addr, thru_host_bridge, not_supported.",
      get: ({ iter }) => word(iter.kind),
    },
  ],
  methods: [],
  format: ({ iter }) =>
    `dma_iter ${formatAddress(iter.addr)} ${formatSize(iter.lengthBytes)}, ${
      blkStatusName(iter.status)
    }`,
  explain: ({ leftBy }) =>
    leftBy === null
      ? ["the iterator has not been started"]
      : decisionList(leftBy.filter(({ why }) => why !== null)),
  equals: (target, other) => isThing(other, DMA_ITER) && other.target === target,
};
