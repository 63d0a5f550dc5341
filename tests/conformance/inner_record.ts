/**
 * Lines of what happened below a call that both kinds of records have: flushes and bounce buffers.
 *
 * The probes sat where the kernel's functions begin or end, so the order is not always that of our
 * events: a bounce buffer's copy is reported before the buffer it goes to, because that line was written
 * when the function that took the buffer returned.
 */
import type { Json } from "./difference.ts";
import { directionNumber, type Fields, renamed } from "./kernel/capture_words.ts";

/** One line below a call. */
export type InnerLine = { readonly op: string; readonly [field: string]: Json };

type More = Readonly<Record<string, Json>>;

/** What a buffer is bounced for. */
interface Bounce {
  /** Where the range that is linked into has the bounced memory; null outside of a link. */
  readonly linkedAt: ((phys: number) => number) | null;
  /** The function of a translated device that bounces had a probe of its own. */
  readonly showsIommu: boolean;
}

export abstract class InnerRecord {
  /** The lines that are complete. */
  lines: InnerLine[] = [];

  protected push(line: InnerLine): void {
    this.lines.push(line);
  }

  /** @param range What the record has of a flushed range beside its ends, and of all of them. */
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

  /** A copy in was made inside the call that took the buffer, whose line was written at its end. */
  protected addCopy(fields: Fields): void {
    const { size, tlb } = renamed(fields, { size: "size_bytes", tlb: "tlb_phys" });
    const isIn = fields.direction === "in";
    const line = { op: "swiotlb_bounce", tlb, size, dir: isIn ? 1 : 2 };
    const taken = isIn ? this.lines.findLastIndex(({ op }) => op === "swiotlb_map_single") : -1;
    if (taken < 0) this.push(line);
    else this.lines.splice(taken, 0, line);
  }

  /** Where the release itself copied, its line was written first. */
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
