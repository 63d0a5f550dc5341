/**
 * A disk from the user's side. It accepts I/O, splits it into requests, and queues the requests at
 * once.
 *
 * @see docs/language/declarations.md
 */
import {
  alignDown,
  alignUp,
  Bio,
  BIO_FLAG,
  BioSplitter,
  type BioVec,
  BLK_STS,
  type BlkStatus,
  blkStatusName,
  type BlockOp,
  type Bytes,
  eventId,
  integritySegments,
  invariant,
  KernelError,
  type Machine,
  meetsOffBoundary,
  NO_VECS,
  type NoMerges,
  PAGE_SIZE_BYTES,
  type Plug,
  type PlugTarget,
  type QueueLimits,
  RequestMerger,
  SECTOR_SIZE_BYTES,
  vecsSizeBytes,
  type Why,
  whyCopied,
} from "@dmalab/runtime";
import { SQE_BYTES } from "./driver/protocol.ts";
import type { NamespaceFacts } from "./driver/nvme_limits.ts";
import type { NvmeDriver } from "./driver/nvme_driver.ts";
import { NvmeRequest } from "./driver/request.ts";
import { Io } from "./io.ts";
import { RequestPayload } from "./request_payload.ts";

const BLOCK_STATUS = eventId("block.status");

/**
 * Limit of the pages of a user's metadata, which are pinned; larger metadata is refused.
 * @see rules/block.md 1.8
 */
const MAX_METADATA_PAGES = 256;

/** The operations for `submit`. */
export type DiskOp = "read" | "write" | "flush" | "write_zeroes" | "discard";

/** Host memory as contiguous pieces. */
export interface DiskBuffer {
  /** The buffer's pieces, in order. */
  readonly segments: readonly BioVec[];
}

/** The parameters of `submit` besides the operation. */
export interface SubmitOptions {
  /** First logical block. Default 0. */
  readonly lba?: number;
  /** Memory to read into or write from. */
  readonly buffer?: DiskBuffer;
  /** Metadata of the blocks; if left out, a disk with metadata generates it. */
  readonly metadata?: DiskBuffer;
  /** Bytes on the disk, for operations without a buffer. */
  readonly sizeBytes?: Bytes;
  /** Number of the I/O queue, at least 1. Default: the queue of the current CPU. */
  readonly queue?: number;
  /** Bits of `BIO_FLAG`. */
  readonly flags?: number;
  /**
   * Holds the requests back, so that following ones can be merged with them.
   * @internal
   */
  readonly plug?: Plug<NvmeRequest>;
}

/** A passthrough command, field by field. */
export interface PassthroughOptions extends RawOptions {
  /** The command's opcode, 0 to 255. */
  readonly opcode: number;
  /** Namespace; by default the disk's own. */
  readonly nsid?: number;
  /** The user's memory for the command's data, as vectors; the opcode determines the direction. */
  readonly buffer?: DiskBuffer;
  /** Whether the memory was registered as a fixed buffer. */
  readonly fixed?: boolean;
  /** Memory for the command's metadata. */
  readonly metadata?: DiskBuffer;
  /** Command dwords by number: 2, 3 and 10 to 15. */
  readonly dwords?: Readonly<Record<number, number>>;
}

/** The queue for a command that is given byte by byte. */
export interface RawOptions {
  /** Whether to use the admin queue. */
  readonly admin?: boolean;
  /** Number of the I/O queue, from 1; by default the queue of the CPU. */
  readonly queue?: number;
}

/** A user's call, before the block layer splits it. */
export interface Submission {
  /**
   * `bio`: block I/O; `command`: a passthrough command, field by field; `raw`: the 64 bytes of a
   * command.
   */
  readonly kind: "bio" | "command" | "raw";
  /** The operation; for a passthrough command, the direction of its data. */
  readonly op: BlockOp;
  /** First sector of 512 bytes; 0 for commands. */
  readonly sector: number;
  /** Bytes on the disk. */
  readonly sizeBytes: Bytes;
  /** The memory as contiguous pieces. */
  readonly vecs: readonly BioVec[];
  /** Memory of the metadata. */
  readonly metadata: readonly BioVec[];
  /** The passthrough command; null for `bio` and `raw`. */
  readonly command: PassthroughOptions | null;
  /** Number of the I/O queue, from 1; 0 for the queue of the CPU. */
  readonly queue: number;
  /** Bits of `BIO_FLAG`. */
  readonly flags: number;
  /** Whether a plug holds the requests of this call back. */
  readonly isPlugged: boolean;
}

