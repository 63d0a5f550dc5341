/**
 * Resolves the buffers of a command to ranges of device addresses, as a controller does: the data
 * pointer and the metadata pointer, each as PRPs or SGLs.
 */
import { type Bytes, type DmaAddr, foldedHigh, grown, viewOf, zeros } from "@dmalab/runtime";
import type { HostPort } from "./host_port.ts";
import {
  PAGE_BYTES,
  PRP_ENTRY_BYTES,
  PSDT,
  SGL_DESCRIPTOR_BYTES,
  SGL_TYPE,
  STATUS,
  WIDE_HALF,
} from "./specification.ts";

const { SUCCESS } = STATUS;
const { PRP, SGL_SEGMENT_METADATA } = PSDT;
const WIDE = WIDE_HALF;
const HALF = 2 ** 32;
const PAGE = PAGE_BYTES;
const PAGE_MASK = PAGE - 1;
const ENTRY_BYTES = PRP_ENTRY_BYTES;

const METADATA_POINTER = 16;
const DATA_POINTER = 24;

export interface SglSupport {
  readonly sgl: boolean;
  readonly metadataSgl: boolean;
  /** @see PrpWalk */
  readonly chainsLastPrp?: boolean;
}

export class DataPointer {
  readonly prp: PrpWalk;
  readonly #sgl: SglWalk;
  readonly #host: HostPort;
  readonly #support: SglSupport;

  constructor(host: HostPort, support: SglSupport) {
    this.#host = host;
    this.#support = support;
    this.prp = new PrpWalk(host, support.chainsLastPrp ?? false);
    this.#sgl = new SglWalk(host);
  }

  /**
   * Checks the flags byte: no fused operation, and a pointer format that this controller supports.
   * @returns 0 or a status.
   */
  check(command: DataView): number {
    const flags = command.getUint8(1);
    const psdt = flags >> 6;
    if ((flags & 0x3) !== 0) return STATUS.INVALID_FIELD;
    if (psdt === PRP) return SUCCESS;
    if (psdt > SGL_SEGMENT_METADATA || !this.#support.sgl) return STATUS.INVALID_FIELD;
    if (psdt === SGL_SEGMENT_METADATA && !this.#support.metadataSgl) {
      return STATUS.INVALID_FIELD;
    }
    return SUCCESS;
  }

  /**
   * Checks the metadata pointer as far as a check is possible without reading memory.
   * @returns 0 or a status.
   */
  checkMetadata(command: DataView): number {
    const psdt = command.getUint8(1) >> 6;
    const low = command.getUint32(METADATA_POINTER, true);
    return psdt === PRP && low % 4 !== 0 ? STATUS.INVALID_FIELD : SUCCESS;
  }

  /** Resolves the data pointer to ranges that add up to `lengthBytes`; no data moves. */
  data(command: DataView, lengthBytes: Bytes, toHost: boolean, into: RangeList): number {
    if (command.getUint8(1) >> 6 === PRP) {
      return this.prp.walk(command, DATA_POINTER, lengthBytes, toHost, into);
    }
    return this.#sgl.walk(command, DATA_POINTER, lengthBytes, toHost, into);
  }

  /**
   * Resolves the metadata pointer. If the data has PRPs, the pointer is the address of one flat
   * buffer, at a multiple of 4. Otherwise it is the address of an SGL descriptor (Base
   * Specification 1.4, figure 105).
   */
  metadata(command: DataView, lengthBytes: Bytes, toHost: boolean, into: RangeList): number {
    into.clear();
    const psdt = command.getUint8(1) >> 6;
    const low = command.getUint32(METADATA_POINTER, true);
    const upper = command.getUint32(METADATA_POINTER + 4, true);
    if (psdt === SGL_SEGMENT_METADATA) {
      return this.#sgl.walkMetadata(low, upper, lengthBytes, toHost, into);
    }
    const high = foldedHigh(upper);
    if (high >= WIDE) return this.#host.faultWide(toHost, high);
    into.add(high * HALF + low, lengthBytes);
    return SUCCESS;
  }
}

/**
 * Walks the Physical Region Pages of a command.
 *
 * PRP1 is the first piece of data and may begin anywhere in a page, at a multiple of 4. If the rest
 * fits one page, PRP2 points at it; else PRP2 points at a list, which may begin inside a page. If
 * more than one page of data is left at the last entry of a list page, that entry points at the
 * next list page (Base Specification 1.4, 4.3).
 */
export class PrpWalk {
  readonly #host: HostPort;
  readonly #chainsLast: boolean;
  readonly #list = zeros(Uint8Array, PAGE);
  readonly #entries = viewOf(this.#list);

