/**
 * Texts of `lspci` as people paste them. Each text is imported, or refused with a message that
 * helps.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { type LinkedFunction, type LinkedListing, linkListing } from "../lspci/linked_listing.ts";
import { formatListedAddress, hex } from "../lspci/listed_function.ts";
import { readListing } from "../lspci/read_listing.ts";
import { Choices } from "@dmalab/hunt";
import { damageListing } from "@dmalab/tests/fuzz";
import { filesBelow, ROOT } from "@dmalab/tests";

const FOLDER = join(ROOT, "extensions/topology/tests/lspci");

function textOf(name: string): string {
  return Deno.readTextFileSync(join(FOLDER, `${name}.txt`));
}

function importText(text: string): LinkedListing {
  return linkListing(readListing(text));
}

function importFile(name: string): LinkedListing {
  return importText(textOf(name));
}

function find(listing: LinkedListing, address: string): LinkedFunction {
  const found = listing.functions.find((each) => formatListedAddress(each.address) === address);
  assert(found !== undefined, `${address} is missing`);
  return found;
}

/** The tree of functions, as `3a:00.0(3b:00.0(…))`. */
function shape(functions: readonly LinkedFunction[]): string {
  return functions.map(({ address, children }) => {
    const place = `${hex(address.bus, 2)}:${hex(address.device, 2)}.${address.func}`;
    return children.length === 0 ? place : `${place}(${shape(children)})`;
  }).join(" ");
}

function codes(listing: LinkedListing): string[] {
  return listing.findings.map(({ code }) => code);
}

function rootsOf(listing: LinkedListing): string[] {
  return listing.roots.map(({ domain, bus }) => `${hex(domain, 4)}:${hex(bus, 2)}`);
}

const SERVER_BELOW_ROOT_2 = "02:00.0(03:08.0(04:00.0) 03:10.0(05:00.0) 03:11.0(06:00.0))";

Deno.test("full: a server of two sockets, each function with BARs, services and group", () => {
  const server = importFile("full");
  assertEquals(codes(server), []);
  assertEquals(rootsOf(server), ["0000:00", "0000:80"]);
  assertEquals(server.functions.length, 20);
  assertEquals(shape(find(server, "0000:00:02.0").children), SERVER_BELOW_ROOT_2);
  const port = find(server, "0000:03:10.0");
  assertEquals(port.portType, "downstream_port");
  assertEquals([...port.acs.enabled!], [
    "source_validation",
    "request_redirect",
    "completion_redirect",
    "upstream_forwarding",
  ]);
  assertEquals(find(server, "0000:02:00.0").acs.state, "absent");
  const gpu = find(server, "0000:05:00.0");
  assertEquals(gpu.bars.map(({ index, sizeBytes }) => [index, sizeBytes]), [
    [0, 16 * 2 ** 20],
    [1, 16 * 2 ** 30],
    [3, 32 * 2 ** 20],
  ]);
  assertEquals([gpu.bars[1]!.base, gpu.iommuGroup, gpu.numaNode], [0x380_0000_0000, 36, 0]);
  // The BAR of virtual functions is not a BAR of the function itself.
  assertEquals(find(server, "0000:06:00.0").bars.length, 1);
});

Deno.test("a region behind one of 64 bits is its upper half, and no BAR", () => {
  const listing = importText([
    "0000:05:00.0 3D controller [0302]: NVIDIA Corporation GA100GL [10de:20b5]",
    "\tRegion 0: Memory at c4000000 (32-bit, non-prefetchable)",
    "\tRegion 1: Memory at 390000000000 (64-bit, prefetchable)",
    "\tRegion 2: Memory at <unassigned> (32-bit, non-prefetchable)",
    "\tRegion 3: Memory at 391000000000 (64-bit, prefetchable)",
    "\tRegion 5: I/O ports at 3000",
  ].join("\n"));
  const { bars } = find(listing, "0000:05:00.0");
  assertEquals(bars.map(({ index }) => index), [0, 1, 3, 5]);
});

