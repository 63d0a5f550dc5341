/**
 * A route between two peers: each hop, the decision, and the smallest change that improves the
 * route.
 *
 * @see rules/p2p.md 9.4
 */
import {
  type AcsCapability,
  type AcsService,
  bridgeListing,
  type CpuIdentity,
  formatVendorDevice,
  hexByte,
  HostBridge,
  type PathNode,
  type PciFunction,
  type PciIommuGroup,
  type PciRole,
  type PeerRoute,
  redirectChange,
} from "@dmalab/devices";
import { clip, pad, PICTURE_COLUMNS, spread, wrapText } from "../../text/columns.ts";
import { formatCount } from "../../text/numbers.ts";

export interface RouteSetting {
  /** All functions of the machine, from which its groups are computed. */
  readonly functions: readonly PciFunction[];
  readonly cpu: CpuIdentity;
  /** Another name of a function for readers; empty if it has none. */
  readonly label?: (func: PciFunction) => string;
  /** Unknown facts that could change the answer. */
  readonly doubts?: readonly string[];
  /**
   * Whether the ports above one of the functions are unknown. The paths may meet in these ports, so
   * any advice may be wrong.
   */
  readonly isCut?: boolean;
}

const RULE = "p2p.9.4";
const INDENT = "  ";

/** Short names of services, as tables have them. */
export const SERVICE_LETTERS: Readonly<Record<AcsService, string>> = {
  source_validation: "SV",
  translation_blocking: "TB",
  request_redirect: "RR",
  completion_redirect: "CR",
  upstream_forwarding: "UF",
  egress_control: "EC",
  direct_translated: "DT",
};

const ROLES: Readonly<Record<PciRole, string>> = {
  root_port: "root port",
  upstream_port: "upstream port",
  downstream_port: "downstream port",
  pci_bridge: "PCI bridge",
  nvme: "nvme",
  endpoint: "endpoint",
};

/** The route as lines of at most 80 columns. */
export function routeStory(route: PeerRoute, setting: RouteSetting): string[] {
  return [
    `provider ${route.provider.name} (BAR), client ${route.client.name} (initiator)`,
    "─".repeat(PICTURE_COLUMNS),
    ...pathLines(route, setting),
    "",
    ...decisionLines(route, setting),
    ...setting.isCut === true ? [] : changeLines(route, setting),
  ];
}

function pathLines(route: PeerRoute, { label }: RouteSetting): string[] {
  const nameWidth = Math.max(...route.path.map(({ name }) => name.length));
  const placeWidth = Math.max(...route.path.map((node) => placeText(node).length));
  let step = 0;
  return route.path.map((node) => {
    if (node instanceof HostBridge) {
      const place = pad(placeText(node), placeWidth);
      return clip(
        `${INDENT}   ${place}  ${pad(node.name, nameWidth)}  host bridge`,
        PICTURE_COLUMNS,
      );
    }
    const what = label?.(node) || ROLES[node.role];
    const meet = node === route.commonBridge ? "  ◄ closest common bridge" : "";
    const left =
      `${INDENT}${pad(String(step++), 2, "right")} ${pad(placeText(node), placeWidth)}  ` +
      `${pad(node.name, nameWidth)}  ${what}`;
    return spread(left, `${accessText(node.acs)}${meet}`);
  });
}

/** The effect of a function's ACS on peers. */
function accessText(acs: AcsCapability): string {
  if (acs.presence === "absent") return "no ACS";
  if (acs.presence === "unknown") return "ACS unknown";
  const on = redirecting(acs);
  return on === "" ? "no ACS redirect" : `ACS redirect (${on})`;
}

function redirecting({ enabled }: AcsCapability): string {
  const names: readonly AcsService[] = [
    "request_redirect",
    "completion_redirect",
    "egress_control",
  ];
  return names.filter((name) => enabled.has(name)).map((name) => SERVICE_LETTERS[name]).join(" ");
}

function decisionLines(route: PeerRoute, { cpu, doubts = [] }: RouteSetting): string[] {
  const { client, commonBridge, distance, mapType, provider, redirecting: redirects } = route;
  const up = commonBridge === null ? provider.chain.length : provider.chain.indexOf(commonBridge);
  const lines = [
    spread(
      `distance ${distance}: ${formatCount(up, "step")} up from ${provider.name}, ` +
        `${distance - up} from ${client.name}`,
      RULE,
    ),
  ];
  if (commonBridge === null) {
    lines.push("no common upstream bridge: the host-bridge whitelist decides");
  } else if (redirects.length === 0) {
    lines.push(`no ACS redirect on the route: ${commonBridge.name} forwards it directly`);
  } else {
    lines.push(
      `ACS redirect on ${formatCount(redirects.length, "port")} sends it to the root complex: ` +
        "the whitelist decides",
    );
  }
  if (route.check !== null) lines.push(...checkLines(route, cpu));
  lines.push(`result: ${mapType}`);
  for (const doubt of doubts) lines.push(...wrapText(`not certain: ${doubt}`, PICTURE_COLUMNS));
  return lines;
}

