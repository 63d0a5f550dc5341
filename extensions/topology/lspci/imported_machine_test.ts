import { assertEquals } from "@std/assert";
import { findRoute } from "@dmalab/devices";
import { doubtsAbout, importMachine, peersOf } from "./imported_machine.ts";
import { linkListing } from "./linked_listing.ts";
import { readListing } from "./read_listing.ts";

function machineOf(text: string) {
  return importMachine(linkListing(readListing(text)));
}

function bridge(at: string, ids: string, buses: readonly [number, number], details = ""): string {
  const [secondary, subordinate] = buses.map((bus) => bus.toString(16).padStart(2, "0"));
  const primary = at.slice(0, 2);
  return `${at} 0604: ${ids}\n\tControl: Mem+\n` +
    `\tBus: primary=${primary}, secondary=${secondary}, subordinate=${subordinate}, sec-latency=0\n` +
    `${details}\n`;
}

const ROOT = "00:00.0 0600: 8086:6f00\n\tControl: Mem+\n\n";
const DISK = (at: string) => `${at} 0108: 144d:a822\n\tControl: Mem+\n\n`;

Deno.test("roles follow from places: root port, switch, downstream port, bridge to PCI", () => {
  const machine = machineOf(
    ROOT +
      bridge("00:01.0", "8086:6f02", [1, 4], "\tCapabilities: [40] Express (v2) Root Port\n") +
      bridge("01:00.0", "10b5:8747", [2, 4]) +
      bridge("02:01.0", "10b5:8747", [3, 3]) +
      DISK("03:00.0") +
      bridge("02:02.0", "10b5:8747", [4, 4]) +
      // The text does not show the role of 05:00.0; devices are below it, and no bridges.
      bridge("00:02.0", "8086:6f04", [5, 6], "\tCapabilities: [40] Express (v2) Root Port\n") +
      bridge("05:00.0", "1a03:1150", [6, 6]) +
      "06:00.0 0300: 1a03:2000\n\tControl: Mem+\n\n" +
      // All capabilities of 00:1e.0 are listed, and PCI Express is not among them.
      bridge("00:1e.0", "8086:244e", [7, 7]),
  );
  assertEquals(machine.functions.map(({ address, name, role }) => `${address} ${name} ${role}`), [
    "0000:00:00.0 chip0 endpoint",
    "0000:00:01.0 rp0 root_port",
    "0000:00:02.0 rp1 root_port",
    "0000:00:1e.0 br1 pci_bridge",
    "0000:01:00.0 sw0.up upstream_port",
    "0000:02:01.0 sw0p0 downstream_port",
    "0000:02:02.0 sw0p1 downstream_port",
    "0000:03:00.0 ssd0 nvme",
    "0000:05:00.0 br0 pci_bridge",
    "0000:06:00.0 gpu0 endpoint",
  ]);
  assertEquals(peersOf(machine).map(({ name }) => name), ["ssd0", "gpu0"]);
});

Deno.test("the list is asked about the first device if it is 00.0 or a root port (p2p.md 9.4)", () => {
  const first = (text: string) => machineOf(text).hostBridges[0]!.rootDevice;
  assertEquals(first(ROOT), { vendor: 0x8086, device: 0x6f00 });
  const rootPort = "\tCapabilities: [40] Express (v2) Root Port (Slot+)\n";
  assertEquals(first(bridge("00:03.0", "8086:2031", [1, 1], rootPort)), {
    vendor: 0x8086,
    device: 0x2031,
  });
  assertEquals(first("00:05.0 0880: 8086:2034\n\tControl: Mem+\n\n"), null);
  // A device with only one known number (of vendor and device) cannot be on a list.
  const quoted = (vendor: string, device: string) =>
    first(`00:00.0 "Host bridge [0600]" "${vendor}" "${device}"\n\tControl: Mem+\n\n`);
  assertEquals(quoted("Intel [8086]", "Thing [6f00]"), { vendor: 0x8086, device: 0x6f00 });
  assertEquals(quoted("Intel [8086]", "Thing"), null);
  assertEquals(quoted("Intel", "Thing [6f00]"), null);
});

