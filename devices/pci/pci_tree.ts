/**
 * From the blocks of a machine's `pci` part to functions with addresses.
 *
 * Addresses are given as firmware gives them: depth first, a new bus number behind each bridge.
 * Bus 0, device 0 is the host bridge itself; what stands directly below it follows from device 1
 * on. Several devices below one root port are the functions of one device, since a link has two
 * ends; a `device` block is such a device anywhere. A switch is one upstream port and a downstream
 * port for each block in it; a `port` block is a downstream port by itself. Each domain counts its
 * buses for itself.
 *
 * A machine that is there already says where everything is: blocks with `at` stand for functions
 * one by one, and none is added to them but what is behind a bridge.
 */
import { PAGE_SIZE_BYTES } from "../../runtime/address.ts";
import { ConfigError } from "../config_error.ts";
import type { DeviceSettings, PciNodeConfig } from "../lab_config.ts";
import { HostBridge } from "./host_bridge.ts";
import { readCapability, readVendorDevice } from "./block_settings.ts";
import { BusNumbers, placeOf } from "./bus_numbers.ts";
import { MAX_DEVICES, MAX_DOMAIN, MAX_FUNCTIONS, PciAddress } from "./pci_address.ts";
import { PciFunction, type PciRole } from "./pci_function.ts";

/** Name of the host bridge that root ports outside of any share. */
export const DEFAULT_BRIDGE = "pci";

/** An endpoint with what its block says. */
export interface PciDevice {
  readonly node: PciNodeConfig;
  readonly func: PciFunction;
  /** The names of the blocks that lead to it, its own last. */
  readonly path: readonly string[];
  /** A port above faces outwards. */
  readonly external: boolean;
}

export interface PciTree {
  readonly hostBridges: readonly HostBridge[];
  /** Every function, in the order of their addresses. */
  readonly functions: readonly PciFunction[];
  /** The endpoints among them, in the order of their blocks. */
  readonly devices: readonly PciDevice[];
}

/** Which keys a block that is no device may have. Devices have theirs in `registry.ts`. */
const PORT_KEYS: Readonly<Record<string, readonly (keyof DeviceSettings)[]>> = {
  host_bridge: ["whitelisted", "vendorDevice", "busOffset", "domain", "bus"],
  root_port: ["acs", "acsCapable", "at", "external", "whitelisted"],
  switch: ["acs", "acsCapable", "at", "upstreamAcs"],
  port: ["acs", "acsCapable", "at"],
  bridge: ["acs", "acsCapable", "at"],
  device: [],
};

/**
 * @throws {ConfigError} When names repeat, or blocks stand where no such thing can be.
 */
export function buildPciTree(nodes: readonly PciNodeConfig[]): PciTree {
  return new TreeBuilder().build(nodes);
}

/** Where a function is to be. */
interface Place {
  readonly bus: number;
  readonly device: number;
  /** Its number in a device of several; left out where such a device may still stand. */
  readonly func?: number;
  readonly bridge: HostBridge;
  readonly above: PciFunction | null;
  /** A port above faces outwards. */
  readonly external: boolean;
}

/** True for a block that is a device by itself. */
function isDeviceKind(kind: PciNodeConfig["kind"]): boolean {
  return kind === "nvme" || kind === "endpoint" || kind === "vfio" || kind === "rdma";
}

class TreeBuilder {
  readonly #functions: PciFunction[] = [];
  readonly #devices: PciDevice[] = [];
  readonly #names = new Set<string>();
  readonly #buses = new BusNumbers();

