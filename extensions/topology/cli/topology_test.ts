import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  buildPciTree,
  findRoute,
  iommuGroups,
  type LabConfig,
  ORDINARY_CPU,
  type PciFunction,
} from "@dmalab/devices";
import { importMachine } from "../lspci/imported_machine.ts";
import { linkListing } from "../lspci/linked_listing.ts";
import { readListing } from "../lspci/read_listing.ts";
import { renderDiagnostics } from "@dmalab/lang/diagnostics";
import { LoadError } from "@dmalab/lang/syntax";
import { loadProgram, SourceFile } from "@dmalab/lang";
import { dmalab } from "@dmalab/tests";
import { Choices } from "@dmalab/hunt";
import { damageListing } from "@dmalab/tests/fuzz";
import { painter } from "@dmalab/lang/text";
import { dmaText, writtenFunctions } from "../dma_text.ts";
import { decode } from "./topology.ts";
import { matrixFunctions, matrixLines } from "../pair_matrix.ts";
import { treePicture } from "../tree_picture.ts";

const FOLDER = "extensions/topology/tests/lspci";
const MACHINES = [
  "full",
  "no_root",
  "hex_dump",
  "several_domains",
  "truncated",
  "german",
  "crlf_prompt",
  "concatenated",
  "cxl",
  "bifurcation",
  "arm_server",
  "pi_switch",
  "pci_bridge",
  "lost_switch",
];

/**
 * The matrix of pairs, row by row, for kinds of machines that occur in no other test. The listings
 * have the form of lspci's output. Some have the form of public reports: cxl
 * github.com/pmem/ndctl/issues/246, pi_switch github.com/raspberrypi/firmware/issues/1833,
 * pci_bridge lkml.indiana.edu/hypermail/linux/kernel/1302.0/01541.html.
 */
const KINDS: Readonly<Record<string, readonly string[]>> = {
  cxl: ["mem1 · 3x", "mem0 3x ·"],
  bifurcation: ["ssd0 · 4h 4h", "ssd1 4h · 4h", "ssd2 4h 4h ·"],
  arm_server: ["nic0 · 2x 4x", "nic1 2x · 4x", "ssd0 4x 4x ·"],
  pi_switch: ["acc0 · 4b", "ssd0 4b ·"],
  pci_bridge: ["snd0 · 2b? 5x", "nic0 2b? · 5x", "usb0 5x 5x ·"],
  lost_switch: ["ssd0 · 4x?", "gpu0 4x? ·"],
};

const topology = (...words: string[]) => dmalab("topology", ...words);
const fileOf = (name: string) => `${FOLDER}/${name}.txt`;
/** The output about two functions of a listing. */
const pair = (name: string, provider: string, client: string, ...more: string[]) =>
  topology(fileOf(name), "--provider", provider, "--client", client, ...more);

function imported(name: string) {
  return importMachine(linkListing(readListing(Deno.readTextFileSync(fileOf(name)))));
}

function loadConfig(text: string): LabConfig {
  const { program, diagnostics } = loadProgram(
    new SourceFile("imported.dma", `${text}test "x" { }\n`),
    {
      load: () => new LoadError("not_found", "there is nothing to use"),
    },
  );
  assertEquals(diagnostics.length, 0, renderDiagnostics(diagnostics));
  return program!.tests[0]!.config;
}

/** The distance and kind of every pair, and every group, by addresses. */
function factsOf(functions: readonly PciFunction[], cpu: typeof ORDINARY_CPU) {
  const ends = functions.filter(({ isBridge }) => !isBridge);
  return {
    functions: functions.map(({ address, role, acs }) =>
      `${address} ${role} ${acs.presence} ${[...acs.enabled]}`
    ),
    routes: ends.flatMap((provider) =>
      ends.map((client) => {
        const { distance, mapType } = findRoute(provider, client, cpu);
        return `${provider.address} ${client.address} ${distance} ${mapType}`;
      })
    ),
    groups: iommuGroups({ functions }).map((group) =>
      group.functions.map(({ address }) => `${address}`).join(" ")
    ),
  };
}

Deno.test("--as dma writes a machine that loads back to the same topology, all functions", () => {
  for (const name of MACHINES) {
    const machine = imported(name);
    const config = loadConfig(dmaText(machine, name, true));
    const tree = buildPciTree(config.pci);
    const cpu = machine.cpu ?? ORDINARY_CPU;
    assertEquals(config.cpu, cpu, name);
    assertEquals(factsOf(tree.functions, cpu), factsOf(machine.functions, cpu), name);
    assertEquals(
      tree.hostBridges.map(({ domain, rootBus, rootDevice }) => ({ domain, rootBus, rootDevice })),
      machine.hostBridges.map(({ domain, rootBus, rootDevice }) => ({
        domain,
        rootBus,
        rootDevice,
      })),
      name,
    );
  }
});

