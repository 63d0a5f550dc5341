import { assertEquals, assertThrows } from "@std/assert";
import { DMA_TO_DEVICE } from "../dma/attributes.ts";
import type { PhysAddr } from "../address.ts";
import { testBench } from "../dma/testing.ts";
import { KernelError } from "../errno.ts";
import { kmalloc, vmalloc } from "./allocate_buffer.ts";

Deno.test("kmalloc is one run, vmalloc pages that lie apart (c-api.md 13)", () => {
  const { machine } = testBench();
  assertEquals(kmalloc(machine, 10_000).segments.map(({ sizeBytes }) => sizeBytes), [10_000]);
  assertEquals(vmalloc(machine, 10_000).segments.map(({ sizeBytes }) => sizeBytes), [
    4096,
    4096,
    1808,
  ]);
  assertEquals(kmalloc(machine, 2 ** 22).sizeBytes, 2 ** 22);
  const text = `kmalloc() allocates at most ${2 ** 22} bytes`;
  assertThrows(() => kmalloc(machine, 2 ** 22 + 1), KernelError, text);
});

Deno.test("vmalloc memory is refused as one buffer, and not page by page (dma.md 1.4, c-api.md 3)", () => {
  const { dev, fields, machine } = testBench();
  const map = (phys: Parameters<typeof machine.dma.dmaMapSingle>[1], sizeBytes = 4096) =>
    machine.dma.dmaMapSingle(dev, phys, sizeBytes, DMA_TO_DEVICE);
  const memory = vmalloc(machine, 8192);
  const page = memory.pages[1]!;
  assertEquals(map(page), -1);
  assertEquals(fields("dma.report").map((report) => report.class), ["map_vmalloc"]);
  assertEquals(machine.dma.dmaMapPage(dev, page, 0, 4096, DMA_TO_DEVICE) > 0, true);
  // A length larger than any memory is not walked page by page.
  assertEquals(map(0 as PhysAddr, Number.MAX_SAFE_INTEGER), -1);
  assertEquals(fields("dma.report").map((report) => report.class).at(-1), "map_vmalloc");
  // The pages are ordinary RAM after they are freed.
  const { takenBytes } = machine.pages;
  memory.free();
  assertEquals([map(page) > 0, takenBytes - machine.pages.takenBytes], [true, 8192]);
});
