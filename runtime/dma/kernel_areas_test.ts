import { assertEquals } from "@std/assert";
import { MIB, type PhysAddr } from "../address.ts";
import type { MemoryRegionConfig } from "../machine_config.ts";
import { KernelAreas } from "./kernel_areas.ts";

const at = (phys: number) => phys as PhysAddr;
const region = (name: string, basePhys: number): MemoryRegionConfig => ({
  name,
  basePhys: at(basePhys),
  sizeBytes: MIB,
  type: "ram",
});

Deno.test("a region of the kernel is hit by any byte of a buffer, and by none beside it (dma.md 8.2 rows 10, 11, 13)", () => {
  const rows = [
    ["kernel_stack", "stack"],
    ["kernel_text", "text"],
    ["kernel_rodata", "text"],
    ["vmalloc", "vmalloc"],
  ] as const;
  for (const [name, area] of rows) {
    const areas = new KernelAreas([region("other", 8 * MIB), region(name, 16 * MIB)]);
    assertEquals(areas.isEmpty, false);
    const hits: readonly [first: number, sizeBytes: number][] = [
      [16 * MIB, 1],
      [17 * MIB - 1, 1],
      [16 * MIB - 1, 2],
      [8 * MIB, 32 * MIB],
    ];
    for (const [first, sizeBytes] of hits) assertEquals(areas.find(at(first), sizeBytes), area);
    const misses: readonly [first: number, sizeBytes: number][] = [
      [16 * MIB - 1, 1],
      [16 * MIB - 64, 64],
      [17 * MIB, 64],
      [8 * MIB, MIB],
    ];
    for (const [first, sizeBytes] of misses) assertEquals(areas.find(at(first), sizeBytes), null);
  }
  assertEquals(new KernelAreas([region("other", 8 * MIB)]).isEmpty, true);
});

Deno.test("pages of vmalloc are found by any byte, in short buffers and in long ones, until they go (dma.md 1.4)", () => {
  const areas = new KernelAreas([]);
  const pages = [at(0x10_0000), at(0x10_3000)];
  areas.addVmalloc(pages);
  assertEquals(areas.isEmpty, false);
  const found = (first: number, sizeBytes: number) => areas.find(at(first), sizeBytes);
  // Searches of fewer pages than vmalloc has, of as many, and of far more. `find` walks the pages
  // that are searched, or those of vmalloc if they are fewer; both ways must give the same results.
  const hits: readonly [first: number, sizeBytes: number][] = [
    [0x10_0000, 1],
    [0x10_0fff, 1],
    [0x10_0fff, 0x1000],
    [0x0f_ffff, 2],
    [0x0f_f000, 0x2000],
    [0x0f_d000, 0x4000],
    [0x10_1000, 0x2001],
    [0x10_3fff, 2 ** 40],
    [0, 2 ** 40],
  ];
  for (const [first, sizeBytes] of hits) {
    assertEquals(found(first, sizeBytes), "vmalloc", `${first.toString(16)} ${sizeBytes}`);
  }
  const misses: readonly [first: number, sizeBytes: number][] = [
    [0x0f_ffff, 1],
    [0x0f_0000, 0x1_0000],
    [0x10_1000, 0x2000],
    [0x10_4000, 1],
    [0x10_4000, 2 ** 40],
  ];
  for (const [first, sizeBytes] of misses) {
    assertEquals(found(first, sizeBytes), null, `${first.toString(16)} ${sizeBytes}`);
  }
  areas.removeVmalloc([pages[0]!]);
  assertEquals([found(0x10_0000, 4096), found(0, 2 ** 40)], [null, "vmalloc"]);
  areas.removeVmalloc([pages[1]!]);
  assertEquals([found(0, 2 ** 40), areas.isEmpty], [null, true]);
});
