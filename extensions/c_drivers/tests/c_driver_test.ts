import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { lineCoverage, lineCoverageText, linesRunBy } from "@dmalab/cli/testing";
import { loadText } from "@dmalab/lang";
import { Session } from "@dmalab/lang/program";
import { memoryFiles } from "@dmalab/lang/syntax";
import { type LoadResult, runProgramWith } from "@dmalab/lang/run";
import { loadFiles, programOf } from "./c_together.ts";
import { DEFAULT_LIMITS } from "@dmalab/lang/values";
import { hasBehaviour, KERNEL_NAMES } from "@dmalab/runtime/kernels";
import { ROOT } from "@dmalab/tests";

const NAMES = [
  "first",
  "wrong",
  "two_step",
  "older",
  "requests",
  "older_requests",
  "pools",
  "wire",
  "wire_left",
  "branches",
  "doubtful",
  "reported",
  "mistakes",
];
const LOADED = await loadFiles(NAMES.map((name) => `extensions/c_drivers/tests/c/${name}.dma`));

function loaded(name: string): LoadResult {
  return LOADED[NAMES.indexOf(name)]!;
}

/** Limit on steps, which ends an endless loop. */
const MAX_STEPS = 20_000_000;

/** The outcome of each test of a scenario: its message, or "held". */
function outcomesOf(name: string): ReadonlyMap<string, string> {
  return new Map(runsOf(name));
}

/**
 * The outcomes of a scenario's tests as pairs: a test with several runs has one pair for each run.
 */
function runsOf(name: string): readonly (readonly [string, string])[] {
  const limits = { ...DEFAULT_LIMITS, steps: MAX_STEPS };
  const { outcomes } = runProgramWith(null, programOf(loaded(name)), {
    attributeDefects: false,
    limits,
  });
  return outcomes.map(({ failure, name: test }) => [
    test,
    failure === null ? "held" : `${failure.code} ${failure.message}`,
  ]);
}

Deno.test("what a driver in C held when it crashed is not listed as unreleased", () => {
  const { outcomes } = runProgramWith(null, programOf(loaded("wrong")), {
    attributeDefects: false,
    limits: { ...DEFAULT_LIMITS, steps: MAX_STEPS },
  });
  const crashed = outcomes.filter(({ failure }) =>
    failure?.code === "E0902" && failure.lines.some((line) => line.includes("note: in C, here"))
  );
  assertEquals(crashed.length > 0, true);
  assertEquals(
    crashed.flatMap(({ incidents }) => incidents.filter(({ kind }) => kind === "held")),
    [],
  );
});

Deno.test("a driver in C maps, is called with buffers and devices, and shares its memory", () => {
  const outcomes = outcomesOf("first");
  assertEquals(outcomes.size, 11);
  const wrong = [...outcomes].filter(([, outcome]) => outcome !== "held");
  assertEquals(wrong, []);
});

Deno.test("leaks, endless loops, endless recursion and stray pointers in C end with their place", () => {
  const outcomes = outcomesOf("wrong");
  const first = "extensions/c_drivers/tests/c/first.c";
  const deep = "E0803 Calls of C functions exceed the kernel stack of 16KiB, ";
  const said = {
    "leaks": "E0926 24 bytes of memory at 0x4000_0000",
    "endless": `in spin() at ${first}:99:2`,
    "too deep": `${deep}in recurse() at ${first}:105:`,
    "large frame": `${deep}in large_frame() at ${first}:`,
    "as deep as goes": `${deep}in descend() at ${first}:111:`,
    "behind an array":
      `E0902 Unexpected EFAULT: writes beyond its variables on the stack, which is seen when it returns (in smash() at ${first}:134:9)`,
    "after the end": `freed at ${first}:62:2 (in use_after_free() at ${first}:63:9)`,
    "behind a table":
      `reads 4 bytes 4 bytes past table, which has 20 bytes (in table_at() at ${first}:`,
    "behind shared memory":
      "reads 4 bytes 8 bytes past 72 bytes of coherent memory at 0xffff_f000, of which a kernel gives whole pages",
    "below zero":
      `reads 4 bytes at 0xfffffffffffffff8, where the driver has no memory (in follow() at ${first}:`,
    "a free below zero":
      `kfree(0xfffffffffffffff8): not an allocated block (in give_back() at ${first}:`,
    "only where memory is refused":
      `E0902 Unexpected EFAULT: writes 4 bytes at 0x0: a null pointer (in unchecked() at ${first}:`,
  };
  for (const [name, part] of Object.entries(said)) assertStringIncludes(outcomes.get(name)!, part);
});

