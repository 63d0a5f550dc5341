/** Checks of the settings that a device's block may have, whoever made the configuration. */
import { isPowerOfTwo, KIB, MIB, PAGE_SIZE_BYTES, TIB } from "../runtime/address.ts";
import { TICK_NS } from "../runtime/clock.ts";
import { DmaDevice } from "../runtime/dma/device/device.ts";
import type { Machine } from "../runtime/machine.ts";
import { ConfigError } from "./config_error.ts";
import type { DeviceSettings } from "./lab_config.ts";
import type { PciDevice } from "./pci/pci_tree.ts";

/** What a number must be, and how scripts spell its key. */
interface NumberRule {
  readonly key: string;
  readonly min: number;
  readonly max: number;
  readonly powerOfTwo?: boolean;
  readonly multipleOf?: number;
}

/** What an NVMe controller counts sizes in. */
const CONTROLLER_PAGE_BYTES = 4 * KIB;

const RULES: Readonly<Partial<Record<keyof DeviceSettings, NumberRule>>> = {
  dmaMaskBits: { key: "dma_mask_bits", min: 1, max: 64 },
  busLimitBits: { key: "bus_limit_bits", min: 0, max: 64 },
  minAlignBytes: { key: "min_align", min: 1, max: 64 * KIB, powerOfTwo: true },
  maxSegmentSizeBytes: { key: "max_segment_size", min: 1, max: 2 ** 32 - 1 },
  segmentBoundaryBytes: { key: "segment_boundary", min: 4 * KIB, max: 2 ** 52, powerOfTwo: true },
  queues: { key: "queues", min: 1, max: 1024 },
  pollQueues: { key: "poll_queues", min: 0, max: 1024 },
  depth: { key: "depth", min: 2, max: 4096 },
  // 4 KiB cannot be said: MDTS is a power of two of 4 KiB, and 2^0 is taken for "no limit".
  mdtsBytes: { key: "mdts", min: 8 * KIB, max: 2 ** 52, powerOfTwo: true },
  sglThresholdBytes: { key: "sgl_threshold", min: 0, max: 2 ** 32 - 1 },
  metadataBytes: { key: "metadata", min: 0, max: 64 * KIB - 1 },
  protectionType: { key: "protection", min: 0, max: 3 },
  blockSizeBytes: { key: "block_size", min: 512, max: 64 * KIB, powerOfTwo: true },
  p2pmemBytes: { key: "p2pmem", min: 0, max: TIB, multipleOf: PAGE_SIZE_BYTES },
  hmbBytes: { key: "hmb", min: 0, max: TIB, multipleOf: CONTROLLER_PAGE_BYTES },
  hmbMinBytes: { key: "hmb_min", min: 0, max: TIB, multipleOf: CONTROLLER_PAGE_BYTES },
  hmbMinChunkBytes: { key: "hmb_min_chunk", min: 0, max: TIB, multipleOf: CONTROLLER_PAGE_BYTES },
  hmbMaxChunks: { key: "hmb_max_chunks", min: 0, max: 65535 },
  stateBytes: { key: "state", min: 1, max: 64 * MIB },
  timeoutNs: { key: "timeout", min: TICK_NS, max: 1e12 },
  nodes: { key: "nodes", min: 1, max: 1024 },
  capacityBytes: { key: "capacity", min: 64 * KIB, max: 2 ** 52 },
  updateBytes: { key: "update", min: 64, max: 16 * MIB, multipleOf: 64 },
  barBytes: { key: "bar", min: 0, max: TIB, multipleOf: PAGE_SIZE_BYTES },
};

/** Keys of every device: what the DMA layer is told, and its access control services. */
export const COMMON_SETTINGS = [
  "dmaMaskBits",
  "busLimitBits",
  "coherent",
  "untrusted",
  "minAlignBytes",
  "maxSegmentSizeBytes",
  "segmentBoundaryBytes",
  "ranges",
  "acs",
  "acsCapable",
  "at",
] as const satisfies readonly (keyof DeviceSettings)[];

/** The error for one key of a device. `key` is spelled as in scripts. */
export function settingError(
  device: PciDevice,
  key: string,
  message: string,
  hint: string | null = null,
): ConfigError {
  return new ConfigError([...device.path, key], message, hint);
}

/** @throws {ConfigError} For a key the kind does not have, or a number out of its range. */
export function checkSettings(
  device: PciDevice,
  allowed: readonly (keyof DeviceSettings)[],
): void {
  const { kind, name, settings } = device.node;
  for (const property of Object.keys(settings) as (keyof DeviceSettings)[]) {
    const value = settings[property];
    const rule = RULES[property];
    const key = rule?.key ?? property;
    if (!allowed.includes(property)) {
      throw settingError(device, key, `A ${kind} has no setting "${key}"`);
    }
    if (rule === undefined || typeof value !== "number") continue;
    const what = `${key} of "${name}" cannot be ${value}`;
    if (!Number.isInteger(value) || value < rule.min || value > rule.max) {
      throw settingError(device, key, what, `anything from ${rule.min} to ${rule.max}`);
    }
    if (rule.powerOfTwo && !isPowerOfTwo(value)) {
      throw settingError(device, key, what, "a power of two");
    }
    if (rule.multipleOf !== undefined && value % rule.multipleOf !== 0) {
      throw settingError(device, key, what, `a multiple of ${rule.multipleOf}`);
    }
  }
}

/** What the driver of a kind tells the DMA layer when its block says nothing. */
export interface DmaDefaults {
  readonly minAlignBytes: number;
  readonly maxSegmentSizeBytes: number;
}

/** Makes the device known to the DMA layer, the IOMMU and the PCI tree. */
export function attachDmaDevice(
  machine: Machine,
  device: PciDevice,
  defaults: DmaDefaults,
): DmaDevice {
  const { settings, name } = device.node;
  const dev = new DmaDevice(name, {
    maskBits: settings.dmaMaskBits ?? 64,
    busLimitBits: settings.busLimitBits ?? 0,
    coherent: settings.coherent ?? true,
    untrusted: settings.untrusted ?? device.external,
    minAlignMask: (settings.minAlignBytes ?? defaults.minAlignBytes) - 1,
    maxSegmentSizeBytes: settings.maxSegmentSizeBytes ?? defaults.maxSegmentSizeBytes,
    segmentBoundaryMask: (settings.segmentBoundaryBytes ?? 2 ** 32) - 1,
    ...(settings.ranges === undefined ? {} : { ranges: settings.ranges }),
  });
  dev.peer = device.func;
  dev.hostBridge = device.func.hostBridge.name;
  machine.iommu.attach(dev);
  return dev;
}
