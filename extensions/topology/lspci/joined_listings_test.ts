/**
 * A function's facts from several listings of one machine are joined. The order of the listings
 * does not matter.
 */
import { assertEquals } from "@std/assert";
import type { ListedFunction } from "./listed_function.ts";
import { readListing } from "./read_listing.ts";

const HEADER = "02:00.0 Ethernet controller [0200]: Maker Model [8086:1533]\n";
const BARE = "02:00.0\n";

function onlyOne(text: string): ListedFunction {
  const { findings, functions } = readListing(text);
  const errors = findings.filter(({ severity }) => severity === "error");
  assertEquals([errors, functions.length], [[], 1], text);
  return functions[0]!;
}

/**
 * A function in a form that can be compared: without its line number, and with lists in place of
 * sets.
 */
function listed(text: string): unknown {
  const { acs, line: _, ...rest } = onlyOne(text);
  return {
    ...rest,
    acs: {
      state: acs.state,
      capable: acs.capable && [...acs.capable],
      enabled: acs.enabled && [...acs.enabled],
    },
  };
}

/** 256 bytes of a conventional PCI function, which cannot have access control. */
const DUMP = Array.from({ length: 16 }, (_, row) => {
  const bytes = row === 0 ? [0x86, 0x80, 0x33, 0x15, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0] : [];
  const hex = Array.from({ length: 16 }, (_, at) => (bytes[at] ?? 0).toString(16).padStart(2, "0"));
  return `${row.toString(16)}0: ${hex.join(" ")}\n`;
}).join("");

/** Lines that each give a different fact. */
const PARTS: Readonly<Record<string, string>> = {
  bars: "\tRegion 0: Memory at f7d00000 (32-bit, non-prefetchable) [size=512K]\n",
  "several bars": "\tRegion 0: Memory at f7d00000 (64-bit, prefetchable) [size=512K]\n" +
    "\tRegion 2: I/O ports at e000 [size=32]\n",
  group: "\tIOMMU group: 17\n",
  node: "\tNUMA node: 3\n",
  driver: "\tKernel driver in use: igb\n",
  "access control": "\tCapabilities: [110 v1] Access Control Services\n" +
    "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl+ DirectTrans+\n" +
    "\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans-\n",
  buses: "\tBus: primary=02, secondary=03, subordinate=04, sec-latency=0\n",
  window: "\tMemory behind bridge: f7d00000-f7dfffff\n",
  "that it does not answer": "\t!!! Unknown header type 7f\n",
  "kind of port": "\tCapabilities: [40] Express (v2) Endpoint, IntMsgNum 0\n",
  registers: DUMP,
};

for (const [what, lines] of Object.entries(PARTS)) {
  Deno.test(`${what}: listed in one of two listings is known, in the first or the second`, () => {
    const alone = listed(HEADER + lines);
    assertEquals(listed(`${HEADER}${lines}\n${HEADER}`), alone);
    assertEquals(listed(`${HEADER}\n${HEADER}${lines}`), alone);
    assertEquals(listed(`${HEADER}${lines}\n${HEADER}${lines}`), alone);
  });
}

Deno.test("two listings that tell different things are one that tells both", () => {
  const names = Object.keys(PARTS).filter((name) => name !== "bars" && name !== "registers");
  for (const [place, one] of names.entries()) {
    for (const other of names.slice(place + 1)) {
      const [first, second] = [`${HEADER}${PARTS[one]}`, `${HEADER}${PARTS[other]}`];
      const both = listed(`${HEADER}${PARTS[one]}${PARTS[other]}`);
      assertEquals(listed(`${first}\n${second}`), both, `${one}, then ${other}`);
      assertEquals(listed(`${second}\n${first}`), both, `${other}, then ${one}`);
    }
  }
});

Deno.test("a header without numbers takes those of the other listing", () => {
  const words = "02:00.0 Ethernet controller: Maker Model\n";
  const whole = onlyOne(HEADER);
  for (const text of [`${words}\n${HEADER}`, `${HEADER}\n${words}`]) {
    const { classCode, device, name, vendor } = onlyOne(text);
    assertEquals([classCode, device, vendor], [0x0200, 0x1533, 0x8086]);
    assertEquals(name, whole.name);
  }
});