Deno.test("reports of C name the calls they are about: leaks, freed blocks, refused masks, constants", () => {
  const opened = loaded("reported");
  assert(opened.program !== null);
  const { outcomes } = runProgramWith(null, opened.program, { attributeDefects: false });
  const failures = new Map(
    outcomes.flatMap(({ failure, name }) => failure === null ? [] : [[name, failure] as const]),
  );
  const lines = (test: string) => failures.get(test)!.lines.join("\n");
  // The report must show the line in which the call begins, not its last line. It must show the
  // call itself, not the macro around it.
  assertStringIncludes(
    lines("a call over several lines"),
    "--> extensions/c_drivers/tests/c/reported.c:13:18\n",
  );
  assertStringIncludes(
    lines("a call in another's arguments"),
    "--> extensions/c_drivers/tests/c/reported.c:24:3\n",
  );
  const leak = lines("a leak in one try, and what is reported there");
  assertStringIncludes(leak, "    allocated at extensions/c_drivers/tests/c/reported.c:89:21");
  assertStringIncludes(leak, "fails (`iova.alloc` nth 2)");
  assertStringIncludes(
    failures.get("a string literal is written")!.message,
    "writes 1 byte into a string literal (in write_literal() at extensions/c_drivers/tests/c/reported.c:",
  );
  assertEquals(failures.size, 4);
  const { incidents } = outcomes.at(-1)!;
  assertEquals(incidents.map(({ name }) => name), ["cpu_access_while_mapped"]);
});

Deno.test("the two-step API from C", () => {
  const runs = runsOf("two_step");
  assertEquals(runs.length, 11);
  assertEquals(runs.filter(([, outcome]) => outcome !== "held"), []);
});

Deno.test("requests, pools and memory of peers from C", () => {
  const runs = runsOf("requests");
  assertEquals(runs.length, 22);
  assertEquals(runs.filter(([, outcome]) => outcome !== "held"), []);
});

Deno.test("a call that the release does not have is an error, which names releases that have it", () => {
  const older = loaded("older");
  assert(older.program === null);
  const [first] = older.diagnostics;
  assertEquals(first!.message, "There is no dma_iova_try_alloc() in 6.12.117");
  const having = KERNEL_NAMES.filter((name) => !hasBehaviour(name, "no_two_step"));
  assertEquals(first!.hint, `modelled releases that have it: ${having.join(", ")}`);
  const requests = loaded("older_requests");
  assert(requests.program === null);
  assertEquals(requests.diagnostics.map(({ message }) => message), [
    "There is no blk_rq_dma_map_iter_start() in 6.12.117",
    "There is no blk_rq_dma_map_coalesce() in 6.12.117",
    "There is no blk_rq_dma_map_iter_next() in 6.12.117",
    "There is no blk_rq_dma_unmap() in 6.12.117",
    "There is no pci_p2pdma_state() in 6.12.117",
    "There is no pci_p2pdma_bus_addr_map() in 6.12.117",
    "There is no hmm_dma_map_alloc() in 6.12.117",
    "There is no hmm_dma_map_pfn() in 6.12.117",
    "There is no hmm_dma_unmap_pfn() in 6.12.117",
    "There is no hmm_dma_map_free() in 6.12.117",
  ]);
});

Deno.test("caches, pools of elements and registers of all widths are what drivers in C take them for", () => {
  const outcomes = outcomesOf("pools");
  assertEquals(outcomes.size, 12);
  assertEquals([...outcomes].filter(([, outcome]) => outcome !== "held"), []);
});

