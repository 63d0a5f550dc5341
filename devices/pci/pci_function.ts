/** The functions and host bridges that a PCI tree is made of. */
import type { Bytes, PhysAddr } from "../../runtime/address.ts";
import { type AcsService, redirects } from "./access_control.ts";
import type { PciAddress } from "./pci_address.ts";

/** What sits above a root bus: the way to memory and to other host bridges. */
export interface HostBridge {
  readonly name: string;
  /** The kernel's list allows peer traffic across this bridge. @see behaviour/p2p.md 9.4 */
  readonly whitelisted: boolean;
  /** PCI bus address minus CPU address of everything below. */
  readonly busOffset: number;
  /** The functions on the root bus, in order of their addresses. */
  readonly roots: readonly PciFunction[];
}

export type PciRole = "root_port" | "upstream_port" | "downstream_port" | "nvme" | "endpoint";

/** What a device asks for when its memory is placed. */
export interface BarRequest {
  /** BAR number, 0 to 5. */
  readonly index: number;
  /** A power of two, at least one page. */
  readonly sizeBytes: Bytes;
  /** How much of it, from its start, is memory for peers; 0 is none. */
  readonly peerBytes: Bytes;
}

/** A base address register with its place. */
export interface Bar extends BarRequest {
  readonly basePhys: PhysAddr;
}

export class PciFunction {
  /** The function's BARs; set once, when the windows are laid out. */
  bars: readonly Bar[] = [];

  /**
   * @param name The block's name; ports of a switch have its name with `.up`, `.down0` ….
   * @param upstream The bridge above, or null on the root bus.
   */
  constructor(
    readonly name: string,
    readonly role: PciRole,
    readonly address: PciAddress,
    readonly hostBridge: HostBridge,
    readonly upstream: PciFunction | null,
    readonly acs: ReadonlySet<AcsService>,
  ) {}

  /** Whether this function sends peer traffic up. */
  get redirects(): boolean {
    return redirects(this.acs);
  }

  /** This function, the bridge above it, … up to and including the root port. */
  get chain(): readonly PciFunction[] {
    return this.upstream === null ? [this] : [this, ...this.upstream.chain];
  }
}
