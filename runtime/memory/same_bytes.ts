/** Whether two runs of bytes are the same. */
import type { Bytes } from "../address.ts";

/** True when the first bytes of both are the same: compared word by word where both are aligned. */
export function sameBytes(left: Uint8Array, right: Uint8Array, sizeBytes: Bytes): boolean {
  let index = 0;
  if (left.byteOffset % 4 === 0 && right.byteOffset % 4 === 0) {
    const words = Math.floor(sizeBytes / 4);
    const one = new Int32Array(left.buffer, left.byteOffset, words);
    const other = new Int32Array(right.buffer, right.byteOffset, words);
    for (let word = 0; word < words; word++) if (one[word] !== other[word]) return false;
    index = 4 * words;
  }
  for (; index < sizeBytes; index++) if (left[index] !== right[index]) return false;
  return true;
}
