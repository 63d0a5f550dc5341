/** What is told of a CPU that touches a device's memory, number by number. */
import { assertEquals } from "@std/assert";
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE } from "../attributes.ts";
import { at } from "../testing.ts";
import { checkerBench } from "./_bench.ts";
import type { LentMemory } from "./cpu_checks.ts";

const LENT: LentMemory = {
  device: "nic",
  phys: at(0x10_0200),
  dma: 0xffff_f200,
  sizeBytes: 0x400,
  dir: DMA_FROM_DEVICE,
  site: 7,
};

Deno.test("a touched buffer is told with the byte in it, its device and what may come of it (dma.md 1.6)", () => {
  const bench = checkerBench();
  const { cpu } = bench.machine.checker!;
  cpu.touched(LENT, at(0x10_0210), 4, false, "in finish()");
  cpu.touched({ ...LENT, dir: DMA_BIDIRECTIONAL }, at(0x10_0200), 8, true, "in start()");
  cpu.touched(LENT, at(0x10_0201), 1, false, "in finish()");
  const reports = bench.reports();
  assertEquals(reports.map((report) => [report.class, report.first_site]), [
    ["cpu_touches_device_buffer", 7],
    ["cpu_touches_device_buffer", 7],
    ["cpu_touches_device_buffer", 7],
  ]);
  assertEquals(reports.map(({ text }) => text), [
    "The CPU reads 4 bytes at 0x10_0210 in finish(), 16 bytes into a buffer that is device " +
    `"nic"'s: 0xffff_f200, from_device, not synchronised back since: what it reads may be what ` +
    "was there before the device wrote",
    "The CPU writes 8 bytes at 0x10_0200 in start(), 0 bytes into a buffer that is device " +
    `"nic"'s: 0xffff_f200, bidirectional, not synchronised back since: what it writes may not ` +
    "reach the device, or destroy what the device has written",
    "The CPU reads 1 byte at 0x10_0201 in finish(), 1 byte into a buffer that is device " +
    `"nic"'s: 0xffff_f200, from_device, not synchronised back since: what it reads may be what ` +
    "was there before the device wrote",
  ]);
});

Deno.test("memory that goes back while a device has it is told with both of its addresses (dma.md 1.6)", () => {
  const bench = checkerBench();
  bench.machine.checker!.cpu.freed(LENT, at(0x10_0000), 0x1000, "in remove()");
  assertEquals(bench.reports().map((report) => [report.class, report.first_site, report.text]), [[
    "freed_while_mapped",
    7,
    'Memory of 4096 bytes at 0x10_0000 is given back in remove() while device "nic" has it at ' +
    "0xffff_f200, from_device: who gets it next shares it with the device",
  ]]);
});

Deno.test("bytes that nobody has written are told with how many they are and which is the first", () => {
  const bench = checkerBench();
  bench.machine.checker!.cpu.unwritten(
    "nic",
    { dma: 0xffff_f200, phys: at(0x10_0200), sizeBytes: 64 },
    { offset: 12, count: 5, site: 3, where: " in probe()" },
  );
  assertEquals(bench.reports().map((report) => [report.class, report.first_site, report.text]), [[
    "unwritten_memory_fetched",
    3,
    'Device "nic" reads 64 bytes at 0xffff_f200 (physical 0x10_0200), of which nobody has written ' +
    "5 since their memory was taken in probe(): the first is byte 12",
  ]]);
});

Deno.test("why nobody may sleep: locks before an interrupt, an interrupt before interrupts that are off (c-api.md, column C)", () => {
  const bench = checkerBench();
  const { checker, context } = bench.machine;
  const why = () => {
    checker!.contexts.maySleep("msleep()");
    return bench.reports().map(({ text }) => text.replace("msleep() may sleep, but ", ""));
  };
  assertEquals(why(), []);
  context.disableIrqs();
  assertEquals(why(), ["interrupts are off"]);
  context.enterInterrupt();
  assertEquals(why(), ["an interrupt is handled"]);
  context.lock();
  assertEquals(why(), ["a spin lock is held"]);
  context.lock();
  assertEquals(why(), ["2 spin locks are held"]);
  context.unlock();
  context.unlock();
  context.leaveInterrupt();
  assertEquals([context.enableIrqs(), context.enableIrqs(), why()], [true, false, []]);
});
