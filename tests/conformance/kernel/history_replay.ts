/**
 * Replays a captured history line by line: requests through the driver, the rest through the
 * allocators.
 */
import {
  type Machine,
  type MachineEvent,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  PTE_READ,
  PTE_WRITE,
} from "@dmalab/runtime";
import { DMA_BIDIRECTIONAL } from "@dmalab/runtime/dma";
import { type Difference, firstDifference } from "../difference.ts";
import type { GroupCount } from "../group_result.ts";
import {
  type CaptureCase,
  type CaptureHistory,
  caseNumber,
  type HistoryEvent,
  type Probes,
  probesOf,
  ruleOf,
} from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";
import type { KernelReplay } from "./kernel_replay.ts";
import type { Fields } from "../inner_record.ts";

/**
 * Matches the kinds of lines about work that belongs to no request. Before such a line, separate
 * lines show the allocations of this work. The lines of the page table show the work's mappings.
 */
const OF_OTHERS = /^dma_/;

/** Kinds of lines about freed ranges. Such a line names its CPU. */
const NAMES_ITS_CPU: ReadonlySet<string> = new Set(["release", "free", "swiotlb_unmap"]);

/** Kinds of lines about a completion that interrupts the flush timer, and about the timer's flush. */
const INTERRUPTS: ReadonlySet<string> = new Set([
  "iotlb_flush_all",
  "complete",
  "release",
  "swiotlb_unmap",
]);

/** The rule about freed ranges. */
const RELEASES = "dma.5.3";

/** IOVAs, allocated together. */
interface Range {
  readonly start: number;
  readonly sizeBytes: number;
}

/**
 * Replays a history on the model.
 *
 * A completion can interrupt a mapping between two of the mapping's allocations. Therefore the
 * history is also advanced from inside the model, at two points. Just before the model allocates,
 * the lines up to the next recorded allocation are replayed. Just after the flush of the flush
 * timer, lines are replayed up to the first line about a range that this flush frees.
 */
export class HistoryReplay {
  readonly #machine: Machine;
  /** Requests that have not completed, by number. */
  readonly #open = new Map<number, CaptureCase>();
  /** Requests being mapped, the innermost last. */
  readonly #mapping: number[] = [];
  readonly #mapped = new Set<CaptureCase>();
  /** Lines about ranges that the model has freed, and that the history has not reached yet. */
  readonly #lines: HistoryLines;
  readonly #probes: Probes;
  /** The limit of the model's last IOVA allocation, as a page frame. */
  #limitPfn = 0;
  /**
   * Number of a request that is not a case, but that may own the next allocation; -1 if no such
   * request exists.
   */
  #stranger = -1;
  /** IOVAs of requests that are no cases, by number. */
  readonly #strangers = new Map<number, Range[]>();
  /** The number of the open request that was mapped at an IOVA. */
  readonly #owners = new Map<number, number>();
  /** Index of the next line. */
  #next = 0;