  /**
   * @param chainsLast Simulates a defect: the controller interprets the entry at the end of a page
   *   as a link to another list, even if this entry points at all of the remaining data.
   */
  constructor(host: HostPort, chainsLast = false) {
    this.#host = host;
    this.#chainsLast = chainsLast;
  }

  /**
   * Resolves the two PRPs of a command, without moving data.
   *
   * @param command The command; PRP1 is at byte `at`, PRP2 follows PRP1.
   * @param lengthBytes Length of the command's transfer, > 0.
   * @param toHost Whether the data goes to the host. An impossible address is then a write fault.
   * @param into Emptied first; complete only if the result is success.
   * @returns 0, or the status of the first entry that is wrong.
   */
  walk(
    command: DataView,
    at: number,
    lengthBytes: Bytes,
    toHost: boolean,
    into: RangeList,
  ): number {
    into.clear();
    const low1 = command.getUint32(at, true);
    const high1 = foldedHigh(command.getUint32(at + 4, true));
    if (low1 % 4 !== 0) return STATUS.PRP_OFFSET;
    if (high1 >= WIDE) return this.#host.faultWide(toHost, high1);
    const firstBytes = Math.min(lengthBytes, PAGE - (low1 & PAGE_MASK));
    into.add(high1 * HALF + low1, firstBytes);

    const rest = lengthBytes - firstBytes;
    if (rest === 0) return SUCCESS;
    const low2 = command.getUint32(at + 8, true);
    const high2 = foldedHigh(command.getUint32(at + 12, true));
    if (rest <= PAGE) {
      if ((low2 & PAGE_MASK) !== 0) return STATUS.PRP_OFFSET;
      if (high2 >= WIDE) return this.#host.faultWide(toHost, high2);
      into.add(high2 * HALF + low2, rest);
      return SUCCESS;
    }
    if (low2 % ENTRY_BYTES !== 0) return STATUS.PRP_OFFSET;
    if (high2 >= WIDE) return this.#host.faultWide(false, high2);
    return this.#walkList(high2 * HALF + low2, rest, toHost, into);
  }

  /**
   * Follows a list until `lengthBytes` are found. A whole page of a list has 511 entries and a link
   * to the next page. Only the first page may have fewer entries, because the list may begin inside
   * it.
   */
  #walkList(listDma: number, lengthBytes: Bytes, toHost: boolean, into: RangeList): number {
    let rest = lengthBytes;
    let list = listDma;
    let walked = 0;
    while (true) {
      const needed = Math.ceil(rest / PAGE);
      const space = (PAGE - (list % PAGE)) / ENTRY_BYTES;
      const chained = needed > space || needed === space && this.#chainsLast;
      const count = chained ? space : needed;
      if (!this.#host.read(list, this.#list, 0, count * ENTRY_BYTES)) {
        return STATUS.DATA_TRANSFER_ERROR;
      }
      for (let index = 0; index < count; index++) {
        this.#host.walked(walked++, list + index * ENTRY_BYTES);
        const low = this.#entries.getUint32(index * ENTRY_BYTES, true);
        const high = foldedHigh(this.#entries.getUint32(index * ENTRY_BYTES + 4, true));
        if ((low & PAGE_MASK) !== 0) return STATUS.PRP_OFFSET;
        const leadsOn = chained && index + 1 === count;
        if (high >= WIDE) return this.#host.faultWide(!leadsOn && toHost, high);
        if (leadsOn) {
          list = high * HALF + low;
          break;
        }
        const piece = Math.min(rest, PAGE);
        into.add(high * HALF + low, piece);
        rest -= piece;
      }
      if (!chained) return SUCCESS;
    }
  }
}

/**
 * Largest number of descriptors in one list: the walk must end even if segments point at each
 * other.
 */
const MAX_DESCRIPTORS = 65536;

/**
 * Walks the Scatter Gather List of a command.
 *
 * A descriptor is a data block, or points at a segment: an array of descriptors. If a segment is
 * not the last one, its last descriptor points at the next segment. Bit buckets and keyed
 * descriptors are not supported. A list that describes more bytes than the command's transfer is
 * not supported either, with one exception: the last data block of metadata may be longer than the
 * rest of the transfer, as with the captured controller (Base Specification 1.4, 4.4; the statuses
 * of 4.6.1.2.1; tests/golden/defects, ptover_none).
 */
export class SglWalk {
  readonly #host: HostPort;
  readonly #segment = zeros(Uint8Array, PAGE_BYTES);
  readonly #descriptors = viewOf(this.#segment);
  #rest: Bytes = 0;
  #walked = 0;
  #toHost = false;
  /**
   * Whether the walked list is for metadata. The last block of such a list may be longer than the
   * rest of the transfer.
   */
  #isMetadata = false;

