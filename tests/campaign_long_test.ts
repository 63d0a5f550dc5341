/** Shards that are killed at random and started again, by the variables of the engines. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "../runtime/random.ts";
import { PLAN, textsOf, withPlan } from "./campaign/plan.ts";
import { dmalab, programWords } from "./dmalab_program.ts";
import { ROOT } from "./source_text.ts";

/** The variables, and how the first shard is numbered. */
const ENGINES = [
  ["SLURM_ARRAY_TASK_ID", 0],
  ["JOB_COMPLETION_INDEX", 0],
  ["CI_NODE_INDEX", 1],
  ["PARALLEL_SEQ", 1],
] as const;

Deno.test("a campaign whose shards are killed at random comes to the result of one that was not", async () => {
  await withPlan(PLAN, async (folder, plan) => {
    const random = new Random(33);
    let killed = 0;
    /** Runs a shard; true when it came to its end. */
    const run = async (shard: number, out: string, mostMs: number) => {
      const [variable, first] = ENGINES[shard]!;
      const [command, ...args] = programWords("-A");
      const words = ["campaign", "run", plan, "--out", `${folder}/${out}`];
      const child = new Deno.Command(command, {
        args: [...args, ...words],
        cwd: ROOT,
        env: { [variable]: String(shard + first) },
        stdout: "null",
        stderr: "null",
      }).spawn();
      const timer = setTimeout(() => child.kill("SIGKILL"), mostMs);
      const { code, signal } = await child.status;
      clearTimeout(timer);
      if (signal === "SIGKILL") killed++;
      else assertEquals(code, 0);
      return signal === null;
    };
    const shards = Array.from({ length: PLAN.shards }, (_, shard) => shard);
    const begin = performance.now();
    await Promise.all(shards.map((shard) => run(shard, "plain", 100_000)));
    // On a slow host a fixed time would be over before a shard has begun.
    const plainMs = Math.ceil(performance.now() - begin);
    await Promise.all(shards.map(async (shard) => {
      let mostMs = plainMs / 2;
      while (!await run(shard, "killed", mostMs)) mostMs += random.below(plainMs);
    }));
    assert(killed > 0, "no shard was killed");
    const [plain, other] = await Promise.all(["plain", "killed"].map(async (name) => {
      const files = textsOf(`${folder}/${name}`).map(([file]) => `${folder}/${name}/${file}`);
      await dmalab("campaign", "merge", ...files, "--out", `${folder}/found-${name}`);
      return textsOf(`${folder}/found-${name}`);
    }));
    assertEquals(other, plain);
  });
});
