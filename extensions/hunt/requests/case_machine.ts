/** The machine of a case as the simulator builds it. */
import { defaultLabConfig, type LabConfig, pciNode, type PciNodeConfig } from "@dmalab/devices";
import { alignUp, GIB, MIB } from "@dmalab/runtime";
import { hasBehaviour, type KernelConfig, type KernelProfile } from "@dmalab/runtime/kernels";
import type { HuntMachine, HuntRelease } from "./hunt_case.ts";

/** Size of RAM: a part of it lies above 4 GiB. */
const RAM_BYTES = 8 * GIB;
/** Size of the peer's memory: more than the requests of a step can use. */
export const PEER_BYTES = 32 * MIB;

export const CACHE_LINE_BYTES = 64;

const DEFAULTS = defaultLabConfig();

/** The configuration of a case's machine. The disk is `ssd`, the peer `peer`. */
export function caseConfig(
  machine: HuntMachine,
  release: HuntRelease,
  watch: KernelConfig["watch"] = null,
): LabConfig {
  if (machine.given !== null) return { ...machine.given.config, ...release, watch };
  return {
    watch,
    ...DEFAULTS,
    kernel: release.kernel,
    quirks: release.quirks,
    ramSizeBytes: RAM_BYTES,
    iommu: { ...DEFAULTS.iommu, mode: machine.mode, model: machine.table },
    swiotlb: { ...DEFAULTS.swiotlb, force: machine.forceBounce },
    pci: pciTree(machine, release),
  };
}

/**
 * Bytes of metadata for each block. For a non-coherent device this is a number of whole cache
 * lines. If it were not, the two requests of a bio that is cut would share the cache line at the
 * cut.
 */
export function metadataBytesOf(machine: HuntMachine): number {
  return machine.coherent || machine.given !== null
    ? machine.metadataBytes
    : alignUp(machine.metadataBytes, CACHE_LINE_BYTES);
}

/**
 * Whether the device is untrusted. If requests are mapped as lists, an untrusted device is never
 * combined with a peer: its lists would be bounced without a check for peer memory, and the device
 * would fault (p2p.md 9.6).
 */
export function isUntrusted(machine: HuntMachine, { kernel }: HuntRelease): boolean {
  return machine.untrusted && (machine.peer === "none" || !mapsLists(kernel));
}

/** Whether a release maps requests as scatterlists. */
export function mapsLists(kernel: KernelProfile): boolean {
  return hasBehaviour(kernel, "nvme_scatterlists");
}

/** Whether the controller supports SGLs for metadata. It then supports SGLs for data as well. */
export function takesMetadataSgl(machine: HuntMachine): boolean {
  return machine.sgl && machine.metadataSgl;
}

function pciTree(machine: HuntMachine, release: HuntRelease): readonly PciNodeConfig[] {
  const disk = pciNode("nvme", "ssd", [], {
    depth: machine.depth,
    sgl: machine.sgl,
    sglThresholdBytes: machine.sglThresholdBytes,
    blockSizeBytes: machine.blockSizeBytes,
    metadataBytes: metadataBytesOf(machine),
    metadataSgl: takesMetadataSgl(machine),
    mdtsBytes: machine.mdtsBytes,
    dmaMaskBits: machine.dmaMaskBits,
    coherent: machine.coherent,
    untrusted: isUntrusted(machine, release),
  });
  const peer = pciNode("endpoint", "peer", [], { barBytes: PEER_BYTES, p2pmemBytes: PEER_BYTES });
  switch (machine.peer) {
    case "none":
      return [pciNode("root_port", "rp0", [disk])];
    case "same_switch":
      return [pciNode("root_port", "rp0", [pciNode("switch", "sw0", [disk, peer])])];
    case "host_bridge":
    case "refused": {
      const ports = [pciNode("root_port", "rp0", [disk]), pciNode("root_port", "rp1", [peer])];
      const whitelisted = machine.peer === "host_bridge";
      return [pciNode("host_bridge", "hb0", ports, { whitelisted })];
    }
  }
}
