import { assertEquals } from "@std/assert";
import { errorsOf, load } from "../../testing/test_support.ts";

Deno.test("a name that a function lacks a parameter for is an error of the function", () => {
  const text = "fn pages(n) { return alloc_pages(n, contiguous: joined) }\nprint pages(2, true)";
  assertEquals(errorsOf(text), [
    "E0301 1:4 `pages` uses `joined`, but has no parameter of that name",
  ]);
  const notes = load(text).diagnostics[0]!.related!.map(({ message }) => message);
  assertEquals(notes, ["used here", "called with 2 arguments here, and it takes 1"]);
});

Deno.test("a name bound and never used is the mistake when its like is used all over", () => {
  assertEquals(errorsOf("let stat = iova_state()\nprint state\nprint state.size"), [
    "E0301 1:5 `stat` is never used, but `state` is, 2 times, and is bound nowhere",
  ]);
  assertEquals(errorsOf("let stat = iova_state()\nprint state.size"), [
    "E0301 2:7 Nothing is called `state`",
  ]);
  assertEquals(errorsOf("let stat = iova_state()\nprint stat\nprint state\nprint state"), [
    "E0301 3:7 Nothing is called `state`",
  ]);
});

Deno.test("a blank that is missing in a declaration is found at the first use", () => {
  assertEquals(errorsOf("fn takecount() { return alloc_pages(count) }\nprint take(2)"), [
    "E0303 1:4 `takecount` is never called, but `take` is, once, and is declared nowhere",
  ]);
  assertEquals(
    errorsOf("fn take(n) { return alloc_pages(n) }\nprint takecount(2)\nprint take(1)"),
    [
      "E0303 2:7 There is no function `takecount`",
    ],
  );
});

Deno.test("a variable of another test or of an inner block is not what was meant", () => {
  assertEquals(
    errorsOf('test "a" { let stat = 1 }\ntest "b" { print state\n print state }'),
    ["E0301 2:18 Nothing is called `state`"],
  );
  assertEquals(errorsOf("if true { let a = 1 }\nprint a\nprint a"), [
    "E0301 2:7 Nothing is called `a`",
  ]);
});

Deno.test("of a thousand unknown names fifty are reported, each with the name that is meant", () => {
  const text = Array.from({ length: 1000 }, (_, index) => `print alloc_pages${index}(1)`).join(
    "\n",
  );
  const { diagnostics } = load(text);
  assertEquals(diagnostics.length, 51);
  assertEquals(diagnostics.filter(({ hint }) => hint?.startsWith("did you mean")).length, 50);
  assertEquals(diagnostics.at(-1)?.message, "There are 950 more errors in this file");
});
