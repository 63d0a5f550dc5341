import { assertEquals, assertThrows } from "@std/assert";
import { ActivityQueue, TimedActivityQueue } from "./activity.ts";
import { VirtualClock } from "./time/clock.ts";

Deno.test("activities run in the order in which they were posted, however many wait, as their posters' work", () => {
  const clock = new VirtualClock();
  const { context } = clock;
  const queue = new ActivityQueue(clock);
  const ran: unknown[] = [];
  const handler = {
    runActivity: (kind: number, argument: number) => {
      ran.push([kind, argument, context.cpu, context.site]);
    },
  };
  const expected: unknown[] = [];
  const post = (number: number) => {
    Object.assign(context, { cpu: number % 7, site: 1000 + number });
    queue.post(handler, number, number / 2);
    expected.push([number, number / 2, number % 7, 1000 + number]);
  };
  // Posting starts in the middle of the ring, so the entries wrap around. The ring grows twice.
  for (let number = 0; number < 40; number++) post(number);
  for (let count = 0; count < 25; count++) queue.runNext();
  for (let number = 40; number < 400; number++) post(number);
  Object.assign(context, { cpu: 3, site: 5 });
  assertEquals(queue.length, 375);
  while (queue.runNext());
  assertEquals(ran, expected);
  assertEquals([context.cpu, context.site, queue.length], [3, 5, 0]);
});

Deno.test("an activity that throws is over, and the context before it is restored", () => {
  const clock = new VirtualClock();
  const { context } = clock;
  const queue = new ActivityQueue(clock);
  context.become(3, "disk", 7, 11);
  queue.post(
    {
      runActivity: () => {
        throw new Error("of the handler");
      },
    },
    0,
    0,
  );
  context.become(1, null, null, 2);
  assertThrows(() => queue.runNext(), Error, "of the handler");
  assertEquals([context.cpu, context.device, context.request, context.site], [1, null, null, 2]);
  assertEquals([queue.length, queue.runNext()], [0, false]);
});

Deno.test("a queue of timed activities hands over what it was given, whether anything takes time or not", () => {
  for (const hasOwn of [false, true]) {
    const clock = new VirtualClock();
    if (hasOwn) clock.startOwn(2);
    const queue = new TimedActivityQueue(clock);
    const ran: unknown[] = [];
    const handler = { runActivity: (...given: [number, number]) => void ran.push(given) };
    queue.post(handler, 1, 2);
    queue.postFor(clock.context, handler, 3, 4);
    queue.postWork("ssd", handler, 5, 6);
    while (queue.runNext());
    assertEquals(ran, [[1, 2], [3, 4], [5, 6]]);
  }
});
