/**
 * An NVMe disk of a lab: the controller with its medium, and the driver that brings the controller
 * up.
 */
import { NVME_EVENTS } from "@dmalab/runtime/vocabulary";
import {
  BOOL,
  type DmaAddr,
  duration,
  int,
  KernelError,
  KIB,
  type Machine,
  MAX_BYTES,
  MIB,
  type NoMerges,
  pages,
  roundUpPowerOfTwo,
  SECTOR_SIZE_BYTES,
  setting,
  type SettingsOf,
  size,
  TIB,
  TICK_NS,
  word,
} from "@dmalab/runtime";
import type { DeviceBase, DeviceBlock, DeviceKind } from "../device_kind.ts";
import { bringUp, deviceSettings, P2PMEM, settingError } from "../device_settings.ts";
import type { Bar, PciFunction } from "../pci/pci_function.ts";
import type { PeerProviders } from "../pci/peers/peer_providers.ts";
import { MAX_PATTERN_BYTES, Media } from "./controller/media.ts";
import { NvmeController } from "./controller/nvme_controller.ts";
import type { ControllerMemoryBar } from "./driver/controller_memory.ts";
import { DEFAULT_IO_TIMEOUT_NS } from "./driver/controller_life.ts";
import { NvmeDriver } from "./driver/nvme_driver.ts";
import { NvmeDisk } from "./nvme_disk.ts";
import { NVME_TABLES } from "./recording/nvme_tables.ts";
import type { NvmeInterruptLine } from "./register_port.ts";

const REGISTERS_BAR_INDEX = 0;
const MIN_REGISTERS_BAR_BYTES = 16 * KIB;
const DOORBELLS_OFFSET_BYTES = 4 * KIB;
/** Bytes of both doorbells of one queue pair, if there is no gap between doorbells. */
const DOORBELL_PAIR_BYTES = 8;
/** BAR number of the peer memory: the BAR after the 64-bit BAR of the registers. */
const PEER_BAR_INDEX = 2;
/** The controller's page, the unit of MDTS. */
const CONTROLLER_PAGE_BYTES = 4 * KIB;

/** Largest number of entries in a queue that the driver creates. @see rules/nvme.md 1 */
const MAX_DRIVER_DEPTH = 4095;

/** An NVMe disk of a lab. */
export interface NvmeDevice extends DeviceBase<"nvme"> {
  /** The disk as used by scripts. */
  readonly disk: NvmeDisk;
  /**
   * The device's side, not visible to the host.
   * @internal
   */
  readonly controller: NvmeController;
  /**
   * Its contents.
   * @internal
   */
  readonly media: Media;
  /**
   * Whether the kernel's driver is bound to the device. If it is not bound, a driver in C may be
   * bound.
   * @internal
   */
  readonly isBound: boolean;
}

