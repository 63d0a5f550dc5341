import { assertEquals } from "@std/assert";
import { beginningOf, readRun, replayRun } from "./captured_run.ts";

Deno.test("a pool's blocks come out by the order of a history; where a request was lost they are given (audit A.10)", async () => {
  const run = beginningOf(await readRun("v7.2-strict-nosgl"), 90);
  const differing = (lost: number | null, dropped: number): number => {
    const regular = run.regular.filter((_, index) => index !== lost);
    const environment = { ...run.environment, dropped };
    const { agree, total } = replayRun({ ...run, environment, regular }).cases;
    return total - agree;
  };
  assertEquals(differing(null, 0), 0);
  // Each of these requests took blocks of existing pages. Each is removed from the record once.
  for (const lost of [55, 77, 86]) {
    assertEquals(differing(lost, 1), 0);
    assertEquals(differing(lost, 0) > 0, true, "later requests take its blocks");
  }
});
