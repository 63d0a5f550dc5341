import { assertEquals } from "@std/assert";
import { clip, pairLines, spread, tableLines, wrapText } from "./columns.ts";

Deno.test("clip() marks what it cuts", () => {
  assertEquals(clip("abcdef", 6), "abcdef");
  assertEquals(clip("abcdef", 4), "abc…");
});

Deno.test("spread() puts the second text at the right edge", () => {
  assertEquals(spread("left", "right", 12), "left   right");
  assertEquals(spread("a long left", "right", 12), "a lo…  right");
  assertEquals(spread("left", "", 12), "left");
  assertEquals(spread("left", "right", Infinity), `left${" ".repeat(71)}right`);
  assertEquals(spread("l".repeat(90), "right", Infinity), `${"l".repeat(90)}  right`);
});

Deno.test("tableLines() aligns columns under their titles", () => {
  assertEquals(tableLines(["name", "n"], [["a", "1"], ["longer", "10"]], ["left", "right"]), [
    "name     n",
    "──────  ──",
    "a        1",
    "longer  10",
  ]);
});

Deno.test("pairLines() pads names to one width", () => {
  assertEquals(pairLines([["a", "1"], ["bcd", "2"]]), ["  a    1", "  bcd  2"]);
});

Deno.test("wrapText() breaks at blanks only", () => {
  assertEquals(wrapText("one two three", 7), ["one two", "three"]);
  assertEquals(wrapText("unbreakable", 4), ["unbreakable"]);
  assertEquals(wrapText(" a  b ", 8), ["a  b "]);
  assertEquals(wrapText("run `one two` now", 8), ["run", "`one two`", "now"]);
  assertEquals(wrapText("run `one two", 8), ["run `one", "two"]);
});
