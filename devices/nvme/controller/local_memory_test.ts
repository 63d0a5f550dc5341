import { assertEquals } from "@std/assert";
import { GIB, KIB, layOutMemory, MIB, type PhysAddr, PhysicalMemory } from "@dmalab/runtime";
import { LocalMemory } from "./local_memory.ts";

const BASE = 0x10_0000 as PhysAddr;

function localMemory(sizeBytes = 64 * KIB): LocalMemory {
  const memory = new PhysicalMemory(layOutMemory({ ramSizeBytes: GIB, windows: [], regions: [] }));
  memory.writeU32(BASE + 0x40 as PhysAddr, 0x1234);
  return new LocalMemory({
    memory,
    basePhys: BASE,
    sizeBytes,
    barIndex: 2,
    submissionQueues: true,
  });
}

/** The word at an address, or null if the address is not in the controller's memory. */
function read(local: LocalMemory, dma: number): number | null {
  const words = new Int32Array(1);
  return local.readWords(dma, words) ? words[0]! : null;
}

Deno.test("until the host enables it, no address is the controller's own", () => {
  const local = localMemory();
  assertEquals([local.location, local.size, read(local, 0x40)], [0, 0, null]);
  // The registers are visible, but the memory is not enabled.
  local.control(0x8000_0001, 0);
  assertEquals([local.location, read(local, 0x40), read(local, 0x8000_0040)], [2, null, null]);
  local.control(0x8000_0003, 0x38);
  const base = 0x38_8000_0000;
  assertEquals([read(local, base + 0x40), read(local, 0x40)], [0x1234, null]);
  assertEquals([local.controlLow, local.controlHigh], [0x8000_0003, 0x38]);
  // The first and the last word, and the words just outside.
  assertEquals([read(local, base), read(local, base + 64 * KIB - 4)], [0, 0]);
  assertEquals([read(local, base - 4), read(local, base + 64 * KIB)], [null, null]);
  local.control(0x8000_0001, 0x38);
  assertEquals(read(local, base + 0x40), null);
  local.control(3, 0);
  assertEquals(read(local, 0x40), 0x1234);
});

Deno.test("its size is in the largest unit of which it has more than one", () => {
  const sizeOf = (sizeBytes: number) => {
    const local = localMemory(sizeBytes);
    local.control(1, 0);
    return [Math.floor(local.size / 4096), Math.floor(local.size / 256) % 16, local.size % 256];
  };
  assertEquals(sizeOf(4 * KIB), [1, 0, 0x19]);
  assertEquals(sizeOf(64 * KIB), [16, 0, 0x19]);
  assertEquals(sizeOf(MIB), [16, 1, 0x19]);
  assertEquals(sizeOf(96 * KIB), [24, 0, 0x19]);
  assertEquals(sizeOf(256 * KIB), [4, 1, 0x19]);
  assertEquals(sizeOf(16 * MIB), [16, 2, 0x19]);
  // The size field has twenty bits, and a size is rounded down to whole units.
  assertEquals(sizeOf(4 * GIB - 4 * KIB), [2 ** 20 - 1, 0, 0x19]);
  assertEquals(sizeOf(4 * GIB + 100 * KIB), [2 ** 16 + 1, 1, 0x19]);
  assertEquals(sizeOf(64 * GIB), [16, 5, 0x19]);
});