Deno.test("a Zen is known by its root complex, and everything by lscpu", () => {
  const root = (ids: string) => `00:00.0 0600: ${ids}\n\n`;
  const families: readonly (readonly [family: number, devices: readonly string[]])[] = [
    [0x17, ["1450", "15d0", "1480", "1630"]],
    [0x19, ["14b5", "14a4", "14d8", "14e8"]],
    [0x1a, ["1507", "153a"]],
  ];
  for (const [family, devices] of families) {
    for (const device of devices) {
      assertEquals(machineOf(root(`1022:${device}`)).cpu, { vendor: "amd", family }, device);
    }
  }
  assertEquals(machineOf(root("1022:1451")).cpu, null);
  assertEquals(machineOf(root("1d94:1450")).cpu, { vendor: "hygon", family: 0x18 });
  assertEquals(machineOf(root("8086:2020")).cpu, null);
  const text = `${root("8086:29c0")}$ lscpu\nVendor ID:   AuthenticAMD\nCPU family:  25\n`;
  assertEquals(machineOf(text).cpu, { vendor: "amd", family: 25 });
  const old = `${root("1022:1480")}vendor_id : HygonGenuine\ncpu family : 24\n`;
  assertEquals(machineOf(old).cpu, { vendor: "hygon", family: 24 });
});

Deno.test("what is unknown and could change an answer is a doubt, and nothing else is", () => {
  const port = (at: string, bus: number, acs: string) =>
    bridge(at, "10b5:8747", [bus, bus], `\tCapabilities: ${acs}\n`);
  const switchOf = (acs: string, other: string) =>
    machineOf(
      ROOT + bridge("00:01.0", "8086:6f02", [1, 4]) + bridge("01:00.0", "10b5:8747", [2, 4]) +
        port("02:01.0", 3, acs) + DISK("03:00.0") + port("02:02.0", 4, other) + DISK("04:00.0"),
    );
  const doubts = (machine: ReturnType<typeof machineOf>) => {
    const [provider, client] = peersOf(machine);
    return doubtsAbout(findRoute(provider!, client!), machine);
  };
  const [known, denied] = ["[70] Express (v2) Downstream Port", "<access denied>"] as const;
  assertEquals(doubts(switchOf(known, known)), []);
  const both = "0000:02:01.0, 0000:02:02.0";
  assertEquals(doubts(switchOf(denied, denied)), [`ACS redirect of ${both} is unknown`]);
  assertEquals(doubts(switchOf(denied, known)), ["ACS redirect of 0000:02:01.0 is unknown"]);
  // One bus has no bridge above it.
  const apart = machineOf(
    ROOT + bridge("00:01.0", "8086:6f02", [1, 1]) + DISK("01:00.0") + DISK("09:00.0"),
  );
  // The known host bridge refuses the route, whatever the other host bridge is; but the CPU may
  // allow it.
  assertEquals(doubts(apart), [
    "what is above bus 0000:09 is not in the text",
    "the CPU is unknown: from AMD's Zen on it would pass",
  ]);
  // A root complex of Intel is part of an Intel CPU, unless it is emulated.
  const disks = bridge("00:01.0", "8086:6f02", [1, 1]) + DISK("01:00.0") +
    bridge("00:02.0", "8086:6f04", [2, 2]) + DISK("02:00.0");
  assertEquals(doubts(machineOf(ROOT + disks)), []);
  // Without the first device, the text does not show which device is looked up in the list.
  assertEquals(doubts(machineOf(disks)), [
    "which device is first on the root bus is unknown: the list may have it",
    "the CPU is unknown: from AMD's Zen on it would pass",
  ]);
  const guest = (vendor: string) => `${ROOT}${disks}00:05.0 0100: ${vendor}:1042\n\n`;
  for (const vendor of ["1af4", "1b36", "15ad", "1414", "80ee"]) {
    const reasons = doubts(machineOf(guest(vendor)));
    assertEquals(reasons, ["the CPU is unknown: from AMD's Zen on it would pass"], vendor);
  }
  assertEquals(doubts(machineOf(guest("1b37"))), []);
});

