import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { DEFAULT_LIMITS } from "../../values/limits.ts";
import { FAST_CHECK } from "./fast_check_engine.ts";
import { caseSpace, caseValues } from "./property_cases.ts";
import { ListValue, RangeValue } from "../../values/value.ts";
import { failureOf, onlyOutcome } from "../../testing/test_support.ts";

/** The lines of the only outcome's failure. */
function failureLines(text: string, options = {}): readonly string[] {
  return onlyOutcome(text, options).failure?.lines ?? [];
}

/** The test in a failure's output that can be copied into a file. */
function pastedFrom(lines: readonly string[]): string {
  const start = lines.findIndex((line) => line.includes("as a test to paste:"));
  assert(start >= 0, lines.join("\n"));
  return lines.slice(start + 1).join("\n");
}

/** The case that a failure names as the smallest. */
function smallest(lines: readonly string[]): string | undefined {
  return lines.find((line) => line.includes("minimal failing case"))?.split(": ")[1];
}

Deno.test("caseSpace() has every case when there are few, the last name counting fastest", () => {
  const forall = [
    { name: "a", values: new RangeValue(0, 2, "int") },
    { name: "b", values: new ListValue(["x", "y", "z"]) },
  ];
  const { count, examples } = caseSpace(forall, 1);
  assertEquals(count, 6);
  assertEquals(examples.map((example) => caseValues(forall, example)), [
    [0, "x"],
    [0, "y"],
    [0, "z"],
    [1, "x"],
    [1, "y"],
    [1, "z"],
  ]);
});

Deno.test("what is thrown while a case is tried is no failure of it", () => {
  const space = caseSpace([{ name: "a", values: new RangeValue(0, 5, "int") }], 1);
  let tried = 0;
  let thrown: unknown = null;
  try {
    FAST_CHECK.search(space, () => {
      tried++;
      throw new Error("broken");
    });
  } catch (error) {
    thrown = error;
  }
  assertEquals((thrown as Error).message, "broken");
  assertEquals(tried, 1);
});

Deno.test("a failing property shrinks to the smallest case that fails", () => {
  const shrunk = (forall: string, condition: string) =>
    smallest(failureLines(`property "p" forall ${forall} { assert not (${condition}) }`));
  assertEquals(shrunk("pages in 1..=512", "pages >= 17"), "pages = 17");
  assertEquals(shrunk("a in 0..1000, b in 0..1000", "a > 40 and b > 3"), "a = 41, b = 4");
  assertEquals(shrunk("n in -1000..1000", "n < -7 or n > 300"), "n = -8");
  assertEquals(shrunk("n in -1000..=-5", "n < -7"), "n = -8");
  assertEquals(shrunk("gap in 0B..1MiB", "gap > 4KiB"), "gap = 4097B");
  assertEquals(shrunk("t in 1us..1s", "t >= 1500ns"), "t = 1500ns");
  // Some values above the smallest failing value do not fail.
  assertEquals(shrunk("size in 1B..=1MiB", "size % 4KiB == 0B and size > 9KiB"), "size = 12KiB");
  assertEquals(shrunk("a in 0..9999, b in 0..9999", "a % 8 == 5 and b % 100 == 0"), "a = 5, b = 0");
  assertEquals(shrunk("op in [read, write, flush]", "op != read"), "op = write");
});

Deno.test("a property on one line is pasted as a test, with the seed where it was given", () => {
  const lines = failureLines('property "p" forall n in 0..9 { assert random(0..100) < n * 0 }', {
    seed: 0x2a,
  });
  assertEquals(pastedFrom(lines).split("\n").map((line) => line.trim()), [
    'test "p: n = 0" with { seed = 0x2a } {',
    "let n = 0",
    "assert random(0..100) < n * 0",
    "}",
  ]);
  assertEquals(failureOf(pastedFrom(lines)), "E0901 Assertion failed");
});

Deno.test("smaller cases must fail at the same place", () => {
  const lines = failureLines(`property "p" forall n in 0..1000 {
  assert n != 3, "another mistake"
  assert n < 500
}`);
  assertEquals(smallest(lines), "n = 500");
});

Deno.test("a case that a limit stopped is not made smaller: each would take as long", () => {
  const failure = onlyOutcome('property "p" forall n in 5..1000 { while true { } }', {
    limits: { ...DEFAULT_LIMITS, steps: 100_000 },
  }).failure!;
  assertEquals([failure.code, failure.kind], ["E0801", "limit"]);
  assertEquals(smallest(failure.lines), "n = 5");
});

Deno.test("an interrupt while smaller cases are tried says that there may be smaller ones", () => {
  const text =
    `property "few" forall n in 0..100000 { let i = 0; while i < 2000 { i += 1 }; assert n < 5 }`;
  let looks = 0;
  const watch = { nowMs: () => 0, interrupted: () => looks++ > 12 };
  const lines = failureLines(text, { watch });
  assertStringIncludes(
    lines.join("\n"),
    "tried, until the run was interrupted: there may be smaller",
  );
});
