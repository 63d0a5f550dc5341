/** Expressions of C that are typed in a debugger. */
import { assertEquals, assertThrows } from "@std/assert";
import { ScriptError } from "@dmalab/lang/values";
import { evaluateC } from "../c_expression.ts";

/** The value of an expression that contains no names. */
function valueOf(text: string): bigint {
  const none = () => {
    throw new ScriptError("E0919", "no name is known");
  };
  return evaluateC(text, {} as never, none).bits;
}

Deno.test("an expression of C is read to 100 parts in one another, and is refused beyond", () => {
  const nested = (depth: number) => `${"(".repeat(depth)}7${")".repeat(depth)}`;
  assertEquals(valueOf(nested(90)), 7n);
  assertEquals(valueOf(`1${" + 1".repeat(400)}`), 401n);
  for (
    const text of [
      nested(5000),
      `${"!".repeat(900)}1`,
      `1${"+1".repeat(5000)}`,
      "[".repeat(5000),
      `1${" ".repeat(50_000)}(`,
    ]
  ) {
    assertThrows(() => valueOf(text), ScriptError);
  }
});
