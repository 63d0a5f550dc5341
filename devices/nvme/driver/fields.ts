/** Little-endian 64-bit fields of a command, as numbers below 2^53. */

/** Writes a number below 2^53 as 64 bits. */
export function setU64(view: DataView, offset: number, value: number): void {
  // A 32-bit field takes the low half of any integer; `%` on such numbers is ten times slower.
  view.setUint32(offset, value, true);
  view.setUint32(offset + 4, value / 2 ** 32, true);
}

/** Reads 64 bits as a number; exact below 2^53, which all addresses a driver writes are. */
export function getU64(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
}
