import { assert, assertEquals, assertMatch } from "@std/assert";
import { Random } from "@dmalab/runtime";
import {
  addRound,
  compare,
  comparisonLines,
  isWithinSpread,
  median,
  spreadOf,
  verdict,
} from "./statistics.ts";

/** Measurements that vary by a few percent around a value. */
function scattered(value: number, seed: number, count = 9): number[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => value * (0.97 + random.below(60) / 1000));
}

Deno.test("what is as fast differs by noise in all but some of many comparisons, paired or not", () => {
  for (const isPaired of [true, false]) {
    let wrong = 0;
    for (let seed = 0; seed < 30; seed++) {
      const { high, low } = compare(scattered(10, seed), scattered(10, 1000 + seed), isPaired);
      if (low > 1 || high < 1) wrong++;
    }
    assert(wrong <= 5, `${wrong} of 30`);
  }
});

Deno.test("a tenth more is found, and rates and times are distinguished", () => {
  const found = compare(scattered(10, 1), scattered(11, 2), true);
  assertMatch(verdict(found, "requests/s"), /^1\.\d+ times as fast \(1\.\d+ to 1\.\d+\)$/);
  assertMatch(verdict(found, "us"), /^slower: 0\.9\d* times the speed /);
  const same = compare(scattered(10, 1), scattered(10, 2), true);
  assertMatch(verdict(same, "us"), /^no difference beyond noise \(/);
});

Deno.test("a machine that grows slower while it is measured changes both of a pair", () => {
  const drift = Array.from({ length: 9 }, (_, round) => 10 + round);
  const { high, low } = compare(drift, drift.map((value) => 1.1 * value), true);
  assert(low > 1.09 && high < 1.11);
});

Deno.test("rounds are collected by name, and only what both have is compared", () => {
  const result = (name: string, value: number) =>
    ({ name, value, unit: "us", ratio: null, to: null }) as const;
  const now = {};
  addRound(now, [result("a", 1), result("b", 2)]);
  addRound(now, [result("a", 1.02), result("b", 2.02)]);
  assertEquals(comparisonLines({ b: { unit: "us", values: [2, 2.01] } }, now, false).length, 1);
});

Deno.test("two measurements are equal within their spread, and a tenth apart they are not", () => {
  const of = (value: number, seed: number) => {
    const values = scattered(value, seed, 15);
    return { median: median(values), spread: spreadOf(values) };
  };
  for (let seed = 0; seed < 100; seed++) {
    assert(isWithinSpread(of(10, seed), of(10, 1000 + seed)), `seed ${seed}`);
    assert(!isWithinSpread(of(10, seed), of(11, 1000 + seed)), `seed ${seed}`);
  }
});
