import { assertEquals } from "@std/assert";
import type { BlockSettings, PciNodeConfig } from "../lab_config.ts";
import { acsPresent } from "./peers/access_control.ts";
import { HostBridge } from "./host_bridge.ts";
import { iommuGroups, ISOLATION, requesterOf } from "./iommu_groups.ts";
import { PciAddress } from "./pci_address.ts";
import { PciFunction, type PciRole } from "./pci_function.ts";
import { buildPciTree } from "./pci_tree.ts";
import { block } from "./_lab.ts";

const APART: BlockSettings = { acs: ISOLATION };
const x = block("nvme", "x");
const y = block("nvme", "y");

function groups(...nodes: PciNodeConfig[]): string[] {
  return iommuGroups(buildPciTree(nodes)).map(({ functions }) =>
    functions.map(({ name }) => name).join(" ")
  );
}

Deno.test("a port with the four services keeps what is below it apart", () => {
  const under = (acs: BlockSettings) => groups(block("root_port", "rp", [x], acs));
  assertEquals(under(APART), ["rp", "x"]);
  for (const missing of ISOLATION) {
    const rest = ISOLATION.filter((service) => service !== missing);
    assertEquals(under({ acs: rest }), ["rp x"], `without ${missing}`);
  }
  assertEquals(under({}), ["rp x"], "without the capability");
  assertEquals(under({ acs: "unknown" }), ["rp x"], "when it is unknown");
});

Deno.test("a port of a switch without the services has what is below it in its group, and no more (dma.md 9.1)", () => {
  const tree = (root: BlockSettings, ports: BlockSettings) =>
    groups(block("root_port", "rp", [block("switch", "sw", [x, y], ports)], root));
  assertEquals(tree(APART, APART), ["rp", "sw.up", "sw.down0", "sw.down1", "x", "y"]);
  // The devices x and y can reach each other at the root port, but the kernel puts them into
  // separate groups.
  assertEquals(tree(APART, {}), ["rp", "sw.up", "sw.down0 x", "sw.down1 y"]);
  assertEquals(
    tree({}, APART),
    ["rp sw.up sw.down0 sw.down1 x y"],
    "the root port turns them round",
  );
});

Deno.test("a cause is the first function on the way up that lacks services", () => {
  const tree = buildPciTree([
    block("root_port", "rp", [block("switch", "sw", [x, y], APART)], APART),
  ]);
  tree.functions.find(({ name }) => name === "sw.down0")!.acs = acsPresent(["request_redirect"]);
  const found = iommuGroups(tree);
  assertEquals(found.map(({ functions }) => functions.map(({ name }) => name).join(" ")), [
    "rp",
    "sw.up",
    "sw.down0 x",
    "sw.down1",
    "y",
  ]);
  assertEquals(found[2]!.causes.map(({ func, joins, missing }) => [func.name, joins, missing]), [
    ["sw.down0", "port", ["source_validation", "completion_redirect", "upstream_forwarding"]],
  ]);
});

Deno.test("functions of a device are together where neither has the four services (dma.md 9.1)", () => {
  const card = (...each: (BlockSettings<"root_port">["acs"] | null)[]) =>
    groups(block("root_port", "rp", [
      block(
        "device",
        "card",
        each.map((acs, index) => block("nvme", `f${index}`, [], acs === null ? {} : { acs })),
      ),
    ], APART));
  assertEquals(card(null, null), ["rp", "f0 f1"]);
  assertEquals(card(ISOLATION, ISOLATION), ["rp", "f0", "f1"]);
  assertEquals(card(["request_redirect", "completion_redirect"], ISOLATION), ["rp", "f0", "f1"]);
  assertEquals(card(null, ISOLATION, ["request_redirect"]), ["rp", "f0 f2", "f1"]);
});

Deno.test("behind a bridge to conventional PCI a device is function 00.0 of its bus (dma.md 9.1)", () => {
  const port = block("root_port", "rp", [block("bridge", "br", [block("nvme", "z"), y])]);
  const tree = buildPciTree([block("host_bridge", "h", [port], { domain: 3 })]);
  const y1 = tree.functions.find(({ name }) => name === "y")!;
  const { bus, domain } = y1.address;
  assertEquals([domain, requesterOf(y1)], [3, new PciAddress(bus, 0, 0, domain)]);
});

Deno.test("devices on a root bus, and ports of different devices, are apart", () => {
  assertEquals(groups(x, y, block("root_port", "rp", [block("nvme", "z")])), ["x", "y", "rp z"]);
});

/**
 * Root ports that are functions of one device, with a device below each, and devices on a
 * conventional bus.
 */
Deno.test("ports that are functions of one device, and conventional buses, as a listing has them", () => {
  const hostBridge = new HostBridge({ name: "h", domain: 0, rootBus: 0 });
  const functions: PciFunction[] = [];
  const add = (
    name: string,
    role: PciRole,
    at: [number, number, number],
    upstream: PciFunction | null,
    acs = acsPresent([]),
  ) => {
    const address = new PciAddress(...at);
    const func = new PciFunction({ name, role, address, hostBridge, upstream, acs });
    functions.push(func);
    return func;
  };
  const isolated = acsPresent(ISOLATION);
  const a = add("a", "root_port", [0, 28, 0], null, isolated);
  const b = add("b", "root_port", [0, 28, 1], null, acsPresent([]));
  add("below_a", "nvme", [1, 0, 0], a);
  add("below_b", "nvme", [2, 0, 0], b);
  // A capability without any redirection means that there is nothing to redirect.
  const c = add("c", "root_port", [0, 29, 0], null, acsPresent([], []));
  const legacy = add("legacy", "pci_bridge", [3, 0, 0], c);
  add("card0", "endpoint", [4, 1, 0], legacy);
  add("card1", "endpoint", [4, 2, 0], legacy);
  // The listing may be incomplete and lack the port above.
  const orphan = add("orphan", "downstream_port", [5, 0, 0], null);
  add("below_orphan", "nvme", [6, 0, 0], orphan);
  const groups = iommuGroups({ functions });
  const found = groups.map(({ functions }) => functions.map(({ name }) => name).join(" "));
  const causes = groups.flatMap(({ causes }) =>
    causes.map(({ func, joins }) => [func.name, joins])
  );
  assertEquals(causes, [["b", "port"], ["legacy", "conventional"], ["orphan", "port"]]);
  assertEquals(found, [
    "a",
    "b below_b",
    "c",
    "below_a",
    "legacy card0 card1",
    "orphan below_orphan",
  ]);
});
