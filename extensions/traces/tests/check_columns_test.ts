import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "node:path";
import { checkedTrace } from "./checked_trace.ts";

const DATA = join(import.meta.dirname!, "../../../examples/traces/data");
const TRACE = Deno.readTextFileSync(join(DATA, "leaky-driver.trace.txt")).trimEnd().split("\n");
/** The table of the devices is as wide as its cells. */
const TABLE = /^(?:device|0000:)/;

Deno.test("on a terminal of 60 and 80 columns, no line is longer, and no word is lost or cut", () => {
  const { text } = checkedTrace(TRACE);
  const words = (lines: string) => lines.split(/\s+/);
  for (const columns of [60, 80]) {
    const shown = text(columns);
    const long = shown.split("\n").filter((line) => line.length > columns && !TABLE.test(line));
    assertEquals(long, []);
    assertEquals(words(shown), words(text()));
  }
  // Wrapped for the terminal, and not broken once more.
  assertStringIncludes(text(80), "\n        each map needs one unmap there\n");
  assert(text().split("\n").some((line) => line.length > 80 && !TABLE.test(line)));
});
