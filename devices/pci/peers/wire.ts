/**
 * The wires of a PCI tree: where a transaction goes, whatever the kernel thinks of it.
 *
 * A transaction climbs from its function towards the root. A bridge that has its address on the other
 * side of one of its ports lets it turn round there, unless access control sends it on: in a switch
 * it is the port by which it came in that redirects. Functions of one device reach each other inside
 * it, unless the one that asks redirects; then it is the port above that lets the transaction turn
 * round, unless that one redirects as well, or forwards upstream. What arrives at the root complex is
 * translated, and goes down again when its target is a BAR and the host bridges in question carry such
 * traffic.
 *
 * A host bridge carries it exactly when the kernel's check says so: real ones that are on no list may
 * carry it, or lose it, or corrupt it, and that is why they are on no list.
 *
 * The vector of egress control is 0 and stops nothing. Completions find their way by the requester's
 * number; a port with completion redirect sends those of a read that turned round up to the root
 * complex, where they are lost if the host bridge does not carry them.
 *
 * No function here sends translated requests, so translation blocking and direct translated have
 * nothing to decide; and none lies about who it is, which source validation would find out.
 *
 * @see PCI Express Base Specification, 2.2.4 and 6.12; rules/p2p.md 9.2, 9.4
 */
import {
  type DmaAddr,
  type EventFields,
  eventId,
  type EventStream,
  type PhysAddr,
} from "@dmalab/runtime";
import type { AcsService } from "./access_control.ts";
import { checkHostBridges, type CpuIdentity, type HostBridge } from "../host_bridge.ts";
import type { PciFunction } from "../pci_function.ts";

const PCI_TLP = eventId("pci.tlp");

/** The transaction goes on to the root complex. */
const TO_ROOT = -1;
/** The transaction, or its completion, is lost. */
const LOST = -2;

/** A BAR as the wires know it. */
interface BarWindow {
  readonly func: PciFunction;
  readonly busStart: number;
  readonly busEnd: number;
  readonly basePhys: number;
}

/** What moves: a request, or the answer to a read. */
type TlpKind = EventFields<"pci.tlp">["kind"];

export class Wire {
  readonly #events: EventStream;
  readonly #cpu: CpuIdentity;
  readonly #windows: readonly BarWindow[];
  readonly #byBridge: ReadonlyMap<HostBridge, readonly BarWindow[]>;
  /** No BAR lies outside of these, on any bus and in physical memory. */
  #busLow = Infinity;
  #busHigh = 0;
  #physLow = Infinity;
  #physHigh = 0;
  /** The request announced up to its host bridge: its client, and its address. */
  #announcedClient: PciFunction | null = null;
  #announcedAddress = 0;
  #hop = 0;

  /** @param functions All of a tree, with their BARs. */
  constructor(events: EventStream, functions: readonly PciFunction[], cpu: CpuIdentity) {
    this.#events = events;
    this.#cpu = cpu;
    const windows: BarWindow[] = [];
    for (const func of functions) {
      const { hostBridge } = func;
      for (const { basePhys, sizeBytes } of func.bars) {
        const busStart = basePhys + hostBridge.busOffset;
        const window = { func, busStart, busEnd: busStart + sizeBytes, basePhys };
        windows.push(window);
        this.#busLow = Math.min(this.#busLow, busStart);
        this.#busHigh = Math.max(this.#busHigh, window.busEnd);
        this.#physLow = Math.min(this.#physLow, basePhys);
        this.#physHigh = Math.max(this.#physHigh, basePhys + sizeBytes);
      }
    }
    this.#windows = windows;
    this.#byBridge = Map.groupBy(windows, ({ func }) => func.hostBridge);
  }

  /** Whether any bus has a BAR near an address: false is certain, and found out at once. */
  mayBeBus(address: number): boolean {
    return address >= this.#busLow && address < this.#busHigh;
  }

  /** Whether any BAR lies near a physical address: false is certain, and found out at once. */
  mayBePhys(phys: number): boolean {
    return phys >= this.#physLow && phys < this.#physHigh;
  }

  /** The BAR that has an address on the bus of a host bridge, or null. */
  atBus(hostBridge: HostBridge, address: number): BarWindow | null {
    const windows = this.#byBridge.get(hostBridge);
    if (windows === undefined) return null;
    return windows.find(({ busStart, busEnd }) => address >= busStart && address < busEnd) ?? null;
  }

