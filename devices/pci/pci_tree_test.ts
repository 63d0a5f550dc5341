import { assert, assertEquals, assertThrows } from "@std/assert";
import { ConfigError } from "../config_error.ts";
import type { BlockSettings, PciNodeConfig, PciNodeKind } from "../lab_config.ts";
import { buildPciTree } from "./pci_tree.ts";
import { block } from "./_lab.ts";

const addresses = (nodes: PciNodeConfig[]) =>
  buildPciTree(nodes).functions.map((func) => `${func.address} ${func.name}`);

Deno.test("a name belongs to one block, whatever stands there (ConfigError)", () => {
  const kinds: readonly ((name: string) => PciNodeConfig)[] = [
    (name) => block("endpoint", name),
    (name) => block("root_port", name),
    (name) => block("root_port", "above", [block("switch", name, [])]),
    (name) => block("root_port", "above", [block("bridge", name, [])]),
    (name) => block("host_bridge", name, [block("endpoint", "below")]),
  ];
  for (const one of kinds) {
    const nodes = () => [block("root_port", "rp", [block("endpoint", "twice")]), one("twice")];
    assertThrows(() => buildPciTree(nodes()), ConfigError, 'Two blocks are called "twice"');
    assertEquals(
      buildPciTree([block("endpoint", "once"), one("twice")]).functions.length > 1,
      true,
    );
  }
});

Deno.test("a device below an external port is marked, through switches too", () => {
  const tree = buildPciTree([
    block("root_port", "rp", [block("switch", "sw", [block("nvme", "dock")])], { external: true }),
    block("root_port", "in", [block("nvme", "ssd")]),
  ]);
  assertEquals(tree.devices.map(({ func, external }) => [func.name, external]), [
    ["dock", true],
    ["ssd", false],
  ]);
  assertEquals(tree.devices[0]!.path, ["rp", "sw", "dock"]);
  // A function directly on the root bus has no port above it.
  const inside = buildPciTree([block("host_bridge", "h", [block("endpoint", "dsa")])]);
  assertEquals(inside.devices.map(({ external }) => external), [false]);
});

Deno.test("impossible trees are refused with the path to the block", () => {
  const many = (count: number, kind: PciNodeKind) =>
    Array.from({ length: count }, (_, index) => block(kind, `${kind}${index}`));
  const crowded = block("port", "p", [block("switch", "t"), block("nvme", "n")]);
  const cases: [nodes: PciNodeConfig[], path: string, says?: string][] = [
    [[block("root_port", "a"), block("root_port", "a")], "a"],
    [[block("switch", "sw")], "sw"],
    [[block("root_port", "a", [block("root_port", "b")])], "a.b"],
    [[block("root_port", "a", [block("host_bridge", "b")])], "a.b"],
    [[block("host_bridge", "a", [block("host_bridge", "b")])], "a.b"],
    [[block("nvme", "a", [block("nvme", "b")])], "a.b"],
    [[block("root_port", "a", [block("switch", "s"), block("nvme", "n")])], "a"],
    [[block("root_port", "a", many(9, "endpoint"))], "a"],
    [[block("root_port", "a", [block("switch", "s", [crowded])])], "a.s.p", "one link"],
    [[block("root_port", "a", [block("switch", "s", many(33, "nvme"))])], "a.s", "at most 32"],
    [many(32, "root_port"), "", "room for 31"],
    [[block("root_port", "a", [], { acs: ["redirect"] })], "a.acs"],
    [[block("root_port", "a", [], { queues: 2 })], "a.queues"],
    [[block("host_bridge", "h", [], { busOffset: 100 })], "h.bus_offset"],
    [[block("switch", "a"), block("root_port", "b", [block("switch", "a")])], "a"],
  ];
  for (const [nodes, path, says] of cases) {
    const error = assertThrows(() => buildPciTree(nodes), ConfigError, says);
    assertEquals(error.path.join("."), path, error.message);
  }
});

Deno.test("a tree of more than 256 buses is refused", () => {
  const ports = Array.from({ length: 31 }, (_, port) =>
    block("root_port", `rp${port}`, [
      block(
        "switch",
        `sw${port}`,
        Array.from({ length: 8 }, (_, slot) => block("nvme", `n${port}_${slot}`)),
      ),
    ]));
  const error = assertThrows(() => buildPciTree(ports), ConfigError);
  assertEquals([error.path[0], error.message, error.hint], [
    "rp25",
    "The tree needs more than 256 bus numbers",
    "a host_bridge with another `domain` has bus numbers of its own",
  ]);
});