Deno.test("100 damaged listings are drawn, and written as what they were imported as", () =>
  holdDamaged(1, 100));
Deno.test("200 damaged listings more are drawn, and written as they were imported (long)", () =>
  holdDamaged(101, 300));

function holdDamaged(first: number, last: number): void {
  const originals = MACHINES.map((name) => Deno.readTextFileSync(fileOf(name)).slice(0, 12_000));
  let imported = 0;
  for (let seed = first; seed <= last; seed++) {
    const text = damageListing(originals[seed % originals.length]!, new Choices(seed));
    const listing = linkListing(readListing(text));
    if (listing.functions.length === 0) continue;
    imported++;
    const machine = importMachine(listing);
    const lines = [
      ...treePicture(machine, { columns: 80, all: seed % 2 === 0 }),
      ...matrixLines(machine, matrixFunctions(machine, true), 80, painter(false)),
    ];
    for (const line of lines) assert(line.length <= 80, `Seed ${seed}: ${line}`);
    const cpu = machine.cpu ?? ORDINARY_CPU;
    const tree = buildPciTree(loadConfig(dmaText(machine, "damaged", true)).pci);
    assertEquals(factsOf(tree.functions, cpu), factsOf(machine.functions, cpu), `Seed ${seed}`);
  }
  assert(imported > (last + 1 - first) / 2, `Only ${imported} were imported`);
}

Deno.test("functions that are alike are drawn as one, and asked about as one", async () => {
  const lines = [
    "00:00.0 0600: 8086:2020",
    "00:01.0 0604: 8086:2030",
    "\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0",
    "",
    "01:00.0 0200: 8086:1592",
  ];
  for (let func = 0; func < 64; func++) {
    lines.push(`01:${(func >> 3).toString(16).padStart(2, "0")}.${func & 7} 0200: 8086:1889`);
  }
  // The first of the 64 functions is the card itself, which is listed already.
  lines.splice(5, 1);
  using folder = new TempFolder();
  const path = folder.write("lines.txt", lines.join("\n"));
  const { output } = await topology(path);
  assertStringIncludes(output, "… 62 more like it, to 01:07.7 nic63");
  assertStringIncludes(output, "      nic0 nic1\n");
  const all = JSON.parse((await topology(path, "--all", "--json")).output);
  assertEquals([all.pairs.length, all.unpaired.length], [65 * 64, 0]);
});

Deno.test("--as dma without --all leaves out what no peer's route or group depends on", () => {
  for (const name of MACHINES) {
    const machine = imported(name);
    const written = writtenFunctions(machine, false);
    const kept = machine.functions.filter((func) => written.has(func));
    const tree = buildPciTree(loadConfig(dmaText(machine, name, false)).pci);
    const cpu = machine.cpu ?? ORDINARY_CPU;
    const before = factsOf(kept, cpu);
    assertEquals(factsOf(tree.functions, cpu), before, name);
    // All functions of a group were kept, or all were left out.
    const whole = factsOf(machine.functions, cpu).groups;
    for (const group of before.groups) assert(whole.includes(group), `${name}: ${group}`);
  }
});

Deno.test("what is written is a scenario that runs", async () => {
  const { code, output } = await topology(fileOf("full"), "--as", "dma");
  assertEquals(code, 0);
  using folder = new TempFolder();
  const path = folder.write(
    "server.dma",
    `${output}
test "refused, and why" {
  assert pci_p2pdma_map_type(gpu0, ssd0) == not_supported
  assert gpu0.address == "0000:05:00.0"
  let buf = alloc_pages(2)
  ssd0.read(lba: 0, into: buf)
}
`,
  );
  const ran = await dmalab("run", path);
  assertEquals(ran.code, 0, ran.output + ran.errors);
});

Deno.test("the picture has each function's place, BARs, access control and group", async () => {
  const { code, output, errors } = await topology(fileOf("full"));
  assertEquals([code, errors], [0, ""]);
  assertMatch(output, /03:10\.0 sw0p1 {2}downstream port +SV RR CR UF +33$/m);
  assertMatch(output, /05:00\.0 gpu0 {2}Tesla P100 PCIe 16GB +- +36$/m);
  assertStringIncludes(output, "BAR1 16GiB at 0x380_0000_0000");
  assertStringIncludes(output, "0000:00  host0  8086:6f00, not whitelisted");
  assertMatch(output, /for all 20 functions/);
});

Deno.test("pictures are at most 80 columns wide without a terminal", async () => {
  for (const name of MACHINES) {
    const { output } = await topology(fileOf(name), "--all");
    for (const line of output.split("\n")) assert(line.length <= 80, `${name}: ${line}`);
  }
});

