import { assertEquals } from "@std/assert";
import { neededMachines, nextJob, type WaitingPlan } from "./waiting_plan.ts";

const PLAN: WaitingPlan = { places: [100, 200, 300, 400, 500], slack: 50, near: null };

/** Does errands until none is left: where each went to, and from where, null for new machines. */
function allJobs(ways: number[], plan: WaitingPlan): readonly (readonly (number | null)[])[] {
  const done: (number | null)[][] = [];
  for (;;) {
    const job = nextJob(ways, plan);
    if (job === null) return done;
    const [from = null] = job.from === null ? [] : ways.splice(job.from, 1);
    done.push([from, job.to]);
    ways.push(job.to);
    ways.sort((one, other) => one - other);
  }
}

Deno.test("machines go into the midst of the longest stretch where none waits", () => {
  assertEquals(allJobs([], PLAN), [
    [null, 300],
    [null, 200],
    [null, 500],
    [null, 100],
    [null, 400],
  ]);
});

Deno.test("a machine that is not needed where it waits goes where one is, and a new one only else", () => {
  const ways = [90, 95, 98, 100, 310];
  assertEquals([...neededMachines(ways, PLAN)], [3]);
  assertEquals(allJobs(ways, PLAN), [
    [310, 400],
    [98, 300],
    // What waits behind it cannot go back.
    [95, 200],
    [90, 500],
  ]);
});

Deno.test("machines are parked near the current position first, each rerun from the nearest machine", () => {
  const near = { way: 240, slack: 10, end: 250, count: 2 };
  assertEquals(allJobs([100, 200, 300, 400, 500], { ...PLAN, near }), [
    [200, 240],
    [100, 240],
    [null, 200],
    [null, 100],
  ]);
  // One that has been looked at there waits before the place as well; one that stands at it does not.
  assertEquals(nextJob([100, 200, 240, 249, 300, 400, 500], { ...PLAN, near }), null);
  assertEquals(nextJob([100, 200, 240, 250, 300, 400, 500], { ...PLAN, near })?.to, 240);
});
