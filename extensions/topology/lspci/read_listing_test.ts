import { assert, assertEquals } from "@std/assert";
import type { ListingCode } from "./finding.ts";
import { hex } from "./listed_function.ts";
import { MAX_TEXT_LENGTH, readListing } from "./read_listing.ts";

/** The code, line and message of each finding in a text. */
const findings = (text: string) =>
  readListing(text).findings.map(({ code, line, message }) => [code, line, message]);

Deno.test("one address with two identities is two machines, reported with both", () => {
  const line = (address: string, ids: string) =>
    `${address} Ethernet controller [0200]: X [${ids}]\n`;
  // A number below 1000h is printed with four digits.
  assertEquals(findings(line("3b:00.0", "0010:0002") + line("3b:00.0", "0010:0003")), [[
    "E1002",
    2,
    "0000:3b:00.0 is 0010:0003 here and 0010:0002 in line 1: these are two machines",
  ]]);
});

Deno.test("a class is known by its number, or else by its name", () => {
  const classOf = (text: string) =>
    readListing(`3b:00.0 "${text}" "Vendor [8086]" "Device [1234]"\n`).functions[0]!.classCode;
  assertEquals(classOf("Strange thing [0b40]"), 0x0b40);
  assertEquals(classOf("Strange thing"), null);
  assertEquals(classOf("Co-processor"), 0x0b40);
  // If the number and the name contradict each other, the number counts.
  assertEquals(classOf("Co-processor [0200]"), 0x0200);
});

Deno.test("a rejected text is reported in full: what it is, where, and what to do", () => {
  const VMM = "This is lspci -vmm, which prints neither buses nor capabilities";
  const wanted = "paste what `sudo lspci -D -nn -vvv` prints; `lspci -xxxx` does too";
  const refusals: readonly (readonly [
    text: string,
    code: ListingCode,
    line: number,
    message: string,
    hint: string,
  ])[] = [
    ["", "E1001", 1, "The text is empty", wanted],
    ["\n\nhello\n", "E1001", 3, "No line of this text is output of lspci", wanted],
    ["Device:\t00:00.0\n", "E1005", 1, VMM, wanted],
    ["Slot:\t00:00.0\nClass:\tHost bridge\n", "E1005", 1, VMM, wanted],
    [
      "00: 86 80 00 6f\n",
      "E1001",
      1,
      "Registers of no function: the lines that name the functions are missing",
      wanted,
    ],
    [
      "\n           \\-1f.0\n",
      "E1001",
      2,
      "No line of this tree can be read",
      wanted,
    ],
    [
      "x".repeat(MAX_TEXT_LENGTH + 1),
      "E1004",
      1,
      "The text has 33554433 characters; 33554432 are read at most",
      "leave out the parts that are no output of lspci",
    ],
  ];
  for (const [text, code, line, message, hint] of refusals) {
    const { findings, functions } = readListing(text);
    assertEquals(functions, []);
    assertEquals(findings, [{ code, severity: "error", line, message, hint }]);
  }
  assertEquals(findings("x".repeat(MAX_TEXT_LENGTH)), [[
    "E1001",
    1,
    "No line of this text is output of lspci",
  ]]);
});

Deno.test("4096 functions are read and no more, and each of them is mentioned 16 times on average", () => {
  const lines = Array.from({ length: 4097 }, (_, at) => {
    const place = `${hex(at >> 8, 2)}:${hex(at >> 3 & 31, 2)}.${at & 7}`;
    return `${place} 0600: 8086:1918\n`;
  });
  assertEquals(readListing(lines.slice(0, 4096).join("")).functions.length, 4096);
  const tooMany = readListing(lines.join(""));
  assertEquals(tooMany.functions, []);
  assertEquals(tooMany.findings, [{
    code: "E1004",
    severity: "error",
    line: 4097,
    message: "More than 4096 functions",
    hint: "leave out virtual functions, or import a part of the machine",
  }]);
  const mentioned = lines[0]!.repeat(16 * 4096);
  assertEquals(readListing(mentioned).functions.length, 1);
  assertEquals(findings(mentioned + lines[0]), [["E1004", 65_537, "More than 4096 functions"]]);
});

