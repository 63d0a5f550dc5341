/**
 * Faults planted by a seed into clean captures, and captures that lose lines: what is wrong is found
 * where it is, and nothing is called so that a missing line explains.
 */
import { assert, assertEquals } from "@std/assert";
import type { checkJson } from "../ledger/check_report.ts";
import { checkedTrace } from "./checked_trace.ts";
import { readExpected, readGolden, runsOf } from "./golden_traces.ts";
import {
  type Planted,
  type PlantedFinding,
  PLANTS,
  Run,
  TRANSLATED_PLANTS,
} from "./planted_faults.ts";

type Report = ReturnType<typeof checkJson>;
type Found = Report["findings"][number];

function check(lines: readonly string[], log: string): Report {
  const report = checkedTrace(lines, log.split("\n")).json();
  for (
    const [device, { alive, births, deaths, uncertain }] of Object.entries(report.balance.devices)
  ) {
    assertEquals(births, deaths + alive + uncertain, device);
  }
  return report;
}

const isSure = ({ certainty }: Found) => certainty === "proved" || certainty === "likely";

function isOne(found: Found, right: PlantedFinding): boolean {
  if (!right.accepted.includes(found.kind)) return false;
  return right.line === null ? found.log_line === right.logLine : found.line === right.line;
}

function holdPlanted(name: string, { findings, lines, log = "" }: Planted): void {
  const report = check(lines, log);
  const used = new Set<Found>();
  for (const right of findings) {
    const found = report.findings.find((each) => !used.has(each) && isOne(each, right));
    assert(found !== undefined, `${name}: ${JSON.stringify(right)} is not found`);
    used.add(found);
    if (right.otherLine !== null) assertEquals(found.other_line, right.otherLine, name);
    if (right.logLine !== null) assertEquals(found.log_line, right.logLine, name);
    if (right.certainties !== null) assert(right.certainties.includes(found.certainty), name);
  }
  assertEquals(report.findings.filter((each) => isSure(each) && !used.has(each)), [], name);
}

/** Small clean captures, and whether an IOMMU translates in them. */
const BASES: readonly (readonly [string, boolean])[] = [
  ["72-strict-small", true],
  ["612-strict-small", true],
  ["612-lazy-2cpu-small", true],
  ["72-direct-small", false],
  ["72-bounce", false],
];
/** Of these the first ones are the short suite's. */
const SEEDS = 6;
const SHORT_SEEDS = 2;

Deno.test("a fault planted anywhere in a clean run is found there, and nothing besides", (t) =>
  holdPlants(t, 0, SHORT_SEEDS));
Deno.test("a fault planted in more places of a clean run is found there (long)", (t) =>
  holdPlants(t, SHORT_SEEDS, SEEDS));

async function holdPlants(t: Deno.TestContext, from: number, to: number): Promise<void> {
  for (const [base, isTranslated] of BASES) {
    const text = (await readGolden(`real/${base}.trace.txt.gz`))!;
    const plants = { ...PLANTS, ...isTranslated ? TRANSLATED_PLANTS : {} };
    await t.step(base, () => {
      let count = 0;
      for (const [name, plant] of Object.entries(plants)) {
        for (let seed = from; seed < to; seed++) {
          const planted = plant(new Run(text, seed * 7919 + 13));
          if (planted === null) continue;
          holdPlanted(`${base} ${name} seed ${seed}`, planted);
          count++;
        }
      }
      assert(count >= Object.keys(plants).length * (to - from) * 0.7, `${count} plants`);
    });
  }
}

/** A run that has lost lines: those kept, and where each was. */
interface Worn {
  readonly lines: string[];
  /** Number of a line before, by its number now. */
  readonly before: number[];
}

function worn(lines: readonly string[], replaced: ReadonlyMap<number, string | null>): Worn {
  const kept: Worn = { lines: [], before: [0] };
  lines.forEach((line, index) => {
    const instead = replaced.has(index) ? replaced.get(index)! : line;
    if (instead === null) return;
    kept.lines.push(instead);
    kept.before.push(index + 1);
  });
  return kept;
}

/** Lines of one CPU give way to the word that they are lost. */
function withGap(run: Run): Worn {
  const cpu = run.pick(run.events)?.cpu ?? 0;
  const from = run.below(run.lines.length);
  const to = from + 1 + run.below(150);
  const pattern = new RegExp(`\\[0*${cpu}\\] +(?:\\S+ +)?\\d+\\.\\d+: `);
  const lost = run.lines.flatMap((line, index) =>
    index >= from && index < to && pattern.test(line) ? [index] : []
  );
  const replaced = new Map<number, string | null>(lost.map((index) => [index, null]));
  if (lost.length > 0) replaced.set(lost.at(-1)!, `CPU:${cpu} [LOST ${lost.length} EVENTS]`);
  return worn(run.lines, replaced);
}

/** The beginning is overwritten, and the header says so. */
function withoutHead(run: Run): Worn {
  const count = run.below(run.lines.length - 5);
  const replaced = new Map<number, string | null>();
  for (let index = 1; index < count; index++) replaced.set(index, null);
  const written = run.lines.length;
  replaced.set(0, `# entries-in-buffer/entries-written: ${written - count}/${written}   #P:2`);
  return worn(run.lines, replaced);
}

Deno.test("where lines are missing nothing is called wrong that they explain", async (t) => {
  for (const name of runsOf("real")) {
    const expected = readExpected(`real/${name}`);
    const text = (await readGolden(`real/${name}.trace.txt.gz`))!;
    if (text.length > 400_000) continue;
    await t.step(name, () => {
      const right = new Set(expected.anomalies.flatMap(({ line, lines, other_line }) => [
        line,
        other_line,
        ...lines ?? [],
      ]));
      for (let seed = 0; seed < SEEDS; seed++) {
        for (const wear of [withGap, withoutHead]) {
          const { before, lines } = wear(new Run(text, seed * 104729 + 7));
          // Without the log: what the trace alone says.
          const besides = check(lines, "").findings.filter((each) =>
            isSure(each) && !right.has(before[each.line ?? 0]) &&
            !right.has(before[each.other_line ?? 0])
          );
          assertEquals(besides, [], `${name} ${wear.name} seed ${seed}`);
        }
      }
    });
  }
});
