/** Which buses are root buses, and the warnings about buses that should not be root buses. */
import { assertEquals } from "@std/assert";
import { type LinkedListing, linkListing } from "./linked_listing.ts";
import { formatListedAddress } from "./listed_function.ts";
import { readListing } from "./read_listing.ts";

function link(text: string): LinkedListing {
  return linkListing(readListing(text));
}

/** A function with all its capabilities listed. */
function func(at: string, ids: string, ...details: readonly string[]): string {
  return `${at} ${ids}\n\tControl: Mem+\n${details.map((line) => `\t${line}\n`).join("")}\n`;
}

function bridge(at: string, secondary: string, subordinate: string): string {
  return func(
    at,
    "0604: 8086:6f02",
    `Bus: primary=${at.slice(-7, -5)}, secondary=${secondary}, subordinate=${subordinate}`,
  );
}

const DISK = "0108: 144d:a822";

/**
 * Each root bus, by domain and number. A question mark follows if the text may lack a bridge above the
 * bus.
 */
function rootsOf(text: string): string[] {
  return link(text).roots.map(({ assumed, bus, domain }) =>
    `${domain.toString(16)}:${bus.toString(16)}${assumed ? "?" : ""}`
  );
}

Deno.test("bus 0 of every domain is a root bus", () => {
  for (const domain of ["0000", "0001", "00ff", "10000"]) {
    const number = parseInt(domain, 16).toString(16);
    assertEquals(rootsOf(func(`${domain}:00:00.0`, DISK)), [`${number}:0`]);
    assertEquals(rootsOf(func(`${domain}:01:00.0`, DISK)), [`${number}:1?`]);
  }
});

Deno.test("a host bridge, and what only a root complex has, make a root bus (PCIe 7.5.3.2)", () => {
  const express = (kind: string) => `Capabilities: [40] Express (v2) ${kind}`;
  const isRoot = (at: string, ids: string, ...details: readonly string[]) =>
    link(func(at, ids, ...details)).roots.every(({ assumed }) => !assumed);
  assertEquals(isRoot("40:00.0", "0600: 8086:6f00"), true);
  for (
    const [kind, expected] of [
      ["Root Port", true],
      ["Root Complex Integrated Endpoint", true],
      ["Root Complex Event Collector", true],
      ["Endpoint", false],
      ["Legacy Endpoint", false],
      ["PCI-Express to PCI/PCI-X Bridge", false],
    ] as const
  ) assertEquals(isRoot("40:00.0", DISK, express(kind)), expected, kind);
  // The base classes of memory, bridges, system peripherals, processors and signal processing, all
  // of conventional PCI.
  const chipset = [0x05, 0x06, 0x08, 0x0b, 0x11];
  for (let base = 0; base <= 0x14; base++) {
    const ids = `${base.toString(16).padStart(2, "0")}80: 8086:6f00`;
    assertEquals(isRoot("40:01.0", ids), chipset.includes(base), ids);
    // Device 0 and functions with a link may also be below a bridge.
    assertEquals(isRoot("40:00.0", ids), false, ids);
    assertEquals(isRoot("40:01.0", ids, express("Endpoint")), false, ids);
  }
  // A path names all bridges above a function.
  assertEquals(rootsOf("40:01.0/41:00.0 0108: 144d:a822\n"), ["0:40"]);
});

Deno.test("between the buses of a bridge there is no root bus, whatever is on it", () => {
  const root = "0600: 8086:6f00";
  for (const domain of ["0000", "007f", "10000"]) {
    const below = (bus: string) =>
      rootsOf(bridge(`${domain}:00:01.0`, "02", "05") + func(`${domain}:${bus}:00.0`, root))[1];
    const number = parseInt(domain, 16).toString(16);
    assertEquals(["01", "03", "05", "06"].map(below), [
      `${number}:1`,
      `${number}:3?`,
      `${number}:5?`,
      `${number}:6`,
    ]);
    assertEquals(below("02"), undefined, "the bridge leads there");
  }
  // A bridge that leads to its own bus is not above that bus.
  assertEquals(rootsOf(func("05:00.0", root) + bridge("05:01.0", "05", "07")), ["0:5"]);
});

Deno.test("a bus that no bridge leads to is reported in full, at its first function", () => {
  const text = func("0001:00:00.0", "0600: 8086:6f00") + func("0001:0a:00.0", DISK) +
    func("0001:0a:00.1", DISK);
  assertEquals(link(text).findings, [{
    code: "E1013",
    severity: "warning",
    line: 4,
    message:
      "No bridge leads to bus 0001:0a, on which 0001:0a:00.0 is: what is above it is unknown",
    hint: "paste the whole output; a part of it may be missing",
  }]);
});

Deno.test("a bridge without a listed bus is an error only if a bus needs a bridge", () => {
  const silent = "00:01.0 PCI bridge: B\n\n";
  const codes = (text: string) => link(text).findings.map(({ code }) => code);
  assertEquals(codes(silent), ["E1011"]);
  assertEquals(link(silent).functions.length, 1);
  assertEquals(codes(silent + func("1a:00.0", DISK)), ["E1003"]);
  const { findings, functions, roots } = link(
    silent + func("10000:1a:00.0", DISK) + func("10000:2b:00.0", DISK),
  );
  assertEquals([functions, roots], [[], []]);
  assertEquals(findings, [{
    code: "E1003",
    severity: "error",
    line: 1,
    message: "The bus below bridge 0000:00:01.0 is unknown, " +
      "and bus 10000:1a must be below some bridge",
    hint: "add -vvv: `sudo lspci -D -nn -vvv`",
  }]);
});

Deno.test("a bridge that cannot lead where it says is reported in full, and nothing is below it", () => {
  const hint = "no functions are placed below it; the text may be damaged there";
  const wrong = (text: string) =>
    link(text).findings.filter(({ code }) => code === "E1014")
      .map(({ hint, line, message, severity }) => [severity, line, message, hint]);
  const twice = bridge("00:01.0", "0a", "0a") + bridge("00:02.0", "0a", "0a");
  assertEquals(wrong(twice), [[
    "warning",
    5,
    "Bridge 0000:00:02.0 leads to bus 0a, as 0000:00:01.0 does",
    hint,
  ]]);
  for (const bus of ["05", "04", "01"]) {
    assertEquals(wrong(bridge("05:01.0", bus, "1f")), [[
      "warning",
      1,
      `Bridge 0000:05:01.0 leads to bus ${bus}, which is not below its own`,
      hint,
    ]]);
  }
  // A bridge with secondary bus 0 is not configured. A bridge that leads to the next bus is
  // correct.
  for (const bus of ["00", "06"]) assertEquals(wrong(bridge("05:01.0", bus, "1f")), []);
});

Deno.test("a linked listing has its functions by address, and its roots by domain and bus", () => {
  const at = ["00:00.0", "00:01.0", "00:02.0", "01:00.0", "02:00.0", "02:00.1", "80:00.0"];
  const text = func(at[6]!, DISK) + func(at[5]!, DISK) + bridge(at[2]!, "02", "02") +
    func(at[3]!, DISK) + bridge(at[1]!, "01", "01") + func(at[4]!, DISK) + func(at[0]!, DISK);
  const { functions, roots } = link(text);
  assertEquals(functions.map(({ address }) => formatListedAddress(address).slice(5)), at);
  assertEquals(roots.map(({ bus }) => bus), [0, 0x80]);
  assertEquals(functions.map(({ children }) => children.length), [0, 1, 2, 0, 0, 0, 0]);
});