/**
 * Host memory charged for a request that was split off a bio, including all data that the request
 * causes.
 */
const REQUEST_COST_BYTES = 1536;

/** Bits 0 and 1 of an opcode, which give the direction of its data. */
const OPCODE_DIRECTION_MASK = 3;
const OPCODE_TO_DEVICE = 1;

/**
 * A disk, between the block layer and the driver. It accepts bios, and returns a separate result
 * for each bio.
 */
export class NvmeDisk implements PlugTarget<NvmeRequest> {
  /** @internal */
  readonly driver: NvmeDriver;
  /** The machine to which the disk belongs. */
  readonly machine: Machine;
  /** @internal */
  readonly namespace: NamespaceFacts;
  /** @internal */
  readonly limits: QueueLimits;
  /** @internal */
  readonly merger: RequestMerger;
  /**
   * Observes each call and its result object before the call has any effect. The observer must not
   * change the machine.
   * @internal
   */
  onSubmission: ((submission: Submission, io: Io) => void) | null = null;
  readonly #payload: RequestPayload;
  readonly #splitter: BioSplitter;
  readonly #adminSplitter: BioSplitter;

  /**
   * @param driver The driver of the disk, already brought up, with a namespace.
   * @param nomerges Which kinds of merging are disabled (`queue/nomerges`).
   * @internal
   */
  constructor(driver: NvmeDriver, nomerges: NoMerges = 0) {
    invariant(driver.namespace !== null, `${driver.dev.name} has no namespace`);
    this.driver = driver;
    this.machine = driver.machine;
    this.namespace = driver.namespace;
    this.limits = driver.limits;
    this.#payload = new RequestPayload(this.machine, this.namespace);
    const { events, kernel } = driver.machine;
    this.merger = new RequestMerger(this.limits, kernel, events, nomerges);
    this.#splitter = new BioSplitter(this.limits, kernel, events);
    this.#adminSplitter = new BioSplitter(driver.adminLimits, kernel, events);
    if (driver.scheduler !== null) driver.scheduler.disk = this;
  }

  /** The disk's name in the machine. */
  get name(): string {
    return this.driver.dev.name;
  }

  /** Number of I/O queues. */
  get queueCount(): number {
    return this.driver.queues.ioCount;
  }

  /** Size of a logical block's data. */
  get blockSizeBytes(): Bytes {
    return this.namespace.blockSizeBytes;
  }

  /** Its capacity. */
  get capacityBytes(): Bytes {
    return this.namespace.blockCount * this.namespace.blockSizeBytes;
  }

  /**
   * Submits one bio: splits the bio, and queues a host activity for each piece.
   *
   * @returns The bio's result. A refused bio is done at once, with a status.
   */
  submit(op: DiskOp, options: SubmitOptions = {}): Io {
    const vecs = options.buffer?.segments ?? NO_VECS;
    const sizeBytes = options.sizeBytes ?? vecsSizeBytes(vecs);
    const sector = ((options.lba ?? 0) * this.limits.logicalBlockSizeBytes) / SECTOR_SIZE_BYTES;
    const bio = new Bio(op, sector, vecs, sizeBytes, options.flags ?? 0);
    if (options.metadata !== undefined) bio.metadata = options.metadata.segments;
    return this.submitBio(bio, options.queue ?? 0, options.plug ?? null);
  }

