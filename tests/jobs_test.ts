/** Reports do not depend on the number of jobs. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { TempFolder } from "@dmalab/tools";
import { dmalab } from "./dmalab_program.ts";
import { countedWorkers, sweepScenario } from "./job_suites.ts";

Deno.test("files and places of a sweep: the report of 2 and 3 jobs is that of one", async () => {
  using workers = countedWorkers();
  const files = {
    "a.dma": sweepScenario({ calls: 30, leaks: [], reports: [], asserts: [] }),
    "b.dma": sweepScenario({ calls: 30, leaks: [7, 21], reports: [], asserts: [] }),
    "c.dma": sweepScenario({ calls: 30, leaks: [3], reports: [9], asserts: [12, 20] }),
  };
  using folder = new TempFolder(files);
  for (const words of [["test", folder.path], ["test", folder.path, "--fail-fast"]]) {
    const one = await dmalab(...words, "--jobs", "1");
    if (words.length === 2) assertStringIncludes(one.output, "places leak");
    for (const jobs of ["2", "3"]) {
      const before = workers.count;
      assertEquals(await dmalab(...words, "--jobs", jobs), one);
      assertEquals(workers.count - before, Number(jobs) - 1);
    }
  }
  for (const name of Object.keys(files)) {
    const one = await dmalab("test", folder.at(name), "--jobs", "1");
    for (const jobs of ["2", "3"]) {
      const before = workers.count;
      assertEquals(await dmalab("test", folder.at(name), "--jobs", jobs), one);
      assert(workers.count > before, `${name}: no worker helps`);
    }
  }
});
