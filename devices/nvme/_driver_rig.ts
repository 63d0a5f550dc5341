/**
 * A machine with one NVMe disk, for the driver's tests. Nothing is mocked; the disk is brought up
 * as in a lab.
 */
import {
  type ArmedInjection,
  Bio,
  bioGap,
  type BioVec,
  type BlockOp,
  type Bytes,
  defaultMachineConfig,
  type DmaAddr,
  EVENT_NAMES,
  type EventName,
  HostBudget,
  type IommuConfig,
  Machine,
  type MachineConfig,
  type MachineEvent,
  MIB,
  type NoMerges,
  type PhysAddr,
  vecsSizeBytes,
} from "@dmalab/runtime";
import { DmaDevice, type DmaDeviceOptions } from "@dmalab/runtime/dma";
import type { PeerMapType } from "@dmalab/runtime/vocabulary";
import type { HostMemoryNeeds } from "./controller/host_memory_buffer.ts";
import { Media } from "./controller/media.ts";
import { NvmeController } from "./controller/nvme_controller.ts";
import type { Io } from "./io.ts";
import { NvmeDisk } from "./nvme_disk.ts";
import { NvmeDriver, type NvmeDriverOptions } from "./driver/nvme_driver.ts";
import { Iod, NvmeRequest } from "./driver/request.ts";

export interface DriverRigOptions {
  readonly machine?: Partial<Omit<MachineConfig, "iommu">>;
  readonly iommu?: Partial<IommuConfig>;
  readonly device?: DmaDeviceOptions;
  readonly driver?: Partial<NvmeDriverOptions>;
  readonly sgl?: boolean;
  readonly metadataBytes?: Bytes;
  readonly metadataSgl?: boolean;
  readonly mdtsExponent?: number;
  readonly blockSizeBytes?: Bytes;
  readonly queues?: number;
  readonly pollQueues?: number;
  readonly shadowDoorbells?: boolean;
  readonly hostMemory?: HostMemoryNeeds;
  readonly doorbellStride?: number;
  readonly depth?: number;
  readonly capacityBytes?: Bytes;
  readonly nomerges?: NoMerges;
  /** Failures injected while the controller is brought up. */
  readonly faults?: readonly ArmedInjection[];
}

export class DriverRig {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly controller: NvmeController;
  readonly driver: NvmeDriver;
  readonly disk: NvmeDisk;

  /** @param beforeReady Called after bring-up, while its events are still available. */
  constructor(
    options: DriverRigOptions = {},
    beforeReady?: (events: readonly MachineEvent[]) => void,
  ) {
    const base = defaultMachineConfig();
    this.machine = new Machine({
      ...base,
      quirks: new Set(),
      ...options.machine,
      iommu: { ...base.iommu, ...options.iommu },
    });
    this.dev = new DmaDevice("ssd", {
      minAlignMask: 4095,
      maxSegmentSizeBytes: 2 ** 32 - 1,
      ...options.device,
    });
    this.machine.iommu.attach(this.dev);
    this.controller = new NvmeController({
      machine: this.machine,
      dev: this.dev,
      media: new Media({
        blockSizeBytes: options.blockSizeBytes ?? 512,
        capacityBytes: options.capacityBytes ?? 2 ** 40,
        metadataBytes: options.metadataBytes ?? 0,
        budget: new HostBudget(2 ** 28),
      }),
      settings: {
        mdtsExponent: options.mdtsExponent ?? 0,
        sgl: options.sgl ?? false,
        metadataSgl: options.metadataSgl ?? false,
        chainsLastPrp: this.machine.kernel.controller_chains_last_prp,
        ...(options.hostMemory === undefined ? {} : { hostMemory: options.hostMemory }),
        shadowDoorbells: options.shadowDoorbells ?? false,
        doorbellStride: options.doorbellStride ?? 0,
        maxQueues: (options.queues ?? 1) + (options.pollQueues ?? 0),
        depth: options.depth ?? 1024,
      },
    });
    this.driver = new NvmeDriver({
      machine: this.machine,
      dev: this.dev,
      registers: this.controller,
      queues: options.queues ?? 1,
      pollQueues: options.pollQueues ?? 0,
      ...options.driver,
    });
    this.controller.interrupt = this.driver;
    this.controller.ledger = this.driver;
    const seen: MachineEvent[] = [];
    const stop = beforeReady === undefined
      ? () => {}
      : this.machine.events.listen((event) => seen.push(event));
    for (const fault of options.faults ?? []) this.machine.armInjection(fault);
    this.driver.life.probe();
    for (const fault of options.faults ?? []) this.machine.disarmFault(fault);
    stop();
    beforeReady?.(seen);
    this.disk = new NvmeDisk(this.driver, options.nomerges);
    this.machine.markReady();
  }

