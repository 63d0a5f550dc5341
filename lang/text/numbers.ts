/**
 * Numbers as text: addresses, sizes, durations.
 *
 * Printed numbers can be pasted back into a script, because `0xffff_f000`, `128KiB` and `1.2us` are
 * literals of the language. No number is rounded unless the function's name says so.
 */

import { addressDigits, foldedHigh } from "@dmalab/runtime/basics";

/** Ordinal numbers: `1st`, `2nd`, `11th`. */
export function formatOrdinal(number: number): string {
  const tens = number % 100;
  const suffix = tens >= 11 && tens <= 13 ? undefined : SUFFIXES[number % 10];
  return `${number}${suffix ?? "th"}`;
}

const SUFFIXES: readonly (string | undefined)[] = [undefined, "st", "nd", "rd"];

/** Units of size, largest first. */
const SIZE_UNITS = [
  ["TiB", 2 ** 40],
  ["GiB", 2 ** 30],
  ["MiB", 2 ** 20],
  ["KiB", 2 ** 10],
] as const;

/** Units of time, largest first. */
const TIME_UNITS = [
  ["s", 1e9],
  ["ms", 1e6],
  ["us", 1e3],
] as const;

/** Digits of an address between two underscores. */
const GROUP_DIGITS = 4;

/**
 * An address: lower-case hex, an underscore before every fourth digit from the right.
 *
 * @param address A byte address, or -1 for the DMA mapping error.
 */
export function formatAddress(address: number): string {
  return address < 0 ? "error" : groupHex(addressDigits(address));
}

/** The number for an address of more than 53 bits; null if no number represents the address. */
export function wideAddress(digits: string): number | null {
  const bits = BigInt(digits);
  // All ones are not an address, but the error value or a mask.
  if (bits >= 2n ** 64n - 1n) return null;
  const high = foldedHigh(Number(bits >> 32n));
  return high < 2 ** 21 ? high * 2 ** 32 + Number(bits & 0xffff_ffffn) : null;
}

/** Hex digits with an underscore before every fourth from the right. */
export function groupHex(digits: string): string {
  const first = digits.length % GROUP_DIGITS || GROUP_DIGITS;
  const groups = [digits.slice(0, first)];
  for (let at = first; at < digits.length; at += GROUP_DIGITS) {
    groups.push(digits.slice(at, at + GROUP_DIGITS));
  }
  return `0x${groups.join("_")}`;
}

/**
 * A size in the largest unit that divides it: `128KiB`, `8704B`, `-4KiB`. The largest number means
 * that there is no limit, and is printed as such.
 */
export function formatSize(sizeBytes: number): string {
  if (sizeBytes === Number.MAX_SAFE_INTEGER) return "unlimited";
  for (const [unit, bytes] of SIZE_UNITS) {
    if (sizeBytes !== 0 && sizeBytes % bytes === 0) return `${sizeBytes / bytes}${unit}`;
  }
  return `${sizeBytes}B`;
}

/**
 * A size for readers, in its largest unit with at most two decimals; further decimals are cut off:
 * `3.98GiB`.
 */
export function formatSizeCut(sizeBytes: number): string {
  for (const [unit, bytes] of SIZE_UNITS) {
    if (sizeBytes >= 0.9 * bytes) {
      return `${trimZeros((Math.floor(100 * sizeBytes / bytes) / 100).toFixed(2))}${unit}`;
    }
  }
  return `${sizeBytes}B`;
}

/** A mask as a round size minus one: `4KiB - 1` for 4095 bytes. */
export function formatMask(maskBytes: number): string {
  const text = formatSize(maskBytes + 1);
  return maskBytes > 0 && !/\dB$/.test(text) ? `${text} - 1` : formatSize(maskBytes);
}

/**
 * A limit. It may be one block below a round size, as the largest number of sectors is: `2TiB -
 * 512B`.
 */
export function formatLimit(sizeBytes: number): string {
  const round = sizeBytes + LIMIT_BLOCK_BYTES;
  return round % LARGE_BYTES === 0
    ? `${formatSize(round)} - ${formatSize(LIMIT_BLOCK_BYTES)}`
    : formatSize(sizeBytes);
}

/**
 * A limit that is counted in sectors may be less than a round size by one block of this size.
 * `LARGE_BYTES` is the smallest round size for which the form with a minus is used.
 */
const LIMIT_BLOCK_BYTES = 512;
const LARGE_BYTES = 2 ** 30;

/** A duration, exact to the nanosecond: `300ns`, `1.2us`, `10ms`. */
export function formatDuration(durationNs: number): string {
  const magnitude = Math.abs(durationNs);
  for (const [unit, ns] of TIME_UNITS) {
    if (magnitude >= ns) return `${trimZeros((durationNs / ns).toFixed(Math.log10(ns)))}${unit}`;
  }
  return `${Number.isInteger(durationNs) ? durationNs : trimZeros(durationNs.toFixed(3))}ns`;
}

/** A point in time for a column: at most one decimal, so rounded; `0ns`, `300ns`, `3.4us`. */
export function formatTimeRounded(atNs: number): string {
  for (const [unit, ns] of TIME_UNITS) {
    if (atNs >= ns) return `${trimZeros((atNs / ns).toFixed(1))}${unit}`;
  }
  return `${Math.round(atNs)}ns`;
}

/** A count with a noun: `1 event`, `2 events`. */
export function formatCount(count: number, noun: string, plural: string = `${noun}s`): string {
  return `${groupThousands(count)} ${count === 1 ? noun : plural}`;
}

/** An integer with underscores between thousands, as the language writes it: `1_000_000`. */
export function groupThousands(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "_");
}

/** A ratio with at most three decimals. */
export function formatRatio(ratio: number): string {
  return Number.isInteger(ratio) ? `${ratio}.0` : trimZeros(ratio.toFixed(3));
}

/** Bytes as two hex digits each, separated by spaces. */
export function formatHexBytes(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

function trimZeros(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}
