/** The keys of every device's block, and their effects. */
import {
  answerDelay,
  BOOL,
  type Bytes,
  DEFAULT_ATS_ENTRIES,
  GIB,
  int,
  KernelError,
  KIB,
  type Machine,
  MAX_BYTES,
  optional,
  pages,
  type PhysAddr,
  RANGES,
  setting,
  type SettingsOf,
  size,
  TIB,
  word,
} from "@dmalab/runtime";
import { DmaDevice, type DmaRange, refusesShared } from "@dmalab/runtime/dma";
import { ConfigError } from "./config_error.ts";
import type { AttachedBlock, DeviceBlock } from "./device_kind.ts";
import { FUNCTION_SETTINGS } from "./pci/function_settings.ts";
import { type PciIommuGroup, requesterOf } from "./pci/iommu_groups.ts";
import type { PciFunction } from "./pci/pci_function.ts";

/**
 * Defaults for settings of the DMA layer that a device's driver would set. Each kind of device has
 * its own defaults.
 * @internal
 */
export interface DmaDefaults {
  readonly minAlignBytes: Bytes;
  readonly maxSegmentSizeBytes: Bytes;
}

/** Settings of the device's own translation cache (ATS). */
const ATS_SETTINGS = {
  ats: setting("ats", BOOL, false, {
    doc: "The device keeps translations itself (ATS), and is sent invalidations.",
  }),
  atsEntries: setting("ats_entries", int(1, 65_536), DEFAULT_ATS_ENTRIES, {
    doc: "How many translations the device keeps with `ats`.",
  }),
  atsAnswersNs: setting("ats_answers", answerDelay(), 0, {
    doc: "When the device answers an invalidation of its translations: " +
      "`at_once`, `late(50us)`, `never`.",
  }),
};

/**
 * The type of `deviceSettings`' result.
 * @internal
 */
export type DeviceSettings = ReturnType<typeof rowsFor>;

/**
 * The keys that every device has: the device's place, its access control, and its limits for the
 * DMA layer.
 */
export function deviceSettings(defaults: DmaDefaults): DeviceSettings {
  return rowsFor(defaults);
}

function rowsFor(defaults: DmaDefaults) {
  return {
    ...FUNCTION_SETTINGS,
    dmaMaskBits: setting("dma_mask_bits", int(1, 64), 64, {
      doc:
        "How many address bits the driver says that the device can drive; `dma_set_mask` changes it.",
    }),
    addressBits: setting("address_bits", int(12, 64), 64, {
      doc:
        "How many address bits the hardware drives. Where the mask has more, the device accesses the " +
        "low bits of what it was given.",
    }),
    busLimitBits: setting("bus_limit_bits", int(0, 64), 0, {
      doc: "How many address bits the bus carries; 0 is no limit.",
    }),
    coherent: setting("coherent", BOOL, true, { doc: "The device sees the CPU's caches." }),
    untrusted: optional("untrusted", BOOL, {
      leftOut: "true below an external port",
      doc: "Always translated and strict, and partial pages are bounced.",
    }),
    wantedMode: optional("default_domain", word("passthrough", "strict"), {
      leftOut: "as `iommu.mode` says",
      doc:
        "The translation that the IOMMU's driver asks for this device, as quirks do: it becomes that " +
        "of the whole IOMMU group.",
    }),
    minAlignBytes: setting(
      "min_align",
      size(1, 64 * KIB, { powerOfTwo: true }),
      defaults.minAlignBytes,
      { doc: "Bounce buffers keep the address modulo this." },
    ),
    maxSegmentSizeBytes: setting(
      "max_segment_size",
      size(1, 2 ** 32 - 1),
      defaults.maxSegmentSizeBytes,
      { doc: "Longest segment the device takes." },
    ),
    segmentBoundaryBytes: setting(
      "segment_boundary",
      size(4 * KIB, MAX_BYTES, { powerOfTwo: true }),
      2 ** 32,
      { doc: "No segment crosses a multiple of this." },
    ),
    directRegions: setting("direct_regions", RANGES, [], {
      doc:
        "Memory that firmware uses with the device (RMRR, IVMD, RMR): mapped one to one wherever the " +
        "device is translated, so that no user can have its IOMMU group.",
    }),
    relaxableRegions: setting("relaxable_regions", RANGES, [], {
      doc:
        "Such memory that firmware needs at boot only, as for USB and graphics: a user may come.",
    }),
    ...ATS_SETTINGS,
    ownOps: setting("dma_ops", BOOL, false, {
      doc:
        "The device has its own dma_map_ops: nothing is translated or bounced, and mapping peer " +
        "memory fails.",
    }),
    ranges: optional<readonly DmaRange[]>("ranges", { kind: "dma_ranges" }, {
      leftOut: "one to one",
      doc:
        "Where the device's bus has memory, a list of { cpu, dma, size }: it cannot reach memory " +
        "outside of them. Windows of devices keep their addresses.",
    }),
  };
}

/** Memory that a device offers to its peers. */
export const P2PMEM = setting("p2pmem", pages(4 * KIB, TIB, { none: 0 }), 0, {
  doc: "Memory of the device that peers may use; only whole multiples of 2 MiB are provided.",
});

/**
 * Upper limit of a region's size: firmware reserves far less, and each page takes a page-table
 * entry.
 */
