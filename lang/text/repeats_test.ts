import { assertEquals } from "@std/assert";
import { shownParts } from "./repeats.ts";

function parts(row: string) {
  return shownParts(row.length, (a, b) => row[a] === row[b]).map(
    ({ start, end, hiddenTimes }) => `${row.slice(start, end)}×${hiddenTimes}`,
  );
}

Deno.test("shownParts() shows a row without repetitions as one part", () => {
  assertEquals(parts("abcd"), ["abcd×0"]);
  assertEquals(parts(""), []);
});

Deno.test("shownParts() counts a group between its first and its last time", () => {
  assertEquals(parts("xababababy"), ["x×0", "ab×2", "aby×0"]);
});

Deno.test("shownParts() shows three times in a row as they are", () => {
  assertEquals(parts("aaab"), ["aaab×0"]);
  assertEquals(parts("aaaab"), ["a×2", "ab×0"]);
});
