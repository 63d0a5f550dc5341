/** Builds the machine that a captured run was made on, from its description. */
import {
  type Bytes,
  defaultMachineConfig,
  GIB,
  type IommuMode,
  KIB,
  Machine,
  type MachineConfig,
  MIB,
  type PhysAddr,
  type QueueLimits,
  SECTOR_SIZE_BYTES,
  swiotlbConfig,
} from "@dmalab/runtime";
import { DmaDevice } from "@dmalab/runtime/dma";
import {
  KERNEL_NAMES,
  KERNEL_SHORT_NAMES,
  kernelNamed,
  type KernelProfile,
} from "@dmalab/runtime/kernels";
import {
  type ControllerSettings,
  Media,
  NvmeController,
  NvmeDriver,
  scheduledRequests,
} from "@dmalab/devices";
import { GoldenReadError } from "../golden_files.ts";
import { attachPeers, type PeerSpan } from "./captured_peers.ts";
import type { CaptureConfig, CaptureMode } from "./capture_config.ts";
import type { CaptureEnvironment, CaptureLimits } from "./kernel_data.ts";
import { RecordedPool } from "./recorded_pool.ts";
import type { Json } from "../difference.ts";

/**
 * A fact that a description leaves out: the emulated controller took 2^7 pages of 4 KiB at a time.
 */
const DEFAULT_MDTS_EXPONENT = 7;
/** The captured disks' queues had this depth. */
const QUEUE_DEPTH = 1024;
const DEFAULT_BLOCK_BYTES = 512;
const CAPACITY_BYTES = 16 * GIB;

/** A captured machine: the driver under test, and a controller to resolve its commands. */
export interface CapturedMachine extends CapturedParts {
  /** The configuration that it was built from. */
  readonly environment: CaptureEnvironment;
}

export interface CapturedParts {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly driver: NvmeDriver;
  readonly controller: NvmeController;
  readonly pools: { readonly small: RecordedPool; readonly large: RecordedPool };
}

/**
 * The profile that a kernel's version string begins with, the most exact.
 * @throws {GoldenReadError} For a kernel that dmalab does not have.
 */
export function profileOf(kernel: string): KernelProfile {
  const parts = kernel.split(/[.+-]/);
  const matching = [...KERNEL_NAMES, ...Object.keys(KERNEL_SHORT_NAMES)].filter((name) =>
    name.split(/[.-]/).every((part, index) => part === parts[index])
  );
  const profile = kernelNamed(matching.sort((a, b) => b.length - a.length)[0] ?? "");
  if (profile === undefined) throw new GoldenReadError(`No profile is of kernel ${kernel}`);
  return profile;
}

/**
 * Builds a captured machine. Nothing has been mapped yet: not even the driver's own queues.
 * @param peerSpan Where another device's memory is, if the run shows any.
 */
export function capturedMachine(
  environment: CaptureEnvironment,
  peerSpan: PeerSpan | null,
): CapturedMachine {
  const { config } = environment;
  const machine = new Machine(machineConfig(environment));
  const dev = capturedDevice(machine, config.untrusted);
  if (config.p2p_topology !== undefined && peerSpan !== null) {
    attachPeers(machine, dev, config.p2p_topology, peerSpan);
  }
  const mdtsExponent = config.mdts ?? DEFAULT_MDTS_EXPONENT;
  const sgl = config.device_sgl !== false;
  const blockSizeBytes = logicalBlockBytes(config);
  const metadataBytes = separateMetadataBytes(config);
  const metadataSgl = config.metadata_sgl === true;
  const captured = captureDisk(machine, dev, {
    blockSizeBytes: transferredBlockBytes(config),
    metadataBytes,
    controller: { mdtsExponent, sgl, metadataSgl, maxQueues: config.cpus },
    sglThresholdBytes: config.sgl_threshold,
    maxSectorsKb: config.max_sectors_kb_set,
  });
  captured.driver.setController({
    mdtsBytes: mdtsExponent === 0 ? 0 : 4 * KIB * 2 ** mdtsExponent,
    sgl,
    metadataSgl,
    discard: true,
    writeZeroes: true,
    volatileWriteCache: true,
  });
  captured.driver.setNamespace({
    nsid: 1,
    blockCount: CAPACITY_BYTES / blockSizeBytes,
    blockSizeBytes,
    metadataBytes,
    boundaryBlocks: 0,
  });
  return { ...captured, environment };
}