  /** Runs all pending activities. */
  run(): void {
    while (this.machine.runNextActivity());
  }

  /** Runs an io to its end. */
  finish(io: Io): Io {
    this.run();
    return io;
  }

  /** Collects the events emitted during `work`. */
  record(work: () => void, names?: readonly EventName[]): MachineEvent[] {
    const events: MachineEvent[] = [];
    const stop = this.machine.events.listen((event) => events.push(event), names);
    work();
    stop();
    return events;
  }

  /** Submits a read that becomes one request, and returns that request. */
  read(vecs: readonly BioVec[], lba = 0): NvmeRequest {
    const io = this.finish(this.disk.submit("read", { lba, buffer: { segments: vecs } }));
    return io.requests[0]!;
  }

  /** A request for `prepare` only, which is never queued. Each vector counts as one segment. */
  request(
    vecs: readonly BioVec[],
    options: {
      op?: BlockOp;
      flags?: number;
      segments?: number;
      gapBit?: number;
      metadata?: readonly BioVec[];
    } = {},
  ): { readonly request: NvmeRequest; readonly iod: Iod } {
    const op = options.op ?? "read";
    const bio = new Bio(op, 0, vecs, vecsSizeBytes(vecs), options.flags ?? 0);
    if (options.metadata !== undefined) bio.metadata = options.metadata;
    const request = new NvmeRequest("ssd", op, [bio], this.driver.limits);
    request.nrIntegritySegments = request.metadataSegments().length;
    request.queue = 1;
    request.nrPhysSegments = options.segments ?? vecs.length;
    request.gapBit = options.gapBit ?? bioGap(bio);
    return { request, iod: new Iod(0, this.driver.queues.io[0]!.pools) };
  }

  /** Kernel calls made since the machine was ready, except those of the block iterator. */
  watchCalls(): string[] {
    const calls: string[] = [];
    this.machine.events.listen(({ name }) => {
      if (name.startsWith("call.dma_")) calls.push(name.slice("call.dma_".length));
    });
    return calls;
  }

  /** How often a kernel function was called. */
  calls(name: string): number {
    return this.machine.events.count(callNumber(name));
  }

  /** Whether memory contains the data of a fresh disk: the 8 bytes at byte x are 0x5A00… + x. */
  holdsFreshData(vecs: readonly BioVec[], lba = 0): boolean {
    let offset = lba * this.disk.blockSizeBytes;
    for (const { phys, sizeBytes } of vecs) {
      for (let done = 0; done < sizeBytes; done += 8) {
        const [low, high] = this.machine.memory.readU64Parts((phys + done) as PhysAddr);
        if (low !== offset % 2 ** 32) return false;
        if (high !== 0x5a00_0000 + Math.floor(offset / 2 ** 32)) return false;
        offset += 8;
      }
    }
    return true;
  }
}

/**
 * Gives the machine a peer that the device reaches in a given way.
 * @param basePhys Start of the peer's memory. The bus address of this memory is 256 MiB lower.
 */
export function usePeers(rig: DriverRig, kind: PeerMapType, basePhys = 0x8000_0000): void {
  rig.machine.peers = {
    unmappedEnd: () => -1,
    isPeerMemory: (phys) => phys >= basePhys,
    providerAt: () => "peer",
    passesRoot: () => true,
    mapType: (phys) => phys >= basePhys ? kind : "none",
    busAddress: (phys) => (phys - 0x1000_0000) as DmaAddr,
    resolveBusAddress: () => -1,
  };
}

function callNumber(name: string): number {
  return EVENT_NAMES.indexOf(`call.${name}` as EventName);
}

/** One contiguous range of memory. */
export function vec(phys: number, sizeBytes: Bytes): BioVec {
  return { phys: phys as PhysAddr, sizeBytes };
}

/** Vectors on non-adjacent pages, from 16 MiB on: every second page. */
export function scattered(...parts: [offset: number, sizeBytes: number][]): BioVec[] {
  return parts.map(([offset, sizeBytes], index) =>
    vec(16 * MIB + index * 0x2000 + offset, sizeBytes)
  );
}

/** `count` whole non-adjacent pages. */
export function pages(count: number): BioVec[] {
  return scattered(...Array.from({ length: count }, (): [number, number] => [0, 4096]));
}