const SETTINGS = {
  queues: setting("queues", int(1, 1024), 1, { doc: "Queues for reads and writes." }),
  pollQueues: setting("poll_queues", int(0, 1024), 0, {
    doc: "Further queues, without interrupts: the submitting CPU polls them.",
  }),
  depth: setting("depth", int(2, 4096), 1024, { doc: "Entries of a queue; one stays empty." }),
  scheduler: setting("scheduler", word("none", "mq_deadline"), "none", {
    doc: "The I/O scheduler of the queues, in which requests wait and can be merged.",
  }),
  nomerges: setting("nomerges", int<NoMerges>(0, 2), 0, {
    doc: "Merging of bios left out, as in sysfs: 1 the longer searches, 2 all of it.",
  }),
  // The smallest value is 8 KiB. MDTS is an exponent of two in units of 4 KiB, and 0, which would
  // be 4 KiB, means "no limit".
  mdtsBytes: setting("mdts", size(8 * KIB, MAX_BYTES, { powerOfTwo: true, none: null }), null, {
    doc: "Longest transfer of one command.",
  }),
  softLimitBytes: setting("soft_limit", size(4 * KIB, 2 ** 31, { multipleOf: KIB, none: 0 }), 0, {
    doc:
      "What a user writes to the queue's `max_sectors_kb`: longest request. The hardware's limit " +
      "stays; none is the release's own.",
  }),
  sgl: setting("sgl", BOOL, false, { doc: "The controller reads SGLs." }),
  sglThresholdBytes: setting("sgl_threshold", size(0, 2 ** 32 - 1), 32 * KIB, {
    doc: "Average segment size from which the driver prefers an SGL; 0B: never prefers.",
  }),
  metadataBytes: setting("metadata", size(1, 64 * KIB - 1, { none: 0 }), 0, {
    doc: "Metadata of each block, in a separate buffer.",
  }),
  metadataSgl: setting("metadata_sgl", BOOL, false, {
    doc: "The controller reads SGLs for metadata.",
  }),
  blockSizeBytes: setting("block_size", size(512, 64 * KIB, { powerOfTwo: true }), 512, {
    doc: "The disk's block.",
  }),
  p2pmemBytes: P2PMEM,
  cmbQueues: setting("cmb_queues", BOOL, false, {
    doc: "Submission queues are in the controller memory buffer (`p2pmem`).",
  }),
  hmbBytes: setting("hmb", pages(CONTROLLER_PAGE_BYTES, TIB, { none: 0 }), 0, {
    doc: "Size of the host memory buffer that the controller prefers (HMPRE).",
  }),
  hmbMinBytes: setting("hmb_min", pages(0, TIB), 0, {
    doc: "Smallest host memory buffer that the controller accepts (HMMIN).",
  }),
  hmbMinChunkBytes: setting("hmb_min_chunk", pages(0, TIB), 0, {
    doc: "Smallest segment of the host memory buffer (HMMINDS).",
  }),
  hmbMaxChunks: setting("hmb_max_chunks", int(0, 65535), 0, {
    doc: "Most segments of the host memory buffer (HMMAXD); 0: any number.",
  }),
  shadowDoorbells: setting("shadow_doorbells", BOOL, false, {
    doc: "The controller takes doorbells from memory, so that few registers are written.",
  }),
  driver: setting("driver", word("nvme", "none"), "nvme", {
    doc: "What is bound to it: the kernel's driver, or nothing, so that a driver in C can be.",
  }),
  doorbellStride: setting("doorbell_stride", int(0, 8), 0, {
    doc: "Doorbells are 4 << this bytes apart (CAP.DSTRD).",
  }),
  timeoutNs: setting("timeout", duration(TICK_NS), DEFAULT_IO_TIMEOUT_NS, {
    doc: "How long a read or write may take before the driver's timeout handler runs.",
  }),
  nodes: setting("nodes", int(1, 1024), 1, { doc: "NUMA nodes with pools of their own." }),
  capacityBytes: setting("capacity", size(64 * KIB, MAX_BYTES), TIB, {
    doc: "How much the disk holds.",
  }),
  // Defaults that the driver sets in its probe (nvme.md 1.1).
  ...deviceSettings({ minAlignBytes: CONTROLLER_PAGE_BYTES, maxSegmentSizeBytes: 2 ** 32 - 1 }),
};

export const NVME: DeviceKind<typeof SETTINGS, NvmeDevice> = {
  kind: "nvme",
  doc: "An NVMe controller with one disk.",
  role: "nvme",
  hasRegisters: false,
  events: NVME_EVENTS,
  tables: NVME_TABLES,
  settings: SETTINGS,

  bars({ settings: { doorbellStride, p2pmemBytes, pollQueues, queues } }) {
    const pairs = queues + pollQueues + 1;
    const doorbellsBytes = pairs * DOORBELL_PAIR_BYTES * 2 ** doorbellStride;
    const registersBytes = roundUpPowerOfTwo(
      Math.max(MIN_REGISTERS_BAR_BYTES, DOORBELLS_OFFSET_BYTES + doorbellsBytes),
    );
    const bars = [{ index: REGISTERS_BAR_INDEX, sizeBytes: registersBytes, peerBytes: 0 }];
    if (p2pmemBytes > 0) {
      // At least 1 MiB, the smallest useful BAR for memory, and a power of two like every BAR.
      const sizeBytes = roundUpPowerOfTwo(Math.max(p2pmemBytes, MIB));
      bars.push({ index: PEER_BAR_INDEX, sizeBytes, peerBytes: p2pmemBytes });
    }
    return bars;
  },

  create(machine, device, providers) {
    const { dma, func, name, settings } = device;
    const lent = func.bars.find(({ peerBytes }) => peerBytes > 0) ?? null;
    checkTogether(device, lent);
    const { cmbQueues, depth, mdtsBytes, pollQueues, queues } = settings;
    const media = new Media({ ...settings, budget: machine.budget });
    const controller = new NvmeController({
      machine,
      dev: dma,
      media,
      settings: {
        mdtsExponent: mdtsBytes === null ? 0 : Math.log2(mdtsBytes / CONTROLLER_PAGE_BYTES),
        sgl: settings.sgl,
        metadataSgl: settings.metadataSgl,
        chainsLastPrp: machine.kernel.controller_chains_last_prp,
        maxQueues: queues + pollQueues,
        ...(lent === null ? {} : {
          localMemory: {
            memory: machine.memory,
            basePhys: lent.basePhys,
            sizeBytes: lent.peerBytes,
            barIndex: lent.index,
            submissionQueues: cmbQueues,
          },
        }),
        hostMemory: {
          preferredBytes: settings.hmbBytes,
          minimumBytes: settings.hmbMinBytes,
          smallestChunkBytes: settings.hmbMinChunkBytes,
          mostChunks: settings.hmbMaxChunks,
        },
        shadowDoorbells: settings.shadowDoorbells,
        doorbellStride: settings.doorbellStride,
        depth,
      },
    });
    const driver = new NvmeDriver({
      machine,
      dev: dma,
      registers: controller,
      queues,
      pollQueues,
      depthEntries: Math.min(depth, MAX_DRIVER_DEPTH),
      scheduler: settings.scheduler,
      maxUserSectors: settings.softLimitBytes / SECTOR_SIZE_BYTES,
      sglThresholdBytes: settings.sglThresholdBytes,
      // If the memory could not be added as peer memory, the driver works without that memory
      // (p2p.md 9.3).
      controllerMemory: lent === null || providers.of(func) === null
        ? null
        : controllerMemoryBar(providers, func, lent),
      nodes: settings.nodes,
      timeoutNs: settings.timeoutNs,
    });
    controller.interrupt = timedInterrupts(machine, driver);
    controller.ledger = driver;
    bringUp(machine, device, () => bringUpDisk(driver));
    const disk = new NvmeDisk(driver, settings.nomerges);
    const isBound = settings.driver === "nvme";
    if (!isBound) unbindDriver(machine, controller, driver);
    const [{ basePhys, sizeBytes }] = func.bars as [Bar, ...Bar[]];
    machine.registers.add(basePhys, sizeBytes, controller);
    func.vectors = queues + pollQueues + 1;
    return {
      name,
      kind: "nvme",
      dma,
      function: func,
      disk,
      controller,
      media,
      isBound,
      sentRequests: () => driver.sentRequests(),
      onUnrecorded() {
        driver.keepCommands = false;
      },
    };
  },
};

