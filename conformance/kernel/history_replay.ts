/**
 * Follows a captured history line by line: requests through the driver, the rest through the
 * allocators.
 */
import { PAGE_SIZE_BYTES, type PhysAddr } from "../../runtime/address.ts";
import { DMA_BIDIRECTIONAL } from "../../runtime/dma/attributes.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { PTE_READ, PTE_WRITE } from "../../runtime/iommu/page_table.ts";
import type { Machine } from "../../runtime/machine.ts";
import { ruleOf } from "./case_rule.ts";
import { firstDifference } from "../difference.ts";
import type { GroupCount } from "../group_result.ts";
import {
  type CaptureCase,
  type CaptureHistory,
  caseNumber,
  type HistoryEvent,
} from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";
import { KernelReplay } from "./kernel_replay.ts";

/** Lines of the flush timer. */
const FLUSHES: ReadonlySet<string> = new Set(["fq_timer", "iotlb_flush_all"]);

/** Lines of what is given back. */
const NAMES_ITS_CPU: ReadonlySet<string> = new Set(["release", "free", "swiotlb_unmap"]);

/** IO addresses, given out together. */
interface Range {
  readonly start: number;
  readonly sizeBytes: number;
}

/** An allocation's size and place, as the history tells it. */
type Allocation = readonly (string | number)[];

/**
 * Follows a history with the model.
 *
 * A completion can interrupt a mapping between two of its allocations. So the history is also
 * followed from inside the model: just before it allocates, the lines up to the next recorded
 * allocation are caught up with.
 */
export class HistoryReplay {
  readonly #replay: KernelReplay;
  readonly #machine: Machine;
  /** Requests that have not completed, by number. */
  readonly #open = new Map<number, CaptureCase>();
  /** Requests being mapped, the innermost last. */
  readonly #mapping: number[] = [];
  readonly #mapped = new Set<CaptureCase>();
  /** How many ranges or slots the model gave back and the history has not told yet. */
  #releasesToCome = 0;
  /** Which lines tell of IO addresses that were given back. */
  readonly #tells: "release" | "free" | "nothing";
  /** A request that is no case and may own what is allocated now; -1 for none. */
  #stranger = -1;
  /** IO addresses of such requests, by number. */
  readonly #strangers = new Map<number, Range[]>();
  /** Which open request was mapped at an IO address. */
  readonly #owners = new Map<number, number>();
  /** Index of the next line. */
  #next = 0;

  constructor(
    private readonly host: CapturedMachine,
    private readonly cases: readonly CaptureCase[],
    private readonly history: CaptureHistory,
    private readonly count: GroupCount,
    private readonly allocations: GroupCount,
  ) {
    this.#replay = new KernelReplay(host, cases);
    this.#machine = host.machine;
    for (const captured of cases) this.#open.set(caseNumber(captured.id), captured);
    this.#tells = releaseLines(host, history);
    this.#followBeforeAllocating();
  }

  run(): void {
    while (this.#next < this.history.events.length) {
      this.#follow(this.history.events[this.#next++]!);
    }
    // A request whose end the record does not show is still a case.
    for (const captured of this.cases) this.#complete(caseNumber(captured.id));
  }

