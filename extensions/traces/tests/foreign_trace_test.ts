/** Traces and logs where a command expects a scenario. */
import "@dmalab/bin/provide";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { openFile } from "@dmalab/cli/scenario";
import { MemoryScreen } from "@dmalab/cli";
import { foreignTrace } from "../cli/foreign_trace.ts";
import { dmalab } from "@dmalab/tests";

const PLANTED = "tests/golden/traces/planted/p17-fault-after-unmap";

Deno.test("a trace and a log are called that, whatever packs them; other text is a scenario", async () => {
  const said = async (path: string) => {
    const opened = await openFile(path);
    return typeof opened === "string" ? opened.match(/ is (a [a-z ]+), not/)?.[1] : "a scenario";
  };
  assertEquals(await said(`${PLANTED}.dmesg.txt`), "a kernel log");
  assertEquals(await said(`${PLANTED}.trace.txt.gz`), "a kernel trace");
  assertEquals(await said("README.md"), "a scenario");
  assertEquals(await said("LICENSE"), "a scenario");
});

Deno.test("run, check and debug name the commands that read a log", async () => {
  for (const command of ["run", "test", "check", "debug"]) {
    const { code, errors } = await dmalab(command, `${PLANTED}.dmesg.txt`);
    assertEquals(code, 2);
    assertStringIncludes(errors, "`dmalab trace check`");
  }
});

Deno.test("a report of a trace has its events and its own lines", async () => {
  const foreign = await foreignTrace(`${PLANTED}.trace.txt.gz`);
  const read = await foreign!.record(new MemoryScreen());
  if (typeof read === "string") throw new Error(read);
  assertStringIncludes(read.text, "# tracer: nop");
  assertEquals(read.events.split("\n").filter((line) => line.startsWith('{"seq"')).length, 124);
  const log = await foreignTrace(`${PLANTED}.dmesg.txt`);
  assertStringIncludes(String(await log!.record(new MemoryScreen())), "no mappings to show");
});
