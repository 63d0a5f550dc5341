import { assertEquals, assertThrows } from "@std/assert";
import { TimedActivityQueue } from "../activity.ts";
import { VirtualClock } from "./clock.ts";
import { InvariantError } from "../errno.ts";
import { eventId } from "../event_vocabulary.ts";
import { EventStream } from "../events.ts";
import { applyLatencies, Charges } from "./latencies.ts";

const ALLOC = eventId("iova.alloc");
const FETCH = eventId("nvme.fetch");

function timed(latenciesNs: Record<string, number>, cpus = 2) {
  const clock = new VirtualClock();
  const events = new EventStream(clock);
  const charges = new Charges(clock);
  applyLatencies({ latenciesNs, cpus }, clock, charges, events);
  const { context } = clock;
  const seen: [name: string, cpu: number, atNs: number][] = [];
  events.listen(({ at_ns, cpu, name }) => seen.push([name, cpu, at_ns]));
  const alloc = (cpu: number) => {
    context.cpu = cpu;
    if (events.tick(ALLOC)) events.emit(ALLOC, {} as never);
  };
  return { alloc, charges, clock, context, events, queue: new TimedActivityQueue(clock), seen };
}

Deno.test("two CPUs work side by side, and `advance` brings both to one time", () => {
  const { alloc, clock, context, seen } = timed({ iova_alloc: 10 });
  for (const cpu of [0, 1, 0]) alloc(cpu);
  assertEquals(seen, [["iova.alloc", 0, 10], ["iova.alloc", 1, 10], ["iova.alloc", 0, 20]]);
  assertEquals([clock.nowNs, clock.latestNs], [20, 20]);
  context.cpu = 1;
  assertEquals([clock.nowNs, clock.latestNs], [10, 20]);
  clock.advance(5);
  assertEquals([clock.nowNs, clock.latestNs], [25, 25]);
});

Deno.test("work that one CPU posts for another begins not before that", () => {
  const { alloc, clock, context, queue } = timed({ iova_alloc: 10 });
  alloc(0);
  let beganNs = -1;
  const work = { cpu: 1, device: null, request: null, site: null };
  queue.postFor(work, { runActivity: () => void (beganNs = clock.nowNs) }, 0, 0);
  queue.runNext();
  assertEquals([beganNs, context.cpu], [10, 0]);
});

Deno.test("who asks a device for something by itself waits for it", () => {
  const { alloc, clock, context, events } = timed({ iova_alloc: 10, "nvme.fetch": 100 });
  alloc(1);
  context.become(1, "ssd", null, null);
  events.tick(FETCH);
  assertEquals(clock.nowNs, 110);
});

Deno.test("who polls goes on not before what the device has done", () => {
  const { alloc, clock, context, events, queue } = timed({ iova_alloc: 10, "nvme.fetch": 100 });
  const device = { byDevice: true, runActivity: () => void events.tick(FETCH) } as const;
  alloc(0);
  queue.postWork("ssd", device, 0, 0);
  queue.runNext();
  context.cpu = 0;
  assertEquals(clock.nowNs, 10);
  clock.own!.followDevice("nic");
  assertEquals(clock.nowNs, 10, "another device");
  clock.own!.followDevice("ssd");
  assertEquals(clock.nowNs, 110);
});

Deno.test("before a timer fires, `advance` brings all to one time", () => {
  const { alloc, clock, context } = timed({ iova_alloc: 10 });
  let firedNs = -1;
  clock.arm({ timerExpired: () => void (firedNs = clock.nowNs) }, 15, 1);
  for (let count = 0; count < 4; count++) alloc(1);
  context.cpu = 0;
  assertEquals([clock.nowNs, clock.latestNs], [0, 40]);
  clock.advance(0);
  assertEquals([firedNs, clock.nowNs], [40, 40]);
});

Deno.test("no time goes backwards", () => {
  const { alloc, clock } = timed({ iova_alloc: 10 });
  alloc(0);
  assertThrows(() => clock.nowNs = 9, InvariantError, "backwards");
});

Deno.test("without latencies all have one time", () => {
  const { alloc, clock } = timed({ iova_alloc: 0 });
  assertEquals(clock.own, null);
  alloc(1);
  clock.advance(3);
  assertEquals([clock.nowNs, clock.latestNs], [3, 3]);
});

Deno.test("who waits is not busy: for another, for posted work, and while time advances", () => {
  const { alloc, clock, context, events } = timed({ iova_alloc: 10, "nvme.fetch": 100 });
  for (const cpu of [0, 1, 0]) alloc(cpu);
  context.become(1, "ssd", null, null);
  // CPU 1 requests work of the device, and waits for it.
  if (events.tick(FETCH)) events.emit(FETCH, {} as never);
  const busy = () => {
    const { cpus, devices } = clock.own!.busyNs();
    return [...cpus, ...devices.values()];
  };
  assertEquals(busy(), [20, 10, 100]);
  assertEquals(clock.nowNs, 110);
  context.become(0, null, null, null);
  clock.advance(1000);
  assertEquals([busy(), clock.nowNs], [[20, 10, 100], 1110]);
});

Deno.test("a device has a time from its first work on, waits to the nanosecond, and advances with all", () => {
  const { alloc, clock, context, queue } = timed({ iova_alloc: 1, "nvme.fetch": 100 });
  const own = clock.own!;
  alloc(0);
  const seen: number[] = [];
  const work = {
    byDevice: true,
    runActivity() {
      seen.push(clock.nowNs);
      clock.nowNs += 5;
      seen.push(clock.nowNs, own.nowNs);
    },
  } as const;
  queue.postWork("ssd", work, 0, 0);
  queue.runNext();
  assertEquals([seen, own.latestNs], [[1, 6, 6], 6]);
  context.become(0, "ssd", null, null);
  // The device continues on its own clock, and the requesting CPU waits until it has finished.
  assertEquals([own.charge(true, 4), clock.nowNs, own.charge(true, 1)], [10, 10, 11]);
  context.become(1, "nic", null, null);
  assertEquals([clock.nowNs, own.charge(true, 2), clock.nowNs], [0, 2, 2]);
  own.meetAt(12);
  const { cpus, devices } = own.busyNs();
  assertEquals([cpus, [...devices]], [[1, 0], [["ssd", 10], ["nic", 2]]]);
  assertEquals([own.charge(true, 0), own.latestNs], [12, 12]);
});