Deno.test("the matrix has distance and kind of all pairs (p2p.md 9.4)", async () => {
  const { output } = await topology(fileOf("full"));
  assertStringIncludes(output, "      hba0 ssd0 gpu0 hca0 ssd1 ssd2 gpu1\n");
  assertStringIncludes(output, "gpu0    5x   4x    ·   4x   6x   6x   6x\n");
  const unknown = await topology(fileOf("no_root"));
  assertStringIncludes(unknown.output, "hca0    4h   4h    ·  2b?\n");
  const guest = await topology(fileOf("full"), "--cpu", "amd:0x19");
  assertStringIncludes(guest.output, "gpu0    5h   4h    ·   4h   6h   6h   6h\n");
});

Deno.test("a large matrix is cut into parts that fit", async () => {
  const lines = ["00:00.0 0600: 8086:6f00", ""];
  for (let index = 1; index < 25; index++) {
    const bus = index.toString(16).padStart(2, "0");
    lines.push(
      `00:${bus}.0 0604: 8086:6f02`,
      `\tBus: primary=00, secondary=${bus}, subordinate=${bus}, sec-latency=0`,
      "",
      `${bus}:00.0 0108: 144d:a822`,
      "",
    );
  }
  using folder = new TempFolder();
  const path = folder.write("lines.txt", lines.join("\n"));
  const { output } = await topology(path);
  const rows = output.split("\n").filter((line) => line.startsWith("ssd23 "));
  assertEquals(rows.length, 2);
  for (const line of output.split("\n")) assert(line.length <= 80, line);
});

Deno.test("a pair is explained hop by hop, with the smallest change and what it costs", async () => {
  const { code, output } = await pair("full", "05:00.0", "ssd0");
  assertEquals(code, 0);
  for (
    const line of [
      "   1 0000:03:10.0  sw0p1   downstream port                  ACS redirect (RR CR)",
      "   2 0000:02:00.0  sw0.up  upstream port         no ACS  ◄ closest common bridge",
      "distance 4: 2 steps up from gpu0, 2 from ssd0                            p2p.9.4",
      "host0: first device 8086:6f00: not whitelisted",
      "result: not_supported",
      "  pci=disable_acs_redir=0000:03:08.0;0000:03:10.0",
      "then bus_addr at distance 4, below sw0.up",
      "isolation cost: 4 IOMMU groups become 2",
      "  before  sw0p0 | sw0p1 | ssd0 | gpu0",
      "  after   sw0p0 ssd0 | sw0p1 gpu0",
      "gpu0 and ssd0 then reach each other without the IOMMU, whatever their groups",
    ]
  ) assertStringIncludes(output, `${line}\n`);
});

Deno.test("where no bridge is above both, no parameter helps, and that is said", async () => {
  const { output } = await pair("full", "gpu0", "82:00.0");
  assertStringIncludes(output, "no ACS setting changes this");
  assertStringIncludes(output, "move gpu1 below sw0 (at 0000:02:00.0): no port of it is free");
  assert(!output.includes("disable_acs_redir"));
});

Deno.test("a port that is free is named as the place to move to", async () => {
  const text = Deno.readTextFileSync(fileOf("full"));
  using folder = new TempFolder();
  // The network card is removed.
  const path = folder.write("lines.txt", text.replace(/0000:06:00\.0[^]*?\n\n/, ""));
  const { output } = await topology(path, "--provider", "gpu0", "--client", "ssd2");
  assertStringIncludes(
    output,
    "move ssd2 below sw0 (at 0000:02:00.0): sw0p2 (0000:03:11.0) is free\n",
  );
});

Deno.test("groups of several functions are printed with what joins them", async () => {
  const { output } = await topology(fileOf("full"));
  assertStringIncludes(
    output,
    "  chip1 hba0\n" +
      "    chip1 has no ACS: the functions of its device are not isolated\n" +
      "    hba0 has no ACS: the functions of its device are not isolated\n",
  );
  const guest = await topology(fileOf("crlf_prompt"));
  assertStringIncludes(
    guest.output,
    "    rp0 lacks SV RR CR UF: functions below it are not isolated\n",
  );
});

Deno.test("what is unknown is said with the answer", async () => {
  const { output } = await pair("no_root", "81:00.0", "81:00.1");
  assertStringIncludes(output, "result: bus_addr\nnot certain: ACS redirect of ");
});

Deno.test("--json has functions, groups and pairs", async () => {
  const { output } = await topology(fileOf("full"), "--json");
  const value = JSON.parse(output);
  assertEquals(value.functions.length, 20);
  assertEquals(value.pairs.length, 7 * 6);
  assertEquals(
    value.pairs.find((pair: { provider: string; client: string }) =>
      pair.provider === "0000:05:00.0" && pair.client === "0000:04:00.0"
    ),
    {
      provider: "0000:05:00.0",
      client: "0000:04:00.0",
      distance: 4,
      mapType: "not_supported",
      commonBridge: "0000:02:00.0",
      redirecting: ["0000:03:10.0", "0000:03:08.0"],
      hostBridgeCheck: "not_listed",
      doubts: [],
    },
  );
});

