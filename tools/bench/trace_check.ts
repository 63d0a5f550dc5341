/** How fast a long trace is read and checked, stage by stage. */
import { LogPass, TraceCheck, TraceLine } from "@dmalab/traces";
import { type Benchmark, plainBenchmark } from "./benchmark.ts";
import { medianOf } from "@dmalab/cli/bench/statistics";
import { secondsOf } from "./cpu_time.ts";

const LINES = 200_000;
const ROUNDS = 5;
const WARM_UPS = 1;
const LINES_PER_MAPPING = 4;
/** Addresses in use at once, before the first is allocated again. */
const PAGES = 1024;

/** What a strict translated device prints: each mapping and its end, with the page table's lines. */
function strictTrace(): string[] {
  const lines: string[] = [];
  for (let index = 0; lines.length < LINES; index++) {
    const start = 0xfffff000 - index % PAGES * 4096;
    const [from, to] = [start, start + 4096].map((address) =>
      address.toString(16).padStart(16, "0")
    );
    const range = `IOMMU: iova=0x${from} - 0x${to}`;
    const seconds = (index / 1e5).toFixed(6);
    const head = `          <idle>-0       [000] d.h1.     ${seconds}: `;
    const mapping = `0000:00:04.0 dir=TO_DEVICE dma_addr=${start.toString(16)} size=4096`;
    lines.push(
      `${head}map: ${range} paddr=0x0000000003793000 size=4096`,
      `${head}dma_map_phys: ${mapping} phys_addr=3793000 attrs=`,
      `${head}unmap: ${range} size=4096 unmapped_size=4096`,
      `${head}dma_unmap_phys: ${mapping} attrs=`,
    );
  }
  return lines;
}

/** Lines a second of one stage. */
function stage(name: string, doc: string, run: (lines: readonly string[]) => void): Benchmark {
  return plainBenchmark(`trace.${name}`, "lines/s", doc, () => {
    const lines = strictTrace();
    return LINES / medianOf(ROUNDS, WARM_UPS, () => secondsOf(() => run(lines)));
  });
}

export const TRACE_CHECKS: readonly Benchmark[] = [
  stage("line", "what task, CPU, time, event and payload of a line are", (lines) => {
    const line = new TraceLine();
    for (const text of lines) line.read(text);
  }),
  stage("log", "lines of a kernel's log among those of a trace", (lines) => {
    const pass = new LogPass();
    lines.forEach((text, index) => pass.push(text, index + 1));
    pass.end();
  }),
  stage("ledger", "each mapping from its birth to its death", (lines) => {
    const check = new TraceCheck(new LogPass());
    lines.forEach((text, index) => check.push(text, index + 1));
    const found = check.end().findings.length;
    if (found > 0) throw new Error(`${found} findings in ${LINES / LINES_PER_MAPPING} mappings`);
  }),
];
