/**
 * Changes that make code of a tree loop endlessly. dmalab must report this soon, with the lines of the loop and the tests
 * that were not run.
 */
import "@dmalab/bin/provide";
import { TempFolder } from "@dmalab/tools";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { HostTree, MemoryScreen } from "@dmalab/cli";
import { TreeBuild, TreeCompiler } from "@dmalab/c_drivers";
import { linkTree } from "../link_tree.ts";
import { compareSequences, type Implementation, runSequences } from "../oracle/compare.ts";
import { runReview } from "../review/run_review.ts";
import { EndlessLoop, type LinkedTree, TreeModule, TreeStopped } from "../tree_module.ts";
import { jobCount } from "@dmalab/cli/extend";

const ALONE = { jobs: jobCount(1) };

const MINI = "extensions/kernel_tree/tests/tree/mini";
const LOOP = "drivers/toy/loop.c";
const TEXT = `/* Loops that end after n rounds, that never end, and an access without memory. */
static volatile long counter;

long finite(long n)
{
	while (n-- > 0)
		counter++;
	return counter;
}

long endless(long n)
{
	counter = n;
	while (counter)
		counter |= 1;
	return 0;
}

long far_away(long *at)
{
	return *at;
}

long answer(long n)
{
	return n;
}
`;

/** Links a file of a tree as the comparisons do, and passes it to a function. */
async function withLoops(run: (linked: LinkedTree) => void): Promise<void> {
  using folder = new TempFolder();
  const copied = await new Deno.Command("cp", { args: ["-r", MINI, folder.path] }).output();
  assert(copied.success);
  folder.write(`mini/${LOOP}`, TEXT);
  const makefile = `mini/drivers/toy/Makefile`;
  folder.write(makefile, `${Deno.readTextFileSync(folder.at(makefile))}obj-y += loop.o\n`);
  const clang = new TreeCompiler();
  try {
    const build = new TreeBuild(new HostTree(folder.at("mini")), clang);
    const layout = { headers: ["linux/types.h"], structs: {} };
    const parts = { subjects: [LOOP], files: [LOOP], texts: () => [], layout };
    run(await linkTree(build, parts, { isCovered: true, sequences: 1 }));
  } finally {
    await clang.close();
  }
}

Deno.test("compiled code that loops without end, or reaches beyond its memory, stops with its lines of C", () =>
  withLoops((linked) => {
    const tree = new TreeModule(linked);
    assertEquals(tree.call("finite", 1000), 1000);
    const loop = assertThrows(() => tree.call("endless", 1), EndlessLoop);
    assert(/^endless loop: a call ran 67_108_864 rounds/.test(loop.message), loop.message);
    // The first line of the function is not part of the loop.
    assertEquals(
      loop.at.map(({ line, path }) => `${path}:${line}`),
      [14, 15].map((line) => `${LOOP}:${line}`),
    );
    const trap = assertThrows(() => tree.call("far_away", -8), TreeStopped);
    assertEquals(trap.message, "memory access out of bounds");
    assertEquals(trap.at, [{ path: LOOP, line: 21 }]);
  }));

Deno.test("long calls end when all of a comparison have run too many rounds, and further ones at once", () =>
  withLoops((linked) => {
    const rounds = 50_000_000;
    let calls = 0;
    const error = assertThrows(() => {
      const tree = new TreeModule(linked);
      for (;; calls++) tree.call("finite", rounds);
    }, EndlessLoop);
    // All instances share one budget: each has the part that the earlier ones did not use.
    assertEquals(calls, Math.floor((2 ** 30 + 2 ** 24) / rounds));
    assert(error.message.includes("these sequences"), error.message);
    assertThrows(() => new TreeModule(linked).call("finite", rounds), EndlessLoop);
    assertEquals(new TreeModule(linked).call("answer", 7), 7);
  }));

