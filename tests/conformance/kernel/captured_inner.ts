/**
 * Tells what happened inside a captured call, in the words of the captured data.
 *
 * The probes sat where the kernel's functions begin or end, so the order is not always that of our
 * events: a bounce buffer's copy is reported before the buffer it goes to, because that line was written
 * when the function that took the buffer returned.
 */
import type { FieldValue } from "../../../runtime/event_vocabulary.ts";
import type { Probes } from "./capture_probes.ts";
import { attributeBits, directionNumber, type Fields, renamed } from "./capture_words.ts";
import type { Json } from "../difference.ts";

/** Every captured machine used pages of 4 KiB. */
const GRANULE_BYTES = 4096;

/** One line below a call. */
export type Inner = { readonly op: string; readonly [field: string]: Json };

/** A range that a request reserved for linking, as its calls tell of it. */
export interface LinkedRange {
  readonly addr: number;
  readonly sizeBytes: number;
  bounced: boolean;
}

/** Calls whose bouncing had a probe of its own, where 7.2 takes a buffer for a translated device. */
const SHOWS_IOMMU_BOUNCE: ReadonlySet<string> = new Set(["dma_map_phys", "dma_iova_link"]);

const SYNCED = { iova: "iova", size: "size_bytes" };
const MAPPED = { ...SYNCED, phys: "phys" };
const UNMAPPED = { ...SYNCED, unmapped: "unmapped_bytes" };

/** The operations inside one call, collected event by event. */
export class InnerOperations {
  readonly list: Inner[] = [];
  /** A range was parked inside this call; what is freed after that was parked before. */
  #parked = false;

  /**
   * @param api The call's kernel name.
   * @param given Its arguments.
   * @param range The range that the call links into; null for other calls.
   * @param probes Which lines the record has.
   */
  constructor(
    private readonly api: string,
    private readonly given: Fields,
    private readonly range: LinkedRange | null,
    private readonly probes: Probes,
  ) {}

  /** A coherent allocation is one line inside the call that needed it. */
  addCoherent(dma: number, sizeBytes: number): void {
    this.list.push({ op: "dma_alloc", dma, size: sizeBytes });
  }

  /** Takes an event in: none, one or more lines. */
  add(name: string, fields: Fields): void {
    const number = (field: string) => fields[field] as number;
    switch (name) {
      case "iova.alloc":
        this.list.push({
          op: "iova_alloc",
          size: number("size_bytes"),
          iova: number("start"),
          source: fields.source === "rcache" ? "cache" : "tree",
          limit_pfn: Math.floor(number("limit") / GRANULE_BYTES),
        });
        break;
      case "iova.free":
        this.#addFree(number("start"), number("size_bytes"), fields.to === "flush_queue");
        break;
      case "iommu.map":
        this.list.push({ op: "iommu_map", ...renamed(fields, MAPPED) });
        break;
      case "iommu.unmap":
        this.list.push({ op: "iommu_unmap", ...renamed(fields, UNMAPPED) });
        break;
      case "iommu.sync_map":
        // Inside a single mapping the kernel's call is inlined, and no probe saw it.
        if (this.api === "dma_iova_sync") {
          this.list.push({ op: "iommu_sync_map", ...renamed(fields, SYNCED) });
        }
        break;
      case "iotlb.sync":
        this.#addFlush(fields);
        break;
      case "swiotlb.map":
        this.#addBounce(fields);
        break;
      case "swiotlb.unmap":
        this.#addRelease(fields);
        break;
      case "swiotlb.copy":
        this.#addCopy(number("tlb_phys"), number("size_bytes"), fields.direction);
        break;
    }
  }

  #addFree(iova: number, size: number, deferred: boolean): void {
    if (deferred) {
      this.#parked = true;
      if (!this.probes.releases) return;
    } else if (this.#parked) {
      this.list.push({ op: "iova_free_late", iova, size });
      return;
    }
    this.list.push({ op: "iova_free", iova, size, deferred });
  }

  #addFlush(fields: Fields): void {
    if (!this.probes.flushes) return;
    if (fields.kind === "all") {
      this.list.push(
        { op: "iotlb_flush_all" },
        { op: "iotlb_flush_range", start: 0, end: null },
      );
      return;
    }
    const start = fields.start as number;
    const op = fields.kind === "map" ? "iotlb_flush_np" : "iotlb_flush_range";
    this.list.push({ op, start, end: start + (fields.size_bytes as number) - 1 });
  }

  #addBounce(fields: Fields): void {
    const taken = renamed(fields, {
      size: "size_bytes",
      align_mask: "align_mask",
      tlb: "tlb_phys",
    });
    const { size, tlb } = taken;
    const phys = fields.orig_phys as number;
    if (this.range !== null) {
      this.range.bounced = true;
      const begin = (this.given.offset as number) - (this.given.phys as number);
      const addr = this.range.addr + begin + phys;
      this.list.push({ op: "bounce_and_link", addr, phys, len: size });
    }
    const dir = directionNumber(fields.dir);
    this.list.push({ op: "swiotlb_map_single", orig: phys, dir, ...taken });
    if (taken.align_mask !== 0 && SHOWS_IOMMU_BOUNCE.has(this.api)) {
      this.list.push({ op: "iommu_dma_map_swiotlb", phys, size, ret: tlb });
    }
  }

  /** A copy in was made inside the call that took the buffer, whose line was written at its end. */
  #addCopy(tlb: number, size: number, direction: FieldValue | undefined): void {
    const copyIn = direction === "in";
    const copy = { op: "swiotlb_bounce", tlb, size, dir: copyIn ? 1 : 2 };
    const taken = copyIn ? this.list.findLastIndex(({ op }) => op === "swiotlb_map_single") : -1;
    if (taken < 0) this.list.push(copy);
    else this.list.splice(taken, 0, copy);
  }

  /** Where the release itself copied, its line was written first. */
  #addRelease(fields: Fields): void {
    const tlb = fields.tlb_phys as number;
    const release = {
      op: "swiotlb_unmap_single",
      tlb,
      size: fields.size_bytes as number,
      dir: directionNumber(fields.dir),
      attrs: attributeBits(fields.attrs),
    };
    const last = this.list.at(-1);
    const copied = last !== undefined && last.op === "swiotlb_bounce" && last.tlb === tlb;
    if (copied && !(fields.attrs as readonly string[]).includes("skip_cpu_sync")) {
      this.list.splice(this.list.length - 1, 0, release);
    } else this.list.push(release);
  }
}
