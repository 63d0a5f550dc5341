/** A request, as the block layer gives it to a driver: one bio, or several merged ones. */
import { type Bytes, type DmaAddr, type Nanoseconds, SECTOR_SIZE_BYTES } from "../address.ts";
import { BLK_STS, type BlkStatus, blkStatusErrno, blkStatusName, invariant } from "../errno.ts";
import type { BlkStatusName, ErrnoName } from "../errno.ts";
import type { EventOrigin } from "../event_context.ts";
import { type Bio, BIO_FLAG, type BioVec, type BlockOp } from "./bio.ts";
import { SegmentIterator, type SegmentLimits } from "./segment_iterator.ts";

/**
 * A listener for the end of a request.
 * @internal
 */
export interface RequestOwner {
  requestEnded(request: BlockRequest): void;
  /** The whole request was merged into another one, which ends in its place. */
  requestMerged?(request: BlockRequest, into: BlockRequest): void;
}

/** Two listeners of one merged request, notified in the order in which their bios joined. */
class SharedOwner implements RequestOwner {
  constructor(readonly first: RequestOwner, readonly second: RequestOwner) {}

  requestEnded(request: BlockRequest): void {
    this.first.requestEnded(request);
    this.second.requestEnded(request);
  }

  requestMerged(request: BlockRequest, into: BlockRequest): void {
    this.first.requestMerged?.(request, into);
    this.second.requestMerged?.(request, into);
  }
}

/** The limits that a request needs from its queue. */
export interface RequestLimits extends SegmentLimits {
  readonly logicalBlockSizeBytes: Bytes;
  /** Metadata of a logical block; 0 is none. */
  readonly metadataBytes: Bytes;
}

export class BlockRequest implements EventOrigin {
  /** Serial number in the machine, from 1; 0 for the driver's own commands. */
  id = 0;
  /** Number of segments as the block layer counted them; the mapped ones may be fewer. */
  nrPhysSegments = 0;
  /** @see rules/block.md 1.6 */
  gapBit = 0;
  /** Number of metadata segments as the block layer counted them; 0 for a request without metadata. */
  nrIntegritySegments = 0;
  /**
   * Closed to further joins, because a bio exceeded the request's limits. @see rules/block.md 1.5
   */
  closed = false;
  /** Number of segments that were mapped one by one, each to be unmapped if the device needs that. */
  mappedSegments = 0;
  /** Memory that replaces the bios' own: a discard's list of ranges. */
  specialPayload: BioVec | null = null;
  /** Frees the special payload's memory when the request ends. */
  releasePayload: (() => void) | null = null;
  /** The statement of the script to which the request belongs, as a number like an event's `site`. */
  site: number | null = null;
  /** The CPU on which the request was submitted; that CPU also maps and completes the request. */
  cpu = 0;
  owner: RequestOwner | null = null;

  /**
   * Number of the hardware queue, from 1 for I/O queues; 0 before the request has a queue, and for
   * admin commands.
   */
  queue = 0;
  /** Id of the request's command, also after its end; null before the request has a command. */
  cid: number | null = null;
  /** True once the data has been mapped; stays true after the unmap. */
  mapped = false;
  done = false;
  /** When the request ended, on the clock of the CPU that ended it; 0 without latencies. */
  endedNs: Nanoseconds = 0;
  statusCode: BlkStatus = BLK_STS.OK;
  /** How often the request was retried after the device reported a failure. */
  retries = 0;
  /**
   * Start and size of the one range to which all data was mapped; size 0 when there was no such
   * range.
   */
  iovaStart = 0 as DmaAddr;
  iovaSizeBytes: Bytes = 0;

  /**
   * @param device The device's name.
   * @param op The operation.
   * @param bios The bios, in the order of their sectors; an empty list for a command without bios.
   * @param limits The limits that the request needs from its queue.
   */
  constructor(
    readonly device: string,
    readonly op: BlockOp,
    readonly bios: Bio[],
    readonly limits: RequestLimits,
  ) {}

  /** Number of the request in its events; null for the driver's own commands. */
  get request(): number | null {
    return this.id === 0 ? null : this.id;
  }

  /** The request's first sector, in units of 512 bytes. */
  get sector(): number {
    return this.bios[0]?.sector ?? 0;
  }

