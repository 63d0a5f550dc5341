/** The output of the suite while it runs, and for a test that fails. */
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertMatch } from "@std/assert";
import { relative } from "node:path";
import { ROOT } from "../source_text.ts";
import { jobOf, runJobs } from "./lanes.ts";

Deno.test("the suite says at once what runs, and names a failed test by its file and line", async () => {
  using folder = new TempFolder();
  const written: string[] = [];
  const { writeSync } = Deno.stdout;
  try {
    const files = ["good_test.ts", "bad_test.ts"].map((name) => folder.at(name));
    folder.write(
      "good_test.ts",
      'Deno.test("holds", () => {});\nDeno.test.ignore("cannot run", () => {});\n',
    );
    Deno.writeTextFileSync(
      files[1]!,
      '// A comment.\nDeno.test("fails", async (t) => {\n' +
        '  await t.step("in a step", () => {\n    throw new Error("no");\n  });\n});\n',
    );
    const world = {
      name: "two",
      files: files.map((file) => relative(ROOT, file)),
      filter: null,
      seconds: 0,
    };
    const start = performance.now();
    let firstMs = Infinity;
    Deno.stdout.writeSync = (bytes) => {
      firstMs = Math.min(firstMs, performance.now() - start);
      written.push(new TextDecoder().decode(bytes));
      return bytes.length;
    };
    const [ran] = await runJobs([jobOf(world, folder.path, [])], () => {}, { shared: folder.path });
    assertEquals([ran!.passed, ran!.failed, ran!.ignored], [1, 1, 1]);
    assertEquals(ran!.failures.map((failure) => failure.split("/").at(-1)), [
      "bad_test.ts:3:11 fails ... in a step",
    ]);
    assertMatch(written.join(""), /0:00 {2}0\/1 {2}running two \(2 files\)\n/);
    assertMatch(written.join(""), /1\/1 {2}two \(2 files\): 1 passed, 1 FAILED, /);
    assertEquals(firstMs < 5000, true);
  } finally {
    Deno.stdout.writeSync = writeSync;
  }
});
