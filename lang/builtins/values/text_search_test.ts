import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { runOf } from "../../testing/fake_run.ts";
import { occurrences } from "./text.ts";

Deno.test("occurrences() finds what the host's search finds, for parts of any length", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 200 });
  const part = fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 40 });
  fc.assert(fc.property(letters, part, fc.nat(150), (text, part, at) => {
    for (const sought of [part, text.slice(at, at + 30)].filter((one) => one !== "")) {
      const parts = text.split(sought);
      const starts = parts.slice(0, -1).map(((end) => ({ length }) => {
        const start = end + length;
        end = start + sought.length;
        return start;
      })(0));
      assertEquals([...occurrences(text, sought, runOf().context)], starts);
    }
  }));
});

Deno.test("occurrences() charges by the lengths, not by their product", () => {
  const { context, spent } = runOf();
  const text = "a".repeat(100_000);
  assertEquals([...occurrences(text, `b${"a".repeat(50_000)}`, context)], []);
  assertEquals(spent.steps > 70_000 && spent.steps < 200_000, true, `${spent.steps}`);
});
