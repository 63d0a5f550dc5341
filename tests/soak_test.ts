/** A part of `deno task script soak` that is small enough for every run of the tests. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Watch } from "./recording/watched_machine.ts";
import { soak, type SoakPoint } from "./soak/soak.ts";

const REQUESTS = 6_000;

Deno.test(`${REQUESTS} requests with failures and resets come to the same twice, leave nothing, and are recorded truly`, () => {
  const points: SoakPoint[] = [];
  const one = soak({ requests: REQUESTS, seed: 3, onPoint: (point) => points.push(point) });
  assertEquals(points.length, 10);
  for (const { held } of points) {
    assertEquals(held, { mappings: 0, bounceSlots: 0, descriptors: 0, reports: 0 });
  }
  assert(one.requests >= REQUESTS && one.requests < REQUESTS + 16, `${one.requests} requests`);
  assert(one.well > REQUESTS * 0.9, `only ${one.well} ended well`);
  assert(one.failures > 5 && one.resets > 0, `${one.failures} failures, ${one.resets} resets`);
  const watch = new Watch();
  assertEquals(soak({ requests: REQUESTS, seed: 3, onLab: (lab) => watch.attach(lab) }), one);
  for (const watched of watch.watched) watch.end(watched);
  assert(watch.looks > 500, `${watch.looks} looks`);
});

Deno.test("a soak of another seed comes to something else", () => {
  const [one, other] = [3, 4].map((seed) => soak({ requests: 500, seed }).digest);
  assert(one !== other);
});

Deno.test("a soak says what is held that was not before", () => {
  const leak = () =>
    soak({ requests: 500, seed: 3, onBatch: ({ machine }) => machine.iommu.liveMappings++ });
  assertThrows(leak, Error, "1 mappings are held, and 0 were");
});
