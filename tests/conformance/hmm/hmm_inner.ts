/**
 * The operations inside a call, as lines in the form of tests/golden/hmm, in the order in which the
 * operations were completed.
 *
 * Most lines come from events. The tries of a search for IOVAs and the flags of a mapped page have
 * no events; to record them, the recorder wraps the functions of these operations.
 */
import {
  type EventName,
  type FlushQueue,
  type IommuDomain,
  type Machine,
  type MachineEvent,
  type PhysAddr,
  PTE_MMIO,
} from "@dmalab/runtime";
import type { DmaDevice } from "@dmalab/runtime/dma";
import type { Json } from "../difference.ts";
import {
  type Fields,
  type InnerLine,
  InnerRecord,
  renamed,
  SYNCED,
  UNMAPPED,
} from "../inner_record.ts";
import { type AddressWords, attributeList, type WarnSites } from "./hmm_words.ts";

const GRANULE_BYTES = 4096;
/**
 * The kernel's flag for device memory in a mapping. All other flags have the same value in the
 * model.
 */
const KERNEL_MMIO = 16;
const KERNEL_CACHE = 4;
const READ_AND_WRITE = 3;

/** Facts about a call that the lines of the operations inside the call mention. */
export interface Around {
  /**
   * The range and offset to which memory is linked, and the address of the memory. A bounced buffer
   * is reported by its IOVA. Null outside of a link.
   */
  readonly link: { readonly addr: number; readonly offset: number; readonly phys: number } | null;
  /** The attributes of the call, as words. */
  readonly attrs: readonly string[];
}

/** Calls that change the form of the lines inside them. */
const CALLS = [
  "call.dma_iova_unlink",
  "call.dma_iova_destroy",
  "call.dma_iova_free",
  "call.dma_iova_sync",
  "call.dma_iova_link",
  "call.dma_iova_try_alloc",
  "call.dma_map_phys",
  "call.dma_unmap_phys",
] as const satisfies readonly EventName[];

const NOTHING_AROUND: Around = { link: null, attrs: [] };

/**
 * A flush timer that fires inside the next call, when `after` operations of that call are complete.
 */
interface TimerInside {
  readonly after: number;
  readonly queue: FlushQueue;
  /** Whether the operation inside which the timer fired had already missed the cache. */
  readonly afterMiss: boolean;
}

