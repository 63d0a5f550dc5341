/** Bios and requests that a script builds by hand. */
import { type DiskOp, type NvmeDevice, NvmeRequest } from "@dmalab/devices";
import {
  type Bio,
  BIO_FLAG,
  BioSplitter,
  type BioVec,
  blkStatusErrno,
  blkStatusName,
  countedIntegritySegments,
  KernelError,
  type MergeRefusal,
  Plug,
  RequestMerger,
} from "@dmalab/runtime";
import { formatCount } from "../../text/numbers.ts";
import type { ExecutionContext } from "../../values/execution_context.ts";
import { ScriptError } from "../../values/script_error.ts";
import type { FunctionSpec } from "../../values/spec.ts";
import { BIO, BioTarget } from "../types/bio.ts";
import { BUFFER } from "../types/buffer.ts";
import { IO } from "../types/nvme/io.ts";
import { NVME } from "../types/nvme/nvme.ts";
import { DATA, LBA, onlyMemory, OP } from "../types/nvme/nvme_submit.ts";
import { REQUEST } from "../types/nvme/request.ts";
import { builtin } from "../describe/builtin.ts";
import { named, param } from "../describe/parameters.ts";
import { TRANSLATED_MACHINE } from "./example_machines.ts";

const MADE = param.handle("bio", BIO, "The result of bio().");

/** The machine's only disk, for a bio without a named disk. */
function onlyDisk(context: ExecutionContext): NvmeDevice {
  const disks = [...context.lab.devices.values()].filter((device) => device.kind === "nvme");
  if (disks.length === 1) return disks[0]!;
  throw new ScriptError(
    "E0917",
    `A bio needs a disk, and the machine has ${formatCount(disks.length, "disk")}`,
    disks.length === 0 ? "put an nvme block into the machine" : "name it: `dev: ssd`",
  );
}

/** Tells whether two segments may share one bio: both are RAM, or both belong to one provider. */
function sameProvider(context: ExecutionContext): (a: BioVec, b: BioVec) => boolean {
  const { topology } = context.lab;
  return (a, b) => topology.providerAt(a.phys) === topology.providerAt(b.phys);
}

/**
 * The given length of a bio without memory. Throws for an operation that needs memory or has no
 * length.
 */
function datalessBytes(op: DiskOp, sizeBytes: number): number {
  if (op === "write_zeroes" || op === "discard") return sizeBytes;
  throw new ScriptError(
    "E0917",
    `The length of a ${op} bio is the size of its memory`,
    op === "flush" ? "leave `bytes` out" : "leave `bytes` out, and add memory",
  );
}

/**
 * One request made of bios that the block layer merges. Nothing is submitted.
 * @see rules/block.md 1.3, 1.5, 1.6
 */
function mergedRequest(context: ExecutionContext, targets: readonly BioTarget[]): NvmeRequest {
  const { events, kernel } = context.lab.machine;
  const { device } = targets[0]!;
  const disk = device.disk;
  const splitter = new BioSplitter(disk.limits, kernel, events);
  const merger = new RequestMerger(disk.limits, kernel, events, 0);
  let request: NvmeRequest | null = null;
  for (const target of targets) {
    const bio = target.toBio();
    disk.keepPeersApart(bio);
    checkWhole(splitter, bio);
    if (request === null) {
      request = new NvmeRequest(device.name, bio.op, [bio], disk.limits);
      request.id = ++events.lastRequest;
      request.nrPhysSegments = splitter.nrSegments;
      request.nrIntegritySegments = countedIntegritySegments(kernel, bio, disk.limits);
      request.gapBit = bio.gapBit;
      request.site = events.context.site;
      request.cpu = events.context.cpu;
    } else {
      const outer = events.context.enterDevice(device.name);
      try {
        if (!merger.join(request, bio, splitter.nrSegments)) {
          throw new KernelError(
            "EINVAL",
            `The block layer does not merge these bios: ${
              REFUSALS[refusalOf(merger, request, bio)]
            }`,
          );
        }
      } finally {
        events.context.leaveDevice(outer);
      }
    }
  }
  return request!;
}

type RequestRefusal = MergeRefusal | "peer_memory" | "apart";

/**
 * The merger's reason for not merging. If the merger has no reason, it did not compare the request
 * with the bio; the result is then the reason for not comparing them.
 */
function refusalOf(merger: RequestMerger, request: NvmeRequest, bio: Bio): RequestRefusal {
  if (merger.refusal !== null) return merger.refusal;
  return request.hasFlag(BIO_FLAG.NOMERGE) || (bio.flags & BIO_FLAG.NOMERGE) !== 0
    ? "peer_memory"
    : "apart";
}

