/** Bios and requests that a script builds by hand, and the block layer's DMA iterator. */
import type { LabDevice } from "../../../devices/lab.ts";
import { NvmeRequest } from "../../../devices/nvme/driver/nvme_request.ts";
import type { Bio, BioVec } from "../../../runtime/block/bio.ts";
import { blockRules } from "../../../runtime/block/block_rules.ts";
import { BlkDma, BlkDmaIter } from "../../../runtime/block/dma_iterator.ts";
import { integritySegments, RequestMerger } from "../../../runtime/block/merge.ts";
import { BioSplitter } from "../../../runtime/block/split.ts";
import { blkStatusErrno, blkStatusName, KernelError } from "../../../runtime/errno.ts";
import { formatCount } from "../../render/numbers.ts";
import type { Run } from "../../run/run.ts";
import { ScriptError } from "../../vm/script_error.ts";
import type { Value } from "../../vm/value.ts";
import { isThing, thing, toInt, toSize, toThing } from "../arguments.ts";
import type { FunctionSpec } from "../spec.ts";
import { BIO, BioTarget } from "../things/bio.ts";
import { BUFFER } from "../things/buffer.ts";
import { DEVICE } from "../things/device.ts";
import { DMA_ITER } from "../things/dma_iter.ts";
import { IO } from "../things/io.ts";
import { IOVA_STATE } from "../things/iova_state.ts";
import { NVME } from "../things/nvme.ts";
import { diskOf, toDiskOp } from "../things/nvme_submit.ts";
import { REQUEST } from "../things/request.ts";
import { DEV, STATE, TRANSLATED_MACHINE } from "./parameters.ts";

const REQ = { name: "req", kind: "@request", doc: "What request() gave." } as const;
const ITER = { name: "iter", kind: "@dma_iter", doc: "What dma_iter() gave." } as const;

const REQUEST_EXAMPLE = `${TRANSLATED_MACHINE}let buf = alloc_pages(3, contiguous: false)
let req = request(bio(read, lba: 0, into: buf))
let state = iova_state()
let iter = dma_iter()
assert blk_rq_dma_map_iter_start(req, ssd, state, iter)
`;

/** The machine's only disk, for a bio that names none. */
function onlyDisk(run: Run): LabDevice {
  const disks = [...run.lab.devices.values()].filter((device) => device.disk !== null);
  if (disks.length === 1) return disks[0]!;
  throw new ScriptError(
    "E0917",
    `A bio needs a disk, and the machine has ${formatCount(disks.length, "disk")}`,
    disks.length === 0 ? "put an nvme block into the machine" : "name it: `dev: ssd`",
  );
}

/** Whether two runs of memory may stand in one bio: both RAM, or both of one provider. */
function sameProvider(run: Run): (a: BioVec, b: BioVec) => boolean {
  const { topology } = run.lab;
  return (a, b) => topology.providerOf(a.phys) === topology.providerOf(b.phys);
}

function segmentsOf(value: Value | undefined): readonly BioVec[] {
  return isThing(value, BUFFER) ? value.target.segments : [];
}

/** The DMA iterator's functions, with the release's behaviour. */
function blkDma(run: Run): BlkDma {
  const { machine } = run.lab;
  return new BlkDma(machine, blockRules(machine.config.kernel, machine.config.quirks));
}

/**
 * One request made of bios that the block layer joins. Nothing is submitted.
 * @see behaviour/block.md 1.3, 1.5, 1.6
 */
