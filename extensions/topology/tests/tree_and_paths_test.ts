/**
 * Trees (`lspci -t`) and paths (`lspci -P`). All files `tests/lspci/made_*.txt` show the same invented machine, as
 * pciutils 3.9.0 prints it from a dump (`lspci -F DUMP -tv`), and in one file as 3.15.0 prints it.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { findRoute } from "@dmalab/devices";
import { MemoryScreen } from "@dmalab/cli";
import { runTopology } from "../cli/topology.ts";
import { doubtsAbout, importMachine, peersOf } from "../lspci/imported_machine.ts";
import { type LinkedFunction, linkListing } from "../lspci/linked_listing.ts";
import { formatListedAddress, formatListedPlace } from "../lspci/listed_function.ts";
import { readListing } from "../lspci/read_listing.ts";
import { ROOT } from "@dmalab/tests";

const FOLDER = join(ROOT, "extensions/topology/tests/lspci");
const textOf = (name: string) => Deno.readTextFileSync(join(FOLDER, `${name}.txt`));
const linked = (text: string) => linkListing(readListing(text));
const codes = (text: string) => linked(text).findings.map(({ code }) => code);

/** The tree of functions, as `c0:03.1(c7:00.0)`. */
function shape(functions: readonly LinkedFunction[]): string {
  return functions.map(({ address, children }) =>
    formatListedPlace(address) + (children.length === 0 ? "" : `(${shape(children)})`)
  ).join(" ");
}

const rootsOf = (text: string) =>
  linked(text).roots.map(({ bus, domain, functions, assumed }) =>
    `${assumed ? "? " : ""}${domain.toString(16)}:${bus.toString(16)} ${shape(functions)}`
  );

/** The kind of the route between each two peers, as `gpu1 hca0 bus_addr?`. */
function routesOf(text: string): string[] {
  const machine = importMachine(linked(text));
  const peers = peersOf(machine);
  return peers.flatMap((provider, index) =>
    peers.slice(index + 1).map((client) => {
      const route = findRoute(provider, client, machine.cpu ?? undefined);
      const doubt = doubtsAbout(route, machine).length > 0 ? "?" : "";
      return `${provider.name} ${client.name} ${route.mapType}${doubt}`;
    })
  );
}

async function printed(name: string, ...options: readonly [string, string][]): Promise<string> {
  const screen = new MemoryScreen();
  const all = { as: null, provider: null, client: null, cpu: null, json: false, all: false };
  const path = join(FOLDER, `${name}.txt`);
  const code = await runTopology(path, { ...all, ...Object.fromEntries(options) }, screen);
  assertEquals(code, 0, screen.errors);
  return screen.output;
}

/** A bridge without functions below it has no parentheses. */
const MADE = [
  "0:0 00:00.0 00:01.1(01:00.0) 00:02.0",
  "0:c0 c0:00.0 c0:01.1(c1:00.0(c2:00.0(c3:00.0 c3:00.1) c2:01.0(c4:00.0) c2:02.0)) c0:03.1(c7:00.0)",
  "10000:e0 e0:00.0(e1:00.0)",
];

Deno.test("every form of a tree is the machine that `lspci -PP` lists", () => {
  for (const form of ["PP", "t", "tv", "tvn", "tvnn", "tv_3.15"] as const) {
    const text = textOf(`made_${form}`);
    // A list does not show that the domain of a controller begins at a root bus.
    const roots = form === "PP"
      ? rootsOf(text).map((root) => root.replace("? ", ""))
      : rootsOf(text);
    assertEquals(roots, MADE, form);
    assertEquals(codes(text).filter((code) => code !== "E1011" && code !== "E1013"), [], form);
  }
});

Deno.test("a tree has the numbers that it shows: buses of bridges, vendors and devices", () => {
  const { functions } = linked(textOf("made_tvnn"));
  const at = (address: string) =>
    functions.find((each) => formatListedAddress(each.address) === address)!;
  assertEquals(at("0000:c0:01.1").buses, { primary: 0xc0, secondary: 0xc1, subordinate: 0xc6 });
  assertEquals(at("0000:00:02.0").buses, { primary: 0, secondary: 2, subordinate: 3 });
  const hca = at("0000:c4:00.0");
  assertEquals([hca.vendor, hca.device, hca.name, hca.classCode], [
    0x15b3,
    0x101b,
    "Mellanox Technologies MT28908 Family [ConnectX-6]",
    null,
  ]);
  const numbers = linked(textOf("made_tvn")).functions
    .map(({ device, name, vendor }) => [vendor, device, name]);
  assertEquals(numbers.at(-1), [0x144d, 0xa80a, null]);
});

Deno.test("a tree answers who reaches whom: below a switch by bus address, else by the CPU's rule", () => {
  const below = ["gpu1 gpu2", "gpu1 hca0", "gpu2 hca0"];
  const routes = routesOf(textOf("tree_milan"));
  assertEquals(
    routes.filter((route) => route.includes("bus_addr")),
    below.map((pair) => `${pair} bus_addr?`),
  );
  const others = routes.filter((route) => !route.includes("bus_addr"));
  assertEquals(others.length, 7);
  for (const route of others) assert(route.endsWith(" thru_host_bridge"), route);
});