/**
 * Brings the driver up. Fails without a namespace, because the device is then no disk. Also fails
 * if the controller cannot read what the driver writes, which is the case behind an IOMMU in a
 * confidential guest.
 */
function bringUpDisk(driver: NvmeDriver): void {
  driver.life.probe();
  if (driver.namespace !== null) return;
  throw new KernelError("ENODEV", "The controller answers nothing that names a namespace");
}

/**
 * Unbinds the kernel's driver from the controller. Afterwards the controller's interrupts belong to
 * the machine.
 */
function unbindDriver(machine: Machine, controller: NvmeController, driver: NvmeDriver): void {
  const { name } = driver.dev;
  controller.resetFunction();
  driver.life.remove();
  controller.interrupt = timedInterrupts(machine, {
    raise: (vector) => machine.interrupts.raise(name, vector),
    cpuOfVector: () => machine.cpu,
  });
  controller.ledger = null;
}

/**
 * The interrupt line to use. With separate CPU clocks: when a CPU takes an interrupt, its clock is
 * advanced to the time at which the interrupt was raised.
 */
function timedInterrupts({ clock, timed }: Machine, line: NvmeInterruptLine): NvmeInterruptLine {
  if (!timed) return line;
  return {
    cpuOfVector: (vector) => line.cpuOfVector(vector),
    raise(vector) {
      if (clock.own === null) return line.raise(vector);
      const outer = clock.own.interrupt(line.cpuOfVector(vector));
      line.raise(vector);
      clock.own.leave(outer);
    },
  };
}

/** @throws {ConfigError} If a key requires another one, or several keys contradict each other. */
function checkTogether(device: DeviceBlock<SettingsOf<typeof SETTINGS>>, lent: Bar | null): void {
  const { name, settings } = device;
  const { blockSizeBytes, capacityBytes, cmbQueues, metadataBytes } = settings;
  if (Math.floor(capacityBytes / blockSizeBytes) * metadataBytes > MAX_PATTERN_BYTES) {
    throw settingError(
      device,
      "metadata",
      `The blocks of "${name}" have ${metadataBytes} bytes of metadata each, more together than a disk can hold`,
      "fewer bytes of it, larger blocks, or a smaller capacity",
    );
  }
  if (lent === null && cmbQueues) {
    throw settingError(
      device,
      "cmb_queues",
      `"${name}" has no memory for its queues`,
      "give it some: p2pmem = 2MiB",
    );
  }
}

/** The BAR of a disk's peer memory, as the disk's driver uses it. */
function controllerMemoryBar(
  providers: PeerProviders,
  func: PciFunction,
  lent: Bar,
): ControllerMemoryBar {
  return {
    sizeBytes: lent.sizeBytes,
    busBase: lent.basePhys + func.hostBridge.busOffset as DmaAddr,
    alloc: (sizeBytes) => providers.alloc(func, sizeBytes),
    free: (phys) => providers.free(func, phys),
    busAddress: (phys) => providers.busAddress(func, phys),
  };
}