const MAX_DIRECT_BYTES: Bytes = 4 * GIB;

type CommonSettings = SettingsOf<DeviceSettings>;

/** An error for one key of a device. `key` is spelled as in scripts. */
export function settingError(
  { path }: DeviceBlock<unknown>,
  key: string,
  message: string,
  hint: string | null = null,
): ConfigError {
  return new ConfigError([...path, key], message, hint);
}

/**
 * Adds devices to the DMA layer, the IOMMU and the PCI tree. All devices of an IOMMU group are
 * added at once, before any driver starts.
 * @param groups The IOMMU groups of all functions.
 * @throws {ConfigError} If the devices of a group contradict each other.
 */
export function attachDevices(
  machine: Machine,
  groups: readonly PciIommuGroup[],
  devices: readonly DeviceBlock<CommonSettings>[],
): ReadonlyMap<PciFunction, DmaDevice> {
  const made = new Map<PciFunction, DmaDevice>();
  for (const device of devices) {
    if (made.has(device.func)) continue;
    const { functions } = groups.find(({ functions }) => functions.includes(device.func))!;
    const members = functions.flatMap((func) => devices.find((each) => each.func === func) ?? []);
    for (const member of members) made.set(member.func, dmaDevice(machine, member));
    for (const member of members) keepFirmwareMemory(machine, made.get(member.func)!);
    bringUp(
      machine,
      { ...device, dma: made.get(device.func)! },
      () => machine.iommu.groups.make(members.map(({ func }) => made.get(func)!)),
    );
  }
  return made;
}

/** Reserves the memory that firmware uses with a device, so that it is never allocated. */
function keepFirmwareMemory({ pages }: Machine, { directRegions }: DmaDevice): void {
  for (const { end, start } of directRegions) {
    for (let at = start; at < end; at += pages.pageSizeBytes) {
      pages.claim(at as PhysAddr, 1, "driver");
    }
  }
}

function dmaDevice(machine: Machine, device: DeviceBlock<CommonSettings>): DmaDevice {
  const { func, name, settings } = device;
  const untrusted = settings.untrusted ?? device.external;
  if (untrusted && settings.ownOps) {
    throw settingError(
      device,
      "dma_ops",
      `"${name}" is untrusted, and an untrusted device is always translated`,
      "set `untrusted = false`, or leave `dma_ops` out",
    );
  }
  if (settings.ats && machine.iommuModel.deviceTlbTimeoutNs === null) {
    throw settingError(
      device,
      "ats",
      `What "${name}" is sent by an IOMMU of model ${machine.config.iommu.model} is not known`,
      "devices with ATS are simulated with the models of VT-d and AMD",
    );
  }
  for (const key of ["directRegions", "relaxableRegions"] as const) {
    if (settings[key].every(({ end, start }) => end - start <= MAX_DIRECT_BYTES)) continue;
    const text = `A region of firmware's memory has ${MAX_DIRECT_BYTES / GIB} GiB at most`;
    throw settingError(
      device,
      key === "directRegions" ? "direct_regions" : "relaxable_regions",
      text,
    );
  }
  const dev = new DmaDevice(name, {
    maskBits: settings.dmaMaskBits,
    addressBits: settings.addressBits,
    busLimitBits: settings.busLimitBits,
    coherent: settings.coherent,
    untrusted,
    ...(settings.wantedMode === undefined ? {} : { wantedMode: settings.wantedMode }),
    ats: settings.ats,
    atsEntries: settings.atsEntries,
    atsAnswersNs: settings.atsAnswersNs,
    directRegions: [
      ...settings.directRegions.map((region) => ({ ...region, relaxable: false })),
      ...settings.relaxableRegions.map((region) => ({ ...region, relaxable: true })),
    ],
    ownOps: settings.ownOps,
    minAlignMask: settings.minAlignBytes - 1,
    maxSegmentSizeBytes: settings.maxSegmentSizeBytes,
    segmentBoundaryMask: settings.segmentBoundaryBytes - 1,
    ...(settings.ranges === undefined ? {} : { ranges: settings.ranges }),
  });
  dev.peer = func;
  dev.hostBridge = func.hostBridge.name;
  dev.requesterId = requesterOf(func).key % 65536;
  return dev;
}

/**
 * Brings a device up. A failure means that the configuration is impossible.
 * @throws {ConfigError}
 */
export function bringUp<T>(
  machine: Machine,
  { dma, name, path }: AttachedBlock<unknown>,
  work: () => T,
): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    const message = `"${name}" does not come up: ${error.message}`;
    throw new ConfigError(path, message, hintOf(machine, dma, error));
  }
}

function hintOf(machine: Machine, dma: DmaDevice, { errno }: KernelError): string | null {
  const isMemory = errno === "ENOMEM";
  if (machine.encryption !== null && dma.domain !== null && (isMemory || errno === "ENODEV")) {
    const why = refusesShared(machine, dma)
      ? `${machine.config.kernel} has no coherent memory for an encrypted guest behind an IOMMU, v7.3.3.9`
      : "behind an IOMMU devices cannot read what an encrypted guest keeps private, dma.1.5";
    return `${why}: choose \`iommu.mode = off\` or \`passthrough\`, or \`memory_encryption = false\``;
  }
  return isMemory ? "give the machine more RAM or the device a wider mask" : null;
}