  constructor(host: HostPort) {
    this.#host = host;
  }

  /**
   * Resolves the list that starts with a descriptor in a command, without moving data.
   *
   * @param command The command; the descriptor is at byte `at`.
   * @param lengthBytes Length of the command's transfer, > 0.
   * @param toHost Whether the data goes to the host. An impossible address is then a write fault.
   * @param into Emptied first; complete only if the result is success.
   * @returns 0, or the status of the first descriptor that is wrong.
   */
  walk(
    command: DataView,
    at: number,
    lengthBytes: Bytes,
    toHost: boolean,
    into: RangeList,
  ): number {
    this.#begin(lengthBytes, toHost, false, into);
    return this.#first(command, at, into);
  }

  /**
   * Resolves a metadata list. MPTR is the address of the list's first descriptor.
   * @param low Lower half of MPTR; a multiple of 8.
   * @param upper Upper half of MPTR.
   */
  walkMetadata(
    low: number,
    upper: number,
    lengthBytes: Bytes,
    toHost: boolean,
    into: RangeList,
  ): number {
    this.#begin(lengthBytes, toHost, true, into);
    if (low % 8 !== 0) return STATUS.INVALID_FIELD;
    const high = foldedHigh(upper);
    if (high >= WIDE) return this.#host.faultWide(false, high);
    const address = high * HALF + low;
    if (!this.#host.read(address, this.#segment, 0, SGL_DESCRIPTOR_BYTES)) {
      return STATUS.DATA_TRANSFER_ERROR;
    }
    this.#host.walked(this.#walked++, address);
    return this.#first(this.#descriptors, 0, into);
  }

  #begin(lengthBytes: Bytes, toHost: boolean, isMetadata: boolean, into: RangeList): void {
    into.clear();
    this.#rest = lengthBytes;
    this.#walked = 0;
    this.#toHost = toHost;
    this.#isMetadata = isMetadata;
  }

