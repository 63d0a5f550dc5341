/**
 * `deno task fuzz-traces [LINES [SEED]]`: a million damaged lines of traces and logs, read in one go
 * and in small files. An exception ends it; so does a batch that takes longer than any line may.
 */
import { readDamaged, traceCorpus } from "./trace_lines.ts";

const LINES = 1_000_000;
/** Lines of one file: small ones end in every state that a ledger can be in. */
const BATCHES = [200_000, 2_000] as const;
const MOST_SECONDS_A_LINE = 0.002;

const lines = Number(Deno.args[0] ?? LINES);
const seed = Number(Deno.args[1] ?? 1);
const corpus = await traceCorpus();
const start = performance.now();
let read = 0;
let damaged = 0;
let findings = 0;
for (let batch = 0; read < lines; batch++) {
  const count = Math.min(BATCHES[batch % 2 === 0 && batch < 5 ? 0 : 1], lines - read);
  const before = performance.now();
  const found = readDamaged(corpus, count, seed + batch);
  const seconds = (performance.now() - before) / 1000;
  if (seconds > 1 + count * MOST_SECONDS_A_LINE) {
    console.error(`batch ${batch} of seed ${seed}: ${count} lines took ${seconds.toFixed(1)} s`);
    Deno.exit(1);
  }
  read += count;
  damaged += found.damagedLines;
  findings += found.findings;
}
const seconds = (performance.now() - start) / 1000;
console.log(
  `${read.toLocaleString("en-US")} damaged lines of seed ${seed} in ${seconds.toFixed(0)} s: ` +
    `no exception, ${damaged.toLocaleString("en-US")} reported as damaged, ` +
    `${findings.toLocaleString("en-US")} findings`,
);
