/**
 * One machine is one world: its memory, its IOMMU, its clock and everything that happened on it.
 *
 * Nothing is shared between two machines. The parts know each other through the machine only.
 */
import { type AuditOptions, MachineAudit } from "./audit/machine_audit.ts";
import { ActivityQueue } from "./activity.ts";
import type { Bytes, DmaAddr, Nanoseconds, PhysAddr } from "./address.ts";
import { VirtualClock } from "./clock.ts";
import { DeviceBus } from "./dma/device/bus_access.ts";
import { DmaChecker } from "./dma/checker/dma_checker.ts";
import type { DmaDevice } from "./dma/device/device.ts";
import { DeviceMemory } from "./dma/device/device_memory.ts";
import { DmaMapping } from "./dma/calls/mapping.ts";
import { invariant } from "./errno.ts";
import { EventStream } from "./events.ts";
import { type ArmedFault, FaultCounter, FaultInjector } from "./faults.ts";
import { type DeviceAccess, Iommu } from "./iommu/iommu.ts";
import { IOMMU_MODELS, type IommuModelSpec } from "./iommu/iommu_models.ts";
import { type Kernel, resolveKernel } from "./kernels/kernels.ts";
import type { MachineConfig } from "./machine_config.ts";
import { CpuContext } from "./cpu_context.ts";
import { KernelAreas } from "./dma/kernel_areas.ts";
import { CpuCaches } from "./memory/cpu_caches.ts";
import type { HostBudget } from "./host_budget.ts";
import { Interrupts } from "./interrupts.ts";
import type { HostMemory } from "./memory/host_memory.ts";
import { layOutMemory } from "./memory/layout.ts";
import { MemoryEncryption } from "./memory/memory_encryption.ts";
import { PageAllocator } from "./memory/page_allocator.ts";
import { PhysicalMemory } from "./memory/physical_memory.ts";
import { RegisterPorts } from "./memory/register_ports.ts";
import { SwiotlbPool } from "./memory/swiotlb/swiotlb.ts";
import { swiotlbCopyRules } from "./memory/swiotlb/swiotlb_copy_rules.ts";
import {
  areasForSlots,
  placePool,
  PoolPlaceError,
  sizePool,
  SLOT_BYTES,
} from "./memory/swiotlb/swiotlb_geometry.ts";
import type { SwiotlbGeometry } from "./memory/swiotlb/swiotlb_geometry.ts";
import { named } from "./named.ts";
import { applyPrices, Charges } from "./prices.ts";
import { Random } from "./random.ts";
import type { PeerMapType } from "./vocabulary/shared_words.ts";
import { KernelWarnings } from "./warnings.ts";

export type { PeerMapType };

/** Who wants to know which memory devices read. @internal */
export interface FetchWatcher {
  /**
   * A device reads memory, which lies in one page.
   * @param dma Where, as the device sees it.
   */
  fetched(dev: DmaDevice, dma: number, phys: PhysAddr, sizeBytes: Bytes): void;
}

/** What the runtime asks of the PCI tree, which lives above it. */
export interface PeerRouter {
  /** Whether a page is a peer's at all. Does not look for a route. */
  isPeerMemory(phys: PhysAddr): boolean;
  /** How `client` reaches the memory at `phys`. */
  mapType(phys: PhysAddr, client: DmaDevice): PeerMapType;
  /** The PCI bus address of peer memory. */
  busAddress(phys: PhysAddr): DmaAddr;
  /** What lends the memory at `phys`, to tell one provider from another; null for none. */
  providerAt(phys: PhysAddr): unknown;
  /**
   * Where an access of `client` ends when its address lies in a BAR that it reaches without passing
   * the root complex; -1 when it goes there; -2 when it, or the answer to it, is lost on the way.
   */
  resolveBusAddress(client: DmaDevice, dma: number, access: DeviceAccess): PhysAddr | -1 | -2;
  /**
   * Whether the root complex carries on an access that it has translated, or need not.
   * @param phys Where it leads; memory of the host is always carried on to.
   */
  passesRoot(client: DmaDevice, dma: number, phys: PhysAddr, access: DeviceAccess): boolean;
}

