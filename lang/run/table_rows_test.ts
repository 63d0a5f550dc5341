/** Tests with a table: names, rows, and expectations for each row. */
import { assertEquals } from "@std/assert";
import { errorsOf, run } from "../testing/test_support.ts";

const TABLE = `const cases = [{ n: 1, at: { op: read } }, { n: 2, at: { op: write } }]
test "{c.n} by {c.at.op}, {2 * c.n}" for c in cases matrix { seed = [1, 2] } {
  assert c.n == 1
}
test "plain" { }
test "{size}" for size in 4KiB..=4KiB + 1 { assert size >= 4KiB }
`;

Deno.test("each row is a test with a name and a place of its own, on each machine", () => {
  const { report } = run(TABLE);
  assertEquals(report.names, [
    "1 by read, 2 [seed = 1]",
    "1 by read, 2 [seed = 2]",
    "2 by write, 4 [seed = 1]",
    "2 by write, 4 [seed = 2]",
    "plain",
    "4KiB",
    "4097B",
  ]);
  assertEquals(report.outcomes.map(({ outcome }) => outcome), [
    ...["passed", "passed", "failed", "failed"],
    ...["passed", "passed", "passed"],
  ]);
});

Deno.test("one row is chosen by its name", () => {
  const { report } = run(TABLE, { match: ["2 by write, 4 [seed = 2]"] });
  assertEquals(report.outcomes.map(({ name, combination }) => [name, combination]), [
    ["2 by write, 4", "seed = 2"],
  ]);
  assertEquals(report.counts.filtered, 6);
});

Deno.test("what a row has is known to the checker", () => {
  const head = 'const cases = [{ n: 1 }, { n: 2 }]\ntest "{c.n}" for c in cases ';
  assertEquals(errorsOf(`${head}{ print c.m }`), ["E0315 2:39 A record has no field `m`"]);
  assertEquals(errorsOf(`${head}{ c.n = 3 }`), []);
  assertEquals(errorsOf(`${head}{ print c.n + 4KiB + 1us }`).length, 1);
});

Deno.test("several axes make a test of each combination, whose name has their values", () => {
  const { report } = run(
    'const ways = [{ name: "list", n: 1 }, { name: "pages", n: 2 }]\n' +
      'test "map" for way in ways, size in [4KiB, 8KiB] with { cpus = way.n } { assert way.n * size < 16KiB }\n' +
      'test "{way.name} {n}" for way in ways, n in 1..=2 { }',
  );
  assertEquals(
    report.outcomes.map(({ name, outcome }) => [name, outcome]),
    [
      ["map (way = list, size = 4KiB)", "passed"],
      ["map (way = list, size = 8KiB)", "passed"],
      ["map (way = pages, size = 4KiB)", "passed"],
      ["map (way = pages, size = 8KiB)", "failed"],
      ["list 1", "passed"],
      ["list 2", "passed"],
      ["pages 1", "passed"],
      ["pages 2", "passed"],
    ],
  );
});

Deno.test("a property of a table has its case and its drawn values, also in the test that is pasted", () => {
  const { report } = run(
    'property "small" for limit in [4, 9] forall n in 0..8 { assert n < limit }',
  );
  assertEquals(report.outcomes.map(({ name, outcome }) => [name, outcome]), [
    ["small (limit = 4)", "failed"],
    ["small (limit = 9)", "passed"],
  ]);
  const { lines } = report.outcomes[0]!.failure!;
  const at = lines.findIndex((line) => line.includes("let limit = 4"));
  assertEquals(lines.slice(at, at + 3).map((line) => line.trim()), [
    "let limit = 4",
    "let n = 4",
    "assert n < limit",
  ]);
});
