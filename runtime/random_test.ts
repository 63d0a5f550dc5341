import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
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

/** The draws that are below a bound, from another generator with the same seed. */
function* drawsBelow(seed: number, bound: number): Generator<number> {
  const random = new Random(seed);
  for (;;) {
    const draw = random.nextU32();
    if (draw < bound) yield draw;
  }
}

Deno.test("below() takes one draw of 32 bits, and draws again what would make small numbers likelier", () => {
  // 2^32 divided by this limit leaves a remainder of a quarter of 2^32, so a quarter of all draws
  // is discarded.
  const limit = 3 * 2 ** 30;
  const random = new Random(7);
  const draws = drawsBelow(7, limit);
  for (let count = 0; count < 200; count++) {
    assertEquals(random.below(limit), draws.next().value! % limit);
  }
  const small = new Random(7);
  const dice = drawsBelow(7, 2 ** 32 - 2 ** 32 % 6);
  for (let count = 0; count < 200; count++) assertEquals(small.below(6), dice.next().value! % 6);
});

Deno.test("below() 2^32 is a draw itself, beyond it two draws are put together", () => {
  const [one, two] = [new Random(3), new Random(3)];
  for (let count = 0; count < 50; count++) assertEquals(one.below(2 ** 32), two.nextU32());
  const wide = new Random(3);
  const halves = new Random(3);
  for (let count = 0; count < 50; count++) {
    const high = halves.nextU32() >>> 11;
    assertEquals(wide.below(2 ** 53), high * 2 ** 32 + halves.nextU32());
  }
  assertEquals(new Random(3).below(2 ** 32 + 1), new Random(3).below(2 ** 53) % (2 ** 32 + 1));
  const third = new Random(3);
  const limit = 3 * 2 ** 51;
  const kept = new Random(3);
  for (let count = 0; count < 100; count++) {
    let draw = kept.below(2 ** 53);
    while (draw >= limit) draw = kept.below(2 ** 53);
    assertEquals(third.below(limit), draw);
  }
});

Deno.test("a seed's high bits count, and a saved state goes on where it was", () => {
  assertNotEquals(new Random(1).nextU32(), new Random(1 + 2 ** 40).nextU32());
  const random = new Random(2 ** 45 + 9);
  for (let count = 0; count < 10; count++) random.nextU32();
  const state = random.save();
  const next = Array.from({ length: 5 }, () => random.nextU32());
  const other = new Random(0);
  other.restore(state);
  assertEquals(Array.from({ length: 5 }, () => other.nextU32()), next);
  assertEquals(random.save()[3], 1 + 12 + 15);
  assert(new Set(next).size === 5);
});

/** The published sfc32, with BigInt: 64 bits of seed in the first two words. */
function* published(seed: bigint): Generator<number> {
  const word = (value: bigint) => BigInt.asUintN(32, value);
  let [a, b, c] = [word(seed >> 32n), word(seed), 0x9e3779b9n];
  for (let counter = 1n;; counter++) {
    const sum = word(a + b + counter);
    [a, b] = [b ^ (b >> 9n), word(c + (c << 3n))];
    c = word(((c << 21n) | (c >> 11n)) + sum);
    if (counter > 12n) yield Number(sum);
  }
}

Deno.test("every draw is that of the published generator, whose first twelve are left out", () => {
  for (const seed of [0, 1, 2 ** 32, MOST]) {
    const [random, draws] = [new Random(seed), published(BigInt(seed))];
    for (let count = 0; count < 500; count++) assertEquals(random.nextU32(), draws.next().value);
  }
});
