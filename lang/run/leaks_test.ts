import { assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../values/limits.ts";
import { loadProgram } from "../language.ts";
import { SourceFile } from "../source.ts";
import { LoadError } from "../syntax/load_files.ts";
import type { RunReport } from "./report.ts";
import { runProgram } from "./run_program.ts";
import type { RunOptions } from "./run_options.ts";
import { onlyOutcome } from "../testing/test_support.ts";

const MAPS = "dma_map_phys(ssd, 0x10_0000, 4KiB, to_device)";

function run(tests: string, options: RunOptions = {}, keys = "", disk = "{ }"): RunReport {
  const machine = `iommu { mode = strict }\n  pci { root_port rp0 { nvme ssd ${disk} } }`;
  const text = `machine { ${keys}\n  ${machine} }\n${tests}`;
  const { program, diagnostics } = loadProgram(
    new SourceFile("leaks.dma", text),
    { load: () => new LoadError("not_found", "no file can be used here") },
  );
  assertEquals(diagnostics.map(({ message }) => message), []);
  return runProgram(program!, options);
}

/** The outcome of each test: verdict, leaks, code of its failure. */
const summary = ({ outcomes }: RunReport) =>
  outcomes.map(({ failure, leaks, outcome }) => [outcome, leaks, failure?.code ?? null]);

Deno.test("a failed test lists what it held, with its line, and no leak is counted", () => {
  const report = run(`test "t" {\n  ${MAPS}\n  assert iommu.live_mappings == 0\n}`);
  assertEquals(summary(report), [["failed", 0, "E0901"]]);
  const [incident] = report.outcomes[0]!.incidents;
  assertEquals([incident?.kind, incident?.name, incident?.place], [
    "held",
    "mapping",
    "leaks.dma:5:3",
  ]);
  assertStringIncludes(incident!.lines[0]!, "unreleased[mapping]: ");
  // Statements that did not run might have freed the mapping, so no correction is certain.
  assertEquals(incident!.lines.some((line) => line.includes("hint")), false);
  const allowed = run(`test "t" with { leaks = allow } { ${MAPS}\n assert false }`);
  assertEquals(allowed.outcomes[0]!.incidents, []);
});

Deno.test("statements are checked for leaks as tests are; of a test that fails none count", () => {
  assertEquals(summary(run(`${MAPS}\ntest "t" { ${MAPS}\n assert false }`)), [
    ["failed", 1, "E0926"],
    ["failed", 0, "E0901"],
  ]);
});

Deno.test("each case of a property is looked at, and the one that leaks is made smaller", () => {
  const { outcomes } = run(
    `property "p" forall n in 0..50 { if n > 20 { ${MAPS} } }`,
  );
  assertStringIncludes(outcomes[0]!.failure!.lines.join("\n"), "n = 21");
});

Deno.test("each order of a race is looked at, and the one that leaks is reported", () => {
  const race = `let n = 0\nrace { n = 1 } and { if n == 1 { ${MAPS} } }`;
  const lenient = { lenient: true };
  const [incident] = run(`test "t" { ${race} }`, lenient).outcomes[0]!.incidents;
  assertEquals(incident?.kind, "leak");
  // In this race, the first order that is tried has the leak.
  const other = `let n = 0\nrace { if n == 1 { ${MAPS} } } and { n = 1 }`;
  const [found] = run(`test "t" { ${other} }`, lenient).outcomes[0]!.incidents;
  assertStringIncludes(found!.text, "(in 1 of 2 of the race, such as");
  assertEquals(summary(run(`test "t" { ${other} }`)), [["failed", 0, "E0926"]]);
});

Deno.test("a request that is under way leaves nothing, one that has ended does", () => {
  const under = "let io = ssd.submit(read, lba: 0, into: alloc_pages(4))\nstep until io.mapped";
  assertEquals(summary(run(`test "t" { ${under} }`)), [["passed", 0, null]]);
  for (const more of ["{ }", "{ scheduler = mq_deadline, metadata = 8B }"]) {
    for (const queued of ["discard, lba: 0, bytes: 4KiB", "read, lba: 0, into: alloc_pages(4)"]) {
      const test = `test "t" { ssd.submit(${queued}) }`;
      assertEquals(summary(run(test, {}, "", more)), [["passed", 0, null]], queued);
    }
  }
});

Deno.test("more events than are kept: mappings and ranges are reported all the same, and nothing false", () => {
  const maps =
    `let m = dma_alloc_coherent(ssd, 4KiB)\nrepeat 50 { dma_unmap_phys(ssd, ${MAPS}, 4KiB, to_device) }\n` +
    `${MAPS}\ndma_free_coherent(ssd, m)`;
  const report = run(`test "t" { ${maps} }`, { limits: { ...DEFAULT_LIMITS, events: 40 } });
  assertEquals(report.outcomes[0]!.incidents.map(({ name }) => name), ["mapping"]);
});

Deno.test("`inject each` and its first leaking injection alone agree in each mode of the IOMMU", () => {
  const map = (name: string) => `let ${name} = try dma_map_phys(nic, 0x10_0000, 4KiB, to_device)\n`;
  const unmap = (name: string) => `dma_unmap_phys(nic, ${name}.value, 4KiB, to_device)\n`;
  const both = `${map("m")}${map("n")}if m.ok and n.ok {\n${unmap("m")}${unmap("n")}}`;
  const blocks = {
    leaks: both,
    "frees each": `${both} else {\nif m.ok { ${unmap("m")} }\nif n.ok { ${unmap("n")} } }`,
    "needs no unmap": `${map("m")}${map("n")}let needed = dma_need_unmap(nic)\n` +
      `if needed and m.ok { ${unmap("m")} } else { }\nif needed and n.ok { ${
        unmap("n")
      } } else { }`,
  };
  const failures = (block: string, mode: string, coherent: boolean) => {
    const machine = `machine { iommu { mode = ${mode} }\n` +
      `pci { root_port rp0 { endpoint nic { coherent = ${coherent} } } } }\n`;
    const sweep = (word: string) =>
      onlyOutcome(`${machine}test "t" {\n${word} {\n${block} } }`).failure?.code ?? null;
    return [sweep("inject each"), sweep("inject dma_map_phys nth 2")];
  };
  for (const mode of ["off", "passthrough", "lazy", "strict"]) {
    for (const coherent of [true, false]) {
      const found = Object.fromEntries(
        Object.entries(blocks).map(([name, block]) => [name, failures(block, mode, coherent)]),
      );
      assertEquals(found, {
        leaks: ["E0921", "E0926"],
        "frees each": [null, null],
        "needs no unmap": [null, null],
      }, `${mode}, coherent ${coherent}`);
    }
  }
});

Deno.test("`inject each` names the branch of each of its causes", () => {
  const text = `machine { pci { root_port rp0 { endpoint nic { } } } }
test "t" {
  inject each {
    let m = try dma_map_phys(nic, 0x10_0000, 4KiB, to_device)
    let n = try dma_map_phys(nic, 0x20_0000, 4KiB, to_device)
    if m.ok and n.ok {
      dma_unmap_phys(nic, m.value, 4KiB, to_device)
      dma_unmap_phys(nic, n.value, 4KiB, to_device)
    }
  }
}`;
  const { branch, notes } = onlyOutcome(text).failure!;
  assertEquals(branch, "1:dma_map_phys@1");
  assertEquals(notes.filter((note) => note.includes("--branch")).length, 1);
  assertStringIncludes(notes.join("\n"), "the 2nd time (--branch 1:dma_map_phys@2):");
});

Deno.test("`inject each` shows a loop that leaks more each round once, and another mistake beside it", () => {
  const text = `machine { pci { root_port rp0 { endpoint nic { } } } }
test "t" {
  inject each {
    let maps = []
    for at in 0..12 {
      let m = try dma_map_phys(nic, 0x10_0000 as phys + at * 4KiB, 4KiB, to_device)
      if m.ok { maps.push(m.value) }
    }
    let last = try dma_map_phys(nic, 0x90_0000, 4KiB, from_device)
    if maps.length == 12 and last.ok {
      for m in maps { dma_unmap_phys(nic, m, 4KiB, to_device) }
    }
    if last.ok { dma_unmap_phys(nic, last.value, 4KiB, from_device) }
  }
}`;
  const { notes } = onlyOutcome(text).failure!;
  const fails = (line: number, time: string) =>
    `when \`dma_map_phys\` at t.dma:${line} fails the ${time} time`;
  assertEquals(
    notes.map((note) => note.trim()).filter((note) => /^(?:the same|more of|and) /.test(note)),
    [
      ...["2nd", "3rd", "4th", "5th", "6th", "7th"]
        .map((time) => `more of the same calls ${fails(6, time)}`),
      "and at 5 more places",
      `and ${fails(9, "13th")} (--branch 1:dma_map_phys@13):`,
    ],
  );
});

Deno.test("a test that has more events than are kept says that it was not checked for all leaks", () => {
  const leak = `test "t" { dma_alloc_coherent(ssd, 4KiB)\n repeat 9 { ${
    MAPS.replace("dma_map", "let m = dma_map")
  }
    dma_unmap_phys(ssd, m, 4KiB, to_device) } }`;
  const few = { limits: { ...DEFAULT_LIMITS, events: 20 } };
  const found = (report: RunReport) => [...summary(report)[0]!, report.outcomes[0]!.seesAllLeaks];
  assertEquals(found(run(leak)), ["failed", 1, "E0926", true]);
  assertEquals(found(run(leak, few)), ["passed", 0, null, false]);
  assertEquals(found(run(leak, few, "leaks = allow")), ["passed", 0, null, true]);
});