  /** The BAR that lies at a physical address, or null. */
  atPhys(phys: number): BarWindow | null {
    return this.#windows.find(({ basePhys, busStart, busEnd }) =>
      phys >= basePhys && phys < basePhys + (busEnd - busStart)
    ) ?? null;
  }

  /**
   * Sends a request up from its function, as far as the host bridge.
   *
   * @param address As the function gives it.
   * @returns Where it ends below the root complex, `TO_ROOT` or `LOST`.
   */
  climb(client: PciFunction, address: number, kind: "read" | "write"): PhysAddr | -1 | -2 {
    this.#begin();
    const window = this.mayBeBus(address) ? this.atBus(client.hostBridge, address) : null;
    if (window === null) return TO_ROOT;
    const target = window.func;
    const turn = turnOf(client, target, "request_redirect");
    if (turn.at === null || turn.redirector !== null) {
      this.#emitUp(client, address, kind, turn.redirector);
      return TO_ROOT;
    }
    const { present } = target;
    if (turn.inside) {
      this.#tell(client.name, target.name, address, present ? "forward" : "block", kind);
    } else {
      const turnsAt = client.chain.indexOf(turn.at);
      for (let at = 0; at < turnsAt; at++) {
        this.#tell(client.chain[at]!.name, client.chain[at + 1]!.name, address, "forward", kind);
      }
      this.#emitDown(turn.at, target, address, kind);
    }
    if (!present || kind === "read" && !this.#answers(client, target, address)) return LOST;
    return (window.basePhys + (address - window.busStart)) as PhysAddr;
  }

  /** Reports a request's way up, before it is translated; `passRoot` then reports the rest. */
  announce(client: PciFunction, address: number, kind: "read" | "write"): void {
    this.#begin();
    this.#emitUp(client, address, kind, null);
  }

  /**
   * The root complex's handling of a request that it has translated, or need not translate.
   *
   * @param address As the function gave it.
   * @param window The BAR that it is for.
   * @param phys Where it leads in physical memory.
   * @returns False when the host bridges do not carry it.
   */
  passRoot(
    client: PciFunction,
    address: number,
    window: BarWindow,
    phys: number,
    kind: "read" | "write",
  ): boolean {
    if (this.#announcedClient !== client || this.#announcedAddress !== address) {
      this.announce(client, address, kind);
    }
    this.#announcedClient = null;
    const { func } = window;
    const { passes } = checkHostBridges(this.#cpu, func.hostBridge, client.hostBridge);
    const bus = phys + func.hostBridge.busOffset;
    const root = func.chain.at(-1)!;
    const verdict = passes ? "forward" : "block";
    this.#tell(client.hostBridge.name, root.name, bus, verdict, kind);
    if (passes) this.#emitDown(root, func, bus, kind);
    return passes && func.present;
  }

  #begin(): void {
    this.#announcedClient = null;
    this.#hop = 0;
  }

  /** Whether the answer to a read finds its way back from where its request turned round. */
  #answers(client: PciFunction, target: PciFunction, address: number): boolean {
    const { redirector } = turnOf(target, client, "completion_redirect");
    if (redirector === null) return true;
    const above = redirector.upstream?.name ?? redirector.hostBridge.name;
    this.#tell(redirector.name, above, address, "redirect", "completion");
    const { passes } = checkHostBridges(this.#cpu, target.hostBridge, client.hostBridge);
    const verdict = passes ? "forward" : "block";
    this.#tell(client.hostBridge.name, client.name, address, verdict, "completion");
    return passes;
  }

  #emitUp(
    client: PciFunction,
    address: number,
    kind: TlpKind,
    redirector: PciFunction | null,
  ): void {
    this.#announcedClient = client;
    this.#announcedAddress = address;
    for (const func of client.chain) {
      const above = func.upstream?.name ?? func.hostBridge.name;
      this.#tell(func.name, above, address, func === redirector ? "redirect" : "forward", kind);
    }
  }

  #emitDown(from: PciFunction, to: PciFunction, address: number, kind: TlpKind): void {
    for (let at = to.chain.indexOf(from); at > 0; at--) {
      const verdict = at > 1 || to.present ? "forward" : "block";
      this.#tell(to.chain[at]!.name, to.chain[at - 1]!.name, address, verdict, kind);
    }
  }

  #tell(
    from: string,
    to: string,
    address: number,
    verdict: EventFields<"pci.tlp">["verdict"],
    kind: TlpKind,
  ): void {
    this.#hop++;
    if (!this.#events.tick(PCI_TLP)) return;
    this.#events.emit(PCI_TLP, {
      from,
      to,
      hop: this.#hop,
      address: address as DmaAddr,
      verdict,
      kind,
    });
  }
}

/** Where a transaction turns round on its way between two functions. */
interface RoutingPoint {
  /** The bridge, or the function itself; null when they meet in a host bridge or above it. */
  readonly at: PciFunction | null;
  /** It does not leave the device. */
  readonly inside: boolean;
  /** What sends it on to the root complex instead; null when nothing does. */
  readonly redirector: PciFunction | null;
}

/** @param service Redirects a transaction of this kind. */
function turnOf(from: PciFunction, to: PciFunction, service: AcsService): RoutingPoint {
  const at = from.chain.find((node) => to.chain.includes(node)) ?? null;
  if (at === null) return { at, inside: false, redirector: null };
  if (at === from) return { at, inside: true, redirector: null };
  if (isOneDevice(from, to)) {
    if (!from.acs.enabled.has(service)) return { at, inside: true, redirector: null };
    const { enabled } = at.acs;
    const redirector = enabled.has(service) || enabled.has("upstream_forwarding") ? at : null;
    return { at, inside: false, redirector };
  }
  // On a conventional bus, and between a port and its children, nothing redirects.
  const ingress = from.chain[from.chain.indexOf(at) - 1]!;
  const redirector = at.role === "upstream_port" && ingress.acs.enabled.has(service)
    ? ingress
    : null;
  return { at, inside: false, redirector };
}

function isOneDevice(a: PciFunction, b: PciFunction): boolean {
  return a.upstream === b.upstream && a.hostBridge === b.hostBridge &&
    a.address.bus === b.address.bus && a.address.device === b.address.device;
}
