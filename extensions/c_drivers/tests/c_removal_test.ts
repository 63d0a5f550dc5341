/**
 * `remove each` and `unplug each`: a removal in a wrong order is found, and a removal in a correct
 * order is not reported.
 */
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { TempFolder } from "@dmalab/tools";

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

/** The part of an output about one test. */
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

Deno.test("a mapping that a removal leaves fails the test in each mode of the IOMMU", async () => {
  const right = Deno.readTextFileSync(`${FOLDER}/stream.c`);
  const leaky = right.replace(
    "\tdevice_stop(stream->regs);\n\tstream_unmap(stream);",
    "\tdevice_stop(stream->regs);",
  );
  assertEquals(leaky === right, false);
  const words = ["inject each", "remove each", "unplug each"];
  const tests = words.map((word) =>
    `test "${word}" matrix { iommu.mode = [off, passthrough, lazy, strict] } {
  ${word} { if d.probe(nic) == 0 { d.remove(nic) } }
}`
  );
  using folder = new TempFolder({
    "device.h": Deno.readTextFileSync(`${FOLDER}/device.h`),
    "leaky.c": leaky,
    "leaky.dma": [
      "machine { pci { root_port rp0 { endpoint nic { bar = 4KiB } } } }",
      'driver d = c "leaky.c"',
      ...tests,
    ].join("\n"),
  });
  const { output } = await dmalab("test", folder.at("leaky.dma"));
  const failed = [...output.matchAll(/^(\w+ each) \[iommu\.mode = (\w+)\] \.\.\. FAILED/gm)];
  const modes = ["off", "passthrough", "lazy", "strict"];
  assertEquals(
    failed.map(([, word, mode]) => `${word} ${mode}`),
    words.flatMap((word) => modes.map((mode) => `${word} ${mode}`)),
    output,
  );
  // The checker reports the mapping at the unbind and forgets it; page-table entries stay.
  assertMatch(output, /unexpected report\[leak_at_unbind\]: .* with 1 live mapping/);
  assertMatch(output, /^error\[E0921\]: the block leaks/m);
});