function mergedRequest(run: Run, targets: readonly BioTarget[]): NvmeRequest {
  const { events } = run.lab.machine;
  const { device } = targets[0]!;
  const disk = diskOf(device);
  const { gap } = disk.driver.blockRules;
  const splitter = new BioSplitter(disk.limits, gap, events);
  const merger = new RequestMerger(disk.limits, gap, events);
  let request: NvmeRequest | null = null;
  for (const target of targets) {
    const bio = target.toBio();
    checkWhole(splitter, bio);
    if (request === null) {
      request = new NvmeRequest(device.name, bio.op, [bio], disk.limits);
      request.id = ++events.lastRequest;
      request.nrPhysSegments = splitter.nrSegments;
      request.nrIntegritySegments = integritySegments(bio, disk.limits);
      request.gapBit = bio.gapBit;
      request.site = events.site;
      request.cpu = events.cpu;
    } else if (!merger.join(request, bio, splitter.nrSegments)) {
      throw new ScriptError(
        "E0919",
        "The block layer does not join these bios to one request",
        "`explain` of the event block.merge says why",
      );
    }
  }
  return request!;
}

/** A bio must fit into one request as it is. */
function checkWhole(splitter: BioSplitter, bio: Bio): void {
  const piece = splitter.next(bio);
  if (piece === null) {
    const status = blkStatusName(splitter.status);
    throw new KernelError(blkStatusErrno(status), "The disk refuses the bio", status);
  }
  if (piece !== bio) {
    throw new ScriptError(
      "E0919",
      "The bio is too large for one request: it would be cut",
      "`explain ssd.limits` says why; submit_bio() cuts it",
    );
  }
}

/** Sets the request of events while the iterator works on it. */
function forRequest<T>(run: Run, request: NvmeRequest, work: () => T): T {
  const { events } = run.lab.machine;
  const outer = events.request;
  events.request = request.id;
  try {
    return work();
  } finally {
    events.request = outer;
  }
}

