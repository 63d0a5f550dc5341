/** `--jobs`: the report does not depend on the number of workers. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { TempFolder } from "@dmalab/tools";
import { dmalab } from "./dmalab_program.ts";
import { countedWorkers, sweepScenario } from "./job_suites.ts";

Deno.test("hunt and bench with --jobs print what they print without, byte for byte", async () => {
  const defect = "none, gap_bit_lost_on_split, stale_iova_state_p2p";
  for (
    const words of [
      ["hunt", "--quirks", defect, "--cases", "150"],
      ["hunt", "examples/museum/11-gap-bit.dma", "--cases", "100"],
      ["hunt", "examples/drivers/01-hunted-driver.dma", "--cases", "2000"],
      ["bench", "tools/bench/scenarios/nvme_read.dma", "--match", "strict"],
    ]
  ) {
    using _ = countedWorkers();
    const one = await dmalab(...words, "--jobs", "1");
    // The iterations per second differ between runs, and with them the width of the table.
    const lines = ({ output }: typeof one) =>
      words[0] === "bench"
        ? output.replace(/^iterations.*$/m, "").replace(/ +/g, " ").replace(/─+/g, "─")
        : output;
    for (const jobs of ["2", "3", "8"]) {
      const more = await dmalab(...words, "--jobs", jobs);
      assertEquals([more.code, lines(more), more.errors], [one.code, lines(one), one.errors]);
    }
  }
});

const CALLS = 12;
const some = fc.uniqueArray(fc.nat(CALLS - 1), { maxLength: 3 });
const sweep = fc.record({ leaks: some, reports: some, asserts: some });

Deno.test("random suites print the same with 1, 2, 3 and 8 jobs", async () => {
  using _ = countedWorkers();
  const suite = fc.array(sweep, { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(suite, fc.boolean(), async (sweeps, failsFast) => {
      const files = sweeps.map((each, index) =>
        [`${index}.dma`, sweepScenario({ calls: CALLS, ...each })] as const
      );
      using folder = new TempFolder(Object.fromEntries(files));
      const words = ["test", folder.path, ...failsFast ? ["--fail-fast"] : []];
      const one = await dmalab(...words, "--jobs", "1");
      for (const jobs of ["2", "3", "8"]) {
        assertEquals(await dmalab(...words, "--jobs", jobs), one);
      }
    }),
    { numRuns: 8, seed: 1 },
  );
});

Deno.test("all examples print the same with 1 and 2 jobs", async () => {
  using workers = countedWorkers();
  const one = await dmalab("test", "examples", "--jobs", "1");
  assertEquals(await dmalab("test", "examples", "--jobs", "2"), one);
  assertEquals(workers.count, 1);
});
