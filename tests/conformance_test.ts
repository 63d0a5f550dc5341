/** Replays a sixth of the captured and generated data; conformance_long_test.ts replays all of it. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "node:path";
import type { GroupResult } from "./conformance/group_result.ts";
import { GOLDEN, GROUPS, holdGroups, isWitness } from "./conformance/hold_groups.ts";
import { replayAll } from "./conformance/replay.ts";

async function collect(directory: string, filter = ""): Promise<GroupResult[]> {
  const results: GroupResult[] = [];
  for await (const result of replayAll(directory, filter)) results.push(result);
  return results;
}

Deno.test("each sixth group of golden data agrees as far as it is recorded to, and draws no report that it does not deserve", async (t) => {
  const witnesses = GROUPS.filter(isWitness);
  for (
    const kind of [
      "kernel/history",
      "kernel/submissions",
      "iova",
      "pagetable",
      "invalidations",
      "swiotlb",
      "hmm",
      "vfio",
    ]
  ) {
    assert(witnesses.some((name) => name.startsWith(`${kind}/`)), kind);
  }
  const { cases } = await holdGroups(t, isWitness);
  assert(cases > 20_000, `${cases} captured cases`);
});

Deno.test("a changed number in a captured case is noticed", async () => {
  using directory = new TempFolder();
  const lines = (await Deno.readTextFile(join(GOLDEN, "swiotlb", "basics.jsonl"))).split("\n");
  const victim = lines.findIndex((line) => line.includes('"tlb":') && line.includes('"op":"map"'));
  lines[victim] = lines[victim]!.replace(
    /"tlb":(\d+)/,
    (_, tlb) => `"tlb":${Number(tlb) + 2048}`,
  );
  directory.write("swiotlb/basics.jsonl", lines.join("\n"));
  const [result] = await collect(directory.path);
  assert(result !== undefined && result.agree < result.total);
  assertEquals(result.firstDifference?.caseName, `line ${victim + 1} (map)`);
  assertEquals(result.firstDifference?.difference.path, "tlb");
});

Deno.test("a damaged file is reported by name and counts against us", async () => {
  using directory = new TempFolder({ "iova/broken.jsonl": '{"op":"init"\n' });
  const [result] = await collect(directory.path);
  assertEquals(result?.unreadable, true);
  assertMatch(result?.note ?? "", /Line 1 is not JSON/);
});
