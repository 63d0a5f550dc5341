import { assert, assertEquals } from "@std/assert";
import { type Tried, tryCases } from "./cases.ts";

function holdCases(count: number): Tried {
  const tried = tryCases(count, 1);
  const { cases, events, looks, rows, segments, steps } = tried;
  assertEquals(cases, 2 * count);
  // The cases must be large enough to be useful.
  const seen =
    `${steps} steps, ${segments} segments, ${events} events, ${looks} looks, ${rows} rows`;
  assert(steps > 5 * count && segments > 300 * count && events > 700 * count, seen);
  assert(looks > 15 * count && rows > 150 * count, seen);
  return tried;
}

Deno.test("random requests on random machines do what they should, or what a named defect explains, and the same twice (block.md 1.3, nvme.md 2, defects.md)", () => {
  holdCases(10);
});

Deno.test("hundreds of random cases meet most defects of the releases, and nothing else (long)", () => {
  const { defects } = holdCases(240);
  for (
    const name of [
      "gap_bit_lost_on_split",
      "mptr_first_vector_only",
      "stale_iova_state_p2p",
    ] as const
  ) assert(defects.has(name), [...defects].join(", "));
});
