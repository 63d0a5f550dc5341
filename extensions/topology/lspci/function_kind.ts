/**
 * Finds the role of a listed function in the tree, the function's name, and whether the function
 * can be a peer.
 */
import type { PciFunction, PciRole } from "@dmalab/devices";
import type { LinkedFunction } from "./linked_listing.ts";
import { isBridge, type ListedFunction } from "./listed_function.ts";

/**
 * The role that a function's place in the tree allows. The port type in the listing only decides
 * between PCI Express and conventional PCI, because a damaged text may call any function a root
 * port.
 *
 * @param above The role of the bridge above; null on a root bus.
 */
export function roleOf(listed: LinkedFunction, above: PciRole | null): PciRole {
  if (!isBridge(listed)) return listed.classCode === NVME_CLASS ? "nvme" : "endpoint";
  const { portType } = listed;
  if (portType === "pcie_to_pci" || portType === "pci_to_pcie") return "pci_bridge";
  switch (above) {
    case null:
      // The ACS state `absent` shows that all capabilities of the bridge are listed. Without a port
      // type, PCI Express is not among these capabilities.
      return portType === null && listed.acs.state === "absent" ? "pci_bridge" : "root_port";
    case "upstream_port":
      return "downstream_port";
    case "root_port":
    case "downstream_port":
      if (portType === "upstream_port") return "upstream_port";
      // A switch has bridges below; a bridge to conventional PCI has devices below.
      return listed.children.some(isBridge) ? "upstream_port" : "pci_bridge";
    default:
      return "pci_bridge";
  }
}

const NVME_CLASS = 0x0108;

/** Prefixes of names, by class; the next table has them by base class. */
const PREFIXES: Readonly<Record<number, string>> = {
  [NVME_CLASS]: "ssd",
  0x0207: "hca",
  0x0b40: "acc",
  0x0c03: "usb",
  0x0c06: "hca",
};
const FAMILY_PREFIXES: Readonly<Record<number, string>> = {
  0x01: "hba",
  0x02: "nic",
  0x03: "gpu",
  0x04: "snd",
  0x05: "mem",
  0x06: "chip",
  0x08: "sys",
  0x11: "sys",
  0x12: "acc",
};

/** Words of product names, with the class. A tree of `lspci -tv` has names without classes. */
const PRODUCT_WORDS: readonly (readonly [words: RegExp, classCode: number])[] = [
  [/\bNVMe\b|NVM Express|Non-Volatile memory/i, NVME_CLASS],
  [/\bAudio\b/, 0x0403],
  [/ConnectX|Infiniband|Omni-Path/i, 0x0207],
  [/Ethernet|Network|NetXtreme|Wireless|Wi-Fi/i, 0x0200],
  [/GeForce|Quadro|\bTesla\b|\bRTX\b|Radeon|Instinct|Graphics|\bGPU\b/i, 0x0300],
  [/\b(?:AD|G[ABHKMPV]|TU)\d{3}[A-Z]{0,2}\b/, 0x0300],
  [/\bSATA\b|\bSAS\b|\bRAID\b|\bSCSI\b|block device|\bSSD\b/i, 0x0180],
  [/\bUSB\b|\bxHCI\b/i, 0x0c03],
];

/**
 * A function's class. If the listing does not give the class, it is guessed from the function's
 * name. Only names and the choice of peers depend on this guess; routes and groups do not.
 */
export function likelyClass({ classCode, name }: ListedFunction): number | null {
  if (classCode !== null || name === null) return classCode;
  return PRODUCT_WORDS.find(([words]) => words.test(name))?.[1] ?? null;
}

/** Gives functions names that scripts can use: `gpu0`, `rp1`, `sw0`, `sw0p2`. */
export class FunctionNames {
  readonly #counts = new Map<string, number>();

  /** @param above The bridge above; null on a root bus. */
  nameFor(listed: LinkedFunction, role: PciRole, above: PciFunction | null): string {
    switch (role) {
      case "root_port":
        return this.#next("rp");
      case "pci_bridge":
        return this.#next("br");
      case "upstream_port":
        return `${this.#next("sw")}.up`;
      case "downstream_port":
        return this.#next(`${(above?.name ?? "sw").replace(/\.up$/, "")}p`);
      default: {
        const classCode = likelyClass(listed);
        return this.#next(
          classCode === null
            ? "dev"
            : PREFIXES[classCode] ?? FAMILY_PREFIXES[classCode >> 8] ?? "dev",
        );
      }
    }
  }

  #next(prefix: string): string {
    const count = this.#counts.get(prefix) ?? 0;
    this.#counts.set(prefix, count + 1);
    return `${prefix}${count}`;
  }
}

/** Base classes of functions that count as peers even on a root bus. */
const PEER_CLASSES: ReadonlySet<number> = new Set([0x01, 0x02, 0x03, 0x12]);
const CO_PROCESSOR = 0x0b40;
const CXL_MEMORY = 0x0502;

/** Whether a function can be a P2P client or provider in practice; functions of chipsets cannot. */
export function isPeer(listed: LinkedFunction, onRootBus: boolean): boolean {
  if (isBridge(listed)) return false;
  const classCode = likelyClass(listed);
  if (classCode === null) return !onRootBus;
  const family = classCode >> 8;
  if (onRootBus) {
    return PEER_CLASSES.has(family) || classCode === CO_PROCESSOR || classCode === CXL_MEMORY;
  }
  return family !== 0x06;
}
