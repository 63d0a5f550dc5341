/** Runs benchmarks in rounds, saves them, and compares them with a saved file or another commit. */
import { dirname } from "node:path";
import { rewriteFile } from "@dmalab/cli/files";
import type { BenchResult } from "./benchmark.ts";
import { PROJECT } from "./child.ts";
import { addRound, comparisonLines, type Measured, type Measurements } from "./compare.ts";

/** Fewer rounds say little about noise. */
const ROUNDS = 9;

/** What ends the rounds; another commit's files are removed first. */
const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** What `--save` writes. */
interface Saved {
  readonly commit: string;
  readonly deno: string;
  readonly results: Measurements;
}

type Sums = Record<string, Measured & { readonly values: number[] }>;

/** Why nothing is measured: for the user. */
export class CannotMeasure extends Error {}

/**
 * Measures in rounds. With `against`, a commit or a saved file, prints what differs.
 *
 * @throws {CannotMeasure}
 */
export async function measureRepeatedly(
  filters: readonly string[],
  { against, save }: { readonly against: string | null; readonly save: string | null },
): Promise<void> {
  if (save !== null) checkPlace(save);
  const saved = against === null ? null : readSaved(against);
  const isCommit = against !== null && saved === null;
  const stop = new AbortController();
  for (const signal of SIGNALS) Deno.addSignalListener(signal, () => stop.abort());
  const other = isCommit ? checkOut(against) : null;
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
      const written: Saved = {
        commit: git("rev-parse", "HEAD"),
        deno: Deno.version.deno,
        results: now,
      };
      rewriteFile(save, `${JSON.stringify(written, null, 1)}\n`);
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
    if (other !== null) git("worktree", "remove", "--force", other);
  }
}

/** One round in a process of its own, which ends when `signal` is aborted. */
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

/** Nine rounds take minutes: what prevents the file is reported before. @throws {CannotMeasure} */
function checkPlace(path: string): void {
  readSaved(path);
  const folder = dirname(path);
  try {
    if (Deno.statSync(folder).isDirectory) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new CannotMeasure(`there is no folder "${folder}"`);
}

/** What was saved; null where there is no such file. */
function readSaved(path: string): Saved | null {
  try {
    const saved = JSON.parse(Deno.readTextFileSync(path)) as Saved;
    if (typeof saved.commit === "string" && typeof saved.results === "object") return saved;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
  }
  throw new CannotMeasure(`"${path}" was not written by --save`);
}

/** Another commit's files, in a folder of their own. */
function checkOut(commit: string): string {
  try {
    git("rev-parse", "--verify", "--end-of-options", `${commit}^{commit}`);
  } catch (error) {
    if (!(error instanceof CannotMeasure)) throw error;
    throw new CannotMeasure(`"${commit}" is neither a saved file nor a commit`);
  }
  const folder = Deno.makeTempDirSync({ prefix: "dmalab-bench-" });
  git("worktree", "add", "--detach", folder, commit);
  return folder;
}

function git(...args: string[]): string {
  const options = { args, cwd: PROJECT, stdout: "piped", stderr: "piped" } as const;
  const { stderr, stdout, success } = new Deno.Command("git", options).outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (!success) throw new CannotMeasure(`git ${args.join(" ")} fails: ${text(stderr)}`);
  return text(stdout);
}
