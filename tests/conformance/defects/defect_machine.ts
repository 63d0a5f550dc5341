/** Builds the machine of a recorded defect, and probes its disk. */
import {
  alignDown,
  ArmedInjection,
  defaultMachineConfig,
  GIB,
  type INJECTION,
  INJECTION_POINTS,
  KIB,
  Machine,
  type MachineConfig,
  MIB,
  type PhysAddr,
  SECTOR_SIZE_BYTES,
  softCapSectors,
  swiotlbConfig,
} from "@dmalab/runtime";
import { resolveKernel } from "@dmalab/runtime/kernels";
import { NvmeDisk } from "@dmalab/devices";
import { attachPeers, peerSpanOf } from "../kernel/captured_peers.ts";
import {
  capturedDevice,
  captureDisk,
  type CapturedParts,
  profileOf,
} from "../kernel/kernel_machine.ts";
import {
  type CallLine,
  type DefectCase,
  type DefectInjection,
  type DefectMachine,
  type DefectStep,
  shownMemory,
} from "./defect_data.ts";
import { GivenIovas, GivenSlots } from "./given_memory.ts";

/** The MDTS exponent of a controller that accepts transfers of any length. */
const NO_LIMIT = 0;
const POOL_BYTES = 64 * MIB;
/** Alignment of a bounce-buffer pool: the size of a set of slots. */
const SLOT_SET_BYTES = 256 * KIB;
/** Address of the pool if no buffer of a run is bounced. */
const QUIET_POOL = 0x7800_0000;

export interface DefectHost extends CapturedParts {
  readonly disk: NvmeDisk;
  /** The recorded IOVAs; null if the device is not translated. */
  readonly iovas: GivenIovas | null;
  readonly slots: GivenSlots;
}

/** The machine before a case's first step. */
export function defectHost(captured: DefectCase): DefectHost {
  const { limits, controller } = captured.machine;
  const bounced = firstBounced(captured.machine, captured.steps);
  const machine = new Machine(machineConfig(captured, bounced));
  const dev = capturedDevice(machine);
  const span = peerSpanOf(
    captured.steps.flatMap(({ commands }) => commands).flatMap((command) => {
      const { data, metadata } = shownMemory(command);
      return [...data, ...metadata];
    }),
  );
  if (span !== null) attachPeers(machine, dev, topologyOf(captured), span);
  const host = captureDisk(machine, dev, {
    blockSizeBytes: limits.logical_block_size,
    metadataBytes: controller.metadata_bytes_per_block ?? 0,
    controller: {
      mdtsExponent: controller.mdts ?? NO_LIMIT,
      sgl: controller.sgl,
      metadataSgl: controller.metadata_sgl,
      maxQueues: 1,
    },
    maxSectorsKb: writtenMaxSectorsKb(captured),
  });
  host.controller.interrupt = host.driver;
  host.driver.life.probe();
  machine.markReady();
  return {
    ...host,
    disk: new NvmeDisk(host.driver),
    iovas: dev.domain === null ? null : new GivenIovas(dev.domain),
    slots: new GivenSlots(machine, POOL_BYTES),
  };
}

/**
 * The recorded `max_sectors_kb` if the user wrote it; else undefined. The user wrote only values
 * above the release's default; every other recorded value must result from the model.
 */
function writtenMaxSectorsKb(captured: DefectCase): number | undefined {
  const { max_sectors_kb: written } = captured.machine.limits;
  const cap = softCapSectors(resolveKernel({ kernel: profileOf(captured.kernel), quirks: null }));
  return written > (cap * SECTOR_SIZE_BYTES) / KIB ? written : undefined;
}

/** The PCI tree of a scenario with peer memory. The scenario's id identifies the tree. */
function topologyOf({ id }: DefectCase): string {
  return id.startsWith("p2pb_") ? "different root ports, host bridge allowed" : "same switch";
}

/** Injects the recorded failure or limit just before the first step. */
export function inject({ machine, dev }: DefectHost, injection: DefectInjection | undefined): void {
  if (injection === undefined) return;
  const { bus_dma_limit_set_to: limit, calls_failed: count, skip = 0 } = injection;
  if (limit !== undefined) dev.busLimitBits = Math.log2(limit + 1);
  if (injection.function === undefined || count === undefined) return;
  const point = INJECTION_POINTS.findIndex(({ name }) => name === injection.function);
  if (point < 0) throw new Error(`No point of the model fails as ${injection.function} did`);
  machine.armInjection(
    new ArmedInjection(point as typeof INJECTION.dma_map_phys, skip + 1, skip + count),
  );
}

function machineConfig(captured: DefectCase, bounced: number | null): MachineConfig {
  const { iommu, cpus, granule } = captured.machine;
  const profile = profileOf(captured.kernel);
  const base = defaultMachineConfig();
  return {
    ...base,
    kernel: profile,
    cpus,
    checker: "off",
    ramSizeBytes: 6 * GIB,
    iommu: {
      ...base.iommu,
      mode: iommu.startsWith("translated") ? "strict" : "off",
      model: "vtd",
      granuleBytes: granule,
    },
    swiotlb: swiotlbConfig({
      sizeBytes: POOL_BYTES,
      force: iommu.includes("every mapping bounced"),
      basePhys: (bounced === null ? QUIET_POOL : alignDown(bounced, SLOT_SET_BYTES)) as PhysAddr,
    }),
  };
}

/**
 * The address of the first bounce buffer in some steps, or null. Without translation, a mapping is
 * bounced if its device address differs from the address of its memory.
 */
export function firstBounced(
  { iommu }: DefectMachine,
  steps: readonly DefectStep[],
): number | null {
  if (iommu.startsWith("translated")) return null;
  const lines = steps.flatMap(({ commands }) => commands).flatMap(({ calls }) => calls);
  const isBounced = ([name, phys, , dma]: CallLine) =>
    name === "dma.map" && dma !== null && dma !== phys;
  return lines.find(isBounced)?.[3] ?? null;
}