Deno.test("a device block is one device of several functions, wherever a device can stand", () => {
  const card = (name: string) =>
    block("device", name, [block("nvme", `${name}0`), block("endpoint", `${name}1`)]);
  const tree = [
    block("root_port", "rp", [card("a")]),
    block("root_port", "sp", [block("switch", "sw", [card("b"), block("nvme", "x")])]),
    card("c"),
  ];
  assertEquals(addresses(tree).filter((text) => /[abc][01]$/.test(text)), [
    "0000:00:03.0 c0",
    "0000:00:03.1 c1",
    "0000:01:00.0 a0",
    "0000:01:00.1 a1",
    "0000:04:00.0 b0",
    "0000:04:00.1 b1",
  ]);
  assertThrows(() => buildPciTree([block("device", "empty")]), ConfigError, "0 functions");
  const alone = [block("root_port", "rp", [card("a"), block("nvme", "x")])];
  assertThrows(() => buildPciTree(alone), ConfigError, "a device and something else");
});

Deno.test("each domain counts its buses for itself", () => {
  const tree = [
    block("host_bridge", "h0", [block("root_port", "a", [block("nvme", "x")])]),
    block("host_bridge", "h1", [block("root_port", "b", [block("nvme", "y")])], { domain: 0x1000 }),
  ];
  assertEquals(addresses(tree), [
    "0000:00:01.0 a",
    "0000:01:00.0 x",
    "1000:00:01.0 b",
    "1000:01:00.0 y",
  ]);
  const wrong = [block("host_bridge", "h", [], { domain: 2 ** 32 })];
  assertThrows(() => buildPciTree(wrong), ConfigError, 'domain of "h" cannot be 4294967296');
});

Deno.test("blocks with `at` are the functions of a machine that is there, and no others", () => {
  const tree = buildPciTree([
    block("host_bridge", "h", [
      block("endpoint", "lpc", [], { at: "3a:1f.0" }),
      block("endpoint", "smbus", [], { at: "3a:1f.4" }),
      block("root_port", "rp", [
        block("switch", "sw", [
          block("port", "p0", [block("nvme", "ssd", [], { at: "3d:00.0" })], {
            at: "3c:04.0",
            acs: ["request_redirect"],
            acsCapable: ["request_redirect", "completion_redirect"],
          }),
          block("port", "p1", [], { at: "3c:08.0" }),
          block("endpoint", "dma", [], { at: "3c:00.0" }),
        ], { at: "3b:00.0", acs: [] }),
        block("endpoint", "manager", [], { at: "3b:00.1" }),
      ], { at: "3a:00.0" }),
    ], { bus: 0x3a, domain: 0x10000 }),
  ]);
  assertEquals(tree.functions.map(({ address, role, name }) => `${address} ${role} ${name}`), [
    "10000:3a:00.0 root_port rp",
    "10000:3a:1f.0 endpoint lpc",
    "10000:3a:1f.4 endpoint smbus",
    "10000:3b:00.0 upstream_port sw.up",
    "10000:3b:00.1 endpoint manager",
    "10000:3c:00.0 endpoint dma",
    "10000:3c:04.0 downstream_port p0",
    "10000:3c:08.0 downstream_port p1",
    "10000:3d:00.0 nvme ssd",
  ]);
  const [p0, p1] = ["p0", "p1"].map((name) => tree.functions.find((each) => each.name === name)!);
  assertEquals([p0!.acs.supported.size, p0!.redirects], [2, true]);
  // A port without its own settings gets those of its switch.
  assertEquals([p1!.acs.presence, p1!.redirects], ["present", false]);
});

