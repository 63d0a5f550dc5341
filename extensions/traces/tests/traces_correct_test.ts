/**
 * Traces of machines without mistakes, whole and damaged as people paste them. No finding in them is called
 * proved.
 */
import { assert, assertEquals } from "@std/assert";
import { Random } from "@dmalab/runtime";
import { checkedTrace } from "./checked_trace.ts";
import { readExpected, readGolden, runsOf } from "./golden_traces.ts";
import { MadeTrace, MODES, printed, RELEASES, run, TOOLS } from "./made_trace.ts";
import { TracedFlow } from "./traced_flow.ts";

type Damage = (lines: readonly string[]) => readonly string[];

/**
 * Captures longer than this get only three kinds of damage, because each kind of damage takes a
 * second to check.
 */
const SHORT_LINES = 3000;
const CUT_LINES = 120;

const isEvent = (line: string) => !line.startsWith("#") && line.trim() !== "";
const cpuOf = (line: string) => /\[(\d{3})\]/.exec(line)?.[1] ?? "";
const keeping = (pattern: RegExp): Damage => (lines) =>
  lines.filter((line) => !isEvent(line) || pattern.test(line));
const dropping = (pattern: RegExp): Damage => (lines) =>
  lines.filter((line) => !isEvent(line) || !pattern.test(line));
const part = (from: number, until: number): Damage => (lines) =>
  lines.slice(Math.floor(lines.length * from), Math.floor(lines.length * until));
/** Replaces a part in the middle by one line. */
const cutAt = (share: number, mark: string): Damage => (lines) => {
  const at = Math.floor(lines.length * share);
  return [...lines.slice(0, at), mark, ...lines.slice(at + CUT_LINES)];
};
/** Removes lines of one CPU, and writes the kernel's mark of lost events in their place. */
const lostOf = (cpu: string, share: number): Damage => (lines) => {
  const at = Math.floor(lines.length * share);
  return [
    ...lines.slice(0, at),
    ...lines.slice(at, at + CUT_LINES).filter((line) => cpuOf(line) !== cpu),
    `CPU:${Number(cpu)} [LOST ${CUT_LINES} EVENTS]`,
    ...lines.slice(at + CUT_LINES),
  ];
};

const QUICK: Readonly<Record<string, Damage>> = {
  "as it is": (lines) => lines,
  "begun in the middle": part(0.37, 1),
  "ended in the middle": part(0, 0.53),
};

const DAMAGES: Readonly<Record<string, Damage>> = {
  ...QUICK,
  "a piece of it": part(0.31, 0.68),
  "one device alone": keeping(/0000:00:04\.0|0000:01:00\.0/),
  "events of the DMA API alone": keeping(/dma_/),
  "calls about one address alone": keeping(/dma_(?:un)?map_(?:page|phys)|dma_alloc|dma_free/),
  "without maps of page tables": dropping(/ (?:iommu:)?map: /),
  "without unmaps of page tables": dropping(/ (?:iommu:)?unmap: /),
  "one CPU alone": keeping(/\[000\]/),
  "one CPU behind the other": (lines) => [...Map.groupBy(lines, cpuOf).values()].flat(),
  "newest line first": (lines) => lines.toReversed(),
  "twice, one behind the other": (lines) => [...lines, ...lines],
  "lost events of CPU 0": lostOf("000", 0.5),
  "lost events of CPU 1": lostOf("001", 0.6),
  "a part cut out by hand": cutAt(0.5, "[...]"),
  "another part cut out by hand": cutAt(0.41, "<snip>"),
  "lines of 150 columns": (lines) => lines.map((line) => line.slice(0, 150)),
  "addresses of 48 bits": (lines) =>
    lines.map((line) => line.replace(/\b(dma_addr=|iova=0x0{0,8})([0-9a-f]{8})\b/g, "$1ffff$2")),
  "behind the kernel's clock": (lines) =>
    lines.map((line) => isEvent(line) ? `[   12.345678] ${line}` : line),
};

