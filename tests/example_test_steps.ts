/**
 * Runs a scenario of the project as a test of `deno test`. The scenario runs once, and all checks of
 * examples use that run: its own assertions, the audit of its machines, the tables of a recording, and
 * the event log.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { judge, loadWhole, neverReached } from "@dmalab/cli/testing";
import { displayName, type Program } from "@dmalab/lang/run";
import { runProgram } from "@dmalab/lang/program";
import { Watch } from "./recording/watched_machine.ts";
import { ROOT } from "./source_text.ts";

/** Runs a scenario: a step for each of its tests, then a step for each check. */
export async function testScenario(t: Deno.TestContext, path: string): Promise<void> {
  const { program, warnings } = await loadWhole(join(ROOT, path));
  assertEquals(warnings, "");
  const tables = new Watch();
  const registry: Program["registry"] = {
    ...program.registry,
    buildMachine: (config, options) => {
      const machine = program.registry.buildMachine(config, options);
      machine.lab.machine.startAudit();
      tables.attach(machine.lab);
      return machine;
    },
  };
  const { outcomes } = runProgram({ ...program, registry });
  for (const outcome of outcomes) await t.step(displayName(outcome), () => judge(outcome));
  await t.step("every expectation was met", () => assertEquals(neverReached(outcomes), []));
  await t.step("tables and event log of a recording are what the machines hold", () => {
    for (const watched of tables.watched) {
      tables.end(watched);
      for (const event of watched.events) {
        assertEquals(watched.recording.log.event(event.seq), event);
      }
    }
  });
}
