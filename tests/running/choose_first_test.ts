/** The first suite: how it is chosen, and that each test runs once. */
import { assert, assertEquals } from "@std/assert";
import { chooseFirst, noticedBy } from "./choose_first.ts";
import { readFirstSuite, type Tests, testsOf } from "./sizes.ts";

Deno.test("the suite has a file of each folder, and those that notice most for their cost", () => {
  const files = [
    "a/dear_test.ts",
    "a/few_test.ts",
    "a/much_test.ts",
    "b/none_test.ts",
    "c/x_test.ts",
  ];
  const seconds: Readonly<Record<string, number>> = { "a/dear_test.ts": 100, "b/none_test.ts": 3 };
  const secondsOf = (file: string) => seconds[file] ?? 1;
  // The number of changes that each set of files notices.
  const noticed = (counts: Readonly<Record<string, number>>) =>
    new Map(
      Object.entries(counts).flatMap(([by, count]) =>
        Array.from({ length: count }, (_, at) => [`${by} ${at}`, new Set(by.split(" "))] as const)
      ),
    );
  const much = { "a/dear_test.ts a/much_test.ts": 60, "a/few_test.ts": 4, "c/x_test.ts": 6 };
  const suite = chooseFirst(files, noticed({ ...much, "a/dear_test.ts": 10 }), secondsOf, () => 1);
  assertEquals(suite, {
    changes: 80,
    noticed: 80,
    files,
  });
  const fewer = chooseFirst(files, noticed(much), secondsOf, () => 1);
  assertEquals(fewer.files, files.slice(1));
});

Deno.test("records add up, survivors notice nothing, and captures have a test of their own", () => {
  const record = (...lines: readonly object[]) =>
    lines.map((line) => `${JSON.stringify({ start: 1, ...line })}\n`).join("");
  const noticed = noticedBy([
    record(
      { key: "one", fate: "killed", killerFile: "a_test.ts" },
      { key: "two", fate: "survived", killerFile: null },
    ),
    record(
      { key: "one", fate: "killed", killerFile: "b_test.ts" },
      {
        key: "one",
        start: 2,
        fate: "killed",
        killerFile: "tests/mutation/replayed_test_groups.ts",
      },
    ),
  ]);
  assertEquals([...noticed.values()].map((by) => [...by]), [
    ["a_test.ts", "b_test.ts"],
    ["tests/conformance_test.ts"],
  ]);
});

Deno.test("the first suite exists, and with the rest each test runs once", () => {
  const { changes, files, noticed } = readFirstSuite();
  assert(noticed >= 0.8 * changes, `${noticed} of ${changes} changes`);
  const key = ({ file, filter }: Tests) => `${file} ${filter}`;
  const first = testsOf("first");
  assertEquals(first.map(({ file }) => file).sort(), [...files].sort());
  assertEquals([...first, ...testsOf("rest")].map(key).sort(), testsOf("all").map(key).sort());
  assertEquals(
    [...testsOf("short"), ...testsOf("long")].map(key).sort(),
    testsOf("all").map(key).sort(),
  );
});