Deno.test("each BAR takes the address or the size that it lacks, from a BAR of its number and space", () => {
  const bars = (...lines: readonly string[]) =>
    onlyOne(lines.map((each) => `${HEADER}${each}\n`).join("\n")).bars
      .map(({ base, index, sizeBytes, space }) => [index, space, base, sizeBytes]);
  const address = "\tRegion 0: Memory at f7d00000 (32-bit, non-prefetchable)";
  const size = "\tRegion 0: Memory at <unassigned> (32-bit, non-prefetchable) [size=512K]";
  const ports = "\tRegion 0: I/O ports at e000 [size=32]";
  const second = "\tRegion 1: Memory at f7e00000 (32-bit, non-prefetchable) [size=4K]";
  assertEquals(bars(address), [[0, "memory", 0xf7d0_0000, null]]);
  assertEquals(bars(address, size), [[0, "memory", 0xf7d0_0000, 524_288]]);
  assertEquals(bars(size, address), [[0, "memory", 0xf7d0_0000, 524_288]]);
  // The first value is kept, and a BAR of another kind adds nothing to it.
  assertEquals(bars(address, ports), [[0, "memory", 0xf7d0_0000, null]]);
  assertEquals(bars(ports, size), [[0, "io", 0xe000, 32]]);
  assertEquals(bars(address, second), [[0, "memory", 0xf7d0_0000, null]]);
  assertEquals(bars(second, address), [[1, "memory", 0xf7e0_0000, 4096]]);
});

Deno.test("a function has six BARs: lines about more are dropped", () => {
  const region = "\tRegion 0: Memory at f7d00000 (32-bit, non-prefetchable) [size=4K]\n";
  assertEquals(onlyOne(HEADER + region.repeat(5)).bars.length, 5);
  assertEquals(onlyOne(HEADER + region.repeat(6)).bars.length, 6);
  assertEquals(onlyOne(HEADER + region.repeat(7)).bars.length, 6);
  // Without numbers, each 64-bit BAR takes two indexes.
  const wide = "\tMemory at f7d00000 (64-bit, non-prefetchable) [size=4K]\n";
  assertEquals(onlyOne(HEADER + wide.repeat(4)).bars.map(({ index }) => index), [0, 2, 4]);
});

Deno.test("numbers of a header that was wrapped stand in its next line", () => {
  const { device, vendor } = onlyOne(
    "02:00.0 Ethernet controller [0200]: Maker\nModel [8086:1533]\n",
  );
  assertEquals([vendor, device], [0x8086, 0x1533]);
  // After the first detail, numbers in brackets belong to something else.
  for (const detail of ["Control: I/O- Mem+ BusMaster+", "Capabilities:", "Flags: fast devsel"]) {
    const late = onlyOne(
      `02:00.0 Ethernet controller [0200]: Maker\n\t${detail}\nModel [8086:1533]\n`,
    );
    assertEquals([late.vendor, late.device], [null, null], detail);
  }
});

Deno.test("details of one function are not taken for those of the next", () => {
  const cut = "\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+\n";
  const next = HEADER.replace("02:00.0", "03:00.0");
  const text = `${HEADER}${PARTS["access control"]!.split("\n")[0]}\n${cut}${next}` +
    "\tCmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n";
  const acsOf = (listing: string) =>
    readListing(listing).functions.map(({ acs }) => [acs.state, acs.enabled]);
  assertEquals(acsOf(text), [["present", null], ["unknown", null]]);
  const named = `${text}\tCapabilities: [110 v1] Access Control Services\n`;
  assertEquals(acsOf(named), [["present", null], ["present", null]]);
});

Deno.test("an address alone is no function", () => {
  assertEquals(readListing(BARE).functions.length, 0);
});

Deno.test("that there is no access control is known only where all capabilities were to be seen", () => {
  const state = (...listings: readonly string[]) =>
    onlyOne(listings.map((each) => `${HEADER}${each}\n`).join("")).acs.state;
  const denied = "\tCapabilities: <access denied>\n";
  const promised = "\tControl: I/O- Mem+ BusMaster+\n\tStatus: Cap+ 66MHz- UDF-\n";
  const plain = "\tControl: I/O- Mem+ BusMaster+\n\tStatus: Cap- 66MHz- UDF-\n";
  const some = "\tCapabilities: [40] Power Management version 3\n";
  // The listing alone, and together with one that adds no facts.
  for (
    const [listing, expected] of [
      ["", "unknown"],
      [denied, "unknown"],
      [promised, "unknown"],
      [promised + denied, "unknown"],
      ["\tControl: I/O- Mem+ BusMaster+\n\tCapabilities: \n", "unknown"],
      [PARTS.driver!, "unknown"],
      [plain, "absent"],
      [some, "absent"],
      [promised + some, "absent"],
    ] as const
  ) {
    assertEquals(state(listing), expected, listing);
    assertEquals(state(listing, ""), expected, `${listing} first`);
    assertEquals(state("", listing), expected, `${listing} second`);
    assertEquals(state(listing, listing), expected, `${listing} twice`);
  }
  // A fact that one listing lacks comes from the other one, in whatever order they come.
  for (
    const [one, other] of [[denied, some], [promised, some], [promised + denied, promised + some]]
  ) {
    assertEquals([state(one!, other!), state(other!, one!)], ["absent", "absent"]);
  }
  for (
    const [one, other] of [[denied, promised], [denied, denied], [promised, promised + denied]]
  ) {
    assertEquals([state(one!, other!), state(other!, one!)], ["unknown", "unknown"]);
  }
});

