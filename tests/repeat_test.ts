/**
 * The printed commands for repeating and debugging a failure must lead to the same failure on the
 * same machine, whatever kind of run failed.
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dmalab } from "./dmalab_program.ts";
import { TempFolder } from "@dmalab/tools";

const MACHINE = `machine {
  iommu { mode = strict }
  pci { root_port rp0 { nvme ssd { } endpoint nic { } } }
}
`;

/**
 * Maps `count` pages. If one map fails, the other mappings are unmapped, except for `kept` of them.
 */
const DRIVER = `
fn probe(count, kept) {
  let maps = []
  for n in 0..count {
    let tried = try dma_map_phys(nic, 0x10_0000 + n * 0x1000, 4KiB, to_device)
    if not tried.ok {
      for map in maps { if kept > 0 { kept = kept - 1 } else { dma_unmap_phys(nic, map, 4KiB, to_device) } }
      return none
    }
    maps.push(tried.value)
  }
  return maps
}
fn remove(maps) { for map in maps { dma_unmap_phys(nic, map, 4KiB, to_device) } }
fn probes(count, kept) {
  let maps = probe(count, kept)
  if maps != none { remove(maps) } else { }
}
`;

interface FailingRun {
  readonly kind: "inject each" | "race" | "fork" | "property" | "nested";
  readonly test: string;
  /** The code of the printed error. */
  readonly code: string;
  /** The printed value of `--branch`; null if the test's own run fails. */
  readonly branch: RegExp | null;
}

function injected(count: number, kept: number, before = ""): FailingRun {
  return {
    kind: "inject each",
    test: `test "t" { ${before}\ninject each { probes(${count}, ${kept}) } }`,
    code: "E0921",
    branch: /^\d+:[\w.]+@\d+$/,
  };
}

/** The second map is not undone, and its error ends the block. */
const RAISING = `{
  let m = dma_map_phys(nic, 0x10_0000, 4KiB, to_device)
  let n = dma_map_phys(nic, 0x20_0000, 4KiB, to_device)
  dma_unmap_phys(nic, n, 4KiB, to_device)
  dma_unmap_phys(nic, m, 4KiB, to_device)
}`;

function raced(first: string, second: string, after: string): FailingRun {
  return {
    kind: "race",
    test: `test "t" {\nlet value = 0\nrace { ${first} } and { ${second} }\n${after}\n}`,
    code: "E0901",
    branch: /^1:race@[\d.]*$/,
  };
}

function forked(blocks: readonly string[], before = ""): FailingRun {
  const all = blocks.map((block) => `{ ${block} }`).join(" and ");
  return {
    kind: "fork",
    test: `test "t" {\nlet value = 1\n${before}\nlet ends = fork ${all}\n}`,
    code: "E0901",
    branch: /^\d+:(first|second|third)$/,
  };
}

function property(body: string, code = "E0901", branch: RegExp | null = null): FailingRun {
  return { kind: "property", test: `property "t" forall n in 1..40 {\n${body}\n}`, code, branch };
}

