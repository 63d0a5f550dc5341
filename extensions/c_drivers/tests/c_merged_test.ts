/**
 * Lists in C that are mapped as fewer ranges than they have entries. DMA masks that are refused.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { caseText, huntDriver, machineVariations, runScenarioText } from "@dmalab/hunt";
import { runProgramWith } from "@dmalab/lang/run";
import { ROOT } from "@dmalab/tests";
import { openPatched } from "../compiler/patched.ts";
import { loadOpened, programOf } from "./c_together.ts";

const [opened] = openPatched(join(ROOT, "extensions/c_drivers/tests/c/merged.dma"), [null]);
const [loaded] = await loadOpened([opened!]);

/** The failure of each test, or "held", on each of its machines. */
const outcomes = Map.groupBy(
  runProgramWith(null, programOf(loaded!), { attributeDefects: false }).outcomes,
  ({ name }) => name.replace(/ \[.*/, ""),
);

const REFUSED = "Unexpected report mask_failure_ignored when ";

/** The messages for a wrong unmap: the report, or on a machine with an IOMMU the leak. */
const wrongUnmap = (call: string) =>
  ["Unexpected report unmap_entries", "Leak"].map((what) =>
    `${what} when \`${call}\` at merged.c joins entries (\`dma_map_sg.merge\` nth 1)`
  );

const ROWS: readonly (readonly [test: string, machines: number, ...said: readonly string[]])[] = [
  ["right", 4, "held"],
  ["right with a sync of each range", 4, "held"],
  ["right with a sync of each range, and bounced", 1, "held"],
  ["right with a table", 2, "held"],
  ["right and bounced", 1, "held"],
  ["a device of 32 bits, whose RAM ends at 4 GiB", 1, "held"],
  ["unmapped by its ranges", 3, ...wrongUnmap("dma_map_sg")],
  ["a table unmapped by its ranges", 2, ...wrongUnmap("dma_map_sgtable")],
  ["the device is told of every entry", 1, "Assertion failed"],
  ["a mask before dma_map_single", 1, `${REFUSED}\`dma_set_mask\` at merged.c fails the 1st time`],
  [
    "a mask before dma_map_sg",
    1,
    `${REFUSED}\`dma_set_mask_and_coherent\` at merged.c fails (\`dma_set_mask\` nth 1)`,
  ],
  [
    "a mask before dma_pool_alloc",
    1,
    `${REFUSED}\`dma_set_mask_and_coherent\` at merged.c fails (\`dma_set_mask\` nth 1)`,
  ],
  ["a mask before dma_alloc_pages", 1, `${REFUSED}\`dma_set_mask\` at merged.c fails the 1st time`],
];

for (const [test, machines, ...said] of ROWS) {
  Deno.test(`a list that a kernel merges, or a mask that it refuses, in C: ${test}`, () => {
    const runs = outcomes.get(test)!;
    assertEquals(runs.length, machines);
    const found = runs.map(({ failure }) =>
      failure === null ? "held" : failure.message.replace(/[\w/]+(merged\.c):\d+/, "$1")
    );
    for (const each of found) assert(said.includes(each), each);
  });
}

Deno.test("every test of the scenario has its row", () => {
  assertEquals([...outcomes.keys()], ROWS.map(([test]) => test));
});

Deno.test("the hunt finds a driver in C that unmaps a list by its ranges, where no page is full", () => {
  const [driver] = programOf(loaded!).drivers;
  const { loader } = opened!;
  const space = machineVariations("merged.dma", driver!.device, loader);
  assert(typeof space !== "string");
  const { finding } = huntDriver({
    program: programOf(loaded!),
    driver: driver!,
    machines: space.machines,
    seed: 1,
    cases: 300,
    mayGoOn: () => true,
  });
  const text = caseText(finding!, {
    driver: driver!,
    file: "merged.dma",
    highSetting: space.highSetting,
  });
  assertMatch(
    text,
    /^test "unmaps by ranges: 2 pieces, to_device, dma_map_sg\.merge joins entries the 1st time"/m,
  );
  assertEquals(finding!.wrong.kind, "left");
  assertEquals(runScenarioText(`${text}\n`, loader).end, "failed");
});
