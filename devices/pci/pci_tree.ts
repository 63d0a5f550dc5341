/**
 * Converts the blocks of a machine's `pci` part to functions with addresses.
 *
 * Addresses are assigned as by firmware: depth first, with a new bus number behind each bridge. Bus
 * 0, device 0 is the host bridge itself; blocks directly below it follow from device 1 on. Several
 * devices below one root port are the functions of one device, since a link has only two ends. A
 * `device` block groups functions of one device anywhere. A switch has one upstream port, and a
 * downstream port for each block inside it; a `port` block is a single downstream port. Each domain
 * has a separate numbering of buses.
 *
 * The description of a real machine gives all addresses. In such a description, blocks with `at`
 * are single functions, and no port is added for them except behind a bridge.
 */
import { defaultsOf, type PartialSettings, type SettingsOf } from "@dmalab/runtime";
import { checkValues } from "../config_checks.ts";
import { ConfigError } from "../config_error.ts";
import type { DeviceBlock } from "../device_kind.ts";
import { type PciNodeConfig, settingOf } from "../lab_config.ts";
import { type AnyDeviceKind, type DeviceRegistry, DEVICES } from "../registry.ts";
import { addressOf, BusNumbers } from "./bus_numbers.ts";
import { capabilityOf, type FUNCTION_SETTINGS } from "./function_settings.ts";
import { HostBridge, parseVendorDevice } from "./host_bridge.ts";
import { MAX_DEVICES, MAX_FUNCTIONS, PciAddress } from "./pci_address.ts";
import { PciFunction, type PciRole } from "./pci_function.ts";
import type { PORT_KINDS } from "./port_kinds.ts";

/** Name of the host bridge for root ports outside of any host bridge block. */
const DEFAULT_BRIDGE = "pci";

interface PciDevice extends DeviceBlock<SettingsOf<AnyDeviceKind["settings"]>> {
  readonly kind: AnyDeviceKind;
}

type FunctionSettings = PartialSettings<typeof FUNCTION_SETTINGS>;

export interface PciTree {
  readonly hostBridges: readonly HostBridge[];
  /** Every function, sorted by address. */
  readonly functions: readonly PciFunction[];
  /** The endpoints, in the order of their blocks. */
  readonly devices: readonly PciDevice[];
}

/** @throws {ConfigError} If names repeat, or blocks are in impossible places. */
export function buildPciTree(
  nodes: readonly PciNodeConfig[],
  listsNvidia: boolean = false,
  registry: DeviceRegistry = DEVICES,
): PciTree {
  checkBlocks(nodes, registry.rootHolds, [], registry);
  return new TreeBuilder(listsNvidia, registry).build(nodes);
}

/** The place for a function. */
interface BusSlot {
  readonly bus: number;
  readonly device: number;
  /**
   * The function's number in a device with several functions. Left out if a device with several
   * functions may still be created at this place.
   */
  readonly func?: number;
  readonly bridge: HostBridge;
  readonly above: PciFunction | null;
  /** Whether a port above is external-facing. */
  readonly external: boolean;
}

class TreeBuilder {
  readonly #functions: PciFunction[] = [];
  readonly #devices: PciDevice[] = [];
  readonly #names = new Set<string>();
  readonly #buses = new BusNumbers();

  constructor(
    private readonly listsNvidia: boolean,
    private readonly registry: DeviceRegistry,
  ) {}

