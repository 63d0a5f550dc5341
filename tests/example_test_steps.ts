/**
 * A scenario of the project as a test of `deno test`. It runs once, and everything that looks at examples
 * looks at that run: its own assertions, the audit of its machines, the tables of a recording, the
 * event log, and the digest of all that happens.
 */
import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { judge, loadWhole, neverReached } from "@dmalab/cli/testing/register_scenarios";
import { displayName } from "@dmalab/lang/run";
import { Digest } from "./digest/digest.ts";
import { runWatched } from "./digest/examples_world.ts";
import { readTable } from "./digest/table.ts";
import { Watch } from "./recording/watched_machine.ts";
import { ROOT } from "./source_text.ts";

const TABLE = readTable();

/** Runs a scenario: a step for each of its tests, then one for each of those that looked on. */
export async function testScenario(t: Deno.TestContext, path: string): Promise<void> {
  const { program, warnings } = await loadWhole(join(ROOT, path));
  assertEquals(warnings, "");
  const digest = new Digest();
  const tables = new Watch();
  const outcomes = runWatched(program, digest.add, {
    onLab: (lab) => {
      lab.machine.startAudit();
      tables.attach(lab);
    },
  });
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
  await t.step("its digest is in tests/digest/digests.json", () =>
    assertEquals(
      digest.text,
      TABLE[path],
      `where it differs: deno task digest ${path} --against ANOTHER_CHECKOUT; ` +
        "after a change that was meant: deno task digest --update",
    ));
}
