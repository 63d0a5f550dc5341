/** The functions that a PCI tree is made of. */
import type { Bytes, PhysAddr } from "@dmalab/runtime";
import { ACS_ABSENT, type AcsCapability, REDIRECTION } from "./peers/access_control.ts";
import type { HostBridge } from "./host_bridge.ts";
import type { PciAddress } from "./pci_address.ts";

/** The kind of a function. `pci_bridge` leads to a bus of conventional PCI. */
export type PciRole =
  | "root_port"
  | "upstream_port"
  | "downstream_port"
  | "pci_bridge"
  | "nvme"
  | "endpoint";

/** A device's request when its memory is placed. */
export interface BarRequest {
  /** BAR number, 0 to 5. */
  readonly index: number;
  /** A power of two, at least one page in memory. */
  readonly sizeBytes: Bytes;
  /** How much of it, from its start, is memory for peers; 0 is none. */
  readonly peerBytes: Bytes;
  /** Its kind; memory of 32 bits when left out. */
  readonly kind?: BarKind;
  /** Reads of it have no side effects. */
  readonly prefetchable?: boolean;
}

/** I/O ports, or memory below 4 GiB or anywhere. A BAR of 64 bits takes the next number as well. */
export type BarKind = "io" | "mem32" | "mem64";

/** A base address register with its place. */
export interface Bar extends BarRequest {
  /** Where it begins. */
  readonly basePhys: PhysAddr;
}

/** The settings of a function; it has no access control when that is left out. */
type PciFunctionInit =
  & Pick<PciFunction, "name" | "role" | "address" | "hostBridge" | "upstream">
  & Partial<Pick<PciFunction, "acs">>;

/** A function of the PCI tree: a device, or a port of a bridge. */
export class PciFunction {
  /** The name of its block; ports of a switch have its name with `.up`, `.down0` …. */
  readonly name: string;
  /** Its kind in the tree. */
  readonly role: PciRole;
  /**
   * Its bus, device and function.
   * @internal
   */
  readonly address: PciAddress;
  /**
   * The bridge at the top of its tree.
   * @internal
   */
  readonly hostBridge: HostBridge;
  /** The bridge above, or null on the root bus. */
  readonly upstream: PciFunction | null;
  /** The functions on the bus behind it, in the order in which they were made; none for no bridge. */
  readonly below: readonly PciFunction[] = [];
  /** This function, the bridge above it, … up to and including the one on the root bus. */
  readonly chain: readonly PciFunction[];
  /** The function's BARs; set once, when the windows are laid out. */
  bars: readonly Bar[] = [];
  /** Interrupts that it can raise. */
  vectors = 1;
  /**
   * The contents of its configuration space, by the keys of its block. Values that it leaves to the
   * driver are missing.
   */
  numbers: ReadonlyMap<string, number> = new Map();
  /** Properties of its node in the device tree, and of nodes in it, by their paths; `mdio/` is a node. */
  properties: ReadonlyMap<string, Uint8Array> = new Map();
  /** It is in its slot; a function that is not answers no request. */
  present = true;
  /**
   * Its access control; software may switch services at any time.
   * @internal
   */
  acs: AcsCapability;

  /** Hangs the function into its tree: below its bridge, or on the bus of its host bridge. */
  constructor(init: PciFunctionInit) {
    this.name = init.name;
    this.role = init.role;
    this.address = init.address;
    this.hostBridge = init.hostBridge;
    this.upstream = init.upstream;
    this.acs = init.acs ?? ACS_ABSENT;
    this.chain = init.upstream === null ? [this] : [this, ...init.upstream.chain];
    const bus = init.upstream === null ? init.hostBridge.roots : init.upstream.below;
    (bus as PciFunction[]).push(this);
  }

  /** Whether this function sends peer traffic up. */
  get redirects(): boolean {
    const { enabled } = this.acs;
    return enabled.size > 0 && REDIRECTION.some((service) => enabled.has(service));
  }

  /** Whether a bus lies behind it. */
  get isBridge(): boolean {
    return this.role !== "nvme" && this.role !== "endpoint";
  }

  /** The functions of the same device, itself among them, in the order of their addresses. */
  get siblings(): readonly PciFunction[] {
    const bus = this.upstream === null ? this.hostBridge.roots : this.upstream.below;
    return bus.filter(({ address }) =>
      address.bus === this.address.bus && address.device === this.address.device
    ).sort((a, b) => a.address.func - b.address.func);
  }
}
