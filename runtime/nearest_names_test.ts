import { assert, assertEquals } from "@std/assert";
import { editDistance, nearestNames } from "./nearest_names.ts";

Deno.test("a longer word may differ in more letters: none up to 2, 1 of 3, 2 up to 8, 3 beyond", () => {
  const near = (word: string, ...names: string[]) => nearestNames(word, names);
  assertEquals([near("ab", "ac"), near("ab", "AB")], [[], ["AB"]]);
  assertEquals([near("abc", "abd"), near("abc", "xbc")], [["abd"], ["xbc"]]);
  assertEquals([near("abcd", "abce"), near("abcd", "abef")], [["abce"], []]);
  // Two changes in four letters bring at most one other letter.
  assertEquals([near("mood", "mode"), near("mood", "node")], [["mode"], []]);
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
  // Equally close names: all of them, in alphabetical order, up to the limit.
  assertEquals(nearestNames("abcd", ["abcz", "abca", "abcx"]), ["abca", "abcx"]);
  assertEquals(nearestNames("abcd", ["abcz", "abca", "abcx"], 3), ["abca", "abcx", "abcz"]);
});

Deno.test("two letters of five are near only where the word begins as the other does", () => {
  assertEquals(nearestNames("abcde", ["xycde"]), []);
  assertEquals(nearestNames("abcde", ["abcxy"]), ["abcxy"]);
  assertEquals(nearestNames("abcdef", ["xycdef"]), ["xycdef"]);
});

/** The distance of two names by its recursive definition. */
function distanceOf(a: string, b: string): number {
  if (a === "" || b === "") return a.length + b.length;
  const [shortA, shortB] = [a.slice(0, -1), b.slice(0, -1)];
  const exchanged = a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1);
  return Math.min(
    distanceOf(shortA, b) + 1,
    distanceOf(a, shortB) + 1,
    distanceOf(shortA, shortB) + (a.at(-1) === b.at(-1) ? 0 : 1),
    ...exchanged ? [distanceOf(a.slice(0, -2), b.slice(0, -2)) + 1] : [],
  );
}

/** All words of up to four letters, from three different letters. */
function words(): string[] {
  const all = [""];
  for (const word of all) {
    if (word.length < 4) {
      for (const letter of "abc") all.push(word + letter);
    }
  }
  return all;
}

Deno.test("editDistance() is the least number of changes, and infinite only past the most", () => {
  const all = words();
  assertEquals(all.length, 1 + 3 + 9 + 27 + 81);
  for (const [index, a] of all.entries()) {
    for (const b of all.slice(index % 5).filter((_, at) => at % 5 === 0)) {
      const distance = distanceOf(a, b);
      assertEquals([editDistance(a, b), editDistance(b, a)], [distance, distance], `${a} ${b}`);
      for (let most = 0; most <= 4; most++) {
        const bounded = editDistance(a, b, most);
        if (distance <= most) assertEquals(bounded, distance);
        else assert(bounded > most, `${a} ${b}, at most ${most}`);
      }
    }
  }
});

Deno.test("looking for far names ends as soon as two rows are past the most", () => {
  // After a few letters the distance must exceed the limit, so the result is Infinity.
  for (let length = 4; length < 12; length++) {
    const [a, b] = ["x".repeat(length), "y".repeat(length)];
    for (let most = 0; most < length - 1; most++) assertEquals(editDistance(a, b, most), Infinity);
    assertEquals(editDistance(a, b, length), length);
  }
});
