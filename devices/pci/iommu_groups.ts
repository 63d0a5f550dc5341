/**
 * IOMMU groups of a PCI tree, as a kernel forms them: functions that it does not keep apart.
 *
 * Functions are taken in the order of their addresses. Each joins the group of the first function
 * that it meets on its way: of a bridge with the requester ID that it uses; of a bridge above, from
 * the bus up to the first one from which the whole path to the root has access control; of another
 * function of its device, where neither has it. A function that meets none begins a group.
 *
 * A service that a capability does not implement has nothing to control: the function has no such
 * requests. A capability that is missing, or of which nothing is known, keeps nothing apart.
 * Functions below two ports of one switch that lack the services reach each other past the IOMMU,
 * and a kernel has them in two groups all the same: each with its own port.
 *
 * @see rules/dma.md 9.1; PCI Express Base Specification, 6.12.1
 */
import type { AcsService } from "./peers/access_control.ts";
import { PciAddress } from "./pci_address.ts";
import type { PciFunction } from "./pci_function.ts";

/** The services that keep functions apart: all four of them. */
export const ISOLATION: readonly AcsService[] = [
  "source_validation",
  "request_redirect",
  "completion_redirect",
  "upstream_forwarding",
];

/** Why a group is not two groups: a function that lacks services, and what that joins. */
export interface GroupCause {
  readonly func: PciFunction;
  /** `port`: everything behind it; `function`: the functions of its device. */
  readonly joins: "port" | "function" | "conventional";
  /** The services that are off; none for conventional PCI. */
  readonly missing: readonly AcsService[];
}

export interface PciIommuGroup {
  /** Counted from 0, in the order of the lowest address in each. */
  readonly id: number;
  /** In the order of addresses. */
  readonly functions: readonly PciFunction[];
  /** What holds it together; none for a function that is alone. */
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

/** The group that a function joins, and the reason; null for a new one. */
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

/** The services that a function would have to switch on. */
function missing({ acs }: PciFunction): readonly AcsService[] {
  if (acs.presence !== "present") return ISOLATION;
  return ISOLATION.filter((service) => acs.supported.has(service) && !acs.enabled.has(service));
}

/**
 * Whether a function isolates its neighbours: functions below a port, the functions of its device.
 * A function that is alone in its device, and no port, has nothing to isolate.
 */
function isIsolated(func: PciFunction): boolean {
  const { role, siblings } = func;
  if (role === "pci_bridge") return false;
  const isPort = role === "root_port" || role === "downstream_port";
  return (!isPort && siblings.length < 2) || missing(func).length === 0;
}

/**
 * Who a function is to the IOMMU: the topmost of its aliases. A bridge from PCI Express to
 * conventional PCI gives all that is behind it the ID of function 00.0 of its bus; one on a
 * conventional or on the root bus gives its own.
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
