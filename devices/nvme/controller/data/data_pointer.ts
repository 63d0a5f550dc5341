/** Resolves what a command says about its buffers: data pointer and metadata pointer. */
import { type Bytes, foldedHigh } from "@dmalab/runtime";
import type { HostPort } from "../host_port.ts";
import { PrpWalk } from "./prp_walk.ts";
import type { RangeList } from "./range_list.ts";
import { SglWalk } from "./sgl_walk.ts";
import { PSDT, STATUS, WIDE_HALF } from "../specification.ts";

const { SUCCESS } = STATUS;
const { PRP, SGL_SEGMENT_METADATA } = PSDT;
const WIDE = WIDE_HALF;

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
   * Checks the flags byte: no fused operation, and a pointer format that this controller has.
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
   * Checks the metadata pointer as far as that takes no look at memory.
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
    return this.#sgl.walk(
      command,
      DATA_POINTER,
      lengthBytes,
      toHost,
      STATUS.DATA_SGL_LENGTH,
      into,
    );
  }

  /**
   * Resolves the metadata pointer. It is the address of one flat buffer, at a multiple of 4 when
   * the data has PRPs, or of an SGL descriptor (Base Specification 1.4, figure 105).
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
    if (high >= WIDE) {
      this.#host.faultWide(toHost ? "write" : "read", high);
      return STATUS.DATA_TRANSFER_ERROR;
    }
    into.add(high * 2 ** 32 + low, lengthBytes);
    return SUCCESS;
  }
}