  constructor(
    private readonly host: CapturedMachine,
    private readonly replay: KernelReplay,
    private readonly cases: readonly CaptureCase[],
    private readonly events: CaptureHistory["events"],
    /** Counts a case. */
    private readonly add: GroupCount["add"],
    /** Counts the lines of the history. */
    private readonly lines: GroupCount,
  ) {
    this.#machine = host.machine;
    for (const each of cases) this.#open.set(caseNumber(each.id), each);
    this.#probes = probesOf(host.environment);
    this.#lines = new HistoryLines(this.#machine, this.#probes);
    this.#machine.events.listen(({ fields }) => {
      const { limit } = fields as { readonly limit: number };
      this.#limitPfn = Math.floor(limit / PAGE_SIZE_BYTES);
    }, ["iova.alloc"]);
    this.#followBeforeAllocating();
  }

  run(): void {
    while (this.#next < this.events.length) {
      const line = this.#next++;
      try {
        this.#follow(line);
      } catch (error) {
        this.#count(line, { path: "", expected: "a replay", got: (error as Error).message }, null);
        this.#next = Math.max(this.#next, line + 1);
      }
    }
    for (const line of this.#lines.left) {
      const difference = { path: "", expected: undefined, got: line };
      this.lines.add("behind the last event", difference, RELEASES);
    }
    // A request is counted even if its end is not in the record.
    for (const captured of this.cases) this.#complete(caseNumber(captured.id));
  }

  /** Wraps the model's allocators, so that the history is advanced before each allocation. */
  #followBeforeAllocating(): void {
    const { domain } = this.host.dev;
    const { swiotlb } = this.#machine;
    if (domain !== null) {
      const allocIova = domain.allocIova.bind(domain);
      domain.allocIova = (device, sizeBytes, coherent) => {
        const line = this.#catchUp("alloc");
        const start = allocIova(device, sizeBytes, coherent);
        this.#judge(line, [
          sizeBytes / PAGE_SIZE_BYTES,
          this.#limitPfn,
          start / PAGE_SIZE_BYTES,
          domain.iova.lastSource === "rcache" ? "cache" : "tree",
        ]);
        return start;
      };
      const flushAll = domain.flushAll.bind(domain);
      domain.flushAll = () => {
        flushAll();
        if (this.#lines.isInTimer) this.#lines.inTimer(false, () => this.#catchUpInTimer());
      };
    }
    const { dropped = 0 } = this.host.environment;
    for (const pool of Object.values(this.host.pools)) {
      // Requests that the record lost still own pool blocks.
      if (dropped > 0) pool.allowOverlap();
      else pool.followOrder((isReached) => this.#catchUpCompletions(isReached));
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
   * Replays the history up to its next allocation. The model itself makes that allocation.
   * @returns The index of the allocation's line, or -1 if the record shows no further allocation of
   *   the current request.
   */
  #catchUp(kind: "alloc" | "swiotlb_map"): number {
    const { events } = this;
    for (; this.#next < events.length; this.#follow(this.#next++)) {
      const event = events[this.#next]!;
      if (event[0] === kind) {
        this.#goToCpu(event[1]);
        return this.#next++;
      }
      if (event[0] === "complete" && this.#mapping.includes(event[1] as number)) return -1;
    }
    return -1;
  }

  /**
   * Replays completions before an allocation from a pool, until `isReached` returns true. The
   * history has no line for such an allocation, so it is unknown which completions came before it.
   */
  #catchUpCompletions(isReached: () => boolean): void {
    const { events } = this;
    const { cpu } = this.#machine;
    for (let next = events[this.#next]; next !== undefined && !isReached();) {
      const isOther = next[0] === "complete" && !this.#mapping.includes(next[1] as number);
      if (!isOther && !tellsOfRelease(next)) break;
      this.#follow(this.#next++);
      next = events[this.#next];
    }
    this.#machine.cpu = cpu;
  }

  /** Replays the lines that interrupt the timer between its flush and the freeing of ranges. */
  #catchUpInTimer(): void {
    const { events } = this;
    const { cpu } = this.#machine;
    while (INTERRUPTS.has(events[this.#next]?.[0] ?? "")) this.#follow(this.#next++);
    this.#machine.cpu = cpu;
  }

  /** Compares an allocation's size and address with the allocation's line. */
  #judge(line: number, got: readonly (string | number)[]): void {
    if (line < 0) return;
    const [kind, , ...expected] = this.events[line]!;
    const difference = firstDifference(expected, [...got]);
    this.#count(line, difference, kind === "swiotlb_map" ? "dma.6.2" : "dma.4.3");
  }

  #count(line: number, difference: Difference | null, rule: string | null): void {
    this.lines.add(`event ${line + 1}`, difference, rule);
  }

  #follow(line: number): void {
    const event = this.events[line]!;
    const number = (index: number) => event[index] as number;
    if (tellsOfRelease(event)) {
      this.#released(line);
      return;
    }
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
        this.#goToCpu(number(1));
        this.#lines.inTimer(true, () => this.replay.aside(() => this.#expireFlushTimer()));
        break;
      default:
        if (OF_OTHERS.test(event[0])) break;
        this.#count(line, { path: "", expected: "a line with a rule", got: event[0] }, null);
    }
  }

  #request(id: number): void {
    const captured = this.#open.get(id);
    this.#stranger = captured === undefined ? id : -1;
    if (captured === undefined) return;
    this.#mapped.add(captured);
    this.#mapping.push(id);
    const events = this.replay.map(captured);
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
    const { difference } = this.replay.complete(captured);
    this.add(captured.id, difference, ruleOf(difference));
  }

  /** The next events happen on this CPU. */
  #goToCpu(cpu: unknown): void {
    const { cpus } = this.#machine.config;
    if (typeof cpu !== "number" || !(cpu >= 0 && cpu < cpus)) {
      throw new Error(`CPU ${cpu} is none of ${cpus}`);
    }
    this.#machine.cpu = cpu;
  }

  /**
   * The line of a completion names no CPU; the next line, about the completion's freed range, names
   * it.
   */
  #goToCpuOfRelease(): void {
    const next = this.events[this.#next];
    if (next !== undefined && NAMES_ITS_CPU.has(next[0])) this.#goToCpu(next[1]);
  }

  /**
   * Handles cleared page-table entries. If the entries belong to an open request, they mapped the
   * request's metadata: metadata is unmapped before the line of the request's completion, and data
   * is unmapped at that line.
   */
  #unmap(iova: number, sizeBytes: number): void {
    const owner = this.#owners.get(iova);
    if (owner !== undefined && this.#open.has(owner)) this.#complete(owner);
    else this.host.dev.domain?.unmap(iova, sizeBytes, true, "__iommu_dma_unmap");
  }

  /**
   * Completes a request that is no case. If the record has no lines of queued ranges, the request's
   * ranges are queued for flushing now.
   */
  #completeStranger(id: number): void {
    if (this.#stranger === id) this.#stranger = -1;
    // Only needed if the record has no lines of queued ranges.
    if (this.#probes.releases || this.host.dev.domain?.lazy !== true) return;
    const ranges = this.#strangers.get(id) ?? [];
    this.#strangers.delete(id);
    this.replay.aside(() => {
      for (const { start, sizeBytes } of ranges) {
        this.host.dev.domain!.releaseIova(start, sizeBytes);
      }
    });
  }

  /** Makes on the model an allocation that belongs to no known request. */
  #allocateOutside(event: HistoryEvent): void {
    const { dev } = this.host;
    if (event[0] === "alloc") {
      const sizeBytes = (event[2] as number) * PAGE_SIZE_BYTES;
      const start = dev.domain!.allocIova(dev, sizeBytes, true);
      if (this.#stranger >= 0 && !this.#isCoherentMemory()) {
        const ranges = this.#strangers.get(this.#stranger) ?? [];
        this.#strangers.set(this.#stranger, [...ranges, { start, sizeBytes }]);
      }
      return;
    }
    const [, , phys, sizeBytes, alignMask] = event as [string, number, number, number, number];
    this.#machine.swiotlb.map(dev, phys as PhysAddr, sizeBytes, alignMask, DMA_BIDIRECTIONAL, 0);
  }

  /** Whether the current allocation is coherent memory, which is mapped at once and stays mapped. */
  #isCoherentMemory(): boolean {
    const name = this.events[this.#next]?.[0];
    return name === "iommu_map" || name === "dma_alloc";
  }

  /**
   * Handles the line of a freed range. If the model has freed a range, the line is compared with
   * that range. Otherwise the range of the line belongs to other work: the model frees this range
   * before the comparison.
   */
  #released(line: number): void {
    const event = this.events[line]!;
    this.#goToCpu(event[1]);
    const { cpu } = this.#machine;
    let got = this.#lines.next(cpu);
    if (got === null) {
      this.replay.aside(() => this.#releaseOutside(event));
      got = this.#lines.next(cpu);
    }
    this.#count(line, firstDifference(event, got ?? undefined), RELEASES);
  }

  #releaseOutside(event: HistoryEvent): void {
    const [name, , address, size] = event as [string, number, number, number];
    const { domain } = this.host.dev;
    if (name === "release") domain?.releaseIova(address, size);
    else if (name === "free" && !this.#probes.releases) {
      domain?.releaseIova(address * PAGE_SIZE_BYTES, size * PAGE_SIZE_BYTES);
    } else if (name === "swiotlb_unmap") {
      this.#machine.swiotlb.unmap(
        this.host.dev,
        address as PhysAddr,
        size,
        DMA_BIDIRECTIONAL,
        0,
      );
    }
  }

  /** The captured timer ran here: the model's timer is run now, whatever its own clock says. */
  #expireFlushTimer(): void {
    const queue = this.host.dev.domain!.flushQueue!;
    this.#machine.clock.disarm(queue);
    queue.timerExpired();
  }
}

