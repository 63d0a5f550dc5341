/**
 * 64 bits as two halves: addresses and words of event records as fault logs print them.
 *
 * A JavaScript number holds 53 bits exactly. Larger values stay in halves and are never converted.
 */
import { ADDRESS_LIMIT } from "../address.ts";

export interface Word64 {
  /** Bits 63 to 32. */
  readonly high: number;
  /** Bits 31 to 0. */
  readonly low: number;
}

const HALF = 2 ** 32;
const HALF_DIGITS = 8;
/** Largest number of digits that 64 bits take. */
export const WORD64_DIGITS = 16;

/** Hex digits as logs print them, or as the language does, with underscores between. */
export const HEX_DIGITS = "[0-9a-f](?:_?[0-9a-f])*";

/** How many digits a number has, without underscores. */
export function digitCount(digits: string): number {
  return digits.replaceAll("_", "").length;
}

/** Reads 1 to 16 hex digits without their `0x`. */
export function parseHex64(digits: string): Word64 {
  const padded = digits.replaceAll("_", "").padStart(WORD64_DIGITS, "0");
  return {
    high: parseInt(padded.slice(0, HALF_DIGITS), 16),
    low: parseInt(padded.slice(HALF_DIGITS), 16),
  };
}

/** A number from 0 to 2^53 - 1 as two halves. A number below 0 means the error value, all ones. */
export function word64(value: number): Word64 {
  if (value < 0) return { high: HALF - 1, low: HALF - 1 };
  return { high: Math.floor(value / HALF), low: value % HALF };
}

/** The number, or null for 2^53 and more. */
export function numberOf({ high, low }: Word64): number | null {
  const value = high * HALF + low;
  return value < ADDRESS_LIMIT ? value : null;
}

/** `width` bits from bit `first` on; they lie in one half, and are at most 32. */
export function bitsOf({ high, low }: Word64, first: number, width: number): number {
  const half = first >= 32 ? high : low;
  return Math.floor(half / 2 ** (first % 32)) % 2 ** width;
}

/** All 64 bits as the language writes addresses: `0xffff_fffd_f800_0000`. */
export function formatWord64(word: Word64): string {
  return `0x${plainHex(word).replace(/(?<=.)(?=(.{4})+$)/g, "_")}`;
}

/** Plain hex digits, as logs print them: no leading zeroes unless asked for. */
export function plainHex({ high, low }: Word64, digits = 1): string {
  return (high.toString(16) + low.toString(16).padStart(HALF_DIGITS, "0"))
    .replace(/^0+(?=.)/, "").padStart(digits, "0");
}