Deno.test("without root rights: what was denied is unknown, and said so once", () => {
  const epyc = importFile("no_root");
  assertEquals(codes(epyc), ["E1011"]);
  assertEquals(rootsOf(epyc), ["0000:00", "0000:40", "0000:80"]);
  assertEquals(find(epyc, "0000:40:01.1").acs.state, "unknown");
  assertEquals(shape(find(epyc, "0000:80:01.1").children), "81:00.0 81:00.1");
  assertEquals(find(epyc, "0000:41:00.0").bars[1]!.sizeBytes, 64 * 2 ** 30);
});

Deno.test("hex dump: everything comes from the registers", () => {
  const desk = importFile("hex_dump");
  assertEquals(codes(desk), []);
  assertEquals(
    shape(desk.roots[0]!.functions),
    "00:00.0 00:01.0(01:00.0 01:00.1) 00:06.0(02:00.0) 00:1f.0",
  );
  const port = find(desk, "0000:00:01.0");
  assertEquals([port.vendor, port.device, port.portType], [0x8086, 0x460d, "root_port"]);
  assert(port.acs.enabled!.has("request_redirect"));
  assert(!port.acs.enabled!.has("egress_control"));
  const gpu = find(desk, "0000:01:00.0");
  assertEquals(gpu.bars.map(({ base, sizeBytes }) => [base, sizeBytes]), [
    [0x60_0000_0000, 16 * 2 ** 30],
    [0x64_0000_0000, 256 * 2 ** 20],
    [0x3000, null],
    [0x4100_0000, null],
  ]);
});

Deno.test("several domains: a bus number may occur in each", () => {
  const server = importFile("several_domains");
  assertEquals(codes(server), []);
  assertEquals(rootsOf(server), ["0000:00", "0000:16", "0000:64", "10000:80"]);
  assertEquals(find(server, "10000:82:00.0").bars[0]!.base, 0xd011_0000);
});

Deno.test("truncated: what is there is imported, and where it breaks off is said", () => {
  const server = importFile("truncated");
  assertEquals(codes(server), ["E1012", "E1011"]);
  const [cut] = server.findings;
  assertStringIncludes(cut!.message, "0000:05:00.0 breaks off");
  assertStringIncludes(textOf("truncated").split("\n")[cut!.line - 1]!, "Tesla P100");
  assertEquals(find(server, "0000:05:00.0").acs.state, "unknown");
  assertEquals(find(server, "0000:03:10.0").acs.state, "present");
});

Deno.test("German: numbers and shapes tell what words do in English", () => {
  const laptop = importFile("german");
  assertEquals(codes(laptop), []);
  assertEquals(
    shape(laptop.roots[0]!.functions),
    "00:00.0 00:02.0 00:06.0(01:00.0) 00:07.0 00:1c.0(2c:00.0)",
  );
  const gpu = find(laptop, "0000:00:02.0");
  assertEquals(gpu.bars.map(({ space, sizeBytes }) => [space, sizeBytes]), [
    ["memory", 16 * 2 ** 20],
    ["memory", 256 * 2 ** 20],
    ["io", 64],
  ]);
  assertEquals([gpu.iommuGroup, find(laptop, "0000:01:00.0").numaNode], [1, 0]);
  assertEquals(find(laptop, "0000:00:07.0").buses?.subordinate, 0x2b);
});

Deno.test("CRLF, a coloured prompt and quote marks do no harm", () => {
  const guest = importFile("crlf_prompt");
  assertEquals(codes(guest), []);
  assertEquals(
    shape(guest.roots[0]!.functions),
    "00:00.0 00:01.0 00:02.0(01:00.0) 00:02.1(02:00.0) 00:1f.0",
  );
  const port = find(guest, "0000:00:02.0");
  assertEquals([port.acs.state, port.acs.enabled!.size, port.acs.capable!.size], ["present", 0, 5]);
});

Deno.test("concatenated: a plain list, the paths and lscpu make one machine", () => {
  const epyc = importFile("concatenated");
  assertEquals(codes(epyc), ["E1011"]);
  assertEquals(epyc.functions.length, importFile("no_root").functions.length);
  assertEquals(shape(find(epyc, "0000:40:01.1").children), "41:00.0");
  assertEquals(find(epyc, "0000:41:00.0").device, 0x20f1);
  assertEquals(epyc.cpu, { vendor: "amd", family: 25 });
});

