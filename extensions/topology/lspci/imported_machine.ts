/**
 * Turns a listing into the model: host bridges, and functions with their access control. Routes and
 * groups are computed from the model.
 */
import {
  ACS_ABSENT,
  ACS_UNKNOWN,
  type AcsCapability,
  acsPresent,
  bridgeListing,
  type CpuIdentity,
  formatPlace,
  HostBridge,
  PciAddress,
  PciFunction,
  type PeerRoute,
  type VendorDevice,
} from "@dmalab/devices";
import { FunctionNames, isPeer, roleOf } from "./function_kind.ts";
import type { LinkedFunction, LinkedListing, RootBus } from "./linked_listing.ts";
import {
  formatBus,
  formatListedAddress,
  formatListedPlace,
  HOST_BRIDGE_CLASS,
  type ListedAcs,
  type ListedAddress,
} from "./listed_function.ts";

export interface ImportedMachine {
  readonly hostBridges: readonly HostBridge[];
  /** Sorted by address. */
  readonly functions: readonly PciFunction[];
  /**
   * The CPU. Null if neither the text nor a root complex identifies the CPU; it then counts as a
   * CPU that no rule mentions.
   */
  readonly cpu: CpuIdentity | null;
  readonly listed: ReadonlyMap<PciFunction, LinkedFunction>;
  /** Host bridges that may not exist: the text may lack a bridge above their bus. */
  readonly assumed: ReadonlySet<HostBridge>;
}

/**
 * The address of a listed function. If the listing does not give the bus, the address is written as a path. A kernel
 * accepts such a path, too, in the parameters `pci=…`.
 */
class ListedPciAddress extends PciAddress {
  constructor(readonly listed: ListedAddress) {
    super(listed.bus, listed.device, listed.func, listed.domain);
  }

  override toString(): string {
    return formatListedAddress(this.listed);
  }
}

/** `3b:00.0`, or the path if the bus is not known. */
export function placeText({ address }: PciFunction): string {
  return address instanceof ListedPciAddress
    ? formatListedPlace(address.listed)
    : formatPlace(address);
}

/** Builds the model of a listing; a listing without functions gives an empty machine. */
export function importMachine(listing: LinkedListing): ImportedMachine {
  const hostBridges: HostBridge[] = [];
  const functions: PciFunction[] = [];
  const listed = new Map<PciFunction, LinkedFunction>();
  const assumed = new Set<HostBridge>();
  const names = new FunctionNames();

  const add = (each: LinkedFunction, hostBridge: HostBridge, upstream: PciFunction | null) => {
    const role = roleOf(each, upstream?.role ?? null);
    const made = new PciFunction({
      name: names.nameFor(each, role, upstream),
      role,
      address: new ListedPciAddress(each.address),
      hostBridge,
      upstream,
      acs: capabilityOf(each.acs),
    });
    functions.push(made);
    listed.set(made, each);
    for (const child of each.children) add(child, hostBridge, made);
  };
  for (const [index, root] of listing.roots.entries()) {
    const hostBridge = new HostBridge({
      name: `host${index}`,
      domain: root.domain,
      rootBus: root.bus,
      rootDevice: rootDeviceOf(root),
    });
    hostBridges.push(hostBridge);
    if (root.assumed) assumed.add(hostBridge);
    for (const each of root.functions) add(each, hostBridge, null);
  }
  functions.sort((a, b) => a.address.key - b.address.key);
  return { hostBridges, functions, cpu: cpuOf(listing), listed, assumed };
}

function capabilityOf({ state, enabled, capable }: ListedAcs): AcsCapability {
  if (state === "absent") return ACS_ABSENT;
  // The function has the capability, but its settings cannot be read: it may redirect, or not.
  if (enabled === null) return ACS_UNKNOWN;
  return capable === null ? acsPresent(enabled) : acsPresent(enabled, capable);
}

/**
 * The device that the kernel looks up in its list of host bridges.
 * @see rules/p2p.md 9.4, "Allow-list subject"
 */
function rootDeviceOf({ functions, assumed }: RootBus): VendorDevice | null {
  const [first] = functions;
  if (first === undefined || assumed) return null;
  const { address, portType, vendor, device } = first;
  if (vendor === null || device === null) return null;
  const isSubject = (address.device === 0 && address.func === 0) || portType === "root_port";
  return isSubject ? { vendor, device } : null;
}

const AMD = 0x1022;
const INTEL = 0x8086;
const HYGON = 0x1d94;

/**
 * AMD's root complexes by the family of the CPU: their numbers and names in the PCI ID database, and product
 * names.
 */
const AMD_ROOT_COMPLEXES: readonly {
  readonly family: number;
  readonly devices: readonly number[];
  readonly name: RegExp;
}[] = [
  {
    family: 0x17,
    devices: [0x1450, 0x15d0, 0x1480, 0x1630, 0x1645],
    name: /\b(?:Family 17h|Naples|Rome|Starship|Matisse|Raven2?|Renoir|VanGogh)\b/,
  },
  {
    family: 0x19,
    devices: [0x14b5, 0x14a4, 0x14d8, 0x14e8],
    name: /\b(?:Family 19h|Milan|Vermeer|Cezanne|Genoa|Bergamo|Raphael|Rembrandt|Phoenix2?)\b/,
  },
  {
    family: 0x1a,
    devices: [0x1507, 0x153a, 0x1122],
    name: /\b(?:Family 1ah|Turin|Granite Ridge|Strix|Krackan2?)\b/i,
  },
];
/** `Family 15h (Models 30h-3fh) Processor Root Complex`: families before Zen. */
const EARLIER_FAMILY = /\bFamily (1[0-6])h\b/;

