/** The example of a library that registers memory with VFIO. */
import { assertEquals } from "@std/assert";
import { containerOf, MemoryMap, TestProcess } from "../examples/typescript/memory_registration.ts";

const HUGE = 2 * 2 ** 20;
const AT = 0x2000_0000_0000;

function registering(memlockBytes: number) {
  const process = new TestProcess(memlockBytes);
  const container = containerOf(process);
  return { container, map: new MemoryMap(container), process };
}

Deno.test("memory that grows, and overlaps what is registered, is mapped once", () => {
  const { container, map, process } = registering(64 * HUGE);
  assertEquals([map.register(AT, 2 * HUGE), map.register(AT + HUGE, 3 * HUGE)], [0, 0]);
  assertEquals([...container.areas].map(({ startPage }) => startPage * 4096), [
    ...[AT, AT + HUGE, AT + 2 * HUGE, AT + 3 * HUGE],
  ]);
  map.unregister(AT, 2 * HUGE);
  assertEquals([[...container.areas].length, process.lockedPages], [3, 3 * 512]);
  map.unregister(AT + HUGE, 3 * HUGE);
  assertEquals([[...container.areas].length, process.lockedPages], [0, 0]);
});

Deno.test("memory over the limit is ENOMEM, and nothing of it stays registered", () => {
  const { container, map, process } = registering(3 * HUGE);
  assertEquals([map.register(AT, 2 * HUGE), map.register(AT + HUGE, 3 * HUGE)], [0, -12]);
  assertEquals([[...container.areas].length, process.lockedPages], [2, 2 * 512]);
});

Deno.test("the memory of a virtual machine has a hole below 4 GiB; without it the kernel refuses a range", () => {
  const { container } = registering(2 ** 40);
  const map = (iova: number, sizeBytes: number) =>
    container.mapDma({ iova, vaddr: AT + iova, sizeBytes, flags: 3 });
  assertEquals(map(0, 2 ** 32), -22);
  assertEquals([map(0, 0x8000_0000), map(2 ** 32, 2 ** 31)], [0, 0]);
});
