/**
 * 64-bit numbers in scripts: an int if the int is exact, otherwise 8 bytes, the lowest first. No
 * number is rounded.
 */
import { u64Bytes } from "@dmalab/devices";
import { INTEGER_LIMIT } from "../values/operators.ts";
import { BytesValue, type Value } from "../values/value.ts";

/** A 64-bit number: eight bytes, the lowest first, or a plain number. */
export type U64 = Uint8Array | number;

/** @param bits A 64-bit number, with or without a sign. */
export function wideValue(bits: bigint): Value {
  const exact = bits <= INTEGER_LIMIT && bits >= -INTEGER_LIMIT;
  return exact ? Number(bits) : new BytesValue(u64Bytes(BigInt.asUintN(64, bits)));
}

export function wideBits(value: U64): bigint {
  if (typeof value === "number") return BigInt(value);
  return new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0, true);
}
