/** Sequences of operations: how they are drawn, and how a failing one is shrunk. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { errorsOf, onlyOutcome, printed, run } from "../../testing/test_support.ts";
import { sequenceChoices } from "../../values/sequences.ts";
import { ListValue, RangeValue, RecordValue } from "../../values/value.ts";

function failureLines(text: string, options = {}): readonly string[] {
  return onlyOutcome(text, options).failure?.lines ?? [];
}

function smallest(text: string): string | undefined {
  return failureLines(text).find((line) => line.includes("minimal failing case"))?.split(": ")
    .slice(1)
    .join(": ");
}

Deno.test("a sequence that fails is left with the steps that it takes, in their order", () => {
  const shrunk = (steps: string, condition: string) =>
    smallest(`property "p" forall ops in sequence(0..=40, ${steps}) { assert not (${condition}) }`);
  assertEquals(shrunk("[1, 2, 3]", "ops.contains(2)"), "ops = [2]");
  assertEquals(
    shrunk("0..1000", "ops.any(n => n > 40) and ops.length > 2"),
    "ops = [0, 0, 41]",
  );
  assertEquals(
    shrunk("{ op: [read, write], n: 1..9 }", "ops.filter(o => o.op == write).length > 1"),
    "ops = [{ op: write, n: 1 }, { op: write, n: 1 }]",
  );
  assertEquals(
    shrunk("[{ op: read, size: [4KiB, 1MiB] }, { op: write }]", "ops.any(o => o.op == write)"),
    "ops = [{ op: write }]",
  );
});

Deno.test("a sequence has as many steps as it may, and each is one of the choices", () => {
  const text =
    `property "p" forall ops in sequence(2..=5, { op: [read, write], n: 3..5 }), k in 0..2 {
  assert ops.length >= 2 and ops.length <= 5 and k < 2
  assert ops.all(o => [read, write].contains(o.op) and (3..5).contains(o.n))
}`;
  const { report } = run(text);
  assertEquals(report.outcomes[0]!.cases, 100);
  const lengths = new Set(
    run('property "p" forall ops in sequence(0..=9, [1]) { print ops.length }').lines,
  );
  assert(lengths.has("0") && lengths.has("9"), [...lengths].join(" "));
});

Deno.test("the same seed draws the same, and a case changes nothing of the next", () => {
  const text = 'property "p" forall ops in sequence(0..=6, { n: 0..9 }) { print ops }';
  assertEquals(run(text).lines, run(text).lines);
  assert(run(text).lines.join() !== run(text, { seed: 7 }).lines.join());
  const change = 'property "p" forall ops in sequence(1..=6, [1]) { ops.push(2) }';
  assertStringIncludes(failureLines(change).join("\n"), "E0931");
});

Deno.test("outside of a property the machine's generator chooses", () => {
  const text =
    "let ops = sequence(length: 4..5, of: { op: [read], n: 0..1, at: 4KiB })\nprint ops[3]";
  assertEquals(printed(text), ["{ op: read, n: 0, at: 4KiB }"]);
});

Deno.test("what no sequence can be made of is an error before the run", () => {
  const codes = (call: string) =>
    errorsOf(`property "p" forall ops in ${call} { print ops }`).map((line) => line.slice(0, 5));
  assertEquals(codes("sequence(0..=5, [])"), ["E0405"]);
  assertEquals(codes("sequence(0..=5, { n: 3..3 })"), ["E0405"]);
  assertEquals(codes("sequence(0..=5000, [1])"), ["E0405"]);
  assertEquals(codes("sequence(5..=4, [1])"), ["E0405"]);
  assertEquals(codes("sequence(0..=5, [ssd])"), ["E0301"]);
  const template = new RecordValue(new Map([["n", new ListValue([1, 2])]]));
  const choices = sequenceChoices(new RangeValue(0, 4, "int"), template);
  assert(typeof choices !== "string");
  assertEquals([choices.shortest, choices.longest], [0, 3]);
});