function checkLines(route: PeerRoute, cpu: CpuIdentity): string[] {
  const { check, client, provider } = route;
  if (check!.reason === "cpu") {
    return [`AMD CPU, family 0x${cpu.family.toString(16)}: every host bridge is allowed`];
  }
  return [...new Set([provider.hostBridge, client.hostBridge])].map((bridge) => {
    const listing = bridgeListing(bridge);
    const first = bridge.rootDevice === null
      ? "no known first device"
      : `first device ${formatVendorDevice(bridge.rootDevice)}`;
    const found = {
      any: "whitelisted",
      same_bridge_only: "whitelisted, for traffic that stays below it",
      not_listed: "not whitelisted",
    }[listing];
    return clip(
      `${bridge.name}: ${bridge.whitelisted === null ? `${first}: ` : ""}${found}`,
      PICTURE_COLUMNS,
    );
  });
}

/** The smallest change that improves the route. */
function changeLines(route: PeerRoute, setting: RouteSetting): string[] {
  if (route.mapType === "bus_addr") return [];
  const change = redirectChange(route, setting.functions, setting.cpu);
  if (change === null) return route.mapType === "not_supported" ? moveLines(route) : [];
  const refused = route.mapType === "not_supported";
  const { functions, parameter, after, groupsBefore, groupsAfter } = change;
  return [
    "",
    `${refused ? "smallest change" : "shorter route"}: ` +
    `disable ACS redirect in ${formatCount(functions.length, "function")}; boot with`,
    ...parameterLines(parameter),
    ...functions.length > 1 ? [`${INDENT}(quote it: shells and boot loaders split at ";")`] : [],
    `then ${after.mapType} at distance ${after.distance}, below ${after.commonBridge!.name}`,
    ...isolationLines(groupsBefore, groupsAfter),
    ...wrapText(
      `${route.provider.name} and ${route.client.name} then reach each other without the IOMMU, ` +
        "whatever their groups",
      PICTURE_COLUMNS,
    ),
  ];
}

/** A parameter is one word and is not broken, so that it can be copied whole. */
function parameterLines(parameter: string): string[] {
  return [`${INDENT}${parameter}`];
}

function isolationLines(
  before: readonly PciIommuGroup[],
  after: readonly PciIommuGroup[],
): string[] {
  if (before.length === 0 && after.length === 0) {
    return ["the IOMMU groups stay the same"];
  }
  return [
    `isolation cost: ${formatCount(before.length, "IOMMU group")} ` +
    `${before.length === 1 ? "becomes" : "become"} ${after.length}`,
    ...groupLines("before", before),
    ...groupLines("after", after),
    "an IOMMU group is the unit of assignment: all its functions go to one guest",
  ];
}

/** Groups in a row, separated by a bar. */
function groupLines(when: string, groups: readonly PciIommuGroup[]): string[] {
  const head = `${INDENT}${pad(when, 6)}  `;
  const text = groups.map(({ functions }) => functions.map(({ name }) => name).join(" "))
    .join(" | ");
  return wrapText(text, PICTURE_COLUMNS - head.length)
    .map((line, index) => (index === 0 ? head : " ".repeat(head.length)) + line);
}

/** If no setting helps, only moving a function to another place helps. */
function moveLines(route: PeerRoute): string[] {
  const { check, client, provider } = route;
  const lines = ["", "no ACS setting changes this: they have no common upstream bridge"];
  // Switches above one of the two functions, with a free port for the other function.
  const switches = [[provider, client], [client, provider]].flatMap(([inside, outside]) =>
    inside!.chain.filter(({ role }) => role === "upstream_port").map((port) => ({
      port,
      outside: outside!,
      free: port.below.filter(({ role, below }) =>
        role === "downstream_port" && below.length === 0
      ),
    }))
  );
  const [best] = [...switches.filter(({ free }) => free.length > 0), ...switches];
  if (best === undefined) lines.push("move both below one switch");
  else {
    const { free, outside, port } = best;
    lines.push(
      `move ${outside.name} below ${switchName(port)} (at ${port.address}): ` +
        (free.length === 0
          ? "no port of it is free"
          : `${free[0]!.name} (${free[0]!.address}) is free`),
    );
  }
  if (check?.reason === "same_bridge_only") {
    lines.push("or both below one host bridge, which is whitelisted for that");
  }
  return lines;
}

function switchName({ name }: PciFunction): string {
  return name.replace(/\.up$/, "");
}

function placeText(node: PathNode): string {
  if (!(node instanceof HostBridge)) return `${node.address}`;
  return `${node.domain.toString(16).padStart(4, "0")}:${hexByte(node.rootBus)}`;
}
