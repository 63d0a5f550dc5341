/** Draws the PCI tree of a machine: functions with their BARs, access control and IOMMU groups. */
import {
  ACS_SERVICES,
  type AcsCapability,
  bridgeListing,
  formatVendorDevice,
  type HostBridge,
  iommuGroups,
  type PciFunction,
} from "@dmalab/devices";
import { likelyClass } from "./lspci/function_kind.ts";
import { type ImportedMachine, peersOf, placeText } from "./lspci/imported_machine.ts";
import { formatBus, hex, type ListedBar, type ListedFunction } from "./lspci/listed_function.ts";
import { SERVICE_LETTERS } from "@dmalab/lang/explain";
import { alikeRuns } from "./alike.ts";
import { formatAddress, formatCount, formatSize, pad, spread } from "@dmalab/lang/text";

/** A function's group in the model. */
export interface GroupMark {
  readonly id: number;
  /**
   * Whether the group depends on an unknown fact: it may really be several groups, or a part of a
   * larger group.
   */
  readonly uncertain: boolean;
}

/** The IOMMU group of each function. A group may have only one function. */
export function groupMarks(
  { assumed, functions }: ImportedMachine,
): ReadonlyMap<PciFunction, GroupMark> {
  return new Map(
    iommuGroups({ functions }).flatMap(({ id, functions: members, causes }) => {
      const uncertain = causes.some(({ func }) => func.acs.presence === "unknown") ||
        members.some(({ hostBridge }) => assumed.has(hostBridge));
      return members.map((func) => [func, { id, uncertain }] as const);
    }),
  );
}

/** Whether the listing names the group of each function. */
export function groupsListed({ listed }: ImportedMachine): boolean {
  return [...listed.values()].every(({ iommuGroup }) => iommuGroup !== null);
}

/** @param options The width in columns, and whether the functions of chipsets are shown, too. */
export function treePicture(
  machine: ImportedMachine,
  options: { readonly columns: number; readonly all: boolean },
): string[] {
  return new TreePainter(machine, options).lines();
}

class TreePainter {
  readonly #groups: ReadonlyMap<PciFunction, GroupMark>;
  readonly #shown: ReadonlySet<PciFunction>;
  /**
   * Whether the listing names all groups. If so, the picture shows the listing's group numbers,
   * because users of the machine know them.
   */
  readonly #groupsListed: boolean;

  constructor(
    private readonly machine: ImportedMachine,
    private readonly options: Parameters<typeof treePicture>[1],
  ) {
    this.#groups = groupMarks(machine);
    this.#groupsListed = groupsListed(machine);
    this.#shown = shownFunctions(machine, options.all);
  }

  lines(): string[] {
    return this.machine.hostBridges.flatMap((bridge, index) => [
      ...index === 0 ? [] : [""],
      spread(this.#bridgeText(bridge), "ACS  group", this.options.columns),
      ...this.#branches(bridge.roots, ""),
    ]);
  }

  #groupText(func: PciFunction, { iommuGroup }: ListedFunction): string {
    if (this.#groupsListed) return `${iommuGroup} `;
    const { id, uncertain } = this.#groups.get(func)!;
    return `${id}${uncertain ? "?" : " "}`;
  }

  #bridgeText(bridge: HostBridge): string {
    const place = formatBus(bridge.domain, bridge.rootBus);
    if (this.machine.assumed.has(bridge)) return `${place}  below a bridge that is missing here`;
    if (bridge.rootDevice === null) return `${place}  ${bridge.name}  first device unknown`;
    const listing = {
      any: "whitelisted",
      same_bridge_only: "whitelisted for itself",
      not_listed: "not whitelisted",
    }[bridgeListing(bridge)];
    return `${place}  ${bridge.name}  ${formatVendorDevice(bridge.rootDevice)}, ${listing}`;
  }