  /** The status for a list that describes less or more than the transfer. */
  get #lengthStatus(): number {
    return this.#isMetadata ? STATUS.METADATA_SGL_LENGTH : STATUS.DATA_SGL_LENGTH;
  }

  /** Begins with the first descriptor, which describes the whole list. */
  #first(descriptors: DataView, at: number, into: RangeList): number {
    const type = descriptors.getUint8(at + 15);
    if (!isSupported(type)) return STATUS.SGL_TYPE;
    if (type === SGL_TYPE.DATA_BLOCK) {
      const status = this.#dataBlock(descriptors, at, into);
      return status === STATUS.SUCCESS ? this.#end() : status;
    }
    return this.#segments(
      descriptors.getUint32(at, true),
      foldedHigh(descriptors.getUint32(at + 4, true)),
      descriptors.getUint32(at + 8, true),
      type === SGL_TYPE.LAST_SEGMENT,
      into,
    );
  }

  #end(): number {
    return this.#rest === 0 ? STATUS.SUCCESS : this.#lengthStatus;
  }

  /**
   * Follows segments. The parameters are the two halves of the first segment's address, and its
   * length.
   */
  #segments(
    addressLow: number,
    addressHigh: number,
    segmentBytes: Bytes,
    last: boolean,
    into: RangeList,
  ): number {
    while (true) {
      if (segmentBytes === 0 || segmentBytes % SGL_DESCRIPTOR_BYTES !== 0 || addressLow % 8 !== 0) {
        return STATUS.INVALID_SGL_SEGMENT;
      }
      if (addressHigh >= WIDE) return this.#host.faultWide(false, addressHigh);
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
          if (type === SGL_TYPE.DATA_BLOCK) {
            const status = this.#dataBlock(this.#descriptors, at, into);
            if (status !== STATUS.SUCCESS) return status;
            continue;
          }
          if (last) return STATUS.INVALID_SGL_SEGMENT;
          if (index !== count - 1) return STATUS.INVALID_SGL_COUNT;
          addressLow = this.#descriptors.getUint32(at, true);
          addressHigh = foldedHigh(this.#descriptors.getUint32(at + 4, true));
          segmentBytes = this.#descriptors.getUint32(at + 8, true);
          last = type === SGL_TYPE.LAST_SEGMENT;
          follows = true;
        }
        address += fetched * SGL_DESCRIPTOR_BYTES;
      }
      if (follows) continue;
      // The descriptor that led to this segment says that more segments follow. Therefore the last
      // descriptor of this segment must point at another segment.
      return last ? this.#end() : STATUS.INVALID_SGL_SEGMENT;
    }
  }

  /** Adds one data block. An empty block is allowed and adds nothing. */
  #dataBlock(descriptors: DataView, at: number, into: RangeList): number {
    const lengthBytes = descriptors.getUint32(at + 8, true);
    if (lengthBytes === 0) return STATUS.SUCCESS;
    if (this.#rest === 0 || (lengthBytes > this.#rest && !this.#isMetadata)) {
      return this.#lengthStatus;
    }
    const high = foldedHigh(descriptors.getUint32(at + 4, true));
    if (high >= WIDE) return this.#host.faultWide(this.#toHost, high);
    const usedBytes = Math.min(lengthBytes, this.#rest);
    into.add(high * HALF + descriptors.getUint32(at, true), usedBytes);
    this.#rest -= usedBytes;
    return STATUS.SUCCESS;
  }
}

/** Whether a descriptor's type is supported: only absolute addresses are. */
function isSupported(type: number): boolean {
  return type === SGL_TYPE.DATA_BLOCK || type === SGL_TYPE.SEGMENT ||
    type === SGL_TYPE.LAST_SEGMENT;
}

/**
 * Number of descriptors from `address` to the page's end; 1 if the first descriptor crosses that
 * end.
 */
function descriptorsInPage(address: number): number {
  return Math.max(1, Math.floor((PAGE_BYTES - (address % PAGE_BYTES)) / SGL_DESCRIPTOR_BYTES));
}

const INITIAL_RANGES = 64;

/** Ranges of device addresses, the result of resolving a data pointer. Reused to avoid allocations. */
export class RangeList {
  count = 0;
  /** Sum of the lengths. */
  totalBytes: Bytes = 0;
  #addresses = zeros(Float64Array, INITIAL_RANGES);
  /** The lengths of the ranges. 32 bits are enough, because a descriptor's length has 32 bits. */
  #lengths = zeros(Uint32Array, INITIAL_RANGES);

  clear(): void {
    this.count = 0;
    this.totalBytes = 0;
  }

  add(address: number, lengthBytes: Bytes): void {
    if (this.count === this.#addresses.length) this.#grow();
    this.#addresses[this.count] = address;
    this.#lengths[this.count] = lengthBytes;
    this.count++;
    this.totalBytes += lengthBytes;
  }

  address(index: number): DmaAddr {
    return this.#addresses[index]! as DmaAddr;
  }

  lengthBytes(index: number): Bytes {
    return this.#lengths[index]!;
  }

  /** The ranges as `[address, length]` pairs. */
  pairs(): [dma: DmaAddr, lengthBytes: Bytes][] {
    return Array.from({ length: this.count }, (_, index) => [
      this.address(index),
      this.lengthBytes(index),
    ]);
  }

  #grow(): void {
    this.#addresses = grown(this.#addresses, new Float64Array(2 * this.count));
    this.#lengths = grown(this.#lengths, new Uint32Array(2 * this.count));
  }
}
