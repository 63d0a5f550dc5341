/** Requests of the block layer, and their mapping. @see rules/c-api.md 8, trap 7 */
import {
  BLK_STS,
  BlkDma,
  BlkDmaIter,
  blkStatusErrno,
  blkStatusName,
  type BlockRequest,
  ERRNO,
  errnoToBlkStatus,
  opDirection,
} from "@dmalab/runtime";
import type { DmaDevice, DmaIovaState } from "@dmalab/runtime/dma";
import { callEntries, type CArguments, type CCallEntry } from "../call_entry.ts";
import { type CKernel, hex } from "../c_kernel.ts";
import { CPeers, mapTypeOf } from "../c_peers.ts";
import { CRequests } from "../c_requests.ts";
import { kernelEntry } from "../kernel_entry.ts";
import { entriesOf, LINK_END, SG } from "./lists.ts";
import { showState, stateAsItIs, stateAt } from "../c_iova_state.ts";

/**
 * Offsets of the members of `struct blk_dma_iter`, equal to those in
 * `extensions/c_drivers/include/linux/blk-mq-dma.h`.
 */
export const DMA_ITER = { addr: 0, len: 8, p2pdma: 16, status: 32, dmalab_iter: 40 } as const;
const DMA_ITER_BYTES = 48;

/** Runs a step for a request; the events of the step are attributed to the request. */
function forRequest<T>(
  kernel: CKernel,
  at: number,
  work: (blk: BlkDma, request: BlockRequest) => T,
): T {
  const request = kernel.part(CRequests).requestAt(at);
  const { events } = kernel.machine;
  const outer = events.context.enterRequest(request.id);
  try {
    return work(new BlkDma(kernel.machine), request);
  } finally {
    events.context.leaveRequest(outer);
  }
}

/** Writes the result of a step into C's memory. */
function showIter(kernel: CKernel, at: number, iter: BlkDmaIter): void {
  const { memory } = kernel;
  memory.putAddress(at + DMA_ITER.addr, iter.addr);
  memory.view.setUint32(at + DMA_ITER.len, iter.lengthBytes, true);
  memory.view.setUint8(at + DMA_ITER.status, iter.status);
  const provider = iter.kind === "none" ? null : kernel.part(CPeers).providerOf(iter.segments.phys);
  kernel.part(CPeers).putState(at + DMA_ITER.p2pdma, provider, iter.kind);
}

/** Records that the device owns the memory that a step has mapped. */
function lend(
  kernel: CKernel,
  device: DmaDevice,
  request: BlockRequest,
  iter: BlkDmaIter,
): void {
  if (iter.kind !== "none") return;
  const { addr, lengthBytes, segments: { phys } } = iter;
  kernel.lent.add(device, addr, phys, lengthBytes, opDirection(request.op));
}

/** Records that the device owns all memory of a request. The request is mapped as one IOVA range. */
function lendAll(
  kernel: CKernel,
  device: DmaDevice,
  request: BlockRequest,
  state: DmaIovaState,
  isMetadata: boolean,
): void {
  let at = state.addr as number;
  for (const { phys, sizeBytes } of isMetadata ? request.metadataSegments() : request.segments()) {
    kernel.lent.add(device, at, phys, sizeBytes, opDirection(request.op));
    at += sizeBytes;
  }
}

function starting(isMetadata: boolean) {
  return (kernel: CKernel, args: readonly [number, DmaDevice, number, number]): number => {
    const [req, device, stateAddress, at] = args;
    if (!kernel.memory.isOpen(at, DMA_ITER_BYTES)) throw kernel.crash("There is no blk_dma_iter");
    kernel.usesMask(device);
    const iter = new BlkDmaIter();
    return forRequest(kernel, req, (blk, request) => {
      const state = stateAsItIs(kernel, stateAddress);
      const { addr, sizeBytes } = state;
      const started = blk.start(request, device, state, iter, isMetadata);
      // A state that the call has not changed is not written, so C's memory stays as the driver
      // left it. Possibly that memory contains no state at all.
      if (state.addr !== addr || state.sizeBytes !== sizeBytes) {
        showState(kernel, stateAddress, state);
      }
      kernel.part(CRequests).walks.set(at, iter);
      kernel.memory.putWord(at + DMA_ITER.dmalab_iter, at);
      showIter(kernel, at, iter);
      if (started && iter.kind === "none") {
        if (state.held && iter.addr === state.addr) {
          lendAll(kernel, device, request, state, isMetadata);
        } else lend(kernel, device, request, iter);
      }
      return Number(started);
    });
  };
}