Deno.test("a function keeps its domain and its number", () => {
  const disks = ["0001:00:03.0", "0001:00:03.5", "0002:00:03.1"].map(DISK).join("");
  const { functions } = machineOf(disks);
  assertEquals(functions.map(({ address }) => [address.domain, address.func]), [
    [1, 0],
    [1, 5],
    [2, 1],
  ]);
});

Deno.test("access control is what its two registers say: what there is, and what is switched on (PCIe 7.7.11)", () => {
  const flags = (on: readonly string[]) =>
    ["SrcValid", "TransBlk", "ReqRedir", "CmpltRedir", "UpstreamFwd", "EgressCtrl", "DirectTrans"]
      .map((name) => `${name}${on.includes(name) ? "+" : "-"}`).join(" ");
  const acsOf = (...lines: readonly string[]) => {
    const details = ["Capabilities: [110 v1] Access Control Services", ...lines];
    const text = bridge(
      "00:01.0",
      "8086:6f02",
      [1, 1],
      details.map((line) => `\t${line}\n`).join(""),
    );
    const { presence, enabled, supported } = machineOf(text).functions[0]!.acs;
    return [presence, [...supported].sort(), [...enabled].sort()];
  };
  const capable = `ACSCap: ${flags(["SrcValid", "ReqRedir", "CmpltRedir"])}`;
  const enabled = `ACSCtl: ${flags(["ReqRedir"])}`;
  const all = [
    "completion_redirect",
    "direct_translated",
    "egress_control",
    "request_redirect",
    "source_validation",
    "translation_blocking",
    "upstream_forwarding",
  ];
  assertEquals(acsOf(capable, enabled), [
    "present",
    ["completion_redirect", "request_redirect", "source_validation"],
    ["request_redirect"],
  ]);
  assertEquals(acsOf(enabled), ["present", all, ["request_redirect"]]);
  assertEquals(acsOf(capable), ["unknown", [], []]);
  const { presence } = machineOf(bridge("00:01.0", "8086:6f02", [1, 1])).functions[0]!.acs;
  assertEquals(presence, "absent");
});

Deno.test("the list is asked about no device of a bus that may lie below a bridge", () => {
  const { assumed, hostBridges } = machineOf(ROOT + DISK("09:00.0"));
  assertEquals(
    hostBridges.map((bridge) => [bridge.rootDevice?.device ?? null, assumed.has(bridge)]),
    [
      [0x6f00, false],
      [null, true],
    ],
  );
});

Deno.test("a CPU is known from its vendor alone, or from a root complex and no other function", () => {
  const cpuOf = (text: string) => machineOf(text).cpu;
  assertEquals(cpuOf(`${ROOT}Vendor ID: AuthenticAMD\n`), { vendor: "amd", family: 0 });
  assertEquals(cpuOf(`${ROOT}Vendor ID: CentaurHauls\nCPU family: 7\n`), {
    vendor: "other",
    family: 7,
  });
  assertEquals(cpuOf("00:00.0 0600: 1022:1480\n\n"), { vendor: "amd", family: 0x17 });
  assertEquals(cpuOf("00:00.0 0601: 1022:1480\n\n"), null);
  assertEquals(cpuOf("00:00.0 0601: 1d94:1450\n\n"), null);
  // A quoted header may lack numbers.
  const quoted = (vendor: string, device: string) =>
    cpuOf(`00:00.0 "Host bridge [0600]" "${vendor}" "${device}"\n\n`);
  assertEquals(quoted("AMD [1022]", "Root Complex [1480]"), { vendor: "amd", family: 0x17 });
  assertEquals(quoted("AMD", "Root Complex [1480]"), null);
  assertEquals(quoted("Hygon [1d94]", "Root Complex"), { vendor: "hygon", family: 0x18 });
  // Names of the PCI ID database, after the vendor's name.
  const named = (name: string) =>
    cpuOf(`00:00.0 Host bridge: Advanced Micro Devices, Inc. [AMD] ${name}\n\n`)?.family;
  assertEquals(named("Starship/Matisse Root Complex"), 0x17);
  assertEquals(named("Milan Root Complex"), 0x19);
  assertEquals(named("Genoa/Bergamo Root Complex"), 0x19);
  assertEquals(named("Turin Root Complex (rev 01)"), 0x1a);
  assertEquals(named("Family 15h (Models 30h-3fh) Processor Root Complex"), 0x15);
  assertEquals(named("Device 14a4"), 0x19);
  assertEquals(named("Liverpool Processor Root Complex"), undefined);
  assertEquals(cpuOf("00:00.0 Host bridge: Some Milan Root Complex\n\n"), null);
});

