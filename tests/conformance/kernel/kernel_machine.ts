/** Builds the machine on which a captured run was made, from its description. */
import {
  type Bytes,
  defaultMachineConfig,
  GIB,
  IOMMU_MODELS,
  type IommuMode,
  type IommuModel,
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
  CAPTURED_AS,
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

/** MDTS of the emulated controller if the description of a run does not name it: 2^7 pages of 4 KiB. */
const DEFAULT_MDTS_EXPONENT = 7;
/** Queue depth of the captured disks. */
const QUEUE_DEPTH = 1024;
const DEFAULT_BLOCK_BYTES = 512;
const CAPACITY_BYTES = 16 * GIB;

/** A captured machine: the driver under test, and a controller to resolve its commands. */
export interface CapturedMachine extends CapturedParts {
  /** The description from which the machine was built. */
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
 * The profile for a kernel's version. The version must begin with the profile's name; if this holds
 * for several profiles, the one with the longest name is returned.
 * A release that is known by a capture has the profile of another one.
 * @throws {GoldenReadError} For a kernel that dmalab does not have.
 */
export function profileOf(kernel: string): KernelProfile {
  const parts = kernel.split(/[.+-]/);
  const names = [...KERNEL_NAMES, ...Object.keys(KERNEL_SHORT_NAMES), ...Object.keys(CAPTURED_AS)];
  const matching = names.filter((name) =>
    name.split(/[.-]/).every((part, index) => part === parts[index])
  );
  const longest = matching.sort((a, b) => b.length - a.length)[0] ?? "";
  const profile = CAPTURED_AS[longest] ?? kernelNamed(longest);
  if (profile === undefined) throw new GoldenReadError(`No profile is of kernel ${kernel}`);
  return profile;
}

/**
 * Builds a captured machine without any mapping: not even the driver's own queues are mapped.
 * @param peerSpan Memory of another device, if the run uses such memory.
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

/** Number of bytes of a block's metadata, if the metadata is in a separate buffer; otherwise 0. */
export function separateMetadataBytes(
  { metadata_bytes = 0, metadata_extended }: CaptureConfig,
): Bytes {
  return metadata_extended === true ? 0 : metadata_bytes;
}

/** Bytes of a block in the data buffer: its data, and metadata that directly follows it. */
export function transferredBlockBytes(config: CaptureConfig): Bytes {
  const { metadata_bytes = 0 } = config;
  return logicalBlockBytes(config) + metadata_bytes - separateMetadataBytes(config);
}

/** The disk's PCI function as every captured kernel set it up, attached to the IOMMU. */
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

/** The driver and the controller of a captured disk, with pools that return the recorded addresses. */
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
 * The requested IOMMU mode. An untrusted device is translated whatever was requested. Therefore
 * requested passthrough shows in a captured run only if the device got it.
 */
function modeAsked({ iommu, mode, lazy_requested }: CaptureConfig): IommuMode {
  if (iommu === "none") return "off";
  if (mode === "passthrough") return "passthrough";
  return lazy_requested === true ? "lazy" : "strict";
}

function modelOf({ architecture, first_stage_tables, iommu }: CaptureConfig): IommuModel {
  if (architecture === "arm64") return "smmu";
  if (iommu === "amd" || iommu === "virtio") return iommu;
  return first_stage_tables === true ? "vtd_first_stage" : "vtd";
}

function machineConfig(environment: CaptureEnvironment): MachineConfig {
  const { config, doorbell, swiotlb_pool, reserved_iova_pfn_ranges } = environment;
  const base = defaultMachineConfig();
  const model = modelOf(config);
  const poolStart = swiotlb_pool[0]?.[0];
  return {
    ...base,
    kernel: profileOf(environment.kernel),
    cpus: config.cpus,
    // 4 GiB of memory with a hole of 2 GiB below 4 GiB (tests/golden/kernel/README.md). In the
    // model, RAM continues through the hole, because no request uses it. If the hole were an MMIO
    // window, it would be reserved in the IOVAs as well.
    ramSizeBytes: 6 * GIB,
    iommu: {
      ...base.iommu,
      mode: modeAsked(config),
      model,
      pageSizesBytes: IOMMU_MODELS[model].usualPageSizesBytes ?? base.iommu.pageSizesBytes,
      cachingMode: config.caching_mode === true,
      forcedac: config.forcedac === true,
      ...(doorbell === undefined ? {} : { doorbellPhys: doorbell[1] as PhysAddr }),
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

/** The names of a device's resulting mode in the captures and in sysfs. */
const MODE_WORDS: Readonly<Record<IommuMode, readonly [CaptureMode, string | null]>> = {
  off: ["direct", null],
  passthrough: ["passthrough", "identity"],
  strict: ["dma-strict", "DMA"],
  lazy: ["dma-lazy", "DMA-FQ"],
};

/** Number of tags of the driver's queue: one entry of the ring always stays empty. */
const DRIVER_TAGS = 1023;

/** The parts of a description that the model derives from the other parts. */
type CapturedDescription = Pick<
  CaptureEnvironment,
  "kernel" | "config" | "limits" | "iommu_domain_type" | "doorbell"
>;

/** The model's limits, by their names in the captures. */
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
 * Describes a machine in the form of the captures. The model decides whether the machine is strict
 * or lazy.
 * @see rules/dma.md 1.3
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

/** The page of the message doorbell, which is the first mapping of a fresh domain. @see rules/dma.md 4.7 */
export function doorbellOf(
  { dev, environment }: CapturedMachine,
): Pick<CaptureEnvironment, "doorbell"> {
  const { doorbell } = environment;
  if (doorbell === undefined || dev.domain === null) return {};
  // The port above the disk is in the disk's group, and asks first.
  const port = new DmaDevice("port");
  return { doorbell: [dev.domain.messageAddress(port, doorbell[1] as PhysAddr), doorbell[1]] };
}

/** The compared parts of a description. */
export function descriptionForm(
  { config, doorbell, iommu_domain_type, kernel, limits }: CapturedDescription,
): Record<string, Json> {
  const described = { kernel, config: config as Json, limits: { ...limits }, iommu_domain_type };
  return doorbell === undefined ? described : { ...described, doorbell: [...doorbell] };
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
