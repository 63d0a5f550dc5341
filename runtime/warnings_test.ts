import { assertEquals } from "@std/assert";
import { VirtualClock } from "./time/clock.ts";
import { EventStream } from "./events.ts";
import { KernelWarnings } from "./warnings.ts";

Deno.test("warnOnce() speaks once for each call site (dma.md, Notation: WARN1)", () => {
  const clock = new VirtualClock();
  const events = new EventStream(clock);
  const warnings = new KernelWarnings(events, clock);
  const texts: unknown[] = [];
  events.listen(({ fields }) => texts.push(fields), ["kernel.warn"]);
  warnings.warnOnce("here", "first");
  warnings.warnOnce("here", "second");
  warnings.warnOnce("there", "third");
  warnings.warn("here", "always", "as it is logged");
  assertEquals(texts, [
    { at: "here", text: "first", log: null, error: null },
    { at: "there", text: "third", log: null, error: null },
    { at: "here", text: "always", log: "as it is logged", error: null },
  ]);
  assertEquals(warnings.total, 3);
});

Deno.test("warnRatelimited() speaks ten times in five seconds", () => {
  const clock = new VirtualClock();
  const warnings = new KernelWarnings(new EventStream(clock), clock);
  for (let index = 0; index < 20; index++) warnings.warnRatelimited("full", "text");
  assertEquals(warnings.total, 10);
  for (const [passesNs, total] of [[5_000_000_000, 10], [1, 11]] as const) {
    clock.advance(passesNs);
    warnings.warnRatelimited("full", "text");
    assertEquals(warnings.total, total);
  }
  for (let index = 0; index < 20; index++) warnings.warnRatelimited("full", "text");
  warnings.restartTime();
  warnings.warnRatelimited("full", "text");
  assertEquals(warnings.total, 21, "a machine that comes up again has no limits to keep");
});
