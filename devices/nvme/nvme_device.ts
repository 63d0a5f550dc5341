/** An NVMe disk of a lab: its controller and medium, and the driver that brings it up. */
import { type DmaAddr, KIB, MIB, roundUpPowerOfTwo, TIB } from "../../runtime/address.ts";
import { KernelError } from "../../runtime/errno.ts";
import type { Machine } from "../../runtime/machine.ts";
import { ConfigError } from "../config_error.ts";
import type { DeviceBase, DeviceKind } from "../device_kind.ts";
import {
  attachDmaDevice,
  checkSettings,
  COMMON_SETTINGS,
  settingError,
} from "../device_settings.ts";
import type { Bar, BarRequest } from "../pci/pci_function.ts";
import type { PciDevice } from "../pci/pci_tree.ts";
import type { PciTopology } from "../pci/topology.ts";
import { Media } from "./controller/media/media.ts";
import { TUPLE_BYTES } from "./controller/media/protection.ts";
import { NvmeController } from "./controller/nvme_controller.ts";
import type { ControllerMemoryBar } from "./driver/life/controller_memory.ts";
import { NvmeDriver } from "./driver/nvme_driver.ts";
import { NvmeDisk } from "./nvme_disk.ts";

const REGISTERS_BAR_INDEX = 0;
const MIN_REGISTERS_BAR_BYTES = 16 * KIB;
const DOORBELLS_OFFSET_BYTES = 4 * KIB;
/** Both doorbells of one queue pair. */
const DOORBELL_PAIR_BYTES = 8;
/** Peer memory is a 64-bit BAR behind the 64-bit BAR of the registers. */
const PEER_BAR_INDEX = 2;
/** The controller's page: MDTS counts in it. */
const CONTROLLER_PAGE_BYTES = 4 * KIB;

/** Most entries of a queue that the driver makes. @see behaviour/nvme.md 1 */
const MAX_DRIVER_DEPTH = 4095;
const DEFAULT_QUEUES = 1;
const DEFAULT_DEPTH = 1024;

/** A disk of a lab. */
export interface NvmeDevice extends DeviceBase<"nvme"> {
  /** How scripts use it. */
  readonly disk: NvmeDisk;
  /** The device side: what the host cannot see. */
  readonly controller: NvmeController;
  /** What it holds. */
  readonly media: Media;
}

