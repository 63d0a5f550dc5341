import { assert, assertEquals, assertMatch } from "@std/assert";
import { Engine } from "./engine.ts";
import type { EngineResponse } from "./protocol.ts";

/** The playground's output for a file, and its exit code. */
function played(text: string) {
  const answers: EngineResponse[] = [];
  const project = { entry: "lab.dma", files: { "lab.dma": text }, seed: null };
  new Engine((answer) => answers.push(answer)).handle({ id: 1, run: 0, kind: "run", project });
  const output = answers.flatMap((answer) => answer.kind === "output" ? [answer.text] : []).join(
    "",
  );
  const done = answers.find((answer) => answer.kind === "done");
  assert(done?.kind === "done");
  const runs = answers.find((answer) => answer.kind === "runs");
  assert(runs?.kind === "runs");
  return { output, exitCode: done.exitCode, failedBench: runs.failedBench };
}

const BENCH = `machine { pci { root_port rp0 { nvme ssd { } } } }
bench "reads" matrix { iommu.mode = [strict, off] } {
  setup { let page = alloc_pages(1) }
  loop { ssd.read(lba: 0, into: page) }
  expect off.invalidations < strict.invalidations
}
`;

Deno.test("the playground runs benches behind the tests, and a bench that fails fails the run", () => {
  const held = played(BENCH);
  assertMatch(held.output, /^invalidations +1 +0$/m);
  assertMatch(held.output, /^expect off\.invalidations < strict\.invalidations \.\.\. ok$/m);
  assertEquals(held.exitCode, 0);
  const failed = played(BENCH.replace("off.invalidations <", "off.invalidations >"));
  assertMatch(failed.output, /\.\.\. FAILED$/m);
  assertEquals(failed.exitCode, 1);
  assertEquals(held.failedBench, null);
  assertEquals(failed.failedBench?.place, "lab.dma:5");
  assertEquals(
    failed.failedBench?.what,
    'bench "reads": expect off.invalidations > strict.invalidations',
  );
});

Deno.test("a file opens at its first failed run, unless a run was chosen", () => {
  const text = 'test "holds" { assert 1 == 1 }\ntest "fails" { assert 1 == 2 }\n';
  const project = { entry: "lab.dma", files: { "lab.dma": text }, seed: null };
  const recorded = (run: number | null) => {
    const runs: number[] = [];
    new Engine((answer) => answer.kind === "recorded" && runs.push(answer.run))
      .handle({ id: 1, run, kind: "run", project });
    return runs;
  };
  assertEquals(recorded(null), [0, 1]);
  assertEquals(recorded(0), [0]);
});
