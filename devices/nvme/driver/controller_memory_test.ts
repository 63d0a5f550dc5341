import { assertEquals } from "@std/assert";
import { type DmaAddr, KIB, MIB } from "@dmalab/runtime";
import { ControllerMemory } from "./controller_memory.ts";

/**
 * Opens the memory that the registers describe, in a BAR of 16 MiB; returns the written registers.
 */
function open(
  registers: Readonly<Record<number, number>>,
  busBase = 0x38_1234_0000,
): { memory: ControllerMemory | null; writes: number[][] } {
  const writes: number[][] = [];
  const port = {
    read32: (offset: number) => registers[offset] ?? 0,
    write32: (offset: number, value: number) => void writes.push([offset, value]),
    resetFunction: () => {},
  };
  const bar = {
    sizeBytes: 16 * MIB,
    busBase: busBase as DmaAddr,
    alloc: () => null,
    free: () => {},
    busAddress: () => 0 as DmaAddr,
  };
  return { memory: ControllerMemory.open(port, bar), writes };
}

const CAP_HIGH = 0x04;
const LOCATION = 0x38;
const SIZE = 0x3c;
const SUPPORTED = { [CAP_HIGH]: 1 << 25 };
/** The value of the size register for `count` units of 64 KiB, in which queues are allowed. */
const units = (count: number) => count * 4096 + 0x100 + 1;

Deno.test("memory of a controller is opened where its registers say (nvme.md 5.4)", () => {
  const { memory, writes } = open({ ...SUPPORTED, [SIZE]: units(4), [LOCATION]: 3 * 4096 });
  assertEquals([memory!.sizeBytes, memory!.takesQueues], [256 * KIB, true]);
  // First the registers are made visible; then the bus address is written, its upper half first.
  assertEquals(writes, [[0x50, 1], [0x54, 0x38], [0x50, 0x1237_0003]]);
  const more = open({ ...SUPPORTED, [SIZE]: units(512), [LOCATION]: 3 * 4096 });
  assertEquals(more.memory!.sizeBytes, 16 * MIB - 192 * KIB, "no more than its BAR has");
  const peers = open({ ...SUPPORTED, [SIZE]: units(4) - 1 });
  assertEquals([peers.memory!.takesQueues, peers.writes.at(-1)], [false, [0x50, 0x1234_0003]]);
});

Deno.test("queues have what they want or their share, and none below 64 entries (nvme.md 5.4)", () => {
  const { memory } = open({ ...SUPPORTED, [SIZE]: units(2) });
  // The memory has 128 KiB. An entry has 64 bytes, and a queue has whole pages.
  assertEquals(memory!.queueDepth(2, 1024), 1024);
  assertEquals(memory!.queueDepth(2, 1025), 1024);
  assertEquals(memory!.queueDepth(3, 1024), 640);
  assertEquals([memory!.queueDepth(32, 1024), memory!.queueDepth(33, 1024)], [64, 0]);
  assertEquals(memory!.queueDepth(0, 1024), 0);
  assertEquals(open({ ...SUPPORTED, [SIZE]: units(2) - 1 }).memory!.queueDepth(1, 64), 0);
});
