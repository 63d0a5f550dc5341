import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, GIB, type PhysAddr } from "../../address.ts";
import type { MachineEvent } from "../../events.ts";
import type { QuirkName } from "../../kernels/behaviours.ts";
import { Machine } from "../../machine.ts";
import { defaultMachineConfig, swiotlbConfig } from "../../machine_config.ts";
import { DMA_ATTR, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { DmaDevice, type DmaDeviceOptions } from "../device/device.ts";
import { directMapPhys } from "./direct.ts";
import { slabBytes } from "./cache_maintenance.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

/**
 * A bench with 8 GiB of RAM, and with a pool at 0x6000_0000 as in the assertions of rules/dma.md,
 * or without a pool.
 */
function bench(
  options: DmaDeviceOptions,
  pool: "pool" | "no pool" | "forced" = "pool",
  quirks: readonly QuirkName[] = [],
) {
  const machine = new Machine({
    ...defaultMachineConfig(),
    quirks: new Set(quirks),
    ramSizeBytes: 8 * GIB,
    swiotlb: pool === "no pool"
      ? swiotlbConfig({ sizeBytes: 0 })
      : swiotlbConfig({ force: pool === "forced", basePhys: at(0x6000_0000) }),
  });
  const dev = new DmaDevice("dev", options);
  const seen: MachineEvent[] = [];
  machine.events.listen((event) => seen.push(event));
  const map = (phys: number, sizeBytes: number, attrs = 0, dir: 0 | 1 | 2 = DMA_TO_DEVICE) =>
    directMapPhys(machine, dev, at(phys), sizeBytes, dir, attrs);
  return { machine, dev, map, names: () => seen.map(({ name }) => name) };
}

Deno.test("a 32-bit device bounces above 4 GiB, or is refused with one warning (dma.md ch. 2 assertion 1)", () => {
  const without = bench({ maskBits: 32 }, "no pool");
  assertEquals(without.map(0x1_2345_6000, 0x1000), DMA_MAPPING_ERROR);
  assertEquals(without.map(0x1_2345_6000, 0x1000), DMA_MAPPING_ERROR);
  assertEquals(without.machine.warnings.total, 1);
  const pooled = bench({ maskBits: 32 });
  assertEquals(pooled.map(0x1_2345_6000, 0x1000), 0x6000_0000);
  assertEquals(pooled.machine.swiotlb.usedSlots, 2);
});

Deno.test("the last byte decides whether a buffer is reached (dma.md ch. 2 assertion 2)", () => {
  const { map, machine } = bench({ maskBits: 32 });
  assertEquals(map(0xffff_f000, 0x1000), 0xffff_f000);
  const bounced = map(0xffff_f000, 0x1001);
  assertEquals(machine.swiotlb.contains(bounced), true);
});

Deno.test("a bus limit bounces as a mask does (dma.md ch. 2 assertion 3)", () => {
  const { map } = bench({ maskBits: 64, busLimitBits: 32 });
  assertEquals(map(0x1_0000_0000, 0x800), 0x6000_0000);
});

Deno.test("MMIO is never bounced (dma.md ch. 2 assertion 4)", () => {
  const { map, machine } = bench({ maskBits: 32 });
  assertEquals(map(0x40_0000_0000, 0x1000, DMA_ATTR.MMIO), DMA_MAPPING_ERROR);
  assertEquals(machine.swiotlb.usedSlots, 0);
  assertEquals(machine.warnings.total, 1);
  assertEquals(map(0xe000_0000, 0x1000, DMA_ATTR.MMIO), 0xe000_0000);
});

Deno.test("forced bouncing takes everything plain and refuses the rest in silence (dma.md ch. 2 assertion 5)", () => {
  const { map, machine } = bench({}, "forced", ["host_bridge_p2p_with_forced_bounce"]);
  assertEquals(map(0xe000_0000, 0x1000, DMA_ATTR.MMIO), DMA_MAPPING_ERROR);
  assertEquals(map(0x1000_0000, 0x1000, DMA_ATTR.REQUIRE_COHERENT), DMA_MAPPING_ERROR);
  assertEquals(map(0x1000_0000, 0x1000), 0x6000_0000);
  assertEquals(map(0x1000_0000, 0x1000, DMA_ATTR.CC_SHARED), 0x1000_0000);
  assertEquals(machine.warnings.total, 0);
});

Deno.test("a bounce buffer out of reach is released without a copy (dma.md 2.1)", () => {
  const { map, machine, names } = bench({ maskBits: 30 });
  assertEquals(map(0x5000_0000, 0x800), DMA_MAPPING_ERROR);
  assertEquals(machine.swiotlb.usedSlots, 0);
  assertEquals(names(), ["swiotlb.map", "swiotlb.copy", "swiotlb.unmap", "kernel.warn"]);
});

Deno.test("a slab has a power of two from 8 bytes on, or 96 or 192 (dma.md 2.1)", () => {
  const sizes = [1, 8, 9, 64, 65, 96, 97, 128, 129, 192, 193, 256, 257];
  assertEquals(sizes.map(slabBytes), [8, 8, 16, 64, 96, 96, 128, 128, 192, 192, 256, 256, 512]);
});

Deno.test("small slab buffers of a non-coherent device bounce, unless the device only reads (dma.md 2.1, kmalloc rule)", () => {
  const { map, machine } = bench({ coherent: false });
  const bounced = [8, 32, 33, 64, 65, 96, 97, 128, 192, 255, 256].filter((sizeBytes) =>
    machine.swiotlb.contains(map(0x1000_0000, sizeBytes, 0, DMA_FROM_DEVICE))
  );
  assertEquals(bounced, [8, 32, 65, 96]);
  assertEquals(map(0x1000_0000, 8), 0x1000_0000);
  const coherent = bench({});
  assertEquals(coherent.map(0x1000_0000, 8, 0, DMA_FROM_DEVICE), 0x1000_0000);
});
