/**
 * Walks the Scatter Gather List of a command, as a controller does.
 *
 * A descriptor is a data block, or points at a segment: an array of descriptors whose last one, in
 * a segment that is not the last, points at the next segment. Bit buckets and keyed descriptors
 * are not supported, nor lists that describe more than the command transfers; but of the block that
 * a transfer of metadata ends in the rest does not matter, as the captured controller had it
 * (Base Specification 1.4, 4.4; the statuses of 4.6.1.2.1; tests/golden/defects, ptover_none).
 */
import { type Bytes, foldedHigh, viewOf, zeros } from "@dmalab/runtime";
import type { HostPort } from "../host_port.ts";
import type { RangeList } from "./range_list.ts";
import { PAGE_BYTES, SGL_DESCRIPTOR_BYTES, SGL_TYPE, STATUS, WIDE_HALF } from "../specification.ts";

const HALF = 2 ** 32;
/** Most descriptors of one list: segments that point at each other must come to an end. */
const MAX_DESCRIPTORS = 65536;

export class SglWalk {
  readonly #host: HostPort;
  readonly #segment = zeros(Uint8Array, PAGE_BYTES);
  readonly #descriptors = viewOf(this.#segment);
  #rest: Bytes = 0;
  #walked = 0;
  #lengthStatus: number = STATUS.DATA_SGL_LENGTH;
  #toHost = false;
  /** The last block may be longer than what is left of the transfer. */
  #takesExcess = false;

  constructor(host: HostPort) {
    this.#host = host;
  }

  /**
   * Resolves the list that starts with a descriptor in a command; nothing moves.
   *
   * @param command The command; its descriptor is at byte `at`.
   * @param lengthBytes What the command transfers, > 0.
   * @param toHost The data goes to the host: an address that cannot be is a write fault.
   * @param lengthStatus Status when the list describes less or more: of data, or of metadata.
   * @param into Emptied first; complete only when the result is success.
   * @returns 0, or the status of the first descriptor that is wrong.
   */
  walk(
    command: DataView,
    at: number,
    lengthBytes: Bytes,
    toHost: boolean,
    lengthStatus: number,
    into: RangeList,
  ): number {
    into.clear();
    this.#begin(lengthBytes, toHost, lengthStatus);
    this.#takesExcess = false;
    return this.#first(command, at, into);
  }

  /**
   * Resolves a metadata list: MPTR is the address of one descriptor.
   * @param low Lower half of that address; a multiple of 8.
   * @param upper Upper half.
   */
  walkMetadata(
    low: number,
    upper: number,
    lengthBytes: Bytes,
    toHost: boolean,
    into: RangeList,
  ): number {
    into.clear();
    this.#begin(lengthBytes, toHost, STATUS.METADATA_SGL_LENGTH);
    this.#takesExcess = true;
    if (low % 8 !== 0) return STATUS.INVALID_FIELD;
    const high = foldedHigh(upper);
    if (high >= WIDE_HALF) return this.#wide("read", high);
    const address = high * HALF + low;
    if (!this.#host.read(address, this.#segment, 0, SGL_DESCRIPTOR_BYTES)) {
      return STATUS.DATA_TRANSFER_ERROR;
    }
    this.#host.walked(this.#walked++, address);
    return this.#first(this.#descriptors, 0, into);
  }

