/**
 * The captured and generated data must go on agreeing, group by group.
 *
 * `conformance_agreement.json` holds how many cases of each group agree today. Fewer is a failure;
 * more is one too, so that the file is kept true: `deno task conformance --json` has the numbers.
 */
import { assertEquals } from "@std/assert";
import { MappingRecords } from "@dmalab/runtime/dma";
import recorded from "../conformance_agreement.json" with { type: "json" };
import type { GroupResult } from "./group_result.ts";
import { replayGroups } from "./replay.ts";

const EXPECTED: Readonly<Record<string, readonly [number, number]>> = recorded as never;

/** The names of all groups. */
export const GROUPS: readonly string[] = Object.keys(EXPECTED);

export const GOLDEN = "tests/golden";

/**
 * The classes of reports that the checker may draw from a group: nearly none, since what was captured
 * worked.
 *
 * 6.1 and 6.12 draw overlaps of cache lines, as they would have with their own debugging: they map the same
 * buffer for several commands at a time, and look at lines on every machine (rules/dma.md 8.2).
 * Metadata behind SGLs draws the defect that made those requests fail (rules/defects.md,
 * `metadata_uses_data_gap`). So does data in 7.0 and 7.1 behind an IOMMU: the front part of a split bio
 * loses its gap bit (`gap_bit_lost_on_split`), and the captured calls ended with EIO.
 */
function deserved(group: string): readonly string[] {
  if (/\bv6\.(?:1|12)-/.test(group)) return ["cacheline_overlap"];
  return /-msgl$|\/v7\.[01]-(strict|lazy)$/.test(group) ? ["link_unaligned"] : [];
}

/** Whether a group is a view of a captured run. */
function isCaptured(group: string): boolean {
  return /^(kernel|releases|guests)\//.test(group);
}

/** Replays groups, and notes which reports the captured requests of each draw. */
async function replayWatched(isWanted: (group: string) => boolean) {
  const { report } = MappingRecords.prototype;
  const seen = new Set<string>();
  MappingRecords.prototype.report = function (...args) {
    seen.add(args[0]);
    report.apply(this, args);
  };
  const results: GroupResult[] = [];
  const drawn = new Map<string, readonly string[]>();
  try {
    for await (const result of replayGroups(GOLDEN, isWanted)) {
      results.push(result);
      if (isCaptured(result.name)) drawn.set(result.name, [...seen]);
      seen.clear();
    }
  } finally {
    MappingRecords.prototype.report = report;
  }
  return { results, drawn };
}

/** Replays groups, a step each. @returns How many cases each of the captured ones has, and their reports. */
export async function holdGroups(t: Deno.TestContext, isWanted: (group: string) => boolean) {
  const { results, drawn } = await replayWatched(isWanted);
  for (const { name, agree, total } of results) {
    await t.step(`${name}: ${agree} of ${total}`, () => {
      assertEquals([agree, total], [...(EXPECTED[name] ?? [])]);
      assertEquals(agree, total);
      const may = deserved(name);
      assertEquals((drawn.get(name) ?? []).filter((each) => !may.includes(each)), []);
    });
  }
  assertEquals(results.map(({ name }) => name).sort(), GROUPS.filter(isWanted).sort());
  const captured = results.filter(({ name }) => drawn.has(name));
  return { cases: captured.reduce((sum, { total }) => sum + total, 0), drawn };
}

/** One of so many is replayed by the short suite. */
const SHARE = 6;

/**
 * The groups of the short suite: each sixth of its kind. The requests, the history and the submissions of a
 * captured configuration belong together.
 */
export function isWitness(group: string): boolean {
  const parts = group.split("/");
  const partOf = (name: string) => isCaptured(group) ? name.split("/").at(-1)! : name;
  const alike = GROUPS.filter((name) => name.startsWith(`${parts[0]}/`)).map(partOf);
  return [...new Set(alike)].sort().indexOf(partOf(group)) % SHARE === 0;
}