function logicalBlockBytes({ logical_block_size }: CaptureConfig): Bytes {
  return logical_block_size ?? DEFAULT_BLOCK_BYTES;
}

/** Metadata of a block in a separate buffer. */
export function separateMetadataBytes(
  { metadata_bytes = 0, metadata_extended }: CaptureConfig,
): Bytes {
  return metadata_extended === true ? 0 : metadata_bytes;
}

/** The size of a block in the data's buffer: its data, and metadata that follows right behind. */
export function transferredBlockBytes(config: CaptureConfig): Bytes {
  const { metadata_bytes = 0 } = config;
  return logicalBlockBytes(config) + metadata_bytes - separateMetadataBytes(config);
}

/** The disk's function as every captured kernel set it up, attached to the IOMMU. */
export function capturedDevice(machine: Machine, untrusted: boolean = false): DmaDevice {
  const dev = new DmaDevice("nvme", {
    minAlignMask: 4 * KIB - 1,
    maxSegmentSizeBytes: 2 ** 32 - 1,
    untrusted,
  });
  machine.iommu.attach(dev);
  return dev;
}

interface CapturedDisk {
  readonly blockSizeBytes: number;
  readonly metadataBytes: number;
  readonly controller: Pick<
    ControllerSettings,
    "mdtsExponent" | "sgl" | "metadataSgl" | "maxQueues"
  >;
  readonly sglThresholdBytes?: number;
  readonly maxSectorsKb?: number | undefined;
}

/** The driver and the controller of a captured disk, with the pools that hand out what it took. */
export function captureDisk(machine: Machine, dev: DmaDevice, disk: CapturedDisk): CapturedParts {
  const { blockSizeBytes, maxSectorsKb, metadataBytes, sglThresholdBytes } = disk;
  const { budget } = machine;
  const controller = new NvmeController({
    machine,
    dev,
    media: new Media({ capacityBytes: CAPACITY_BYTES, blockSizeBytes, metadataBytes, budget }),
    settings: {
      ...disk.controller,
      depth: QUEUE_DEPTH,
      shadowDoorbells: false,
      doorbellStride: 0,
    },
  });
  const pools = {
    small: new RecordedPool(machine, dev, "small", 256),
    large: new RecordedPool(machine, dev, "large", 4096),
  };
  const driver = new NvmeDriver({
    machine,
    dev,
    registers: controller,
    queues: disk.controller.maxQueues,
    pollQueues: 0,
    depthEntries: QUEUE_DEPTH,
    ...(sglThresholdBytes === undefined ? {} : { sglThresholdBytes }),
    ...(maxSectorsKb === undefined
      ? {}
      : { maxUserSectors: (maxSectorsKb * KIB) / SECTOR_SIZE_BYTES }),
    pools,
  });
  return { machine, dev, driver, controller, pools };
}

/**
 * The requested mode. A run's request for passthrough shows only in a run that got it; an untrusted
 * device is translated whatever the request.
 */
function modeAsked({ iommu, mode, lazy_requested }: CaptureConfig): IommuMode {
  if (iommu === "none") return "off";
  if (mode === "passthrough") return "passthrough";
  return lazy_requested === true ? "lazy" : "strict";
}

