import { assertEquals } from "@std/assert";
import { renderMarkdown } from "./markdown.ts";

const plain = { columns: 40, colour: false };

Deno.test("renderMarkdown() sets a table in columns and wraps its cells", () => {
  const lines = [
    "| # | Condition | Result |",
    "|---|---|---|",
    "| 1 | off(phys) is not 0 and offset > 0 | `-EIO` |",
    "| 2 | a \\| b | **no** |",
  ];
  assertEquals(renderMarkdown(lines, plain), [
    "#  Condition                      Result",
    "─  ─────────────────────────────  ──────",
    "1  off(phys) is not 0 and offset  -EIO",
    "   > 0",
    "2  a | b                          no",
  ]);
});

Deno.test("renderMarkdown() turns a single row that is too wide into a list of its fields", () => {
  const lines = [
    "| switch | what is wrong |",
    "|---|---|",
    "| `gap` | when a bio is cut, its front part looks free of gaps |",
  ];
  assertEquals(renderMarkdown(lines, plain), [
    "switch         gap",
    "what is wrong  when a bio is cut, its",
    "               front part looks free of",
    "               gaps",
  ]);
});

Deno.test("renderMarkdown() wraps paragraphs and hangs list items", () => {
  const lines = [
    "One sentence that is longer than a line",
    "of the page.",
    "",
    "1. The first item, which is long too, so that it wraps.",
    "2. The second.",
  ];
  assertEquals(renderMarkdown(lines, plain), [
    "One sentence that is longer than a line",
    "of the page.",
    "",
    "1. The first item, which is long too, so",
    "   that it wraps.",
    "2. The second.",
  ]);
});

Deno.test("renderMarkdown() keeps code as it stands and drops the marks of text", () => {
  const lines = ["## A *fine* `title`", "```", "x = **1**", "```"];
  assertEquals(renderMarkdown(lines, plain), ["A fine title", "", "    x = **1**"]);
});

Deno.test("renderMarkdown() colours code and what is strong, and only when asked", () => {
  const lines = ["see `this`, **now**"];
  const coloured = ["see \x1b[36mthis\x1b[0m, \x1b[1mnow\x1b[0m"];
  assertEquals(renderMarkdown(lines, { columns: 40, colour: true }), coloured);
  assertEquals(renderMarkdown(lines, plain), ["see this, now"]);
});