  build(nodes: readonly PciNodeConfig[]): PciTree {
    const hostBridges: HostBridge[] = [];
    const loose = nodes.filter(({ kind }) => kind !== "host_bridge");
    for (const node of nodes) {
      if (node.kind === "host_bridge") {
        this.#claimName([node.name]);
        this.#checkKeys(node, [node.name]);
        hostBridges.push(this.#addBridge(node.name, node.settings, node.children, [node.name]));
      } else if (node === loose[0]) {
        hostBridges.push(this.#addBridge(DEFAULT_BRIDGE, {}, loose, []));
      }
    }
    this.#functions.sort((a, b) => a.address.key - b.address.key);
    return { hostBridges, functions: this.#functions, devices: this.#devices };
  }

  #addBridge(
    name: string,
    settings: DeviceSettings,
    children: readonly PciNodeConfig[],
    path: readonly string[],
  ): HostBridge {
    const ports = children.filter(({ kind }) => kind === "root_port");
    const domain = settings.domain ?? 0;
    if (!Number.isInteger(domain) || domain < 0 || domain > MAX_DOMAIN) {
      throw new ConfigError(
        [...path, "domain"],
        `There is no PCI domain ${domain}`,
        `anything from 0 to ${MAX_DOMAIN}`,
      );
    }
    const rootBus = this.#buses.take(domain, -1, settings.bus ?? null, children, path);
    const bridge = new HostBridge({
      name,
      domain,
      rootBus,
      // The list names the first device on the root bus, so a root port may carry the mark too.
      whitelisted: settings.whitelisted ??
        (ports.some((port) => port.settings.whitelisted === true) ? true : null),
      rootDevice: readVendorDevice(settings.vendorDevice, path),
      busOffset: settings.busOffset ?? 0,
    });
    if (!Number.isSafeInteger(bridge.busOffset) || bridge.busOffset % PAGE_SIZE_BYTES !== 0) {
      throw new ConfigError(
        [...path, "bus_offset"],
        `Bus addresses cannot be ${bridge.busOffset} bytes off: that is no whole number of pages`,
      );
    }
    if (children.length >= MAX_DEVICES && !sayWhere(children)) {
      throw new ConfigError(path, `A root bus has room for ${MAX_DEVICES - 1} blocks`);
    }
    const root: Place = { bus: rootBus, device: 0, bridge, above: null, external: false };
    for (const [index, child] of children.entries()) {
      const childPath = [...path, child.name];
      const place = placed(child, { ...root, device: index + 1 }, childPath);
      if (child.kind === "root_port") this.#addRootPort(child, place, childPath);
      else if (child.kind === "switch") throw misplaced(childPath, child, "the root bus");
      else this.#addBelow(child, place, childPath);
    }
    return bridge;
  }

  #addRootPort(node: PciNodeConfig, place: Place, path: readonly string[]): void {
    this.#claimName(path);
    this.#checkKeys(node, path);
    const port = this.#addFunction(node.name, "root_port", place, node, path);
    const { children } = node;
    if (!sayWhere(children)) checkLink(node, path);
    const behind = this.#behind(port, node, place, path, node.settings.external ?? false);
    this.#addLink(children, behind, path);
  }

  /** What stands at the end of a link: the functions of one device, or a switch. */
  #addLink(children: readonly PciNodeConfig[], behind: Place, path: readonly string[]): void {
    for (const [func, child] of children.entries()) {
      const childPath = [...path, child.name];
      const alone = child.kind === "switch" || child.kind === "device" || child.kind === "bridge";
      const place = placed(child, alone ? behind : { ...behind, func }, childPath);
      this.#addBelow(child, place, childPath);
    }
  }

