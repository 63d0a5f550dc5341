import { assertEquals } from "@std/assert";
import type { PciNodeConfig } from "../../lab_config.ts";
import { ORDINARY_CPU } from "../host_bridge.ts";
import type { AcsService } from "./access_control.ts";
import { buildPciTree } from "../pci_tree.ts";
import { redirectChange } from "./redirect_change.ts";
import { findRoute } from "./route.ts";

const ISOLATING: readonly AcsService[] = [
  "source_validation",
  "request_redirect",
  "completion_redirect",
  "upstream_forwarding",
];

function port(
  name: string,
  at: string,
  acs: readonly AcsService[],
  child: PciNodeConfig,
): PciNodeConfig {
  return { kind: "port", name, settings: { at, acs }, children: [child] };
}

function end(name: string, at: string): PciNodeConfig {
  return { kind: "endpoint", name, settings: { at }, children: [] };
}

/**
 * The redirect change between two functions of a tree. The tree has a switch with three ports below
 * one root port, and a second root port.
 */
function change(acs: readonly (readonly AcsService[])[], to = "b", from = "a") {
  const tree = buildPciTree([
    {
      kind: "root_port",
      name: "rp",
      settings: { at: "00:01.0", acs: ISOLATING },
      children: [{
        kind: "switch",
        name: "sw",
        settings: { at: "01:00.0" },
        children: [
          port("pa", "02:00.0", acs[0]!, end("a", "03:00.0")),
          port("pb", "02:01.0", acs[1]!, end("b", "04:00.0")),
          port("pc", "02:02.0", acs[2]!, end("c", "05:00.0")),
        ],
      }],
    },
    {
      kind: "root_port",
      name: "rp1",
      settings: { at: "00:02.0", acs: ISOLATING },
      children: [end("far", "06:00.0")],
    },
  ]);
  const func = (name: string) => tree.functions.find((each) => each.name === name)!;
  const route = findRoute(func(from), func(to));
  const found = redirectChange(route, tree.functions, ORDINARY_CPU);
  const names = (groups: readonly { functions: readonly { name: string }[] }[]) =>
    groups.map(({ functions }) => functions.map(({ name }) => name).join(" "));
  return found && {
    parameter: found.parameter,
    after: `${found.after.distance} ${found.after.mapType}`,
    before: names(found.groupsBefore),
    then: names(found.groupsAfter),
    // The computation must not change the tree.
    untouched: tree.functions.filter(({ redirects }) => redirects).map(({ name }) => name),
  };
}

Deno.test("every port on the way that redirects has to stop, and no other (p2p.md 9.4)", () => {
  assertEquals(change([ISOLATING, ISOLATING, ISOLATING]), {
    parameter: "pci=disable_acs_redir=0000:02:00.0;0000:02:01.0",
    after: "4 bus_addr",
    before: ["pa", "pb", "a", "b"],
    then: ["pa a", "pb b"],
    untouched: ["rp", "rp1", "pa", "pb", "pc"],
  });
  // The functions are sorted by address, whichever of them is the client.
  for (const [one, other] of [["a", "c"], ["c", "a"]] as const) {
    assertEquals(
      change([ISOLATING, ISOLATING, ISOLATING], one, other)?.parameter,
      "pci=disable_acs_redir=0000:02:00.0;0000:02:02.0",
    );
  }
  assertEquals(
    change([[], ISOLATING, ISOLATING])?.parameter,
    "pci=disable_acs_redir=0000:02:01.0",
  );
});

Deno.test("groups that were one already cost nothing", () => {
  const found = change([["request_redirect"], [], []]);
  assertEquals([found?.before, found?.then], [[], []]);
});

Deno.test("without a redirection, or without a common bridge, there is nothing to change", () => {
  assertEquals(change([[], [], ISOLATING]), null);
  assertEquals(change([ISOLATING, ISOLATING, ISOLATING], "far"), null);
});
