import { assertEquals } from "@std/assert";
import { inputsOf, linesOf } from "./at_terminal.ts";
import { withoutPrompts } from "./prompts.ts";

Deno.test("inputs of several lines are kept in one piece", () => {
  const inputs = ["let a = 1", "let b = [\n  1,\n\n  2 ]", "print a"];
  assertEquals(inputsOf(inputs.flatMap(linesOf)), inputs);
  assertEquals(inputsOf(["\tlost its head", "a"]), ["\tlost its head", "a"]);
});

Deno.test("a piece of a session that is pasted is what was typed in it", () => {
  const session = "dma[0]> let a = [\n   ...> 1 ]\ndma[24/133 @ 2us]> a[0]\n1\ndma[b1 3]> :back";
  assertEquals(withoutPrompts(session), "let a = [\n1 ]\na[0]\n:back");
  assertEquals(withoutPrompts("a + 1\n2\ndma[0]> b"), "a + 1\nb");
  assertEquals(withoutPrompts("let a = [\n  1 ]\n"), "let a = [\n  1 ]\n");
});
