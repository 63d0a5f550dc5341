/** Runs exactly `deno run -R=. scenario.dma`, in this project and in a folder made by `dmalab init`. */
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { initFolder } from "@dmalab/cli/scenario";
import { VERSION } from "@dmalab/cli/extend";
import { runDeno } from "./deno_process.ts";
import { ROOT } from "./source_text.ts";

/** A script gets the fewest permissions possible, and no question is asked. */
const RUN = ["run", "--no-prompt", "-R=."];
const EXAMPLE = "examples/start/01-first-look.dma";

const summary = (output: string) => output.trim().split("\n").at(-1);

Deno.test("deno run -R=. scenario.dma runs a scenario of this project, and with dma before it too", async () => {
  const { code, output } = await runDeno([...RUN, EXAMPLE], { folder: ROOT });
  assertEquals(code, 0, output);
  assertStringIncludes(output, "PRP1");
  assertStringIncludes(summary(output)!, "ok | 1 passed | 0 failed");
  const plain = await runDeno([...RUN, "dma", EXAMPLE], { folder: ROOT });
  assertEquals([plain.code, plain.output], [0, output]);
  // Scenarios in a member's folder can be run, too. A scenario with a driver in C prints the
  // permission that it needs.
  const bench = await runDeno([...RUN, "tools/bench/scenarios/start.dma"], { folder: ROOT });
  assertEquals(bench.code, 0, bench.output);
  const inC = await runDeno([...RUN, "extensions/c_drivers/drivers/map/map.dma"], { folder: ROOT });
  assertStringIncludes(inC.output, "--allow-run extensions/c_drivers/drivers/map/map.dma");
});

Deno.test("deno run -R=. works from inside a folder, and with an absolute path", async () => {
  const inside = await runDeno([...RUN, "start/01-first-look.dma"], {
    folder: join(ROOT, "examples"),
  });
  assertEquals(inside.code, 0, inside.output);
  const absolute = await runDeno([...RUN, join(ROOT, EXAMPLE)], { folder: ROOT });
  assertEquals(absolute.code, 0, absolute.output);
});

Deno.test("deno run scenario.dma takes the options of dmalab run, and no other (long)", async () => {
  const run = (...words: string[]) => runDeno([...RUN, EXAMPLE, ...words], { folder: ROOT });
  const traced = await run("--trace");
  assertStringIncludes(traced.output, "iova.alloc");
  assertStringIncludes(traced.output, "dma_iova_link");
  assertEquals((await run("--match", "40 KiB", "--seed=0x7")).code, 0);
  assertEquals((await run("--match", "no such test")).code, 2);
  assertStringIncludes((await run("--help")).output, "--trace");
  assertEquals((await run("--limit", "steps=5")).code, 3);
  assertEquals((await run("--seed", "many")).code, 2);
  const wrong = await run("--frobnicate");
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.output, 'run has no option "--frobnicate"');
});

Deno.test("a scenario that may not be read, or is not there, is a sentence and exit code 2", async () => {
  const denied = await runDeno(["run", "--no-prompt", EXAMPLE], { folder: ROOT });
  assertEquals(denied.code, 2);
  assertStringIncludes(denied.output, "Deno was not permitted to");
  const missing = await runDeno([...RUN, "examples/no-such.dma"], { folder: ROOT });
  assertEquals(missing.code, 2);
  assertStringIncludes(missing.output, 'Cannot read "examples/no-such.dma": there is no such file');
  for (const { output } of [denied, missing]) assert(!output.includes("    at "), output);
});

Deno.test("dmalab init touches nothing when one of its files is there", async () => {
  using folder = new TempFolder({ "package.json": "mine" });
  const outcome = await initFolder(folder.path);
  assert(!outcome.done);
  assertStringIncludes(outcome.problem, "has package.json already");
  assertEquals([...Deno.readDirSync(folder.path)].map(({ name }) => name), ["package.json"]);
  assertEquals(Deno.readTextFileSync(folder.at("package.json")), "mine");
});

Deno.test("a scratch file in the checkout's root runs, and imports members by their names", async () => {
  const path = Deno.makeTempFileSync({ dir: ROOT, prefix: "scratch-", suffix: ".ts" });
  try {
    Deno.writeTextFileSync(
      path,
      'import { VERSION } from "@dmalab/cli/extend";\nconsole.log(VERSION);\n',
    );
    const { output, success } = await runDeno(["run", "-R", path], { folder: ROOT });
    assert(success, output);
    assertEquals(output.trim(), VERSION);
  } finally {
    Deno.removeSync(path);
  }
});
