/**
 * A machine is a separate world: its memory, its IOMMU, its clock and everything that happened on
 * it.
 *
 * Two machines share nothing. The parts of a machine reach each other only through the machine.
 */
import { ActivityQueue, TimedActivityQueue } from "./activity.ts";
import type { Nanoseconds } from "./address.ts";
import { type AuditOptions, MachineAudit } from "./audit/machine_audit.ts";
import { DmaMapping } from "./dma/calls/mapping.ts";
import { DmaChecker } from "./dma/checker/dma_checker.ts";
import { DeviceBus } from "./dma/device/bus_access.ts";
import { DeviceMemory } from "./dma/device/device_memory.ts";
import type { AccessWatcher, PeerRouter } from "./dma/dma_machine.ts";
import type { DriverModule } from "./driver_module.ts";
import { invariant } from "./errno.ts";
import { Interrupts } from "./interrupts.ts";
import { Iommu } from "./iommu/iommu.ts";
import type { MachineConfig } from "./machine_config.ts";
import { CpuCaches } from "./memory/cpu_caches.ts";
import { RegisterPorts } from "./memory/register_ports.ts";
import { CORE_EVENTS, type EventVocabulary } from "./event_vocabulary.ts";
import { Platform } from "./platform.ts";
import { applyLatencies } from "./time/latencies.ts";

/**
 * A machine: its memory, its IOMMU, its clock, the calls of its kernel, and everything that happens
 * on it.
 *
 * `buildLab` makes a machine with its devices. A machine creates all the state of its run, so two
 * machines share nothing.
 */
export class Machine extends Platform {
  /** @internal */
  readonly activities: ActivityQueue;
  /**
   * Memory as devices see it, if that differs from RAM; else null.
   * @internal
   */
  deviceMemory: DeviceMemory | null = null;
  /**
   * Interrupt numbers and their handlers.
   * @internal
   */
  readonly interrupts: Interrupts;
  /**
   * Device windows with registers, which respond to accesses.
   * @internal
   */
  readonly registers = new RegisterPorts();
  /** The IOMMU. */
  readonly iommu: Iommu;
  /** The kernel's functions that map and unmap, by their names. */
  readonly dma: DmaMapping;
  /** Devices' reads and writes of memory: translated, checked, and faulting at unmapped addresses. */
  readonly bus: DeviceBus;
  /**
   * Detects the mistakes of drivers; null when the configuration disables it.
   * @internal
   */
  readonly checker: DmaChecker | null;
  /**
   * The routes between peers. The PCI tree sets this property when the tree is built.
   * @internal
   */
  peers: PeerRouter | null = null;
  /**
   * Observers of devices' accesses; usually empty.
   * @internal
   */
  readonly accessWatchers: AccessWatcher[] = [];
  /**
   * Drivers in C, the oldest first; usually empty.
   * @internal
   */
  readonly driverModules: DriverModule[] = [];
  /**
   * Checks that data structures are consistent; null until the audit is started.
   * @internal
   */
  audit: MachineAudit | null = null;
  /**
   * Called after each activity and the timers that became due in it.
   * @internal
   */
  onActivity: (() => void) | null = null;

  /**
   * Builds a machine without devices; `buildLab` adds the devices.
   *
   * @throws {RangeError} When windows overlap, the bounce buffers do not lie in RAM, or the release, a
   *   defect or the IOMMU's model does not exist.
   * @param vocabulary The names and fields of the machine's events.
   */
  constructor(config: MachineConfig, vocabulary: EventVocabulary = CORE_EVENTS) {
    super(config, vocabulary);
    this.activities = new (this.timed ? TimedActivityQueue : ActivityQueue)(this.clock);
    this.interrupts = new Interrupts(this.context, this.warnings, this.events);
    this.checker = config.checker === "off" ? null : new DmaChecker(this);
    this.iommu = new Iommu(this);
    this.dma = new DmaMapping(this);
    this.bus = new DeviceBus(this);
    if (this.encryption !== null) this.#watchDevices();
  }

  /**
   * Creates the CPU's caches. They are simulated from this call on, because some device is not
   * coherent.
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

  /**
   * Runs one activity, then the timers that became due during the activity.
   * @returns False when no activity was waiting.
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
   * Starts the audit, which checks all data structures after every few activities.
   * @internal
   */
  startAudit(options: AuditOptions = {}): void {
    this.audited = true;
    this.audit = new MachineAudit(this, options);
  }

  /** Advances virtual time, running the timers that expire. Activities wait. */
  advance(durationNs: Nanoseconds): void {
    this.clock.advance(durationNs);
  }

  /**
   * Ends bring-up: counters, event numbers and time begin at 0, flush queues are emptied, and
   * latencies apply from now on.
   * @internal
   */
  markReady(): void {
    this.iommu.drainFlushQueues();
    invariant(this.iommu.pendingFlushes === 0, "Ranges wait for a flush after bring-up");
    this.cpu = 0;
    this.clock.reset();
    this.events.reset();
    this.warnings.restartTime();
    this.checker?.restartCounts();
    this.swiotlb.resetHighWater();
    applyLatencies(this.config, this.clock, this.charges, this.events);
  }
}