/** Findings that are called proved; a correct machine's trace must have none. */
function provedOf(lines: readonly string[]): string[] {
  return checkedTrace(lines).findings.flatMap(({ certainty, kind, line, text }) =>
    certainty === "proved" ? [`${kind} in line ${line}: ${text}`] : []
  );
}

function assertNothingProved(
  name: string,
  lines: readonly string[],
  damages: Readonly<Record<string, Damage>> = DAMAGES,
): void {
  for (const [damage, damaged] of Object.entries(damages)) {
    assertEquals(provedOf(damaged(lines)), [], `${name}, ${damage}`);
  }
}

Deno.test("captures of kernels whose drivers make no mistake prove none, whole and damaged", async () => {
  let traces = 0;
  for (const name of runsOf("real")) {
    const expected = readExpected(`real/${name}`);
    if (expected.anomalies.length > 0 || /mistakes|lost/.test(name)) continue;
    const text = await readGolden(`real/${name}.trace.txt.gz`);
    const lines = text!.split("\n");
    assertNothingProved(name, lines, lines.length > SHORT_LINES ? QUICK : DAMAGES);
    traces++;
  }
  assert(traces >= 10, `${traces}`);
});

const SHARE = 6;

/** The undamaged trace and a sixth of the damages, a different sixth for each trace. */
function someOf(index: number): Readonly<Record<string, Damage>> {
  const own = Object.entries(DAMAGES).filter((_, at) => at % SHARE === index % SHARE);
  return { ...Object.fromEntries(own), "as it is": DAMAGES["as it is"]! };
}

Deno.test("traces of made machines that work prove no mistake, of each release and tool, whole and damaged", () => {
  let traces = 0;
  for (const [release, row] of Object.entries(RELEASES)) {
    for (const mode of MODES) {
      for (const [tool, print] of Object.entries(TOOLS)) {
        const trace = new MadeTrace(mode, row, 0x7ace + traces++);
        run(trace, () => {});
        const { lines } = printed(trace, print);
        assertNothingProved(`${release} ${mode} ${tool}`, lines, someOf(traces));
      }
    }
  }
  assert(traces >= 20, `${traces}`);
});

Deno.test("a machine at work for long proves no mistake, whole and damaged", () => {
  for (const isDirect of [false, true]) {
    const flow = new TracedFlow({ isDirect, mistakeEvery: 0, linesPerSecond: 100_000 }, 7);
    assertNothingProved(isDirect ? "direct" : "translated", flow.take(4000).split("\n"));
  }
});

Deno.test("a mark of a person who cut lines out is a gap, and text that has such words is none", () => {
  const marks = [
    "[...]",
    "...",
    "…",
    "<snip>",
    "[snip]",
    "--- 8< ---",
    "-- cut here --",
    "(120 lines omitted)",
  ];
  const warning = "------------[ cut here ]------------";
  const others = [
    "some text",
    "cut: 3",
    "a line that goes on ...",
    "# cut",
    warning,
    `> ${warning}`,
  ];
  const map =
    "  fio-7  [000] .....  10.000010: dma_map_phys: 0000:00:03.0 dir=TO_DEVICE dma_addr=fffe1000 size=4096 phys_addr=3793000 attrs=";
  for (const mark of [...marks, ...others]) {
    const { check } = checkedTrace([map, mark, map.replaceAll("fffe1000", "fffd1000")]);
    const isMark = marks.includes(mark);
    assertEquals(check.gaps, isMark ? [{ line: 2, cpu: null, count: null }] : [], mark);
  }
});

Deno.test("a trace with its newest line first says so, and proves nothing", () => {
  const random = new Random(5);
  const flow = new TracedFlow({ isDirect: false, mistakeEvery: 40, linesPerSecond: 1000 }, 5);
  const lines = flow.take(600 + random.below(100)).trim().split("\n");
  assert(provedOf(lines).length > 5);
  const { findings, text } = checkedTrace(lines.toReversed());
  assertEquals(
    findings.filter(({ certainty }) => certainty !== "possible" && certainty !== "unknown"),
    [],
  );
  assert(text().includes("the newest line stands first"), text());
});
