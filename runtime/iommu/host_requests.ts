/**
 * The requests of a virtio-iommu's driver to the host, and the host's side of them.
 *
 * The driver puts MAP and UNMAP requests into a queue, and waits for the host only after a mapping,
 * after a strict unmap, for a flush, and when the queue is full. Until then the host has handled none
 * of the waiting requests. All domains share the queue.
 *
 * @see rules/dma.md 5.5
 */
import type { Bytes, DmaAddr } from "../address.ts";
import { countBefore } from "../binary_search.ts";
import { type EventFields, eventId } from "../event_vocabulary.ts";
import { invariant } from "../errno.ts";
import type { EventStream } from "../events.ts";

const VIOMMU_REQUEST = eventId("viommu.request");
const VIOMMU_WAIT = eventId("viommu.wait");

/** Places of the request queue: QEMU 7.2.22 has 256. */
export const REQUEST_PLACES = 256;
/** A list's chunk is split in two when it reaches this length. */
const CHUNK_LENGTH = 256;

/** Memory that one MAP request maps. */
export interface HostMapping {
  readonly start: number;
  readonly sizeBytes: Bytes;
  readonly phys: number;
  /** `PTE_*`. */
  readonly flags: number;
}

/** Why the driver waits for the host. */
export type WaitReason = EventFields<"viommu.wait">["reason"];

/** Mappings that do not overlap, in the order of their addresses. */
export class MappingList {
  /** Chunks of the list; none is empty. */
  #chunks: HostMapping[][] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The first mapping that ends behind an address: the one that contains it, or the next one. */
  next(address: number): HostMapping | null {
    for (let number = this.#chunkOf(address); number < this.#chunks.length; number++) {
      const chunk = this.#chunks[number]!;
      const index = countBefore(chunk.length, (at) => endOf(chunk[at]!) <= address);
      if (index < chunk.length) return chunk[index]!;
    }
    return null;
  }

  /** The mapping that contains an address. */
  at(address: number): HostMapping | null {
    const found = this.next(address);
    return found !== null && found.start <= address ? found : null;
  }

  /** Adds a mapping; returns false, and adds nothing, if it overlaps another one. */
  add(mapping: HostMapping): boolean {
    const next = this.next(mapping.start);
    if (next !== null && next.start < endOf(mapping)) return false;
    this.#count++;
    const number = this.#chunkOf(mapping.start);
    const chunk = this.#chunks[number];
    if (chunk === undefined) this.#chunks.push([mapping]);
    else {
      chunk.splice(countBefore(chunk.length, (at) => chunk[at]!.start < mapping.start), 0, mapping);
      if (chunk.length === CHUNK_LENGTH) {
        this.#chunks.splice(number + 1, 0, chunk.splice(CHUNK_LENGTH / 2));
      }
    }
    return true;
  }

  remove({ start }: HostMapping): void {
    const number = this.#chunkOf(start);
    const chunk = this.#chunks[number]!;
    const index = countBefore(chunk.length, (at) => chunk[at]!.start < start);
    invariant(chunk[index]?.start === start, "a removed mapping is in its list");
    chunk.splice(index, 1);
    if (chunk.length === 0) this.#chunks.splice(number, 1);
    this.#count--;
  }

  clear(): void {
    this.#chunks = [];
    this.#count = 0;
  }

  /** The chunk with the last mapping that starts at an address or before it; 0 if there is none. */
  #chunkOf(address: number): number {
    const before = countBefore(this.#chunks.length, (at) => this.#chunks[at]![0]!.start <= address);
    return Math.max(0, before - 1);
  }
}

export function endOf({ sizeBytes, start }: HostMapping): number {
  return start + sizeBytes;
}

/** A request that waits in the queue. */
type HostRequest =
  | { readonly to: MappingList; readonly map: HostMapping }
  | { readonly to: MappingList; readonly map: null; readonly start: number; readonly end: number };

/** The request queue of an IOMMU. */
export class HostRequests {
  #waiting: HostRequest[] = [];

  /** @param events Gets an event of each request and of each wait; null for none. */
  constructor(private readonly events: EventStream | null) {}

  /** Requests the host to map. @param to The host's mappings of the domain. */
  map(to: MappingList, map: HostMapping): void {
    this.#send({ to, map }, "map", map.start, map.sizeBytes);
  }

  /** Requests the host to remove the mappings in a range. */
  unmap(to: MappingList, start: number, sizeBytes: Bytes): void {
    this.#send({ to, map: null, start, end: start + sizeBytes }, "unmap", start, sizeBytes);
  }

  #send(
    request: HostRequest,
    type: EventFields<"viommu.request">["type"],
    start: number,
    sizeBytes: Bytes,
  ): void {
    invariant(sizeBytes > 0, "a request names at least one byte");
    if (this.#waiting.length === REQUEST_PLACES) this.wait("full", 0, 0);
    this.#waiting.push(request);
    if (this.events?.tick(VIOMMU_REQUEST) !== true) return;
    const fields = { type, start: start as DmaAddr, size_bytes: sizeBytes };
    this.events.emit(VIOMMU_REQUEST, fields);
  }

  /**
   * Waits until the host has handled the queue.
   * @param start Start of the range that the kernel's call names; with size 0 it names none.
   */
  wait(reason: WaitReason, start: number, sizeBytes: Bytes): void {
    let refused = 0;
    for (const request of this.#waiting) if (!handle(request)) refused++;
    const requests = this.#waiting.length;
    this.#waiting = [];
    if (this.events?.tick(VIOMMU_WAIT) !== true) return;
    this.events.emit(VIOMMU_WAIT, {
      reason,
      start: start as DmaAddr,
      size_bytes: sizeBytes,
      requests,
      refused,
    }, { rule: "dma.5.5", inputs: { places: REQUEST_PLACES } });
  }
}

/**
 * Handles a request as the host does.
 * @returns False for a refused request: to map what is mapped already, or to split a mapping. The driver
 *   does not look at the status.
 */
function handle(request: HostRequest): boolean {
  const { map, to } = request;
  if (map !== null) return to.add(map);
  const { end, start } = request;
  const inside: HostMapping[] = [];
  for (let next = to.next(start); next !== null && next.start < end; next = to.next(endOf(next))) {
    // A request that would split a mapping removes nothing (virtio 1.2, 5.13.6.6).
    if (next.start < start || endOf(next) > end) return false;
    inside.push(next);
  }
  for (const mapping of inside) to.remove(mapping);
  return true;
}
