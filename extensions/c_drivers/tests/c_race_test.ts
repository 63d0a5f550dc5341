/**
 * `race` over calls of drivers in C: which statements can be interleaved at the drivers' calls, and
 * which cannot.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runProgramWith } from "@dmalab/lang/run";
import { loadFiles, programOf } from "./c_together.ts";

const [loaded] = await loadFiles(["extensions/c_drivers/tests/c/races.dma"]);

/** Counts the memories that are allocated while a function runs. */
function countMemories<T>(run: () => T): readonly [result: T, count: number] {
  const { Memory } = WebAssembly;
  let count = 0;
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      count++;
    }
  };
  try {
    return [run(), count];
  } finally {
    WebAssembly.Memory = Memory;
  }
}

Deno.test("a race of calls into C goes through every order at each of their calls", async (t) => {
  const [{ outcomes }, memories] = countMemories(() =>
    runProgramWith(null, programOf(loaded!), { attributeDefects: false })
  );
  await t.step("machines of tests and of orders use a driver's memory in turn", () => {
    // Each new memory of 80 MiB makes V8 collect all garbage, so few may be made. Some are not
    // reused: of the runs that end in the same way the first is kept, because a script or a message
    // may read its machine.
    assert(memories <= 40, `${memories} memories`);
  });
  const failed = new Map(
    outcomes.flatMap(({ failure, name }) => failure === null ? [] : [[name, failure]]),
  );
  await t.step("who holds, waits and fails as it says", () => {
    assertEquals(outcomes.length, 10);
    assertEquals([...failed.keys()], [
      "a slot is lost",
      "each waits for the other",
      "an uncaught error, in the midst of another's call",
    ]);
    assertEquals(outcomes.flatMap(({ incidents }) => incidents), []);
  });
  await t.step("the order of a failure has the lines of C at which a block went on", () => {
    const text = failed.get("a slot is lost")!.lines.join("\n");
    assertStringIncludes(text, "4 of 6 orders fail");
    const order =
      /^ +A +\S+races\.dma:22:10 .*\n +B +\S+races\.dma:22:38 .*\n +A +\S+races\.c:19:2 /m;
    assert(order.test(text), text);
  });
  await t.step("where each waits for the other there is no order that goes on", () => {
    const { code, message } = failed.get("each waits for the other")!;
    assertEquals(code, "E0902");
    assertStringIncludes(message, "deadlock: no pending work");
  });
  await t.step("an error that no block takes fails the order, with its place in C", () => {
    const { lines, message } = failed.get(
      "an uncaught error, in the midst of another's call",
    )!;
    assertStringIncludes(message, "in fails_late() at extensions/c_drivers/tests/c/races.c:87:");
    assertStringIncludes(lines.join("\n"), "7 of 7 orders fail");
  });
});
