/**
 * Encodes commands, SGL descriptors and PRP entries as bytes, by the NVM Express Base Specification
 * (1.4, figure 105, sections 4.3 and 4.4), for valid or invalid hand-written commands.
 */

import { addressDigits } from "@dmalab/runtime";

/** The fields of a command that a test case may need; all others are zero. */
export interface CommandFields {
  readonly opcode?: number;
  readonly flags?: number;
  readonly nsid?: number;
  readonly mptr?: number | bigint;
  readonly prp1?: number | bigint;
  readonly prp2?: number | bigint;
  /** An SGL descriptor in place of the PRPs: address, length, type byte. */
  readonly sgl?: readonly [address: number | bigint, length: number, type: number];
  readonly lba?: number | bigint;
  readonly blocks?: number;
  readonly dwords?: Readonly<Record<number, number>>;
}

/** The 64 bytes of a command, by Base Specification 1.4, figure 105. */
export function commandBytes(fields: CommandFields, cid = 0): Uint8Array {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  bytes[0] = fields.opcode ?? 0x02;
  bytes[1] = fields.flags ?? 0;
  view.setUint16(2, cid, true);
  view.setUint32(4, fields.nsid ?? 1, true);
  bytes.set(u64Bytes(fields.mptr ?? 0), 16);
  bytes.set(u64Bytes(fields.prp1 ?? 0), 24);
  bytes.set(u64Bytes(fields.prp2 ?? 0), 32);
  if (fields.sgl !== undefined) bytes.set(sglDescriptorBytes(...fields.sgl), 24);
  view.setBigUint64(40, BigInt(fields.lba ?? 0), true);
  view.setUint16(48, (fields.blocks ?? 1) - 1, true);
  for (const [dword, value] of Object.entries(fields.dwords ?? {})) {
    view.setUint32(Number(dword) * 4, value, true);
  }
  return bytes;
}

/** The 8 bytes of a PRP entry or any other 64-bit value: an address as a number, or a bigint. */
export function u64Bytes(value: number | bigint): Uint8Array {
  const bytes = new Uint8Array(8);
  const bits = typeof value === "bigint" ? value : BigInt(`0x${addressDigits(value)}`);
  new DataView(bytes.buffer).setBigUint64(0, bits, true);
  return bytes;
}

/**
 * The 16 bytes of an SGL descriptor.
 * @param type Its last byte: the type in the upper four bits, the subtype in the lower four.
 */
export function sglDescriptorBytes(
  address: number | bigint,
  lengthBytes: number,
  type: number,
): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set(u64Bytes(address));
  new DataView(bytes.buffer).setUint32(8, lengthBytes, true);
  bytes[15] = type;
  return bytes;
}
