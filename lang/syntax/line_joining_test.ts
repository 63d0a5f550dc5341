import { assertEquals } from "@std/assert";
import { spanText } from "../source.ts";
import { parseText, places, statementsOf } from "./testing.ts";

function lines(text: string): string[] {
  return statementsOf(text).map(({ span }) => spanText(span).replace(/\s+/g, " "));
}

Deno.test("a statement ends with its line or with `;`", () => {
  assertEquals(lines("f()\ng(); h()\n\n\n;;k()"), ["f()", "g()", "h()", "k()"]);
  assertEquals(lines("f()\r\ng()\rh()"), ["f()", "g()", "h()"]);
  assertEquals(lines("\n# only a comment\n"), []);
});

Deno.test("newlines are dropped inside ( and [, but not inside { in them", () => {
  assertEquals(lines("f(\n  a\n  ,\n  b\n)\ng()"), ["f( a , b )", "g()"]);
  assertEquals(lines("let x = [\n1,\n2,\n]"), ["let x = [ 1, 2, ]"]);
  assertEquals(lines("f(trace {\n  g()\n  h()\n})"), ["f(trace { g() h() })"]);
});

Deno.test("a line that begins with `.` and a name continues the one before, `..` does not", () => {
  assertEquals(lines("ssd\n  .queue(1)\n  .read()"), ["ssd .queue(1) .read()"]);
  assertEquals(places(parseText("let a = 1\n..4").diagnostics), ["E0207 2:1"]);
});

Deno.test("`f` and `(2)` on two lines are two statements, and so is `- 2`", () => {
  assertEquals(places(parseText("f()\n(2)").diagnostics), ["E0207 2:1"]);
  const { diagnostics } = parseText("let a = 1\n- 2");
  assertEquals(places(diagnostics), ["E0207 2:1"]);
});

Deno.test("`else` and `and` may begin the line after a `}`", () => {
  assertEquals(lines("if a { }\nelse if b { }\nelse { }").length, 1);
  assertEquals(lines("fork { f() }\nand { g() }").length, 1);
  assertEquals(places(parseText("assert a\nand b").diagnostics), ["E0207 2:1"]);
});

Deno.test("a line that ends in an operator does not swallow the statement behind it", () => {
  for (const next of ["let y = 2", "assert y", "if y { }", "print y", "wait io", "return y"]) {
    const { diagnostics, file } = parseText(`let x = 1 +\n${next}\nf()`);
    assertEquals(places(diagnostics), ["E0202 1:12"], next);
    assertEquals(file.items.length, 3, next);
  }
  // Before `:` any word is a name.
  assertEquals(lines("let r = { a: 1,\n  if: 2 }").length, 1);
});

Deno.test("entries end at a newline, `,` or `;`, and after `}` nothing is needed", () => {
  const text =
    "machine { cpus = 1; seed = 2, ram { size = 1GiB } swiotlb { force = true }\n  x = 1, }";
  const [machine] = statementsOf(text);
  assertEquals(machine?.kind === "Machine" && machine.entries.length, 5);
  const { diagnostics } = parseText("machine { cpus = 1 seed = 2 }");
  assertEquals(places(diagnostics), ["E0205 1:19"]);
});