  #begin(lengthBytes: Bytes, toHost: boolean, lengthStatus: number): void {
    this.#rest = lengthBytes;
    this.#walked = 0;
    this.#toHost = toHost;
    this.#lengthStatus = lengthStatus;
  }

  /** Takes up the descriptor that stands for the whole list. */
  #first(descriptors: DataView, at: number, into: RangeList): number {
    const type = descriptors.getUint8(at + 15);
    if (!isSupported(type)) return STATUS.SGL_TYPE;
    if (type >> 4 === SGL_TYPE.DATA_BLOCK) {
      const status = this.#dataBlock(descriptors, at, into);
      return status === STATUS.SUCCESS ? this.#end() : status;
    }
    return this.#segments(
      descriptors.getUint32(at, true),
      foldedHigh(descriptors.getUint32(at + 4, true)),
      descriptors.getUint32(at + 8, true),
      type >> 4 === SGL_TYPE.LAST_SEGMENT,
      into,
    );
  }

  #end(): number {
    return this.#rest === 0 ? STATUS.SUCCESS : this.#lengthStatus;
  }

  /** Follows segments, the first described by address halves and length. */
  #segments(
    low: number,
    high: number,
    sizeBytes: Bytes,
    isLast: boolean,
    into: RangeList,
  ): number {
    let addressLow = low;
    let addressHigh = high;
    let segmentBytes = sizeBytes;
    let last = isLast;
    while (true) {
      if (segmentBytes === 0 || segmentBytes % SGL_DESCRIPTOR_BYTES !== 0 || addressLow % 8 !== 0) {
        return STATUS.INVALID_SGL_SEGMENT;
      }
      if (addressHigh >= WIDE_HALF) return this.#wide("read", high);
      const count = segmentBytes / SGL_DESCRIPTOR_BYTES;
      if (this.#walked + count > MAX_DESCRIPTORS) return STATUS.INVALID_SGL_COUNT;
      let address = addressHigh * HALF + addressLow;
      let follows = false;
      for (let index = 0; index < count;) {
        const fetched = Math.min(count - index, descriptorsInPage(address));
        if (!this.#host.read(address, this.#segment, 0, fetched * SGL_DESCRIPTOR_BYTES)) {
          return STATUS.DATA_TRANSFER_ERROR;
        }
        for (let slot = 0; slot < fetched; slot++, index++) {
          const at = slot * SGL_DESCRIPTOR_BYTES;
          this.#host.walked(this.#walked++, address + at);
          const type = this.#descriptors.getUint8(at + 15);
          if (!isSupported(type)) return STATUS.SGL_TYPE;
          if (type >> 4 === SGL_TYPE.DATA_BLOCK) {
            const status = this.#dataBlock(this.#descriptors, at, into);
            if (status !== STATUS.SUCCESS) return status;
            continue;
          }
          if (last) return STATUS.INVALID_SGL_SEGMENT;
          if (index !== count - 1) return STATUS.INVALID_SGL_COUNT;
          addressLow = this.#descriptors.getUint32(at, true);
          addressHigh = foldedHigh(this.#descriptors.getUint32(at + 4, true));
          segmentBytes = this.#descriptors.getUint32(at + 8, true);
          last = type >> 4 === SGL_TYPE.LAST_SEGMENT;
          follows = true;
        }
        address += fetched * SGL_DESCRIPTOR_BYTES;
      }
      if (follows) continue;
      // Only a last segment may end with data: another one was announced.
      return last ? this.#end() : STATUS.INVALID_SGL_SEGMENT;
    }
  }

  /** Takes up one data block. An empty one is allowed and describes nothing. */
  #dataBlock(descriptors: DataView, at: number, into: RangeList): number {
    const lengthBytes = descriptors.getUint32(at + 8, true);
    if (lengthBytes === 0) return STATUS.SUCCESS;
    if (this.#rest === 0 || (lengthBytes > this.#rest && !this.#takesExcess)) {
      return this.#lengthStatus;
    }
    const high = foldedHigh(descriptors.getUint32(at + 4, true));
    if (high >= WIDE_HALF) return this.#wide(this.#toHost ? "write" : "read", high);
    const usedBytes = Math.min(lengthBytes, this.#rest);
    into.add(high * HALF + descriptors.getUint32(at, true), usedBytes);
    this.#rest -= usedBytes;
    return STATUS.SUCCESS;
  }

  #wide(access: "read" | "write", high: number): number {
    this.#host.faultWide(access, high);
    return STATUS.DATA_TRANSFER_ERROR;
  }
}

/** A descriptor's last byte: type above, subtype below. Only absolute addresses are supported. */
function isSupported(type: number): boolean {
  return type === SGL_TYPE.DATA_BLOCK << 4 || type === SGL_TYPE.SEGMENT << 4 ||
    type === SGL_TYPE.LAST_SEGMENT << 4;
}

/** How many descriptors lie from `address` to the page's end; one that crosses it counts alone. */
function descriptorsInPage(address: number): number {
  return Math.max(1, Math.floor((PAGE_BYTES - (address % PAGE_BYTES)) / SGL_DESCRIPTOR_BYTES));
}
