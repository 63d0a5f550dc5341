/** Runs a step's request on the model, like a program's system call. */
import {
  type Bio,
  BioSplitter,
  type BioVec,
  BLK_STS,
  type BlockOp,
  type Bytes,
  ERRNO,
  Plug,
  SECTOR_SIZE_BYTES,
  sliceVecs,
} from "@dmalab/runtime";
import { BioBuilder, MAX_BIO_VECS, pageJoinOf, type UserPiece } from "../submission/bio_builder.ts";
import type { Io, NvmeRequest } from "@dmalab/devices";
import type { Json } from "../difference.ts";
import type { DefectHost } from "./defect_machine.ts";
import type { Transcript } from "./transcript.ts";

/** Calls that are submitted together are plugged if there are at least this many. */
const PLUG_FROM_CALLS = 3;
const OPCODES = { read: 2, write: 1 } as const;

export interface StepRequest {
  readonly kind: "preadv" | "io_submit" | "passthrough" | "io_uring";
  readonly op: "read" | "write";
  readonly offsetBytes: Bytes;
  /** The data of each I/O. */
  readonly data: readonly (readonly UserPiece[])[];
  /** The metadata of all I/Os, in order; empty if the disk has none. */
  readonly metadata: readonly BioVec[];
  /**
   * For a disk below a device that splits bios: the first sectors of the pieces, in the order in
   * which the pieces were submitted. Null for other disks.
   */
  readonly cutAbove: readonly number[] | null;
}

/**
 * Submits a request, runs the machine until no work is pending, and returns the result that the
 * program gets.
 *
 * @param tags The tags of the requests, in the order in which the driver got them.
 */
export function runStep(
  host: DefectHost,
  transcript: Transcript,
  step: StepRequest,
  tags: readonly number[],
): Json {
  const pace = new DispatchPace(host, tags);
  const way = WAYS[step.kind];
  const ios = way.submit(host, transcript, step);
  pace.dispatch();
  while (host.machine.runNextActivity());
  return way.result(ios);
}

interface Way {
  submit(host: DefectHost, transcript: Transcript, step: StepRequest): Io[];
  /** The result that the program gets. */
  result(ios: readonly Io[]): Json;
}

const WAYS: Readonly<Record<StepRequest["kind"], Way>> = {
  preadv: { submit: submitCall, result: callResult },
  passthrough: {
    submit: (host, _, step) => [passThrough(host, step)],
    result: ([io]) => commandResult(io!),
  },
  io_submit: {
    submit: submitMany,
    result: (ios) => ({ res: ios.map((io, index) => [index, ioResult(io)]) }),
  },
  io_uring: { submit: submitMany, result: (ios) => ({ res: ios.map(ioResult) }) },
};

function builderOf({ disk, machine }: DefectHost, pieces: readonly UserPiece[]): BioBuilder {
  return new BioBuilder(pieces, pageJoinOf(machine.kernel), disk.blockSizeBytes);
}

/** Submits one call: one bio, or several that are plugged until the last is made. */
function submitCall(host: DefectHost, transcript: Transcript, step: StepRequest): Io[] {
  const { disk } = host;
  const builder = builderOf(host, step.data[0]!);
  const plug = builder.leftPages <= MAX_BIO_VECS ? null : new Plug<NvmeRequest>();
  const ios: Io[] = [];
  let sector = step.offsetBytes / SECTOR_SIZE_BYTES;
  while (builder.leftBytes > 0) {
    const bio = builder.next(step.op, sector)!;
    attachMetadata(host, step, bio);
    transcript.bioAt(sector);
    sector += bio.sizeBytes / SECTOR_SIZE_BYTES;
    if (step.cutAbove === null) ios.push(disk.submitBio(bio, 0, plug));
    else {for (const piece of piecesFromAbove(host, bio, step.cutAbove)) {
        ios.push(disk.submitBio(piece));
      }}
  }
  plug?.flush();
  return ios;
}

/**
 * Splits a bio as a device above the disk does. That device has the same limits as the disk, and
 * submits each piece as a separate bio.
 */
