/**
 * Memory that a request needs besides its data: a discard's list of ranges, and metadata.
 *
 * @see behaviour/nvme.md 2.2 (discard), 3 (metadata)
 */
import {
  type Bytes,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  SECTOR_SIZE_BYTES,
} from "../../runtime/address.ts";
import { type Bio, sliceVecs, vecsSizeBytes } from "../../runtime/block/bio.ts";
import { integritySegments } from "../../runtime/block/merge.ts";
import type { QueueLimits } from "../../runtime/block/queue_limits.ts";
import { type EventFields, eventId } from "../../runtime/event_vocabulary.ts";
import { FAULT } from "../../runtime/faults.ts";
import type { Machine } from "../../runtime/machine.ts";
import { DSM_RANGE_BYTES } from "./driver/command/command_setup.ts";
import type { NamespaceFacts } from "./driver/nvme_limits.ts";
import type { NvmeRequest } from "./driver/command/nvme_request.ts";
import { CTRL_PAGE_BYTES } from "./driver/protocol.ts";

type Cost = EventFields<"mem.alloc">;

const MEM_ALLOC = eventId("mem.alloc");
const MEM_FREE = eventId("mem.free");

export class RequestPayload {
  readonly #machine: Machine;
  readonly #namespace: NamespaceFacts;

  constructor(machine: Machine, namespace: NamespaceFacts) {
    this.#machine = machine;
    this.#namespace = namespace;
  }

  /** Metadata that a caller brings must be exactly that of the bio's blocks. */
  fits(bio: Bio): boolean {
    return bio.metadata.length === 0 ||
      vecsSizeBytes(bio.metadata) === this.#metadataBytes(bio.sizeBytes);
  }

  /**
   * Whether a request's metadata is in no more segments than the queue takes.
   * @see behaviour/block.md 1.5, nvme.md 1 (max metadata segments)
   */
  segmentsFit(bio: Bio, limits: QueueLimits): boolean {
    return bio.metadata.length <= 1 ||
      integritySegments(bio, limits) <= limits.maxIntegritySegments;
  }

  /** Gives the front of a cut its part of the metadata that the caller brought. */
  cut(front: Bio, rest: Bio): void {
    if (rest.metadata.length === 0) return;
    const frontBytes = this.#metadataBytes(front.sizeBytes);
    front.metadata = sliceVecs(rest.metadata, 0, frontBytes);
    rest.metadata = sliceVecs(rest.metadata, frontBytes, Infinity);
  }

  /**
   * Allocates the memory that a request needs besides its data; it is freed when the request ends.
   * @returns False when there is none.
   */
  attach(request: NvmeRequest): boolean {
    switch (request.op) {
      case "discard":
        return this.#attachRanges(request);
      case "read":
      case "write":
        return this.#namespace.metadataBytes === 0 || this.#attachMetadata(request);
      default:
        this.#countMetadata(request);
        return true;
    }
  }

  #metadataBytes(dataBytes: Bytes): Bytes {
    return (dataBytes / this.#namespace.blockSizeBytes) * this.#namespace.metadataBytes;
  }

  /** The block layer brings metadata where the caller did not: zeros for writes. */
  #attachMetadata(request: NvmeRequest): boolean {
    const bio = request.bios[0]!;
    if (bio.metadata.length === 0) {
      const sizeBytes = request.formatMetadataBytes;
      const phys = this.#lend(request, "metadata", sizeBytes);
      if (phys === null) return false;
      if (request.op === "write") this.#machine.hostMemory.fill(phys, sizeBytes, 0);
      bio.metadata = [{ phys, sizeBytes }];
    }
    this.#countMetadata(request);
    return true;
  }

  #countMetadata(request: NvmeRequest): void {
    if (request.bios[0]!.metadata.length === 0) return;
    request.nrIntegritySegments = request.metadataSegments().length;
  }

  /** A discard's payload is a page with one range for each of its bios. */
  #attachRanges(request: NvmeRequest): boolean {
    const { hostMemory } = this.#machine;
    const range = new DataView(new ArrayBuffer(DSM_RANGE_BYTES));
    const phys = this.#lend(request, "discard_ranges", CTRL_PAGE_BYTES);
    if (phys === null) return false;
    const blockBytes = this.#namespace.blockSizeBytes;
    request.bios.forEach((bio, index) => {
      const lba = (bio.sector * SECTOR_SIZE_BYTES) / blockBytes;
      range.setUint32(4, bio.sizeBytes / blockBytes, true);
      range.setUint32(8, lba, true);
      range.setUint32(12, Math.floor(lba / 2 ** 32), true);
      const at = phys + index * DSM_RANGE_BYTES as PhysAddr;
      hostMemory.write(at, new Uint8Array(range.buffer), 0, DSM_RANGE_BYTES);
    });
    request.specialPayload = { phys, sizeBytes: CTRL_PAGE_BYTES };
    return true;
  }

  /** Allocates whole pages for a request. */
  #lend(request: NvmeRequest, what: Cost["what"], sizeBytes: Bytes): PhysAddr | null {
    const { faults, pages } = this.#machine;
    if (faults !== null && faults.errnoAt(FAULT.alloc_pages) !== 0) return null;
    const lent = pages.alloc(Math.ceil(sizeBytes / PAGE_SIZE_BYTES), {
      contiguous: true,
      owner: "driver",
    });
    if (lent === null) return null;
    const { events } = this.#machine;
    const cost: Cost = { what, size_bytes: sizeBytes, from: "kmalloc" };
    // One that is not known to become a request of its own has no number yet.
    const before = events.context.enterWork(request.device, request.request);
    if (events.tick(MEM_ALLOC)) events.emit(MEM_ALLOC, cost);
    events.context.leave(before);
    const release = () => {
      pages.free(lent);
      if (events.tick(MEM_FREE)) events.emit(MEM_FREE, cost);
    };
    request.releasePayload = release;
    return lent[0]!;
  }
}
