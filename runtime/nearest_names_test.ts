import { assertEquals } from "@std/assert";
import { editDistance, nearestNames } from "./nearest_names.ts";

Deno.test("editDistance() counts letters changed, added, left out and neighbours exchanged", () => {
  const cases: [string, string, number][] = [
    ["", "", 0],
    ["abc", "abc", 0],
    ["abc", "", 3],
    ["", "abc", 3],
    ["abc", "abd", 1],
    ["abc", "abxc", 1],
    ["abc", "ac", 1],
    ["abc", "acb", 1],
    ["abcd", "badc", 2],
    ["kitten", "sitting", 3],
    // An exchange with a letter between is no exchange.
    ["abc", "cba", 2],
    ["ca", "abc", 3],
  ];
  for (const [a, b, distance] of cases) {
    assertEquals(editDistance(a, b), distance, `${a} ${b}`);
    // Exactly so far is not too far.
    assertEquals(editDistance(a, b, distance), distance, `${a} ${b}, at most ${distance}`);
  }
  assertEquals(editDistance("abcdefgh", "zyxwvuts", 3), Infinity);
  // The exchange comes two rows after the last one that was near enough.
  assertEquals(editDistance("xyab", "yxba", 2), 2);
});

Deno.test("a longer word may differ in more letters: none up to 2, 1 up to 4, 2 up to 8, 3 beyond", () => {
  const near = (word: string, ...names: string[]) => nearestNames(word, names);
  assertEquals(near("ab", "ac"), []);
  assertEquals(near("abc", "abd"), ["abd"]);
  assertEquals([near("abcd", "abce"), near("abcd", "abef")], [["abce"], []]);
  assertEquals([near("abcde", "abcxy"), near("abcde", "abxyz")], [["abcxy"], []]);
  assertEquals([near("abcdefgh", "abcdefxy"), near("abcdefgh", "abcdexyz")], [["abcdefxy"], []]);
  assertEquals(near("abcdefghi", "abcdefxyz"), ["abcdefxyz"]);
  assertEquals(near("abcdefghi", "abcdewxyz"), []);
});

Deno.test("what has the word in it is nearer than what has other letters, and case counts little", () => {
  assertEquals(nearestNames("read", ["reed", "reads"]), ["reads"]);
  assertEquals(nearestNames("Read", ["read", "reads"]), ["read"]);
  assertEquals(nearestNames("map_dma", ["dma_map", "map_dmb"]), ["dma_map"]);
  assertEquals(nearestNames("queue", ["queue"]), []);
  // As close as each other: both, in the order of their names, and no more than asked for.
  assertEquals(nearestNames("abcd", ["abcz", "abca", "abcx"]), ["abca", "abcx"]);
  assertEquals(nearestNames("abcd", ["abcz", "abca", "abcx"], 3), ["abca", "abcx", "abcz"]);
});

Deno.test("two letters of five are near only where the word begins as the other does", () => {
  assertEquals(nearestNames("abcde", ["xycde"]), []);
  assertEquals(nearestNames("abcde", ["abcxy"]), ["abcxy"]);
  assertEquals(nearestNames("abcdef", ["xycdef"]), ["xycdef"]);
});
