import { assertEquals, assertThrows } from "@std/assert";
import { ActivityQueue } from "./activity.ts";
import { VirtualClock } from "./time/clock.ts";
import type { EventContext } from "./event_context.ts";

/** The context, in the order CPU, device, request, site. */
function at({ cpu, device, request, site }: EventContext): unknown[] {
  return [cpu, device, request, site];
}

/** A context on CPU 2, in a call by statement 9 of a script. */
function rig() {
  const clock = new VirtualClock();
  const { context } = clock;
  context.cpu = 2;
  context.site = 9;
  return { clock, context, queue: new ActivityQueue(clock) };
}

Deno.test("an activity can be posted with another origin", () => {
  const { context, queue } = rig();
  const seen: unknown[][] = [];
  const handler = { runActivity: () => void seen.push(at(context)) };
  queue.postFor({ cpu: 1, device: "ssd", request: 7, site: 3 }, handler, 0, 0);
  queue.postWork("nic", handler, 0, 0);
  assertEquals(at(context), [2, null, null, 9]);
  while (queue.runNext());
  assertEquals(seen, [[1, "ssd", 7, 3], [2, "nic", null, 9]]);
});

Deno.test("an activity that throws leaves the context as it was, whatever it had entered", () => {
  const { context, queue } = rig();
  queue.post(
    {
      runActivity: () => {
        context.enter({ cpu: 3, device: "ssd", request: 7, site: 3 });
        context.enterWork("nic");
        context.enterDevice("gpu");
        context.enterRequest(8);
        throw new Error("gone");
      },
    },
    0,
    0,
  );
  assertThrows(() => queue.runNext(), Error, "gone");
  assertEquals(at(context), [2, null, null, 9]);
});

Deno.test("what is entered is left in turn, and one kind does not disturb the other", () => {
  const { context } = rig();
  const outermost = context.enter({ cpu: 1, device: "a", request: 1, site: 4 });
  const outer = context.enterDevice("b");
  const request = context.enterRequest(null);
  const inner = context.enterWork("c", 6);
  assertEquals(at(context), [1, "c", 6, 4]);
  context.leave(inner);
  assertEquals(at(context), [1, "b", null, 4]);
  context.leaveRequest(request);
  context.leaveDevice(outer);
  assertEquals(at(context), [1, "a", 1, 4]);
  context.leave(outermost);
  assertEquals(at(context), [2, null, null, 9]);
});
