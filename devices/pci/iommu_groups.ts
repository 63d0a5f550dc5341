/**
 * IOMMU groups: the smallest sets of functions that can be kept apart from each other.
 *
 * Two functions belong together when one can reach the other, or pass for it, without the IOMMU
 * having a say. What decides that are the access control services on the way:
 *
 * - a downstream or root port keeps what is below it apart when it has source validation, request
 *   redirect, completion redirect and upstream forwarding switched on: then no transaction from
 *   below turns round before the root complex, and none carries a false requester;
 * - the functions of one device are apart when each redirects requests and completions; the other
 *   two services mean nothing between them;
 * - behind a bridge to conventional PCI everything goes by the bridge's name.
 *
 * A service that a capability does not implement has nothing to control: the function does no such
 * thing. A capability that is missing, or of which nothing is known, keeps nothing apart. This is
 * what the hardware allows; a kernel may put functions together for further reasons of its own.
 *
 * @see PCI Express Base Specification, 6.12.1
 */
import type { AcsService } from "./peers/access_control.ts";
import type { PciFunction } from "./pci_function.ts";

/** The services of a port that keeps apart what is below it. */
export const PORT_ISOLATION: readonly AcsService[] = [
  "source_validation",
  "request_redirect",
  "completion_redirect",
  "upstream_forwarding",
];

/** The services by which functions of one device are kept apart. */
const FUNCTION_ISOLATION: readonly AcsService[] = [
  "request_redirect",
  "completion_redirect",
];

/** Why a group is not two groups: a function that lacks services, and what that joins. */
export interface GroupCause {
  readonly func: PciFunction;
  /** `port`: everything behind it and around it; `function`: the functions of its device. */
  readonly joins: "port" | "function" | "conventional";
  /** The services that are off; none for conventional PCI. */
  readonly missing: readonly AcsService[];
}

export interface IommuGroup {
  /** Counted from 0, in the order of the lowest address in each. */
  readonly id: number;
  /** In the order of addresses. */
  readonly functions: readonly PciFunction[];
  /** What holds it together; none for a function that is alone. */
  readonly causes: readonly GroupCause[];
}

/** The IOMMU groups of a tree. */
export function iommuGroups(
  topology: { readonly functions: readonly PciFunction[] },
): readonly IommuGroup[] {
  const functions = [...topology.functions].sort((a, b) => a.address.key - b.address.key);
  const sets = new DisjointSets(functions);
  const causes: GroupCause[] = [];
  for (const func of functions) causes.push(...joinFor(func, sets));
  const groups = new Map<PciFunction, PciFunction[]>();
  for (const func of functions) {
    const root = sets.rootOf(func);
    const members = groups.get(root);
    if (members === undefined) groups.set(root, [func]);
    else members.push(func);
  }
  return [...groups].map(([root, members], id) => ({
    id,
    functions: members,
    causes: members.length === 1 ? [] : causes.filter(({ func }) => sets.rootOf(func) === root),
  }));
}

/** The services of a list that a function would have to switch on. */
function missingServices(
  { acs }: PciFunction,
  wanted: readonly AcsService[],
): readonly AcsService[] {
  if (acs.presence !== "present") return wanted;
  return wanted.filter((service) => acs.supported.has(service) && !acs.enabled.has(service));
}

/** Joins what a function does not keep apart, and says why. */
function joinFor(func: PciFunction, sets: DisjointSets): readonly GroupCause[] {
  if (func.role === "pci_bridge") {
    joinBelow(func, func, sets);
    return [{ func, joins: "conventional", missing: [] }, ...joinSiblings(func, sets)];
  }
  // A downstream port is judged by what it does as a port, whatever device it is a function of.
  if (func.role === "downstream_port") return joinPort(func, sets);
  // Root ports may be functions of one device, too.
  const asPort = func.role === "root_port" ? joinPort(func, sets) : [];
  return [...asPort, ...joinSiblings(func, sets)];
}

function joinPort(port: PciFunction, sets: DisjointSets): readonly GroupCause[] {
  const missing = missingServices(port, PORT_ISOLATION);
  if (missing.length === 0 || port.below.length === 0) return [];
  joinBelow(port, port, sets);
  // Inside a switch it turns round to the ports beside it, and to what is below those.
  if (port.role === "downstream_port" && port.upstream !== null) {
    joinBelow(port.upstream, port, sets);
  }
  return [{ func: port, joins: "port", missing }];
}

function joinSiblings(func: PciFunction, sets: DisjointSets): readonly GroupCause[] {
  const { siblings } = func;
  if (siblings.length < 2) return [];
  const missing = missingServices(func, FUNCTION_ISOLATION);
  if (missing.length === 0) return [];
  for (const sibling of siblings) sets.join(func, sibling);
  return [{ func, joins: "function", missing }];
}

/** Joins everything behind a bridge, at any depth, with a function. */
function joinBelow(bridge: PciFunction, func: PciFunction, sets: DisjointSets): void {
  sets.join(bridge, func);
  for (const below of bridge.below) joinBelow(below, func, sets);
}

class DisjointSets {
  readonly #parent: Map<PciFunction, PciFunction>;

  constructor(functions: readonly PciFunction[]) {
    this.#parent = new Map(functions.map((func) => [func, func]));
  }

  rootOf(func: PciFunction): PciFunction {
    let at = func;
    for (;;) {
      const parent = this.#parent.get(at) ?? at;
      if (parent === at) return at;
      at = parent;
    }
  }

  join(a: PciFunction, b: PciFunction): void {
    this.#parent.set(this.rootOf(b), this.rootOf(a));
  }
}