  /**
   * Submits a bio that the caller built. The bio is advanced past each piece that is split off its
   * front.
   *
   * @param queue I/O queue from 1; 0 for the queue of the CPU.
   * @param plug Holds the requests back until the plug is flushed; before the flush, following bios
   *   can be merged with these requests.
   * @internal
   */
  submitBio(bio: Bio, queue = 0, plug: Plug<NvmeRequest> | null = null): Io {
    this.#checkQueue(queue);
    const io = new Io(bio.sizeBytes);
    this.onSubmission?.({
      kind: "bio",
      op: bio.op,
      sector: bio.sector,
      sizeBytes: bio.sizeBytes,
      vecs: [...bio.parts()],
      metadata: [...bio.metadata],
      command: null,
      queue,
      flags: bio.flags,
      isPlugged: plug !== null,
    }, io);
    if (bio.op !== "flush") {
      if (bio.sizeBytes === 0) {
        io.close(BLK_STS.OK);
        return io;
      }
      // A mask works because the block size is a power of two.
      if ((bio.sizeBytes & (this.limits.logicalBlockSizeBytes - 1)) !== 0) {
        return this.#refusePartOfBlock(io, bio);
      }
      // The block layer refuses bios beyond the disk's end; they never reach the driver.
      if (bio.sector * SECTOR_SIZE_BYTES + bio.sizeBytes > this.capacityBytes) {
        return this.#refuseBeyondEnd(io, bio);
      }
    }
    if (this.limits.p2pdma === 0 && this.#isPeers(bio)) return this.#refusePeers(io, bio);
    if (!this.#payload.fits(bio)) return this.#refuseMetadataLength(io, bio);
    const splitter = this.#splitter;
    for (let cuts = 0;; cuts++) {
      const piece = this.#nextPiece(splitter, bio);
      if (piece === null) return this.#refuseUnfit(io, splitter, bio);
      if (piece !== bio) this.#payload.cut(piece, bio);
      if (!this.#payload.segmentsFit(piece, this.limits)) return this.#refuseMetadata(io, piece);
      const request = this.#request(piece, splitter.nrSegments, queue);
      if (plug !== null || this.driver.scheduler !== null) {
        if (!this.#holdBack(plug, request, io)) return this.#refuseForMemory(io);
      } else {
        request.id = ++this.machine.events.lastRequest;
        if (!this.#payload.attach(request)) return this.#refuseForMemory(io);
        io.add(request);
        this.driver.queueRequest(request);
      }
      if (piece === bio) break;
      this.machine.budget.demand(REQUEST_COST_BYTES, cuts * REQUEST_COST_BYTES);
    }
    io.close(BLK_STS.OK);
    return io;
  }

  /**
   * Takes the requests of a plug when it is flushed.
   * @internal
   */
  sendBatch(requests: readonly NvmeRequest[]): void {
    const batch = requests.filter((request) => {
      // The ranges of a discard can be attached now, because no more bios will be merged into it.
      // With a scheduler, bios may still be merged later.
      if (request.op !== "discard" || this.driver.scheduler !== null) return true;
      if (this.attachRanges(request)) return true;
      request.end(BLK_STS.RESOURCE);
      return false;
    });
    this.driver.queueBatch(batch);
  }

  /** @internal */
  attachRanges(request: NvmeRequest): boolean {
    return this.#payload.attach(request);
  }

  /**
   * Submits a passthrough command. The command is never split: a command that would have to be
   * split is refused. If the queue cannot take the command's memory directly, the memory is copied.
   *
   * @see rules/block.md 1.8
   */
  passthrough(options: PassthroughOptions): Io {
    const { fixed = false, queue = 0 } = options;
    this.#checkQueue(queue);
    const vecs = options.buffer?.segments ?? NO_VECS;
    const toDevice = (options.opcode & OPCODE_DIRECTION_MASK) === OPCODE_TO_DEVICE;
    const whole = new Bio(toDevice ? "drv_out" : "drv_in", 0, vecs, vecsSizeBytes(vecs));
    // Without data the metadata is not used.
    if (whole.sizeBytes > 0) whole.metadata = options.metadata?.segments ?? NO_VECS;
    const io = new Io(whole.sizeBytes);
    this.#observeCommand("command", whole, options, io);
    const admin = options.admin === true;
    const queueLimits = admin ? this.driver.adminLimits : this.limits;
    if (queueLimits.p2pdma === 0 && this.#isPeers(whole)) return this.#refusePeers(io, whole);
    const hasFormat = !admin && this.namespace.metadataBytes > 0;
    if (whole.metadata.length > 0 && !hasFormat) return this.#refuseForNoFormat(io, whole);
    if (fixed && !this.#takesFixed(whole, queueLimits)) return this.#refuseFixed(io, whole);
    const splitter = admin ? this.#adminSplitter : this.#splitter;
    let reason = whyCopied(vecs, queueLimits, fixed);
    let request = reason === null ? this.#uncut(whole, vecs, splitter, queue) : null;
    let copies: readonly BioVec[] | null = null;
    if (request === null) {
      if (reason === null && fixed && splitter.refusal === "uncut_command") reason = "split";
      if (reason === null) return this.#refuseUnfit(io, splitter, whole);
      copies = this.#payload.copyUser(vecs, toDevice);
      if (copies === null) return this.#refuseForMemory(io);
      request = this.#uncut(whole, copies, splitter, queue);
      if (request === null) {
        this.#payload.freeCopies(copies);
        return this.#refuseUnfit(io, splitter, whole);
      }
    }
    // Checked after the data has been mapped, so that errors of the data's mapping come first.
    if (!takesMetadata(whole, queueLimits)) {
      if (copies !== null) this.#payload.freeCopies(copies);
      return this.#refuseLongMetadata(io, whole);
    }
    const [bio] = request.bios as [Bio];
    const metadataReason = this.#payload.whyMetadataCopied(whole, queueLimits);
    if (metadataReason !== null) {
      const sizeBytes = vecsSizeBytes(whole.metadata);
      const block = this.#payload.copyUser(whole.metadata, toDevice, sizeBytes);
      if (block === null) {
        if (copies !== null) this.#payload.freeCopies(copies);
        return this.#refuseForMemory(io);
      }
      bio.metadata = block;
    }
    if (vecs.length > 0 && !this.driver.format.sgl) this.#warnOfUncheckedBuffer();
    request.id = ++this.machine.events.lastRequest;
    request.admin = admin;
    request.nsid = options.nsid ?? this.namespace.nsid;
    request.template = templateOf(options, request.nsid);
    this.#payload.attach(request);
    if (copies !== null) this.#payload.lendCopies(request, vecs, copies, reason!);
    if (metadataReason !== null) {
      this.#payload.lendCopies(request, whole.metadata, bio.metadata, metadataReason);
    }
    io.add(request);
    this.driver.queueRequest(request);
    io.close(BLK_STS.OK);
    return io;
  }

  #observeCommand(
    kind: "command" | "raw",
    { metadata, op, sizeBytes, vecs }: Bio,
    command: PassthroughOptions | null,
    io: Io,
  ): void {
    this.onSubmission?.({
      kind,
      op,
      sector: 0,
      sizeBytes,
      vecs,
      metadata,
      command,
      queue: command?.queue ?? 0,
      flags: BIO_FLAG.USER,
      isPlugged: false,
    }, io);
  }

  /**
   * Warns about a command for a controller without SGLs: such a command does not tell the
   * controller the length of the memory.
   *
   * @see rules/block.md 1.8
   */
  #warnOfUncheckedBuffer(): void {
    const { events: { context }, kernel, warnings } = this.machine;
    if (!kernel.unchecked_buffer_warns) return;
    const outer = context.enterDevice(this.name);
    warnings.warnOnce(
      "nvme_map_user_request",
      "A user's command for a controller without SGLs, which is not told how long its buffer is",
      "unchecked data buffer",
    );
    context.leaveDevice(outer);
  }

  /**
   * A request of one bio that need not be split; null if the bio would have to be split. That
   * includes vectors that do not fit into a bio: they also have more segments than any queue of the
   * driver takes.
   */
  #uncut(
    { metadata, op, sizeBytes }: Bio,
    vecs: readonly BioVec[],
    splitter: BioSplitter,
    queue: number,
  ): NvmeRequest | null {
    const bio = new Bio(op, 0, vecs, sizeBytes, BIO_FLAG.USER);
    if (this.#nextPiece(splitter, bio) === null) return null;
    bio.metadata = metadata;
    return this.#request(bio, splitter.nrSegments, queue);
  }

  /** Whether a fixed buffer is within the limits of the queue. */
  #takesFixed({ sizeBytes, vecs }: Bio, limits: QueueLimits): boolean {
    if (sizeBytes === 0 || sizeBytes > limits.maxHwSectors * SECTOR_SIZE_BYTES) return false;
    return !this.machine.kernel.fixed_vectors_refused ||
      !meetsOffBoundary(vecs, PAGE_SIZE_BYTES - 1);
  }

  /**
   * Submits the 64 bytes of a command. They stay unchanged, except for the identifier, which the
   * queue assigns. The driver maps and checks nothing; the caller is responsible for the command's
   * pointers.
   */
  submitRaw(command: Uint8Array, { admin, queue = 0 }: RawOptions = {}): Io {
    invariant(command.length === SQE_BYTES, `A command has ${SQE_BYTES} bytes`);
    this.#checkQueue(queue);
    const io = new Io(0);
    const bio = new Bio("drv_in", 0, NO_VECS, 0, BIO_FLAG.USER);
    this.#observeCommand("raw", bio, null, io);
    const request = this.#request(bio, 0, queue);
    request.id = ++this.machine.events.lastRequest;
    request.admin = admin === true;
    request.template = command.slice();
    io.add(request);
    this.driver.queueRequest(request);
    io.close(BLK_STS.OK);
    return io;
  }

  /** Splits a piece off a bio's front. The split is an event of the request that the piece becomes. */
  #nextPiece(splitter: BioSplitter, bio: Bio): Bio | null {
    const { context, lastRequest } = this.machine.events;
    const device = context.enterDevice(this.name);
    const request = context.enterRequest(lastRequest + 1);
    const piece = splitter.next(bio);
    context.leaveRequest(request);
    context.leaveDevice(device);
    return piece;
  }

  /**
   * Merges a request's bio into a request in a plug or in the scheduler. If that is impossible, the
   * plug or the scheduler holds the request back.
   * @returns False if the memory that the request needs cannot be allocated.
   */
  #holdBack(plug: Plug<NvmeRequest> | null, request: NvmeRequest, io: Io): boolean {
    this.keepPeersApart(request.bios[0]!);
    if (request.op !== "discard" && !this.#payload.attach(request)) return false;
    const joined = this.#join(plug, request);
    if (joined !== null) {
      joined.takePayloadOf(request);
      io.add(joined);
      return true;
    }
    request.id = ++this.machine.events.lastRequest;
    io.add(request);
    if (plug !== null) plug.hold(this, request);
    else this.driver.queueRequest(request);
    return true;
  }

  /**
   * Marks a bio with peer memory as unmergeable. @see rules/block.md 1.4
   * @internal
   */
  keepPeersApart(bio: Bio): void {
    if (this.#isPeers(bio)) bio.flags |= BIO_FLAG.NOMERGE;
  }

  #isPeers({ metadata, vecs }: Bio): boolean {
    const { peers } = this.machine;
    if (peers === null) return false;
    const isPeer = ({ phys }: BioVec) => peers.isPeerMemory(phys);
    return vecs.some(isPeer) || metadata.some(isPeer);
  }

  #join(plug: Plug<NvmeRequest> | null, request: NvmeRequest): NvmeRequest | null {
    const { scheduler } = this.driver;
    const { bios, nrPhysSegments } = request;
    return this.machine.events.context.asDevice(
      this.name,
      () =>
        plug?.join(this, bios[0]!, nrPhysSegments) ??
          scheduler?.join(bios[0]!, nrPhysSegments) ?? null,
    );
  }

  /** Makes a request of one bio; it gets its number later. */
  #request(bio: Bio, nrSegments: number, queue: number): NvmeRequest {
    const { context } = this.machine.events;
    const request = new NvmeRequest(this.name, bio.op, [bio], this.limits);
    request.nrPhysSegments = nrSegments;
    request.gapBit = bio.gapBit;
    request.nsid = this.namespace.nsid;
    request.site = context.site;
    request.cpu = context.cpu;
    request.queue = queue;
    return request;
  }

  #checkQueue(queue: number): void {
    if (queue < 0 || queue > this.queueCount) {
      throw new KernelError("EINVAL", `${this.name} has no queue ${queue}`);
    }
  }