/**
 * A machine: its memory, its IOMMU, its clock, the calls of its kernel, and everything that happens on it.
 *
 * `buildLab` makes one with its devices. What is set up here is the whole world of a run: two machines
 * share nothing.
 */
export class Machine {
  /** What it was built from. */
  readonly config: MachineConfig;
  /** @internal */
  readonly kernel: Kernel;
  /** @internal */
  readonly iommuModel: IommuModelSpec;
  /** Virtual time and its timers. */
  readonly clock: VirtualClock;
  /** @internal */
  readonly random: Random;
  /** Everything that happens, for who listens, and how often it happened. */
  readonly events: EventStream;
  /** @internal */
  readonly activities: ActivityQueue;
  /**
   * What the kernel itself prints.
   * @internal
   */
  readonly warnings: KernelWarnings;
  /**
   * Virtual time for what is no event: table leaves and copied bytes.
   * @internal
   */
  readonly charges: Charges;
  /** Physical memory, as the CPU reads and writes it. */
  readonly memory: PhysicalMemory;
  /**
   * Memory as devices see it, where that is not simply memory; null elsewhere.
   * @internal
   */
  deviceMemory: DeviceMemory | null = null;
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
  /** Who gives pages of memory to scripts and drivers. */
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
   * Who handles which interrupt.
   * @internal
   */
  readonly interrupts: Interrupts;
  /**
   * Windows of devices that answer by themselves.
   * @internal
   */
  readonly registers = new RegisterPorts();
  /**
   * The bounce buffers.
   * @internal
   */
  readonly swiotlb: SwiotlbPool;
  /** The IOMMU. */
  readonly iommu: Iommu;
  /** The kernel's functions that map and unmap, by their names. */
  readonly dma: DmaMapping;
  /** Reads and writes of memory by devices: translated, checked, and faulting where they lead nowhere. */
  readonly bus: DeviceBus;
  /**
   * Sees the mistakes of drivers; null when the configuration wants none.
   * @internal
   */
  readonly checker: DmaChecker | null;
  /**
   * Set by the PCI tree once it is built.
   * @internal
   */
  peers: PeerRouter | null = null;
  /**
   * Watchers of what devices read; nearly always none.
   * @internal
   */
  readonly fetchWatchers: FetchWatcher[] = [];
  /**
   * Injected failures, and counts of points that could fail; null without either, as nearly always.
   * @internal
   */
  faults: FaultInjector | null = null;
  /**
   * Looks whether all that is kept fits together; null until it is started.
   * @internal
   */
  audit: MachineAudit | null = null;
  /**
   * Called after each activity, and the timers that it made due.
   * @internal
   */
  onActivity: (() => void) | null = null;
  /** What the devices and their drivers have to look at then. */
  readonly auditors: (() => void)[] = [];
  readonly #injector: FaultInjector;

