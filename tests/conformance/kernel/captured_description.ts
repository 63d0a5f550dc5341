/** What a captured run is described by, as it follows from the machine built for it. */
import { scheduledRequests } from "@dmalab/devices/nvme";
import type { QueueLimits } from "@dmalab/runtime/block";
import type { IommuMode } from "@dmalab/runtime";
import type { Json } from "../difference.ts";
import type { CaptureConfig, CaptureMode } from "./capture_config.ts";
import type { CaptureEnvironment, CaptureLimits } from "./kernel_data.ts";
import type { CapturedMachine } from "./kernel_machine.ts";

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
export type CapturedDescription = Pick<
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
 * Describes a machine as the captures describe the one that it stands for. Strict or lazy is what
 * the model made of what was asked for. @see rules/dma.md 1.3
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