  // Refusals are rare, and their messages take much code. Therefore this code is separate from the
  // code for accepted requests.

  #refusePartOfBlock(io: Io, bio: Bio): Io {
    return this.#refuse(io, BLK_STS.INVAL, {
      reason: "no_whole_blocks",
      bytes: bio.sizeBytes,
      logical_block_bytes: this.limits.logicalBlockSizeBytes,
    });
  }

  #refuseBeyondEnd(io: Io, bio: Bio): Io {
    return this.#refuse(io, BLK_STS.IOERR, {
      reason: "beyond_the_end",
      end_bytes: bio.sector * SECTOR_SIZE_BYTES + bio.sizeBytes,
      capacity_bytes: this.capacityBytes,
    });
  }

  #refuseMetadataLength(io: Io, bio: Bio): Io {
    return this.#refuse(io, BLK_STS.INVAL, {
      reason: "metadata_length",
      given_bytes: vecsSizeBytes(bio.metadata),
      metadata_of_a_block: this.namespace.metadataBytes,
    });
  }

  /** Refuses the rest of a bio that fits into no request. */
  #refuseUnfit(io: Io, splitter: BioSplitter, bio: Bio): Io {
    const { limits } = this;
    return this.#refuse(io, splitter.status, {
      reason: splitter.refusal,
      bytes: bio.sizeBytes,
      vectors: bio.vecs.length - bio.vecIndex,
      fitting_segments: splitter.nrSegments,
      max_segments: limits.maxSegments,
      max_transfer_bytes: limits.maxHwSectors * SECTOR_SIZE_BYTES,
      dma_alignment_mask: limits.dmaAlignmentMask,
      virt_boundary_mask: limits.virtBoundaryMask,
    });
  }

  #refuseMetadata(io: Io, bio: Bio): Io {
    return this.#refuse(io, BLK_STS.INVAL, {
      reason: "metadata_segments",
      segments: integritySegments(bio, this.limits),
      max_integrity_segments: this.limits.maxIntegritySegments,
    });
  }

  /** Refuses peer memory, which cannot be pinned for a queue that does not support peer memory. */
  #refusePeers(io: Io, bio: Bio): Io {
    const inputs = { reason: "peer_memory", bytes: bio.sizeBytes };
    return this.#refuse(io, BLK_STS.TARGET, inputs, "block.1.4");
  }

  /** Refuses metadata for a namespace format without metadata, or for a command without a namespace. */
  #refuseForNoFormat(io: Io, bio: Bio): Io {
    const inputs = { reason: "no_metadata", given_bytes: vecsSizeBytes(bio.metadata) };
    return this.#refuse(io, BLK_STS.INVAL, inputs, "block.1.8");
  }

  /** Refuses metadata that is too long. E2BIG has no corresponding block status. */
  #refuseLongMetadata(io: Io, bio: Bio): Io {
    return this.#refuse(io, BLK_STS.IOERR, {
      reason: "long_metadata",
      given_bytes: vecsSizeBytes(bio.metadata),
      max_transfer_bytes: this.limits.maxHwSectors * SECTOR_SIZE_BYTES,
      max_pages: MAX_METADATA_PAGES,
    }, "block.1.8");
  }

  #refuseFixed(io: Io, bio: Bio): Io {
    const inputs = {
      reason: "fixed_buffer",
      bytes: bio.sizeBytes,
      vectors: bio.vecs.length,
      max_transfer_bytes: this.limits.maxHwSectors * SECTOR_SIZE_BYTES,
      takes_vectors: !this.machine.kernel.fixed_vectors_refused,
    };
    return this.#refuse(io, BLK_STS.INVAL, inputs, "block.1.8");
  }

  #refuseForMemory(io: Io): Io {
    return this.#refuse(io, BLK_STS.RESOURCE, { reason: "no_memory" });
  }

  /** Ends the rest of an io; pieces already submitted run to their end. */
  #refuse(io: Io, status: BlkStatus, inputs: Why["inputs"], rule = "block.1.3"): Io {
    const { events } = this.machine;
    io.refusal = { rule, inputs };
    if (events.tick(BLOCK_STATUS)) {
      const outer = events.context.enterDevice(this.name);
      events.emit(BLOCK_STATUS, { status: blkStatusName(status), ended: "bio" }, io.refusal);
      events.context.leaveDevice(outer);
    }
    io.close(status);
    return io;
  }
}

/** Whether a user's metadata is not too long for a queue. @see rules/block.md 1.8 */
function takesMetadata({ metadata }: Bio, { maxHwSectors }: QueueLimits): boolean {
  const pages = metadata.reduce((sum, { phys, sizeBytes }) => {
    const end = alignUp(phys + sizeBytes, PAGE_SIZE_BYTES);
    return sum + (end - alignDown(phys, PAGE_SIZE_BYTES)) / PAGE_SIZE_BYTES;
  }, 0);
  return pages <= MAX_METADATA_PAGES &&
    vecsSizeBytes(metadata) <= maxHwSectors * SECTOR_SIZE_BYTES;
}

function templateOf(options: PassthroughOptions, nsid: number): Uint8Array {
  const template = new Uint8Array(SQE_BYTES);
  const view = new DataView(template.buffer);
  template[0] = options.opcode;
  view.setUint32(4, nsid, true);
  for (const [dword, value] of Object.entries(options.dwords ?? {})) {
    view.setUint32(Number(dword) * 4, value, true);
  }
  return template;
}
