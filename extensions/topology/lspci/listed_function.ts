/** The facts from a listing about one PCI function. A fact is null if the listing does not give it. */
import type { Bytes } from "@dmalab/runtime";
import { type AcsService, type DomainPlace, formatPlace } from "@dmalab/devices";

export interface ListedAddress extends DomainPlace {
  /**
   * The path through the bridges, as `lspci -P` writes it: `00:02.0/00.0`. It is set if the text
   * has a path instead of the bus. In this case `bus` is a number that no other bus of the text
   * has.
   */
  readonly path?: string;
}

/** Device or port type of the PCI Express capability. @see PCI Express Base Specification, 7.5.3.2 */
export type PortType =
  | "endpoint"
  | "legacy_endpoint"
  | "root_port"
  | "upstream_port"
  | "downstream_port"
  | "pcie_to_pci"
  | "pci_to_pcie"
  | "integrated_endpoint"
  | "event_collector";

export interface ListedBusNumbers {
  readonly primary: number;
  readonly secondary: number;
  readonly subordinate: number;
}

export interface ListedBar {
  /** 0 to 5; a 64-bit BAR has the index of its lower half. */
  readonly index: number;
  readonly space: "memory" | "io";
  readonly bits: 32 | 64;
  readonly prefetchable: boolean;
  /** Null if no address is assigned, and for addresses from 2^53 on. */
  readonly base: number | null;
  /**
   * Null if the listing does not give the size: a dump of registers has addresses of BARs, but no
   * sizes.
   */
  readonly sizeBytes: Bytes | null;
}

/** A range of addresses that a bridge forwards downwards; it includes both ends. */
export interface BridgeWindow {
  readonly space: "io" | "memory" | "prefetchable";
  readonly base: number;
  readonly limit: number;
}

/**
 * Access Control Services, as far as the listing shows them. If `present` is set without `enabled`,
 * the function has the capability, but the listing does not show which services are enabled.
 */
export interface ListedAcs {
  readonly state: "present" | "absent" | "unknown";
  /** The services that can be enabled. */
  readonly capable: ReadonlySet<AcsService> | null;
  /** The services that are enabled. */
  readonly enabled: ReadonlySet<AcsService> | null;
}

export interface ListedFunction {
  readonly address: ListedAddress;
  /** The first line that names the function, counted from 1. */
  readonly line: number;
  /** Class and subclass in one number: 0x0604 is a PCI bridge. */
  readonly classCode: number | null;
  readonly className: string | null;
  readonly vendor: number | null;
  readonly device: number | null;
  /** Vendor and device as words. */
  readonly name: string | null;
  readonly portType: PortType | null;
  readonly buses: ListedBusNumbers | null;
  readonly bars: readonly ListedBar[];
  readonly windows: readonly BridgeWindow[];
  readonly acs: ListedAcs;
  /** The group in which the kernel of the listed machine has put the function. */
  readonly iommuGroup: number | null;
  readonly numaNode: number | null;
  readonly driver: string | null;
  /** Whether the function does not answer: all its registers are read as ones. */
  readonly gone: boolean;
}

/** `0000:3b:00.0`, or `0000:00:02.0/00.0` if the bus is not known. */
export function formatListedAddress(address: ListedAddress): string {
  return `${hex(address.domain, 4)}:${formatListedPlace(address)}`;
}

/** `3b:00.0`, or `00:02.0/00.0`. */
export function formatListedPlace(address: ListedAddress): string {
  return address.path ?? formatPlace(address);
}

/** A key for a bus, unique among the buses of all domains. */
export function busKey(domain: number, bus: number): number {
  return domain * 256 + bus;
}

/** `0000:3b` */
export function formatBus(domain: number, bus: number): string {
  return `${hex(domain, 4)}:${hex(bus, 2)}`;
}

/** Lower-case hex digits, at least `digits` of them. */
export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, "0");
}

/** Class codes that decide the role of a function. @see PCI Code and ID Assignment, 1 */
export const HOST_BRIDGE_CLASS = 0x0600;
const PCI_BRIDGE_CLASS = 0x0604;

/** Whether a function is a bridge to another bus, by the known facts about it. */
export function isBridge(listed: ListedFunction): boolean {
  return listed.buses !== null || listed.classCode === PCI_BRIDGE_CLASS;
}
