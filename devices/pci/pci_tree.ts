/**
 * From the blocks of a machine's `pci` part to functions with addresses.
 *
 * Addresses are given as firmware gives them: depth first, a new bus number behind each bridge.
 * Bus 0, device 0 is the host bridge itself; what stands directly below it follows from device 1
 * on. Several devices below one root port are the functions of one device, since a link has two
 * ends. A switch is one upstream port and a downstream port for each block in it.
 */
import { PAGE_SIZE_BYTES } from "../../runtime/address.ts";
import { ConfigError } from "../config_error.ts";
import type { DeviceSettings, PciNodeConfig } from "../lab_config.ts";
import { ACS_SERVICES, type AcsService, isAcsService } from "./access_control.ts";
import { MAX_BUS, MAX_DEVICES, MAX_FUNCTIONS, PciAddress } from "./pci_address.ts";
import { type HostBridge, PciFunction, type PciRole } from "./pci_function.ts";

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
  host_bridge: ["whitelisted", "busOffset"],
  root_port: ["acs", "external", "whitelisted"],
  switch: ["acs"],
};

/**
 * @throws {ConfigError} When names repeat, or blocks stand where no such thing can be.
 */
export function buildPciTree(nodes: readonly PciNodeConfig[]): PciTree {
  return new TreeBuilder().build(nodes);
}

interface GrowingBridge extends HostBridge {
  readonly roots: PciFunction[];
}

class TreeBuilder {
  readonly #functions: PciFunction[] = [];
  readonly #devices: PciDevice[] = [];
  readonly #names = new Set<string>();
  #nextBus = 0;

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
    const bridge: GrowingBridge = {
      name,
      // The list names the first device on the root bus, so a root port may carry the mark too.
      whitelisted: settings.whitelisted ?? ports.some((port) => port.settings.whitelisted === true),
      busOffset: settings.busOffset ?? 0,
      roots: [],
    };
    if (!Number.isSafeInteger(bridge.busOffset) || bridge.busOffset % PAGE_SIZE_BYTES !== 0) {
      throw new ConfigError(
        [...path, "bus_offset"],
        `Bus addresses cannot be ${bridge.busOffset} bytes off: that is no whole number of pages`,
      );
    }
    const bus = this.#takeBus(path);
    if (children.length >= MAX_DEVICES) {
      throw new ConfigError(path, `A root bus has room for ${MAX_DEVICES - 1} blocks`);
    }
    for (const [index, child] of children.entries()) {
      const childPath = [...path, child.name];
      const address = new PciAddress(bus, index + 1, 0);
      if (child.kind === "root_port") {
        bridge.roots.push(this.#addRootPort(child, address, bridge, childPath));
      } else if (child.kind === "switch" || child.kind === "host_bridge") {
        throw misplaced(childPath, child, "the root bus");
      } else {
        bridge.roots.push(this.#addDevice(child, address, bridge, null, childPath, false));
      }
    }
    return bridge;
  }

  #addRootPort(
    node: PciNodeConfig,
    address: PciAddress,
    bridge: HostBridge,
    path: readonly string[],
  ): PciFunction {
    this.#claimName(path);
    this.#checkKeys(node, path);
    const port = this.#addFunction(node.name, "root_port", address, bridge, null, node, path);
    const external = node.settings.external ?? false;
    const bus = this.#takeBus(path);
    const { children } = node;
    if (children.length > 1 && children.some(({ kind }) => kind === "switch")) {
      throw new ConfigError(
        path,
        `Root port "${node.name}" has a switch and something else on one link`,
        "put all of it into the switch",
      );
    }
    if (children.length > MAX_FUNCTIONS) {
      throw new ConfigError(
        path,
        `Root port "${node.name}" leads to one device, and a device has at most ${MAX_FUNCTIONS} functions`,
        "put a switch between",
      );
    }
    for (const [index, child] of children.entries()) {
      const childPath = [...path, child.name];
      if (child.kind === "switch") this.#addSwitch(child, bus, bridge, port, childPath, external);
      else {
        const childAddress = new PciAddress(bus, 0, index);
        this.#addDevice(child, childAddress, bridge, port, childPath, external);
      }
    }
    return port;
  }

