/** Calls of a driver in C that the kernel itself warns about, and the reports on them. */
import { assertEquals, assertMatch } from "@std/assert";
import { dmalab } from "@dmalab/tests";

const FOLDER = "extensions/c_drivers/tests/c";

Deno.test("each call that a kernel warns of has a report (c-api.md 5, dma.md 1.9)", async () => {
  const { code, errors, output } = await dmalab("test", `${FOLDER}/warned.dma`);
  assertEquals([code, errors], [0, ""], output);
});

Deno.test("dma_free_coherent() with interrupts off fails a test at its call, in every mode (c-api.md 5)", async () => {
  const { code, output } = await dmalab("test", `${FOLDER}/34-free-irqs-off.dma`);
  assertEquals(code, 1);
  const places = [...output.matchAll(
    /unexpected report free_irqs_off\n *--> \S*34-free-irqs-off\.c:(\d+):(\d+)/g,
  )];
  assertEquals(places.map(([, line, column]) => `${line}:${column}`), ["6:83"]);
  assertMatch(output, /the same failure in 3 more tests:[^]*4 failed/);
});

Deno.test("coherent memory that is remapped cannot be mapped by dma_map_single() (dma.md 1.4, 1.9)", async () => {
  const { code, output } = await dmalab("test", `${FOLDER}/36-coherent-as-streaming.dma`);
  assertEquals(code, 0, output);
  assertMatch(output, /3 passed \| 0 failed/);
});

Deno.test("a null pointer is no memory that can be mapped, and no kernel's warning is claimed for it", async () => {
  const { code, output } = await dmalab("test", `${FOLDER}/null_mapped.dma`);
  assertEquals(code, 0, output);
  assertMatch(output, /2 passed \| 0 failed/);
});

Deno.test("a WARN_ON() of a driver is printed where it happens", async () => {
  const { code, output } = await dmalab(
    ...["test", `${FOLDER}/helpers.dma`, "--match", "a reference of a freed object"],
  );
  assertEquals(code, 0, output);
  assertMatch(
    output,
    /^warn: WARN_ON\(refcount_inc\(\) from zero\) in reference_of_none\(\) at \S+:83:2$/m,
  );
});
