/** Directions, attributes and errors as the captured data print them. */
import { DMA_ATTR } from "../../runtime/dma/attributes.ts";
import { ERRNO, type ErrnoName } from "../../runtime/errno.ts";
import type { FieldValue } from "../../runtime/event_vocabulary.ts";

/** The fields of any event. */
export type Fields = Readonly<Record<string, FieldValue>>;

const DIRECTION_NAMES: Readonly<Record<string, string>> = {
  bidirectional: "BIDIRECTIONAL",
  to_device: "TO_DEVICE",
  from_device: "FROM_DEVICE",
};

const DIRECTION_NUMBERS: Readonly<Record<string, number>> = {
  bidirectional: 0,
  to_device: 1,
  from_device: 2,
};

const ATTRIBUTE_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(DMA_ATTR).map(([name, bit]) => [name.toLowerCase(), bit]),
);

/** The direction of calls that print a word. */
export function directionName(word: FieldValue | undefined): string {
  return DIRECTION_NAMES[word as string] ?? String(word);
}

/** The direction of calls and operations that print the kernel's number. */
export function directionNumber(word: FieldValue | undefined): number {
  return DIRECTION_NUMBERS[word as string] ?? -1;
}

/** Attributes as the kernel's bits. */
export function attributeBits(words: readonly string[]): number {
  return words.reduce((bits, word) => bits | (ATTRIBUTE_BITS[word] ?? 0), 0);
}

/** Attributes as calls print them that have names for them; 0 for none. */
export function attributeNames(words: readonly string[]): string | 0 {
  return words.length === 0 ? 0 : words.map((word) => word.toUpperCase()).join("|");
}

/** The negative errno a call returned, or 0. */
export function errnoOf(result: Fields): number {
  return result.error === null ? 0 : -ERRNO[result.error as ErrnoName];
}
