/** `dmalab campaign run`: the tries of one shard that its file does not have yet. */
import { dirname } from "@std/path";
import { allowedVariable } from "../host.ts";
import { type ExitCode, HELD, INTERRUPTED, WRONG } from "../exit_code.ts";
import { makeResultFolder } from "../files/write_file.ts";
import { withInterrupts } from "../interrupts.ts";
import type { Screen } from "../screen.ts";
import type { Shard } from "../testing/shard.ts";
import { type CampaignPlan, triesOf } from "./plan.ts";
import { CannotTry, TryRunner } from "./run_try.ts";
import { addRecord, openShardFile } from "./shard_file.ts";

/** Variables by which engines number their jobs, and the first number. */
const INDEX_VARIABLES = [
  ["SLURM_ARRAY_TASK_ID", 0],
  ["JOB_COMPLETION_INDEX", 0],
  ["CI_NODE_INDEX", 1],
  ["PARALLEL_SEQ", 1],
] as const;

/** The number of this shard from 0, by the engine's variable; or a sentence that says what is wrong. */
export function shardNumber({ shards }: CampaignPlan): number | string {
  const names = INDEX_VARIABLES.map(([name]) => name).join(", ");
  for (const [name, first] of INDEX_VARIABLES) {
    const text = allowedVariable(name) ?? "";
    if (text === "") continue;
    const number = Number(text) - first;
    if (Number.isInteger(number) && number >= 0 && number < shards) return number;
    return `${name} is "${text}", but the plan has ${shards} shards, numbered from ${first}`;
  }
  return `no shard number: set one of ${names}, or give --shard 1/${shards}`;
}

/** Runs a shard. @param path The plan's. @param typed The folder of results that the user named. */
export async function runShard(
  path: string,
  plan: CampaignPlan,
  shard: Shard,
  typed: string | null,
  screen: Screen,
): Promise<ExitCode> {
  const name = `shard-${String(shard.index + 1).padStart(4, "0")}.jsonl`;
  const file = `${makeResultFolder(typed, { folder: ".", name: "results" })}/${name}`;
  const tried = openShardFile(file, { campaign: plan, shard: shard.index + 1 });
  const before = tried.size;
  return await withInterrupts(async (interrupts) => {
    const runner = new TryRunner(dirname(path), interrupts);
    let number = 0;
    for (const each of triesOf(plan)) {
      if (number++ % plan.shards !== shard.index || tried.has(each.key)) continue;
      try {
        const record = await runner.run(each);
        // What was interrupted is tried again.
        if (interrupts.interrupted()) return INTERRUPTED;
        addRecord(file, record);
      } catch (error) {
        if (!(error instanceof CannotTry)) throw error;
        screen.err(`${error.message}\n`);
        return WRONG;
      }
      tried.add(each.key);
    }
    const again = before === 0 ? "" : `, ${before} of them in earlier runs`;
    screen.out(
      `shard ${shard.index + 1} of ${plan.shards}: ${tried.size} tries in ${file}${again}\n`,
    );
    return HELD;
  });
}
