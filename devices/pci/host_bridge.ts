/**
 * Host bridges, and the rules by which the kernel trusts a host bridge with peer-to-peer traffic.
 *
 * @see rules/p2p.md 9.4, "Host-bridge check"
 */
import { defaultsOf, int, invariant, setting, type SettingsOf, word } from "@dmalab/runtime";
import type { PciFunction } from "./pci_function.ts";

/** Vendor and device id of a function: two numbers of 16 bits. */
export interface VendorDevice {
  readonly vendor: number;
  readonly device: number;
}

/** Keys of the machine for its processor. */
export const CPU_SETTINGS = {
  vendor: setting("cpu_vendor", word("amd", "intel", "hygon", "arm", "other"), "other", {
    doc: "Vendor of the CPU: the kernel allows peer traffic across host bridges of some.",
  }),
  // The family in CPUID's numbering; 0x17 is Zen.
  family: setting("cpu_family", int(0, 0xfff), 0, { doc: "The CPU's family." }),
};

/** @internal */
export type CpuRows = typeof CPU_SETTINGS;

/** Vendor and family of the boot CPU. */
export type CpuIdentity = SettingsOf<CpuRows>;

/** A processor to which no rule applies. */
export const ORDINARY_CPU: CpuIdentity = defaultsOf(CPU_SETTINGS);

/** The settings of a host bridge. Missing ones are 0, null or false. */
export type HostBridgeInit =
  & Pick<HostBridge, "name" | "domain" | "rootBus">
  & Partial<Pick<HostBridge, "busOffset" | "whitelisted" | "rootDevice" | "listsNvidia">>;

/**
 * A host bridge: the node above a root bus. It connects the bus with memory and with other host
 * bridges.
 */
export class HostBridge {
  readonly name: string;
  readonly domain: number;
  readonly rootBus: number;
  /** PCI bus address minus CPU address, for everything below. */
  readonly busOffset: number;
  /** Whether the kernel's list contains the bridge; null to search the list by the root device. */
  readonly whitelisted: boolean | null;
  /**
   * The first device on the root bus: the kernel searches its list for this device. Null if the
   * device is unknown, or is neither function 00.0 nor a root port.
   */
  readonly rootDevice: VendorDevice | null;
  /** Whether the kernel's list contains bridges of NVIDIA. @see rules/v7.3.md 5.3 */
  readonly listsNvidia: boolean;
  /** The functions on the root bus, in the order of their creation. */
  readonly roots: readonly PciFunction[] = [];

  constructor(init: HostBridgeInit) {
    this.name = init.name;
    this.domain = init.domain;
    this.rootBus = init.rootBus;
    this.busOffset = init.busOffset ?? 0;
    this.whitelisted = init.whitelisted ?? null;
    this.rootDevice = init.rootDevice ?? null;
    this.listsNvidia = init.listsNvidia ?? false;
  }
}

/** How the list allows peer traffic for a host bridge. */
type BridgeListing = "any" | "same_bridge_only" | "not_listed";

const INTEL = 0x8086;
const GOOGLE = 0x1ae0;
const NVIDIA = 0x10de;

/**
 * Intel's root devices with a restriction: the kernel allows peer traffic between the ports of such
 * a bridge, but not to another bridge.
 */
const SAME_BRIDGE_ONLY: ReadonlySet<number> = new Set([0x3c00, 0x3c01, 0x2f00, 0x2f01]);

/** Intel's root devices without a restriction: root ports, and integrated accelerators. */
const LISTED: ReadonlySet<number> = new Set([
  ...[0x2030, 0x2031, 0x2032, 0x2033, 0x2020, 0x09a2],
  // Accelerators from Intel: DSA and IAX/IAA (0b25, 11fb, 1212; 0cfe, 1216), QAT (4xxx, 401xx,
  // 402xx, 420xx, 6xxx). The numbers are those of the PCI ID registry.
  ...[0x0b25, 0x11fb, 0x1212, 0x0cfe, 0x1216, 0x4940, 0x4942, 0x4944, 0x4946, 0x4948],
]);

/** Four root devices of NVIDIA without a restriction. @see rules/v7.3.md 5.3 */
const LISTED_NVIDIA: ReadonlySet<number> = new Set([0x2f95, 0x2f96, 0x2f97, 0x2f98]);

/**
 * The entry of the kernel's list for a bridge with this root device.
 * @param listsNvidia Whether the list contains bridges of NVIDIA.
 */
export function listingOf(rootDevice: VendorDevice | null, listsNvidia: boolean): BridgeListing {
  if (rootDevice === null) return "not_listed";
  const { vendor, device } = rootDevice;
  if (vendor === GOOGLE) return "any";
  if (vendor === NVIDIA && listsNvidia) return LISTED_NVIDIA.has(device) ? "any" : "not_listed";
  if (vendor !== INTEL) return "not_listed";
  if (SAME_BRIDGE_ONLY.has(device)) return "same_bridge_only";
  return LISTED.has(device) ? "any" : "not_listed";
}

/** The result of the host-bridge check, and its reason. */
export interface HostBridgeCheck {
  readonly passes: boolean;
  /** `cpu`: the processor is known to work, so the whitelist was not consulted. */
  readonly reason: "cpu" | "listed" | "not_listed" | "same_bridge_only";
  /** The bridge that was refused; null if the check passes. */
  readonly refused: HostBridge | null;
}

const ZEN_FAMILY = 0x17;

/** Whether peer traffic between a provider and a client may go through their host bridges. */
export function checkHostBridges(
  cpu: CpuIdentity,
  provider: HostBridge,
  client: HostBridge,
): HostBridgeCheck {
  if (cpu.vendor === "amd" && cpu.family >= ZEN_FAMILY) {
    return { passes: true, reason: "cpu", refused: null };
  }
  const same = provider === client;
  for (const bridge of same ? [provider] : [provider, client]) {
    const listing = bridgeListing(bridge);
    if (listing === "not_listed") return { passes: false, reason: listing, refused: bridge };
    if (listing === "same_bridge_only" && !same) {
      return { passes: false, reason: listing, refused: bridge };
    }
  }
  return { passes: true, reason: "listed", refused: null };
}

/** How a bridge is listed: by its explicit setting, or else by its root device. */
export function bridgeListing(bridge: HostBridge): BridgeListing {
  if (bridge.whitelisted === null) return listingOf(bridge.rootDevice, bridge.listsNvidia);
  return bridge.whitelisted ? "any" : "not_listed";
}

/** Parses a pair such as `8086:2030`; null for another text. */
export function parseVendorDevice(text: string): VendorDevice | null {
  const match = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(text);
  return match === null
    ? null
    : { vendor: parseInt(match[1]!, 16), device: parseInt(match[2]!, 16) };
}

/** `8086:2030` */
export function formatVendorDevice({ vendor, device }: VendorDevice): string {
  invariant(vendor < 65536 && device < 65536, "A vendor or device number has 16 bits");
  const hex = (value: number) => value.toString(16).padStart(4, "0");
  return `${hex(vendor)}:${hex(device)}`;
}
