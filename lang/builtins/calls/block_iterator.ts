/** The block layer's DMA iterator, for a request's data and for its metadata. */
import type { NvmeRequest } from "../../../devices/nvme/driver/command/nvme_request.ts";
import { blockRules } from "../../../runtime/block/block_rules.ts";
import { BlkDma, BlkDmaIter } from "../../../runtime/block/dma_iterator.ts";
import type { DmaDevice } from "../../../runtime/dma/device/device.ts";
import type { DmaIovaState } from "../../../runtime/dma/iova_state.ts";
import type { Run } from "../../values/run.ts";
import { thing, toSize, toThing } from "../arguments.ts";
import type { Arguments, FunctionSpec, ParameterSpec } from "../../values/spec.ts";
import { DEVICE } from "../things/device.ts";
import { DMA_ITER } from "../things/dma_iter.ts";
import { IOVA_STATE } from "../things/dma/iova_state.ts";
import { REQUEST } from "../things/nvme/request.ts";
import { DEV, STATE, TRANSLATED_MACHINE } from "./parameters.ts";

const REQ: ParameterSpec = { name: "req", kind: "@request", doc: "What request() gave." };
const ITER: ParameterSpec = { name: "iter", kind: "@dma_iter", doc: "What dma_iter() gave." };

const STARTED = `${TRANSLATED_MACHINE}let buf = alloc_pages(3, contiguous: false)
let req = request(bio(read, lba: 0, into: buf))
let state = iova_state()
let iter = dma_iter()
assert blk_rq_dma_map_iter_start(req, ssd, state, iter)
`;

/** Two pieces of metadata that do not meet, so that each is mapped by itself. */
const METADATA_STARTED = `machine {
  iommu { mode = strict }
  quirks = [none]
  pci { root_port rp0 { nvme ssd { sgl = true, metadata = 8B, metadata_sgl = true } } }
}
let meta = buffer(segments: [{ phys: 0x10_0040, size: 32B }, { phys: 0x20_0080, size: 32B }])
let req = request(bio(read, lba: 0, into: alloc_pages(1), metadata: meta))
let state = iova_state()
let iter = dma_iter()
assert blk_rq_integrity_dma_map_iter_start(req, ssd, state, iter)
`;

/** The iterator's functions, with the release's behaviour. */
function blkDma(run: Run): BlkDma {
  const { machine } = run.lab;
  return new BlkDma(machine, blockRules(machine.config.kernel, machine.config.quirks));
}

/** Sets the request of events while the iterator works on it. */
function forRequest<T>(run: Run, request: NvmeRequest, work: (blk: BlkDma) => T): T {
  const { events } = run.lab.machine;
  const outer = events.request;
  events.request = request.id;
  try {
    return work(blkDma(run));
  } finally {
    events.request = outer;
  }
}

type Start = (
  blk: BlkDma,
  request: NvmeRequest,
  dev: DmaDevice,
  state: DmaIovaState,
  iter: BlkDmaIter,
) => boolean;
type Next = (blk: BlkDma, request: NvmeRequest, dev: DmaDevice, iter: BlkDmaIter) => boolean;

function starting(start: Start): FunctionSpec["run"] {
  return (run: Run, [req, dev, stateArg, iterArg]: Arguments) => {
    const request = toThing(req, REQUEST, "req");
    const device = toThing(dev, DEVICE, "dev").dma;
    const state = toThing(stateArg, IOVA_STATE, "state");
    const target = toThing(iterArg, DMA_ITER, "iter");
    const { iter } = target;
    const { recorder } = run;
    const before = recorder.events.length;
    state.device = device;
    const started = forRequest(
      run,
      request,
      (blk) => start(blk, request, device, state.state, iter),
    );
    state.kind = iter.kind;
    target.leftBy = recorder.events.slice(before);
    return started;
  };
}

function stepping(next: Next): FunctionSpec["run"] {
  return (run: Run, [req, dev, , iterArg]: Arguments) => {
    const request = toThing(req, REQUEST, "req");
    const device = toThing(dev, DEVICE, "dev").dma;
    const target = toThing(iterArg, DMA_ITER, "iter");
    const { recorder } = run;
    const before = recorder.events.length;
    const found = forRequest(run, request, (blk) => next(blk, request, device, target.iter));
    target.leftBy = [...target.leftBy ?? [], ...recorder.events.slice(before)];
    return found;
  };
}

