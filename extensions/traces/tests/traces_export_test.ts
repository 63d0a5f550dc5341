/** Traces of real machines as events of the lab. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { dmalab } from "@dmalab/tests";
import { runExport } from "../cli/export.ts";
import { MemoryScreen } from "@dmalab/cli";
import { keptTraces, type RecordedRun, TraceReader } from "@dmalab/recording";
import { findingLine } from "../ledger/check_report.ts";
import { isSure } from "../ledger/traced_mapping.ts";
import { checkedTrace } from "./checked_trace.ts";
import { goldenPath, readGolden } from "./golden_traces.ts";

/** Exports some files. */
async function exported(...files: readonly string[]): Promise<string> {
  const screen = new MemoryScreen();
  const paths = files.map((file) => goldenPath(file)!);
  assertEquals([await runExport(paths, screen), screen.errors], [0, ""]);
  return screen.output;
}

const RUNS = [
  "real/72-strict-mistakes.trace.txt.gz",
  "real/612-lazy-2cpu-small.trace.txt.gz",
  "real/72-lost-events.trace.txt.gz",
  "real/72-direct-small.trace.txt.gz",
];

Deno.test("a trace as a file of events is held to the format of scenarios' own", async () => {
  for (const run of RUNS) {
    const lines = (await exported(run)).trimEnd().split("\n");
    const reader = new TraceReader();
    const read = lines.map((line) => reader.read(line));
    const wrong = read.filter((line) => "problem" in line);
    assertEquals(wrong, [], run);
    assertEquals(read[0], { dmatrace: 1, by: "dmalab 0.1.0" }, run);
    const events = read.filter((line) => "seq" in line);
    assertEquals(read.at(-1), { runs: 1, events: events.length }, run);
    const names = new Set(events.map((event) => "name" in event ? event.name : ""));
    assert(names.has("dma.map") && names.has("dma.unmap"), run);
    // Each event names the line of the trace from which it was made.
    const trace = (await readGolden(run))!.split("\n");
    for (const event of events) {
      const [, line] = ("site" in event && event.site?.match(/:(\d+):1$/)) || [];
      assert(/dma|iommu|map|page/.test(trace[Number(line) - 1] ?? ""), `${run} ${line}`);
    }
    const times = events.map((event) => "at_ns" in event ? event.at_ns : 0);
    assert(times.every((time) => Number.isSafeInteger(time)), run);
  }
});

Deno.test("a second unmap and the faults of a log are events at their times", async () => {
  const line = (at: string, call: string, more: string) =>
    `  rx-7  [000] ..s..    ${at}: ${call}: 0000:01:00.0 dir=FROM_DEVICE dma_addr=fffff000 ` +
    `size=2048 ${more}attrs=\n`;
  using folder = new TempFolder({
    "made.trace.txt": line("12.004109", "dma_map_phys", "phys_addr=10a4c000 ") +
      line("12.004949", "dma_unmap_phys", "") + line("12.004960", "dma_unmap_phys", "") +
      line("12.006147", "dma_map_phys", "phys_addr=10a52000 ") +
      line("12.007147", "dma_unmap_phys", ""),
    "made.log": "[   12.005001] DMAR: [DMA Write NO_PASID] Request device [01:00.0] fault addr " +
      "0xfffff000 [fault reason 0x05] PTE Write access is not set\n",
  });
  const { output } = await dmalab(
    "trace",
    "export",
    folder.at("made.trace.txt"),
    folder.at("made.log"),
  );
  const reader = new TraceReader();
  const events = output.trimEnd().split("\n").map((text) => reader.read(text)).flatMap((read) =>
    "seq" in read && "name" in read
      ? [`${read.name} ${read.at_ns} ${read.site?.split("/").at(-1)}`]
      : []
  );
  assertEquals(events, [
    "dma.map 12004109000 made.trace.txt:1:1",
    "dma.unmap 12004949000 made.trace.txt:2:1",
    "dma.unmap 12004960000 made.trace.txt:3:1",
    "iommu.fault 12005001000 made.log:1:1",
    "dma.map 12006147000 made.trace.txt:4:1",
    "dma.unmap 12007147000 made.trace.txt:5:1",
  ]);
});

Deno.test("a device of which nothing says who makes its addresses is written as translated, with a warning", async () => {
  using folder = new TempFolder();
  const path = folder.at("made.trace.txt");
  const map = (addr: string) =>
    `  fio-7  [000] .....  1.000000: dma_map_phys: 0000:00:05.0 dir=TO_DEVICE dma_addr=${addr} ` +
    "size=512 phys_addr=9000000 attrs=\n";
  for (
    const [lines, way, warned] of [
      [map("fff00000"), "iommu", true],
      [map("1fff00000"), "iommu", false],
      [map("fff00000") + map("9000000"), "swiotlb", false],
    ] as const
  ) {
    Deno.writeTextFileSync(path, lines);
    const { errors, output } = await dmalab("trace", "export", path);
    assertMatch(output, new RegExp(`"path":"${way}"`));
    assertEquals(errors.startsWith("warning: nothing says whether"), warned, lines);
  }
});

Deno.test("what is found in a trace fails the run that is made of it, and its page says so", async () => {
  for (const run of RUNS) {
    const text = await exported(run);
    const [kept] = keptTraces(text, { name: run, textOf: () => null }) as readonly RecordedRun[];
    const trace = (await readGolden(run))!.split("\n");
    const findings = checkedTrace(trace).findings.filter(isSure);
    assertEquals(kept!.failure?.code ?? null, findings[0]?.rule ?? null, run);
    assertEquals(kept!.failure?.message.split("\n") ?? [], findings.map(findingLine), run);
    assertEquals(kept!.failure?.lines.length ?? 0, findings.length && findings.length + 1, run);
  }
  assertMatch(await exported("real/72-strict-mistakes.trace.txt.gz"), /unmap_size/);
});
