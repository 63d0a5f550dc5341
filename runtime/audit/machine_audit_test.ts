import { assertEquals, assertThrows } from "@std/assert";
import type { DmaAddr } from "../address.ts";
import { DMA_TO_DEVICE } from "../dma/attributes.ts";
import { DmaPool } from "../dma/calls/pool.ts";
import { at, testBench } from "../dma/testing.ts";
import { InvariantError } from "../errno.ts";
import { MachineAudit } from "./machine_audit.ts";

/** A machine with one page mapped for its device. */
function mapped(mode: "strict" | "lazy" = "strict") {
  const { dev, machine } = testBench({ iommu: { mode } });
  const addr = machine.dma.dmaMapPhys(dev, at(0x10_0000), 4096, DMA_TO_DEVICE, 0);
  const look = (driversAreRight = true) => new MachineAudit(machine, { driversAreRight }).look();
  return { addr, dev, domain: dev.domain!, look, machine };
}

Deno.test("an audit of a machine in use finds nothing", () => {
  const { addr, dev, look, machine } = mapped();
  look();
  machine.dma.dmaUnmapPhys(dev, addr, 4096, DMA_TO_DEVICE, 0);
  look();
});

Deno.test("an audit finds a leaf whose range was freed", () => {
  const { addr, domain, look } = mapped();
  domain.iova.ranges.free(addr / 4096);
  assertThrows(() => look(), InvariantError, "lies in no range in use");
  // A driver could have caused this, so it is not a bug of the simulator. Without `driversAreRight`
  // the audit reports no error.
  look(false);
});

Deno.test("an audit finds a frame that lies in two magazines, and one that is free", () => {
  const { addr, dev, domain, look, machine } = mapped();
  machine.dma.dmaUnmapPhys(dev, addr, 4096, DMA_TO_DEVICE, 0);
  domain.iova.cache.put(0, 0, addr / 4096);
  assertThrows(() => look(), InvariantError, "is cached twice");
  look(false);
  domain.iova.flushCaches();
  domain.iova.cache.put(0, 0, addr / 4096);
  assertThrows(() => look(), InvariantError, "is free");
});

Deno.test("an audit finds a leaf beyond its range, and none in memory of firmware; what waits for a flush is in use", () => {
  const { domain: { direct, iova: { ranges }, table }, look } = mapped();
  const wrong = (text: string) => assertThrows(() => look(), InvariantError, text);
  ranges.reserve(0x1000, 0x11ff);
  table.map(0x100_0000, 0, 0x20_0000, 3);
  look();
  ranges.free(0x1000);
  ranges.reserve(0x1000, 0x11fe);
  wrong("a leaf at frame 4096 lies in no range in use");
  (direct as { start: number; end: number }[]).push({ start: 0x100_0000, end: 0x120_0000 });
  look();
  for (const beside of [0xff_f000, 0x120_0000]) {
    table.map(beside, 0, 4096, 3);
    wrong(`a leaf at frame ${beside / 4096} lies`);
    table.unmap(beside, 4096);
    look();
  }
  const lazy = mapped("lazy");
  lazy.machine.dma.dmaUnmapPhys(lazy.dev, lazy.addr, 4096, DMA_TO_DEVICE, 0);
  lazy.look();
  lazy.domain.iova.ranges.free(lazy.addr / 4096);
  assertThrows(() => lazy.look(), InvariantError, "is free");
  new MachineAudit(lazy.machine, {}).look();
});

Deno.test("an audit looks at magazines, the IOTLB and bounce slots, and at the order and number of ranges", () => {
  const { domain: { iova, name }, look, machine: { iommu, swiotlb } } = mapped();
  const seen: string[] = [];
  const parts = { magazines: iova.cache, iotlb: iommu.iotlb, slots: swiotlb };
  for (const [part, { audit }] of Object.entries(parts)) {
    Object.assign(parts[part as keyof typeof parts], {
      audit() {
        seen.push(part);
        audit.call(this);
      },
    });
  }
  look();
  assertEquals(seen, ["magazines", "iotlb", "slots"]);
  const finds = (ranges: readonly (readonly [number, number])[], text: string) => {
    iova.ranges.forEach = (visit) => ranges.forEach((range) => visit(...range));
    assertThrows(() => look(false), InvariantError, `${name}: ${text}`);
  };
  finds([[1, 2], [2, 3]], "frames 2 to 3 come behind 2");
  finds([[3, 2]], "frames 3 to 2 come behind -1");
  finds([[0, 0], [1, 1]], "2 ranges, and 1 counted");
  iova.ranges.forEach = (visit) => visit(0, 0);
  look(false);
});

Deno.test("an audit runs after activities, and calls what devices have to look at", () => {
  const { machine } = mapped();
  const seen: number[] = [];
  machine.auditors.push(() => seen.push(machine.clock.nowNs));
  machine.startAudit({ every: 2 });
  for (let left = 5; left > 0; left--) machine.activities.post({ runActivity() {} }, 0, 0);
  while (machine.runNextActivity());
  // The machine is audited after the first, the third and the fifth activity.
  assertEquals(seen.length, 3);
});

Deno.test("a block of a pool is freed once", () => {
  const { dev, machine } = testBench();
  const pool = new DmaPool(machine, dev, "small", 256, 256);
  const block = pool.alloc()!;
  pool.audit();
  pool.free(block, block.dma);
  pool.audit();
  assertThrows(
    () => pool.free(block, 0 as DmaAddr),
    InvariantError,
    "A pool's block was freed twice",
  );
});
