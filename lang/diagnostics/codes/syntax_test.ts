import { assert, assertEquals } from "@std/assert";
import { parseText, summaries } from "../../syntax/testing.ts";
import type { CodeEntry } from "./entry.ts";
import { SYNTAX_CODES } from "./syntax.ts";

const ENTRIES: [string, CodeEntry][] = Object.entries(SYNTAX_CODES);

/** Codes with examples that would fill pages. */
const TOO_LONG = ["E0115", "E0116", "E0214", "E0223"];

Deno.test("every syntax code has a title, a paragraph and an example", () => {
  for (const [code, { title, explanation, example }] of ENTRIES) {
    assert(/^E0[12][0-9]{2}$/.test(code), code);
    assert(title.length > 10 && !title.endsWith("."), code);
    assert(explanation.length > 50 && explanation.endsWith("."), code);
    assert(example !== "", code);
  }
});

Deno.test("the example of every syntax code has that mistake once, and the way to put it right", () => {
  for (const [code, { example }] of ENTRIES) {
    if (TOO_LONG.includes(code)) continue;
    const { diagnostics } = parseText(example);
    assertEquals(
      diagnostics.map((diagnostic) => diagnostic.code),
      [code],
      summaries(diagnostics).join("; "),
    );
  }
});
