/**
 * Tables list their valid rows often enough for fast queries, but rarely enough to use little
 * memory.
 */
import { assertEquals } from "@std/assert";
import { LiveLists } from "./live_lists.ts";

Deno.test("a list is due after 512 changes and as many more as rows hold, and not twice for one event", () => {
  const lists = new LiveLists();
  lists.changes = 519;
  assertEquals(lists.isDue(1, 8), false);
  lists.changes = 520;
  assertEquals([lists.isDue(1, 8), lists.isDue(1, 9)], [true, false]);
  lists.add({ seq: 4, made: 0, rows: new Uint32Array(0) });
  lists.add({ seq: 10, made: 520, rows: new Uint32Array(8) });
  assertEquals([lists.changes, lists.hostBytes], [0, 32]);
  lists.changes = 600;
  // The list already shows the state before event 11. Therefore the next list is due from event 12
  // on.
  assertEquals([lists.isDue(11, 8), lists.isDue(12, 8)], [false, true]);
});

Deno.test("a moment is answered by the last list up to it", () => {
  const lists = new LiveLists();
  const rows = new Uint32Array(0);
  for (const seq of [4, 9, 20]) lists.add({ seq, made: seq, rows });
  const found = [3, 4, 8, 9, 19, 20, 21].map((seq) => lists.before(seq)?.seq ?? null);
  assertEquals(found, [null, 4, 4, 9, 9, 20, 20]);
});
