import { assertEquals } from "@std/assert";
import { onlyOutcome } from "../testing/test_support.ts";

const linesOf = (text: string) => onlyOutcome(text).failure?.lines.join("\n");

Deno.test("a failed assertion shows the value of each part below its source line", () => {
  const text = `const iova = { start: 0xffff_f000 as dma, size: 4KiB }
let req = { iova: iova }
assert req.iova.size == 128KiB, "one range"`;
  assertEquals(
    linesOf(text),
    `error[E0901]: assertion failed: one range
  --> t.dma:3:8
   |
 3 | assert req.iova.size == 128KiB, "one range"
   |        |   |    |    |
   |        |   |    4KiB false
   |        |   { start: 0xffff_f000, size: 4KiB }
   |        { iova: { start: 0xffff_f000, size: 4KiB } }`,
  );
});

Deno.test("long values are cut, tabs keep their place", () => {
  const text = `let words = ["${"x".repeat(40)}", "${"y".repeat(40)}"]\n\tassert words == []`;
  assertEquals(
    linesOf(text),
    `error[E0901]: assertion failed
  --> t.dma:2:9
   |
 2 |     assert words == []
   |            |     |
   |            |     false
   |            ["${"x".repeat(40)}", … 1 more]
   they differ at
     .length: 2 is not 0`,
  );
});

Deno.test("a long list is cut between its items, a long text in its middle", () => {
  const long = (literal: string) =>
    linesOf(`let v = ${literal}\nassert v == none`)!.split("\n").at(-1);
  const numbers = Array.from({ length: 40 }, (_, at) => at + 100).join(", ");
  assertEquals(
    long(`[${numbers}]`),
    "   |        [100, 101, 102, 103, 104, 105, 106, 107, 108, … 31 more]",
  );
  assertEquals(
    long(`{ first: "${"x".repeat(30)}", second: "${"y".repeat(30)}" }`),
    `   |        { first: "${"x".repeat(30)}", … 1 more }`,
  );
  assertEquals(
    long(`"${"x".repeat(50)}${"y".repeat(50)}"`),
    `   |        "${"x".repeat(40)} … ${"y".repeat(15)}"`,
  );
});

Deno.test("a message of several lines stands above the place, with the values in their columns", () => {
  assertEquals(
    linesOf(`let a = 1\nassert a == 2, "one\\ntwo \\u{1b}"`),
    `error[E0901]: assertion failed: one
two \u241b
  --> t.dma:2:8
   |
 2 | assert a == 2, "one\\ntwo \\u{1b}"
   |        | |
   |        1 false`,
  );
});
