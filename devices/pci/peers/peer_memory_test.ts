import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { InvariantError, PAGE_SIZE_BYTES, type PhysAddr, physAddr } from "@dmalab/runtime";
import { PeerMemory } from "./peer_memory.ts";

const BASE = 0x20_0000_0000;

function pool(pages: number): PeerMemory {
  const memory = new PeerMemory();
  memory.add(physAddr(BASE), pages * PAGE_SIZE_BYTES);
  return memory;
}

Deno.test("after any allocations and frees, no two allocations overlap and no page is lost (p2p.md 9.7)", () => {
  const step = fc.record({
    pages: fc.integer({ min: 1, max: 9 }),
    give: fc.boolean(),
    pick: fc.nat(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const memory = pool(32);
      const held: { phys: PhysAddr; pages: number }[] = [];
      const used = new Set<number>();
      for (const { pages, give, pick } of steps) {
        if (give && held.length > 0) {
          const [{ phys, pages: count }] = held.splice(pick % held.length, 1) as [typeof held[0]];
          memory.free(phys);
          for (let page = 0; page < count; page++) used.delete(phys + page * PAGE_SIZE_BYTES);
        } else {
          const phys = memory.alloc(pages * PAGE_SIZE_BYTES - 1);
          // First fit: it fails exactly when no run of free pages is long enough.
          let run = 0;
          let first = -1;
          for (let page = 0; page < 32 && first < 0; page++) {
            run = used.has(BASE + page * PAGE_SIZE_BYTES) ? 0 : run + 1;
            if (run === pages) first = page - pages + 1;
          }
          assertEquals(phys, first < 0 ? null : BASE + first * PAGE_SIZE_BYTES);
          if (phys === null) continue;
          held.push({ phys, pages });
          for (let page = 0; page < pages; page++) {
            const at = phys + page * PAGE_SIZE_BYTES;
            assert(!used.has(at));
            used.add(at);
          }
        }
        assertEquals(memory.availableBytes, (32 - used.size) * PAGE_SIZE_BYTES);
      }
    }),
  );
});

Deno.test("a piece can be split into pages that come back one by one", () => {
  const memory = pool(4);
  const phys = memory.alloc(3 * PAGE_SIZE_BYTES)!;
  const pages = memory.split(phys);
  assertEquals(pages, [BASE, BASE + 4096, BASE + 8192].map(physAddr));
  memory.free(pages[1]!);
  assertEquals(memory.availableBytes, 2 * PAGE_SIZE_BYTES);
  assertEquals(memory.alloc(PAGE_SIZE_BYTES), pages[1]);
  assertThrows(() => memory.free(physAddr(BASE + 100)), InvariantError);
});

Deno.test("several ranges are one pool, and a piece lies in one of them", () => {
  const memory = pool(1);
  memory.add(physAddr(BASE + 64 * 4096), 2 * PAGE_SIZE_BYTES);
  assertEquals([memory.sizeBytes, memory.availableBytes], [3 * 4096, 3 * 4096]);
  assertEquals(memory.alloc(8192), physAddr(BASE + 64 * 4096));
  assertEquals(memory.alloc(8192), null);
});