/** Why a bio cannot join a request, in words. @see rules/block.md 1.4, 1.5 */
const REFUSALS: Readonly<Record<RequestRefusal, string>> = {
  integrity:
    "only one of them has metadata, or together they exceed the limit of metadata segments",
  gap: "their memory does not join on the controller's boundary",
  integrity_gap: "their metadata does not join on the controller's boundary",
  sectors: "together they exceed the maximum request size",
  segments: "together they exceed the maximum number of segments",
  ranges: "the discard has its maximum number of ranges",
  peer_memory: "one of them has peer memory, which is never merged",
  apart: "they are not contiguous reads or writes of the disk",
};

/** Refuses a bio that does not fit into one request unsplit. */
export function checkWhole(splitter: BioSplitter, bio: Bio): void {
  const piece = splitter.next(bio);
  if (piece === null) {
    const status = blkStatusName(splitter.status);
    throw new KernelError(blkStatusErrno(status), "The disk refuses the bio", status);
  }
  if (piece !== bio) {
    throw new KernelError("EINVAL", "The bio is too large for one request: it would be split");
  }
}

export const BLOCK_CALLS: readonly FunctionSpec[] = [
  builtin({
    name: "bio",
    parameters: [
      OP,
      LBA,
      named(param.handle("into", BUFFER, "Where data goes.")),
      named(param.handle("from", BUFFER, "The source of the data.")),
      DATA,
      named(param.handle("metadata", BUFFER, "Memory for the blocks' metadata.")),
      named(param.handle("dev", NVME, "The disk; the machine's only one when left out.")),
      named(
        param.size(
          "bytes",
          "Length on the disk, for write_zeroes and discard, which have no memory.",
        ),
      ),
    ],
    result: BIO,
    doc: "Builds a bio. Nothing is submitted; bio_add() adds more memory.",
    example: `${TRANSLATED_MACHINE}let b = bio(read, lba: 0, into: alloc_pages(2))\n` +
      `assert b.bytes == 8KiB`,
    run(context, [op, lba, into, from, data, metadata, dev, bytes]) {
      const device = dev ?? onlyDisk(context);
      const bio = new BioTarget(
        device,
        op,
        lba,
        bytes === undefined ? 0 : datalessBytes(op, bytes),
      );
      const memory = onlyMemory(op, { into, from, data });
      if (memory !== undefined) bio.checkTakesMemory();
      for (const segment of memory?.segments ?? []) bio.vecs.push(segment);
      bio.metadata = metadata?.segments ?? null;
      return bio;
    },
  }),
  builtin({
    name: "bio_add",
    parameters: [
      MADE,
      param.handle("pages", BUFFER, "The memory."),
    ],
    result: "bool",
    doc: "Adds memory to a bio. Returns false if it cannot share a bio with the memory already " +
      "there: peer memory is never mixed with RAM or with another provider's.",
    example: `${TRANSLATED_MACHINE}let b = bio(read, lba: 0)\n` +
      `assert bio_add(b, alloc_pages(1))\nassert b.vectors.length == 1`,
    run: (context, [bio, pages]) => bio.add(pages.segments, sameProvider(context)),
  }),
  builtin({
    name: "submit_bio",
    parameters: [MADE],
    result: IO,
    doc: "Submits a bio: the block layer splits it at once and queues its requests. A failure " +
      "raises nothing: it is the .status of the io.",
    example: `${TRANSLATED_MACHINE}let buf = alloc_pages(1)\n` +
      `let io = submit_bio(bio(read, lba: 0, into: buf))\nwait io\n` +
      `assert buf == ssd.media(lba: 0, bytes: 4KiB)`,
    run: (_run, [bio]) => bio.device.disk.submitBio(bio.toBio()),
  }),
  builtin({
    name: "submit_bios",
    parameters: [param.handle("bio", BIO, "Bios made by bio(), in order.")],
    variadic: true,
    result: [IO],
    doc:
      "Submits bios under a plug, so that each can merge into the request before it. Returns an " +
      "io for each; ios of one request share it.",
    example: `${TRANSLATED_MACHINE}let a = bio(read, lba: 0, into: alloc_pages(1))
let b = bio(read, lba: 8, into: alloc_pages(1))
let ios = submit_bios(a, b)
wait ios
assert ios.map(io => io.requests[0].bytes) == [8KiB, 8KiB]`,
    run(_run, bios: readonly BioTarget[]) {
      const plug = new Plug<NvmeRequest>();
      const ios = bios.map((bio) => bio.device.disk.submitBio(bio.toBio(), 0, plug));
      plug.flush();
      return ios;
    },
  }),
  builtin({
    name: "request",
    parameters: [param.handle("bio", BIO, "Bios of consecutive sectors.")],
    variadic: true,
    result: REQUEST,
    doc: "Builds one request from bios that the block layer merges; EINVAL if it does not merge " +
      "them. Nothing is submitted: pass the request to the iterator functions.",
    example: `${TRANSLATED_MACHINE}let a = bio(read, lba: 0, into: alloc_pages(1))
let b = bio(read, lba: 8, into: alloc_pages(1))
assert request(a, b).bytes == 8KiB`,
    raises: ["EINVAL"],
    run: (context, bios: readonly BioTarget[]) => mergedRequest(context, bios),
  }),
];
