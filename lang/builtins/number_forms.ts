/** Numbers in bytes: width and byte order, under the names that drivers use. */
export interface ByteNumber {
  readonly name: string;
  readonly sizeBytes: number;
  readonly littleEndian: boolean;
}

const WIDTHS_BITS = [16, 24, 32, 48, 64];

export const NUMBERS: readonly ByteNumber[] = [
  { name: "u8", sizeBytes: 1, littleEndian: true },
  ...[true, false].flatMap((littleEndian) =>
    WIDTHS_BITS.map((bits) => ({
      name: `${littleEndian ? "le" : "be"}${bits}`,
      sizeBytes: bits / 8,
      littleEndian,
    }))
  ),
];

export function orderText({ littleEndian, sizeBytes }: ByteNumber): string {
  if (sizeBytes === 1) return "8 bits";
  return `${8 * sizeBytes} bits, the ${littleEndian ? "lowest" : "highest"} byte first`;
}
