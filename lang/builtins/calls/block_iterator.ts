/** The block layer's DMA iterator, for a request's data and for its metadata. */
import type { NvmeRequest } from "@dmalab/devices";
import { BlkDma, BlkDmaIter } from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { DMA_ITER } from "../types/dma_iter.ts";
import { BY_ROLE, facts, kernelCall } from "./kernel_call.ts";
import { DEV, STATE } from "./parameters.ts";
import { builtin } from "../describe/builtin.ts";
import type { Decoded } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";

const STARTED = `${TRANSLATED_MACHINE}let buf = alloc_pages(3, contiguous: false)
let req = request(bio(read, lba: 0, into: buf))
let state = iova_state()
let iter = dma_iter()
assert blk_rq_dma_map_iter_start(req, ssd, state, iter)
`;

/**
 * Setup code of examples: two segments of metadata that are not adjacent, so that each is mapped
 * separately.
 */
const METADATA_STARTED = `machine {
  iommu { mode = strict }
  quirks = [none]
  pci {
    root_port rp0 {
      nvme ssd { sgl = true, metadata = 8B, metadata_sgl = true }
    }
  }
}
let parts = [{ phys: 0x10_0040, size: 32B }, { phys: 0x20_0080, size: 32B }]
let meta = buffer(segments: parts)
let req = request(bio(read, lba: 0, into: alloc_pages(1), metadata: meta))
let state = iova_state()
let iter = dma_iter()
assert blk_rq_integrity_dma_map_iter_start(req, ssd, state, iter)
`;

/** The iterator's functions, as the release implements them. */
function blkDma(context: ExecutionContext): BlkDma {
  const { machine } = context.lab;
  return new BlkDma(machine);
}

/** Calls `work`. Events that the iterator emits during this call name the request. */
function forRequest<T>(
  context: ExecutionContext,
  request: NvmeRequest,
  work: (blk: BlkDma) => T,
): T {
  const blk = blkDma(context);
  const { events } = context.lab.machine;
  const outer = events.context.enterRequest(request.id);
  try {
    return work(blk);
  } finally {
    events.context.leaveRequest(outer);
  }
}

/** Scripts pass the state to each step; C passes it to the first only. */
const STEP = [BY_ROLE.req, DEV, STATE, BY_ROLE.iter] as const;
type IteratorStep = Decoded<typeof STEP>;

function starting(metadata: boolean) {
  return (context: ExecutionContext, [request, dev, state, target]: IteratorStep): boolean => {
    const { recorder } = context;
    const before = recorder.events.length;
    const { iter } = target;
    state.device = dev;
    const started = forRequest(
      context,
      request,
      (blk) => blk.start(request, dev, state.state, iter, metadata),
    );
    state.kind = iter.kind;
    target.leftBy = recorder.events.slice(before);
    return started;
  };
}

function stepping(metadata: boolean) {
  return (context: ExecutionContext, [request, dev, , target]: IteratorStep): boolean => {
    const { recorder } = context;
    const before = recorder.events.length;
    const { iter } = target;
    const found = forRequest(context, request, (blk) => blk.next(request, dev, iter, metadata));
    target.leftBy = [...target.leftBy ?? [], ...recorder.events.slice(before)];
    return found;
  };
}

export const BLOCK_ITERATOR_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "dma_iter",
    result: DMA_ITER,
    doc: "An iterator for mapping a request.",
    example: `assert dma_iter().status == OK`,
    run: () => ({ iter: new BlkDmaIter(), leftBy: null }),
  }),
  kernelCall("blk_rq_dma_map_iter_start", {
    result: "bool",
    doc:
      "Maps a whole request as one IOVA range where its segments can be coalesced, else its first segment. " +
      "False at the end and on failure: the iterator's status distinguishes them.",
    example: `${STARTED}assert iter.len == 12KiB
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run: starting(false),
  }),
  builtin({
    ...facts("blk_rq_dma_map_iter_next"),
    parameters: STEP,
    result: "bool",
    doc: "Maps the next segment of a request that was not mapped as one range.",
    example: `${STARTED}assert blk_rq_dma_map_coalesce(state)
assert not blk_rq_dma_map_iter_next(req, ssd, state, iter)
assert iter.status == OK
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run: stepping(false),
  }),
  kernelCall("blk_rq_integrity_dma_map_iter_start", {
    result: "bool",
    doc:
      "Like blk_rq_dma_map_iter_start(), for the request's metadata, with a separate state and " +
      "iterator.",
    example: `${METADATA_STARTED}assert iter.len == 32B and state.size == 0
assert not blk_rq_dma_unmap(req, ssd, state, 32B)
dma_unmap_phys(ssd, iter.addr, 32B, from_device)`,
    run: starting(true),
  }),
  builtin({
    ...facts("blk_rq_integrity_dma_map_iter_next"),
    parameters: STEP,
    result: "bool",
    doc: "Maps the next segment of metadata that was not mapped as one range.",
    example: `${METADATA_STARTED}let first = iter.addr
assert blk_rq_integrity_dma_map_iter_next(req, ssd, state, iter)
assert iter.addr % 4KiB == 0x80
dma_unmap_phys(ssd, first, 32B, from_device)
dma_unmap_phys(ssd, iter.addr, 32B, from_device)`,
    run: stepping(true),
  }),
  kernelCall("blk_rq_dma_map_coalesce", {
    result: "bool",
    doc: "True if the whole request was mapped as one range: do not call the next function then.",
    example: `${STARTED}assert blk_rq_dma_map_coalesce(state)
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run: (context, [state]) => blkDma(context).coalesce(state.state),
  }),
  kernelCall("blk_rq_dma_unmap", {
    result: "bool",
    doc:
      "Unmaps a request's data or metadata if that needs no list of segments. Returns false if " +
      "the driver must unmap each segment.",
    example: `${STARTED}assert blk_rq_dma_unmap(req, ssd, state, 12KiB)
assert iommu.live_mappings == 0`,
    run: (context, [request, dev, { state, kind }, mappedBytes]) =>
      forRequest(context, request, (blk) => blk.unmap(request, dev, state, mappedBytes, kind)),
  }),
];