Deno.test("which device is first on a root bus is a doubt where it could change what the list says (p2p.md 9.4)", () => {
  const doubts = (first: string, second: string) => {
    const rootPort = "\tCapabilities: [40] Express (v2) Root Port (Slot+)\n";
    const ports = '00:00.0 "?" "?" "?"\n\n80:00.0 "?" "?" "?"\n\n' +
      bridge("00:01.0", "8086:6f02", [1, 1], rootPort) +
      bridge("80:01.0", "8086:6f02", [0x81, 0x81], rootPort);
    const machine = machineOf(
      `${ports}${first}${second}${DISK("01:00.0")}${DISK("81:00.0")}` +
        "Vendor ID: GenuineIntel\nCPU family: 6\n",
    );
    const [provider, client] = peersOf(machine);
    const both = [findRoute(provider!, client!), findRoute(client!, provider!)]
      .map((route) => doubtsAbout(route, machine));
    assertEquals(both[0], both[1]);
    return both[0];
  };
  const at = (place: string, ids: string) => `${place} 0600: ${ids}\n\n`;
  const first = "which device is first on the root bus is unknown: the list may have it";
  // 3c00 and 3c01 are listed for traffic below a single host bridge, 2020 for any traffic; 6f00 is
  // not listed.
  assertEquals(doubts("", ""), [first]);
  assertEquals(doubts(at("00:00.0", "8086:2020"), ""), [first]);
  assertEquals(doubts(at("00:00.0", "8086:3c00"), ""), [first]);
  assertEquals(doubts("", at("80:00.0", "8086:2020")), [first]);
  // If one bridge is certainly refused, the result is certain.
  assertEquals(doubts(at("00:00.0", "8086:6f00"), ""), []);
  assertEquals(doubts("", at("80:00.0", "8086:6f00")), []);
  assertEquals(doubts(at("00:00.0", "8086:6f00"), at("80:00.0", "8086:6f00")), []);
  // Both bridges are known, and neither is refused alone.
  assertEquals(doubts(at("00:00.0", "8086:3c00"), at("80:00.0", "8086:3c01")), []);
  assertEquals(doubts(at("00:00.0", "8086:2020"), at("80:00.0", "8086:2020")), []);
  // A bridge above the second disk may be missing in the text. So the first device on that disk's
  // bus need not be the first one on a root bus.
  const apart = machineOf(
    `${at("00:00.0", "8086:2020")}${bridge("00:01.0", "8086:6f02", [1, 1])}${DISK("01:00.0")}` +
      `${DISK("09:00.0")}Vendor ID: GenuineIntel\nCPU family: 6\n`,
  );
  const [near, far] = peersOf(apart);
  assertEquals(doubtsAbout(findRoute(near!, far!), apart), [
    "what is above bus 0000:09 is not in the text",
    first,
  ]);
  // A vendor without a number does not identify the device.
  const quoted = '00:00.0 "Host bridge [0600]" "Intel [8086]" "Thing"\n\n';
  assertEquals(doubts(quoted, ""), [first]);
  assertEquals(doubts(quoted, at("80:00.0", "8086:2020")), [first]);
});
