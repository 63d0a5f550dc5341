import { assertEquals } from "@std/assert";
import { jobsWithin } from "@dmalab/cli/extend";

const GIB = 2 ** 30;

Deno.test("there are as many jobs as processors, if half of the memory suffices for their limits", () => {
  // V8's heap may grow to a quarter of the memory, and to at most 4 GiB.
  assertEquals(jobsWithin(16, 4 * GIB, GIB), 16);
  assertEquals(jobsWithin(16, 2 * GIB, GIB), 4);
  assertEquals(jobsWithin(2, 2 * GIB, GIB), 2);
  assertEquals(jobsWithin(16, GIB / 8, GIB), 1);
  assertEquals(jobsWithin(16, GIB / 8, GIB / 8), 2);
});