function stepping(isMetadata: boolean) {
  return (kernel: CKernel, [req, device, at]: readonly [number, DmaDevice, number]): number => {
    const iter = kernel.part(CRequests).walks.get(at);
    const isOwn = kernel.memory.isOpen(at, DMA_ITER_BYTES) &&
      kernel.memory.wordAt(at + DMA_ITER.dmalab_iter) === at;
    if (iter === undefined || !isOwn) {
      throw kernel.crash(`${hex(at)} is no blk_dma_iter that was started`);
    }
    return forRequest(kernel, req, (blk, request) => {
      const found = blk.next(request, device, iter, isMetadata);
      showIter(kernel, at, iter);
      if (found) lend(kernel, device, request, iter);
      return Number(found);
    });
  };
}

/**
 * Fills a scatterlist with a request's memory. @returns The number of entries used. @see
 * rules/block.md 2.1
 */
function fillList(kernel: CKernel, [req, at]: CArguments): number {
  const segments = kernel.part(CRequests).requestAt(req).segments();
  const { memory } = kernel;
  const pageBytes = kernel.machine.pages.pageSizeBytes;
  let index = 0;
  for (const entry of entriesOf(kernel, at, segments.length)) {
    const { phys, sizeBytes } = segments[index++]!;
    const isLast = index === segments.length;
    memory.putWord(entry + SG.page_link, kernel.pageAt(phys) + (isLast ? LINK_END : 0));
    memory.view.setUint32(entry + SG.offset, phys % pageBytes, true);
    memory.view.setUint32(entry + SG.length, sizeBytes, true);
  }
  return segments.length;
}

export const REQUEST_CALLS: readonly CCallEntry[] = callEntries({
  "void blk_mq_end_request(struct request *req, blk_status_t status)": (kernel, [req, status]) =>
    kernel.part(CRequests).end(req, status),
  "int dmalab_rq_map_sg(struct request *req, struct scatterlist *sg)": {
    as: "blk_rq_map_sg",
    run: fillList,
  },
  "int blk_status_to_errno(blk_status_t status)"(kernel, [status]) {
    if (status === BLK_STS.OK) return 0;
    const known = Object.values(BLK_STS).find((each) => each === status);
    if (known === undefined) throw kernel.crash(`${status} is no block status`);
    return -ERRNO[blkStatusErrno(blkStatusName(known))];
  },
  "blk_status_t errno_to_blk_status(int error)": (_kernel, [error]) => errnoToBlkStatus(error),
});

export const REQUEST_MAPPING_CALLS: readonly CCallEntry[] = [
  kernelEntry("blk_rq_dma_map_iter_start", starting(false)),
  kernelEntry("blk_rq_dma_map_iter_next", stepping(false)),
  kernelEntry("blk_rq_integrity_dma_map_iter_start", starting(true)),
  kernelEntry("blk_rq_integrity_dma_map_iter_next", stepping(true)),
  kernelEntry(
    "blk_rq_dma_map_coalesce",
    (kernel, [state]) => Number(kernel.machine.dma.dmaUseIova(stateAsItIs(kernel, state))),
  ),
  kernelEntry("blk_rq_dma_unmap", (kernel, [req, device, stateAddress, mappedBytes, map]) => {
    const kind = mapTypeOf(kernel.machine.kernel, map) ?? "none";
    return forRequest(kernel, req, (blk, request) => {
      const state = stateAt(kernel, stateAddress);
      kernel.lent.endWithin(device, state.addr, mappedBytes);
      const isDone = blk.unmap(request, device, state, mappedBytes, kind);
      if (isDone) kernel.part(CRequests).takeBack(request, device);
      showState(kernel, stateAddress, state);
      return Number(isDone);
    });
  }),
];
