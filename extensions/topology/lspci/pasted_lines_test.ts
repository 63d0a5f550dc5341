import { assertEquals } from "@std/assert";
import { pastedLines } from "./read_listing.ts";

function linesOf(text: string): string[] {
  return [...pastedLines(text)].map((line) => line.text);
}

Deno.test("quote marks, colours, carriage returns and byte order marks are taken off", () => {
  assertEquals(linesOf("\ufeff> > \x1b[1;31m00:00.0\x1b[0m Host\r\n>\n> \tControl: x\r"), [
    "00:00.0 Host",
    "",
    "\tControl: x",
  ]);
});

Deno.test("brackets that a page has escaped are brackets, and quote marks too", () => {
  assertEquals(linesOf("&gt; \tCapabilities: &lt;access denied&gt; &amp;c &nbsp;"), [
    "\tCapabilities: <access denied> &c &nbsp;",
  ]);
});

Deno.test("lines keep their numbers and the blanks in front, which trees need", () => {
  assertEquals([...pastedLines("a\n\n  \\-00.0\u00a0x\n")], [
    { number: 1, text: "a" },
    { number: 2, text: "" },
    { number: 3, text: "  \\-00.0 x" },
    { number: 4, text: "" },
  ]);
});

Deno.test("a window title that never ends takes its line and no more", () => {
  assertEquals(linesOf("\x1b]0;title\x07a\n\x1b]0;title\nb"), ["a", "", "b"]);
});

Deno.test("a text may begin and end with empty lines", () => {
  assertEquals(linesOf("\na\n\n"), ["", "a", "", ""]);
  assertEquals(linesOf("\n"), ["", ""]);
  assertEquals(linesOf(""), [""]);
});

Deno.test("a line has 2000 characters at most: what is behind them is not read", () => {
  assertEquals(linesOf(`${"a".repeat(2000)}\n${"b".repeat(2001)}\nc`).map(({ length }) => length), [
    2000,
    2000,
    1,
  ]);
});
