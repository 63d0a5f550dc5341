/**
 * Checks that captured and generated data still agree with the model, group by group.
 *
 * `conformance_agreement.json` has the number of agreeing cases of each group. A group fails if
 * fewer cases agree. It also fails if more cases agree, so that the numbers in the file are kept
 * correct. `deno task conformance --json` prints the new numbers.
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
 * The classes of checker reports that a group may cause. Most groups may cause none, because the
 * captured requests worked.
 *
 * Kernels 6.1 and 6.12 cause reports of overlapping cache lines, as with the kernel's own DMA
 * debugging: these kernels map the same buffer for several commands at a time, and check cache
 * lines on every machine (rules/dma.md 8.2). Metadata with SGLs causes the report `link_unaligned`:
 * the defect that causes it made the captured requests fail (rules/defects.md,
 * `metadata_uses_data_gap`). Data in 7.0 and 7.1 behind an IOMMU causes `link_unaligned`, too: the
 * front part of a split bio loses its gap bit (`gap_bit_lost_on_split`), and the captured calls
 * ended with EIO.
 */
function deserved(group: string): readonly string[] {
  if (/\bv6\.(?:1|12)-/.test(group)) return ["cacheline_overlap"];
  return /-msgl$|\/v7\.[01]-(strict|lazy)$/.test(group) ? ["link_unaligned"] : [];
}

/** Whether a group is part of a captured run. */
function isCaptured(group: string): boolean {
  return /^(kernel|releases|guests)\//.test(group);
}

/** Replays groups, and collects the classes of reports that each captured group causes. */
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

/**
 * Replays groups, with a test step for each.
 * @returns The number of cases of each captured group, and the checker reports of the groups.
 */
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

/** The short suite replays one group out of this many. */
const SHARE = 6;

/**
 * Whether the short suite replays a group. It replays one sixth of the groups of each kind. For a
 * captured configuration, the requests, the history and the submissions are replayed together.
 */
export function isWitness(group: string): boolean {
  const parts = group.split("/");
  const partOf = (name: string) => isCaptured(group) ? name.split("/").at(-1)! : name;
  const alike = GROUPS.filter((name) => name.startsWith(`${parts[0]}/`)).map(partOf);
  return [...new Set(alike)].sort().indexOf(partOf(group)) % SHARE === 0;
}