  /** Whatever may stand below a port. */
  #addBelow(node: PciNodeConfig, place: Place, path: readonly string[]): void {
    if (node.kind === "switch") this.#addSwitch(node, place, path);
    else if (node.kind === "bridge") this.#addConventional(node, place, path);
    else this.#addDevice(node, place, path);
  }

  #addSwitch(node: PciNodeConfig, place: Place, path: readonly string[]): void {
    this.#claimName(path);
    this.#checkKeys(node, path);
    const { children, name, settings } = node;
    if (children.length > MAX_DEVICES && !sayWhere(children)) {
      throw new ConfigError(path, `A switch has at most ${MAX_DEVICES} downstream ports`);
    }
    // The services guard what leaves a downstream port; an upstream port has none of them, or its
    // own.
    const own = { ...node, settings: { acs: settings.upstreamAcs ?? null } };
    const up = this.#addFunction(`${name}.up`, "upstream_port", place, own, path);
    const inner = this.#behind(up, node, place, path);
    for (const [index, child] of children.entries()) {
      const childPath = [...path, child.name];
      const slot = placed(child, { ...inner, device: index }, childPath);
      if (child.kind === "port") {
        this.#claimName(childPath);
        this.#checkKeys(child, childPath);
        if (!sayWhere(child.children)) checkLink(child, childPath);
        const said = child.settings.acs === undefined ? node : child;
        const down = this.#addFunction(child.name, "downstream_port", slot, said, childPath);
        this.#addLink(child.children, this.#behind(down, child, slot, childPath), childPath);
      } else if (child.settings.at !== undefined) {
        // Beside the ports, on the bus inside the switch: no port is made up for it.
        this.#addBelow(child, slot, childPath);
      } else {
        const down = this.#addFunction(`${name}.down${index}`, "downstream_port", slot, node, path);
        this.#addBelow(child, this.#behind(down, null, slot, path), childPath);
      }
    }
  }

  /** A bridge to a bus of conventional PCI, where every device has a number of its own. */
  #addConventional(node: PciNodeConfig, place: Place, path: readonly string[]): void {
    this.#claimName(path);
    this.#checkKeys(node, path);
    if (node.children.length > MAX_DEVICES && !sayWhere(node.children)) {
      throw new ConfigError(path, `A bus has room for ${MAX_DEVICES} blocks`);
    }
    const bridge = this.#addFunction(node.name, "pci_bridge", place, node, path);
    const behind = this.#behind(bridge, node, place, path);
    for (const [device, child] of node.children.entries()) {
      const childPath = [...path, child.name];
      this.#addBelow(child, placed(child, { ...behind, device }, childPath), childPath);
    }
  }

  #addDevice(node: PciNodeConfig, place: Place, path: readonly string[]): void {
    if (node.kind === "device" && place.func === undefined) {
      this.#addFunctions(node, place, path);
      return;
    }
    if (!isDeviceKind(node.kind)) {
      throw misplaced(path, node, `"${path.at(-2) ?? DEFAULT_BRIDGE}"`);
    }
    if (node.children.length > 0) {
      throw new ConfigError(
        [...path, node.children[0]!.name],
        `"${node.name}" is an endpoint: nothing can hang below it`,
      );
    }
    this.#claimName(path);
    const role = node.kind === "nvme" ? "nvme" : "endpoint";
    const func = this.#addFunction(node.name, role, place, node, path);
    this.#devices.push({ node, func, path, external: place.external });
  }

  /** A device of several functions. */
  #addFunctions(node: PciNodeConfig, place: Place, path: readonly string[]): void {
    this.#claimName(path);
    this.#checkKeys(node, path);
    if (node.children.length === 0 || node.children.length > MAX_FUNCTIONS) {
      throw new ConfigError(
        path,
        `Device "${node.name}" cannot have ${node.children.length} functions`,
        `anything from 1 to ${MAX_FUNCTIONS}`,
      );
    }
    for (const [func, child] of node.children.entries()) {
      this.#addDevice(child, { ...place, func }, [...path, child.name]);
    }
  }

  #addFunction(
    name: string,
    role: PciRole,
    { bus, device, func = 0, bridge, above }: Place,
    { settings: { acs, acsCapable } }: PciNodeConfig,
    path: readonly string[],
  ): PciFunction {
    const address = new PciAddress(bus, device, func, bridge.domain);
    this.#buses.claim(address, path);
    const made = new PciFunction({
      name,
      role,
      address,
      hostBridge: bridge,
      upstream: above,
      acs: readCapability(acs, acsCapable, path),
    });
    this.#functions.push(made);
    return made;
  }

  /**
   * The first device on a new bus behind a bridge.
   * @param node The block whose children stand there; null for a port that has none of its own.
   */
  #behind(
    bridge: PciFunction,
    node: PciNodeConfig | null,
    place: Place,
    path: readonly string[],
    external = place.external,
  ): Place {
    const { domain } = place.bridge;
    const children = node?.children ?? [];
    // In a machine that is there, an empty bus has a number that nobody says: none is made up that
    // another block may say later.
    const unsaid = children.length === 0 && node?.settings.at !== undefined;
    const bus = unsaid ? place.bus : this.#buses.take(domain, place.bus, null, children, path);
    return { bus, device: 0, bridge: place.bridge, above: bridge, external };
  }

  #claimName(path: readonly string[]): void {
    const name = path.at(-1)!;
    if (this.#names.has(name)) {
      throw new ConfigError(path, `Two blocks are called "${name}"`, "choose another name");
    }
    this.#names.add(name);
  }

  #checkKeys(node: PciNodeConfig, path: readonly string[]): void {
    const allowed = PORT_KEYS[node.kind]!;
    for (const key of Object.keys(node.settings)) {
      if (!(allowed as readonly string[]).includes(key)) {
        throw new ConfigError([...path, key], `A ${node.kind} has no setting "${key}"`);
      }
    }
  }
}

/** Blocks that stand for functions one by one, each with its `at`. */
function sayWhere(nodes: readonly PciNodeConfig[]): boolean {
  return nodes.some(({ settings }) => settings.at !== undefined);
}

/** Where a block is: where it says, or else where its order puts it. */
function placed(node: PciNodeConfig, place: Place, path: readonly string[]): Place {
  return { ...place, ...placeOf(node, path) };
}

/** @throws {ConfigError} When more hangs on a link than one device, or one switch. */
function checkLink(node: PciNodeConfig, path: readonly string[]): void {
  const { children } = node;
  const who = `${node.kind === "root_port" ? "Root port" : "Port"} "${node.name}"`;
  const shared = children.find(({ kind }) =>
    kind === "switch" || kind === "device" || kind === "bridge"
  );
  if (children.length > 1 && shared !== undefined) {
    throw new ConfigError(
      path,
      `${who} has a ${shared.kind} and something else on one link`,
      "put all of it into the switch",
    );
  }
  if (children.length > MAX_FUNCTIONS) {
    throw new ConfigError(
      path,
      `${who} leads to one device, and a device has at most ${MAX_FUNCTIONS} functions`,
      "put a switch between",
    );
  }
}

function misplaced(path: readonly string[], node: PciNodeConfig, where: string): ConfigError {
  const hint = node.kind === "switch"
    ? "a switch hangs below a root port or another switch"
    : node.kind === "root_port"
    ? "a root port stands in pci or in a host_bridge"
    : node.kind === "port"
    ? "a port stands in a switch"
    : node.kind === "device"
    ? "a device stands in pci, a host_bridge, a root port or a switch"
    : "a host_bridge stands in pci";
  return new ConfigError(path, `A ${node.kind} cannot stand below ${where}`, hint);
}
