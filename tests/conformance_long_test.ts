/** Replays all captured and generated data. */
import { assert, assertEquals } from "@std/assert";
import { GROUPS, holdGroups } from "./conformance/hold_groups.ts";

Deno.test("every group of golden data agrees as far as it is recorded to, and draws no report that it does not deserve", async (t) => {
  assert(GROUPS.length > 150, `Expected more than 150 groups, found ${GROUPS.length}`);
  const { cases, drawn } = await holdGroups(t, () => true);
  assert(cases > 100_000, `${cases} captured cases`);
  // A run is replayed with the first of its groups. Therefore that group has the run's reports.
  assertEquals(drawn.get("kernel/submissions/v6.12-none"), ["cacheline_overlap"]);
  assertEquals(drawn.get("kernel/history/v7.2-strict-ms8-msgl"), ["link_unaligned"]);
  assertEquals(drawn.get("releases/submissions/v7.0-lazy"), ["link_unaligned"]);
  assertEquals(drawn.get("releases/submissions/v7.1-strict"), ["link_unaligned"]);
});
