/**
 * The simulation does not test barriers. A driver without barriers passes every test that it passes with them, and the
 * manual says so.
 */
import "@dmalab/bin/provide";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { loadPatched } from "@dmalab/c_drivers";
import { runProgram } from "@dmalab/lang/program";
import { ROOT } from "@dmalab/tests";
import { programOf } from "./c_together.ts";

const FOLDER = join(ROOT, "extensions/c_drivers/drivers");
const BARRIER = /^\s*(?:dma_[rw]?mb|[rw]?mb|smp_[rw]?mb)\(\);$/;

/** A patch that removes every barrier; null for a source without barriers. */
function withoutBarriers(source: string): string | null {
  const lines = Deno.readTextFileSync(join(FOLDER, source)).split("\n");
  const hunks = lines.flatMap((line, at) =>
    BARRIER.test(line) ? [`@@ -${at + 1},1 +${at + 1},1 @@\n-${line}\n+;`] : []
  );
  return hunks.length === 0 ? null : hunks.join("\n");
}

Deno.test("the NIC's driver without its barriers does in each test what it does with them", async () => {
  const text = withoutBarriers("nic/ring_nic.c");
  assert(text !== null, "it has barriers");
  const patches = [null, { file: "ring_nic.c", text }];
  const loaded = await loadPatched(join(FOLDER, "nic/ring_nic.dma"), patches);
  const [own, without] = loaded.map((each) =>
    runProgram(programOf(each)).outcomes.map(({ events, failure, name }) => [
      name,
      failure?.message ?? "held",
      events,
    ])
  );
  assert(own!.length > 0);
  assertEquals(without, own);
});

Deno.test("the manual says that a missing barrier is out of reach", () => {
  const manual = Deno.readTextFileSync(join(ROOT, "docs/c-drivers.md")).replace(/\s+/g, " ");
  const [, limits = ""] = manual.split("## What is not modelled");
  assertStringIncludes(
    limits,
    "a driver without `dma_wmb()` or `dma_rmb()` passes every test: a missing barrier is out of reach",
  );
});
