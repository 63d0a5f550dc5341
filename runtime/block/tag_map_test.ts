import { assertEquals } from "@std/assert";
import { TagMap } from "./tag_map.ts";

/** Takes a tag and releases it at once, a number of times. */
function oneAtATime(map: TagMap, count: number, fromHint = false): number[] {
  return Array.from({ length: count }, () => {
    const tag = map.take(fromHint);
    map.free(tag);
    return tag;
  });
}

const FIRST_WORD = Array.from({ length: 64 }, (_, bit) => bit);

Deno.test("reads go through the hint's word and begin again, a write gets the last tag again (nvme.md ch. 5, assertion 14)", () => {
  const reads = new TagMap(256);
  assertEquals(oneAtATime(reads, 65), [...FIRST_WORD, 0]);
  const write = new TagMap(256);
  assertEquals(oneAtATime(write, 64), FIRST_WORD);
  assertEquals(oneAtATime(write, 1, true), [63]);
});

Deno.test("what is in use in a full word stays, and the next word follows (nvme.md 2.5)", () => {
  const map = new TagMap(128);
  const taken = Array.from({ length: 64 }, () => map.take(false));
  assertEquals(taken, FIRST_WORD);
  assertEquals([map.take(false), map.take(false)], [64, 65]);
  map.free(7);
  // The search begins in the word of the tag that was freed last. That word is full, so the search
  // clears its freed tags.
  assertEquals(map.take(false), 7);
});

Deno.test("the last tag of a word moves the hint to the next word (nvme.md 2.5)", () => {
  const map = new TagMap(128);
  for (let count = 0; count < 64; count++) map.take(false);
  map.free(5);
  map.free(63);
  // The hint's word is full, so the search clears its freed tags: tag 5 becomes free as well.
  assertEquals([map.take(true), map.take(true), map.take(true)], [63, 64, 65]);
  map.free(127 - 64);
  assertEquals(map.take(true), 5);
});

Deno.test("a short last word ends where the tags do, and no tag is given twice (nvme.md 2.5)", () => {
  const map = new TagMap(70);
  const taken = Array.from({ length: 70 }, () => map.take(true));
  assertEquals(new Set(taken).size, 70);
  assertEquals([Math.max(...taken), map.take(false), map.take(true)], [69, -1, -1]);
});
