/**
 * The platform of the kernel's code: configuration, clock, events, memory, pages, bounce buffers,
 * warnings and injected faults.
 *
 * The IOMMU and the mapping layer use this class. `Machine` extends it with these two and with the
 * devices.
 */
import { VirtualClock } from "./time/clock.ts";
import { CpuContext } from "./cpu_context.ts";
import { KernelAreas } from "./dma/kernel_areas.ts";
import { invariant } from "./errno.ts";
import { CORE_EVENTS, type EventVocabulary } from "./event_vocabulary.ts";
import { EventStream } from "./events.ts";
import { type ArmedInjection, type CallFrame, FailureInjector, HitCounter } from "./injection.ts";
import type { HostBudget } from "./host_budget.ts";
import { IOMMU_MODELS, type IommuModelSpec } from "./iommu/iommu_models.ts";
import type { QuirkSet } from "./kernels/behaviours.ts";
import { type Kernel, quirksOf, resolveKernel } from "./kernels/kernels.ts";
import type { MachineConfig } from "./machine_config.ts";
import type { CpuCaches } from "./memory/cpu_caches.ts";
import { type HostMemory, PhysicalMemory } from "./memory/physical_memory.ts";
import { layOutMemory } from "./memory/layout.ts";
import { MemoryEncryption } from "./memory/memory_encryption.ts";
import { PageAllocator } from "./memory/page_allocator.ts";
import { GrowingPool } from "./memory/swiotlb/growing_pool.ts";
import { SwiotlbPool } from "./memory/swiotlb/swiotlb.ts";
import { placePool, PoolPlaceError } from "./memory/swiotlb/swiotlb_geometry.ts";
import { named } from "./nearest_names.ts";
import { Charges, hasLatencies } from "./time/latencies.ts";
import { Random } from "./random.ts";
import { KernelWarnings } from "./warnings.ts";

/** The platform of a machine. Two platforms share nothing. */
export class Platform {
  /** Its configuration. */
  readonly config: MachineConfig;
  /** @internal */
  readonly kernel: Kernel;
  /** @internal */
  readonly iommuModel: IommuModelSpec;
  /** Virtual time and its timers. */
  readonly clock: VirtualClock;
  /** @internal */
  readonly random: Random;
  /** The machine's events: delivered to listeners, and counted by kind. */
  readonly events: EventStream;
  /**
   * The kernel's own messages.
   * @internal
   */
  readonly warnings: KernelWarnings;
  /**
   * Why blocks of a driver's memory may not be leaks although nothing has freed them, by physical addresses: ends of
   * a sentence.
   */
  readonly memoryNotes = new Map<number, string>();
  /**
   * Latencies that do not belong to an event: table leaves, copied bytes, and waiting for a lock.
   * @internal
   */
  readonly charges: Charges;
  /** Physical memory, as the CPU reads and writes it. */
  readonly memory: PhysicalMemory;
  /**
   * The CPU's caches; null while every device is coherent.
   * @internal
   */
  caches: CpuCaches | null = null;
  /**
   * Memory that devices cannot read; null except in a confidential guest.
   * @internal
   */
  readonly encryption: MemoryEncryption | null;
  /** Allocates pages of memory for scripts and drivers. */
  readonly pages: PageAllocator;
  /**
   * Memory that no driver may map.
   * @internal
   */
  readonly areas: KernelAreas;
  /**
   * The context of the running code, which says whether that code may sleep.
   * @internal
   */
  readonly context = new CpuContext();
  /**
   * The bounce buffers.
   * @internal
   */
  readonly swiotlb: SwiotlbPool;
  /**
   * Injects failures, and counts the points that could fail. Null if neither is wanted, which is
   * the usual case.
   * @internal
   */
  faults: FailureInjector | null = null;
  /**
   * Whether expensive consistency checks are enabled.
   * @internal
   */
  audited = false;
  /** Functions that check the data of devices and drivers; the machine's audit calls them. */
  readonly auditors: (() => void)[] = [];
  /**
   * True if each CPU and each device has its own clock once the machine is ready. Such a machine has
   * a separate kind of activity queue (`TimedActivityQueue`), so that the usual queue, which every
   * request uses, needs no branch for the clocks. A branch in each part of the code that every
   * request executes would make a read without latencies five per cent slower.
   * @internal
   */
  readonly timed: boolean;
  readonly #injector: FailureInjector;
  /** The call stack of running compiled code; null while none runs. */
  callStack: (() => readonly CallFrame[]) | null = null;

