/**
 * A request for any device, in the form in which a block layer would pass it to the script's own
 * driver.
 */
import { type DeviceBase, NvmeRequest } from "@dmalab/devices";
import {
  Bio,
  BioSplitter,
  countedIntegritySegments,
  deriveLimits,
  isPowerOfTwo,
  type QueueLimits,
  SECTOR_SIZE_BYTES,
  softCapSectors,
} from "@dmalab/runtime";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ScriptError, ValueError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { builtin } from "../describe/builtin.ts";
import { named, param } from "../describe/parameters.ts";
import { BUFFER } from "../types/buffer.ts";
import { DEVICE } from "../types/device.ts";
import { DATA, LBA, onlyMemory, OP } from "../types/nvme/nvme_submit.ts";
import { REQUEST } from "../types/nvme/request.ts";
import { checkWhole } from "./block.ts";

/** The default of a queue's largest number of sectors in a request; these sectors are 4 MiB. */
const HW_SECTORS = 8192;
const MAX_SEGMENTS = 65_535;

/** The queue limits that a driver would set. */
interface RequestedQueueLimits {
  readonly virtBoundaryBytes: number;
  readonly maxSegmentSizeBytes: number;
  readonly maxSegments: number;
}

function limitsOf(context: ExecutionContext, wish: RequestedQueueLimits): QueueLimits {
  const { kernel } = context.lab.machine;
  const { maxSegments, maxSegmentSizeBytes, virtBoundaryBytes } = wish;
  if (virtBoundaryBytes !== 0 && !isPowerOfTwo(virtBoundaryBytes)) {
    throw new ValueError("A virt_boundary is a power of two");
  }
  const limits = deriveLimits({
    maxHwSectors: HW_SECTORS,
    maxSegments,
    maxSegmentSizeBytes,
    virtBoundaryMask: Math.max(0, virtBoundaryBytes - 1),
    dmaAlignmentMask: 3,
    joinsInsideBio: !kernel.vectors_stay_apart,
  }, softCapSectors(kernel));
  if (typeof limits !== "number") return limits;
  throw new ValueError("The block layer accepts no queue with these limits");
}

/** Makes a request. The script maps and completes it. */
function requestFor(
  context: ExecutionContext,
  device: DeviceBase,
  bio: Bio,
  wish: RequestedQueueLimits,
): NvmeRequest {
  const { machine } = context.lab;
  const { events } = machine;
  const limits = limitsOf(context, wish);
  const splitter = new BioSplitter(limits, machine.kernel, events);
  checkWhole(splitter, bio);
  const request = new NvmeRequest(device.name, bio.op, [bio], limits);
  request.id = ++events.lastRequest;
  request.nrPhysSegments = splitter.nrSegments;
  request.nrIntegritySegments = countedIntegritySegments(machine.kernel, bio, limits);
  request.gapBit = bio.gapBit;
  request.site = events.context.site;
  request.cpu = events.context.cpu;
  return request;
}

export const BLOCK_REQUEST_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "block_request",
    parameters: [
      param.handle("dev", DEVICE, "The device that transfers the data."),
      OP,
      LBA,
      named(param.handle("into", BUFFER, "Where data goes.")),
      named(param.handle("from", BUFFER, "The source of the data.")),
      DATA,
      named(
        param.size(
          "virt_boundary",
          "Alignment of segment boundaries: a power of two; 0B, the default: none.",
        ),
        0,
      ),
      named(
        param.size(
          "max_segment_size",
          "The longest segment. Default 64KiB, or no bound with a virt_boundary.",
        ),
        0,
      ),
      named(param.int("max_segments", "The most segments. Default 128.", 1, MAX_SEGMENTS), 128),
    ],
    result: REQUEST,
    doc: "Builds a request for any device, in 512-byte blocks, as the block layer passes it to a " +
      "driver; EINVAL if the block layer would split it. A C driver receives it as a struct " +
      "request and completes it with blk_mq_end_request().",
    example: `machine { iommu { mode = strict }\n  pci { root_port rp0 { endpoint hba { } } } }
let mem = alloc_pages(3, contiguous: false)
let req = block_request(hba, read, lba: 8, into: mem)
assert req.phys_segments == 3 and req.bytes == 12KiB and not req.done
let state = iova_state()
assert blk_rq_dma_map_iter_start(req, hba, state, dma_iter())
assert blk_rq_dma_unmap(req, hba, state, 12KiB)`,
    raises: ["EINVAL"],
    run(
      context,
      [device, op, lba, into, from, data, virtBoundaryBytes, maxSegmentSizeBytes, maxSegments],
    ) {
      const vecs = onlyMemory(op, { into, from, data })?.segments ?? [];
      if (vecs.length === 0 && (op === "read" || op === "write")) {
        throw new ScriptError("E0917", `A request that is a ${op} has memory`);
      }
      const sizeBytes = vecs.reduce((sum, vec) => sum + vec.sizeBytes, 0);
      const bio = new Bio(op, lba, [...vecs], sizeBytes);
      if (sizeBytes % SECTOR_SIZE_BYTES !== 0) {
        throw new ValueError("A request has whole blocks of 512 bytes");
      }
      return requestFor(context, device, bio, {
        virtBoundaryBytes,
        maxSegmentSizeBytes,
        maxSegments,
      });
    },
  }),
];
