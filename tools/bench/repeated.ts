/** Runs benchmarks in rounds, saves them, and compares them with a saved file or another commit. */
import {
  addRound,
  type BenchResult,
  CannotMeasure,
  checkSavePlace,
  comparisonLines,
  type Measured,
  readSaved,
  type SavedMeasurements,
  writeSaved,
} from "@dmalab/cli/bench";
import { PROJECT } from "../project.ts";
import { git, OtherCommit } from "./other_commit.ts";

/** Fewer rounds are not enough to estimate the noise. */
const ROUNDS = 9;

/** Signals that end the rounds. Before the process ends, another commit's files are removed. */
const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

type Sums = Record<string, Measured & { readonly values: number[] }>;

/**
 * Measures in rounds. With `against`, a commit or a saved file, prints the differences.
 *
 * @throws {CannotMeasure}
 */
export async function measureRepeatedly(
  filters: readonly string[],
  { against, save }: { readonly against: string | null; readonly save: string | null },
): Promise<void> {
  if (save !== null) checkSavePlace(save);
  const saved = against === null ? null : readSaved(against);
  const isCommit = against !== null && saved === null;
  const stop = new AbortController();
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => stop.abort());
  const commit = isCommit ? new OtherCommit(against) : null;
  const other = commit?.folder ?? null;
  try {
    const [old, now]: [Sums, Sums] = [{}, {}];
    for (let round = 0; round < ROUNDS; round++) {
      const sides = [[PROJECT, now], ...other === null ? [] : [[other, old]]] as [string, Sums][];
      // The order alternates, so that slow drift affects both sides.
      for (const [folder, sums] of round % 2 === 0 ? sides : sides.reverse()) {
        const whose = folder === other ? against! : "this folder";
        for (const filter of filters) {
          addRound(sums, await resultsOf(folder, whose, filter, stop.signal));
        }
      }
      console.error(`round ${round + 1} of ${ROUNDS}`);
    }
    if (save !== null) {
      const written: SavedMeasurements = {
        commit: git("rev-parse", "HEAD"),
        deno: Deno.version.deno,
        results: now,
      };
      writeSaved(save, written);
      console.log(`wrote ${Object.keys(now).length} results to ${save}`);
    }
    if (against === null) return;
    const base = saved?.results ?? old;
    const how = isCommit
      ? "in alternating runs"
      : `saved at ${saved!.commit.slice(0, 8)}, not alternating`;
    console.log(
      `${ROUNDS} rounds against ${against}, ${how}; in brackets the 95 % confidence interval`,
    );
    console.log(comparisonLines(base, now, isCommit).join("\n"));
  } finally {
    commit?.[Symbol.dispose]();
  }
}

/** One round in a separate process, which ends when `signal` is aborted. */
async function resultsOf(
  folder: string,
  whose: string,
  filter: string,
  signal: AbortSignal,
): Promise<BenchResult[]> {
  const permissions = ["--no-prompt", "-R", "-W", "--allow-env", "--allow-run"];
  const { code, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...permissions, "tools/bench_main.ts", "--json", filter],
    cwd: folder,
    stdout: "piped",
    stderr: "piped",
    signal,
  }).output();
  if (signal.aborted) throw new CannotMeasure("interrupted");
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (code === 2) {
    throw new CannotMeasure(`no benchmark of ${whose} is called "${filter}"`);
  }
  if (code !== 0) throw new Error(text(stderr));
  return text(stdout).split("\n").map((line) => JSON.parse(line) as BenchResult);
}