function machineConfig(environment: CaptureEnvironment): MachineConfig {
  const { config, swiotlb_pool, reserved_iova_pfn_ranges } = environment;
  const base = defaultMachineConfig();
  const poolStart = swiotlb_pool[0]?.[0];
  return {
    ...base,
    kernel: profileOf(environment.kernel),
    cpus: config.cpus,
    // 4 GiB of memory with a hole of 2 GiB below 4 GiB (tests/golden/kernel/README.md). No request
    // touches the hole, and a window here would be kept out of the IOVAs as well.
    ramSizeBytes: 6 * GIB,
    iommu: {
      ...base.iommu,
      mode: modeAsked(config),
      model: config.iommu === "amd"
        ? "amd"
        : config.first_stage_tables === true
        ? "vtd_first_stage"
        : "vtd",
      cachingMode: config.caching_mode === true,
      forcedac: config.forcedac === true,
      ...(config.address_bits === undefined ? {} : { addressBits: config.address_bits }),
      reserved: (reserved_iova_pfn_ranges ?? []).map(([first, last]) => ({
        start: first * 4 * KIB,
        end: (last + 1) * 4 * KIB,
      })),
    },
    swiotlb: swiotlbConfig({
      sizeBytes: poolStart === undefined ? 0 : 64 * MIB,
      force: config.swiotlb_force,
      ...(poolStart === undefined ? {} : { basePhys: poolStart as PhysAddr }),
    }),
  };
}

/** How the captures call what a device ended up with, and how sysfs does. */
const MODE_WORDS: Readonly<Record<IommuMode, readonly [CaptureMode, string | null]>> = {
  off: ["direct", null],
  passthrough: ["passthrough", "identity"],
  strict: ["dma-strict", "DMA"],
  lazy: ["dma-lazy", "DMA-FQ"],
};

/** Tags of the driver's queue: one entry of the ring always stays empty. */
const DRIVER_TAGS = 1023;

/** The parts of a description that follow from the others. */
type CapturedDescription = Pick<
  CaptureEnvironment,
  "kernel" | "config" | "limits" | "iommu_domain_type"
>;

/** A model's limits by the names that the captures have for them. */
export function limitsOfQueue(
  limits: QueueLimits,
): Omit<CaptureLimits, "nomerges" | "nr_requests" | "scheduler" | "write_cache"> {
  return {
    dma_alignment: limits.dmaAlignmentMask,
    logical_block_size: limits.logicalBlockSizeBytes,
    max_hw_sectors_kb: limits.maxHwSectors / 2,
    max_integrity_segments: limits.maxIntegritySegments,
    max_sectors_kb: limits.maxSectors / 2,
    max_segment_size: limits.maxSegmentSizeBytes,
    max_segments: limits.maxSegments,
    virt_boundary_mask: limits.virtBoundaryMask,
  };
}

/**
 * Describes a machine as the captures describe the machine that it represents. Strict or lazy is
 * the model's answer to the request. @see rules/dma.md 1.3
 */
export function describe(host: CapturedMachine): CapturedDescription {
  const { dev, driver, environment: { config, kernel }, machine } = host;
  const [mode, domainType] = MODE_WORDS[machine.iommu.modeOf(dev)];
  return {
    kernel,
    config: { ...config, mode },
    limits: {
      ...limitsOfQueue(driver.limits),
      ...queueSettings(config),
      write_cache: driver.controller.volatileWriteCache ? "write back" : "write through",
    },
    iommu_domain_type: domainType,
  };
}

/** What of a description follows from the rest of it, to compare. */
export function descriptionForm(
  { config, iommu_domain_type, kernel, limits }: CapturedDescription,
): Record<string, Json> {
  return { kernel, config: config as Json, limits: { ...limits }, iommu_domain_type };
}

/** @see rules/block.md 1.5 */
function queueSettings(
  { nomerges = 0, scheduler }: CaptureConfig,
): Pick<CaptureLimits, "nomerges" | "nr_requests" | "scheduler"> {
  return {
    nomerges,
    nr_requests: scheduler === undefined ? DRIVER_TAGS : scheduledRequests(DRIVER_TAGS),
    scheduler: scheduler === undefined ? "[none] mq-deadline" : "none [mq-deadline]",
  };
}
