/**
 * The lines inside a call that both the records of `kernel/` and the records of `hmm/` have: flushes
 * and bounce buffers.
 *
 * The probes were at the beginning or the end of the kernel's functions. Therefore the order sometimes
 * differs from the order of our events. For example, a bounce buffer's copy is reported before the
 * buffer itself, because the buffer's line was written when the function that allocated it returned.
 */
import type { Json } from "./difference.ts";
import { DMA_ATTR } from "@dmalab/runtime/dma";
import { ERRNO, type ErrnoName, type FieldValue } from "@dmalab/runtime";

/** A line inside a call. */
export type InnerLine = { readonly op: string; readonly [field: string]: Json };

type More = Readonly<Record<string, Json>>;

/** The context in which a buffer is bounced. */
interface Bounce {
  /** Converts a bounced address to its position in the linked range; null outside of a link. */
  readonly linkedAt: ((phys: number) => number) | null;
  /** Whether a separate probe shows bouncing for a translated device. */
  readonly showsIommu: boolean;
}

export abstract class InnerRecord {
  /** The completed lines. */
  lines: InnerLine[] = [];

  protected push(line: InnerLine): void {
    this.lines.push(line);
  }

  /**
   * @param range Further fields in the line of a flushed range.
   * @param whole Further fields in the line of a full flush.
   */
  protected addFlush(fields: Fields, range: More, whole: More): void {
    const start = fields.start as number;
    const end = start + (fields.size_bytes as number) - 1;
    if (fields.kind === "all") {
      this.push({ op: "iotlb_flush_all" });
      this.push({ op: "iotlb_flush_range", start: 0, end: null, ...whole });
    } else if (fields.kind === "map") this.push({ op: "iotlb_flush_np", start, end });
    else this.push({ op: "iotlb_flush_range", start, end, ...range });
  }

  protected addBounce(fields: Fields, { linkedAt, showsIommu }: Bounce, more: More): void {
    const names = { size: "size_bytes", align_mask: "align_mask", tlb: "tlb_phys" } as const;
    const taken = renamed(fields, names);
    const { align_mask, size, tlb } = taken;
    const phys = fields.orig_phys as number;
    if (linkedAt !== null) {
      this.push({ op: "bounce_and_link", addr: linkedAt(phys), phys, len: size });
    }
    const dir = directionNumber(fields.dir);
    this.push({ op: "swiotlb_map_single", orig: phys, dir, ...taken, ...more });
    if (align_mask !== 0 && showsIommu) {
      this.push({ op: "iommu_dma_map_swiotlb", phys, size, ret: tlb });
    }
  }

  /**
   * Adds a copy to the bounce buffer. The copy was made inside the call that allocated the buffer,
   * but the line of that call was written only at the call's end. Therefore the line of the copy is
   * placed before the line of the call.
   */
  protected addCopy(fields: Fields): void {
    const { size, tlb } = renamed(fields, { size: "size_bytes", tlb: "tlb_phys" });
    const isIn = fields.direction === "in";
    const line = { op: "swiotlb_bounce", tlb, size, dir: isIn ? 1 : 2 };
    const taken = isIn ? this.lines.findLastIndex(({ op }) => op === "swiotlb_map_single") : -1;
    if (taken < 0) this.push(line);
    else this.lines.splice(taken, 0, line);
  }

  /**
   * If the unmap of a bounce buffer copied the data back, the line of the unmap was written before
   * the line of the copy.
   */
  protected addRelease(fields: Fields, copies: boolean, more: More): void {
    const { size, tlb } = renamed(fields, { size: "size_bytes", tlb: "tlb_phys" });
    const dir = directionNumber(fields.dir);
    const line = { op: "swiotlb_unmap_single", tlb, size, dir, ...more };
    const last = this.lines.at(-1);
    if (copies && last?.op === "swiotlb_bounce" && last.tlb === tlb) {
      this.lines.splice(this.lines.length - 1, 0, line);
    } else this.push(line);
  }
}

/** The fields of any event. */
export type Fields = Readonly<Record<string, FieldValue>>;

const ATTRIBUTE_BITS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(DMA_ATTR).map(([name, bit]) => [name.toLowerCase(), bit]),
);

/** Numeric fields of an event, by their names in the captured data. */
export function renamed<N extends string>(
  fields: Fields,
  names: Readonly<Record<N, string>>,
): Record<N, number> {
  const named = {} as Record<N, number>;
  for (const name in names) named[name] = fields[names[name]] as number;
  return named;
}

/** Field names of a synced and of an unmapped range, for `renamed`. */
export const SYNCED = { iova: "iova", size: "size_bytes" };
export const UNMAPPED = { ...SYNCED, unmapped: "unmapped_bytes" };

/** The direction, for calls that print a word. */
export function directionName(word: FieldValue | undefined): string {
  return String(word).toUpperCase();
}

/** The direction, for calls and operations that print the kernel's number. */
export function directionNumber(word: FieldValue | undefined): number {
  return ["bidirectional", "to_device", "from_device"].indexOf(String(word));
}

/** Attributes as the kernel's bits. */
export function attributeBits(words: FieldValue | undefined): number {
  return (words as readonly string[]).reduce((bits, word) => bits | (ATTRIBUTE_BITS[word] ?? 0), 0);
}

/** The attributes, for calls that print names; 0 for no attributes. */
export function attributeNames(words: FieldValue | undefined): string | 0 {
  return (words as readonly string[]).map((word) => word.toUpperCase()).join("|") || 0;
}

/** The negative errno a call returned, or 0. */
export function errnoOf(result: Fields): number {
  return result.error === null ? 0 : -ERRNO[result.error as ErrnoName];
}
