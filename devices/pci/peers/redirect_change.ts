/**
 * Computes the changes that let two peers communicate directly through a switch. Also computes the
 * isolation that is lost by these changes.
 *
 * @see rules/p2p.md 9.4
 */
import { acsPresent, REDIRECTION } from "./access_control.ts";
import type { CpuIdentity } from "../host_bridge.ts";
import { iommuGroups, type PciIommuGroup } from "../iommu_groups.ts";
import type { PciFunction } from "../pci_function.ts";
import { findRoute, type PeerRoute } from "./route.ts";

/**
 * A change that disables redirection on every redirecting function of a route. A change of fewer
 * functions would not suffice.
 */
interface RedirectChange {
  /** By address. */
  readonly functions: readonly PciFunction[];
  /** The kernel parameter: `pci=disable_acs_redir=0000:03:08.0;0000:03:10.0`. */
  readonly parameter: string;
  readonly after: PeerRoute;
  /** The groups that exist only before the change. */
  readonly groupsBefore: readonly PciIommuGroup[];
  /** The groups that exist only after the change. */
  readonly groupsAfter: readonly PciIommuGroup[];
}

/**
 * The smallest change with which a route stays below its common bridge.
 *
 * @param functions All functions of the machine.
 * @returns Null if no function redirects on the route, or the route has no common bridge.
 */
export function redirectChange(
  route: PeerRoute,
  functions: readonly PciFunction[],
  cpu: CpuIdentity,
): RedirectChange | null {
  if (route.commonBridge === null || route.redirecting.length === 0) return null;
  const changed = [...new Set(route.redirecting)].sort((a, b) => a.address.key - b.address.key);
  const before = iommuGroups({ functions });
  const kept = changed.map((func) => [func, func.acs] as const);
  try {
    for (const [func, { enabled, supported }] of kept) {
      func.acs = acsPresent(
        [...enabled].filter((service) => !REDIRECTION.includes(service)),
        supported,
      );
    }
    const after = iommuGroups({ functions });
    return {
      functions: changed,
      parameter: `pci=disable_acs_redir=${changed.map(({ address }) => address).join(";")}`,
      after: findRoute(route.provider, route.client, cpu),
      groupsBefore: groupsMissingFrom(after, before),
      groupsAfter: groupsMissingFrom(before, after),
    };
  } finally {
    for (const [func, acs] of kept) func.acs = acs;
  }
}

/** The groups in `groups` for which `others` has no group with the same functions. */
function groupsMissingFrom(
  others: readonly PciIommuGroup[],
  groups: readonly PciIommuGroup[],
): readonly PciIommuGroup[] {
  const key = ({ functions }: PciIommuGroup) =>
    functions.map(({ address }) => address.key).join(" ");
  const known = new Set(others.map(key));
  return groups.filter((group) => !known.has(key(group)));
}
