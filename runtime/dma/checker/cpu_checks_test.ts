/** Reports on CPU accesses to memory that a device owns, with every number in the reports. */
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

Deno.test("a report on a touched buffer names the byte in it, its device and the risk (dma.md 1.6)", () => {
  const bench = checkerBench();
  const { cpu } = bench.machine.checker!;
  cpu.touched(LENT, at(0x10_0210), 4, false, "in finish()");
  cpu.touched({ ...LENT, dir: DMA_BIDIRECTIONAL }, at(0x10_0200), 8, true, "in start()");
  cpu.touched(LENT, at(0x10_0201), 1, false, "in finish()");
  const reports = bench.reports();
  assertEquals(reports.map((report) => [report.class, report.first_site]), [
    ["cpu_access_while_mapped", 7],
    ["cpu_access_while_mapped", 7],
    ["cpu_access_while_mapped", 7],
  ]);
  assertEquals(reports.map(({ text }) => text), [
    "CPU read of 4 bytes at 0x10_0210 in finish(), at offset 16 of a buffer owned by device " +
    '"nic" (mapped from_device at 0xffff_f200, no dma_sync_*_for_cpu since): the CPU ' +
    "may read stale data",
    "CPU write of 8 bytes at 0x10_0200 in start(), at offset 0 of a buffer owned by device " +
    '"nic" (mapped bidirectional at 0xffff_f200, no dma_sync_*_for_cpu since): the device may ' +
    "not see the data, or data it wrote may be lost",
    "CPU read of 1 byte at 0x10_0201 in finish(), at offset 1 of a buffer owned by device " +
    '"nic" (mapped from_device at 0xffff_f200, no dma_sync_*_for_cpu since): the CPU ' +
    "may read stale data",
  ]);
});

Deno.test("a report on a touched part names the mapping, and the parts that a sync handed over", () => {
  const bench = checkerBench();
  const part = { ...LENT, phys: at(0x10_0240), dma: 0xffff_f240, sizeBytes: 0x3c0 };
  const mapping = { phys: LENT.phys, dma: LENT.dma };
  const { cpu } = bench.machine.checker!;
  const synced = [{ phys: LENT.phys, sizeBytes: 64 }, { phys: at(0x10_0300), sizeBytes: 1 }];
  cpu.touched({ ...part, mapping, synced }, at(0x10_0250), 4, false, "in finish()");
  assertEquals(bench.reports().map(({ text }) => text), [
    "CPU read of 4 bytes at 0x10_0250 in finish(), at offset 80 of a buffer owned by device " +
    '"nic" (mapped from_device at 0xffff_f200, dma_sync_*_for_cpu of its first 64 bytes and ' +
    "1 byte at offset 256 alone): the CPU may read stale data",
  ]);
});

Deno.test("a report on memory freed while it is mapped names both of its addresses (dma.md 1.6)", () => {
  const bench = checkerBench();
  bench.machine.checker!.cpu.freed(LENT, at(0x10_0000), 0x1000, "in remove()");
  assertEquals(bench.reports().map((report) => [report.class, report.first_site, report.text]), [[
    "freed_while_mapped",
    7,
    '4096 bytes at 0x10_0000 freed in remove() while still mapped for device "nic" at ' +
    "0xffff_f200, from_device: the device can access whatever is allocated there next",
  ]]);
});

Deno.test("bytes that were never written are reported with how many they are and which is the first", () => {
  const bench = checkerBench();
  bench.machine.checker!.cpu.unwritten(
    "nic",
    { dma: 0xffff_f200, phys: at(0x10_0200), sizeBytes: 64 },
    { offset: 12, count: 5, site: 3, where: " in probe()" },
  );
  assertEquals(bench.reports().map((report) => [report.class, report.first_site, report.text]), [[
    "uninitialized_dma_read",
    3,
    'Device "nic" reads 64 bytes at 0xffff_f200 (physical 0x10_0200); 5 of them were never ' +
    "written since their allocation in probe(): the first is byte 12",
  ]]);
});

Deno.test("why a call may not sleep: locks before an interrupt, an interrupt before interrupts that are off (c-api.md, column C)", () => {
  const bench = checkerBench();
  const { checker, context } = bench.machine;
  const why = () => {
    checker!.contexts.maySleep("msleep()");
    return bench.reports().map(({ text }) => text.replace(/^.*atomic context: /, ""));
  };
  assertEquals(why(), []);
  context.disableIrqs();
  assertEquals(why(), ["IRQs disabled"]);
  context.enterInterrupt();
  assertEquals(why(), ["in hardirq"]);
  context.lock();
  assertEquals(why(), ["spinlock held"]);
  context.lock();
  assertEquals(why(), ["2 spinlocks held"]);
  context.unlock();
  context.unlock();
  context.leaveInterrupt();
  assertEquals([context.enableIrqs(), context.enableIrqs(), why()], [true, false, []]);
});
