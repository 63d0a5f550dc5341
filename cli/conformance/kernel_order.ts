/**
 * In which order a captured run's requests are mapped and completed.
 *
 * With a history every allocation has its place; without one, requests are mapped in the order of
 * their numbers and completed at once, which is the same thing where nothing is allocated.
 */
import { PAGE_SIZE_BYTES, type PhysAddr } from "../../runtime/address.ts";
import { DMA_BIDIRECTIONAL } from "../../runtime/dma/attributes.ts";
import type { MachineEvent } from "../../runtime/events.ts";
import { PTE_READ, PTE_WRITE } from "../../runtime/iommu/page_table.ts";
import type { Machine } from "../../runtime/machine.ts";
import { type Difference, firstDifference } from "./difference.ts";
import type { GroupCount } from "./group_result.ts";
import {
  type CaptureCase,
  type CaptureHistory,
  caseNumber,
  type HistoryEvent,
} from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";
import { KernelReplay } from "./kernel_replay.ts";

/** Maps and completes each request before the next. */
export function replayInCapturedOrder(
  host: CapturedMachine,
  cases: readonly CaptureCase[],
  count: GroupCount,
): void {
  const replay = new KernelReplay(host);
  for (const captured of cases) {
    replay.map(captured);
    const { difference } = replay.complete(captured);
    count.add(captured.id, difference, ruleOf(difference));
  }
}

/** Follows a history line by line: requests through the driver, the rest through the allocator. */
export function replayWithHistory(
  host: CapturedMachine,
  cases: readonly CaptureCase[],
  history: CaptureHistory,
  count: GroupCount,
  allocations: GroupCount,
): void {
  new HistoryReplay(host, cases, history, count, allocations).run();
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
class HistoryReplay {
  readonly #replay: KernelReplay;
  readonly #machine: Machine;
  /** Requests that have not completed, by number. */
  readonly #open = new Map<number, CaptureCase>();
  /** Requests being mapped, the innermost last. */
  readonly #mapping: number[] = [];
  readonly #mapped = new Set<CaptureCase>();
  /** How many ranges or slots the model gave back and the history has not told yet. */
  #releasesToCome = 0;
  /** Index of the next line. */
  #next = 0;

  constructor(
    private readonly host: CapturedMachine,
    private readonly cases: readonly CaptureCase[],
    private readonly history: CaptureHistory,
    private readonly count: GroupCount,
    private readonly allocations: GroupCount,
  ) {
    this.#replay = new KernelReplay(host);
    this.#machine = host.machine;
    for (const captured of cases) this.#open.set(caseNumber(captured.id), captured);
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
        this.#complete(number(1));
        break;
      case "alloc":
      case "swiotlb_map":
        this.#next--;
        this.#allocateOutside(event);
        break;
      case "release":
      case "swiotlb_unmap":
        this.#machine.cpu = number(1);
        if (this.#releasesToCome > 0) this.#releasesToCome--;
        else this.#replay.aside(() => this.#releaseOutside(event));
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
        this.host.dev.domain?.unmap(number(1), number(2), true);
        break;
      case "fq_timer":
        this.#machine.cpu = number(1);
        this.#replay.aside(() => this.#expireFlushTimer());
        break;
      default:
        // What follows from the lines above: `free`, `free_tree`, `dma_alloc`, `dma_map_…`.
        break;
    }
  }

  #request(id: number): void {
    const captured = this.#open.get(id);
    if (captured === undefined) return;
    this.#mapped.add(captured);
    this.#mapping.push(id);
    this.#noteReleases(this.#replay.map(captured));
    this.#mapping.pop();
  }

  #complete(id: number): void {
    const captured = this.#open.get(id);
    if (captured === undefined) return;
    if (!this.#mapped.has(captured)) this.#request(id);
    this.#open.delete(id);
    const { events, difference } = this.#replay.complete(captured);
    this.#noteReleases(events);
    this.count.add(captured.id, difference, ruleOf(difference));
  }

  /** Counts what the history is about to tell of ranges and slots given back. */
  #noteReleases(events: readonly MachineEvent[]): void {
    const lazy = this.host.dev.domain?.lazy === true;
    for (const event of events) {
      if (event.name === "swiotlb.unmap") this.#releasesToCome++;
      if (event.name !== "iova.free") continue;
      // Lazy: a range is asked to be freed when it is parked; leaving the queue is no new request.
      const { to } = event.fields as { readonly to: string };
      if (!lazy || to === "flush_queue") this.#releasesToCome++;
    }
  }

  /** An allocation that belongs to no request we know: the model is asked for the same. */
  #allocateOutside(event: HistoryEvent): void {
    const { dev } = this.host;
    if (event[0] === "alloc") {
      const sizeBytes = (event[2] as number) * PAGE_SIZE_BYTES;
      if (dev.domain !== null) dev.domain.allocIova(sizeBytes, true);
      else this.#next++;
      return;
    }
    const [, , phys, sizeBytes, alignMask] = event as [string, number, number, number, number];
    this.#machine.swiotlb.map(dev, phys as PhysAddr, sizeBytes, alignMask, DMA_BIDIRECTIONAL, 0);
  }

  #releaseOutside(event: HistoryEvent): void {
    const [name, , address, sizeBytes] = event as [string, number, number, number];
    if (name === "release") this.host.dev.domain?.releaseIova(address, sizeBytes);
    else {
      this.#machine.swiotlb.unmap(
        this.host.dev,
        address as PhysAddr,
        sizeBytes,
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

/** Which rule decides the part of a case that differs. */
function ruleOf(difference: Difference | null): string | null {
  if (difference === null) return null;
  const { path } = difference;
  for (const [pattern, rule] of RULES) if (pattern.test(path)) return rule;
  return null;
}

const RULES: readonly (readonly [RegExp, string])[] = [
  [/inner.*(iova|source|limit_pfn)/, "dma.4.3"],
  [/inner.*(start|end)/, "dma.5.2"],
  [/inner.*(tlb|orig)/, "dma.6.2"],
  [/^map/, "nvme.2.1"],
  [/^iter/, "block.2.3"],
  [/^segments/, "block.2.1"],
  [/^command.*(prp|sqe)/, "nvme.2.3"],
  [/^command/, "nvme.2.4"],
  [/^unmap/, "nvme.2.6"],
  [/^queue_status/, "block.2.3"],
];
