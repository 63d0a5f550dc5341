/** Functions that drivers in C use in addition to mapping calls, tested with drivers that run. */
import { assertEquals } from "@std/assert";
import { type LoadResult, runProgramWith } from "@dmalab/lang/run";
import { loadFiles, programOf } from "./c_together.ts";

const [helpers, lists, waits, managed, gone] = await loadFiles(
  ["helpers", "lists", "waits", "managed", "gone"].map((name) =>
    `extensions/c_drivers/tests/c/${name}.dma`
  ),
);

/** The number of a scenario's tests, and the tests that did not hold. */
function heldIn(loaded: LoadResult | undefined): readonly [number, readonly string[]] {
  const { outcomes } = runProgramWith(null, programOf(loaded!), {});
  const wrong = outcomes.flatMap(({ failure, incidents, name: test }) =>
    failure === null && incidents.length === 0 ? [] : [`${test}: ${failure?.message}`]
  );
  return [outcomes.length, wrong];
}

for (
  const [says, loaded, tests] of [
    ["counts, bitmaps, lists, mutexes and blocks give what a kernel's would", helpers, 29],
    ["lists in parts, by pages and by bytes, and calls that map beside the usual ones", lists, 33],
    ["wait queues, work, timers and threads of interrupts let each other go on", waits, 19],
    ["what is a device's goes with its driver, and with a probe that fails", managed, 10],
  ] as const
) Deno.test(says, () => assertEquals(heldIn(loaded), [tests, []]));

Deno.test("what a release does not have is reported with those that have it", () => {
  assertEquals(gone!.program, null);
  assertEquals(gone!.diagnostics.map(({ hint, message }) => [message, hint]), [[
    "There is no alloc_pages_bulk_array() in 7.2.12",
    "modelled releases that have it: 6.1.192, 6.12.117",
  ]]);
});
