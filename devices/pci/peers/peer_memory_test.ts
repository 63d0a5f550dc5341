import { assertEquals } from "@std/assert";
import { PAGE_SIZE_BYTES, physAddr } from "@dmalab/runtime";
import { PeerMemory } from "./peer_memory.ts";

const BASE = 0x20_0000_0000;

function pool(pages: number): PeerMemory {
  const memory = new PeerMemory();
  memory.add(physAddr(BASE), pages * PAGE_SIZE_BYTES);
  return memory;
}

Deno.test("several ranges are one pool, and a piece lies in one of them", () => {
  const memory = pool(1);
  memory.add(physAddr(BASE + 64 * 4096), 2 * PAGE_SIZE_BYTES);
  assertEquals([memory.sizeBytes, memory.availableBytes], [3 * 4096, 3 * 4096]);
  assertEquals(memory.alloc(8192), physAddr(BASE + 64 * 4096));
  assertEquals(memory.alloc(8192), null);
  const ends = [64 * 4096 - 1, 64 * 4096, 66 * 4096 - 1].map((at) => memory.takenEnd(BASE + at));
  assertEquals(ends, [-1, BASE + 66 * 4096, BASE + 66 * 4096]);
});
