import { assert, assertEquals, assertThrows } from "@std/assert";
import { InvariantError } from "./errno.ts";
import { Random } from "./random.ts";

const MOST = Number.MAX_SAFE_INTEGER;

Deno.test("Random.between() draws from any range of exact integers, both halves as often", () => {
  const random = new Random(1);
  const draws = Array.from({ length: 4000 }, () => random.between(-MOST, MOST));
  assert(draws.every((draw) => Number.isSafeInteger(draw) && draw < MOST));
  const below = draws.filter((draw) => draw < 0).length;
  assert(below > 1800 && below < 2200, `${below} of 4000`);
  const odd = draws.filter((draw) => draw % 2 !== 0).length;
  assert(odd > 1800 && odd < 2200, `${odd} of 4000`);
});

Deno.test("Random.between() draws what below() draws where that counts exactly", () => {
  assertEquals(new Random(7).between(100, 106), 100 + new Random(7).below(6));
  assertEquals(new Random(7).between(-5, MOST - 9), new Random(7).below(MOST - 4) - 5);
  assertEquals(new Random(7).between(3, 4), 3);
});

Deno.test("Random.below() refuses what it could not draw for ever", () => {
  for (const limit of [0, -1, 2 ** 54, NaN]) {
    assertThrows(() => new Random(1).below(limit), InvariantError, `below ${limit}`);
  }
});
