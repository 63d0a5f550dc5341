/**
 * Computes the IOMMU groups of a PCI tree as a kernel does. A group is a set of functions that the
 * kernel cannot isolate from each other.
 *
 * Functions are processed in the order of their addresses. For each function, the following are
 * tried in order. The function joins the group of the first one that exists:
 * 1. the bridge with the requester ID that the function uses;
 * 2. a bridge above the function; the search ends at the first bridge from which the whole path to
 *   the root has access control;
 * 3. another function of the same device, if both lack access control.
 *
 * If none of them exists, the function begins a group.
 *
 * If a function's access control capability does not implement a service, the function never sends
 * the requests that the service would control, so the service counts as enabled. A capability that
 * is missing or unknown isolates nothing. If two ports of one switch lack the services, the
 * functions below them reach each other without passing the IOMMU. A kernel still puts these
 * functions into two groups, each with its own port.
 *
 * @see rules/dma.md 9.1; PCI Express Base Specification, 6.12.1
 */
import type { AcsService } from "./peers/access_control.ts";
import { PciAddress } from "./pci_address.ts";
import type { PciFunction } from "./pci_function.ts";

/** The services that isolate functions; all four are required. */
export const ISOLATION: readonly AcsService[] = [
  "source_validation",
  "request_redirect",
  "completion_redirect",
  "upstream_forwarding",
];

/**
 * Why functions are in one group: a function that lacks services, and the functions that share a
 * group for that reason.
 */
export interface GroupCause {
  readonly func: PciFunction;
  /**
   * The functions that share the group. `port`: everything below the port; `function`: all
   * functions of the device; `conventional`: all functions behind the bridge `func`.
   */
  readonly joins: "port" | "function" | "conventional";
  /** The disabled services; empty for conventional PCI. */
  readonly missing: readonly AcsService[];
}

export interface PciIommuGroup {
  /** The group's number from 0, in the order of the lowest address in each group. */
  readonly id: number;
  /** The group's functions, sorted by address. */
  readonly functions: readonly PciFunction[];
  /** Why the group's functions are joined; empty for a single function. */
  readonly causes: readonly GroupCause[];
}

interface GrowingGroup extends PciIommuGroup {
  readonly functions: PciFunction[];
  readonly causes: GroupCause[];
}

export function iommuGroups(
  topology: { readonly functions: readonly PciFunction[] },
): readonly PciIommuGroup[] {
  const groups: GrowingGroup[] = [];
  const known = new Map<PciFunction, GrowingGroup>();
  for (const func of [...topology.functions].sort((a, b) => a.address.key - b.address.key)) {
    const { causes, other } = joins(func, known);
    let group = other === null ? undefined : known.get(other);
    if (group === undefined) {
      group = { id: groups.length, functions: [], causes: [] };
      groups.push(group);
    }
    group.functions.push(func);
    known.set(func, group);
    for (const cause of causes) {
      const isKnown = group.causes.some(({ func, joins }) =>
        func === cause.func && joins === cause.joins
      );
      if (!isKnown) group.causes.push(cause);
    }
  }
  return groups;
}

/** The group that a function joins, and the reasons; null for a new group. */
function joins(
  func: PciFunction,
  known: ReadonlyMap<PciFunction, unknown>,
): { readonly other: PciFunction | null; readonly causes: readonly GroupCause[] } {
  const [, ...above] = func.chain;
  const alias = above.find(({ role }) => role === "pci_bridge");
  if (alias !== undefined && known.has(alias)) {
    return { other: alias, causes: [{ func: alias, joins: "conventional", missing: [] }] };
  }
  const [port = null] = above;
  const open = above.find((bridge) => !isIsolated(bridge));
  if (open !== undefined) {
    return { other: port, causes: [{ func: open, joins: "port", missing: missing(open) }] };
  }
  if (isIsolated(func)) return { other: null, causes: [] };
  const sibling = func.siblings.find((each) =>
    each !== func && known.has(each) && !isIsolated(each)
  );
  if (sibling === undefined) return { other: null, causes: [] };
  const lacking = [sibling, func].map((each): GroupCause => ({
    func: each,
    joins: "function",
    missing: missing(each),
  }));
  return { other: sibling, causes: lacking };
}

/** The services that a function would have to enable to isolate its neighbours. */
function missing({ acs }: PciFunction): readonly AcsService[] {
  if (acs.presence !== "present") return ISOLATION;
  return ISOLATION.filter((service) => acs.supported.has(service) && !acs.enabled.has(service));
}

/**
 * Whether a function isolates its neighbours. The neighbours of a port are the functions below it;
 * the neighbours of any other function are the other functions of its device. A function that is
 * not a port and is alone in its device has no neighbours to isolate.
 */
function isIsolated(func: PciFunction): boolean {
  const { role, siblings } = func;
  if (role === "pci_bridge") return false;
  const isPort = role === "root_port" || role === "downstream_port";
  return (!isPort && siblings.length < 2) || missing(func).length === 0;
}

/**
 * The requester of a function for the IOMMU: the topmost of the function's aliases. A bridge from
 * PCI Express to conventional PCI uses the ID of function 00.0 of its secondary bus for all
 * functions behind it. A bridge on a conventional bus or on the root bus uses its own ID.
 * @see rules/dma.md 9.1
 */
export function requesterOf(func: PciFunction): PciAddress {
  const [, ...above] = func.chain;
  const bridge = above.findLast(({ role }) => role === "pci_bridge");
  if (bridge === undefined) return func.address;
  if (bridge.upstream === null) return bridge.address;
  const { bus, domain } = bridge.below[0]!.address;
  return new PciAddress(bus, 0, 0, domain);
}