  #branches(functions: readonly PciFunction[], indent: string): string[] {
    const sorted = ordered(functions);
    const shown = sorted.filter((func) => this.#shown.has(func));
    const hidden = sorted.length - shown.length;
    const runs = this.options.all
      ? shown.map((func) => ({ func, others: [] }))
      : alikeRuns(shown, this.machine);
    const lines = runs.flatMap(({ func, others }, index) => {
      const last = index === runs.length - 1 && hidden === 0;
      const after = others.length === 0 ? [] : [
        `${indent}${last ? "   " : "│  "}… ${others.length} more like it, to ${
          placeText(others.at(-1)!)
        } ${others.at(-1)!.name}`,
      ];
      return [...this.#functionLines(func, indent, last), ...after];
    });
    if (hidden > 0) {
      const isListed = sorted.every((func) =>
        this.#shown.has(func) || this.machine.listed.get(func)!.classCode !== null
      );
      const what = isListed ? "of the chipset" : "whose class is not listed";
      lines.push(`${indent}└─ ${formatCount(hidden, "function")} ${what}`);
    }
    return lines;
  }

  #functionLines(func: PciFunction, indent: string, last: boolean): string[] {
    const listed = this.machine.listed.get(func)!;
    const below = `${indent}${last ? "   " : "│  "}`;
    const left = `${indent}${last ? "└─" : "├─"} ${placeText(func)} ${func.name}  ` +
      describeFunction(func, listed, this.machine.assumed.has(func.hostBridge));
    const group = pad(this.#groupText(func, listed), 6, "right");
    const right = `${accessText(func.acs)}${group}`;
    const { columns } = this.options;
    const trunk = func.below.length === 0 ? "   " : "│  ";
    const bars = barLines(listed.bars, columns - below.length - trunk.length);
    return [
      spread(left, right, columns),
      ...bars.map((line) => `${below}${trunk}${line}`),
      ...this.#branches(func.below, below),
    ];
  }
}

/**
 * The functions that are shown: peers, the bridges above them, and the other functions of the same
 * devices. With `all`, all functions.
 */
export function shownFunctions(machine: ImportedMachine, all: boolean): ReadonlySet<PciFunction> {
  if (all) return new Set(machine.functions);
  const shown = new Set<PciFunction>();
  for (const peer of peersOf(machine)) {
    for (const func of peer.chain) shown.add(func);
    for (const sibling of peer.siblings) shown.add(sibling);
  }
  for (const func of machine.functions) {
    // Ports with nothing below are shown, too: a device could be inserted there.
    if (func.role === "downstream_port" || func.role === "root_port") shown.add(func);
  }
  for (const func of shown) for (const above of func.chain) shown.add(above);
  return shown;
}

/** The functions, sorted by address. */
export function ordered(functions: readonly PciFunction[]): readonly PciFunction[] {
  return [...functions].sort((a, b) => a.address.key - b.address.key);
}

const PORTS: Readonly<Record<string, string>> = {
  root_port: "root port",
  upstream_port: "switch, upstream port",
  downstream_port: "downstream port",
  pci_bridge: "bridge to conventional PCI",
};

/**
 * Describes a function in a few words.
 * @param isCut Whether the bridges above the function are unknown. If so, the description uses the
 *   port type from the listing.
 */
function describeFunction(func: PciFunction, listed: ListedFunction, isCut: boolean): string {
  const port = isCut ? PORTS[listed.portType ?? ""] ?? PORTS[func.role] : PORTS[func.role];
  const gone = listed.gone ? " (does not answer)" : "";
  if (port !== undefined) {
    const empty = func.below.length === 0 ? ", nothing below" : "";
    return `${port}${empty}${gone}`;
  }
  return `${shortName(listed)}${gone}`;
}

/**
 * Base classes of devices with names that end with a product name in brackets, such as network,
 * display and processing devices.
 */
const PRODUCT_CLASSES: ReadonlySet<number> = new Set([0x02, 0x03, 0x0c, 0x12]);
const PRODUCT = /\[([^\]]{4,60})\]$/;
/** `Intel Corporation `, `Advanced Micro Devices, Inc. [AMD] `. */
const VENDOR =
  /^.{2,60}?\b(?:Corporation|Corp|Inc|Ltd|Technologies|LLC)\b[.,]* (?:(?:Inc|Ltd)\b[.,]* )?(?:\[[^\]]*\] )?/;

/** The name of the product, or a name without its vendor; without a name the class. */
export function shortName(listed: ListedFunction): string {
  const { name, className, vendor, device } = listed;
  // `lspci` writes `Device` if its table has no name.
  if (name !== null && !/\bDevice$/.test(name)) {
    const classCode = likelyClass(listed);
    const named = classCode === null || PRODUCT_CLASSES.has(classCode >> 8);
    return (named ? PRODUCT.exec(name)?.[1] : undefined) ?? (name.replace(VENDOR, "") || name);
  }
  const ids = vendor === null ? "" : `${hex(vendor, 4)}:${hex(device ?? 0, 4)}`;
  return [className ?? "", ids].filter((text) => text !== "").join(" ") || "unknown";
}

/** `SV RR CR UF`, `off`, `?`; `-` without the capability. */
function accessText(acs: AcsCapability): string {
  if (acs.presence === "absent") return "-";
  if (acs.presence === "unknown") return "?";
  const on = ACS_SERVICES.filter((service) => acs.enabled.has(service));
  return on.length === 0 ? "off" : on.map((service) => SERVICE_LETTERS[service]).join(" ");
}

/** The memory BARs, as many on a line as fit. */
function barLines(bars: readonly ListedBar[], columns: number): string[] {
  const lines: string[] = [];
  for (const { base, index, sizeBytes, space } of bars) {
    if (space !== "memory") continue;
    const size = sizeBytes === null ? "size unknown" : formatSize(sizeBytes);
    const text = `BAR${index} ${size}${
      base === null ? ", no address" : ` at ${formatAddress(base)}`
    }`;
    const last = lines.at(-1);
    if (last === undefined || last.length + 3 + text.length > columns) lines.push(text);
    else lines[lines.length - 1] = `${last} · ${text}`;
  }
  return lines;
}
