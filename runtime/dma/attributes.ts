/** Directions and attributes of DMA mappings, with the kernel's numbers. */

/** The device reads and writes. @see rules/dma.md 1.4, row 1 */
export const DMA_BIDIRECTIONAL = 0;
/** The device only reads. */
export const DMA_TO_DEVICE = 1;
/** The device only writes. */
export const DMA_FROM_DEVICE = 2;
/** Direction in which a mapping's bytes move. */
export type DmaDirection = typeof DMA_BIDIRECTIONAL | typeof DMA_TO_DEVICE | typeof DMA_FROM_DEVICE;

const DIRECTION_WORDS = ["bidirectional", "to_device", "from_device"] as const;
/** @internal */
export type DirectionWords = typeof DIRECTION_WORDS;

/** The word of a direction. */
export type DirectionWord = DirectionWords[number];

/** The word that events and scripts use for a direction. */
export function directionWord(dir: DmaDirection): DirectionWord {
  return DIRECTION_WORDS[dir];
}

/** Mapping attributes as bits. @see rules/dma.md 1.5 */
export const DMA_ATTR = {
  WEAK_ORDERING: 1 << 1,
  WRITE_COMBINE: 1 << 2,
  NO_KERNEL_MAPPING: 1 << 4,
  SKIP_CPU_SYNC: 1 << 5,
  FORCE_CONTIGUOUS: 1 << 6,
  ALLOC_SINGLE_PAGES: 1 << 7,
  NO_WARN: 1 << 8,
  PRIVILEGED: 1 << 9,
  MMIO: 1 << 10,
  DEBUGGING_IGNORE_CACHELINES: 1 << 11,
  REQUIRE_COHERENT: 1 << 12,
  CC_SHARED: 1 << 13,
} as const;

/** Prefix of the attribute names in C. */
export const ATTRIBUTE_PREFIX = "DMA_ATTR_";

/** The word that events and scripts use for an attribute. */
export type AttributeWord = Lowercase<keyof typeof DMA_ATTR>;

const ATTRIBUTE_WORDS = Object.entries(DMA_ATTR).map(
  ([name, bit]) => [bit, name.toLowerCase() as AttributeWord] as const,
);

/** The words that events and scripts use for attributes, in the order of their bits. */
export function attributeWords(attrs: number): readonly AttributeWord[] {
  return attrs === 0
    ? []
    : ATTRIBUTE_WORDS.filter(([bit]) => (attrs & bit) !== 0).map(([, word]) => word);
}
