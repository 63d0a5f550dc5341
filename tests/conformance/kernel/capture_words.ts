/** Directions, attributes and errors as the captured data print them. */
import { DMA_ATTR } from "@dmalab/runtime/dma";
import { ERRNO, type ErrnoName, type FieldValue } from "@dmalab/runtime";

/** The fields of any event. */
export type Fields = Readonly<Record<string, FieldValue>>;

const ATTRIBUTE_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(DMA_ATTR).map(([name, bit]) => [name.toLowerCase(), bit]),
);

/** Fields that hold numbers, by the names that the captured data have for them. */
export function renamed<N extends string>(
  fields: Fields,
  names: Readonly<Record<N, string>>,
): Record<N, number> {
  const named = {} as Record<N, number>;
  for (const name in names) named[name] = fields[names[name]] as number;
  return named;
}

/** The numbers of a synced and of an unmapped range, for `renamed`. */
export const SYNCED = { iova: "iova", size: "size_bytes" };
export const UNMAPPED = { ...SYNCED, unmapped: "unmapped_bytes" };

/** The direction of calls that print a word. */
export function directionName(word: FieldValue | undefined): string {
  return String(word).toUpperCase();
}

/** The direction of calls and operations that print the kernel's number. */
export function directionNumber(word: FieldValue | undefined): number {
  return ["bidirectional", "to_device", "from_device"].indexOf(String(word));
}

/** Attributes as the kernel's bits. */
export function attributeBits(words: FieldValue | undefined): number {
  return (words as readonly string[]).reduce((bits, word) => bits | (ATTRIBUTE_BITS[word] ?? 0), 0);
}

/** Attributes as calls print them that have names for them; 0 for none. */
export function attributeNames(words: FieldValue | undefined): string | 0 {
  return (words as readonly string[]).map((word) => word.toUpperCase()).join("|") || 0;
}

/** The negative errno a call returned, or 0. */
export function errnoOf(result: Fields): number {
  return result.error === null ? 0 : -ERRNO[result.error as ErrnoName];
}