const RUNS: readonly FailingRun[] = [
  ...[2, 3, 4, 5].flatMap((count) => [1, 2].map((kept) => injected(count, kept))),
  injected(3, 1, "inject each { probes(2, 0) }"),
  injected(
    3,
    1,
    "let held = dma_map_phys(nic, 0x90_0000, 4KiB, to_device)\ndma_unmap_phys(nic, held, 4KiB, to_device)",
  ),
  {
    kind: "inject each",
    test:
      `test "t" {\nlet ok = 0\ninject each { let r = try alloc_pages(1)\nassert r.ok\nr.value.free() } }`,
    code: "E0901",
    branch: /^1:alloc_pages@1$/,
  },
  {
    kind: "inject each",
    test: `test "t" { inject each ${RAISING} }`,
    code: "E0921",
    branch: /^1:dma_map_phys@2$/,
  },
  {
    kind: "inject each",
    test: `fn both() ${RAISING}\nfn sweep() { inject each { both() } }\ntest "t" { sweep() }`,
    code: "E0921",
    branch: /^1:dma_map_phys@2$/,
  },
  raced("let a = value\nvalue = a + 1", "let b = value\nvalue = b + 1", "assert value == 2"),
  raced("value = 1\nassert value == 1", "value = 2", ""),
  raced("value = 1", "value = 2", "assert value == 2"),
  raced("value = 1", "value = 2", "assert value == 1"),
  raced("value = value + 1\nvalue = value * 2", "value = value + 3", "assert value == 8"),
  raced("value = value + 1\nvalue = value * 2", "value = value + 3", "assert value == 5"),
  raced("value = value + 1\nvalue = value + 1\nassert value < 4", "value = value + 5", ""),
  raced("value = 4", "if value == 4 { value = 5 }", "assert value == 5"),
  forked(["assert value == 2", "value = 3"]),
  forked(["value = 3", "assert value == 2"]),
  forked(["value = 3", "value = 4", "assert value == 2"]),
  forked(["value = 3", "assert value == 2"], "let before = fork { value = 9 } and { value = 8 }"),
  forked(["value = 3", "assert value == 2"], "inject each { probes(2, 0) }"),
  forked(["value = 3", "repeat 2 { value = value + 1 }\nassert value == 2"]),
  forked(["probes(2, 0)\nassert value == 2", "value = 3"]),
  property("assert n < 17"),
  property("assert n < 23 or n > 30"),
  property("let buf = alloc_pages(n)\nassert buf.size < 64KiB\nbuf.free()"),
  forked(["value = 3", "alloc_pages(1).free()\nassert value == 4"]),
  raced("value = 1\nvalue = 2", "assert value != 1", ""),
  property("assert n * 2 != 34"),
  property("probes(n, 0)\nassert n < 5"),
  property("inject each { probes(n, if n > 3 { 1 } else { 0 }) }", "E0921", /^1:[\w.]+@\d+$/),
  property("inject each { probes(2, if n > 3 { 1 } else { 0 }) }", "E0921", /^1:[\w.]+@\d+$/),
  property("let x = fork { assert n < 9 } and { }", "E0901", /^1:first$/),
  property("let x = 0\nrace { x = n } and { x = 1 }\nassert x < 4", "E0901", /^1:race@/),
  {
    kind: "nested",
    test: 'test "t" {\nlet ends = fork { inject each { probes(3, 1) } } and { }\n}',
    code: "E0921",
    branch: /^1:first,2:[\w.]+@\d+$/,
  },
  {
    kind: "nested",
    test: `test "t" {\nlet ends = fork { inject each ${RAISING} } and { }\n}`,
    code: "E0921",
    branch: /^1:first,2:dma_map_phys@2$/,
  },
  {
    kind: "nested",
    test:
      'test "t" {\nlet v = 0\nrace { v = 1 } and { v = 2 }\nlet ends = fork { } and { assert v == 2 }\n}',
    code: "E0901",
    branch: /^1:race@[\d.]*,2:second$/,
  },
  {
    kind: "nested",
    test:
      'test "t" {\nlet v = 0\nrace { v = 1 } and { v = 2 }\nif v == 1 { inject each { probes(3, 1) } }\n}',
    code: "E0921",
    branch: /^1:race@[\d.]*,2:[\w.]+@\d+$/,
  },
];

/** The words of a printed command line. */
function wordsOf(line: string): string[] {
  return line.match(/"[^"]*"|\S+/g)!.map((word) => word.replaceAll('"', ""));
}

