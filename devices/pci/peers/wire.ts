/**
 * The routing of transactions in a PCI tree, independent of the kernel's rules for it.
 *
 * A transaction goes from its function towards the root. If the target address is behind another
 * port of a bridge, the bridge routes the transaction there directly, unless access control
 * redirects it upstream; in a switch, the ingress port decides whether to redirect. Functions of
 * one device reach each other inside the device, unless the requester redirects. If it redirects,
 * the port above the device routes the transaction back down, unless this port redirects as well or
 * forwards upstream. A transaction that arrives at the root complex is translated. It is routed
 * down again if its target is a BAR and the host bridges on the route carry such traffic.
 *
 * Here a host bridge carries the traffic exactly if the kernel's check allows it. A real bridge
 * that is not in the kernel's list may carry the traffic, lose it, or corrupt it; for this reason
 * it is not in the list.
 *
 * The egress control vector is 0 and blocks nothing. Completions are routed by the requester's ID.
 * A port with completion redirect sends completions of a directly routed read up to the root
 * complex, where they are lost if the host bridge does not carry them.
 *
 * No function here sends translated requests, so translation blocking and direct translated P2P
 * have no effect. No function uses a false requester ID, so source validation has no effect either.
 *
 * @see PCI Express Base Specification, 2.2.4 and 6.12; rules/p2p.md 9.2, 9.4
 */
import { groupBy } from "@dmalab/runtime/basics";
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

/** Result of routing: the transaction goes on to the root complex. */
const TO_ROOT = -1;
/** Result of routing: the transaction or its completion is lost. */
const LOST = -2;

/** The address range of a BAR, for routing. */
interface BarWindow {
  readonly func: PciFunction;
  readonly busStart: number;
  readonly busEnd: number;
  readonly basePhys: number;
}

/** The kind of a packet: a request, or the completion of a read. */
type TlpKind = EventFields<"pci.tlp">["kind"];

export class Wire {
  readonly #events: EventStream;
  readonly #cpu: CpuIdentity;
  readonly #windows: readonly BarWindow[];
  readonly #byBridge: ReadonlyMap<HostBridge, readonly BarWindow[]>;
  /** Bounds of all BARs, in bus addresses and in physical addresses. */
  #busLow = Infinity;
  #busHigh = 0;
  #physLow = Infinity;
  #physHigh = 0;
  /**
   * The client and the address of the announced request, for which the hops up to the host bridge
   * have been emitted.
   */
  #announcedClient: PciFunction | null = null;
  #announcedAddress = 0;
  #hop = 0;

  /** @param functions All functions of a tree, with their BARs. */
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
    this.#byBridge = groupBy(windows, ({ func }) => func.hostBridge);
  }

  /** Whether any BAR may be at a bus address; a fast test with false positives. */
  mayBeBus(address: number): boolean {
    return address >= this.#busLow && address < this.#busHigh;
  }

  /** Whether any BAR may be at a physical address; a fast test with false positives. */
  mayBePhys(phys: number): boolean {
    return phys >= this.#physLow && phys < this.#physHigh;
  }

  /** The BAR at an address on the bus of a host bridge, or null. */
  atBus(hostBridge: HostBridge, address: number): BarWindow | null {
    const windows = this.#byBridge.get(hostBridge);
    if (windows === undefined) return null;
    return windows.find(({ busStart, busEnd }) => address >= busStart && address < busEnd) ?? null;
  }

  /** The BAR at a physical address, or null. */
  atPhys(phys: number): BarWindow | null {
    return this.#windows.find(({ basePhys, busStart, busEnd }) =>
      phys >= basePhys && phys < basePhys + (busEnd - busStart)
    ) ?? null;
  }

  /**
   * Routes a request from its function up to the host bridge.
   *
   * @param address The address in the request.
   * @returns The physical address of the request's target below the root complex, `TO_ROOT` or
   *   `LOST`.
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

  /**
   * Emits the hops of a request up to the host bridge, before the request is translated. `passRoot`
   * emits the remaining hops.
   */
  announce(client: PciFunction, address: number, kind: "read" | "write"): void {
    this.#begin();
    this.#emitUp(client, address, kind, null);
  }

  /**
   * Routes a request in the root complex, after its translation, if any.
   *
   * @param address The address in the request.
   * @param window The target BAR.
   * @param phys The target's physical address.
   * @returns False if the host bridges do not carry the request.
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

  /** Whether the completion of a directly routed read reaches the requester. */
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

/** The node at which the route between two functions turns downwards. */
interface RoutingPoint {
  /**
   * The bridge at which the route turns, or the function itself; null if the route turns in a host
   * bridge or above it.
   */
  readonly at: PciFunction | null;
  /** Whether the route does not leave the device. */
  readonly inside: boolean;
  /** The function that redirects the transaction to the root complex instead; null for none. */
  readonly redirector: PciFunction | null;
}

/** @param service The service that redirects this kind of transaction. */
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
  // Only ingress ports of a switch redirect. A port does not redirect on a conventional bus, or
  // between itself and its children.
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