  /** First logical block. */
  get lba(): number {
    return (this.sector * SECTOR_SIZE_BYTES) / this.limits.logicalBlockSizeBytes;
  }

  /** Bytes the request covers on the disk. */
  get bytes(): Bytes {
    const { bios } = this;
    let bytes = 0;
    for (let index = 0; index < bios.length; index++) bytes += bios[index]!.sizeBytes;
    return bytes;
  }

  /** Bytes of memory to map: those of the special payload if there is one. */
  get payloadBytes(): Bytes {
    return this.specialPayload === null ? this.bytes : this.specialPayload.sizeBytes;
  }

  /** Bytes of metadata that belong to the request's blocks according to the disk's format. */
  get formatMetadataBytes(): Bytes {
    return (this.bytes / this.limits.logicalBlockSizeBytes) * this.limits.metadataBytes;
  }

  /**
   * Whether the request's bios have metadata; even then, `nrIntegritySegments` can be 0
   * (`metadata_counted_at_join`).
   */
  get hasMetadata(): boolean {
    return this.bios.length !== 0 && this.bios[0]!.metadata.length !== 0;
  }

  get userCommand(): boolean {
    return this.hasFlag(BIO_FLAG.USER);
  }

  hasFlag(flag: number): boolean {
    const first = this.bios[0];
    return first !== undefined && (first.flags & flag) !== 0;
  }

  /** The segments that the DMA iterator would return: memory after joining adjacent pieces. */
  segments(): BioVec[] {
    return this.#pieces(false);
  }

  metadataSegments(): BioVec[] {
    return this.#pieces(true);
  }

  #pieces(metadata: boolean): BioVec[] {
    const pieces: BioVec[] = [];
    const iterator = new SegmentIterator();
    iterator.start(this, metadata);
    while (iterator.next()) pieces.push({ phys: iterator.phys, sizeBytes: iterator.sizeBytes });
    return pieces;
  }

  /** The one IOVA range the data was mapped to, or null. */
  get iova(): { readonly start: DmaAddr; readonly sizeBytes: Bytes } | null {
    return this.iovaSizeBytes === 0
      ? null
      : { start: this.iovaStart, sizeBytes: this.iovaSizeBytes };
  }

  /** The status with which the request ended; null while the request is in flight. */
  get status(): BlkStatusName | null {
    return this.done ? blkStatusName(this.statusCode) : null;
  }

  /**
   * The errno that a synchronous caller would get; null while the request is in flight, and when
   * its status is OK.
   */
  get error(): ErrnoName | null {
    const { status } = this;
    return status === null || status === "OK" ? null : blkStatusErrno(status);
  }

  /** Adds a listener for the request's end. */
  addOwner(owner: RequestOwner): void {
    this.owner = this.owner === null ? owner : new SharedOwner(this.owner, owner);
  }

  /**
   * Takes over the function that frees the other request's payload, when the other request's bios
   * join this request.
   */
  takePayloadOf(other: BlockRequest): void {
    if (other.releasePayload !== null) this.addRelease(other.releasePayload);
  }

  /** Adds another function that frees payload memory when the request ends. */
  addRelease(second: () => void): void {
    const { releasePayload: first } = this;
    this.releasePayload = first === null ? second : () => {
      first();
      second();
    };
  }

  /** Hands this request's listeners and payload to the request into which its bios were merged. */
  mergeInto(other: BlockRequest): void {
    invariant(other !== this, "A request merges into itself");
    other.takePayloadOf(this);
    const { owner } = this;
    if (owner === null) return;
    this.owner = null;
    owner.requestMerged?.(this, other);
    other.addOwner(owner);
  }

  /** Counts the request's segments as unmapped, for mappings that need no unmap call. */
  skipUnmaps(dev: { mappings: number }): void {
    dev.mappings -= Math.min(dev.mappings, this.mappedSegments);
    this.mappedSegments = 0;
  }

  /** Sets the status. The owner is told by {@linkcode end}. */
  settle(status: BlkStatus): void {
    this.statusCode = status;
    this.done = true;
  }

  /** Ends the request: the driver has finished with it. */
  end(status: BlkStatus): void {
    this.settle(status);
    this.releasePayload?.();
    this.owner?.requestEnded(this);
  }
}
