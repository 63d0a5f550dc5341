import { assertEquals } from "@std/assert";
import { VirtualClock } from "./time/clock.ts";
import { CpuContext } from "./cpu_context.ts";
import { EventStream } from "./events.ts";
import { Interrupts } from "./interrupts.ts";
import type { KernelWarnings } from "./warnings.ts";

interface Rig {
  readonly context: CpuContext;
  readonly interrupts: Interrupts;
  readonly said: string[];
}

function rig(): Rig {
  const said: string[] = [];
  const context = new CpuContext();
  const warnings = { warn: (_at: string, text: string) => said.push(text) };
  return {
    context,
    said,
    interrupts: new Interrupts(
      context,
      warnings as never as KernelWarnings,
      new EventStream(new VirtualClock()),
    ),
  };
}

Deno.test("raise() runs the handler of a vector at once, with its number and as an interrupt", () => {
  const { context, interrupts } = rig();
  assertEquals(interrupts.alloc("ssd", 2), true);
  assertEquals(interrupts.alloc("ssd", 1), false);
  const [first, second] = [interrupts.numberOf("ssd", 0)!, interrupts.numberOf("ssd", 1)!];
  assertEquals([first, second, interrupts.numberOf("ssd", 2)], [32, 33, null]);
  const ran: [number, boolean][] = [];
  const run = (number: number) => ran.push([number, context.isAtomic]);
  assertEquals(interrupts.request(second, { cookie: 7, flags: 0, run }), null);
  interrupts.raise("ssd", 1);
  assertEquals(ran, [[33, true]]);
  assertEquals(context.isAtomic, false);
});

Deno.test("request() refuses a second handler, unless all of a number share it", () => {
  const { interrupts } = rig();
  interrupts.alloc("ssd", 1);
  const handler = (cookie: number, flags: number) => ({ cookie, flags, run: () => 1 });
  assertEquals(interrupts.request(31, handler(1, 0)), "EINVAL");
  assertEquals(interrupts.request(32, handler(1, 0x80)), null);
  assertEquals(interrupts.request(32, handler(2, 0)), "EBUSY");
  assertEquals(interrupts.request(32, handler(2, 0x80)), null);
  assertEquals(interrupts.handlersOf(32).map(({ cookie }) => cookie), [1, 2]);
  assertEquals(interrupts.handlersOf(33), []);
  assertEquals(interrupts.free("ssd"), 32);
  assertEquals([interrupts.release(32, 1), interrupts.release(32, 1)], [true, false]);
  assertEquals(interrupts.release(32, 2), true);
  assertEquals(interrupts.free("ssd"), null);
  assertEquals(interrupts.numberOf("ssd", 0), null);
});

Deno.test("a number waits while it is disabled, as often as it was, and no other waits for it", () => {
  const { context, interrupts } = rig();
  interrupts.alloc("ssd", 2);
  const ran: number[] = [];
  const run = (number: number) => ran.push(number);
  for (const number of [32, 33]) interrupts.request(number, { cookie: number, flags: 0, run });
  assertEquals([interrupts.disable(32), interrupts.disable(32), interrupts.disable(34)], [
    true,
    true,
    false,
  ]);
  context.disableIrqs();
  interrupts.raise("ssd", 0);
  interrupts.raise("ssd", 1);
  context.enableIrqs();
  interrupts.deliverWaiting();
  assertEquals(ran, [33]);
  assertEquals([interrupts.enable(32), [...ran]], [true, [33]]);
  assertEquals([interrupts.enable(32), [...ran]], [true, [33, 32]]);
  assertEquals([interrupts.enable(32), interrupts.enable(34), ran.length], [false, false, 2]);
});

Deno.test("an interrupt without a handler, and one of no vector, are reported", () => {
  const { interrupts, said } = rig();
  interrupts.raise("ssd", 3);
  interrupts.alloc("ssd", 1);
  interrupts.raise("ssd", 0);
  interrupts.request(32, { cookie: 1, flags: 0, run: () => 0 });
  interrupts.raise("ssd", 0);
  assertEquals(said, [
    "No interrupt vector 3 of ssd is set up",
    "irq 32 of ssd: nobody cared",
    "irq 32 of ssd: nobody cared",
  ]);
});
