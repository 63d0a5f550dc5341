import { assertEquals } from "@std/assert";
import { ActivityQueue } from "./activity.ts";
import { EventContext } from "./event_context.ts";

Deno.test("activities run in the order in which they were posted, however many wait, as their posters' work", () => {
  const context = new EventContext();
  const queue = new ActivityQueue(context);
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
  // The ring is begun in its middle, so that it grows across its end; and it grows twice.
  for (let number = 0; number < 40; number++) post(number);
  for (let count = 0; count < 25; count++) queue.runNext();
  for (let number = 40; number < 400; number++) post(number);
  Object.assign(context, { cpu: 3, site: 5 });
  assertEquals(queue.length, 375);
  while (queue.runNext());
  assertEquals(ran, expected);
  assertEquals([context.cpu, context.site, queue.length], [3, 5, 0]);
});
