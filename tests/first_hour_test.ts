/**
 * Commands that newcomers try in the first hour. Each command gives an answer, or an error that names the
 * correct command.
 */
import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { loadText } from "@dmalab/lang";
import { dmalab } from "./dmalab_program.ts";

const LOG = [
  "[    5.123456] DMAR: DRHD: handling fault status reg 2",
  "[    5.123500] DMAR: [DMA Read NO_PASID] Request device [03:00.0] fault addr 0xffffe000 " +
  "[fault reason 0x06] PTE Read access is not set",
  "",
].join("\n");
/** The device maps the page, unmaps it, and then faults on it. */
const TRACE = [
  "# tracer: nop",
  "#",
  "    insmod-91      [000] .....     5.100000: dma_map_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=ffffe000 size=4096 phys_addr=100000 attrs=",
  "    insmod-91      [000] .....     5.110000: dma_unmap_phys: 0000:03:00.0 dir=TO_DEVICE dma_addr=ffffe000 size=4096 attrs=",
  "",
].join("\n");
const SCENARIO = 'test "holds" { assert 1 + 1 == 2 }\n';

Deno.test("explain takes the name of a file for the file, and not for a field of that name", async () => {
  // Each of these names ends like the name of a field or of a function.
  const names = ["k.log", "machine.log", "ring.size", "a.events", "host.dma.txt", "log.addr"];
  using folder = new TempFolder(Object.fromEntries(names.map((name) => [name, LOG])));
  for (const name of names) {
    const { code, output } = await dmalab("explain", folder.at(name));
    assertEquals(code, 0, name);
    assertStringIncludes(output, "read of the page at 0xffff_e000", name);
  }
  const here = Deno.cwd();
  try {
    Deno.chdir(folder.path);
    const { output } = await dmalab("explain", "k.log");
    assertStringIncludes(output, "read of the page at 0xffff_e000");
    folder.write("lab.dma", SCENARIO);
    const { code, errors } = await dmalab("explain", "lab.dma");
    assertEquals(code, 2);
    assertStringIncludes(errors, "`dmalab run lab.dma` runs it");
    assertStringIncludes(errors, "`dmalab explain --in lab.dma NAME`");
  } finally {
    Deno.chdir(here);
  }
});

Deno.test("explain and hunt name the file that they cannot take", async () => {
  using folder = new TempFolder({ "a.log": LOG, "b.log": LOG, "ring.c": "int x;\n" });
  const [a, b, c] = [folder.at("a.log"), folder.at("b.log"), folder.at("ring.c")];
  const rows: readonly (readonly [words: readonly string[], error: string])[] = [
    [["explain", folder.at("none.log")], 'none.log"'],
    [["explain", folder.at("dmesg.txt")], 'dmesg.txt"'],
    [["explain", a, b], "explain takes one log at a time"],
    [["hunt", c], 'ring.c" is C, not a scenario'],
    [["init", c], "`dmalab init --driver DIR`"],
    [["init", folder.at("new"), "--driver", c], "`dmalab init --driver DIR`"],
  ];
  for (const [words, error] of rows) {
    const { code, errors, output } = await dmalab(...words);
    assertEquals([code, output], [2, ""], words.join(" "));
    assertStringIncludes(errors, error);
  }
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name).sort(), [
    "a.log",
    "b.log",
    "ring.c",
  ]);
  // `fault.log` is also the name of an expression.
  assertEquals((await dmalab("explain", "fault.log")).code, 0);
});

Deno.test("explain takes a kind of leak as a failure prints it", async () => {
  const rows = [
    ["driver_memory", "Memory that a driver in C allocated and did not free."],
    ["leak[mapping]", "A mapping that was not unmapped."],
    ["leak[iova]", "An IOVA range that was not freed with its mapping."],
    ["unreleased[bounce_slots]", "swiotlb slots still allocated"],
    ["pool_block", "A block of a DMA pool that was not freed."],
  ];
  for (const [name, text] of rows) {
    const { code, output } = await dmalab("explain", name!);
    assertEquals(code, 0, name);
    assertStringIncludes(output, text!);
  }
});

Deno.test("explain --trace takes a log by its path, as it takes one from the standard input", async () => {
  using folder = new TempFolder({ "k.log": LOG, "trace.txt": TRACE });
  const trace = folder.at("trace.txt");
  const ofFile = await dmalab("explain", folder.at("k.log"), "--trace", trace);
  assertEquals(ofFile.code, 0, ofFile.errors);
  assertStringIncludes(ofFile.output, "read of the page at 0xffff_e000");
  assertStringIncludes(ofFile.output, "likely: use_after_unmap");
  const [, line = ""] = LOG.split("\n");
  const ofLine = await dmalab("explain", line, "--trace", trace);
  const last = (text: string) => text.trim().split("\n").at(-1);
  assertEquals(last(ofFile.output), last(ofLine.output));
});

Deno.test("explain lists what has most words of a question that nothing answers whole", async () => {
  const { code, output } = await dmalab("explain", "my device writes to the wrong address");
  assertEquals(code, 0);
  assertStringIncludes(output, "Entries that contain device, wrong, address:");
  const { code: none, errors } = await dmalab("explain", "zzzz qqqq");
  assertEquals(none, 2);
  assertStringIncludes(errors, "There is no rule, diagnostic, event or function of that name");
});

Deno.test("trace show of a file without mappings is an error, whatever --at asks for", async () => {
  using folder = new TempFolder({ "k.log": LOG, "trace.txt": TRACE, "empty.txt": "" });
  for (const name of ["k.log", "empty.txt"]) {
    for (const at of ["5.12s", "0xffffe000", "1"]) {
      const { code, errors } = await dmalab("trace", "show", folder.at(name), "--at", at);
      assertEquals(code, 2, `${name} ${at}`);
      assertStringIncludes(errors, "has no event of a mapping", `${name} ${at}`);
    }
  }
  const { code, output } = await dmalab("trace", "show", folder.at("trace.txt"), "--at", "5.105s");
  assertEquals(code, 0);
  assertStringIncludes(output, "1 mapping live at 5.105000 s");
});

Deno.test("a fault that is all that there is has next steps", async () => {
  using folder = new TempFolder({ "k.log": LOG });
  const { output } = await dmalab("trace", "check", folder.at("k.log"));
  for (
    const step of ["`dmalab explain LOG`", "sh collect-trace.sh", "dmalab trace check TRACE LOG"]
  ) {
    assertStringIncludes(output, step);
  }
});

Deno.test("report takes the branch that a failed test prints, and refuses what is none", async () => {
  using folder = new TempFolder({ "lab.dma": SCENARIO });
  const report = (branch: string) =>
    dmalab("report", folder.at("lab.dma"), "-o", folder.at("page.html"), "--branch", branch);
  for (const branch of ["", "nonsense", "1:", "x:alloc_pages@4", "1:alloc_pages@"]) {
    const { code, errors } = await report(branch);
    assertEquals(code, 2, branch);
    assertStringIncludes(errors, "error: --branch", branch);
  }
  // A checkout has no report page until `deno task web` builds it.
  for (const branch of ["1:alloc_pages@4", "1:first", "1:race@0.1"]) {
    const { errors } = await report(branch);
    assert(errors === "" || errors.includes("page of reports is not built"), errors);
  }
});

Deno.test("each error of a driver in C that is not compiled says which command compiles it", () => {
  const { diagnostics } = loadText('driver ring = c "ring.c"\n');
  const found = diagnostics.filter(({ code }) => code === "E0710");
  assertEquals(found.map(({ hint }) => hint), ["run the file by `dmalab run` or `dmalab test`"]);
});