function piecesFromAbove(host: DefectHost, bio: Bio, order: readonly number[]): Bio[] {
  const { machine, driver } = host;
  const splitter = new BioSplitter(driver.limits, machine.kernel, machine.events);
  const pieces: Bio[] = [];
  for (let piece: Bio | null = null; piece !== bio;) {
    piece = splitter.next(bio);
    if (piece === null) throw new Error("A device above refuses the bio");
    pieces.push(piece);
  }
  return pieces.sort((a, b) => order.indexOf(a.sector) - order.indexOf(b.sector));
}

/** Submits the calls of a step together; each call has one bio. */
function submitMany(host: DefectHost, transcript: Transcript, step: StepRequest): Io[] {
  const plug = step.data.length >= PLUG_FROM_CALLS ? new Plug<NvmeRequest>() : null;
  let sector = step.offsetBytes / SECTOR_SIZE_BYTES;
  const ios = step.data.map((pieces) => {
    const bio = builderOf(host, pieces).next(step.op, sector)!;
    attachMetadata(host, step, bio);
    transcript.bioAt(sector);
    sector += bio.sizeBytes / SECTOR_SIZE_BYTES;
    return host.disk.submitBio(bio, 0, plug);
  });
  plug?.flush();
  return ios;
}

function passThrough(host: DefectHost, step: StepRequest): Io {
  const op: BlockOp = step.op === "read" ? "drv_in" : "drv_out";
  const bio = new BioBuilder(step.data[0]!, pageJoinOf(host.machine.kernel), 1).next(
    op,
    0,
  )!;
  const blocks = bio.sizeBytes / host.disk.blockSizeBytes;
  return host.disk.passthrough({
    opcode: OPCODES[step.op],
    buffer: { segments: bio.vecs },
    ...(step.metadata.length === 0 ? {} : { metadata: { segments: step.metadata } }),
    dwords: { 10: step.offsetBytes / host.disk.blockSizeBytes, 12: blocks - 1 },
  });
}

/**
 * Sends requests to the driver one by one, at the speed of the recorded device. If a request has
 * the tag of an earlier request, it is sent only after the earlier request has completed. Other
 * requests are sent without waiting for this.
 */
class DispatchPace {
  readonly #queued: NvmeRequest[] = [];

  constructor(private readonly host: DefectHost, private readonly tags: readonly number[]) {
    host.driver.queueRequest = (request) => this.#queued.push(request);
  }

  dispatch(): void {
    const { driver, machine } = this.host;
    // Restores the driver's own function.
    Reflect.deleteProperty(driver, "queueRequest");
    const used = new Set<number>();
    for (const [index, request] of this.#queued.entries()) {
      const tag = this.tags[index];
      if (tag !== undefined && used.has(tag)) { while (machine.runNextActivity()); }
      if (tag !== undefined) used.add(tag);
      driver.queueRequest(request);
      machine.runNextActivity();
    }
  }
}

/** Gives a bio its part of the step's metadata. */
function attachMetadata(host: DefectHost, { metadata, offsetBytes }: StepRequest, bio: Bio): void {
  const { namespace, blockSizeBytes } = host.disk;
  if (metadata.length === 0) return;
  const ofData = (sizeBytes: Bytes) => (sizeBytes / blockSizeBytes) * namespace.metadataBytes;
  const beforeBytes = ofData(bio.sector * SECTOR_SIZE_BYTES - offsetBytes);
  bio.metadata = sliceVecs(metadata, beforeBytes, ofData(bio.sizeBytes));
}

/** The result of a synchronous call; its `ret` is null if the call never returns. */
function callResult(ios: readonly Io[]): Json {
  const failed = ios.find(({ statusCode }) => statusCode !== BLK_STS.OK);
  if (failed === undefined) return { ret: ios.reduce((sum, { bytes }) => sum + bytes, 0) };
  if (failed.statusCode === BLK_STS.RESOURCE) return { ret: null };
  return { ret: -1, errno: ERRNO[failed.error!] };
}

function commandResult(io: Io): Json {
  const { nvmeStatus } = io.requests[0]!;
  if (nvmeStatus !== 0) return { nvme_status: nvmeStatus };
  return io.statusCode === BLK_STS.OK ? { ret: 0 } : { ret: -1, errno: ERRNO[io.error!] };
}

function ioResult(io: Io): number | null {
  if (io.statusCode === BLK_STS.RESOURCE) return null;
  return io.error === null ? io.bytes : -ERRNO[io.error];
}