Deno.test("--json of a pair has the change, and what it costs", async () => {
  const { output } = await pair("full", "gpu0", "ssd0", "--json");
  const { change, distance } = JSON.parse(output);
  assertEquals(distance, 4);
  assertEquals(change.parameter, "pci=disable_acs_redir=0000:03:08.0;0000:03:10.0");
  assertEquals([change.groupsBefore.length, change.groupsAfter.length], [4, 2]);
  const apart = await pair("full", "gpu0", "gpu1", "--json");
  assertEquals(JSON.parse(apart.output).change, null);
});

Deno.test("text that is no listing exits with 2, a code, the line and a hint", async () => {
  const { code, output, errors } = await topology(fileOf("nonsense"));
  assertEquals([code, output], [2, ""]);
  assertStringIncludes(errors, "error[E1001]: no line of this text is output of lspci");
  assertStringIncludes(errors, "--> extensions/topology/tests/lspci/nonsense.txt:1:1");
  assertStringIncludes(errors, "= hint: paste what `sudo lspci -D -nn -vvv` prints");
});

Deno.test("mistakes on the command line are answered with what was meant", async () => {
  const full = fileOf("full");
  for (
    const [words, said] of [
      [["missing.txt"], 'Cannot read "missing.txt": there is no such file'],
      [[full, "--as", "yaml"], '--as takes "dma", not "yaml"'],
      [[full, "--provider", "gpu0"], "--provider and --client belong together"],
      [[full, "--provider", "gpo0", "--client", "ssd0"], 'did you mean "gpu0"?'],
      [[full, "--provider", "gpu0", "--client", "09:00.0"], 'There is no function "09:00.0"'],
      [[full, "--cpu", "zen"], '"zen" is not a CPU: write vendor:family'],
      [[full, "--as", "dma", "--json"], "--as dma cannot be combined with other options"],
    ] as const
  ) {
    const { code, output, errors } = await topology(...words);
    assertEquals([code, output], [2, ""], said);
    assertStringIncludes(errors, said);
  }
});

Deno.test("a short address means domain 0 when several domains have it", async () => {
  const { output } = await pair("several_domains", "17:00.0", "10000:82:00.0");
  assertStringIncludes(output, "10000:80       host3  host bridge");
});

Deno.test("text saved as UTF-16 or Latin-1 is read too", () => {
  const text = "00:00.0 Host-Brücke [0600]: Größe [8086:6f00]\n";
  const utf16 = new Uint8Array(2 + 2 * text.length);
  new DataView(utf16.buffer).setUint16(0, 0xfeff, true);
  for (let index = 0; index < text.length; index++) {
    new DataView(utf16.buffer).setUint16(2 + 2 * index, text.charCodeAt(index), true);
  }
  assertEquals(decode(utf16), text);
  assertEquals(decode(Uint8Array.from(text, (character) => character.charCodeAt(0))), text);
  assertEquals(decode(new TextEncoder().encode(text)), text);
});

Deno.test("the machine of examples/p2p/03-acs-fix.dma is the one that its data imports as", () => {
  const source = "examples/traces/data/gpu-server.lspci.txt";
  const listing = linkListing(readListing(Deno.readTextFileSync(source)));
  assertEquals(listing.findings, []);
  const written = dmaText(importMachine(listing), source, false);
  assertStringIncludes(Deno.readTextFileSync("examples/p2p/03-acs-fix.dma"), written);
});

Deno.test("CXL, bifurcated slots, Arm servers, small switches, bridges to PCI: each pair has its answer", () => {
  for (const [name, rows] of Object.entries(KINDS)) {
    const machine = imported(name);
    const lines = matrixLines(machine, matrixFunctions(machine, false), 80, painter(false));
    const found = lines.slice(1, 1 + rows.length).map((line) => line.trim().replaceAll(/ +/g, " "));
    assertEquals(found, rows, name);
  }
});

Deno.test("what rests on a bridge that the text has not carries its question mark, and no advice", async () => {
  const { output } = await topology(fileOf("lost_switch"));
  assertMatch(output, /03:08\.0 rp1 {2}downstream port .* 2\?\n/);
  assertMatch(output, /04:00\.0 ssd0 .* 2\?\n/);
  assertStringIncludes(output, "what is above bus 0000:03 is not in the text");
  const asked = await pair("lost_switch", "gpu0", "ssd0");
  assertStringIncludes(asked.output, "not certain: what is above bus 0000:03 is not in the text");
  assert(!asked.output.includes("no ACS setting changes this"));
});
