/**
 * Test bytes that depend on their place and on their case. Therefore misplaced bytes, and bytes of
 * another case, are detected.
 */
import { formatSize } from "@dmalab/lang/text";
import { Random, sameBytes } from "@dmalab/runtime";

const NOISE_BYTES = 2 ** 16;
/**
 * Distance in the noise between the bytes of consecutive cases: an odd number of words, so that the
 * cases begin differently.
 */
const CASE_STEP_BYTES = 4 * 4099;

function makeNoise(): Uint8Array {
  const random = new Random(0x5eed);
  const words = Uint32Array.from({ length: NOISE_BYTES / 4 }, () => random.nextU32());
  return new Uint8Array(words.buffer);
}

const NOISE = makeNoise();

/**
 * The bytes of a case.
 * @param into Filled and returned if it has exactly `sizeBytes` bytes. Otherwise a new array is
 *   returned.
 * @returns An array of exactly `sizeBytes` bytes.
 */
export function fillWithNoise(into: Uint8Array, sizeBytes: number, number: number): Uint8Array {
  const bytes = into.length === sizeBytes ? into : new Uint8Array(sizeBytes);
  eachNoise(sizeBytes, number, (at, part) => bytes.set(part, at));
  return bytes;
}

/** Passes to a function, part by part, the bytes that `fillWithNoise` writes. */
export function eachNoise(
  sizeBytes: number,
  number: number,
  take: (at: number, part: Uint8Array) => void,
): void {
  for (let at = 0, round = 0; at < sizeBytes; round++) {
    const from = (number * CASE_STEP_BYTES + round * 4 * 251) % NOISE_BYTES;
    const part = NOISE.subarray(from, from + sizeBytes - at);
    take(at, part);
    at += part.length;
  }
}

/**
 * A text such as `4096 of 8192 bytes wrong, from byte 4096 on`; null if the first `sizeBytes` bytes
 * are the same.
 */
export function differenceOf(
  seen: Uint8Array,
  wanted: Uint8Array,
  sizeBytes: number,
): string | null {
  if (sameBytes(seen, wanted, sizeBytes)) return null;
  let wrong = 0;
  let first = 0;
  for (let at = sizeBytes - 1; at >= 0; at--) {
    if (seen[at] === wanted[at]) continue;
    wrong++;
    first = at;
  }
  return `${wrong} of ${formatSize(sizeBytes)} wrong, the first at ${formatSize(first)}`;
}