Deno.test("two machines differ in a vendor, a device, a class, or where a bridge leads", () => {
  const two = (one: string, other: string) => {
    const found = [one + other, other + one].map((text) => readListing(text).findings[0]!);
    assertEquals(found[0]!.code, found[1]!.code);
    return found[0]!.code === "E1002";
  };
  const line = (ids: string) => `3b:00.0 ${ids}\n`;
  const usual = line("0200: 8086:1533");
  for (const other of ["0200: 8087:1533", "0200: 8086:1534", "0201: 8086:1533"]) {
    assertEquals(two(usual, line(other)), true, other);
    // A device that does not answer may be any device.
    assertEquals(two(usual, line(`${other} (rev ff)`)), false, other);
  }
  const quoted = (vendor: string) => line(`"Ethernet controller" "A [${vendor}]" "B"`);
  assertEquals(findings(quoted("8086") + quoted("0087")), [[
    "E1002",
    2,
    "0000:3b:00.0 is 0087:???? here and 8086:???? in line 1: these are two machines",
  ]]);
  const path = (below: string) => `00:01.0/${below}:00.0 0108: 144d:a822\n`;
  assertEquals(two(path("01"), path("02")), true);
  const turned = readListing(path("1f") + path("01"));
  assertEquals(turned.functions, []);
  assertEquals(turned.findings, [{
    code: "E1002",
    severity: "error",
    line: 2,
    message: "0000:00:01.0 is a function (to bus 01) here and a function (to bus 1f) in line 1: " +
      "these are two machines",
    hint: "import each machine by itself",
  }]);
});

const ROOT = "00:00.0 0600: 8086:1918\n\tControl: Mem+\n\n";

Deno.test("what a text lacks is reported in full: what, where, and the repair", () => {
  const warnings = (text: string) => {
    const { findings, functions } = readListing(text);
    assert(functions.length > 0, text);
    return findings.map(({ code, hint, line, message, severity }) => {
      assertEquals(severity, "warning");
      return [code, line, message, hint];
    });
  };
  assertEquals(warnings(ROOT), []);
  assertEquals(warnings(`           \\-1f.0\n${ROOT}`), [[
    "E1012",
    1,
    "A line of the tree belongs to no bus above it",
    "paste the whole tree, with the blanks in front of its lines",
  ]]);
  assertEquals(warnings(`00: 86 80 18 19\n${ROOT}`), [[
    "E1012",
    1,
    "Registers of no function: the line that names it is missing",
    "paste the dump from the line above `00:` on",
  ]]);
  const cut = [
    "E1012",
    4,
    "The listing of 0000:00:1f.0 breaks off in its middle",
    "what follows there is unknown; paste the whole output",
  ];
  const unknown = (which: string, line = 4) => [
    "E1011",
    line,
    `Access control of ${which} is not listed: it is unknown, not off`,
    "run lspci -vvv with root rights (`sudo`)",
  ];
  const last = `${ROOT}00:1f.0 0601: 8086:a143\n`;
  assertEquals(warnings(`${last}00: 86 80 43 a1\n\n`), [cut, unknown("0000:00:1f.0")]);
  const begun = `${last}\tCapabilities: [40] Power Management\n`;
  assertEquals(warnings(begun.trimEnd()), [cut, unknown("0000:00:1f.0")]);
  assertEquals(warnings(`${begun}\n`), []);
  const header = Array.from(
    { length: 4 },
    (_, row) => `${row}0: ${row === 0 ? "86 80 43 a1" : "00 00 00 00"}${" 00".repeat(12)}\n`,
  ).join("");
  assertEquals(warnings((begun + header).trimEnd()), [], "a dump comes behind the last of them");
  assertEquals(warnings(`${last}\tCapabilities: <access denied>`), [unknown("0000:00:1f.0")]);
  const [cutLater] = warnings(
    `${ROOT}00:1e.0 0601: 8086:a142\n\tControl: Mem+\n\n` +
      begun.slice(ROOT.length).trimEnd(),
  );
  assertEquals(cutLater, ["E1012", 7, ...cut.slice(2)], "the last of three");
  const more = [1, 2].map((func) => `00:1f.${func} 0601: 8086:a143\n`);
  assertEquals(warnings(`${last}${more[0]}`), [unknown("0000:00:1f.0 and 1 other")]);
  assertEquals(warnings(`${last}${more.join("")}`), [unknown("0000:00:1f.0 and 2 others")]);
  const gone = (count: number) =>
    warnings(
      ROOT +
        [0, 1, 2].slice(0, count).map((func) =>
          `01:00.${func} 0302: 10de:15f8 (rev ff)\n\tControl: Mem+\n\n`
        ).join(""),
    );
  const asleep = "it may have fallen off the bus, or sleep in D3cold";
  assertEquals(gone(1), [["E1015", 4, "0000:01:00.0 does not answer (all ones)", asleep]]);
  assertEquals(gone(3), [[
    "E1015",
    4,
    "0000:01:00.0 and 2 others do not answer (all ones)",
    asleep,
  ]]);
});
