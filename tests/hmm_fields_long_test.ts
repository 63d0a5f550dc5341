/**
 * Changes each field of each kind of operation in tests/golden/hmm once. The case must then differ,
 * unless `tests/conformance/hmm/hmm_given.ts` says that the field is an input.
 */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals } from "@std/assert";
import type { Json } from "./conformance/difference.ts";
import { listGoldenFiles, parseLines, readGoldenText } from "./conformance/golden_files.ts";
import { leftOutOfStep, replayDeviceFacts } from "./conformance/hmm/device_facts.ts";
import type { HmmCase, HmmOp, PfnRun } from "./conformance/hmm/hmm_given.ts";
import { isGivenResult } from "./conformance/hmm/hmm_given.ts";
import { readHmmCases, readHmmFacts, replayHmmFile } from "./conformance/replay.ts";
import { replayHmm, type WatchResults } from "./conformance/hmm/hmm_replay.ts";
import { replayOdp } from "./conformance/hmm/odp_replay.ts";
import { changesOf } from "./recorded_fields.ts";

const GOLDEN = "tests/golden/hmm";

const FACTS = await readHmmFacts(GOLDEN);

function casesOf(name: string): Promise<HmmCase[]> {
  return readHmmCases(`${GOLDEN}/${name}.jsonl.gz`);
}

Deno.test("a changed result of any kind of operation on a map, a range or memory is noticed", async () => {
  const seen = new Set<string>();
  const unnoticed: string[] = [];
  const watch: WatchResults = (op, results, differs) => {
    for (const { apply, name } of changesOf(results, op, isGivenResult)) {
      if (seen.has(name)) continue;
      seen.add(name);
      if (!differs(apply(results))) unnoticed.push(name);
    }
  };
  for (const [name, facts] of Object.entries(FACTS)) {
    const replay = facts.mapping === undefined ? replayOdp : replayHmm;
    const { agree, total } = replay(name, facts, await casesOf(name), watch);
    assertEquals(agree, total, name);
  }
  assertEquals(unnoticed, []);
  assert(seen.size > 300, `${seen.size} fields`);
});

/**
 * Changes an entry of a list in the first case with an entry that `changed` can change, and replays
 * the cases up to that case.
 * @returns The path of the first difference; empty if nothing differs.
 */
async function withChangedRun(
  changed: (run: PfnRun, op: HmmOp) => PfnRun | null,
): Promise<readonly string[]> {
  const cases = (await casesOf("v7.2-none")).slice(0, 12);
  for (const [at, each] of cases.entries()) {
    for (const [place, op] of each.ops.entries()) {
      const [first, ...others] = op.op === "set_entry" ? [] : op.pfns ?? [];
      const other = first === undefined ? null : changed(first, op);
      if (other === null) continue;
      const ops = each.ops.with(place, { ...op, pfns: [other, ...others] });
      const file = cases.slice(0, at + 1).with(at, { ...each, ops });
      const { firstDifference } = replayHmm("changed", FACTS["v7.2-none"]!, file);
      return firstDifference === null ? [] : [firstDifference.difference.path];
    }
  }
  throw new Error("No entry to change");
}

Deno.test("a changed entry of a list of frames is noticed: place, count, flags, order, and a number that was known", async () => {
  const changes: readonly ((run: PfnRun, op: HmmOp) => PfnRun | null)[] = [
    ([index, ...rest]) => [index + 1, ...rest],
    ([index, count, ...rest]) => [index, count + 1, ...rest],
    ([index, count, flags, ...rest]) => [index, count, flags === "V" ? "VW" : "V", ...rest],
    ([index, count, flags, order, ...rest]) => [index, count, flags, order + 1, ...rest],
    ([index, count, flags, order, pfn, step], { op }) =>
      op === "hmm_map" ? [index, count, flags, order, pfn + 1, step] : null,
    ([index, count, flags, order, pfn, step]) =>
      count > 1 ? [index, count, flags, order, pfn, 1 - step] : null,
  ];
  for (const change of changes) assertEquals((await withChangedRun(change)).length, 1);
});

Deno.test("two pages never get one frame, and pages that were only read never two", async () => {
  const cases = await casesOf("v7.2-none");
  const zero = cases.findIndex(({ family }) => family === "anon_zero_then_write");
  const { ops } = cases[zero]!;
  const changed = (place: number, pfns: readonly PfnRun[]) => {
    const file = cases.slice(0, zero + 1).with(zero, {
      ...cases[zero]!,
      ops: ops.with(place, { ...ops[place]!, pfns }),
    });
    const { agree, total } = replayHmm("changed", FACTS["v7.2-none"]!, file);
    return total - agree;
  };
  const read = ops.findIndex(({ op }) => op === "range_fault");
  const [[first, count, flags, order, pfn]] = ops[read]!.pfns as readonly [PfnRun];
  assertEquals(changed(read, [[first, count, flags, order, pfn, 1]]), 1);
  const written = ops.findLastIndex(({ op }) => op === "range_fault");
  const runs = ops[written]!.pfns!;
  const twice = runs.map((run, index) => index === 1 ? [...run.slice(0, 4), runs[0]![4], 0] : run);
  assertEquals(changed(written, twice as unknown as PfnRun[]), 1);
});

Deno.test("a machine that cannot be built counts against us with its reason, and so does an unknown operation", async () => {
  using directory = new TempFolder();
  const name = "v7.2-none-p2pswitch";
  await Deno.copyFile(`${GOLDEN}/${name}.jsonl.gz`, directory.at(`${name}.jsonl.gz`));
  const facts = { ...FACTS[name], variation: ["upside-down"] };
  directory.write("facts.json", JSON.stringify({ [name]: facts }));
  const file = { group: `hmm/${name}`, path: directory.at(`${name}.jsonl.gz`) };
  const { agree, note, total } = await replayHmmFile(file);
  assertEquals([agree, total], [0, 13]);
  assertEquals(note, `${name}: unknown variation "upside-down"`);
  const [start, second, ...rest] = await casesOf("v7.2-none-p2pswitch");
  const strange: HmmCase = { ...second!, ops: [{ op: "hmm_map", map: 0, index: 0, dma: 0 }] };
  const result = replayHmm("x", FACTS["v7.2-none-p2pswitch"]!, [start!, strange, second!, ...rest]);
  assertEquals([result.agree, result.total], [13, 14], "only the case that makes no sense differs");
});

Deno.test("a changed field of any step of device-facts is noticed, but for what docs/dev/conformance.md names", async () => {
  let changes = 0;
  for (const { group, path } of listGoldenFiles("tests/golden")) {
    if (!group.includes("/device-facts/")) continue;
    const lines = parseLines<Readonly<Record<string, Json>>>(await readGoldenText(path));
    const lazy = lines[0]!.domain_type === "DMA-FQ";
    for (const [index, line] of lines.entries()) {
      const leftOut = leftOutOfStep(line, lazy);
      for (const [key, value] of Object.entries(line)) {
        // Arguments are not changed: the new value could be one that no machine has.
        const isArgument = key === "what" || key === "at" && leftOut.has("at");
        if (isArgument || index === 0 && !key.startsWith("domain_")) continue;
        for (const { apply } of changesOf(value, key, isGivenResult)) {
          changes++;
          const changed = lines.with(index, { ...line, [key]: apply(value) });
          const { agree, total } = replayDeviceFacts(group, changed);
          assertEquals(agree < total, !leftOut.has(key), `${group} line ${index + 1} ${key}`);
        }
      }
    }
  }
  assert(changes > 1000, `${changes} changes`);
});
