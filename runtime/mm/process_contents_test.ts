/** A process always reads its own writes, whatever happened to its pages (hmm-rdma-vfio.md chapter 5). */
import { assertEquals } from "@std/assert";
import { PAGE_SIZE_BYTES as PAGE, type VirtAddr } from "../address.ts";
import { testBench } from "../dma/testing.ts";
import { Random } from "../random.ts";
import { AddressSpace } from "./address_space.ts";

const START = 0x7f00_0000_0000;
const PAGES = 20;

for (const kind of ["anonymous", "private_file", "shared"] as const) {
  Deno.test(`${kind} memory keeps its bytes through discards, writing out, moves, forks and protection`, () => {
    for (let seed = 1; seed <= 4; seed++) {
      const random = new Random(seed);
      const { machine } = testBench();
      const mm = new AddressSpace(machine);
      const at = (page: number) => START + page * PAGE as VirtAddr;
      mm.map({ start: at(0), sizeBytes: PAGES * PAGE, writable: true, order: 0, kind });
      const model = new Array<number>(PAGES).fill(0);
      /** Pages marked as free (MADV_FREE) and not written since. */
      const freed = new Set<number>();
      /** Present private pages of the process. */
      const own = new Set<number>();
      let writable = true;
      const bytes = new Uint8Array(PAGE);
      const readAll = (says: string) => {
        for (let page = 0; page < PAGES; page++) {
          assertEquals(mm.faultIn(at(page), false), 0, says);
          machine.hostMemory.read(mm.pageAt(at(page))!.phys, bytes, 0, PAGE);
          assertEquals([bytes[0], bytes[PAGE - 1]], [model[page], model[page]], `${says}, ${page}`);
        }
      };
      for (let step = 1; step <= 120; step++) {
        const page = random.below(PAGES);
        const end = Math.min(PAGES, page + 1 + random.below(4));
        const span = Array.from({ length: end - page }, (_, index) => page + index);
        const says = `seed ${seed}, step ${step}`;
        switch (random.below(9)) {
          case 0:
            assertEquals(mm.discard(at(page), at(end), true), 0, says);
            for (const each of span) {
              // Shared pages stay in the file, and are mapped again from there.
              if (kind !== "shared") model[each] = 0;
              freed.delete(each);
              own.delete(each);
            }
            break;
          case 1:
            assertEquals(mm.pageOut(at(page), at(end)), 0, says);
            for (const each of span) {
              if (freed.delete(each)) model[each] = 0;
              own.delete(each);
            }
            break;
          case 2: {
            const moved = mm.migrate(at(page));
            if (own.has(page)) assertEquals(moved, 0, says);
            // A migrated page is no longer marked as free.
            if (moved === 0) freed.delete(page);
            break;
          }
          case 3:
            assertEquals(mm.fork(), 0, says);
            break;
          case 4:
            assertEquals(mm.free(at(page), at(end)), 0, says);
            for (const each of span) if (own.has(each)) freed.add(each);
            break;
          case 5:
            writable = !writable;
            assertEquals(mm.protect(at(0), at(PAGES), writable ? "write" : "read"), 0, says);
            break;
          case 6:
            readAll(says);
            break;
          default: {
            if (!writable) {
              assertEquals(mm.faultIn(at(page), true) < 0, true, says);
              break;
            }
            assertEquals(mm.faultIn(at(page), true), 0, says);
            const value = random.below(255) + 1;
            machine.hostMemory.fill(mm.pageAt(at(page))!.phys, PAGE, value);
            model[page] = value;
            freed.delete(page);
            if (kind !== "shared") own.add(page);
          }
        }
      }
      readAll(`seed ${seed}, end`);
      mm.exit();
      assertEquals([mm.presentPages, mm.areas.length], [0, 0]);
    }
  });
}
