import { assertEquals } from "@std/assert";
import { foldedLines } from "./spaced_lines.ts";

const LINES = [
  "error[E0901]: the buffer differs from what the disk holds",
  "  3 |   assert buffer.bytes == disk.bytes",
  "    |          ^^^^^^",
  "    |          a value that is longer than the terminal is wide",
  "   = hint: write `expect warning unmap_size { … }` around it",
];

Deno.test("sentences are broken at spaces, commands stay whole, and values stay below their names", () => {
  assertEquals(foldedLines(LINES, 40), [
    "error[E0901]: the buffer differs from",
    "  what the disk holds",
    "  3 |   assert buffer.bytes == disk.byt…",
    "    |          ^^^^^^",
    LINES[3]!,
    "   = hint: write",
    "     `expect warning unmap_size { … }`",
    "     around it",
  ]);
});

Deno.test("without a terminal no line changes", () => {
  assertEquals(foldedLines(LINES, null), LINES);
});
