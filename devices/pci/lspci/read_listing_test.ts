import { assertEquals } from "@std/assert";
import { MAX_TEXT_LENGTH, readListing } from "./read_listing.ts";

/** Code, line and words of what is wrong with a text. */
const findings = (text: string) =>
  readListing(text).findings.map(({ code, line, message }) => [code, line, message]);

Deno.test("a text that is too long is not read", () => {
  const long = readListing("x".repeat(MAX_TEXT_LENGTH + 1));
  assertEquals([long.functions, long.findings.length], [[], 1]);
  assertEquals(
    long.findings[0]!.message,
    "The text has 33554433 characters; 33554432 are read at most",
  );
});

Deno.test("one address with two identities is two machines, told with both", () => {
  const line = (address: string, ids: string) =>
    `${address} Ethernet controller [0200]: X [${ids}]\n`;
  assertEquals(findings(line("3b:00.0", "8086:1533") + line("3b:00.0", "15b3:1017")), [[
    "E1002",
    2,
    "0000:3b:00.0 is 15b3:1017 here and 8086:1533 in line 1: these are two machines",
  ]]);
  // A number that is smaller than four digits is told with all of them.
  assertEquals(findings(line("3b:00.0", "0010:0002") + line("3b:00.0", "0010:0003")), [[
    "E1002",
    2,
    "0000:3b:00.0 is 0010:0003 here and 0010:0002 in line 1: these are two machines",
  ]]);
  assertEquals(
    readListing(line("3b:00.0", "8086:1533") + line("3b:00.0", "8086:1533")).functions.length,
    1,
  );
});

Deno.test("a class is known by its number, or else by its name", () => {
  const classOf = (text: string) =>
    readListing(`3b:00.0 "${text}" "Vendor [8086]" "Device [1234]"\n`).functions[0]!.classCode;
  assertEquals(classOf("Strange thing [0b40]"), 0x0b40);
  assertEquals(classOf("Strange thing"), null);
  assertEquals(classOf("Co-processor"), 0x0b40);
  // The number counts, whatever the name says.
  assertEquals(classOf("Co-processor [0200]"), 0x0200);
});

Deno.test("what is no listing says what it is instead", () => {
  assertEquals(findings(""), [["E1001", 1, "The text is empty"]]);
  assertEquals(findings("Slot:\t00:00.0\nClass:\tHost bridge\n"), [[
    "E1005",
    1,
    "This is lspci -vmm, which tells neither buses nor capabilities",
  ]]);
  assertEquals(findings("good morning\n"), [[
    "E1001",
    1,
    "No line of this text is output of lspci",
  ]]);
});
