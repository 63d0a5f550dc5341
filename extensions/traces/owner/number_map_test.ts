import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { NumberMap } from "./number_map.ts";

/** Few keys, so that maps become empty again and again; some are above 2^31. */
const KEY = fc.constantFrom(0, 1, 0x1000, 0xffff_f000, 2 ** 40, 2 ** 40 + 0x1000);
const STEP = fc.record({ op: fc.constantFrom("set", "set", "delete", "get"), key: KEY });

Deno.test("a map of numbers answers as the language's own, with one entry and with many", () => {
  fc.assert(fc.property(fc.array(STEP, { maxLength: 200 }), (steps) => {
    const map = new NumberMap<number>();
    const own = new Map<number, number>();
    steps.forEach(({ key, op }, index) => {
      if (op === "set") own.set(key, index), map.set(key, index);
      else if (op === "delete") assertEquals(map.delete(key), own.delete(key));
      assertEquals([map.get(key), map.has(key), map.size], [own.get(key), own.has(key), own.size]);
      assertEquals(map.oldestKey, own.keys().next().value);
    });
    assertEquals([...map], [...own]);
    assertEquals([...map.values()], [...own.values()]);
  }));
});
