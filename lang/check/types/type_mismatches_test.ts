import { assertEquals } from "@std/assert";
import { diagnosticLines, errorsOf, load } from "../../testing/test_support.ts";

/** The errors' notes as `line:column text`. */
function notesOf(text: string): string[] {
  return load(text).diagnostics.flatMap(({ related = [] }) =>
    related.map(({ message, span }) => {
      const { column, line } = span.source.position(span.start);
      return `${line}:${column} ${message}`;
    })
  );
}

const hintOf = (text: string) => load(text).diagnostics[0]?.hint;

Deno.test("a value that fits none of its uses is one error, where it comes from", () => {
  const text = "let page = (1)\nprint page.phys\nprint page.segments\nprint page.size";
  assertEquals(errorsOf(text), ["E0408 1:12 `page` is an int, which fits none of its 3 uses"]);
  assertEquals(hintOf(text), "is the name of a function missing before the `(`?");
  assertEquals(notesOf(text), [
    "2:12 an int has no field `phys`",
    "3:12 an int has no field `segments`",
  ]);
});

Deno.test("when most uses find a value right the wrong one is the mistake, with a note", () => {
  const text = "let n = 4\nassert n == 4 and n > 2\nprint n.size";
  assertEquals(errorsOf(text), ["E0315 3:9 An int has no field `size`"]);
  assertEquals(notesOf(text), ["1:5 `n` is bound here"]);
  assertEquals(errorsOf("let n = 4\nprint n.size\nprint n.phys\nprint n"), [
    "E0408 1:9 `n` is an int, which fits only 1 of its 3 uses",
  ]);
});

Deno.test("a function whose value is used and that returns none is one error, inside it", () => {
  const uses = "print take().addr\nprint take().size\nlet one = take()\nprint one.addr, one";
  const bare = `fn take() {\n  let state = iova_state()\n  return\n}\n${uses.replace(", one", "")}`;
  assertEquals(errorsOf(bare), ["E0407 3:3 `take` is used for its value, but returns none"]);
  assertEquals(hintOf(bare), "write the value after `return`");
  const lost =
    "fn take() {\n  iova_state()\n}\nlet one = take()\nprint one\nprint one\nprint one.addr";
  assertEquals(errorsOf(lost), ["E0407 2:3 `take` is used for its value, but returns none"]);
  assertEquals(hintOf(lost), "add `return` before the value");
});

Deno.test("a function that is called for what it does is right to return none", () => {
  const text = "fn tell() { print 1 }\ntell()\nprint tell().size";
  assertEquals(errorsOf(text), ["E0315 3:14 None has no field `size`"]);
  assertEquals(notesOf(text), ["1:4 `tell` is declared here"]);
  // A `return` at the very end probably lost its value.
  assertEquals(errorsOf("fn tell() { print 1\n return }\ntell()\nprint tell().size"), [
    "E0407 2:2 `tell` is used for its value, but returns none",
  ]);
  assertEquals(errorsOf("let found = none\nprint found.size"), [
    "E0315 2:13 None has no field `size`",
  ]);
});

Deno.test("of two values that do not go together the one with an origin is blamed", () => {
  assertEquals(errorsOf("fn f() { }\nassert f() == 1\nassert f() > 2"), [
    "E0407 1:4 `f` is used for its value, but returns none",
  ]);
  assertEquals(errorsOf("let a = 4KiB\nlet b = 1us\nassert a == b"), [
    "E0404 3:10 A size and a duration can never be equal",
  ]);
});

Deno.test("a word that stands for a missing name is one error in a file", () => {
  const text = "print published[0]\nprint published[1]\nassert published == 4";
  assertEquals(errorsOf(text), ["E0405 1:7 Cannot index a word"]);
  assertEquals(
    hintOf(text),
    "`published` is a word here: no variable has that name\n(the same in 2 more places)",
  );
});

Deno.test("what cannot be called has no arguments to be wrong", () => {
  assertEquals(errorsOf("let a = 1\na(size: 4KiB, other: 2)"), ["E0303 2:1 Cannot call an int"]);
});

Deno.test("a range of what has no order is an error, and its uses are not", () => {
  assertEquals(errorsOf("let a = [1]..[2]\nassert a == [1]"), [
    "E0401 1:9 A range cannot go from a list to a list",
  ]);
  assertEquals(errorsOf("fn f(x) { return [1]..x }\nprint f(2)"), [
    "E0401 1:18 A range cannot go from a list to a value",
  ]);
});

Deno.test("an argument too many is an error of its call", () => {
  assertEquals(errorsOf("fn f(a) { return a }\nprint f(1, 2)\nprint f(3, 4)"), [
    "E0304 2:12 `f` takes at most 1 positional argument, but got 2",
    "E0304 3:12 `f` takes at most 1 positional argument, but got 2",
  ]);
  assertEquals(errorsOf("fn f(a) { return a }\nprint f(1, 2)\nprint f(3)"), [
    "E0304 2:12 `f` takes at most 1 positional argument, but got 2",
  ]);
});

Deno.test("a chain of ten thousand names is followed a hundred far, and ends", () => {
  const links = Array.from({ length: 10_000 }, (_, index) => `let a${index + 1} = a${index}`);
  const { diagnostics } = load(`let a0 = (1)\n${links.join("\n")}\nprint a10000.phys`);
  assertEquals(diagnosticLines(diagnostics).length, 1);
});

Deno.test("two values from one place are one value to blame", () => {
  assertEquals(errorsOf("let s = [1, 2].map(n => (4KiB))\nprint s[0] * s[1]"), [
    "E0408 1:25 The item added here is a size, which does not fit its uses",
  ]);
});
