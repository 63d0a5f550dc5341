/** Speed of reading and checking a long trace: each stage separately, and the whole command. */
import { LineBuffer, loadLogReader, LogPass, TraceCheck, TraceLine } from "@dmalab/traces";
import { PROJECT } from "../project.ts";
import { TempFolder } from "../temp_folder.ts";
import { type Benchmark, benchResult, plainBenchmark } from "./benchmark.ts";
import { type BenchResult, median, medianOf } from "@dmalab/cli/bench";
import { processorSeconds } from "./child.ts";
import { secondsOf } from "./cpu_time.ts";
import { writeCleanTrace, writeRealTrace } from "./trace_files.ts";

// Loaded before the measurements, so that log lines are read at once.
await loadLogReader();

const LINES = 200_000;
const ROUNDS = 5;
const WARM_UPS = 1;
const LINES_PER_MAPPING = 4;
/** Number of addresses in use, before the first is allocated again. */
const PAGES = 1024;

/**
 * The trace lines of a device in strict mode with translation: each mapping and its end, with the
 * lines of the page table.
 */
function strictTrace(): Uint8Array {
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
  return new TextEncoder().encode(`${lines.join("\n")}\n`);
}

/** A benchmark of one stage, in lines a second. */
function stage(name: string, doc: string, run: (bytes: Uint8Array) => void): Benchmark {
  return plainBenchmark(`trace.${name}`, "lines/s", doc, () => {
    const bytes = strictTrace();
    return LINES / medianOf(ROUNDS, WARM_UPS, () => secondsOf(() => run(bytes)));
  });
}

/** Reads each line, with its number. */
function eachLine(bytes: Uint8Array, take: (line: TraceLine, number: number) => void): void {
  const line = new TraceLine();
  let number = 0;
  new LineBuffer(bytes.length).push(bytes).each(line, () => take(line, ++number));
}

const WHOLE_ROUNDS = 9;

/** Measures the processor time of whole runs of the command. */
function whole(name: string, doc: string, write: (path: string) => void): Benchmark {
  return {
    name: `trace.check.${name}`,
    doc: `${doc}, a million lines: the whole command`,
    run(): readonly BenchResult[] {
      using folder = new TempFolder();
      const path = folder.at("trace.txt");
      write(path);
      checkSeconds(path);
      const seconds = Array.from({ length: WHOLE_ROUNDS }, () => checkSeconds(path));
      const result = (part: string, value: number) =>
        benchResult(`trace.check.${name}${part}`, value, "s");
      return [
        result("", median(seconds)),
        result(".least", Math.min(...seconds)),
        result(".most", Math.max(...seconds)),
      ];
    },
  };
}

/**
 * Processor time of all threads of `dmalab trace check`, in seconds. The shell that starts the command
 * measures it.
 *
 * @throws {Error} When the command cannot read the file.
 */
function checkSeconds(path: string): number {
  const command = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    "bin/main.ts",
    "trace",
    "check",
    path,
  ];
  // Exit code 0 or 1: without or with findings.
  return processorSeconds(command, PROJECT, 1);
}

export const TRACE_CHECKS: readonly Benchmark[] = [
  stage("line", "what task, CPU, time, event and payload of a line are", (bytes) => {
    eachLine(bytes, () => {});
  }),
  stage("log", "lines of a kernel's log among those of a trace", (bytes) => {
    const pass = new LogPass();
    eachLine(bytes, (line, number) => pass.push(line, number));
    pass.end();
  }),
  stage("ledger", "each mapping from its birth to its death", (bytes) => {
    const check = new TraceCheck(new LogPass());
    eachLine(bytes, (line, number) => check.push(line, number));
    const found = check.end().findings.length;
    if (found > 0) throw new Error(`${found} findings in ${LINES / LINES_PER_MAPPING} mappings`);
  }),
  whole("clean", "a machine without a mistake", writeCleanTrace),
  whole("real", "recorded traces one after the other, with their mistakes", writeRealTrace),
];
