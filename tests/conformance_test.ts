/**
 * The captured and generated data must go on agreeing, group by group.
 *
 * `conformance_agreement.json` holds how many cases of each group agree today. Fewer is a failure;
 * more is one too, so that the file is kept true: `deno task conformance --json` has the numbers.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import type { GroupResult } from "./conformance/group_result.ts";
import { replayAll } from "./conformance/replay.ts";
import { Ledger } from "../runtime/dma/checker/ledger.ts";
import recorded from "./conformance_agreement.json" with { type: "json" };

/** Groups in which every case must agree. */
const COMPLETE = [
  /^kernel\//,
  /^iova\//,
  /^pagetable\//,
  /^swiotlb\//,
  /^hmm\//,
  /^defects\//,
];

const GOLDEN = "tests/golden";

async function collect(directory: string, filter = ""): Promise<GroupResult[]> {
  const results: GroupResult[] = [];
  for await (const result of replayAll(directory, filter)) results.push(result);
  return results;
}

/**
 * The classes of reports that the checker may draw from a group: nearly none, since what was captured
 * worked.
 *
 * 6.12 draws overlaps of cache lines, as it would have with its own debugging: it maps the same
 * buffer for several commands at a time, and looks at lines on every machine (behaviour/dma.md 8.2).
 * Metadata behind SGLs draws the defect that made those requests fail (behaviour/defects.md,
 * `metadata_uses_data_gap`).
 */
function deserved(group: string): readonly string[] {
  if (group.includes("v6.12")) return ["cacheline_overlap"];
  return group.endsWith("-msgl") ? ["link_unaligned"] : [];
}

/** Replays every group, and notes which reports the captured requests of each draw. */
async function replayWatched() {
  const { report } = Ledger.prototype;
  const seen = new Set<string>();
  Ledger.prototype.report = function (...args) {
    seen.add(args[0]);
    report.apply(this, args);
  };
  const results: GroupResult[] = [];
  const drawn = new Map<string, readonly string[]>();
  try {
    for await (const result of replayAll(GOLDEN, "")) {
      results.push(result);
      if (result.name.startsWith("kernel/")) drawn.set(result.name, [...seen]);
      seen.clear();
    }
  } finally {
    Ledger.prototype.report = report;
  }
  return { results, drawn };
}

Deno.test("every group of golden data agrees as far as it is recorded to, and draws no report that it does not deserve", async (t) => {
  const { results, drawn } = await replayWatched();
  assert(results.length > 150, `Expected more than 150 groups, found ${results.length}`);
  const expected: Readonly<Record<string, readonly [number, number]>> = recorded as never;
  for (const { name, agree, total } of results) {
    await t.step(`${name}: ${agree} of ${total}`, () => {
      assertEquals([agree, total], [...(expected[name] ?? [])]);
      if (COMPLETE.some((pattern) => pattern.test(name))) assertEquals(agree, total);
      const may = deserved(name);
      assertEquals((drawn.get(name) ?? []).filter((each) => !may.includes(each)), []);
    });
  }
  assertEquals(results.map(({ name }) => name).sort(), Object.keys(expected).sort());
  const captured = results.filter(({ name }) => drawn.has(name));
  const cases = captured.reduce((sum, { total }) => sum + total, 0);
  assert(cases > 100_000, `${cases} captured cases`);
  // A run is replayed for whichever of its groups comes first.
  assertEquals(drawn.get("kernel/submissions/v6.12-none"), ["cacheline_overlap"]);
  assertEquals(drawn.get("kernel/history/v7.2-strict-ms8-msgl"), ["link_unaligned"]);
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
