import { assertEquals, assertThrows } from "@std/assert";
import { GIB } from "./address.ts";
import { HostBudget, MemoryLimitError } from "./host_budget.ts";

Deno.test("HostBudget without a limit lends 1 GiB", () => {
  const budget = new HostBudget();
  assertEquals([budget.fits(GIB), budget.fits(GIB + 1)], [true, false]);
});

Deno.test("HostBudget counts what machines hold and what values take as one", () => {
  const budget = new HostBudget(1000);
  budget.hold(400);
  budget.valueBytes += 500;
  assertEquals([budget.usedBytes, budget.leftBytes, budget.fits(100), budget.fits(101)], [
    900,
    100,
    true,
    false,
  ]);
  assertThrows(() => budget.hold(101), MemoryLimitError, "1000 bytes");
  assertThrows(() => budget.demand(101), MemoryLimitError);
  budget.release(400);
  budget.hold(500);
  assertEquals(budget.leftBytes, 0);
});

Deno.test("HostBudget asks what values there still are before it refuses", () => {
  const budget = new HostBudget(1000);
  let asked = 0;
  budget.onFull = () => {
    asked++;
    budget.valueBytes = 100;
  };
  budget.valueBytes = 900;
  budget.hold(100);
  assertEquals([asked, budget.usedBytes], [0, 1000]);
  budget.hold(100);
  assertEquals([asked, budget.usedBytes], [1, 300]);
});

Deno.test("HostBudget lends its last byte, also after a count", () => {
  const budget = new HostBudget(1000);
  budget.onFull = () => {
    budget.valueBytes = 100;
  };
  budget.valueBytes = 900;
  assertEquals([budget.fits(900), budget.valueBytes], [true, 100]);
  budget.valueBytes = 900;
  assertEquals(budget.fits(901), false);
  budget.hold(900);
  assertEquals([budget.usedBytes, budget.leftBytes], [1000, 0]);
  assertThrows(() => budget.hold(1), MemoryLimitError);
});

Deno.test("HostBudget has who set the limits look after so much work, and not at every unit", () => {
  const budget = new HostBudget();
  const looks: number[] = [];
  budget.onLook = () => looks.push(budget.takeWork());
  for (let unit = 0; unit < 40_000; unit++) budget.work(1);
  assertEquals(looks, [16_384, 16_384]);
  budget.work(100_000);
  assertEquals(looks.at(-1), 100_000 + 40_000 - 2 * 16_384);
  budget.demand(16 * 16_384);
  assertEquals(looks.length, 4);
});

Deno.test("memory that is used up by the events that are kept says so", () => {
  const budget = new HostBudget(1000);
  budget.holdEvent(600);
  budget.hold(400);
  const error = assertThrows(() => budget.hold(1), MemoryLimitError);
  assertEquals([
    error.isOfEvents,
    error.message.endsWith("; 600 of them are the events that are kept of the run"),
  ], [true, true]);
  const other = new HostBudget(1000);
  other.holdEvent(400);
  other.hold(600);
  assertEquals(assertThrows(() => other.hold(1), MemoryLimitError).isOfEvents, false);
});