/** The message and place of a failure, on one line. */
function failureIn(output: string): string {
  return /^error\[[^]*?--> \S+/m.exec(output)![0].replaceAll(/\s+/g, " ");
}

/** The calls that a failure names. */
function callersIn(output: string): readonly string[] {
  return output.match(/`\w+` was called here\n *--> \S+/g) ?? [];
}

Deno.test("there are forty kinds of failing runs, of every kind of run beside a test", () => {
  assert(RUNS.length >= 40, String(RUNS.length));
  assertEquals(new Set(RUNS.map(({ kind }) => kind)).size, 5);
});

Deno.test("a failure is repeated and opened by what it prints", async (context) => {
  using folder = new TempFolder({});
  for (const [index, { branch, code, kind, test }] of RUNS.entries()) {
    await context.step(`${kind} ${index}`, async () => {
      folder.write("t.dma", `${MACHINE}${DRIVER}${test}\n`);
      const { errors, output } = await dmalab("test", folder.at("t.dma"));
      assertStringIncludes(output + errors, `error[${code}]`);
      const [, repeat] = /^repeat it: dmalab (.*)$/m.exec(output)!;
      const [, debug] = /^debug it: dmalab (.*)$/m.exec(output)!;
      const [, named = null] = / --branch (\S+)$/.exec(repeat!) ?? [];
      if (branch === null) assertEquals(named, null);
      else assertMatch(named ?? "", branch);
      const again = await dmalab(...wordsOf(repeat!));
      assertEquals(again.code, 1);
      if (kind !== "property") assertEquals(failureIn(again.output), failureIn(output));
      // No line of a caller was added or lost.
      assertEquals(callersIn(again.output), callersIn(output));
      // The output of the repeating command contains that command again.
      assertStringIncludes(again.output, `repeat it: dmalab ${repeat}`);
      const opened = await dmalab(...wordsOf(debug!), "--plain");
      assertEquals(failureIn(opened.output), failureIn(again.output), opened.output);
      // Without the option for the branch, the debugger opens at the same place.
      const found = await dmalab(...wordsOf(debug!.replace(/ --branch \S+/, "")), "--plain");
      assertEquals(found.output, opened.output);
    });
  }
});

Deno.test("a branch that the run does not have is an error that says what it has", async () => {
  using folder = new TempFolder({
    "t.dma": `${MACHINE}${DRIVER}test "t" { inject each { probes(2, 0) } }\n`,
  });
  const answers = {
    "2:alloc_pages@1": /E0934.*does not come to the branch 2:alloc_pages@1[^]*comes to 1 branching/,
    "1:dma_map_phys@7": /E0934.*never passes `dma_map_phys` the 7th time[^]*passes it 2 times/,
    "1:no.such@1": /E0934.*no injection point "no\.such"/,
    "1:first": /E0934/,
  };
  for (const [branch, answer] of Object.entries(answers)) {
    const { code, output } = await dmalab("test", folder.at("t.dma"), "--branch", branch);
    assertEquals(code, 1, branch);
    assertMatch(output, answer);
  }
  for (const branch of ["", "1", "alloc_pages@1", "1:race@x", "1:alloc_pages@0", "1:first,"]) {
    const { code, errors } = await dmalab("test", folder.at("t.dma"), "--branch", branch);
    assertEquals(code, 2, branch);
    assertStringIncludes(errors, "is no branch: a branch is such as 1:alloc_pages@4");
  }
});

Deno.test("a branch that does not fail any more passes, and says that it ran alone", async () => {
  // When the whole test runs, the block after `if` is run in other branches. In the branch that is
  // repeated here, it is not run.
  const block = "let maps = probe(2, 0)\nif maps != none { remove(maps) }";
  const bodies = [`inject each { ${block} }`, `inject each { ${block} else { } }`];
  using folder = new TempFolder({});
  for (const body of bodies) {
    folder.write("t.dma", `${MACHINE}${DRIVER}test "t" { ${body} }\n`);
    assertEquals((await dmalab("test", folder.at("t.dma"))).code, 0, body);
    const branch = "1:dma_map_phys@2";
    const { code, output } = await dmalab("test", folder.at("t.dma"), "--branch", branch);
    assertEquals(code, 0, output);
    assertMatch(output, /^t \.\.\. ok \(\d+ events?, only the branch 1:dma_map_phys@2\)$/m);
    assertEquals(/never reached/.test(output), false, output);
  }
});

Deno.test("a branch without a leak passes, also if an error ends its block", async () => {
  const body = `inject each {
    let m = dma_map_phys(nic, 0x10_0000, 4KiB, to_device)
    dma_unmap_phys(nic, m, 4KiB, to_device)
    let n = dma_map_phys(nic, 0x20_0000, 4KiB, to_device)
    dma_unmap_phys(nic, n, 4KiB, to_device)
  }`;
  using folder = new TempFolder({ "t.dma": `${MACHINE}test "t" { ${body} }\n` });
  assertEquals((await dmalab("test", folder.at("t.dma"))).code, 0);
  for (const hit of [1, 2]) {
    const branch = `1:dma_map_phys@${hit}`;
    const { code, output } = await dmalab("test", folder.at("t.dma"), "--branch", branch);
    assertEquals(code, 0, output);
    assertStringIncludes(output, `only the branch ${branch}`);
  }
});

Deno.test("a finding of a hunt is a test that fails, and is repeated and opened as other failures are", async () => {
  using folder = new TempFolder({
    "lists.dma": `${MACHINE}
fn map_two(buf, dir) {
  let maps = []
  for piece in buf.segments {
    let tried = try dma_map_phys(nic, piece.phys, piece.size, dir)
    if not tried.ok { return none }
    maps.push({ addr: tried.value.addr, size: piece.size })
  }
  return maps
}
fn unmap_two(_buf, maps, dir) { for map in maps { dma_unmap_phys(nic, map.addr, map.size, dir) } }
driver "forgets" {
  map = map_two
  unmap = unmap_two
  pieces = 1..=2
  sizes = [4KiB]
  device = nic
}
`,
  });
  const { code, output } = await dmalab("hunt", folder.at("lists.dma"));
  assertEquals(code, 1, output);
  const finding = output.slice(0, output.indexOf("\nfound |"));
  folder.write("finding.dma", finding);
  const failed = await dmalab("test", folder.at("finding.dma"));
  assertEquals(failed.code, 1, failed.errors + finding);
  const [, repeat] = /^repeat it: dmalab (.*)$/m.exec(failed.output)!;
  const [, debug] = /^debug it: dmalab (.*)$/m.exec(failed.output)!;
  const again = await dmalab(...wordsOf(repeat!));
  assertEquals(failureIn(again.output), failureIn(failed.output));
  const opened = await dmalab(...wordsOf(debug!), "--plain");
  assertEquals(failureIn(opened.output), failureIn(failed.output));
});
