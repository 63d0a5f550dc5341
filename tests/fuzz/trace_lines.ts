/**
 * Reads damaged lines of traces and logs of every kind. No line may cause an exception, or an
 * inconsistent balance of mappings.
 */
import { assert, assertEquals } from "@std/assert";
import {
  checkJson,
  checkLines,
  ImportPass,
  loadLogReader,
  LogPass,
  TraceCheck,
  TraceLine,
} from "@dmalab/traces";
import { readGoldenText } from "../conformance/golden_files.ts";
import { Choices } from "@dmalab/hunt";
import { damageListing } from "./mutations.ts";

// Loaded first, because lines of logs are read synchronously here.
await loadLogReader();

const SOURCES = [
  "real/72-strict-mistakes.trace.txt.gz",
  "real/72-strict-mistakes.dmesg.txt.gz",
  "real/72-strict-mistakes.qemu.log.gz",
  "real/72-direct-small.trace.txt.gz",
  "real/72-lost-events.trace.txt.gz",
  "real/72-amd.trace.txt.gz",
  "dialects/trace-cmd-72.txt.gz",
  "dialects/perf-script-72.txt.gz",
  "dialects/blkparse-72.txt.gz",
];

const GOLDEN_TRACES = new URL("../golden/traces/", import.meta.url);

/** The lines of all sources, which are to be damaged. */
export async function traceCorpus(): Promise<string[]> {
  const texts = await Promise.all(
    SOURCES.map((name) => readGoldenText(new URL(name, GOLDEN_TRACES).pathname)),
  );
  const lines = texts.flatMap((text) => text.split("\n"));
  const corpus = Deno.readTextFileSync(new URL("corpus.jsonl", GOLDEN_TRACES)).trim().split("\n")
    .flatMap((line) => JSON.parse(line).lines as string[]);
  return [...lines, ...corpus];
}

export interface Damage {
  readonly damagedLines: number;
  readonly findings: number;
}

/**
 * Reads a number of damaged lines as one file.
 * @param corpus The undamaged lines.
 * @param seed The seed for choosing lines and damages.
 */
export function readDamaged(corpus: readonly string[], count: number, seed: number): Damage {
  const pass = new LogPass();
  const imported = new ImportPass();
  const check = new TraceCheck(pass);
  // The log is read first, as the command does it: the damaged lines of the log decide which pages
  // are relevant.
  for (const isTrace of [false, true]) {
    const choices = new Choices(seed);
    for (let number = 1; number <= count; number++) {
      const whole = choices.pick(corpus);
      const line = TraceLine.of(
        choices.oneIn(4) ? whole : damageListing(whole, choices, corpus).replaceAll("\n", " "),
      );
      if (isTrace) {
        imported.push(line, number, "damaged");
        check.push(line, number);
      } else pass.push(line, number);
    }
    if (!isTrace) pass.end();
  }
  const result = check.end();
  const report = checkJson(check, pass, result);
  for (
    const [device, { alive, births, deaths, uncertain }] of Object.entries(report.balance.devices)
  ) {
    assertEquals(births, deaths + alive + uncertain, device);
  }
  assert(report.findings.every(({ line }) => line === null || line > 0 && line <= count));
  checkLines(check, pass, result, { trace: "trace", log: "log" });
  return { damagedLines: report.summary.damaged_lines.length, findings: report.findings.length };
}
