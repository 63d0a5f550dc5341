/**
 * End-to-end protection information: eight bytes with each block that say what it should be
 * (Base Specification 1.4, section 8.3).
 *
 * A tuple is a guard (a CRC of the block), an application tag and a reference tag. It is the last
 * part of a block's metadata; metadata before it is guarded as well.
 */
import type { Bytes } from "../../../../runtime/address.ts";
import { viewOf } from "../../../../runtime/zeros.ts";
import { STATUS } from "../specification.ts";

/** None, or Type 1, 2 or 3: what the reference tag means. */
export type ProtectionType = 0 | 1 | 2 | 3;

export const TUPLE_BYTES = 8;
const GUARD = 0;
const APPLICATION = 2;
const REFERENCE = 4;

/** Bits of PRINFO. */
const ACT = 0x8; // PRACT
const CHECK_GUARD = 0x4;
const CHECK_APPLICATION = 0x2;
const CHECK_REFERENCE = 0x1;

/** CRC-16 of T10: x^16 + x^15 + x^11 + x^9 + x^8 + x^7 + x^5 + x^4 + x^2 + x + 1. */
const POLYNOMIAL = 0x8bb7;
const CRC_TABLE = crcTable();

/** The CRC of each byte: the CRCs of its bits, added. Each further bit makes the table twice as long. */
function crcTable(): Uint16Array {
  const table = new Uint16Array(256);
  let crc = POLYNOMIAL;
  for (let power = 1; power < table.length; power *= 2) {
    for (let low = 0; low < power; low++) table[power + low] = crc ^ table[low]!;
    crc = crc & 0x8000 ? crc << 1 & 0xffff ^ POLYNOMIAL : crc << 1;
  }
  return table;
}

/** Goes on with a CRC over some bytes; a new one starts from 0. */
export function crc16(bytes: Uint8Array, start: number, end: number, crc = 0): number {
  let sum = crc;
  for (let index = start; index < end; index++) {
    sum = (sum << 8 & 0xffff) ^ CRC_TABLE[(sum >> 8) ^ bytes[index]!]!;
  }
  return sum;
}

/** What a command says about the protection of its blocks. */
export interface ProtectionRequest {
  /** PRACT: the controller makes tuples up for writes, and takes them off reads. */
  readonly act: boolean;
  readonly checksGuard: boolean;
  readonly checksApplication: boolean;
  readonly checksReference: boolean;
  /** Expected tags, those of the first block. */
  readonly reference: number;
  readonly application: number;
  /** Bits of the application tag that are compared. */
  readonly applicationMask: number;
}

/** Reads the fields of a command: PRINFO in dword 12, tags in dwords 14 and 15. */
export function protectionRequest(command: DataView): ProtectionRequest {
  const info = command.getUint32(48, true) >>> 26 & 0xf;
  return {
    act: (info & ACT) !== 0,
    checksGuard: (info & CHECK_GUARD) !== 0,
    checksApplication: (info & CHECK_APPLICATION) !== 0,
    checksReference: (info & CHECK_REFERENCE) !== 0,
    reference: command.getUint32(56, true),
    application: command.getUint16(60, true),
    applicationMask: command.getUint16(62, true),
  };
}

/** Blocks of one command in the controller's own memory: their data and their metadata. */
export interface Blocks {
  readonly data: Uint8Array;
  readonly metadata: Uint8Array;
}

export class Protection {
  readonly #type: ProtectionType;
  readonly #blockBytes: Bytes;
  readonly #metadataBytes: Bytes;

  /** @param metadataBytes Of a block, with the tuple: at least 8. */
  constructor(type: ProtectionType, blockBytes: Bytes, metadataBytes: Bytes) {
    this.#type = type;
    this.#blockBytes = blockBytes;
    this.#metadataBytes = metadataBytes;
  }

  /** The host neither sends nor gets metadata: all there is of it is what the controller makes up. */
  isStripped(request: ProtectionRequest): boolean {
    return request.act && this.#metadataBytes === TUPLE_BYTES;
  }

  /**
   * Whether what a command asks for can be checked at all. The reference tag of Type 1 is the
   * block's address, that of Type 3 is nothing that a controller knows.
   * @returns 0 or a status.
   */
  validate(request: ProtectionRequest, lba: number): number {
    if (!request.checksReference) return STATUS.SUCCESS;
    if (this.#type === 3) return STATUS.INVALID_PROTECTION;
    return this.#type === 1 && request.reference !== lba % 2 ** 32
      ? STATUS.INVALID_PROTECTION
      : STATUS.SUCCESS;
  }

  /** Checks every block. @returns 0, or the status of the first thing that is wrong. */
  check(request: ProtectionRequest, blocks: Blocks): number {
    const { data, metadata } = blocks;
    const tuples = viewOf(metadata);
    const count = data.length / this.#blockBytes;
    for (let block = 0; block < count; block++) {
      const at = this.#tupleAt(block);
      const application = tuples.getUint16(at + APPLICATION, false);
      const reference = tuples.getUint32(at + REFERENCE, false);
      if (this.#isUnchecked(application, reference)) continue;
      if (
        request.checksGuard && tuples.getUint16(at + GUARD, false) !== this.#guard(blocks, block)
      ) {
        return STATUS.GUARD_CHECK;
      }
      const { applicationMask: mask } = request;
      if (
        request.checksApplication && (application & mask) !== (request.application & mask)
      ) return STATUS.APPLICATION_TAG_CHECK;
      if (request.checksReference && reference !== this.#referenceOf(request, block)) {
        return STATUS.REFERENCE_TAG_CHECK;
      }
    }
    return STATUS.SUCCESS;
  }

  /** Gives every block the tuple that it should have. */
  generate(request: ProtectionRequest, blocks: Blocks): void {
    const tuples = viewOf(blocks.metadata);
    const count = blocks.data.length / this.#blockBytes;
    for (let block = 0; block < count; block++) {
      const at = this.#tupleAt(block);
      tuples.setUint16(at + GUARD, this.#guard(blocks, block), false);
      tuples.setUint16(at + APPLICATION, request.application, false);
      tuples.setUint32(at + REFERENCE, this.#referenceOf(request, block), false);
    }
  }

  /** The same metadata but for the tuples, which are the controller's to judge. */
  sameBesideTuples(one: Uint8Array, other: Uint8Array): boolean {
    for (let index = 0; index < one.length; index++) {
      const inBlock = index % this.#metadataBytes;
      if (inBlock < this.#metadataBytes - TUPLE_BYTES && one[index] !== other[index]) return false;
    }
    return true;
  }

  #tupleAt(block: number): number {
    return (block + 1) * this.#metadataBytes - TUPLE_BYTES;
  }

  /** Tags of all ones disable the check of a block. */
  #isUnchecked(application: number, reference: number): boolean {
    return application === 0xffff && (this.#type !== 3 || reference === 0xffff_ffff);
  }

  #referenceOf(request: ProtectionRequest, block: number): number {
    return this.#type === 3 ? request.reference : (request.reference + block) % 2 ** 32;
  }

  #guard({ data, metadata }: Blocks, block: number): number {
    const crc = crc16(data, block * this.#blockBytes, (block + 1) * this.#blockBytes);
    return crc16(metadata, block * this.#metadataBytes, this.#tupleAt(block), crc);
  }
}
