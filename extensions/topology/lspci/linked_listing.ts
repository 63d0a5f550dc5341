/**
 * Builds the tree of a listing's functions. The function's bus is the secondary bus of the bridge
 * above the function.
 */
import { placeKey } from "@dmalab/devices";
import { type ListingFinding, mistake, warning } from "./finding.ts";
import {
  busKey,
  formatBus,
  formatListedAddress,
  hex,
  HOST_BRIDGE_CLASS,
  isBridge,
  type ListedFunction,
} from "./listed_function.ts";
import type { LspciListing } from "./read_listing.ts";

export interface LinkedFunction extends ListedFunction {
  /** Functions on the secondary bus, sorted by address. */
  readonly children: readonly LinkedFunction[];
}

/** A bus without a bridge above it. */
export interface RootBus {
  readonly domain: number;
  readonly bus: number;
  /** True if the bus is perhaps no root bus, because the text may lack the bridge above it. */
  readonly assumed: boolean;
  readonly functions: readonly LinkedFunction[];
}

export interface LinkedListing {
  readonly roots: readonly RootBus[];
  /** Sorted by address. */
  readonly functions: readonly LinkedFunction[];
  readonly cpu: LspciListing["cpu"];
  /** The findings from reading the listing and from linking it. */
  readonly findings: readonly ListingFinding[];
}

/** Links a listing; with errors, the result has no functions. */
export function linkListing(listing: LspciListing): LinkedListing {
  const findings = [...listing.findings];
  const leads = leadingBridges(listing.functions, findings);
  const byBus = Map.groupBy(
    listing.functions,
    ({ address }) => busKey(address.domain, address.bus),
  );
  const rootKeys = [...byBus.keys()].filter((bus) => !leads.has(bus));
  const dumb = listing.functions.find((each) =>
    isBridge(each) && each.buses === null && !each.gone
  );
  const orphans = rootKeys.filter((bus) => !isRoot(bus, byBus.get(bus)!, listing));
  if (dumb !== undefined && orphans.length > 0) {
    const message = `The bus below bridge ${formatListedAddress(dumb.address)} is unknown, ` +
      `and bus ${busText(orphans[0]!)} must be below some bridge`;
    findings.push(mistake("E1003", dumb.line, message, "add -vvv: `sudo lspci -D -nn -vvv`"));
    return refusal(listing, findings);
  }
  const byPath = listing.functions.find(({ address }) => address.path !== undefined);
  if (byPath !== undefined && orphans.length > 0) {
    const message = `Functions behind bridges are named by their path here, and by bus ${
      busText(orphans[0]!)
    } elsewhere: which are the same is unknown`;
    findings.push(mistake("E1003", byPath.line, message, "paste `lspci -PP -nn` instead"));
    return refusal(listing, findings);
  }
  for (const bus of orphans) {
    const [first] = byBus.get(bus)!;
    const message = `No bridge leads to bus ${busText(bus)}, on which ${
      formatListedAddress(first!.address)
    } is: what is above it is unknown`;
    const hint = "paste the whole output; a part of it may be missing";
    findings.push(warning("E1013", first!.line, message, hint));
  }

  const linked: LinkedFunction[] = [];
  const grow = (bus: number): LinkedFunction[] =>
    (byBus.get(bus) ?? []).map((each) => {
      const below = each.buses && busKey(each.address.domain, each.buses.secondary);
      const children = below !== null && leads.get(below) === each ? grow(below) : [];
      const found = { ...each, children };
      linked.push(found);
      return found;
    });
  const unsure = new Set(orphans);
  const roots = rootKeys.map((bus) => ({
    domain: Math.floor(bus / 256),
    bus: bus % 256,
    assumed: unsure.has(bus),
    functions: grow(bus),
  }));
  linked.sort((a, b) => placeKey(a.address) - placeKey(b.address));
  return { roots, functions: linked, cpu: listing.cpu, findings };
}

/** The result for a listing with errors: nothing is imported, so warnings about gaps are omitted. */
function refusal(listing: LspciListing, findings: readonly ListingFinding[]): LinkedListing {
  const errors = findings.filter(({ severity }) => severity === "error");
  return { roots: [], functions: [], cpu: listing.cpu, findings: errors };
}

/** For each bus, the bridge that leads to it. */
function leadingBridges(
  functions: readonly ListedFunction[],
  findings: ListingFinding[],
): Map<number, ListedFunction> {
  const leads = new Map<number, ListedFunction>();
  const wrong = (bridge: ListedFunction, message: string) =>
    findings.push(
      warning(
        "E1014",
        bridge.line,
        `Bridge ${formatListedAddress(bridge.address)} ${message}`,
        "no functions are placed below it; the text may be damaged there",
      ),
    );
  for (const bridge of functions) {
    const { address, buses } = bridge;
    // Secondary bus 0: the bridge is not configured.
    if (buses === null || buses.secondary === 0) continue;
    const bus = busKey(address.domain, buses.secondary);
    const other = leads.get(bus);
    // Bus numbers increase downwards; this check also excludes loops.
    if (buses.secondary <= address.bus) {
      wrong(bridge, `leads to bus ${hex(buses.secondary, 2)}, which is not below its own`);
    } else if (other !== undefined) {
      wrong(
        bridge,
        `leads to bus ${hex(buses.secondary, 2)}, as ${formatListedAddress(other.address)} does`,
      );
    } else leads.set(bus, bridge);
  }
  return leads;
}

const ROOT_TYPES: ReadonlySet<string> = new Set([
  "root_port",
  "integrated_endpoint",
  "event_collector",
]);
/** Base classes of chipset functions on a root bus: memory, bridges, system, processors. */
const CHIPSET_CLASSES: ReadonlySet<number> = new Set([0x05, 0x06, 0x08, 0x0b, 0x11]);

/** Whether it is certain that a bus without a bridge above it is a root bus. */
function isRoot(bus: number, functions: readonly ListedFunction[], listing: LspciListing): boolean {
  if (bus % 256 === 0 || listing.rootBuses.has(bus)) return true;
  // If the bus is in the range of a listed bridge, it is no root bus: only the bridge between the
  // listed bridge and this bus is missing.
  const inside = listing.functions.some(({ address, buses }) =>
    buses !== null && address.domain === Math.floor(bus / 256) &&
    bus % 256 > buses.secondary && bus % 256 <= buses.subordinate
  );
  if (inside) return false;
  return functions.some(({ address, classCode, portType }) =>
    classCode === HOST_BRIDGE_CLASS || (portType !== null && ROOT_TYPES.has(portType)) ||
    address.device > 0 && portType === null && classCode !== null &&
      CHIPSET_CLASSES.has(classCode >> 8)
  );
}

function busText(key: number): string {
  return formatBus(Math.floor(key / 256), key % 256);
}