export const BLOCK_CALLS: readonly FunctionSpec[] = [
  {
    name: "bio",
    parameters: [
      { name: "op", kind: "word", doc: "read, write, flush, write_zeroes or discard." },
      { name: "lba", kind: "int", optional: true, doc: "First logical block; 0 when left out." },
      { name: "into", kind: "@buffer", optional: true, named: true, doc: "Where data goes." },
      { name: "from", kind: "@buffer", optional: true, named: true, doc: "Where data comes from." },
      {
        name: "metadata",
        kind: "@buffer",
        optional: true,
        named: true,
        doc: "Memory for the blocks' metadata.",
      },
      {
        name: "dev",
        kind: "@nvme",
        optional: true,
        named: true,
        doc: "The disk; the machine's only one when left out.",
      },
    ],
    result: "@bio",
    doc: "Builds a bio. Nothing is submitted; bio_add() adds more memory.",
    example: `${TRANSLATED_MACHINE}let b = bio(read, lba: 0, into: alloc_pages(2))\n` +
      `assert b.bytes == 8KiB`,
    run(run, [op, lba, into, from, metadata, dev]) {
      const device = isThing(dev, NVME) ? dev.target : onlyDisk(run);
      const bio = new BioTarget(
        device,
        toDiskOp(op),
        lba === undefined ? 0 : toInt(lba, "lba"),
      );
      bio.vecs.push(...segmentsOf(into ?? from));
      if (isThing(metadata, BUFFER)) bio.metadata = metadata.target.segments;
      return thing(BIO, bio);
    },
  },
  {
    name: "bio_add",
    parameters: [
      { name: "bio", kind: "@bio", doc: "What bio() gave." },
      { name: "pages", kind: "@buffer", doc: "The memory." },
    ],
    result: "bool",
    doc: "Adds memory to a bio. False when it may not stand in one bio with the memory there is: " +
      "peer memory is never mixed with RAM or with another provider's.",
    example: `${TRANSLATED_MACHINE}let b = bio(read, lba: 0)\n` +
      `assert bio_add(b, alloc_pages(1))\nassert b.vectors.length == 1`,
    run: (run, [bio, pages]) => toThing(bio, BIO, "bio").add(segmentsOf(pages), sameProvider(run)),
  },
  {
    name: "submit_bio",
    parameters: [{ name: "bio", kind: "@bio", doc: "What bio() gave." }],
    result: "@io",
    doc:
      "Submits a bio: it is cut at once, its requests are queued. Never raises what happens to " +
      "it.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let io = submit_bio(bio(read, lba: 0, into: buf))\nwait io\n` +
      `assert buf == ssd.media(lba: 0, bytes: 4KiB)`,
    run(_run, [bio]) {
      const target = toThing(bio, BIO, "bio");
      return thing(IO, diskOf(target.device).submitBio(target.toBio()));
    },
  },
  {
    name: "request",
    parameters: [{ name: "bio", kind: "@bio", doc: "Bios that follow each other on the disk." }],
    variadic: true,
    result: "@request",
    doc: "Makes one request of bios, as if they had been merged. Nothing is submitted: it is for " +
      "the iterator functions.",
    example: `${TRANSLATED_MACHINE}let a = bio(read, lba: 0, into: alloc_pages(1))
let b = bio(read, lba: 8, into: alloc_pages(1))
assert request(a, b).bytes == 8KiB`,
    raises: ["EINVAL"],
    run: (run, bios) =>
      thing(REQUEST, mergedRequest(run, bios.map((bio) => toThing(bio, BIO, "bio")))),
  },
  {
    name: "dma_iter",
    parameters: [],
    result: "@dma_iter",
    doc: "An iterator for mapping a request.",
    example: `assert dma_iter().status == OK`,
    run: () => thing(DMA_ITER, new BlkDmaIter()),
  },
  {
    name: "blk_rq_dma_map_iter_start",
    parameters: [REQ, DEV, STATE, ITER],
    result: "bool",
    doc: "Maps a whole request as one range where its pieces meet, else its first segment. " +
      "False at the end and on failure: the iterator's status tells which.",
    example: `${REQUEST_EXAMPLE}assert iter.len == 12KiB
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run(run, [req, dev, stateArg, iterArg]) {
      const request = toThing(req, REQUEST, "req");
      const device = toThing(dev, DEVICE, "dev").dma;
      const state = toThing(stateArg, IOVA_STATE, "state");
      const iter = toThing(iterArg, DMA_ITER, "iter");
      state.device = device;
      return forRequest(run, request, () => {
        const started = blkDma(run).start(request, device, state.state, iter);
        state.kind = iter.kind;
        return started;
      });
    },
  },
  {
    name: "blk_rq_dma_map_iter_next",
    parameters: [REQ, DEV, STATE, ITER],
    result: "bool",
    doc: "Maps the next segment of a request that did not become one range.",
    example: `${REQUEST_EXAMPLE}assert blk_rq_dma_map_coalesce(state)
assert not blk_rq_dma_map_iter_next(req, ssd, state, iter)
assert iter.status == OK
assert blk_rq_dma_unmap(req, ssd, state, 12KiB)`,
    run(run, [req, dev, , iterArg]) {
      const request = toThing(req, REQUEST, "req");
      const device = toThing(dev, DEVICE, "dev").dma;
      const iter = toThing(iterArg, DMA_ITER, "iter");
      return forRequest(run, request, () => blkDma(run).next(request, device, iter));
    },
  },
  {
    name: "blk_rq_dma_map_coalesce",
    parameters: [STATE],
    result: "bool",
    doc: "True when the whole request became one range, so that next must not be called.",
    example: `${REQUEST_EXAMPLE}assert blk_rq_dma_map_coalesce(state)
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
    doc: "Ends a request's mapping as far as that takes no knowledge of single segments. False: " +
      "unmap each segment yourself.",
    example: `${REQUEST_EXAMPLE}assert blk_rq_dma_unmap(req, ssd, state, 12KiB)
assert iommu.live_mappings == 0`,
    run(run, [req, dev, stateArg, mapped]) {
      const request = toThing(req, REQUEST, "req");
      const device = toThing(dev, DEVICE, "dev").dma;
      const state = toThing(stateArg, IOVA_STATE, "state");
      return forRequest(
        run,
        request,
        () => blkDma(run).unmap(request, device, state.state, toSize(mapped, "mapped"), state.kind),
      );
    },
  },
];
