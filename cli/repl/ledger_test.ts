import { assertEquals } from "@std/assert";
import type { MachineEvent } from "../../runtime/events.ts";
import { liveMappings, mappingsAt } from "./ledger.ts";

function event(name: "dma.map" | "dma.unmap", dma: number, sizeBytes: number, device = "ssd") {
  return {
    seq: dma,
    at_ns: 0,
    cpu: 0,
    device,
    request: 1,
    site: null,
    name,
    fields: {
      api: "x",
      phys: 0x10_0000 + dma,
      dma,
      size_bytes: sizeBytes,
      dir: "d",
      path: "iommu",
    },
    why: null,
  } as unknown as MachineEvent;
}

Deno.test("liveMappings() is what was mapped and not unmapped, device by device", () => {
  const live = liveMappings([
    event("dma.map", 0x1000, 0x1000),
    event("dma.map", 0x2000, 0x1000),
    event("dma.map", 0x1000, 0x1000, "gpu"),
    event("dma.unmap", 0x1000, 0x1000),
  ]);
  assertEquals(live.map(({ device, dma }) => [device, dma]), [["ssd", 0x2000], ["gpu", 0x1000]]);
});

Deno.test("liveMappings() ends every piece of a range when the range is destroyed", () => {
  const live = liveMappings([
    event("dma.map", 0x8000, 0x1000),
    event("dma.map", 0x9000, 0x1000),
    event("dma.map", 0xa000, 0x1000),
    event("dma.unmap", 0x8000, 0x2000),
  ]);
  assertEquals(live.map(({ dma }) => dma), [0xa000]);
});

Deno.test("mappingsAt() finds a mapping by either side's address", () => {
  const live = liveMappings([event("dma.map", 0x1000, 0x1000)]);
  assertEquals(mappingsAt(live, 0x1fff).length, 1);
  assertEquals(mappingsAt(live, 0x10_1800).length, 1);
  assertEquals(mappingsAt(live, 0x2000).length, 0);
});