export const NVME: DeviceKind<NvmeDevice> = {
  kind: "nvme",
  doc: "An NVMe controller with one disk.",
  settings: [
    ...COMMON_SETTINGS,
    "queues",
    "pollQueues",
    "depth",
    "mdtsBytes",
    "sgl",
    "sglThresholdBytes",
    "metadataBytes",
    "metadataSgl",
    "protectionType",
    "blockSizeBytes",
    "p2pmemBytes",
    "cmbQueues",
    "hmbBytes",
    "hmbMinBytes",
    "hmbMinChunkBytes",
    "hmbMaxChunks",
    "shadowDoorbells",
    "timeoutNs",
    "nodes",
    "capacityBytes",
  ],

  bars(device: PciDevice): readonly BarRequest[] {
    checkSettings(device, NVME.settings);
    const { queues, pollQueues, p2pmemBytes } = device.node.settings;
    const pairs = (queues ?? DEFAULT_QUEUES) + (pollQueues ?? 0) + 1;
    const registersBytes = roundUpPowerOfTwo(
      Math.max(MIN_REGISTERS_BAR_BYTES, DOORBELLS_OFFSET_BYTES + pairs * DOORBELL_PAIR_BYTES),
    );
    const bars = [{ index: REGISTERS_BAR_INDEX, sizeBytes: registersBytes, peerBytes: 0 }];
    const peerBytes = p2pmemBytes ?? 0;
    if (peerBytes > 0) {
      // The smallest useful BAR for memory; a power of two like any other.
      const sizeBytes = roundUpPowerOfTwo(Math.max(peerBytes, MIB));
      bars.push({ index: PEER_BAR_INDEX, sizeBytes, peerBytes });
    }
    return bars;
  },

  create(machine: Machine, device: PciDevice, topology: PciTopology): NvmeDevice {
    const { name, settings } = device.node;
    // The limits that the driver sets when it probes (nvme.md 1.1).
    const dma = attachDmaDevice(machine, device, {
      minAlignBytes: CONTROLLER_PAGE_BYTES,
      maxSegmentSizeBytes: 2 ** 32 - 1,
    });
    const protectionType = settings.protectionType ?? 0;
    if (protectionType !== 0 && (settings.metadataBytes ?? 0) < TUPLE_BYTES) {
      throw settingError(
        device,
        "protection",
        `Protection information of "${name}" needs ${TUPLE_BYTES} bytes of metadata`,
        "metadata = 8B",
      );
    }
    const media = new Media({
      blockSizeBytes: settings.blockSizeBytes ?? 512,
      capacityBytes: settings.capacityBytes ?? TIB,
      metadataBytes: settings.metadataBytes ?? 0,
      protectionType,
      budget: machine.memory,
    });
    const lent = device.func.bars.find(({ peerBytes }) => peerBytes > 0) ?? null;
    if (lent === null && settings.cmbQueues === true) {
      throw settingError(
        device,
        "cmb_queues",
        `"${name}" has no memory for its queues`,
        "give it some: p2pmem = 1MiB",
      );
    }
    const queues = settings.queues ?? DEFAULT_QUEUES;
    const pollQueues = settings.pollQueues ?? 0;
    const depth = settings.depth ?? DEFAULT_DEPTH;
    const mdtsBytes = settings.mdtsBytes ?? null;
    const controller = new NvmeController({
      machine,
      dev: dma,
      media,
      settings: {
        mdtsExponent: mdtsBytes === null ? 0 : Math.log2(mdtsBytes / CONTROLLER_PAGE_BYTES),
        sgl: settings.sgl ?? false,
        metadataSgl: settings.metadataSgl ?? false,
        chainsLastPrp: machine.kernel.quirks.has("controller_chains_last_prp"),
        maxQueues: queues + pollQueues,
        ...(lent === null ? {} : {
          localMemory: {
            memory: machine.memory,
            basePhys: lent.basePhys,
            sizeBytes: lent.peerBytes,
            barIndex: lent.index,
            submissionQueues: settings.cmbQueues === true,
          },
        }),
        hostMemory: {
          preferredBytes: settings.hmbBytes ?? 0,
          minimumBytes: settings.hmbMinBytes ?? 0,
          smallestChunkBytes: settings.hmbMinChunkBytes ?? 0,
          mostChunks: settings.hmbMaxChunks ?? 0,
        },
        shadowDoorbells: settings.shadowDoorbells ?? false,
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
      sglThresholdBytes: settings.sglThresholdBytes ?? 32 * KIB,
      controllerMemory: lent === null ? null : controllerMemoryBar(topology, device, lent),
      nodes: settings.nodes ?? 1,
      ...(settings.timeoutNs === undefined ? {} : { timeoutNs: settings.timeoutNs }),
    });
    controller.interrupt = driver;
    controller.interruptCpu = (vector) => driver.cpuOfVector(vector);
    controller.ledger = driver;
    bringUp(driver, device);
    return {
      name,
      kind: "nvme",
      dma,
      function: device.func,
      disk: new NvmeDisk(driver),
      controller,
      media,
      onUnrecorded() {
        driver.keepCommands = false;
      },
    };
  },
};

/** The memory that a disk lends to peers, as its own driver uses it. */
function controllerMemoryBar(
  { providers }: PciTopology,
  { func }: PciDevice,
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

/** What the kernel cannot bring up on this machine is a machine that cannot be. */
function bringUp(driver: NvmeDriver, device: PciDevice): void {
  try {
    driver.bringUp();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    throw new ConfigError(
      device.path,
      `"${device.node.name}" does not come up: ${error.message}`,
      error.errno === "ENOMEM" ? "give the machine more RAM or the device a wider mask" : null,
    );
  }
}
