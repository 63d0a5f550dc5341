/** What is said of a bug of dmalab. */
import { assertEquals } from "@std/assert";
import { bugPlace, stackText } from "./bug.ts";

Deno.test("an error without a stack of text has no place", () => {
  const full = new RangeError("Maximum call stack size exceeded");
  // The host gives an object that is no text if its own stack was full.
  Object.defineProperty(full, "stack", { value: {} });
  assertEquals(bugPlace(full), null);
  assertEquals(stackText(full), "");
  assertEquals(bugPlace(new Error("x"))?.startsWith("lang/diagnostics/bug_test.ts:"), true);
});
