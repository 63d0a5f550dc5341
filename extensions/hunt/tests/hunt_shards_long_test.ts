/** Shards that are killed at random and restarted. */
import { assert, assertEquals } from "@std/assert";
import { Random } from "@dmalab/runtime";
import { dmalab, programWords, ROOT } from "@dmalab/tests";
import { HUNTS, inFolder, mergedIn } from "./hunt_shards.ts";

const SHARDS = [1, 2, 3];

for (const [name, hunt] of HUNTS) {
  Deno.test(`shards of ${name} that are killed at random are merged to the output of one run`, () =>
    inFolder(async (folder) => {
      const random = new Random(33);
      let killed = 0;
      /** Runs a shard; true when it finished. */
      const run = async (shard: number, mostMs: number) => {
        const [command, ...args] = programWords("-A");
        const words = ["hunt", ...hunt(folder), "--shard", `${shard}/3`, "--out", folder];
        const child = new Deno.Command(command, {
          args: [...args, ...words],
          cwd: ROOT,
          stdout: "null",
          stderr: "null",
        }).spawn();
        const timer = setTimeout(() => child.kill("SIGKILL"), mostMs);
        const { code, signal } = await child.status;
        clearTimeout(timer);
        if (signal === "SIGKILL") killed++;
        else assertEquals(code === 0 || code === 1, true, `exit code ${code}`);
        return signal === null;
      };
      const begin = performance.now();
      const one = await dmalab("hunt", ...hunt(folder));
      // The time is measured, because on a slow host a fixed time would be over before a shard has
      // started.
      const oneMs = Math.ceil(performance.now() - begin);
      await Promise.all(SHARDS.map(async (shard) => {
        let mostMs = oneMs / 2;
        while (!await run(shard, mostMs)) mostMs += random.below(oneMs);
      }));
      assert(killed > 0, "no shard was killed");
      assertEquals(await mergedIn(folder), one);
    }));
}