  /**
   * Builds it, without devices; `buildLab` adds those.
   *
   * @throws {RangeError} When windows overlap, the bounce buffers do not lie in RAM, or the release, a
   *   defect or the IOMMU's model is none that there is.
   */
  constructor(config: MachineConfig) {
    this.config = config;
    this.kernel = resolveKernel(config);
    this.iommuModel = named(IOMMU_MODELS, config.iommu.model, "IOMMU model");
    this.clock = new VirtualClock();
    this.random = new Random(config.seed);
    this.events = new EventStream(this.clock);
    this.#injector = new FaultInjector(this.events);
    this.activities = new ActivityQueue(this.clock.context);
    this.warnings = new KernelWarnings(this.events, this.clock);
    this.interrupts = new Interrupts(this.context, this.warnings, this.events);
    this.charges = new Charges(this.clock);
    this.memory = new PhysicalMemory(layOutMemory(config));
    this.pages = new PageAllocator(
      this.memory,
      config.regions.filter(({ type }) => type === "ram"),
      config.pageSizeBytes,
    );
    this.areas = new KernelAreas(config.regions);
    this.encryption = config.memoryEncryption ? new MemoryEncryption(this.memory) : null;
    this.swiotlb = new SwiotlbPool(this, this.#poolGeometry(), swiotlbCopyRules(this.kernel));
    if (this.swiotlb.active) {
      const { basePhys, sizeBytes } = this.swiotlb;
      if (!this.pages.claim(basePhys, sizeBytes)) throw new PoolPlaceError(basePhys, sizeBytes);
      this.encryption?.share(basePhys, sizeBytes);
    }
    this.checker = config.checker === "off" ? null : new DmaChecker(this);
    this.iommu = new Iommu(this);
    this.dma = new DmaMapping(this);
    this.bus = new DeviceBus(this);
    if (this.encryption !== null) this.#watchDevices();
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

  /**
   * The CPU's caches: they matter from here on, since some device does not see them.
   * @internal
   */
  useCaches(): CpuCaches {
    if (this.caches !== null) return this.caches;
    const caches = new CpuCaches(this.memory, this.events.context, (hazard) => {
      this.checker?.memory.cachesDiffer(hazard);
    });
    this.caches = caches;
    this.#watchDevices();
    return caches;
  }

  #watchDevices(): void {
    this.deviceMemory = new DeviceMemory({
      memory: this.memory,
      caches: this.caches,
      encryption: this.encryption,
      onPrivate: (dev, phys, sizeBytes, access) => {
        this.checker?.memory.touchesPrivate(dev, phys, sizeBytes, access);
      },
    });
  }

  /** The CPU that runs: IOVA caches, flush queues, bounce areas and NVMe queues are per CPU. */
  get cpu(): number {
    return this.events.context.cpu;
  }

  set cpu(cpu: number) {
    invariant(cpu >= 0 && cpu < this.config.cpus, `There is no CPU ${cpu}`);
    this.events.context.cpu = cpu;
  }

  /**
   * Runs one activity, then the timers that it made due.
   * @returns False when no activity waited.
   */
  runNextActivity(): boolean {
    const ran = this.activities.runNext();
    if (ran) {
      this.clock.runDue();
      if (this.audit !== null) this.audit.afterActivity();
      if (this.onActivity !== null) this.onActivity();
    }
    return ran;
  }

  /**
   * Has all that is kept looked at from here on, after every few activities.
   * @internal
   */
  startAudit(options: AuditOptions = {}): void {
    this.audit = new MachineAudit(this, options);
  }

  /** Has a point of the runtime fail from here on, until it is disarmed. */
  armFault(fault: ArmedFault): void {
    this.#injector.arm(fault);
    this.faults = this.#injector;
  }

  /** Ends that; a fault that is not armed stays so. */
  disarmFault(fault: ArmedFault): void {
    this.#injector.disarm(fault);
    if (this.#injector.idle) this.faults = null;
  }

  /**
   * Begins to note every place where something could fail.
   * @internal
   */
  countFaults(): FaultCounter {
    const counter = new FaultCounter();
    this.#injector.count(counter);
    this.faults = this.#injector;
    return counter;
  }

  /**
   * Ends that; the counter goes on telling what it has noted.
   * @internal
   */
  stopCountingFaults(counter: FaultCounter): void {
    this.#injector.stopCounting(counter);
    if (this.#injector.idle) this.faults = null;
  }

  /** Moves virtual time, firing the timers on the way. Activities wait. */
  advance(durationNs: Nanoseconds): void {
    this.clock.advance(durationNs);
  }

  /**
   * Ends bring-up: counters, event numbers and time begin at 0, flush queues are empty, and prices
   * are in force from here on.
   * @internal
   */
  markReady(): void {
    this.iommu.drainFlushQueues();
    this.cpu = 0;
    this.clock.reset();
    this.events.reset();
    this.warnings.restartTime();
    this.checker?.restartCounts();
    this.swiotlb.resetHighWater();
    applyPrices(this.config.pricesNs, this.charges, this.events);
  }

  #poolGeometry(): SwiotlbGeometry | null {
    const { sizeBytes, areas, basePhys } = this.config.swiotlb;
    const areasAsked = areas ?? this.config.cpus;
    if (sizeBytes === 0) return null;
    if (basePhys === undefined) return placePool(this.memory.ranges, sizeBytes, areasAsked);
    const sized = sizePool(Math.ceil(sizeBytes / SLOT_BYTES), areasAsked);
    return { basePhys, slots: sized.slots, areas: areasForSlots(sized.slots, sized.areas) };
  }
}
