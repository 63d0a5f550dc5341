/** What drivers in C are written with beside mapping calls, as C that is run. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { openScenario } from "../cli/scenario/load_scenario.ts";
import { renderDiagnostics } from "../lang/diagnostics/render.ts";
import { runProgramWith } from "../lang/run/runner.ts";
import { compileTogether } from "./c_together.ts";
import { ROOT } from "./source_text.ts";

/** How many tests a scenario has, and which of them did not hold. */
async function heldIn(name: string): Promise<readonly [number, readonly string[]]> {
  const opened = await openScenario(join(ROOT, "tests/c", name));
  assert(!("problem" in opened));
  assert(opened.program !== null, renderDiagnostics(opened.diagnostics));
  const { outcomes } = runProgramWith(null, opened.program, {});
  const wrong = outcomes.flatMap(({ failure, incidents, name: test }) =>
    failure === null && incidents.length === 0 ? [] : [`${test}: ${failure?.message}`]
  );
  return [outcomes.length, wrong];
}

await compileTogether(
  ["helpers", "lists", "waits", "managed", "gone"].map((name) => `tests/c/${name}.dma`),
);

Deno.test("counts, bitmaps, lists, mutexes and blocks give what a kernel's would", async () => {
  assertEquals(await heldIn("helpers.dma"), [29, []]);
});

Deno.test("lists in parts, by pages and by bytes, and calls that map beside the usual ones", async () => {
  assertEquals(await heldIn("lists.dma"), [33, []]);
});

Deno.test("wait queues, work, timers and threads of interrupts let each other go on", async () => {
  assertEquals(await heldIn("waits.dma"), [18, []]);
});

Deno.test("what is a device's goes with its driver, and with a probe that fails", async () => {
  assertEquals(await heldIn("managed.dma"), [10, []]);
});

Deno.test("what a release does not have is reported with those that have it", async () => {
  const opened = await openScenario(join(ROOT, "tests/c/gone.dma"));
  assert(!("problem" in opened) && opened.program === null);
  assertEquals(opened.diagnostics.map(({ hint, message }) => [message, hint]), [[
    "There is no alloc_pages_bulk_array() in 7.2.12",
    "modelled releases that have it: 6.12.117",
  ]]);
});
