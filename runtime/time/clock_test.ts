import { assertEquals } from "@std/assert";
import { VirtualClock } from "./clock.ts";

/** A clock, and timers that record when each of them expired. */
function bench() {
  const clock = new VirtualClock();
  const expired: [name: string, atNs: number][] = [];
  const timer = (name: string, then = () => {}) => ({
    timerExpired: () => {
      expired.push([name, clock.nowNs]);
      then();
    },
  });
  return { clock, expired, timer };
}

Deno.test("timers of one time expire in the order in which they were armed, whatever came between", () => {
  const { clock, expired, timer } = bench();
  for (
    const [name, delayNs] of [["a", 5], ["b", 3], ["c", 5], ["d", 1], ["e", 5], ["f", 3]] as const
  ) {
    clock.arm(timer(name), delayNs, 1);
  }
  assertEquals(clock.pendingTimers, 6);
  clock.advance(5);
  assertEquals(expired.map(([name]) => name).join(""), "dbface");
  assertEquals(expired.map(([, atNs]) => atNs), [1, 3, 3, 5, 5, 5]);
  assertEquals(clock.pendingTimers, 0);
});

Deno.test("a timer expires at its time and not before, and what it arms expires on the way too", () => {
  const { clock, expired, timer } = bench();
  clock.arm(timer("first", () => clock.arm(timer("second"), 10, 1)), 10, 1);
  clock.advance(9);
  assertEquals(expired, []);
  clock.advance(1);
  assertEquals(expired, [["first", 10]]);
  clock.advance(30);
  assertEquals([expired[1], clock.nowNs], [["second", 20], 40]);
});

Deno.test("a delay is rounded up to the next tick, and one that is disarmed never comes", () => {
  const { clock, expired, timer } = bench();
  clock.arm(timer("late"), 101, 100);
  clock.arm(timer("exact"), 100, 100);
  const gone = timer("gone");
  clock.arm(gone, 50, 1);
  clock.disarm(gone);
  clock.advance(1000);
  assertEquals(expired, [["exact", 100], ["late", 200]]);
});

Deno.test("a timer's work is for whom it was armed, on the CPU that runs, and what ran before goes on", () => {
  const clock = new VirtualClock();
  const { context } = clock;
  const origin = () => [context.cpu, context.device, context.request, context.site];
  const seen: unknown[] = [];
  const handler = { timerExpired: () => void seen.push(origin()) };
  context.become(1, "nic", 7, 42);
  clock.arm(handler, 3_000_001);
  context.become(0, "disk", 8, 43);
  assertEquals(clock.nextTimerNs, 4_000_000);
  clock.nowNs = 3_999_999;
  clock.runDue();
  assertEquals(seen, []);
  clock.nowNs = 4_000_000;
  clock.runDue();
  assertEquals([seen, origin()], [[[0, "nic", 7, 42]], [0, "disk", 8, 43]]);
  clock.arm(handler, 0);
  clock.nowNs = 0;
  clock.startOwn(2);
  clock.reset();
  assertEquals([clock.own, clock.nowNs, clock.pendingTimers, clock.nextTimerNs], [
    null,
    0,
    0,
    Infinity,
  ]);
});
