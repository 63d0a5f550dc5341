/** The hunt over map and unmap of a driver in C: nothing in the intact one, the smallest case in the other. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { openPatched } from "../cli/c/patched.ts";
import { caseText } from "../instruments/driver_hunt/case_text.ts";
import { huntDriver } from "../instruments/driver_hunt/hunt_driver.ts";
import { machineVariations } from "../instruments/driver_hunt/variations.ts";
import { runScenarioText } from "../instruments/hunt/scenario_check.ts";
import { loadOpened, programOf } from "./c_together.ts";
import { ROOT } from "./source_text.ts";

const [opened] = openPatched(join(ROOT, "tests/c/hunted.dma"), [null]);
const [loaded] = await loadOpened([opened!]);

Deno.test("the hunt finds the smallest case of a driver in C that is wrong, and none of one that is right", () => {
  const program = programOf(loaded!);
  const { loader } = opened!;
  const [right, wrong, crashing] = program.drivers;
  const file = "hunted.dma";
  const space = machineVariations(file, right!.device, loader);
  assert(typeof space !== "string");
  const common = { program, machines: space.machines, seed: 1, mayGoOn: () => true };
  const intact = huntDriver({ ...common, driver: right!, cases: 300 });
  assertEquals([intact.cases, intact.finding], [300, null]);
  // What a kernel does not survive is wrong where a mapping call fails, too.
  const crashed = huntDriver({ ...common, driver: crashing!, cases: 300 }).finding;
  assertMatch(crashed!.wrong.text, /a null pointer \(in map_crashing\(\) at /);
  const { cases, finding } = huntDriver({ ...common, driver: wrong!, cases: 300 });
  assert(cases < 300 && finding !== null);
  const text = caseText(finding, { driver: wrong!, file, highSetting: space.highSetting });
  assertMatch(text, /^# page-table entries of 4096 bytes at 0xffff_f000 not cleared; /);
  assertMatch(text, /^test "forgets the first: 2 pieces, to_device, \S+ fails the 2nd time"/m);
  // As a test of its own it fails.
  assertEquals(runScenarioText(`${text}\n`, loader).end, "failed");
});
