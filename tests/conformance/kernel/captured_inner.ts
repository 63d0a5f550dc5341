/** What happened inside a captured call, in the words of the captured data. */
import type { Probes } from "./kernel_data.ts";
import { attributeBits, type Fields, renamed, SYNCED, UNMAPPED } from "./capture_words.ts";
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

const MAPPED = { ...SYNCED, phys: "phys" };

/** The operations inside one call, collected event by event. */
export class InnerOperations extends InnerRecord {
  /** A range was parked inside this call; what is freed after that was parked before. */
  #parked = false;
  /** What each event tells. */
  readonly #seen: Readonly<Record<string, (fields: Fields) => void>> = {
    "iova.alloc": (fields) => {
      const source = fields.source === "rcache" ? "cache" : "tree";
      const limit_pfn = Math.floor(fields.limit as number / GRANULE_BYTES);
      const taken = renamed(fields, { iova: "start", size: "size_bytes" });
      this.lines.push({ op: "iova_alloc", ...taken, source, limit_pfn });
    },
    "iova.free": ({ size_bytes, start, to }) =>
      this.#addFree(start as number, size_bytes as number, to === "flush_queue"),
    "iommu.map": (fields) => this.push({ op: "iommu_map", ...renamed(fields, MAPPED) }),
    "iommu.unmap": (fields) => this.push({ op: "iommu_unmap", ...renamed(fields, UNMAPPED) }),
    "iommu.sync_map": (fields) => {
      // Inside a single mapping the kernel's call is inlined, and no probe saw it.
      if (this.api !== "dma_iova_sync") return;
      this.push({ op: "iommu_sync_map", ...renamed(fields, SYNCED) });
    },
    "iotlb.sync": (fields) => {
      if (this.probes.flushes) this.addFlush(fields, {}, {});
    },
    "swiotlb.map": (fields) => this.#addBounce(fields),
    "swiotlb.unmap": (fields) => {
      const copies = !(fields.attrs as readonly string[]).includes("skip_cpu_sync");
      this.addRelease(fields, copies, { attrs: attributeBits(fields.attrs) });
    },
    "swiotlb.copy": (fields) => this.addCopy(fields),
  };

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
    this.#seen[name]?.(fields);
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
