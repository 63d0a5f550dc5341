/** The recorded boots agree with the model. */
import { assert, assertEquals } from "@std/assert";
import { recordedBoots, replayBoot } from "./recorded_boots.ts";

Deno.test("each request of the recorded boots is as the model makes it (long)", async (t) => {
  let requests = 0;
  for (const boot of recordedBoots()) {
    await t.step(`${boot.release}, machine ${boot.number}`, async () => {
      const tests = await replayBoot(boot);
      assertEquals(tests.filter(({ difference }) => difference !== null), []);
      for (const test of tests) requests += test.requests;
    });
  }
  assertEquals(requests, 1050);
});

/** Boots that show what only their release does, and one of the newest. */
const SHORT = [
  { release: "6.1.176", number: 5 },
  { release: "6.18.15", number: 7 },
  { release: "6.18.15", number: 8 },
  { release: "7.3.4", number: 5 },
  { release: "6.12.117", number: 9 },
  { release: "7.3.4", number: 10 },
];

Deno.test("a request of a recorded boot is as the model makes it, on six machines", async () => {
  for (const boot of SHORT) {
    const tests = await replayBoot(boot);
    assertEquals(tests.map(({ difference }) => difference), tests.map(() => null));
    assert(tests.every((test) => test.requests > 0));
  }
});