/**
 * The CPU as the text names it. If the text does not name it, the root complex identifies it,
 * because a root complex is a part of a CPU. Several families may share a root complex: the first
 * of these families is returned, because the same rule applies to all of them.
 */
function cpuOf({ cpu, roots }: LinkedListing): CpuIdentity | null {
  if (cpu !== null) return cpu;
  for (const { vendor, device, classCode, name } of roots.flatMap(({ functions }) => functions)) {
    const isHostBridge = classCode === HOST_BRIDGE_CLASS ||
      classCode === null && name !== null && /Root Complex$/.test(name);
    if (!isHostBridge) continue;
    if (vendor === HYGON) return { vendor: "hygon", family: 0x18 };
    if (vendor !== AMD) continue;
    const found = AMD_ROOT_COMPLEXES.find((row) =>
      device === null ? name !== null && row.name.test(name) : row.devices.includes(device)
    );
    const family = found?.family ?? parseInt(EARLIER_FAMILY.exec(name ?? "")?.[1] ?? "0", 16);
    if (family > 0) return { vendor: "amd", family };
  }
  return null;
}

/**
 * The unknown facts that could change the result for a route.
 * @returns Sentences without a final period; empty if the result is certain.
 */
export function doubtsAbout(route: PeerRoute, machine: ImportedMachine): string[] {
  const { provider, client, commonBridge, check } = route;
  const doubts: string[] = [];
  if (commonBridge === null) {
    const unsure = [...new Set([provider.hostBridge, client.hostBridge])]
      .filter((bridge) => machine.assumed.has(bridge));
    for (const { domain, rootBus } of unsure) {
      doubts.push(`what is above bus ${formatBus(domain, rootBus)} is not in the text`);
    }
  }
  if (route.mapType === "bus_addr" && route.uncertain.length > 0) {
    const list = route.uncertain.map(({ address }) => address).join(", ");
    doubts.push(`ACS redirect of ${list} is unknown`);
  }
  if (check?.refused != null) {
    const bridges = [...new Set([provider.hostBridge, client.hostBridge])];
    const firstKnown = (bridge: HostBridge) => {
      if (machine.assumed.has(bridge)) return false;
      const { address, device, portType, vendor } = machine.listed.get(bridge.roots[0]!)!;
      const isFirst = address.device === 0 && address.func === 0;
      // Bus 0 always has a function 00.0. If the text lacks this function, it lacks the device that
      // decides whether the bridge is in the kernel's list.
      const isSubject = isFirst || portType === "root_port" && bridge.rootBus !== 0;
      return isSubject && vendor !== null && device !== null;
    };
    // If one bridge is certainly refused, the other one does not matter.
    const settled = bridges.some((bridge) =>
      firstKnown(bridge) && bridgeListing(bridge) === "not_listed"
    );
    if (!settled && !bridges.every(firstKnown)) {
      doubts.push("which device is first on the root bus is unknown: the list may have it");
    }
    if (machine.cpu === null && mayBeAmd(bridges, machine)) {
      doubts.push("the CPU is unknown: from AMD's Zen on it would pass");
    }
  }
  return doubts;
}

/** Vendors of emulated hardware: their root complexes do not identify the CPU. */
const EMULATED: ReadonlySet<number> = new Set([0x1af4, 0x1b36, 0x15ad, 0x1414, 0x80ee]);

/**
 * Vendors of root complexes. Each of these vendors shows that the CPU is not from AMD: Intel, and
 * makers of Arm and Power processors.
 */
const OTHER_CPUS: ReadonlySet<number> = new Set([
  INTEL,
  0x1014, // IBM
  0x11ab, // Marvell
  0x13b5, // Arm
  0x14e4, // Broadcom
  0x177d, // Cavium
  0x17cb, // Qualcomm
  0x19e5, // HiSilicon
  0x1c36, // Annapurna
  0x1d87, // Rockchip
  0x1db7, // Phytium
  0x1def, // Ampere
]);

function mayBeAmd(bridges: readonly HostBridge[], machine: ImportedMachine): boolean {
  const vendorOf = ({ rootDevice, roots }: HostBridge) => {
    // The vendor of the first device, which may be known only from the device's name.
    const first = roots.find(({ address }) => address.device === 0 && address.func === 0);
    return rootDevice?.vendor ?? (first && machine.listed.get(first)!.vendor) ?? 0;
  };
  if (bridges.some((bridge) => !OTHER_CPUS.has(vendorOf(bridge)))) return true;
  return [...machine.listed.values()].some(({ vendor }) => vendor !== null && EMULATED.has(vendor));
}

/** The functions that can be peers in practice, sorted by address. */
export function peersOf(machine: ImportedMachine): readonly PciFunction[] {
  return machine.functions.filter((func) =>
    isPeer(machine.listed.get(func)!, func.upstream === null)
  );
}
