/** The output of the suite while it runs, and for a test that fails. */
import { TempFolder } from "@dmalab/tools";
import { assertEquals, assertMatch } from "@std/assert";
import { relative } from "node:path";
import { ROOT } from "../source_text.ts";
import { pathToFileURL } from "node:url";
import { measureCosts, readCosts } from "./costs.ts";
import { jobOf, runJobs } from "./lanes.ts";
import { worldsOf } from "./sizes.ts";

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

Deno.test("costs of measured tests are stored beside those of others, and plan the processes", async () => {
  using folder = new TempFolder();
  folder.write("good_test.ts", 'Deno.test("holds", () => {});\n');
  folder.write("costs.json", '{"other_test.ts": 7, "good_test.ts": 9}');
  const costs = pathToFileURL(folder.at("costs.json"));
  const file = relative(ROOT, folder.at("good_test.ts"));
  const printed: string[] = [];
  const { log } = console;
  try {
    console.log = (line: string) => printed.push(line);
    const name = "good_test.ts";
    await measureCosts([{ name, file, filter: null }], costs);
  } finally {
    console.log = log;
  }
  assertMatch(
    printed.join("\n"),
    /seconds of the processor: \d+ for 1 files[^]*\d\.\d {2}good_test\.ts/,
  );
  // A test of less than a second shares a process with other tests. Therefore the measured test's
  // cost is not stored.
  assertEquals(readCosts(costs), { "other_test.ts": 7 });
  const tests = ["other_test.ts", "good_test.ts", "third_test.ts"].map((name) => ({
    name,
    file: name,
    filter: null,
  }));
  assertEquals(worldsOf(tests, readCosts(costs)).map(({ files }) => files), [
    ["other_test.ts"],
    ["good_test.ts"],
    ["third_test.ts"],
  ]);
});

Deno.test("without measured costs, tests of whole programs are spread over more processes", () => {
  const named = (folder: string) =>
    Array.from({ length: 40 }, (_, index) => {
      const name = `${folder}/a${index}_test.ts`;
      return { name, file: name, filter: null };
    });
  const processes = (folder: string) => worldsOf(named(folder), null).length;
  assertEquals([processes("lang"), processes("tests"), processes("extensions/traces")], [1, 4, 4]);
});
