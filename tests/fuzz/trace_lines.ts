/**
 * Damaged lines of traces and logs of every kind: none is answered with an exception, or with a
 * balance that does not close.
 */
import { assert, assertEquals } from "@std/assert";
import { checkJson, checkLines, ImportPass, LogPass, TraceCheck } from "@dmalab/traces";
import { readGolden } from "@dmalab/traces/tests";

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
const ALPHABET = "0123456789abcdefx[]{}=:.,- \t()#>\u00e4\u{1f4be}";
const MAX_EDITS = 4;
const MAX_REPEATS = 9;
/** Edits that cut the rest of the line off: one of so many. */
const CUTS = 4;

/** The lines that are damaged, of all sources in one. */
export async function traceCorpus(): Promise<string[]> {
  const texts = await Promise.all(SOURCES.map(readGolden));
  const lines = texts.flatMap((text) => text!.split("\n"));
  const url = new URL("../golden/traces/corpus.jsonl", import.meta.url);
  const corpus = Deno.readTextFileSync(url).trim().split("\n").flatMap((line) =>
    JSON.parse(line).lines as string[]
  );
  return [...lines, ...corpus];
}

export interface Damage {
  readonly damagedLines: number;
  readonly findings: number;
}

/** Reads so many damaged lines as one file; lines come from `corpus`, damage from `seed`. */
export function readDamaged(corpus: readonly string[], count: number, seed: number): Damage {
  let state = seed >>> 0;
  const below = (limit: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * limit);
  };
  const pick = () => corpus[below(corpus.length)]!;
  const pass = new LogPass();
  const imported = new ImportPass();
  const check = new TraceCheck(pass);
  // The log is read first, as the command does: damaged lines of it make pages that matter.
  for (const isTrace of [false, true]) {
    state = seed >>> 0;
    for (let number = 1; number <= count; number++) {
      const line = damaged(pick(), below, pick);
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

function damaged(line: string, below: (limit: number) => number, pick: () => string): string {
  let text = line;
  for (let edits = below(MAX_EDITS); edits > 0; edits--) {
    const at = below(text.length + 1);
    const piece = below(2) === 0
      ? ALPHABET[below(ALPHABET.length)]!.repeat(below(MAX_REPEATS))
      : pick().slice(below(40), below(160));
    text = below(CUTS) === 0
      ? text.slice(0, at)
      : text.slice(0, at) + piece + text.slice(at + below(MAX_REPEATS));
  }
  return text;
}
