/**
 * The captured and generated data must go on agreeing, group by group.
 *
 * `conformance_agreement.json` holds how many cases of each group agree today. Fewer is a failure;
 * more is one too, so that the file is kept true: `deno task conformance --json` has the numbers.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { GroupResult } from "../conformance/group_result.ts";
import { replayAll } from "../conformance/replay.ts";
import recorded from "./conformance_agreement.json" with { type: "json" };

/** Groups in which every case must agree. */
const COMPLETE = [/^kernel\//, /^iova\//, /^pagetable\//, /^swiotlb\//, /^defects\//];

const GOLDEN = "tests/golden";

async function collect(directory: string, filter = ""): Promise<GroupResult[]> {
  const results: GroupResult[] = [];
  for await (const result of replayAll(directory, filter)) results.push(result);
  return results;
}

Deno.test("every group of golden data agrees as far as it is recorded to", async (t) => {
  const results = await collect(GOLDEN);
  assert(results.length > 150, `Expected more than 150 groups, found ${results.length}`);
  const expected: Readonly<Record<string, readonly [number, number]>> = recorded as never;
  for (const { name, agree, total } of results) {
    await t.step(`${name}: ${agree} of ${total}`, () => {
      assertEquals([agree, total], [...(expected[name] ?? [])]);
      if (COMPLETE.some((pattern) => pattern.test(name))) assertEquals(agree, total);
    });
  }
  assertEquals(results.map(({ name }) => name).sort(), Object.keys(expected).sort());
});

Deno.test("a changed number in a captured case is noticed", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(directory, "swiotlb"));
    const lines = (await Deno.readTextFile(join(GOLDEN, "swiotlb", "basics.jsonl"))).split("\n");
    const victim = lines.findIndex((line) =>
      line.includes('"tlb":') && line.includes('"op":"map"')
    );
    lines[victim] = lines[victim]!.replace(
      /"tlb":(\d+)/,
      (_, tlb) => `"tlb":${Number(tlb) + 2048}`,
    );
    await Deno.writeTextFile(join(directory, "swiotlb", "basics.jsonl"), lines.join("\n"));
    const [result] = await collect(directory);
    assert(result !== undefined && result.agree < result.total);
    assertEquals(result.firstDifference?.caseName, `line ${victim + 1} (map)`);
    assertEquals(result.firstDifference?.difference.path, "tlb");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("a damaged file is reported by name and counts against us", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(directory, "iova"));
    await Deno.writeTextFile(join(directory, "iova", "broken.jsonl"), '{"op":"init"\n');
    const [result] = await collect(directory);
    assertEquals(result?.unreadable, true);
    assertMatch(result?.note ?? "", /Line 1 is not JSON/);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