Deno.test("a loop of ours around calls ends, with the lines that its last calls ran", () =>
  withLoops((linked) => {
    const tree = new TreeModule(linked);
    const countRound = tree.countRounds(100, "it yields more pieces");
    let rounds = 0;
    const error = assertThrows(() => {
      while (tree.call("answer", rounds++) >= 0) countRound();
    }, EndlessLoop);
    assertEquals(error.message, "endless loop: it yields more pieces");
    assertEquals(error.at, [{ path: LOOP, line: 26 }]);
    assertEquals(rounds < 1000, true);
  }));

/**
 * An implementation in which the operation `at` never ends; each other operation returns its
 * number.
 */
function sideThatLoops(at: number, runs: { loops: number }): () => Implementation<number> {
  return () => ({
    run: (operation) => {
      if (operation !== at) return { is: operation };
      runs.loops++;
      throw new EndlessLoop("endless loop: it does not end", [{ path: "a.c", line: 3 }]);
    },
  });
}

Deno.test("a sequence with an endless loop is run once: it is not minimised, and no further one follows", () => {
  const stepsOf = (seed: number) =>
    Array.from({ length: 40 }, (_, id) => ({ id, operation: seed * 100 + id }));
  const runs = { loops: 0 };
  const looping = sideThatLoops(320, runs);
  const right = () => ({ run: (operation: number) => ({ is: operation }) });
  const sequences = { count: 10, seed: 1, stepsOf };
  const { difference, notRun } = compareSequences([right, looping], sequences);
  assertEquals([runs.loops, notRun, difference!.operations.length], [1, 7, 21]);
  assertEquals(difference!.other["stopped"], "endless loop: it does not end");
  assertEquals(runSequences(right, sequences), { loop: null, notRun: 0 });
  assertEquals(runSequences(looping, sequences).notRun, 7);
  // A difference is found before any sequence loops. The sequence with the difference is minimised
  // until a shorter sequence loops.
  const both = { loops: 0 };
  const wrong = () => {
    const looping = sideThatLoops(130, both)();
    let isEven = true;
    return {
      run: (operation: number) => {
        isEven = !isEven;
        return isEven && operation === 125 ? { is: 0 } : looping.run(operation);
      },
    };
  };
  compareSequences([right, wrong], { ...sequences, count: 1 });
  assert(both.loops <= 1, String(both.loops));
});

Deno.test("a driver's change that loops stops the review's tests at the first one, and names the others", async () => {
  using folder = new TempFolder();
  for (const name of ["mini", "changed"]) {
    const args = ["-r", MINI, folder.at(name)];
    assert((await new Deno.Command("cp", { args }).output()).success);
  }
  const toy = "changed/drivers/toy/toy.c";
  const before = "\tspin_lock(&lock);\n";
  const text = Deno.readTextFileSync(folder.at(toy));
  const after = "\twhile (*(volatile dma_addr_t *)&dma)\n\t\t;\n";
  folder.write(toy, text.replace(before, `${after}${before}`));
  const test = (name: string) =>
    `test "${name}" { assert toy.toy_start(nic) == 0\n toy.toy_stop(nic) }\n`;
  const head = 'machine { kernel = "6.12"\n pci { root_port rp0 { endpoint nic { } } } }\n' +
    'driver toy = c "drivers/toy/toy.c" { tree = "mini" }\n';
  const first = folder.write("first.dma", `${head}${["a", "b", "c"].map(test).join("")}`);
  const second = folder.write("second.dma", `${head}${test("d")}`);
  const screen = new MemoryScreen();
  const request = {
    scenarios: [first, second],
    matches: [],
    ...ALONE,
    allowsUnreached: false,
    page: null,
  };
  const code = await runReview([folder.at("mini"), folder.at("changed")], request, screen);
  assertEquals(code, 1, screen.output);
  assert(
    /endless loop, or much more work: [^\n]* in toy_start\(\) at [^\n]*toy\.c:27:/.test(
      screen.output,
    ),
    screen.output,
  );
  assert(
    screen.output.includes(`verdict | 1 defect, not run: 2 tests of ${first}, ${second}`),
    screen.output,
  );
});
