/**
 * Random machines. Shrinking replaces a choice by an earlier entry, and finally by its first entry.
 * No choice here depends on a known defect.
 */
import fc, { type Arbitrary } from "fast-check";
import {
  defaultMachineConfig,
  type IommuMode,
  type IommuModel,
  type MachineConfig,
  swiotlbConfig,
} from "@dmalab/runtime";
import { KERNEL_NAMES, type KernelProfile } from "@dmalab/runtime/kernels";
import type { HuntMachine } from "../requests/hunt_case.ts";

/** A choice by weights, in which shrinking leads to the first entry. */
export function mix<T>(
  ...choices: readonly (readonly [weight: number, Arbitrary<T>])[]
): Arbitrary<T> {
  return fc.oneof(
    { withCrossShrink: true },
    ...choices.map(([weight, arbitrary]) => ({ arbitrary, weight })),
  );
}

/** Returns `other` once in `times` draws, else `usual`. */
function oneIn(times: number, usual: boolean, other: boolean): Arbitrary<boolean> {
  return fc.constantFrom(...Array.from({ length: times - 1 }, () => usual), other);
}

/** How IOMMUs translate. */
export const HUNT_MODES = ["off", "strict", "lazy", "passthrough"] as const;

const MACHINE_PARTS = {
  mode: fc.constantFrom(...HUNT_MODES),
  table: fc.constantFrom("vtd", "vtd_first_stage", "amd", "smmu"),
  forceBounce: oneIn(6, false, true),
  untrusted: oneIn(6, false, true),
  coherent: oneIn(8, true, false),
  dmaMaskBits: fc.constantFrom(64, 64, 64, 32),
  sgl: fc.boolean(),
  sglThresholdBytes: fc.constantFrom(32768, 32768, 4096, 0),
  blockSizeBytes: fc.constantFrom(512, 512, 4096),
  metadataBytes: fc.constantFrom(0, 0, 8, 64),
  metadataSgl: fc.boolean(),
  mdtsBytes: fc.constantFrom(null, 131072, 8192, 65536, 524288),
  depth: fc.constantFrom(1024, 2, 2, 3, 5),
  peer: fc.constantFrom("none", "none", "same_switch", "host_bridge", "refused"),
  given: fc.constant(null),
};

/** Machines of all kinds, or of all kinds with one IOMMU mode. */
export function huntMachines(mode?: HuntMachine["mode"]): Arbitrary<HuntMachine> {
  return fc.record({ ...MACHINE_PARTS, mode: fc.constantFrom(...mode ? [mode] : HUNT_MODES) });
}

/** Machines of all kinds. */
export const HUNT_MACHINES: Arbitrary<HuntMachine> = huntMachines();

/** A machine with one device, which has no driver and only maps memory. */
export interface MappingMachine {
  readonly kernel: KernelProfile;
  readonly mode: IommuMode;
  /** The page-table format of the IOMMU. */
  readonly table: IommuModel;
  readonly granuleBytes: number;
  readonly cpus: number;
  readonly iotlbEntries: number;
  readonly coherent: boolean;
  readonly untrusted: boolean;
  /** Whether every mapping is bounced. */
  readonly forceBounce: boolean;
  readonly dmaMaskBits: number;
  readonly dmaDebug: boolean;
}

type Parts<T> = { readonly [Name in keyof T]: Arbitrary<T[Name]> };

const MAPPING_PARTS: Parts<MappingMachine> = {
  kernel: fc.constantFrom(...KERNEL_NAMES),
  mode: fc.constantFrom(...HUNT_MODES),
  table: MACHINE_PARTS.table,
  granuleBytes: fc.constantFrom(4096, 4096, 16384, 65536),
  cpus: fc.integer({ min: 1, max: 4 }),
  iotlbEntries: fc.constantFrom(256, 0, 1, 16),
  coherent: fc.boolean(),
  untrusted: fc.boolean(),
  forceBounce: fc.boolean(),
  dmaMaskBits: fc.constantFrom(64, 32, 40),
  dmaDebug: fc.boolean(),
};

/**
 * Machines with one device.
 *
 * @param parts Choices in place of the usual ones.
 */
export function mappingMachines(
  parts: Partial<Parts<MappingMachine>> = {},
): Arbitrary<MappingMachine> {
  return fc.record({ ...MAPPING_PARTS, ...parts }).map((machine) =>
    // The other formats have pages of 4 KiB.
    machine.table === "smmu" ? machine : { ...machine, granuleBytes: 4096 }
  );
}

/** Leaves of a page table are at most this large, and memory may be aligned to it. */
export const LARGE_PAGE_BYTES = 2 ** 25;

/** The configuration of the machine, without any defect of its release. */
export function mappingConfig(machine: MappingMachine): MachineConfig {
  const { granuleBytes, iotlbEntries, mode, table: model } = machine;
  const defaults = defaultMachineConfig();
  return {
    ...defaults,
    kernel: machine.kernel,
    quirks: new Set(),
    dmaDebug: machine.dmaDebug,
    cpus: machine.cpus,
    swiotlb: swiotlbConfig({ force: machine.forceBounce }),
    iommu: {
      ...defaults.iommu,
      mode,
      model,
      granuleBytes,
      iotlbEntries,
      // Each format uses the sizes that it supports; AMD's supports all of them.
      pageSizesBytes: [granuleBytes, 2 ** 16, 2 ** 21, 2 ** 23, LARGE_PAGE_BYTES, 2 ** 30],
    },
  };
}
