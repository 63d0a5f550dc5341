/**
 * Adapts the machine of a file for the hunt: chooses one of the machine's disks, and a provider of
 * peer memory.
 */
import { buildLab, ConfigError, type Lab, type LabConfig, type LabDevice } from "@dmalab/devices";
import { MIB } from "@dmalab/runtime";
import { PEER_BYTES } from "./case_machine.ts";
import type { HuntMachine, PeerPlace } from "./hunt_case.ts";
import { LOW_BASE } from "./memory_layout.ts";

/**
 * First address of the buffers that a scenario places with `buffer(segments: …)`; the hunt's own
 * buffers begin at `LOW_BASE`.
 */
const FIRST_PHYS = 16 * MIB;
const ROOM_BYTES = 448 * MIB;

const PLACES = {
  none: "none",
  bus_addr: "same_switch",
  thru_host_bridge: "host_bridge",
  not_supported: "refused",
} as const satisfies Record<string, PeerPlace>;

/**
 * @param file The path by which a scenario in the same folder uses the file.
 * @returns The machine, or a sentence that says why a hunt on it is impossible.
 */
export function givenMachine(config: LabConfig, file: string): HuntMachine | string {
  let lab: Lab;
  try {
    lab = buildLab(config);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  const device = [...lab.devices.values()].find((each) => each.kind === "nvme");
  if (device === undefined) {
    return `The machine of "${file}" has no disk: put an nvme block into it`;
  }
  for (const base of [FIRST_PHYS, LOW_BASE]) {
    if (!isFree(lab, base)) {
      return `The hunt needs ${ROOM_BYTES / MIB} MiB of unused RAM at ${base / MIB} MiB: the ` +
        `machine of "${file}" has no RAM there, or uses it`;
    }
  }
  const { driver, namespace } = device.disk;
  const { controller } = driver;
  const peer = lenderTo(lab, device);
  return {
    mode: lab.machine.iommu.mode,
    table: config.iommu.model,
    forceBounce: lab.machine.forcesBounce,
    untrusted: device.dma.untrusted,
    coherent: device.dma.coherent,
    dmaMaskBits: device.dma.maskBits,
    sgl: controller.sgl,
    sglThresholdBytes: driver.format.sglThresholdBytes,
    blockSizeBytes: namespace.blockSizeBytes,
    metadataBytes: namespace.metadataBytes,
    metadataSgl: controller.metadataSgl,
    mdtsBytes: controller.mdtsBytes === 0 ? null : controller.mdtsBytes,
    depth: driver.queues.io[0]!.depthEntries,
    peer: PLACES[peer === null ? "none" : lab.topology.routes.kind(peer.function, device.function)],
    given: { config, disk: device.name, peer: peer?.name ?? "", file },
  };
}

/** The first device with enough peer memory for the requests of a step. */
function lenderTo({ devices, topology }: Lab, disk: LabDevice): LabDevice | null {
  return [...devices.values()].find((device) =>
    device !== disk && (topology.peerMemory(device.function)?.availableBytes ?? 0) >= PEER_BYTES
  ) ?? null;
}

/** Whether a memory range of the hunt, with its start at `base`, is unused RAM. */
function isFree({ machine }: Lab, base: number): boolean {
  const end = base + ROOM_BYTES;
  const { swiotlb } = machine;
  const bounced = swiotlb.active && swiotlb.basePhys < end &&
    swiotlb.basePhys + swiotlb.sizeBytes > base;
  return !bounced &&
    machine.memory.ranges.some(({ basePhys, sizeBytes, type }) =>
      type === "ram" && basePhys <= base && basePhys + sizeBytes >= end
    );
}