export class InnerLines extends InnerRecord {
  around: Around = NOTHING_AROUND;
  /** The lines of a timer that fired inside the current operation. */
  fired: InnerLine[] | null = null;
  #tries: Json[] = [];
  #timer: TimerInside | null = null;
  /** Number of lines that were completed since the current operation began. */
  #complete = 0;
  /**
   * `#call`: the call that was entered last. `#bareFree`: whether that call frees a range without
   * an unmap.
   */
  #call = "";
  #bareFree = false;
  /** Whether the call has queued a range for flushing. */
  #parks = false;
  /** Lines of a flush of the queue that runs at the same time as a call; null if no such flush runs. */
  #beside: InnerLine[] | null = null;
  /** For each kind of event, the function that adds the event's lines. */
  readonly #seen: Partial<Record<EventName, (fields: Fields, why: MachineEvent["why"]) => void>> = {
    "iova.alloc": (fields) => {
      const taken = renamed(fields, { iova: "start", size: "size_bytes" });
      this.push({ op: "iova_alloc", ...taken, tries: this.#tries });
    },
    "iova.free": ({ size_bytes, start, to }) =>
      this.#addFree(start as number, size_bytes as number, to as string),
    "iommu.unmap": (fields) => this.push({ op: "iommu_unmap", ...renamed(fields, UNMAPPED) }),
    "iommu.sync_map": (fields) => {
      // Inside a single mapping, the kernel's iommu_sync_map() is inlined, so that no probe saw it.
      if (this.#call === "dma_iova_sync") {
        this.push({ op: "iommu_sync_map", ...renamed(fields, SYNCED) });
      }
    },
    "iotlb.sync": (fields, why) => {
      if (!this.of.tellsFlushes) return;
      const leaf_only = why?.inputs.leaf_only === true;
      this.addFlush(fields, { leaf_only }, { leaf_only: false });
    },
    "swiotlb.map": (fields) => this.#addBounce(fields),
    "swiotlb.unmap": (fields) => this.#addRelease(fields),
    "swiotlb.copy": (fields) => this.addCopy(fields),
    "kernel.warn": ({ at, log }) => this.#addWarning(at as string, log !== null),
  };

  constructor(
    private readonly machine: Machine,
    private readonly dev: DmaDevice,
    private readonly of: {
      readonly words: AddressWords;
      readonly tellsFlushes: boolean;
      readonly sites: WarnSites;
    },
  ) {
    super();
    const calls = CALLS.map((name) =>
      [name, (fields: Fields) => this.#enter(name, fields)] as const
    );
    const seen = { ...this.#seen, ...Object.fromEntries(calls) };
    machine.events.listen(
      ({ fields, name, why }) => seen[name]!(fields as Fields, why),
      Object.keys(seen) as EventName[],
    );
    if (dev.domain !== null) this.#watch(dev.domain);
  }

  /** Returns and clears the lines since the last call. */
  take(): InnerLine[] {
    const { lines } = this;
    this.lines = [];
    this.#parks = false;
    this.#bareFree = false;
    return lines;
  }

  /** Called before an operation of a case. */
  begin(): void {
    this.#complete = 0;
    this.around = NOTHING_AROUND;
    this.take();
  }

  /**
   * Makes the flush queue's timer fire inside the next operation: when `after` lines of the
   * operation are complete, and before the operation allocates, frees or queues its next range.
   *
   * @param afterMiss Whether the allocation that follows these lines misses the cache. The timer
   *   then fires after the miss.
   */
  fireInside(queue: FlushQueue, after: number, afterMiss: boolean): void {
    this.#timer = { after, queue, afterMiss };
  }

  /**
   * Called after an operation.
   * @returns The lines of the timer that was to fire inside the operation; null without such a
   *   timer.
   */
  end(): InnerLine[] | null {
    this.#fireTimer();
    const { fired } = this;
    this.fired = null;
    return fired;
  }

  /** Fires the timer of the flush queue. @returns Its lines. */
  fire(queue: FlushQueue): InnerLine[] {
    const lines: InnerLine[] = [{ op: "fq_timer" }];
    this.#beside = lines;
    this.machine.clock.disarm(queue);
    queue.timerExpired();
    this.#beside = null;
    return lines;
  }

  #watch(domain: IommuDomain): void {
    const { flushQueue, iova } = domain;
    const allocFast = iova.allocFast.bind(iova);
    iova.allocFast = (cpu, pfns, limitPfn, flush) => {
      this.#fireWhenDue(false);
      const pfn = allocFast(cpu, pfns, limitPfn, flush);
      const from = iova.lastSource === "rcache" ? "cache" : "tree";
      this.#tries.push([this.of.words.recordedLimit(limitPfn), flush, from, pfn !== 0]);
      return pfn;
    };
    const alloc = iova.ranges.alloc.bind(iova.ranges);
    iova.ranges.alloc = (pfns, limitPfn, aligned) => {
      this.#fireWhenDue(true);
      return alloc(pfns, limitPfn, aligned);
    };
    const freeFast = iova.freeFast.bind(iova);
    iova.freeFast = (cpu, pfn, pfns) => {
      this.#fireWhenDue(true);
      freeFast(cpu, pfn, pfns);
    };
    if (flushQueue !== null) {
      const add = flushQueue.add.bind(flushQueue);
      flushQueue.add = (cpu, pfn, pfns) => {
        this.#fireWhenDue(true);
        add(cpu, pfn, pfns);
      };
    }
    const allocIova = domain.allocIova.bind(domain);
    domain.allocIova = (device, sizeBytes, coherent) => {
      this.#tries = [];
      const start = allocIova(device, sizeBytes, coherent);
      if (start === 0) {
        this.push({ op: "iova_alloc", size: sizeBytes, iova: null, tries: this.#tries });
      }
      return start;
    };
    const map = domain.map.bind(domain);
    domain.map = (iovaStart: number, phys: PhysAddr, sizeBytes: number, flags: number) => {
      const ret = map(iovaStart, phys, sizeBytes, flags);
      const kind = (flags & PTE_MMIO) === 0 ? KERNEL_CACHE : KERNEL_MMIO;
      const prot = (flags & READ_AND_WRITE) + kind;
      this.push({ op: "iommu_map", iova: iovaStart, phys, size: sizeBytes, prot, ret });
      return ret;
    };
  }

  protected override push(line: InnerLine): void {
    if (this.#beside !== null) {
      this.#beside.push(line);
      return;
    }
    super.push(line);
    this.#complete++;
  }

  /** @param missed Whether the cache has already been searched in vain, or is not used here. */
  #fireWhenDue(missed: boolean): void {
    const timer = this.#timer;
    if (timer === null || this.#complete < timer.after || timer.afterMiss && !missed) return;
    this.#fireTimer();
  }

  #fireTimer(): void {
    const timer = this.#timer;
    if (timer === null) return;
    this.#timer = null;
    this.fired = this.fire(timer.queue);
  }

  /** Called when a call begins: sets the form of its lines, and adds the first line of some calls. */
  #enter(name: string, fields: Fields): void {
    const mapped = name === "call.dma_iova_destroy" ? fields.mapped_len as number : 0;
    this.#call = name.slice("call.".length);
    this.#bareFree = name === "call.dma_iova_free" ||
      (name === "call.dma_iova_destroy" && mapped === 0);
    if (name === "call.dma_iova_unlink") {
      const { offset, size } = fields;
      this.push({ op: "iova_unlink", offset: offset as number, size: size as number });
    } else if (mapped !== 0) {
      this.push({ op: "iova_unlink", offset: 0, size: mapped });
    }
  }

  #addFree(iova: number, size: number, to: string): void {
    if (to === "flush_queue") {
      this.push({ op: "iova_free", iova, size, deferred: true });
      this.#parks = true;
      return;
    }
    const freed = { iova, pages: size / GRANULE_BYTES, to: to === "tree" ? "tree" : "cache" };
    // If a range is freed during a flush, or after this call has queued a range, the freed range
    // was queued earlier.
    if (this.#beside !== null || this.#parks) this.push({ op: "iova_free_late", ...freed });
    else if (this.#bareFree) this.push({ op: "iova_free", ...freed });
    else this.push({ op: "iova_free", size, deferred: false, ...freed });
  }

  #addBounce(fields: Fields): void {
    const { attrs, link } = this.around;
    this.addBounce(fields, {
      linkedAt: link === null ? null : (phys) => link.addr + link.offset + phys - link.phys,
      showsIommu: true,
    }, attributeList(attrs));
  }

  #addRelease(fields: Fields): void {
    const attrs = attributeList(fields.attrs);
    this.addRelease(fields, attrs.attrs === undefined, attrs);
  }

  /**
   * @param isMessage Whether the warning is a message without a stack trace. The record contains
   *   only one kind of such messages.
   */
  #addWarning(at: string, isMessage: boolean): void {
    if (at === "iommu_dma_alloc_iova") {
      const { lastAddress } = this.dev;
      const last = Math.min(lastAddress, this.dev.domain?.table.lastAddress ?? lastAddress);
      this.push({ op: "message", bits: this.of.words.recordedBits(Math.log2(last + 1)) });
      return;
    }
    if (isMessage) return;
    const [site, within] = this.of.sites[at] ?? [`unknown place "${at}"`, this.#call];
    this.push({ op: "warn", site, function: within });
  }
}
