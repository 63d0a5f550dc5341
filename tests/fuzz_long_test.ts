/** A larger part of `deno task script fuzz` than in the short suite, and large texts. */
import { assertEquals } from "@std/assert";
import { fuzzTests } from "./fuzz/fuzz_tests.ts";
import { judge } from "./fuzz/judge.ts";

fuzzTests("long", { answeredShare: 0.8, slipStep: 197 });

const LARGE = 640_000;

/**
 * The beginnings and the repeated lines of broken blocks. A block is broken at its end or in each
 * line, has ever deeper blocks inside, or is a single expression.
 */
const BROKEN: readonly (readonly [begin: string, line: string])[] = [
  ['test "x" {\n', "  let m = dma_map_phys(ssd, p, 4KiB, to_device)\n"],
  ['test "x" {\n', "  let m = = dma_map_phys(ssd, p\n"],
  ['test "x" {\n', "a = (b\n"],
  ['test "x" {\n', "if a {\n b = [c\n"],
  ['test "x" {\n let a = {', "a: 1, b "],
  ["let a = [", "1, "],
  ["let a = ", "1 + "],
];

Deno.test("broken blocks of 640 kB are refused in proportion to their length", () => {
  for (const [begin, line] of BROKEN) {
    const { problem, verdict } = judge(begin + line.repeat(LARGE / line.length), false);
    assertEquals([verdict, problem], ["refused", ""], begin + line);
  }
});
