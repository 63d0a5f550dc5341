/**
 * The hunt with the functions `map` and `unmap` of a driver in C. It finds nothing in the intact
 * driver. In the driver with a bug, it finds the smallest case.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import { openPatched } from "../compiler/patched.ts";
import { caseText, huntDriver, machineVariations, runScenarioText } from "@dmalab/hunt";
import { loadOpened, programOf } from "./c_together.ts";
import { ROOT } from "@dmalab/tests";

const [opened, crashing] = ["hunted.dma", "hunted_crash.dma"]
  .map((name) => openPatched(join(ROOT, "extensions/c_drivers/tests/c", name), [null])[0]!);
const [loaded, loadedCrashing] = await loadOpened([opened!, crashing!]);

Deno.test("the hunt finds the smallest case of a driver in C that is wrong, and none of one that is right", () => {
  const program = programOf(loaded!);
  const { loader } = opened!;
  const [right, wrong] = program.drivers;
  const file = "hunted.dma";
  const space = machineVariations(file, right!.device, loader);
  assert(typeof space !== "string");
  const common = { program, machines: space.machines, seed: 1, mayGoOn: () => true };
  const intact = huntDriver({ ...common, driver: right!, cases: 300 });
  assertEquals([intact.cases, intact.finding], [300, null]);
  const { cases, finding } = huntDriver({ ...common, driver: wrong!, cases: 300 });
  assert(cases < 300 && finding !== null);
  const text = caseText(finding, { driver: wrong!, file, highSetting: space.highSetting });
  assertMatch(text, /^# page-table entries of 4096 bytes at 0xffff_f000 not cleared; /);
  assertMatch(text, /^test "forgets the first: 2 pieces, to_device, \S+ fails the 2nd time"/m);
  // The printed case fails when it is run as a scenario.
  assertEquals(runScenarioText(`${text}\n`, loader).end, "failed");
});

Deno.test("the hunt finds a map in C that does not survive a mapping call's failure", () => {
  const program = programOf(loadedCrashing!);
  const [driver] = program.drivers;
  const space = machineVariations("hunted_crash.dma", driver!.device, crashing!.loader);
  assert(typeof space !== "string");
  const options = { program, machines: space.machines, seed: 1, mayGoOn: () => true };
  const { finding } = huntDriver({ ...options, driver: driver!, cases: 300 });
  assertMatch(finding!.wrong.text, /a null pointer \(in map_crashing\(\) at /);
});
