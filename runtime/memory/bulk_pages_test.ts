import { assertEquals } from "@std/assert";
import { MIB, type PhysAddr } from "../address.ts";
import { ArmedInjection, INJECTION } from "../injection.ts";
import { Machine } from "../machine.ts";
import { defaultMachineConfig } from "../machine_config.ts";
import { allocPagesBulk } from "./allocate_buffer.ts";

function machine(ramSizeBytes: number): Machine {
  const config = defaultMachineConfig();
  return new Machine({ ...config, ramSizeBytes, swiotlb: { ...config.swiotlb, sizeBytes: 0 } });
}

Deno.test("allocPagesBulk() takes pages side by side, or no two of them (hmm-rdma-vfio.md 3.1)", () => {
  const distances = [false, true].map((apart) => {
    const pages: PhysAddr[] = [];
    assertEquals(allocPagesBulk(machine(64 * MIB), pages, 5, apart), 5);
    return pages.slice(1).map((page, index) => page - pages[index]!);
  });
  assertEquals(distances, [[4096, 4096, 4096, 4096], [8192, 8192, 8192, 8192]]);
});

Deno.test("allocPagesBulk() gives what there is, neighbours too, and then none (hmm-rdma-vfio.md 3.1)", () => {
  const small = machine(16 * MIB);
  const pages: PhysAddr[] = [];
  const all = (16 * MIB - small.pages.takenBytes) / 4096;
  const taken = allocPagesBulk(small, pages, all + 10, true);
  assertEquals(taken, pages.length);
  assertEquals(new Set(pages).size, taken);
  // Pages below 1 MiB are never allocated.
  assertEquals(pages.every((page) => page >= MIB), true);
  assertEquals(allocPagesBulk(small, pages, 1, false), 0);
  small.pages.free(pages.slice(0, 3));
  assertEquals(allocPagesBulk(small, [], 10, true), 3);
});

Deno.test("allocPagesBulk() ends at a page with an injected failure, and keeps what it has (hmm-rdma-vfio.md 4.7)", () => {
  const failing = machine(64 * MIB);
  failing.armInjection(new ArmedInjection(INJECTION.alloc_pages, 4, 4));
  const pages: PhysAddr[] = [];
  assertEquals(allocPagesBulk(failing, pages, 10, false), 3);
  assertEquals(allocPagesBulk(failing, pages, 7, false), 7);
  assertEquals(new Set(pages).size, 10);
});
