import { assertEquals } from "@std/assert";
import { layOut, suggestionLines } from "./line_view.ts";

Deno.test("layOut() breaks lines at the width of the screen, and says where the cursor is", () => {
  assertEquals(layOut("dma> ", "abc\nd", 2, 80), {
    rows: ["dma> abc", "...> d"],
    row: 0,
    column: 7,
  });
  assertEquals(layOut("dma> ", "abc\nd", 5, 80), {
    rows: ["dma> abc", "...> d"],
    row: 1,
    column: 6,
  });
  // A cursor after the last column is on the next row.
  assertEquals(layOut("> ", "abcd", 4, 6), { rows: ["> abcd", ""], row: 1, column: 0 });
  assertEquals(layOut("> ", "漢字x", 3, 5), { rows: ["> 漢", "字x"], row: 1, column: 3 });
  assertEquals(layOut("> ", "a\x1b[2J", 1, 20), { rows: ["> a␛[2J"], row: 0, column: 3 });
});

Deno.test("a few suggestions are shown with their docs, more of them by name only, as many as fit", () => {
  const words = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ text: `word${index}`, doc: "what it is" }));
  const size = { columns: 40, rows: 10 };
  assertEquals(suggestionLines(words(2), { columns: 60, rows: 10 }), [
    "  word0  what it is",
    "  word1  what it is",
  ]);
  assertEquals(suggestionLines(words(20), size).slice(0, 1), [
    "word0   word1   word2   word3   word4",
  ]);
  const many = suggestionLines(words(100), size);
  assertEquals([many.length, many.at(-1)], [8, "… and 65 more"]);
});
