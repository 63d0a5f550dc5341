/** Properties of nodes in the forms of a device tree's source. */
import { assertEquals } from "@std/assert";
import { parseProperties } from "./node_properties.ts";

Deno.test("properties are cells, texts in either quotes, bytes, or nothing", () => {
  const found = parseProperties(
    "reg-shift = <2 0x10203040>; phy-mode = 'rgmii;id', \"B\"; mac = [00 11 2233], <1>; big-endian;",
  );
  assertEquals([...found!].map(([name, bytes]) => [name, [...bytes]]), [
    ["reg-shift", [0, 0, 0, 2, 0x10, 0x20, 0x30, 0x40]],
    ["phy-mode", [...new TextEncoder().encode("rgmii;id\0B\0")]],
    ["mac", [0, 0x11, 0x22, 0x33, 0, 0, 0, 1]],
    ["big-endian", []],
  ]);
  assertEquals([...parseProperties(" ")!], []);
});

Deno.test("nodes below it have a path, and cells refer to those that have a label", () => {
  const found = parseProperties(
    "clk = <&sys 7>, <&phy>; mdio/; phy: mdio/phy@1/; mdio/phy@1/reg = <1>; sys: syscon/",
  );
  assertEquals([...found!].map(([name, bytes]) => `${name} ${bytes.join(" ")}`.trim()), [
    "clk 0 0 0 2 0 0 0 7 0 0 0 1",
    "mdio/",
    "mdio/phy@1/",
    "mdio/phy@1/phandle 0 0 0 1",
    "mdio/phy@1/reg 0 0 0 1",
    "syscon/",
    "syscon/phandle 0 0 0 2",
  ]);
});

Deno.test("what is no property is refused", () => {
  const wrong = [
    "a = 1",
    "a = <1>, ",
    "a b",
    "a = <0x1_0>",
    "a = <4294967296>",
    "a = [1]",
    "= <1>",
  ];
  const NODES = [
    "/",
    "a//",
    "a/ = <1>",
    "l: b",
    "l: b/; l: c/",
    "l: b/; b/phandle = <3>",
    ":",
    "l:",
  ];
  for (const text of [...wrong, "a; a", "a = 'b", "a = <&b>", ...NODES]) {
    assertEquals(parseProperties(text), null, text);
  }
});