  build(nodes: readonly PciNodeConfig[]): PciTree {
    const hostBridges: HostBridge[] = [];
    const loose = nodes.filter(({ kind }) => kind !== "host_bridge");
    for (const node of nodes) {
      if (node.kind === "host_bridge") {
        this.#claimName([node.name]);
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
    settings: PartialSettings<typeof PORT_KINDS.host_bridge.settings>,
    children: readonly PciNodeConfig[],
    path: readonly string[],
  ): HostBridge {
    const ports = children.filter((child) => child.kind === "root_port");
    const { domain = 0, vendorDevice } = settings;
    const rootBus = this.#buses.take(domain, -1, settings.bus ?? null, children, path);
    const bridge = new HostBridge({
      name,
      domain,
      rootBus,
      // The kernel looks up the first device on the root bus in its list. This device may be a root
      // port, so a root port may have the setting `whitelisted`, too.
      whitelisted: settings.whitelisted ??
        (ports.some((port) => port.settings.whitelisted === true) ? true : null),
      rootDevice: vendorDevice === undefined ? null : parseVendorDevice(vendorDevice),
      busOffset: settings.busOffset ?? 0,
      listsNvidia: this.listsNvidia,
    });
    if (children.length >= MAX_DEVICES && !printWhere(children)) {
      throw new ConfigError(path, `A root bus has room for ${MAX_DEVICES - 1} blocks`);
    }
    const root: BusSlot = { bus: rootBus, device: 0, bridge, above: null, external: false };
    for (const [index, child] of children.entries()) {
      const childPath = [...path, child.name];
      const place = placed(child, { ...root, device: index + 1 });
      if (child.kind === "root_port") this.#addRootPort(child, place, childPath);
      else this.#addBelow(child, place, childPath);
    }
    return bridge;
  }

  #addRootPort(node: PciNodeConfig<"root_port">, place: BusSlot, path: readonly string[]): void {
    this.#claimName(path);
    const port = this.#addFunction(node.name, "root_port", place, node.settings, path);
    const { children } = node;
    if (!printWhere(children)) checkLink(node, path);
    const behind = this.#behind(port, node, place, path, node.settings.external ?? false);
    this.#addLink(children, behind, path);
  }

  /** Adds the blocks at the end of a link: the functions of one device, or a switch. */
  #addLink(children: readonly PciNodeConfig[], behind: BusSlot, path: readonly string[]): void {
    for (const [func, child] of children.entries()) {
      const childPath = [...path, child.name];
      this.#addBelow(child, placed(child, { ...behind, func }), childPath);
    }
  }

  /** Adds a block below a port. */
  #addBelow(node: PciNodeConfig, place: BusSlot, path: readonly string[]): void {
    if (node.kind === "switch") this.#addSwitch(node, place, path);
    else if (node.kind === "bridge") this.#addConventional(node, place, path);
    else this.#addDevice(node, place, path);
  }

  #addSwitch(node: PciNodeConfig<"switch">, place: BusSlot, path: readonly string[]): void {
    this.#claimName(path);
    const { children, name, settings } = node;
    const upstream = { acs: settings.upstreamAcs ?? null };
    if (children.length > MAX_DEVICES && !printWhere(children)) {
      throw new ConfigError(path, `A switch has at most ${MAX_DEVICES} downstream ports`);
    }
    const up = this.#addFunction(`${name}.up`, "upstream_port", place, upstream, path);
    const inner = this.#behind(up, node, place, path);
    for (const [index, child] of children.entries()) {
      const childPath = [...path, child.name];
      const slot = placed(child, { ...inner, device: index });
      if (child.kind === "port") {
        this.#claimName(childPath);
        if (!printWhere(child.children)) checkLink(child, childPath);
        const said = child.settings.acs === undefined ? settings : child.settings;
        const down = this.#addFunction(child.name, "downstream_port", slot, said, childPath);
        this.#addLink(child.children, this.#behind(down, child, slot, childPath), childPath);
      } else if (settingOf(child, "at") !== undefined) {
        // The block is placed next to the ports, on the bus inside the switch: no port is created
        // for it.
        this.#addBelow(child, slot, childPath);
      } else {
        const down = this.#addFunction(
          `${name}.down${index}`,
          "downstream_port",
          slot,
          settings,
          path,
        );
        this.#addBelow(child, this.#behind(down, null, slot, path), childPath);
      }
    }
  }

  /** Adds a bridge to a conventional PCI bus, where every device has a separate number. */
  #addConventional(node: PciNodeConfig<"bridge">, place: BusSlot, path: readonly string[]): void {
    this.#claimName(path);
    if (node.children.length > MAX_DEVICES && !printWhere(node.children)) {
      throw new ConfigError(path, `A bus has room for ${MAX_DEVICES} blocks`);
    }
    const bridge = this.#addFunction(node.name, "pci_bridge", place, node.settings, path);
    const behind = this.#behind(bridge, node, place, path);
    for (const [device, child] of node.children.entries()) {
      const childPath = [...path, child.name];
      this.#addBelow(child, placed(child, { ...behind, device }), childPath);
    }
  }

  #addDevice(node: PciNodeConfig, place: BusSlot, path: readonly string[]): void {
    if (node.kind === "device") {
      this.#addFunctions(node, place, path);
      return;
    }
    this.#claimName(path);
    const kind = this.registry.kind(node.kind)!;
    const { name } = node;
    const func = this.#addFunction(name, kind.role, place, node.settings as FunctionSettings, path);
    const settings = { ...defaultsOf(kind.settings), ...node.settings };
    this.#devices.push({ kind, name, func, path, external: place.external, settings });
  }

  /** Adds a device with several functions. */
  #addFunctions(node: PciNodeConfig, place: BusSlot, path: readonly string[]): void {
    this.#claimName(path);
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
    { bus, device, func = 0, bridge, above }: BusSlot,
    { acs, acsCapable }: FunctionSettings,
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
      acs: capabilityOf(acs, acsCapable),
    });
    this.#functions.push(made);
    return made;
  }

  /**
   * The place of the first device on a new bus behind a bridge.
   * @param node The block with the devices behind the bridge; null for a port without a block.
   */
  #behind(
    bridge: PciFunction,
    node: PciNodeConfig | null,
    place: BusSlot,
    path: readonly string[],
    external = place.external,
  ): BusSlot {
    const { domain } = place.bridge;
    const children = node?.children ?? [];
    // The description of a real machine does not give the number of an empty bus. This bus then
    // gets no number, because a later block may have the number that the bus would get.
    const unsaid = children.length === 0 && node !== null && settingOf(node, "at") !== undefined;
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
}