Deno.test("lspci -PP tells the tree by itself", () => {
  const machine = importText(
    "00:00.0 Host bridge: Intel Corporation DMI2\n00:01.0 PCI bridge: Intel Corporation Port\n" +
      "00:01.0/01:00.0 PCI bridge: PLX PEX 8747\n00:01.0/01:00.0/02:08.0 PCI bridge: PLX\n" +
      "00:01.0/01:00.0/02:08.0/03:00.0 Non-Volatile memory controller: Samsung\n",
  );
  assertEquals(shape(machine.roots[0]!.functions), "00:00.0 00:01.0(01:00.0(02:08.0(03:00.0)))");
});

Deno.test("bridges that contradict each other cost what is below them, not the rest", () => {
  const bridge = (at: string, buses: string) =>
    `00:${at} 0604: 8086:1901\n\tBus: primary=00, ${buses}, sec-latency=0\n\n`;
  const text = "00:00.0 0600: 8086:1918\n\n" +
    bridge("01.0", "secondary=01, subordinate=01") +
    bridge("02.0", "secondary=01, subordinate=01") +
    bridge("03.0", "secondary=00, subordinate=00") +
    "01:00.0 0108: 144d:a808\n";
  const machine = importText(text);
  assertEquals(codes(machine).filter((code) => code === "E1014"), ["E1014"]);
  assertEquals(shape(machine.roots[0]!.functions), "00:00.0 00:01.0(01:00.0) 00:02.0 00:03.0");
});

Deno.test("a part of a machine is imported, and the bridge that is missing is named", () => {
  const machine = importText(
    "00:00.0 0600: 8086:1918\n\n05:00.0 0108: 144d:a808\n\tFlags: bus master, NUMA node 0\n\n",
  );
  assertEquals(codes(machine), ["E1011", "E1013"]);
  assertEquals(machine.roots.map(({ bus, assumed }) => [bus, assumed]), [[0, false], [5, true]]);
});

Deno.test("1000 damaged texts are imported or refused: none throws, none loses its way", () =>
  holdDamaged(1, 1000));
Deno.test("3000 damaged texts more are imported or refused (long)", () => holdDamaged(1001, 4000));

function holdDamaged(first: number, last: number): void {
  const originals = filesBelow(FOLDER).map((path) => Deno.readTextFileSync(path))
    // The dump is long and uniform: its beginning is enough.
    .map((text) => text.slice(0, 20_000));
  assertEquals(originals.length, 25);
  let imported = 0;
  for (let seed = first; seed <= last; seed++) {
    const choices = new Choices(seed);
    const text = damageListing(originals[seed % originals.length]!, choices);
    try {
      const listing = importText(text);
      const errors = listing.findings.filter(({ severity }) => severity === "error");
      assertEquals(errors.length > 0, listing.functions.length === 0);
      const lines = text.split("\n").length;
      for (const { line, message } of listing.findings) {
        assert(line >= 1 && line <= lines && message !== "");
      }
      assertEquals(countBelow(listing.roots.flatMap(({ functions }) => functions)), {
        functions: listing.functions.length,
        twice: 0,
      });
      if (errors.length === 0) imported++;
    } catch (error) {
      throw new Error(`Seed ${seed}: ${error}`, { cause: error });
    }
  }
  assert(imported > (last + 1 - first) / 2, `Only ${imported} were imported`);
}

/** Counts the functions in the tree, and the ones that are in several places. */
function countBelow(roots: readonly LinkedFunction[]): { functions: number; twice: number } {
  const seen = new Set<string>();
  let twice = 0;
  const visit = (each: LinkedFunction) => {
    const key = formatListedAddress(each.address);
    if (seen.has(key)) twice++;
    seen.add(key);
    each.children.forEach(visit);
  };
  roots.forEach(visit);
  return { functions: seen.size, twice };
}

Deno.test("long lines without sense take time in proportion to their length", () => {
  for (
    const piece of ["> ", "-+", "[00", "Region 0: Memory at ", "a: b=00, ", "\x1b]", " | ", "IOMMU"]
  ) {
    const text = `00:00.0 0600: 8086:1918\n${piece.repeat(200_000)}\n`.repeat(3);
    const listing = importText(text);
    assertEquals(listing.functions.length, 1, piece);
  }
});
