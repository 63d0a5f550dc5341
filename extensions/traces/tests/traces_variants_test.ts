/**
 * Faults planted by a seed into clean captures, and captures that lose lines. Each fault is found at
 * its place. Nothing that a missing line explains is reported as wrong.
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
/** Number of seeds for each capture; the short suite uses the first `SHORT_SEEDS` of them. */
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

/** A run that has lost lines: the remaining lines with their original numbers. */
interface Worn {
  readonly lines: string[];
  /** The original number of each line, by its number in the remaining lines. */
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

/** Replaces lines of one CPU by the kernel's mark of lost events. */
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

/** Removes the first lines. Writes a header that counts them as overwritten. */
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
          // Without the log, so that the findings come from the trace alone.
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

/** On average one in this many lines is removed, without a mark. */
const THINNED_ONE_IN = 50;

Deno.test("a trace that has fewer events than its header counts proves nothing that a missing line explains", async (t) => {
  let thinned = 0;
  for (const name of runsOf("real")) {
    const expected = readExpected(`real/${name}`);
    const text = (await readGolden(`real/${name}.trace.txt.gz`))!;
    if (text.length > 400_000 || !text.includes("entries-in-buffer")) continue;
    await t.step(name, () => {
      const right = new Set(expected.anomalies.flatMap(({ line, lines, other_line }) => [
        line,
        other_line,
        ...lines ?? [],
      ]));
      for (let seed = 0; seed < SEEDS; seed++) {
        const run = new Run(text, seed * 15485863 + 11);
        const gone = new Map<number, string | null>();
        run.lines.forEach((line, index) => {
          if (/\d\.\d{6}: /.test(line) && run.below(THINNED_ONE_IN) === 0) gone.set(index, null);
        });
        if (gone.size < 2) continue;
        thinned++;
        const { before, lines } = worn(run.lines, gone);
        const proved = check(lines, "").findings.filter(({ certainty, line, other_line }) =>
          certainty === "proved" && !right.has(before[line ?? 0]) &&
          !right.has(before[other_line ?? 0])
        );
        assertEquals(proved, [], `${name} seed ${seed}`);
      }
    });
  }
  assert(thinned > 20, `${thinned}`);
});

/** A trace of an unmap with a wrong size, with a header that counts `counted` events. */
const twice = (counted: number | null, more: readonly string[] = []) => [
  "# tracer: nop",
  ...counted === null ? [] : [`# entries-in-buffer/entries-written: ${counted}/${counted}   #P:1`],
  ...[
    "1.000001: map: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x0000000103ad6000 size=4096",
    "1.000002: dma_map_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=fffff000 size=4096 phys_addr=103ad6000 attrs=",
    "1.000003: unmap: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 size=4096 unmapped_size=4096",
    "1.000004: dma_unmap_phys: 0000:01:00.0 dir=FROM_DEVICE dma_addr=fffff000 size=2048 attrs=",
  ].map((line) => `            rx-12      [000] .....     ${line}`),
  ...more,
];

/** Name, lines, certainty of the finding, and the number of events reported missing. */
const COUNTED:
  readonly (readonly [what: string, lines: string[], certainty: string, missing: number | null])[] =
    [
      ["no count", twice(null), "proved", null],
      ["as many as counted", twice(4), "proved", 0],
      ["one fewer", twice(5), "proved", 1],
      ["two fewer", twice(6), "likely", 2],
      ["many fewer: a part of a trace", twice(55_191), "likely", 55_187],
      [
        "stacks, which the header counts too",
        twice(8, [
          "            rx-12      [000] .....     1.000005: <stack trace>",
          " => dma_unmap_phys",
        ]),
        "proved",
        null,
      ],
    ];

Deno.test("what only a whole file proves is likely where the header counts more events", () => {
  for (const [what, lines, certainty, missing] of COUNTED) {
    const { findings, summary } = check(lines, "");
    assertEquals(
      findings.map((each) => [each.kind, each.certainty]),
      [["unmap_size", certainty]],
      what,
    );
    assertEquals(summary.missing_events, missing, what);
  }
});

Deno.test("without a count of its events a file is taken to be whole, and the report says which findings need that", () => {
  const call = (index: number, name: string, size: number) =>
    `     x-1 [000] ..... 1.00000${index}: ${name}: 0000:00:04.0 dir=TO_DEVICE ` +
    `dma_addr=fffff000 size=${size} phys_addr=3793000 attrs=`;
  const shorter = [call(0, "dma_map_phys", 4096), call(1, "dma_unmap_phys", 2048)];
  const twice = [...shorter, call(2, "dma_unmap_phys", 2048)];
  const correct = [call(0, "dma_map_phys", 4096), call(1, "dma_unmap_phys", 4096)];
  const header = (count: number) => [
    "# tracer: nop",
    "#",
    `# entries-in-buffer/entries-written: ${count}/${count}   #P:1`,
  ];
  const said = (lines: readonly string[]) => {
    const text = checkedTrace(lines).text().replace(/\s+/g, " ");
    return /taken to be a whole recording: (.*? missing)/.exec(text)?.[1] ?? null;
  };
  assertEquals(said(shorter), "1 finding holds only if no line is missing");
  assertEquals(said(twice), "2 findings hold only if no line is missing");
  assertEquals(said(correct), null);
  assertEquals(said([...header(3), ...twice]), null);
});
