/**
 * The platform of the kernel's code: configuration, clock, events, memory, pages, bounce buffers,
 * warnings and injected faults.
 *
 * The IOMMU and the mapping layer are given this; `Machine` adds them and the devices' side.
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
  /** Every event, for listeners, and how often each happened. */
  readonly events: EventStream;
  /**
   * The kernel's own messages.
   * @internal
   */
  readonly warnings: KernelWarnings;
  /**
   * Virtual time for what is no event: table leaves, copied bytes, and waiting for a lock.
   * @internal
   */
  readonly charges: Charges;
  /** Physical memory, as the CPU reads and writes it. */
  readonly memory: PhysicalMemory;
  /**
   * The CPU's caches; null while every device sees them.
   * @internal
   */
  caches: CpuCaches | null = null;
  /**
   * Which memory devices cannot read; null but in a confidential guest.
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
   * Whether what runs may sleep.
   * @internal
   */
  readonly context = new CpuContext();
  /**
   * The bounce buffers.
   * @internal
   */
  readonly swiotlb: SwiotlbPool;
  /**
   * Injected failures, and counts of points that could fail; null without either, as nearly always.
   * @internal
   */
  faults: FailureInjector | null = null;
  /**
   * Whether what costs too much to be checked always is checked.
   * @internal
   */
  audited = false;
  /** The devices and drivers that must check then. */
  readonly auditors: (() => void)[] = [];
  /**
   * Each CPU and each device has its own time, once the machine is ready. Parts that every request goes
   * through are then built otherwise: a branch in each of them costs a read without latencies five per cent.
   * @internal
   */
  readonly timed: boolean;
  readonly #injector: FailureInjector;
  /** The functions that run, of compiled code; null while none runs. */
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
    if (!this.pages.claim(start, length)) throw new PoolPlaceError(start, length);
    this.encryption?.share(start, length);
  }

  /**
   * Every streaming mapping without translation is bounced: asked for, or because devices cannot
   * read what is encrypted.
   * @internal
   */
  get forcesBounce(): boolean {
    return this.config.swiotlb.force || this.config.memoryEncryption;
  }

  /**
   * What simulating this machine may take of the host.
   * @internal
   */
  get budget(): HostBudget {
    return this.memory.budget;
  }

  /**
   * Memory as the CPU sees it: itself, unless it lies behind caches that some device does not see.
   * @internal
   */
  get hostMemory(): HostMemory {
    return this.caches ?? this.memory;
  }

  /** The defects that its kernel has. */
  get quirks(): QuirkSet {
    return quirksOf(this.kernel);
  }

  /** The CPU that runs: IOVA caches, flush queues, bounce areas and NVMe queues are per CPU. */
  get cpu(): number {
    return this.events.context.cpu;
  }

  set cpu(cpu: number) {
    invariant(cpu >= 0 && cpu < this.config.cpus, `There is no CPU ${cpu}`);
    this.events.context.cpu = cpu;
  }

  /** Has a point of the runtime fail from here on, until it is disarmed. */
  armInjection(fault: ArmedInjection): void {
    this.#injector.arm(fault);
    this.faults = this.#injector;
  }

  /** The functions that ran when a point failed last. */
  get failedStack(): readonly CallFrame[] {
    return this.#injector.lastStack;
  }

  /** Ends that; a fault that is not armed stays so. */
  disarmFault(fault: ArmedInjection): void {
    this.#injector.disarm(fault);
    if (this.#injector.idle) this.faults = null;
  }

  /**
   * Begins to note every place where something could fail.
   * @internal
   */
  countHits(): HitCounter {
    const counter = new HitCounter();
    this.#injector.count(counter);
    this.faults = this.#injector;
    return counter;
  }

  /**
   * Ends that; the counter goes on telling what it has noted.
   * @internal
   */
  stopCountingFaults(counter: HitCounter): void {
    this.#injector.stopCounting(counter);
    if (this.#injector.idle) this.faults = null;
  }
}