  #addSwitch(
    node: PciNodeConfig,
    bus: number,
    bridge: HostBridge,
    above: PciFunction,
    path: readonly string[],
    external: boolean,
  ): void {
    this.#claimName(path);
    this.#checkKeys(node, path);
    if (node.children.length > MAX_DEVICES) {
      throw new ConfigError(path, `A switch has at most ${MAX_DEVICES} downstream ports`);
    }
    const upAddress = new PciAddress(bus, 0, 0);
    // The services guard what leaves a downstream port; an upstream port has none of them.
    const bare = { ...node, settings: {} };
    const name = node.name;
    const up = this.#addFunction(
      `${name}.up`,
      "upstream_port",
      upAddress,
      bridge,
      above,
      bare,
      path,
    );
    const inner = this.#takeBus(path);
    for (const [index, child] of node.children.entries()) {
      const childPath = [...path, child.name];
      const down = this.#addFunction(
        `${name}.down${index}`,
        "downstream_port",
        new PciAddress(inner, index, 0),
        bridge,
        up,
        node,
        path,
      );
      const behind = this.#takeBus(path);
      if (child.kind === "switch") {
        this.#addSwitch(child, behind, bridge, down, childPath, external);
      } else {
        const address = new PciAddress(behind, 0, 0);
        this.#addDevice(child, address, bridge, down, childPath, external);
      }
    }
  }

  #addDevice(
    node: PciNodeConfig,
    address: PciAddress,
    bridge: HostBridge,
    above: PciFunction | null,
    path: readonly string[],
    external: boolean,
  ): PciFunction {
    if (node.kind !== "nvme" && node.kind !== "endpoint") {
      throw misplaced(path, node, `"${path.at(-2) ?? DEFAULT_BRIDGE}"`);
    }
    if (node.children.length > 0) {
      throw new ConfigError(
        [...path, node.children[0]!.name],
        `"${node.name}" is an endpoint: nothing can hang below it`,
      );
    }
    this.#claimName(path);
    const func = this.#addFunction(node.name, node.kind, address, bridge, above, node, path);
    this.#devices.push({ node, func, path, external });
    return func;
  }

  #addFunction(
    name: string,
    role: PciRole,
    address: PciAddress,
    bridge: HostBridge,
    upstream: PciFunction | null,
    node: PciNodeConfig,
    path: readonly string[],
  ): PciFunction {
    const acs = readServices(node.settings.acs ?? [], path);
    const func = new PciFunction(name, role, address, bridge, upstream, acs);
    this.#functions.push(func);
    return func;
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

  #takeBus(path: readonly string[]): number {
    if (this.#nextBus > MAX_BUS) {
      throw new ConfigError(path, `The tree needs more than ${MAX_BUS + 1} bus numbers`);
    }
    return this.#nextBus++;
  }
}

function readServices(names: readonly string[], path: readonly string[]): ReadonlySet<AcsService> {
  const services = new Set<AcsService>();
  for (const name of names) {
    if (!isAcsService(name)) {
      throw new ConfigError(
        [...path, "acs"],
        `There is no access control service "${name}"`,
        `one of ${ACS_SERVICES.join(", ")}`,
      );
    }
    services.add(name);
  }
  return services;
}

function misplaced(path: readonly string[], node: PciNodeConfig, where: string): ConfigError {
  const hint = node.kind === "switch"
    ? "a switch hangs below a root port or another switch"
    : node.kind === "root_port"
    ? "a root port stands in pci or in a host_bridge"
    : "a host_bridge stands in pci";
  return new ConfigError(path, `A ${node.kind} cannot stand below ${where}`, hint);
}
