/**
 * Host bridges, and which of them the kernel trusts to carry traffic between peers.
 *
 * @see rules/p2p.md 9.4, "Host-bridge check"
 */
import { defaultsOf, int, invariant, setting, type SettingsOf, word } from "@dmalab/runtime";
import type { PciFunction } from "./pci_function.ts";

/** Vendor and device of a function: two numbers of 16 bits. */
export interface VendorDevice {
  readonly vendor: number;
  readonly device: number;
}

/** Keys of the machine that say what processor it has. */
export const CPU_SETTINGS = {
  vendor: setting("cpu_vendor", word("amd", "intel", "hygon", "arm", "other"), "other", {
    doc: "Vendor of the CPU: the kernel allows peer traffic across host bridges of some.",
  }),
  // As CPUID counts it; 0x17 is Zen.
  family: setting("cpu_family", int(0, 0xfff), 0, { doc: "The CPU's family." }),
};

/** @internal */
export type CpuRows = typeof CPU_SETTINGS;

/** The processor that the machine booted on. */
export type CpuIdentity = SettingsOf<CpuRows>;

/** A processor about which no rule says anything. */
export const ORDINARY_CPU: CpuIdentity = defaultsOf(CPU_SETTINGS);

/** The settings of a host bridge. Missing ones are 0, null or false. */
export type HostBridgeInit =
  & Pick<HostBridge, "name" | "domain" | "rootBus">
  & Partial<Pick<HostBridge, "busOffset" | "whitelisted" | "rootDevice" | "listsNvidia">>;

/** What sits above a root bus: the way to memory and to other host bridges. */
export class HostBridge {
  readonly name: string;
  readonly domain: number;
  readonly rootBus: number;
  /** PCI bus address minus CPU address of everything below. */
  readonly busOffset: number;
  /** Says outright whether the kernel's list has it; null asks the list. */
  readonly whitelisted: boolean | null;
  /**
   * The first device on the root bus, which is looked up in the list; null when it is not known, or
   * is neither function 00.0 nor a root port.
   */
  readonly rootDevice: VendorDevice | null;
  /** The kernel's list has bridges of NVIDIA. @see rules/v7.3.md 5.3 */
  readonly listsNvidia: boolean;
  /** The functions on the root bus, in the order in which they were made. */
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

/** How the list has a host bridge. */
type BridgeListing = "any" | "same_bridge_only" | "not_listed";

const INTEL = 0x8086;
const GOOGLE = 0x1ae0;
const NVIDIA = 0x10de;

/** Traffic may pass between the ports of such a bridge, but not from one to another. */
const SAME_BRIDGE_ONLY: ReadonlySet<number> = new Set([0x3c00, 0x3c01, 0x2f00, 0x2f01]);

/** Root devices of Intel without a restriction: root ports, and integrated accelerators. */
const LISTED: ReadonlySet<number> = new Set([
  ...[0x2030, 0x2031, 0x2032, 0x2033, 0x2020, 0x09a2],
  // DSA and IAX/IAA (0b25, 11fb, 1212; 0cfe, 1216), QAT (4xxx, 401xx, 402xx, 420xx, 6xxx), by the
  // numbers under which the PCI ID registry has them.
  ...[0x0b25, 0x11fb, 0x1212, 0x0cfe, 0x1216, 0x4940, 0x4942, 0x4944, 0x4946, 0x4948],
]);

/** Four of NVIDIA, without a restriction. @see rules/v7.3.md 5.3 */
const LISTED_NVIDIA: ReadonlySet<number> = new Set([0x2f95, 0x2f96, 0x2f97, 0x2f98]);

/**
 * How the kernel's list has a bridge with this root device.
 * @param listsNvidia The list is one that has bridges of NVIDIA.
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
  /** `cpu`: the processor is known to work; the whitelist is not consulted. */
  readonly reason: "cpu" | "listed" | "not_listed" | "same_bridge_only";
  /** The bridge that was refused; null when the check passes. */
  readonly refused: HostBridge | null;
}

const ZEN_FAMILY = 0x17;

/** Whether traffic between a provider and a client may go through their host bridges. */
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

/** How a bridge is listed: as it is said outright, or else as its root device is. */
export function bridgeListing(bridge: HostBridge): BridgeListing {
  if (bridge.whitelisted === null) return listingOf(bridge.rootDevice, bridge.listsNvidia);
  return bridge.whitelisted ? "any" : "not_listed";
}

/** Reads `8086:2030`, or returns null for what is no such pair. */
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
