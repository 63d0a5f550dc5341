import { assertEquals, assertThrows } from "@std/assert";
import { arithmetic, bitwise, cast, compare, makeRange } from "./operators.ts";
import { type ArithmeticOperator, arithmeticType } from "./value_types.ts";
import { ScriptError } from "./script_error.ts";
import { Quantity, RangeValue, Ratio, type Value } from "./value.ts";

const LIMIT = 2 ** 53 - 1;
const calc = (left: Value, operator: ArithmeticOperator, right: Value) =>
  arithmetic(operator, left, right, () => {});
const codeOf = (run: () => unknown) => assertThrows(run, ScriptError).code;
const size = (value: number) => new Quantity("size", value);
const phys = (value: number) => new Quantity("phys", value);
const virt = (value: number) => new Quantity("virt", value);
const dma = (value: number) => new Quantity("dma", value);

Deno.test("integer sums are exact at 2^31, 2^32 and 2^53 - 1, and an error past it", () => {
  assertEquals(calc(2 ** 31 - 1, "+", 1), 2 ** 31);
  assertEquals(calc(2 ** 32 - 1, "+", 1), 2 ** 32);
  assertEquals(calc(LIMIT - 1, "+", 1), LIMIT);
  assertEquals(codeOf(() => calc(LIMIT, "+", 1)), "E0911");
  assertEquals(codeOf(() => calc(LIMIT, "+", LIMIT)), "E0911");
  assertEquals(calc(-LIMIT, "+", 0), -LIMIT);
  assertEquals(codeOf(() => calc(-LIMIT, "-", 1)), "E0911");
});

Deno.test("integer products are exact or an error, never rounded", () => {
  assertEquals(calc(2 ** 26, "*", 2 ** 26), 2 ** 52);
  assertEquals(calc(94906265, "*", 94906265), 9007199136250225);
  assertEquals(codeOf(() => calc(94906267, "*", 94906267)), "E0911");
  assertEquals(codeOf(() => calc(2 ** 31, "*", 2 ** 31)), "E0911");
  assertEquals(Object.is(calc(0, "*", -5), 0), true, "no minus zero");
});

Deno.test("a division by zero is an error of its own, for every kind", () => {
  assertEquals(codeOf(() => calc(1, "/", 0)), "E0912");
  assertEquals(codeOf(() => calc(1, "%", 0)), "E0912");
  assertEquals(codeOf(() => calc(size(4096), "/", size(0))), "E0912");
  assertEquals(codeOf(() => calc(new Ratio(1), "/", 0)), "E0912");
});

Deno.test("bit operators are exact beyond 32 bits, and agree with BigInt", () => {
  assertEquals(bitwise("|", 2 ** 40, 1), 2 ** 40 + 1);
  assertEquals(bitwise("&", 2 ** 52 + 2 ** 31 + 5, 2 ** 31 + 4), 2 ** 31 + 4);
  assertEquals(bitwise("<<", 1, 31), 2 ** 31);
  assertEquals(bitwise("<<", 1, 52), 2 ** 52);
  assertEquals(codeOf(() => bitwise("<<", 1, 53)), "E0911");
  assertEquals(bitwise("<<", 0, 1000), 0);
  assertEquals(bitwise(">>", LIMIT, 52), 1);
  assertEquals(bitwise(">>", -1, 1), -1);
  assertEquals(bitwise(">>", LIMIT, 5000), 0);
  assertEquals(codeOf(() => bitwise("<<", 1, -1)), "E0919");
  for (const left of [0, 1, 2 ** 31, 2 ** 32 - 1, LIMIT, -1, -(2 ** 40)]) {
    for (const right of [0, 3, 2 ** 31 - 1, 2 ** 33, LIMIT]) {
      assertEquals(bitwise("|", left, right), Number(BigInt(left) | BigInt(right)));
      assertEquals(bitwise("&", left, right), Number(BigInt(left) & BigInt(right)));
    }
  }
});

Deno.test("an address is never negative and never past 2^53 - 1", () => {
  assertEquals(codeOf(() => calc(phys(4096), "-", size(8192))), "E0918");
  assertEquals(codeOf(() => calc(virt(4096), "-", size(8192))), "E0918");
  assertEquals(codeOf(() => calc(phys(LIMIT), "+", size(1))), "E0911");
  assertEquals(codeOf(() => cast(-1, "dma")), "E0918");
  assertEquals(cast(phys(4096), "dma"), dma(4096));
  assertEquals(calc(phys(4096), "-", phys(8192)), size(-4096), "a difference may be negative");
});

Deno.test("comparisons need the same kind, or a plain int", () => {
  assertEquals(compare("<", size(1), size(2)), true);
  assertEquals(compare(">=", size(4096), 4096), true);
  assertEquals(compare("<=", new Ratio(1.5), 2), true);
  assertEquals(codeOf(() => compare("<", phys(1), dma(2))), "E0913");
  assertEquals(codeOf(() => compare("<", virt(1), dma(2))), "E0913");
  assertEquals(codeOf(() => compare("<", "a", "b")), "E0913");
});

Deno.test("a range takes the kind of its ends, and its end is exact", () => {
  assertEquals(makeRange(0, 8, false), new RangeValue(0, 8, "int"));
  assertEquals(makeRange(1, 512, true), new RangeValue(1, 513, "int"));
  assertEquals(makeRange(size(0), 4096, false), new RangeValue(0, 4096, "size"));
  assertEquals(codeOf(() => makeRange(0, LIMIT, true)), "E0911");
  assertEquals(codeOf(() => makeRange(phys(0), dma(1), false)), "E0913");
});

Deno.test("arithmeticType() knows ratios: with ints only, and without `%`", () => {
  assertEquals(arithmeticType("/", "ratio", "int"), "ratio");
  assertEquals(arithmeticType("%", "ratio", "int"), null);
  assertEquals(arithmeticType("*", "ratio", "duration"), null);
});