Deno.test("a dump ends with a header, one of CardBus, conventional or extended space; any other is cut off", () => {
  const dump = (bytes: number) =>
    Array.from({ length: bytes / 16 }, (_, row) => {
      const first = row === 0 ? "86 80 33 15" : "00 00 00 00";
      return `${(16 * row).toString(16).padStart(2, "0")}: ${first}${" 00".repeat(12)}\n`;
    }).join("");
  const cut = (bytes: number) =>
    readListing(HEADER + dump(bytes)).findings.some(({ message }) =>
      message === "The listing of 0000:02:00.0 breaks off in its middle"
    );
  for (let bytes = 16; bytes <= 4096; bytes += bytes < 512 ? 16 : 256) {
    assertEquals(cut(bytes), ![64, 128, 256, 4096].includes(bytes), `${bytes} bytes`);
  }
});

Deno.test("(rev ff) in one of two listings is a function that does not answer", () => {
  const gone = HEADER.replace("\n", " (rev ff)\n");
  assertEquals([onlyOne(HEADER).gone, onlyOne(gone).gone], [false, true]);
  for (const text of [`${gone}\n${HEADER}`, `${HEADER}\n${gone}`]) {
    assertEquals(onlyOne(text).gone, true);
  }
});

Deno.test("what follows one of two listings closes the function: nothing was cut off", () => {
  const plain = "\tControl: I/O- Mem+ BusMaster+\n\tStatus: Cap- 66MHz- UDF-\n";
  const state = (text: string) => onlyOne(text).acs.state;
  assertEquals(state(`${HEADER}${plain.trimEnd()}`), "unknown", "the text may be cut");
  assertEquals(state(`${HEADER}${plain}\n`), "absent");
  assertEquals(state(`${HEADER}${plain}${HEADER}${plain}\n`), "absent");
  assertEquals(state(`${HEADER}${plain}\tKernel modules: igb`), "absent");
});

for (
  const [what, line] of [
    ["a command", "lspci -t"],
    ["a prompt", "[root@host ~]# cat notes"],
    ["a fence", "```"],
    ["a tree", "-[0000:05]---00.0"],
  ] as const
) {
  Deno.test(`details behind ${what} are of no function above it`, () => {
    const { functions } = readListing(`${HEADER}${line}\n\tIOMMU group: 5\n`);
    const [first] = functions;
    assertEquals([first!.vendor, first!.iommuGroup], [0x8086, null]);
    const { iommuGroup } = onlyOne(`${HEADER}\tIOMMU group: 5\n${line.replace(/^-.*/, "")}\n`);
    assertEquals(iommuGroup, 5);
  });
}

Deno.test("a dump's bytes stand where its lines say, up to the first line that is missing", () => {
  const lines = DUMP.split("\n");
  const identity = (...rows: readonly string[]) => {
    const { acs, device, vendor } = onlyOne(
      `02:00.0 Ethernet controller: Maker Model\n${rows.join("\n")}\n\n`,
    );
    return [vendor, device, acs.state];
  };
  assertEquals(identity(...lines), [0x8086, 0x1533, "absent"]);
  assertEquals(identity(...lines.slice(0, 4)), [0x8086, 0x1533, "unknown"]);
  assertEquals(identity(...lines.slice(0, 3)), [null, null, "unknown"]);
  // Without the fourth line, and then without the first one.
  assertEquals(identity(...lines.slice(0, 3), ...lines.slice(4)), [null, null, "unknown"]);
  assertEquals(identity(...lines.slice(1)), [null, null, "unknown"]);
  // The class is in the first twelve bytes of the line. The offset at the beginning of a line
  // decides where the line's bytes belong.
  assertEquals(identity(lines[0]!, lines[0]!.replace("86 80", "00 00"), ...lines.slice(1)), [
    0x8086,
    0x1533,
    "absent",
  ]);
});