/**
 * The start addresses of a request's own ranges. A range by which a pool grows does not belong to
 * the request.
 */
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

/** Kinds of lines about something that was freed. */
export const FREES: ReadonlySet<string> = new Set([
  "release",
  "free",
  "free_tree",
  "swiotlb_unmap",
]);

/**
 * Whether a line reports a freed range or a flush. The model must have the same line, unless other
 * users of the machine caused the recorded line.
 */
function tellsOfRelease([kind]: HistoryEvent): boolean {
  return FREES.has(kind) || kind === "iotlb_flush_all";
}

/**
 * Lines about ranges that the model has freed and the record has not reached yet. The lines are
 * compared one by one, in order for each CPU.
 */
class HistoryLines {
  readonly #pending = new Map<number, HistoryEvent[]>();
  /**
   * Whether the current call has queued a range for flushing. A range that the call frees
   * afterwards was queued before the call.
   */
  #parked = false;
  #inTimer = false;

  /** @param probes Which lines the record contains. */
  constructor(machine: Machine, private readonly probes: Probes) {
    machine.events.listen((event) => this.#hear(event));
  }

  /** Removes and returns the model's next line for a CPU; null if no line is left. */
  next(cpu: number): HistoryEvent | null {
    return this.#pending.get(cpu)?.shift() ?? null;
  }

  /** Lines of the model that the record does not have. */
  get left(): readonly HistoryEvent[] {
    return [...this.#pending.values()].flat();
  }

  /** Whether the flush timer is running. */
  get isInTimer(): boolean {
    return this.#inTimer;
  }

  /**
   * Runs work as part of the flush timer, which frees ranges that were queued before it fired.
   *
   * @param inTimer False for work that interrupts the timer.
   */
  inTimer(inTimer: boolean, work: () => void): void {
    const outer = this.#inTimer;
    this.#inTimer = inTimer;
    work();
    this.#inTimer = outer;
  }

  #hear({ cpu, fields, name }: MachineEvent): void {
    const given = fields as Fields;
    const number = (field: string) => given[field] as number;
    if (name.startsWith("call.")) this.#parked = false;
    else if (name === "swiotlb.unmap") {
      this.#tell(cpu, "swiotlb_unmap", number("tlb_phys"), number("size_bytes"));
    } else if (name === "iotlb.sync") {
      if (this.#inTimer && given.kind === "all") this.#tell(cpu, "iotlb_flush_all");
    } else if (name === "iova.free") {
      this.#freed(cpu, number("start"), number("size_bytes"), String(given.to));
    }
  }

  #freed(cpu: number, start: number, sizeBytes: number, to: string): void {
    const parks = to === "flush_queue";
    const isAskedFor = parks || (!this.#parked && !this.#inTimer);
    if (isAskedFor && this.probes.releases) this.#tell(cpu, "release", start, sizeBytes);
    if (parks) {
      this.#parked = true;
      return;
    }
    const pfn = start / PAGE_SIZE_BYTES;
    this.#tell(cpu, "free", pfn, sizeBytes / PAGE_SIZE_BYTES);
    if (to === "tree") this.#tell(cpu, "free_tree", pfn);
  }

  #tell(cpu: number, kind: string, ...values: readonly number[]): void {
    const line: HistoryEvent = [kind, cpu, ...values];
    this.#pending.getOrInsertComputed(cpu, () => []).push(line);
  }
}