  /** Puts the history between the model and its two allocators. */
  #followBeforeAllocating(): void {
    const { domain } = this.host.dev;
    const { swiotlb } = this.#machine;
    if (domain !== null) {
      const allocIova = domain.allocIova.bind(domain);
      domain.allocIova = (sizeBytes, coherent) => {
        const line = this.#catchUp("alloc");
        const start = allocIova(sizeBytes, coherent);
        this.#judge(line, [
          sizeBytes / PAGE_SIZE_BYTES,
          start / PAGE_SIZE_BYTES,
          domain.iova.lastSource === "rcache" ? "cache" : "tree",
        ]);
        return start;
      };
    }
    const mapSlots = swiotlb.map.bind(swiotlb);
    swiotlb.map = (dev, phys, sizeBytes, alignMask, dir, attrs) => {
      const line = this.#catchUp("swiotlb_map");
      const tlb = mapSlots(dev, phys, sizeBytes, alignMask, dir, attrs);
      this.#judge(line, [phys, sizeBytes, alignMask, tlb]);
      return tlb;
    };
  }

  /**
   * Follows the history up to its next allocation, which is left for the model to make.
   * @returns That line's index, or -1 when the request under way allocates no more by the record.
   */
  #catchUp(kind: "alloc" | "swiotlb_map"): number {
    const { events } = this.history;
    for (; this.#next < events.length; this.#follow(events[this.#next++]!)) {
      const event = events[this.#next]!;
      if (event[0] === kind) {
        this.#machine.cpu = event[1] as number;
        return this.#next++;
      }
      if (event[0] === "complete" && this.#mapping.includes(event[1] as number)) return -1;
    }
    return -1;
  }

  #judge(line: number, got: Allocation): void {
    if (line < 0) return;
    const event = this.history.events[line]!;
    const slots = event[0] === "swiotlb_map";
    const expected = slots ? event.slice(2) as Allocation : [event[2]!, event[4]!, event[5]!];
    const difference = firstDifference([...expected], [...got]);
    this.allocations.add(`event ${line + 1}`, difference, slots ? "dma.6.2" : "dma.4.3");
  }

  #follow(event: HistoryEvent): void {
    const number = (index: number) => event[index] as number;
    switch (event[0]) {
      case "request":
        this.#request(number(1));
        break;
      case "complete":
        this.#goToCpuOfRelease();
        this.#complete(number(1));
        break;
      case "alloc":
      case "swiotlb_map":
        this.#next--;
        this.#allocateOutside(event);
        break;
      case "release":
      case "free":
        if (event[0] !== this.#tells) break;
        this.#released(event);
        break;
      case "swiotlb_unmap":
        this.#released(event);
        break;
      case "iommu_map":
        this.host.dev.domain?.map(
          number(1),
          number(2) as PhysAddr,
          number(3),
          PTE_READ | PTE_WRITE,
        );
        break;
      case "iommu_unmap":
        this.#unmap(number(1), number(2));
        break;
      case "fq_timer":
        this.#machine.cpu = number(1);
        this.#replay.aside(() => this.#expireFlushTimer());
        break;
      default:
        // What follows from the lines above: `free_tree`, `dma_alloc`, `dma_map_…`.
        break;
    }
  }

  #request(id: number): void {
    const captured = this.#open.get(id);
    this.#stranger = captured === undefined ? id : -1;
    if (captured === undefined) return;
    this.#mapped.add(captured);
    this.#mapping.push(id);
    const events = this.#replay.map(captured);
    this.#noteReleases(events);
    for (const start of rangesOf(events)) this.#owners.set(start, id);
    this.#mapping.pop();
  }

  #complete(id: number): void {
    const captured = this.#open.get(id);
    if (captured === undefined) {
      this.#completeStranger(id);
      return;
    }
    if (!this.#mapped.has(captured)) this.#request(id);
    this.#open.delete(id);
    const { events, difference } = this.#replay.complete(captured, this.#freedNext());
    this.#noteReleases(events);
    this.count.add(captured.id, difference, ruleOf(difference));
  }

  /** Ranges given back by the lines that come next, and freed before anything else is. */
  #freedNext(): ReadonlySet<number> {
    const { events } = this.history;
    const freed = new Set<number>();
    for (let index = this.#next; events[index]?.[0] === "release"; index++) {
      const iova = events[index]![2] as number;
      let after = index + 1;
      while (FLUSHES.has(events[after]?.[0] ?? "")) after++;
      const line = events[after];
      if (line?.[0] === "free" && line[2] === iova / PAGE_SIZE_BYTES) freed.add(iova);
    }
    return freed;
  }

  /** A completion's own line names no CPU; what it gives back does, on the next line. */
  #goToCpuOfRelease(): void {
    const next = this.history.events[this.#next];
    if (next !== undefined && NAMES_ITS_CPU.has(next[0])) this.#machine.cpu = next[1] as number;
  }

  /**
   * Leaves were cleared. Those of an open request are its metadata's: they go before the line that
   * says that it completes, which is where its data's mapping ends.
   */
  #unmap(iova: number, sizeBytes: number): void {
    const owner = this.#owners.get(iova);
    if (owner !== undefined && this.#open.has(owner)) this.#complete(owner);
    else this.host.dev.domain?.unmap(iova, sizeBytes, true);
  }

  /** A request without a line of its own: where nothing else tells, its ranges are parked now. */
  #completeStranger(id: number): void {
    if (this.#stranger === id) this.#stranger = -1;
    if (this.#tells !== "nothing") return;
    const ranges = this.#strangers.get(id) ?? [];
    this.#strangers.delete(id);
    this.#replay.aside(() => {
      for (const { start, sizeBytes } of ranges) {
        this.host.dev.domain!.releaseIova(start, sizeBytes);
      }
    });
  }

  /** Counts what the history is about to tell of ranges and slots given back. */
  #noteReleases(events: readonly MachineEvent[]): void {
    let parked = false;
    for (const event of events) {
      if (event.name.startsWith("call.")) parked = false;
      if (event.name === "swiotlb.unmap") this.#releasesToCome++;
      if (event.name !== "iova.free" || this.#tells === "nothing") continue;
      // A range is asked to be freed when it is parked; what a full queue lets go is no new request.
      const { to } = event.fields as { readonly to: string };
      if (to === "flush_queue") parked = true;
      if (!parked || to === "flush_queue") this.#releasesToCome++;
    }
  }

  /** An allocation that belongs to no request we know: the model is asked for the same. */
  #allocateOutside(event: HistoryEvent): void {
    const { dev } = this.host;
    if (event[0] === "alloc") {
      const sizeBytes = (event[2] as number) * PAGE_SIZE_BYTES;
      if (dev.domain === null) {
        this.#next++;
        return;
      }
      const start = dev.domain.allocIova(sizeBytes, true);
      if (this.#stranger >= 0 && !this.#isCoherentMemory()) {
        const ranges = this.#strangers.get(this.#stranger) ?? [];
        this.#strangers.set(this.#stranger, [...ranges, { start, sizeBytes }]);
      }
      return;
    }
    const [, , phys, sizeBytes, alignMask] = event as [string, number, number, number, number];
    this.#machine.swiotlb.map(dev, phys as PhysAddr, sizeBytes, alignMask, DMA_BIDIRECTIONAL, 0);
  }

  /** What the allocation at hand is for: memory that is mapped at once and stays so. */
  #isCoherentMemory(): boolean {
    const name = this.history.events[this.#next]?.[0];
    return name === "iommu_map" || name === "dma_alloc";
  }

  /** Something was given back: by the model, which has done so by now, or by somebody else. */
  #released(event: HistoryEvent): void {
    this.#machine.cpu = event[1] as number;
    if (this.#releasesToCome > 0) this.#releasesToCome--;
    else this.#replay.aside(() => this.#releaseOutside(event));
  }

  #releaseOutside(event: HistoryEvent): void {
    const [name, , address, size] = event as [string, number, number, number];
    const { domain } = this.host.dev;
    if (name === "release") domain?.releaseIova(address, size);
    else if (name === "free") {
      domain?.releaseIova(address * PAGE_SIZE_BYTES, size * PAGE_SIZE_BYTES);
    } else {
      this.#machine.swiotlb.unmap(
        this.host.dev,
        address as PhysAddr,
        size,
        DMA_BIDIRECTIONAL,
        0,
      );
    }
  }

  /** The captured timer ran here; the model's runs now, whatever its own time is. */
  #expireFlushTimer(): void {
    const queue = this.host.dev.domain?.flushQueue;
    if (queue === null || queue === undefined) return;
    this.#machine.clock.disarm(queue);
    queue.timerExpired();
  }
}

/** Where a request's own ranges begin; what a pool takes to grow is not the request's. */
function rangesOf(events: readonly MachineEvent[]): number[] {
  const starts: number[] = [];
  let inCoherent = false;
  for (const { name, fields } of events) {
    if (name === "call.dma_alloc_coherent") inCoherent = true;
    else if (name === "ret.dma_alloc_coherent") inCoherent = false;
    else if (name === "iova.alloc" && !inCoherent) {
      starts.push((fields as { readonly start: number }).start);
    }
  }
  return starts;
}

/**
 * The lines that tell when IO addresses were given back. Some records tell what was asked for; others
 * only what reached the caches, which in lazy mode is long after.
 */
function releaseLines(
  { dev }: CapturedMachine,
  { events }: CaptureHistory,
): "release" | "free" | "nothing" {
  if (events.some(([kind]) => kind === "release")) return "release";
  return dev.domain?.lazy === true ? "nothing" : "free";
}
