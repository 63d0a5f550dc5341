/**
 * The run is charged work for each part of a large structure, so the time limit is checked between
 * the parts.
 */
import { assertEquals } from "@std/assert";
import { MIB, PAGE_SIZE_BYTES as PAGE, type PhysAddr, type VirtAddr } from "../address.ts";
import { testBench } from "../dma/testing.ts";
import { AddressSpace } from "../mm/address_space.ts";
import { allocateBuffer, allocatePages, claimBuffer } from "./allocate_buffer.ts";
import { CpuCaches } from "./cpu_caches.ts";

Deno.test("each page, piece or run of lines that is gone through is work", () => {
  const { machine } = testBench();
  const { memory, pages } = machine;
  const at = (phys: number) => phys as PhysAddr;
  const bytes = new Uint8Array(4 * PAGE);
  const [from, to] = [at(2 * MIB + 1), at(3 * MIB + 2)];
  const caches = new CpuCaches(memory, { site: 1 }, () => {});
  const mm = new AddressSpace(machine);
  const area = mm.map({ sizeBytes: 8 * PAGE, writable: true, order: 0 }) as VirtAddr;
  const pieces = [{ phys: at(4 * MIB + 1), sizeBytes: 2 * PAGE }, {
    phys: at(5 * MIB),
    sizeBytes: 1,
  }];
  const buffer = claimBuffer(machine, pieces);

  const scattered = () => allocateBuffer(machine, { pieces: 2, pieceBytes: 8192 });
  const strided = () => allocateBuffer(machine, { pieces: 2, pieceBytes: 512, strideBytes: PAGE });
  const costs: readonly (readonly [what: string, units: number, act: () => unknown])[] = [
    ["a read of five pages", 5 * 8, () => memory.read(from, bytes, 0, 4 * PAGE)],
    ["a write of five pages", 5 * 8, () => memory.write(from, bytes, 0, 4 * PAGE)],
    ["a read inside a page", 0, () => memory.read(from, bytes, 0, PAGE - 1)],
    ["a write inside a page", 0, () => memory.write(from, bytes, 0, PAGE - 1)],
    ["a copy, cut where either begins a page", 5 * 8, () => memory.copy(from, to, 2 * PAGE)],
    ["a fill of three pages", 3 * 8, () => memory.fill(from, 2 * PAGE, 1)],
    ["lines written in two pages", 2 * 64, () => caches.fill(at(PAGE), 2 * PAGE, 1)],
    ["lines cleaned in two pages", 2 * 64, () => caches.clean(at(PAGE), 2 * PAGE)],
    ["blocks of pages", 3 * 64, () => pages.allocApart([1, 2, 3])],
    ["a list of four pages", 4 * 16 / 16, () => pages.alloc(4)],
    ["four pages freed", 4 + 4 * 16, () => pages.free(pages.alloc(4)!)],
    ["a buffer's pages", 2 * 4, () => buffer.pages],
    ["a part of a buffer", 2 * 4, () => buffer.slice(1, 2 * PAGE + 1)],
    ["a buffer read, three pages of one piece", 2 * 8 + 3 * 8, () => buffer.readAll()],
    ["a buffer written", 2 * 8 + 3 * 8, () => buffer.writeAll(bytes.subarray(0, 2 * PAGE + 1))],
    ["a buffer that counts", 3 * 8 + 2 * (2 * 8), () => buffer.fill("counting")],
    ["a random buffer", 3 * PAGE + 2 * (2 * 8), () => buffer.fill("random")],
    ["a buffer of pieces", 2 * (64 + 2 * 64) + (2 * 96 + 4 * 16) / 16, () => scattered()],
    ["a buffer of pieces at a distance", 2 * 64 + (2 * 96 + 2 * 16) / 16, () => strided()],
    [
      "a buffer of pages",
      (96 + 3 * 16) / 16 + 3,
      () => allocatePages(machine, { pages: 3, contiguous: true }),
    ],
    [
      "claimed pages",
      2 * 64 + (96 + 16 * 2) / 16,
      () => claimBuffer(machine, [{ phys: at(6 * MIB), sizeBytes: 2 * PAGE }]),
    ],
    [
      "pages brought in",
      3 * (128 + 1 + 8),
      () => [0, 1, 2].map((page) => mm.faultIn(area + page * PAGE, true)),
    ],
    ["pages written out", 3 * 128 + 3 * 16, () => mm.pageOut(area, area + 8 * PAGE as VirtAddr)],
  ];
  const done = costs.map(([what, , act]) => {
    memory.budget.takeWork();
    act();
    return [what, memory.budget.takeWork()];
  });
  assertEquals(done, costs.map(([what, units]) => [what, units]));
});
