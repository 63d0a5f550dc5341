/** Lines of a guest's trace that are long and match almost: each is read in one pass. */
import { assert, assertEquals } from "@std/assert";
import { readGuestEvents } from "../trace/trace_events.ts";

const LINE = "     rx-poll-214  [000] ..s..    12.004100: map:";
/** Parts of a line, repeated. */
const PARTS = [" ", "\t", "1", "a=1 ", "IOMMU: ", "[", "0x", "-", " \r", "iova=0x1 - "];
const LONG = 2 ** 21;

Deno.test("a guest's line of two million characters is read in one pass", () => {
  assertEquals(readGuestEvents(`${LINE}\n`).length, 1);
  for (const part of PARTS) {
    const text = part.repeat(LONG / part.length);
    for (const line of [text, `${text}x`, `x${text}x`, `${LINE}${text}x`]) {
      const start = performance.now();
      for (const { fields } of readGuestEvents(`${line}\n`)) fields.text;
      // Two million steps for each character would take hours.
      assert(performance.now() - start < 20_000, JSON.stringify(part));
    }
  }
});
