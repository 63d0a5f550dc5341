/**
 * `remove each` and `unplug each`: a removal in a wrong order is found, and a removal in a correct
 * order is not reported.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { runProgram } from "@dmalab/lang/program";
import { SourceFile } from "@dmalab/lang";
import { type OpenedScenario, openPatched } from "../compiler/patched.ts";
import { loadOpened, programOf } from "./c_together.ts";

const FOLDER = "extensions/c_drivers/tests/c/removal";

/**
 * For each planted wrong order: the error message, and the part of the story that gives the reason.
 */
const PLANTED: Readonly<Record<string, { readonly error: RegExp; readonly story: RegExp }>> = {
  frees_first: {
    error:
      /E0908\]: unexpected fault not_present when the driver is removed after `pci_set_master`/,
    story:
      /dma_free_coherent\(\) of 128B at \S+ring\.c:\d+:2: the first mapping to go, with bus mastering on\n +nic writes 0x\w+: fault not_present/,
  },
  master_late: {
    error: /E0908\]: unexpected fault not_present when the driver is removed/,
    story: /fault not_present\n[^]* nic: bus mastering off at \S+ring\.c:\d+/,
  },
  irq_late: {
    error:
      /E0902\]: unexpected EFAULT: reads 4 bytes at \w+, where the driver has no memory \(in ring_irq\(\)/,
    story: /the first mapping to go, with bus mastering on\n +nic raises vector 0/,
  },
  work_early: {
    error:
      /E0902\]: unexpected EFAULT: kfree\(\) frees memory in which work waits to run since \S+ring\.c/,
    story: /raises vector 0[^]* its interrupt handler is freed/,
  },
};

/** The part of an output that is about one test. */
function sectionOf(output: string, test: string): string {
  const [, section = ""] = output.split(`\n${test} => `);
  return section.split("\nrepeat it:")[0]! + (section.match(/\nrepeat it:.*/)?.[0] ?? "");
}

Deno.test("planted orders of a removal are found, each with its lines and a command that repeats it", async (t) => {
  const { code, output } = await dmalab("test", `${FOLDER}/planted.dma`);
  assertEquals(code, 1);
  for (const [name, { error, story }] of Object.entries(PLANTED)) {
    await t.step(name, () => {
      const section = sectionOf(output, name);
      assertMatch(section, error);
      assertMatch(section, story);
      assertMatch(section, /--branch 1:driver\.remove@1$/);
    });
  }
});

Deno.test("the command that repeats a removal fails in the same way, with the same story", async () => {
  const file = `${FOLDER}/planted.dma`;
  const { code, output } = await dmalab(
    "test",
    file,
    "--match",
    "frees_first",
    "--branch",
    "1:driver.remove@2",
  );
  assertEquals(code, 1);
  assertStringIncludes(output, "unexpected fault not_present\n");
  assertMatch(output, /in the removal:\n[^]*the first mapping to go, with bus mastering on/);
});

for (const name of ["correct", "ring", "examples"]) {
  Deno.test(`drivers that stop their device first are silent: ${name}.dma`, async () => {
    const { code, errors, output } = await dmalab("test", `${FOLDER}/${name}.dma`);
    assertEquals([code, errors], [0, ""], output);
  });
}

Deno.test("a removal without a bound driver, and a second block of `unplug each`, are errors", async (t) => {
  const rows: readonly (readonly [name: string, code: number, error: RegExp])[] = [
    ["nothing_bound", 1, /E0928[^]*No driver in C is bound to a device in this block/i],
    ["two_blocks", 2, /E0321[^]*`unplug each` has one block/],
  ];
  for (const [name, exit, error] of rows) {
    await t.step(name, async () => {
      const { code, errors, output } = await dmalab("test", `${FOLDER}/bad/${name}.dma`);
      assertEquals(code, exit);
      assertMatch(output + errors, error);
    });
  }
});

/** `stream.c` without the unmapping in its removal, in tests of each kind and mode. */
function openLeaky() {
  const lines = Deno.readTextFileSync(`${FOLDER}/stream.c`).split("\n");
  const unmap = "\tstream_unmap(stream);";
  const at = lines.findIndex((line, index) =>
    line === unmap && lines[index - 1] === "\tdevice_stop(stream->regs);"
  );
  const patch = { file: "stream.c", text: `@@ -${at + 1} +${at + 1} @@\n-${unmap}` };
  const [{ loader }] = openPatched(`${FOLDER}/correct.dma`, [patch]) as [OpenedScenario];
  const tests = LEAKING.map((word) =>
    `test "${word}" matrix { iommu.mode = [off, passthrough, lazy, strict] } {
  ${word} { if d.probe(nic) == 0 { d.remove(nic) } }
}`
  );
  const text = [
    "machine { pci { root_port rp0 { endpoint nic { bar = 4KiB } } } }",
    'driver d = c "stream.c"',
    ...tests,
  ];
  return { entry: new SourceFile(`${FOLDER}/leaky.dma`, text.join("\n")), loader };
}

const LEAKING = ["inject each", "remove each", "unplug each"];
const [leaky] = await loadOpened([openLeaky()]);

Deno.test("a mapping that a removal leaves fails the test in each mode of the IOMMU", () => {
  const { outcomes } = runProgram(programOf(leaky!), { attributeDefects: false });
  const modes = ["off", "passthrough", "lazy", "strict"];
  assertEquals(
    outcomes.map(({ combination, name, outcome }) => [name, combination, outcome]),
    LEAKING.flatMap((word) => modes.map((mode) => [word, `iommu.mode = ${mode}`, "failed"])),
  );
  // The checker reports the mapping at the unbind and forgets it; page-table entries stay.
  const reports = outcomes.flatMap(({ incidents }) => incidents)
    .filter(({ name }) => name === "leak_at_unbind");
  assertMatch(reports[0]!.text, / with 1 live mapping/);
  const failures = outcomes.map(({ failure }) => `${failure!.code} ${failure!.message}`);
  assertMatch(failures.join("\n"), /^E0921 The block leaks/m);
});
