import { assertEquals, assertThrows } from "@std/assert";
import type { DmaAddr } from "../../address.ts";
import { InvariantError } from "../../errno.ts";
import type { MachineEvent } from "../../events.ts";
import { Machine } from "../../machine.ts";
import { defaultMachineConfig } from "../../machine_config.ts";
import { DmaDevice } from "../device/device.ts";
import { DmaPool, lastOfNewestPage } from "./pool.ts";

function bench(mode: "off" | "strict" = "off") {
  const defaults = defaultMachineConfig();
  const machine = new Machine({ ...defaults, iommu: { ...defaults.iommu, mode } });
  const dev = new DmaDevice("ssd");
  machine.iommu.attach(dev);
  const seen: MachineEvent[] = [];
  machine.events.listen((event) => seen.push(event));
  return { machine, dev, seen };
}

Deno.test("DmaPool hands out a block at the address it was freed with (nvme.md 7, case 9)", () => {
  const { machine, dev } = bench();
  const pool = new DmaPool(machine, dev, "small", 256, 256);
  const block = pool.alloc()!;
  const { dma, phys } = block;
  pool.free(block, 0x1234_5000 as DmaAddr);
  const again = pool.alloc()!;
  assertEquals([again.phys, again.dma], [phys, 0x1234_5000 as DmaAddr]);
  pool.free(again, dma);
  assertEquals(pool.alloc()!.dma, dma);
  assertThrows(() => pool.free({ phys, dma }, dma), InvariantError);
});

Deno.test("the block that was freed last on the newest page is found, wherever it is in the list (nvme.md 6)", () => {
  const found = (...pages: number[]) => lastOfNewestPage(pages, (page) => page);
  assertEquals([found(), found(1), found(2, 1, 1), found(1, 2, 2, 1)], [-1, 0, 0, 2]);
});

Deno.test("DmaPool is empty when it was destroyed, whatever was handed out", () => {
  const { machine, dev } = bench();
  const pool = new DmaPool(machine, dev, "small", 256, 256);
  for (let count = 0; count < 17; count++) pool.alloc();
  assertEquals([pool.usedBlocks, pool.sizeBytes], [17, 8192]);
  pool.destroy();
  assertEquals([pool.usedBlocks, pool.sizeBytes], [0, 0]);
});

Deno.test("DmaPool.destroy() frees every page", () => {
  const { machine, dev } = bench();
  const before = machine.pages.takenBytes;
  const pool = new DmaPool(machine, dev, "large", 4096, 4096);
  const block = pool.alloc()!;
  pool.alloc();
  pool.destroy();
  assertEquals(machine.pages.takenBytes, before);
  assertEquals(machine.pages.inUse(block.phys), false);
  assertThrows(() => pool.free(block, block.dma), InvariantError);
});