Deno.test("a driver in C from probe to remove, with registers and interrupts that a script describes", () => {
  const outcomes = outcomesOf("wire");
  assertEquals(outcomes.size, 14);
  assertEquals([...outcomes].filter(([, outcome]) => outcome !== "held"), []);
  const left = outcomesOf("wire_left");
  assertStringIncludes(
    [...left.values()].join(),
    'Device "nic": handler of irq 32 not freed',
  );
});

Deno.test("dmalab debug stops at calls inside C, and says their lines", async () => {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "bin/main.ts",
      "debug",
      "extensions/c_drivers/tests/c/first.dma",
      "--match",
      "numbers, buffers",
    ],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(":break call.dma_unmap_single\n:continue\n"));
  await writer.close();
  const { code, stdout } = await child.output();
  const text = new TextDecoder().decode(stdout);
  const line = 1 +
    Deno.readTextFileSync(join(ROOT, "extensions/c_drivers/tests/c/first.c")).split("\n")
      .findIndex((each) => each.includes("dma_unmap_single("));
  assertStringIncludes(text, "stopped by breakpoint 1");
  assertStringIncludes(text, `extensions/c_drivers/tests/c/first.c:${line}  dma_unmap_single`);
  assertEquals(code, 0);
});

Deno.test("which lines of C have run, on whichever machine", () => {
  const program = programOf(loaded("branches"));
  runProgramWith(null, program, { only: "tests" });
  const files = lineCoverage(linesRunBy(program));
  assertEquals(files.map(({ file, open }) => [file.replace(/^.*tests/, "tests"), open]), [
    // Lines that never run: the lines of functions that are never called, and the branches for too
    // large numbers and for the number three.
    ["tests/c/branches.c", [9, 10, 18, 24, 30, 31]],
  ]);
  const { lines, run } = files[0]!;
  assertEquals([lines, run], [15, 9]);
  const text = lineCoverageText(files).join("\n");
  assertStringIncludes(text, "branches.c: 9-10, 18, 24, 30-31");
});

Deno.test("what the compiler says is shown as what we say", () => {
  const wrong = loaded("mistakes");
  assert(wrong.program === null);
  const said = wrong.diagnostics.map(({ code, severity, span: { source, start } }) =>
    `${code} ${severity} ${source.position(start).line}`
  );
  // If a macro has wrong arguments, only this is reported. It is not also reported that the macro's
  // name is undeclared.
  assertEquals(said, [6, 11, 16].map((line) => `E0711 error ${line}`));
});

Deno.test("a warning of the compiler is one of ours, and the driver is run all the same", () => {
  const opened = loaded("doubtful");
  assert(opened.program !== null);
  const [only, ...more] = opened.diagnostics;
  assertEquals(more, []);
  assertEquals([only!.code, only!.severity, only!.message], [
    "W0308",
    "warning",
    "unused variable 'unused'",
  ]);
  assertEquals(only!.span.source.position(only!.span.start), { line: 5, column: 6 });
  const { outcomes } = runProgramWith(null, opened.program, {});
  assertEquals(outcomes.map(({ failure }) => failure), [null]);
});

Deno.test("docs/c-drivers.md shows the driver that it runs", () => {
  const page = Deno.readTextFileSync(join(ROOT, "docs/c-drivers.md"));
  for (
    const file of [
      "extensions/c_drivers/drivers/map/map.c",
      "extensions/c_drivers/drivers/map/map.dma",
    ]
  ) {
    assertStringIncludes(page, Deno.readTextFileSync(join(ROOT, file)).trimEnd());
  }
});

Deno.test("a session, and who has no compiler, says so", () => {
  const text = 'driver ring = c "ring.c"';
  const { diagnostics } = loadText(text, { files: { "ring.c": "" } });
  assertEquals(diagnostics.map(({ code, message }) => `${code} ${message}`), [
    "E0710 No C compiler is available in this context",
  ]);
  const session = new Session({ loader: memoryFiles({ "ring.c": "" }) });
  assertEquals(session.feed(text).diagnostics.map(({ message }) => message), [
    "A REPL session cannot load C drivers",
  ]);
});
