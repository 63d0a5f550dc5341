/** Writes a machine as JSON for programs: all data of the pictures, and all pairs of functions. */
import {
  bridgeListing,
  formatVendorDevice,
  iommuGroups,
  ORDINARY_CPU,
  type PciFunction,
  type PeerRoute,
  redirectChange,
} from "@dmalab/devices";
import type { ListingFinding } from "./lspci/finding.ts";
import type { ImportedMachine } from "./lspci/imported_machine.ts";
import { formatBus, hex } from "./lspci/listed_function.ts";
import type { Pair } from "./pair_matrix.ts";
import { matrixFunctions, pairOf } from "./pair_matrix.ts";
import { type GroupMark, groupMarks } from "./tree_picture.ts";

/**
 * Pairs are written for at most this many functions, because the number of pairs grows with the
 * square of the number of functions.
 */
const MAX_PAIRED = 200;

/** The machine as a value for `JSON.stringify`. */
export function machineJson(
  machine: ImportedMachine,
  findings: readonly ListingFinding[],
  all: boolean,
): unknown {
  const groups = groupMarks(machine);
  const peers = matrixFunctions(machine, all);
  const paired = peers.slice(0, MAX_PAIRED);
  return {
    cpu: machine.cpu,
    hostBridges: machine.hostBridges.map((bridge) => ({
      name: bridge.name,
      bus: formatBus(bridge.domain, bridge.rootBus),
      firstDevice: bridge.rootDevice === null ? null : formatVendorDevice(bridge.rootDevice),
      listing: bridgeListing(bridge),
      assumed: machine.assumed.has(bridge),
    })),
    functions: machine.functions.map((func) => functionJson(func, machine, groups.get(func)!)),
    groups: iommuGroups(machine).map(({ id, functions, causes }) => ({
      id,
      functions: addresses(functions),
      causes: causes.map(({ func, joins, missing }) => ({
        function: `${func.address}`,
        joins,
        missing,
      })),
    })),
    pairs: paired.flatMap((provider) =>
      paired.filter((client) => client !== provider)
        .map((client) => pairJson(pairOf(provider, client, machine)))
    ),
    unpaired: addresses(peers.slice(MAX_PAIRED)),
    findings,
  };
}

function functionJson(func: PciFunction, machine: ImportedMachine, group: GroupMark) {
  const listed = machine.listed.get(func)!;
  const id = (value: number | null) => value === null ? null : hex(value, 4);
  return {
    address: `${func.address}`,
    name: func.name,
    role: func.role,
    above: func.upstream === null ? null : `${func.upstream.address}`,
    hostBridge: func.hostBridge.name,
    class: id(listed.classCode),
    vendor: id(listed.vendor),
    device: id(listed.device),
    text: listed.name,
    bars: listed.bars,
    windows: listed.windows,
    acs: {
      presence: func.acs.presence,
      enabled: [...func.acs.enabled],
      supported: [...func.acs.supported],
    },
    group: group.id,
    groupCertain: !group.uncertain,
    listedGroup: listed.iommuGroup,
    numaNode: listed.numaNode,
    driver: listed.driver,
  };
}

export function pairJson({ route, doubts }: Pair) {
  return {
    provider: `${route.provider.address}`,
    client: `${route.client.address}`,
    distance: route.distance,
    mapType: route.mapType,
    commonBridge: route.commonBridge === null ? null : `${route.commonBridge.address}`,
    redirecting: addresses(route.redirecting),
    hostBridgeCheck: route.check?.reason ?? null,
    doubts,
  };
}

/** The smallest change with which a route stays below its common bridge, as JSON. */
export function changeJson(route: PeerRoute, machine: ImportedMachine) {
  const change = redirectChange(route, machine.functions, machine.cpu ?? ORDINARY_CPU);
  if (change === null) return null;
  return {
    functions: addresses(change.functions),
    parameter: change.parameter,
    mapType: change.after.mapType,
    distance: change.after.distance,
    groupsBefore: change.groupsBefore.map(({ functions }) => addresses(functions)),
    groupsAfter: change.groupsAfter.map(({ functions }) => addresses(functions)),
  };
}

function addresses(functions: readonly PciFunction[]): string[] {
  return functions.map(({ address }) => `${address}`);
}