/** Whether blocks are single functions with addresses, which is so if any of them has `at`. */
function printWhere(nodes: readonly PciNodeConfig[]): boolean {
  return nodes.some((node) => settingOf(node, "at") !== undefined);
}

/** The place of a block: from its key `at`, or else from its order. */
function placed(node: PciNodeConfig, place: BusSlot): BusSlot {
  return { ...place, ...addressOf(node) };
}

/**
 * @throws {ConfigError} If a switch, a bridge or a device shares the link with another block, or if
 *   there are more functions than one device can have.
 */
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

/** @throws {ConfigError} For a block in an impossible place, or with an impossible key. */
function checkBlocks(
  nodes: readonly PciNodeConfig[],
  holds: readonly string[],
  above: readonly string[],
  registry: DeviceRegistry,
): void {
  for (const { children, kind, name, settings } of nodes) {
    const path = [...above, name];
    const block = registry.blocks.get(kind);
    if (block === undefined || !holds.includes(kind)) throw misplaced(path, kind, registry);
    const known = Object.keys(block.settings);
    for (const property of Object.keys(settings)) {
      if (known.includes(property)) continue;
      const key = keyOf(property, registry);
      throw new ConfigError([...path, key], `A ${kind} has no setting "${key}"`);
    }
    checkValues(block.settings, settings, path, `"${name}"`);
    checkBlocks(children, block.holds, path, registry);
  }
}

/** A property's key as scripts spell it. The property may belong to any kind of block. */
function keyOf(property: string, { blocks }: DeviceRegistry): string {
  for (const { settings } of blocks.values()) {
    const row = settings[property];
    if (row !== undefined) return row.key;
  }
  return property;
}

function misplaced(
  path: readonly string[],
  kind: string,
  { blocks, rootHolds }: DeviceRegistry,
): ConfigError {
  const homes = [...blocks].filter(([, { holds }]) => holds.includes(kind))
    .map(([word]) => word);
  if (rootHolds.includes(kind)) homes.unshift("pci");
  return new ConfigError(
    path,
    `A ${kind} is not allowed in "${path.at(-2) ?? DEFAULT_BRIDGE}"`,
    homes.length === 0 ? null : `it is allowed in ${homes.join(", ")}`,
  );
}