Deno.test("places that contradict each other are refused with their block", () => {
  const refused: readonly (readonly [PciNodeConfig[], string, string?])[] = [
    [[block("endpoint", "a", [], { at: "00:20.0" })], 'at of "a" cannot be 00:20.0'],
    [
      [block("endpoint", "a", [], { at: "00:01.0" }), block("endpoint", "b")],
      '"b" does not say where it is, and "a" beside it does',
      "give each block on a bus its `at`, or none",
    ],
    [
      [
        block("endpoint", "a", [], { at: "00:01.0" }),
        block("endpoint", "b", [], { at: "01:00.0" }),
      ],
      '"b" is on bus 01, and "a" beside it on bus 00',
    ],
    [
      [
        block("endpoint", "a", [], { at: "00:01.0" }),
        block("endpoint", "b", [], { at: "00:01.0" }),
      ],
      "Two functions are at 0000:00:01.0",
    ],
    [
      [block("root_port", "rp", [block("nvme", "x", [], { at: "04:00.0" })], { at: "05:00.0" })],
      'Bus 04 cannot lie below "rp": numbers grow downwards',
    ],
    [
      [
        block("root_port", "a", [block("nvme", "x", [], { at: "01:00.0" })], { at: "00:01.0" }),
        block("root_port", "b", [block("nvme", "y", [], { at: "01:00.1" })], { at: "00:02.0" }),
      ],
      "there is one of that number",
    ],
    [
      ["a", "b"].map((name) => block("host_bridge", name, [], { domain: 2, bus: 1 })),
      "there is one of that number",
    ],
    [
      [block("host_bridge", "h", [block("nvme", "x", [], { at: "01:00.0" })], { bus: 2 })],
      'The blocks in "h" are on bus 01, not on 02',
    ],
    [[block("root_port", "rp", [block("port", "p")])], "it is allowed in switch"],
  ];
  for (const [tree, message, hint] of refused) {
    const error = assertThrows(() => buildPciTree(tree), ConfigError);
    assert(`${error.message} ${error.hint}`.includes(message), `${error.message}: ${message}`);
    if (hint !== undefined) assertEquals(error.hint, hint);
  }
});

Deno.test("behind a bridge to conventional PCI every device has a number of its own", () => {
  const tree = [
    block("root_port", "rp", [
      block("bridge", "br", [block("endpoint", "vga"), block("endpoint", "sound")]),
    ]),
  ];
  assertEquals(addresses(tree), [
    "0000:00:01.0 rp",
    "0000:01:00.0 br",
    "0000:02:00.0 vga",
    "0000:02:01.0 sound",
  ]);
});

Deno.test("access control is absent, unknown, or there with what is switched on", () => {
  const presence = (acs?: BlockSettings<"root_port">["acs"]) => {
    const settings = acs === undefined ? {} : { acs };
    return buildPciTree([block("root_port", "rp", [], settings)]).functions[0]!.acs.presence;
  };
  assertEquals(presence(), "absent");
  assertEquals(presence(null), "absent");
  assertEquals(presence("unknown"), "unknown");
  assertEquals(presence([]), "present");
});

Deno.test("a device has up to eight functions, and none more", () => {
  const device = (count: number) =>
    block("device", "d", Array.from({ length: count }, (_, at) => block("endpoint", `f${at}`)));
  assertEquals(addresses([device(1)]), ["0000:00:01.0 f0"]);
  assertEquals(addresses([device(8)]).at(-1), "0000:00:01.7 f7");
  const error = assertThrows(() => buildPciTree([device(9)]), ConfigError);
  assertEquals(error.message, 'Device "d" cannot have 9 functions');
  const port = (count: number) =>
    block("root_port", "rp", Array.from({ length: count }, (_, at) => block("nvme", `n${at}`)));
  assertEquals(addresses([port(8)]).at(-1), "0000:01:00.7 n7");
  const beyond = assertThrows(() => buildPciTree([port(9)]), ConfigError);
  const text = 'Root port "rp" leads to one device, and a device has at most 8 functions';
  assertEquals([beyond.message, beyond.hint], [text, "put a switch between"]);
});

Deno.test("behind a port, a switch's parts and a bridge lies a bus; behind a device none", () => {
  const { functions } = buildPciTree([
    block("root_port", "rp", [block("switch", "sw", [block("nvme", "ssd")])]),
    block("root_port", "rq", [block("bridge", "br", [block("endpoint", "old")])]),
  ]);
  assertEquals(
    functions.filter(({ isBridge }) => isBridge).map(({ name }) => name).sort(),
    ["br", "rp", "rq", "sw.down0", "sw.up"],
  );
});
