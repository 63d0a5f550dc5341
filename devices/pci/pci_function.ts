/** The functions of a PCI tree. */
import type { Bytes, PhysAddr } from "@dmalab/runtime";
import { ACS_ABSENT, type AcsCapability, REDIRECTION } from "./peers/access_control.ts";
import type { HostBridge } from "./host_bridge.ts";
import type { PciAddress } from "./pci_address.ts";

/** The kind of a function. A `pci_bridge` has a conventional PCI bus behind it. */
export type PciRole =
  | "root_port"
  | "upstream_port"
  | "downstream_port"
  | "pci_bridge"
  | "nvme"
  | "endpoint";

/** A BAR before it has an address. */
export interface BarRequest {
  /** BAR number, 0 to 5. */
  readonly index: number;
  /** Size: a power of two, for memory at least 16 bytes. */
  readonly sizeBytes: Bytes;
  /** How many bytes of the BAR, from its start, are memory for peers; 0 for none. */
  readonly peerBytes: Bytes;
  /** The BAR's kind; by default 32-bit memory. */
  readonly kind?: BarKind;
  /** Whether reads of the BAR have no side effects. */
  readonly prefetchable?: boolean;
}

/** I/O ports, memory below 4 GiB, or memory anywhere. A 64-bit BAR uses the next BAR number as well. */
export type BarKind = "io" | "mem32" | "mem64";

/** A base address register with its address. */
export interface Bar extends BarRequest {
  /** Where it begins. */
  readonly basePhys: PhysAddr;
}

/** The settings of a function; access control is absent if left out. */
type PciFunctionInit =
  & Pick<PciFunction, "name" | "role" | "address" | "hostBridge" | "upstream">
  & Partial<Pick<PciFunction, "acs">>;

/** A function of the PCI tree: a device, or a port of a bridge. */
export class PciFunction {
  /** The name of the function's block; ports of a switch have the suffix `.up`, `.down0` …. */
  readonly name: string;
  /** The function's kind in the tree. */
  readonly role: PciRole;
  /**
   * The bus, device and function numbers.
   * @internal
   */
  readonly address: PciAddress;
  /**
   * The host bridge at the top of the function's tree.
   * @internal
   */
  readonly hostBridge: HostBridge;
  /** The bridge above, or null on the root bus. */
  readonly upstream: PciFunction | null;
  /**
   * The functions on the bus behind this bridge, in the order of their creation; empty for a
   * device.
   */
  readonly below: readonly PciFunction[] = [];
  /** This function, the bridge above it, and so on up to the function on the root bus. */
  readonly chain: readonly PciFunction[];
  /** The function's BARs; set once, when the windows have been placed. */
  bars: readonly Bar[] = [];
  /** Number of interrupt vectors that the function can raise. */
  vectors = 1;
  /**
   * Numbers in the function's configuration space, by the keys of its block. A value that the block
   * leaves out is not in this map, because it is taken from the driver.
   */
  numbers: ReadonlyMap<string, number> = new Map();
  /**
   * Properties of the function's node in the device tree, and of child nodes, by their paths. A path that
   * ends with a slash, such as `mdio/`, is a node.
   */
  properties: ReadonlyMap<string, Uint8Array> = new Map();
  /** Whether the function is in its slot; if not, it answers no requests. */
  present = true;
  /**
   * The function's access control; software may enable and disable services at any time.
   * @internal
   */
  acs: AcsCapability;

  /** Adds the function to its tree: below its bridge, or on the root bus of its host bridge. */
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

  /** Whether this function redirects peer traffic upstream. */
  get redirects(): boolean {
    const { enabled } = this.acs;
    return enabled.size > 0 && REDIRECTION.some((service) => enabled.has(service));
  }

  /** Whether there is a bus behind the function. */
  get isBridge(): boolean {
    return this.role !== "nvme" && this.role !== "endpoint";
  }

  /** The functions of the same device, including itself, sorted by address. */
  get siblings(): readonly PciFunction[] {
    const bus = this.upstream === null ? this.hostBridge.roots : this.upstream.below;
    return bus.filter(({ address }) =>
      address.bus === this.address.bus && address.device === this.address.device
    ).sort((a, b) => a.address.func - b.address.func);
  }
}