Deno.test("a bridge of a path has the function behind it", async () => {
  const guest = textOf("paths_guest");
  assertEquals(rootsOf(guest), [
    "0:0 00:00.0 00:01.0 00:02.0(00:02.0/00.0) 00:03.0 00:04.0 00:1f.0 00:1f.2 00:1f.3",
  ]);
  assertEquals(codes(guest), ["E1016", "E1011"]);
  const made = rootsOf(textOf("made_P")).map((root) => root.replace("? ", ""));
  assertEquals(made, [
    "0:0 00:00.0 00:01.1(00:01.1/00.0) 00:02.0",
    "0:c0 c0:00.0 c0:01.1(c0:01.1/00.0(c0:01.1/00.0/00.0(c0:01.1/00.0/00.0/00.0 " +
    "c0:01.1/00.0/00.0/00.1) c0:01.1/00.0/01.0(c0:01.1/00.0/01.0/00.0) c0:01.1/00.0/02.0)) " +
    "c0:03.1(c0:03.1/00.0)",
    "10000:e0 e0:00.0(e0:00.0/00.0)",
  ]);
  const output = await printed("made_P", ["provider", "gpu1"], [
    "client",
    "c0:01.1/00.0/01.0/00.0",
  ]);
  assertStringIncludes(output, "0000:c0:01.1/00.0/00.0/00.0  gpu1");
});

Deno.test("routes by path are those by bus", () => {
  const routes = routesOf(textOf("made_PP"));
  assertEquals(routesOf(textOf("made_P")), routes);
  assert(routes.includes("gpu1 hca0 bus_addr?"), routes.join("\n"));
});

Deno.test("paths with the details of bridges have the buses: `lspci -Pv`", () => {
  const text = `00:00.0 Host bridge: Intel Corporation DMI2
\tFlags: bus master

00:02.0 PCI bridge: Intel Corporation Port
\tFlags: bus master
\tBus: primary=00, secondary=07, subordinate=08, sec-latency=0

00:02.0/00.0 PCI bridge: PLX Technology, Inc. Switch
\tBus: primary=07, secondary=08, subordinate=08, sec-latency=0

00:02.0/00.0/01.0 Non-Volatile memory controller: Samsung SSD
`;
  assertEquals(rootsOf(text), ["0:0 00:00.0 00:02.0(07:00.0(08:01.0))"]);
  assert(!codes(text).includes("E1016"));
});

Deno.test("a bus that gets a number gets one that the text does not use", () => {
  const text = `00:01.0 PCI bridge: Intel Port
00:01.0/00.0 Ethernet controller: Intel X
01:00.0 Host bridge: Advanced Micro Devices, Inc. [AMD] Milan Root Complex
02:00.0 Host bridge: Advanced Micro Devices, Inc. [AMD] Milan Root Complex
`;
  const { functions } = linked(text);
  assertEquals(functions.find(({ address }) => address.path !== undefined)?.address.bus, 3);
  // The text lists functions by paths and also by buses. It does not show which of these functions
  // are the same.
  const both = "00:01.0 PCI bridge: Intel Port\n00:01.0/00.0 Ethernet controller: Intel X\n" +
    "05:00.0 Ethernet controller: Intel X\n";
  assertEquals([codes(both), linked(both).functions.length], [["E1003"], 0]);
});

Deno.test("a filtered tree, one with a single domain, and one without blanks in front", () => {
  // The tree for `-s c1:` from pciutils 3.9.0, and from 3.15.0.
  assertEquals(rootsOf("-\\-[0000:c0]-+-01.1-[c1-c6]----00.0-[c2-c6]--\n"), [
    "0:c0 c0:01.1(c1:00.0)",
  ]);
  assertEquals(rootsOf("-[0000:c0]---01.1-[c1-c6]----00.0-[c2-c6]--+-00.0-[c3]----00.0  A B\n"), [
    "0:c0 c0:01.1(c1:00.0(c2:00.0(c3:00.0)))",
  ]);
  assertEquals(rootsOf("> -[0000:00]-+-00.0\n>            \\-1f.0  ISA\n"), [
    "0:0 00:00.0 00:1f.0",
  ]);
  assertEquals(rootsOf("$ lspci -t\n-[0002:40]---01.0-[41]----00.0  Device 1234:5678\n"), [
    "2:40 40:01.0(41:00.0)",
  ]);
  // Two trees in one text: columns of the first have no meaning in the second.
  assertEquals(rootsOf("-[0000:00]-+-00.0\n           \\-01.0\n-[0001:00]---00.0\n"), [
    "0:0 00:00.0 00:01.0",
    "1:0 00:00.0",
  ]);
  const damaged = "-[0000:00]-+-00.0\n  \\-01.0-[01]----00.0\n";
  assertEquals([rootsOf(damaged), codes(damaged)[0]], [["0:0 00:00.0"], "E1012"]);
});

Deno.test("a tree and a list of one machine are put together", () => {
  const list = `00:01.1 PCI bridge [0604]: AMD Port [1022:1483]
\tCapabilities: [58] Express Root Port (Slot+), MSI 00
\tCapabilities: [2a0] Access Control Services
\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans+
\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-

01:00.0 3D controller [0302]: NVIDIA Corporation GA102 [10de:2204]
`;
  const { functions } = linked(`${textOf("tree_milan")}\n${list}`);
  const [, port, gpu] = functions;
  assertEquals([port!.acs.state, port!.buses?.secondary, gpu!.classCode], ["present", 1, 0x0302]);
});