export const BLOCK_ITERATOR_CALLS: readonly FunctionSpec[] = [
  {
    name: "dma_iter",
    parameters: [],
    result: "@dma_iter",
    doc: "An iterator for mapping a request.",
    example: `assert dma_iter().status == OK`,
    run: () => thing(DMA_ITER, { iter: new BlkDmaIter(), leftBy: null }),
  },
  {
    name: "blk_rq_dma_map_iter_start",
    parameters: [REQ, DEV, STATE, ITER],
    result: "bool",
    doc: "Maps a whole request as one range where its pieces meet, else its first segment. " +
      "False at the end and on failure: the iterator's status tells which.",
    example: `${STARTED}assert iter.len == 12KiB
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run: starting((blk, request, dev, state, iter) => blk.start(request, dev, state, iter)),
  },
  {
    name: "blk_rq_dma_map_iter_next",
    parameters: [REQ, DEV, STATE, ITER],
    result: "bool",
    doc: "Maps the next segment of a request that did not become one range.",
    example: `${STARTED}assert blk_rq_dma_map_coalesce(state)
assert not blk_rq_dma_map_iter_next(req, ssd, state, iter)
assert iter.status == OK
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run: stepping((blk, request, dev, iter) => blk.next(request, dev, iter)),
  },
  {
    name: "blk_rq_integrity_dma_map_iter_start",
    parameters: [REQ, DEV, STATE, ITER],
    result: "bool",
    doc: "The same for a request's metadata, with a state and an iterator of its own.",
    example: `${METADATA_STARTED}assert iter.len == 32B and state.size == 0
assert not blk_rq_dma_unmap(req, ssd, state, 32B)
dma_unmap_phys(ssd, iter.addr, 32B, from_device)`,
    run: starting((blk, request, dev, state, iter) => blk.startMetadata(request, dev, state, iter)),
  },
  {
    name: "blk_rq_integrity_dma_map_iter_next",
    parameters: [REQ, DEV, STATE, ITER],
    result: "bool",
    doc: "Maps the next segment of metadata that did not become one range.",
    example: `${METADATA_STARTED}let first = iter.addr
assert blk_rq_integrity_dma_map_iter_next(req, ssd, state, iter)
assert iter.addr % 4KiB == 0x80
dma_unmap_phys(ssd, first, 32B, from_device)
dma_unmap_phys(ssd, iter.addr, 32B, from_device)`,
    run: stepping((blk, request, dev, iter) => blk.nextMetadata(request, dev, iter)),
  },
  {
    name: "blk_rq_dma_map_coalesce",
    parameters: [STATE],
    result: "bool",
    doc: "True when the whole request became one range, so that next must not be called.",
    example: `${STARTED}assert blk_rq_dma_map_coalesce(state)
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run: (run, [state]) => blkDma(run).coalesce(toThing(state, IOVA_STATE, "state").state),
  },
  {
    name: "blk_rq_dma_unmap",
    parameters: [
      REQ,
      DEV,
      STATE,
      { name: "mapped", kind: "size", doc: "How many bytes of the range are linked." },
    ],
    result: "bool",
    doc: "Ends a request's mapping, of data or metadata, as far as that takes no knowledge of " +
      "single segments. False: unmap each segment yourself.",
    example: `${STARTED}assert blk_rq_dma_unmap(req, ssd, state, 12KiB)
assert iommu.live_mappings == 0`,
    run(run, [req, dev, stateArg, mapped]) {
      const request = toThing(req, REQUEST, "req");
      const device = toThing(dev, DEVICE, "dev").dma;
      const { state, kind } = toThing(stateArg, IOVA_STATE, "state");
      const mappedBytes = toSize(mapped, "mapped");
      return forRequest(
        run,
        request,
        (blk) => blk.unmap(request, device, state, mappedBytes, kind),
      );
    },
  },
];
