/** What happened inside a captured call, in the words of the captured data. */
import type { Probes } from "./kernel_data.ts";
import { attributeBits, type Fields, renamed } from "./capture_words.ts";
import { InnerRecord } from "../inner_record.ts";

/** Every captured machine used pages of 4 KiB. */
const GRANULE_BYTES = 4096;

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
export class InnerOperations extends InnerRecord {
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
  ) {
    super();
  }

  /** A coherent allocation is one line inside the call that needed it. */
  addCoherent(dma: number, sizeBytes: number): void {
    this.lines.push({ op: "dma_alloc", dma, size: sizeBytes });
  }

  /** Takes an event in: none, one or more lines. */
  add(name: string, fields: Fields): void {
    const number = (field: string) => fields[field] as number;
    switch (name) {
      case "iova.alloc":
        this.lines.push({
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
        this.lines.push({ op: "iommu_map", ...renamed(fields, MAPPED) });
        break;
      case "iommu.unmap":
        this.lines.push({ op: "iommu_unmap", ...renamed(fields, UNMAPPED) });
        break;
      case "iommu.sync_map":
        // Inside a single mapping the kernel's call is inlined, and no probe saw it.
        if (this.api === "dma_iova_sync") {
          this.lines.push({ op: "iommu_sync_map", ...renamed(fields, SYNCED) });
        }
        break;
      case "iotlb.sync":
        if (this.probes.flushes) this.addFlush(fields, {}, {});
        break;
      case "swiotlb.map":
        this.#addBounce(fields);
        break;
      case "swiotlb.unmap":
        this.addRelease(
          fields,
          !(fields.attrs as readonly string[]).includes("skip_cpu_sync"),
          { attrs: attributeBits(fields.attrs) },
        );
        break;
      case "swiotlb.copy":
        this.addCopy(fields);
        break;
    }
  }

  #addFree(iova: number, size: number, deferred: boolean): void {
    if (deferred) {
      this.#parked = true;
      if (!this.probes.releases) return;
    } else if (this.#parked) {
      this.lines.push({ op: "iova_free_late", iova, size });
      return;
    }
    this.lines.push({ op: "iova_free", iova, size, deferred });
  }

  #addBounce(fields: Fields): void {
    const { range } = this;
    if (range !== null) range.bounced = true;
    const begin = (this.given.offset as number) - (this.given.phys as number);
    this.addBounce(fields, {
      linkedAt: range === null ? null : (phys) => range.addr + begin + phys,
      showsIommu: SHOWS_IOMMU_BOUNCE.has(this.api),
    }, {});
  }
}