  /** @internal */
  constructor(config: MachineConfig, vocabulary: EventVocabulary = CORE_EVENTS) {
    this.config = config;
    this.timed = hasLatencies(config);
    this.kernel = resolveKernel(config);
    this.iommuModel = named(IOMMU_MODELS, config.iommu.model, "IOMMU model");
    this.clock = new VirtualClock();
    this.random = new Random(config.seed);
    this.events = new EventStream(this.clock, vocabulary);
    this.#injector = new FailureInjector(this.events, () => this.callStack?.() ?? []);
    this.warnings = new KernelWarnings(this.events, this.clock);
    this.charges = new Charges(this.clock);
    this.memory = new PhysicalMemory(layOutMemory(config));
    this.pages = new PageAllocator(
      this.memory,
      config.regions.filter(({ type }) => type === "ram"),
      config.pageSizeBytes,
    );
    this.areas = new KernelAreas(config.regions);
    this.encryption = config.memoryEncryption ? new MemoryEncryption(this.memory) : null;
    const { areas, basePhys, sizeBytes } = config.swiotlb;
    this.swiotlb = new (config.swiotlb.dynamic ? GrowingPool : SwiotlbPool)(
      this,
      placePool(this.memory.ranges, sizeBytes, areas ?? config.cpus, basePhys),
      this.kernel,
    );
    if (!this.swiotlb.active) return;
    const { basePhys: start, sizeBytes: length } = this.swiotlb;
    if (!this.pages.claim(start, length, "driver")) throw new PoolPlaceError(start, length);
    this.encryption?.share(start, length);
  }

  /**
   * True if every streaming mapping without translation is bounced: by configuration, or because
   * devices cannot read encrypted memory.
   * @internal
   */
  get forcesBounce(): boolean {
    return this.config.swiotlb.force || this.config.memoryEncryption;
  }

  /**
   * The limits on host memory and work for simulating this machine.
   * @internal
   */
  get budget(): HostBudget {
    return this.memory.budget;
  }

  /**
   * Memory as the CPU sees it: physical memory, or the caches if some device is not coherent.
   * @internal
   */
  get hostMemory(): HostMemory {
    return this.caches ?? this.memory;
  }

  /** The defects of the machine's kernel. */
  get quirks(): QuirkSet {
    return quirksOf(this.kernel);
  }

  /** The current CPU: IOVA caches, flush queues, bounce areas and NVMe queues are per CPU. */
  get cpu(): number {
    return this.events.context.cpu;
  }

  set cpu(cpu: number) {
    invariant(cpu >= 0 && cpu < this.config.cpus, `There is no CPU ${cpu}`);
    this.events.context.cpu = cpu;
  }

  /** Makes an injection point fail from here on, until the injection is disarmed. */
  armInjection(fault: ArmedInjection): void {
    this.#injector.arm(fault);
    this.faults = this.#injector;
  }

  /** The call stack when an injection point failed last. */
  get failedStack(): readonly CallFrame[] {
    return this.#injector.lastStack;
  }

  /** Disarms an injection; does nothing if it is not armed. */
  disarmFault(fault: ArmedInjection): void {
    this.#injector.disarm(fault);
    if (this.#injector.idle) this.faults = null;
  }

  /**
   * Starts recording every hit of any injection point.
   * @internal
   */
  countHits(): HitCounter {
    const counter = new HitCounter();
    this.#injector.count(counter);
    this.faults = this.#injector;
    return counter;
  }

  /**
   * Stops the recording; the counter's results stay available.
   * @internal
   */
  stopCountingFaults(counter: HitCounter): void {
    this.#injector.stopCounting(counter);
    if (this.#injector.idle) this.faults = null;
  }
}
