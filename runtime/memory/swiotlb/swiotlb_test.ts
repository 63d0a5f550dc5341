import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, GIB, KIB, MIB, type PhysAddr } from "../../address.ts";
import {
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../../dma/attributes.ts";
import type { MachineEvent } from "../../events.ts";
import { Platform } from "../../platform.ts";
import { testConfig } from "../../testing_config.ts";
import type { Kernel } from "../../kernels/kernels.ts";
import { layOutMemory } from "../layout.ts";
import { SwiotlbPool } from "./swiotlb.ts";
import { placePool } from "./swiotlb_geometry.ts";

const at = (phys: number): PhysAddr => phys as PhysAddr;

/** A pool at 0x6000_0000 with a device, as dma.md's assertions have it. */
class Bench extends Platform {
  readonly device = {
    name: "dev",
    minAlignMask: 0,
    segmentBoundaryMask: 0xffff_ffff,
    skipSync: true,
  };
  readonly seen: MachineEvent[] = [];
  readonly pool: SwiotlbPool;

  constructor(slots = 32768, areas = 1, start = 0x6000_0000, kernel: Partial<Kernel> = {}) {
    super(testConfig());
    this.pool = new SwiotlbPool(this, { basePhys: at(start), slots, areas }, kernel);
    this.events.listen((event) => this.seen.push(event));
  }

  map(orig: number, sizeBytes: number, allocAlignMask = 0, attrs = 0): number {
    return this.pool.map(
      this.device,
      at(orig),
      sizeBytes,
      allocAlignMask,
      DMA_BIDIRECTIONAL,
      attrs,
    );
  }

  fields(name: string): unknown[] {
    return this.seen.filter((event) => event.name === name).map(({ fields }) => fields);
  }
}

Deno.test("a page-sized bounce is page aligned, a smaller one takes the next slot (dma.md ch. 6 assertion 1)", () => {
  const bench = new Bench();
  assertEquals(bench.map(0x1000, 0x800), 0x6000_0000);
  assertEquals(bench.map(0x1000, 0x1000), 0x6000_1000);
  assertEquals(bench.map(0x1000, 0x200), 0x6000_2000);
});

Deno.test("a slot is aligned by its distance from the pool's start, masked by the boundary (dma.md 6.2)", () => {
  const mapped = (start: number, segmentBoundaryMask: number) => {
    const bench = new Bench(128, 1, start);
    bench.device.segmentBoundaryMask = segmentBoundaryMask;
    return bench.map(0x1000, 0x800, 0xfff);
  };
  assertEquals(mapped(0x6000_0800, 0xffff_ffff), 0x6000_1000);
  // The pool's start is a multiple of the 2 KiB boundary.
  assertEquals(mapped(0x6000_0800, 0x7ff), DMA_MAPPING_ERROR, "two slots cross it");
  const bench = new Bench(128, 1, 0x6000_0800);
  bench.device.segmentBoundaryMask = 0x7ff;
  bench.device.minAlignMask = 0x1fff;
  assertEquals(bench.map(0x1000, 0x800), 0x6000_1800, "two slots from the start");
});

Deno.test("a device's minimum alignment keeps the address bits (dma.md ch. 6 assertion 2)", () => {
  const bench = new Bench();
  bench.device.minAlignMask = 0xfff;
  assertEquals(bench.map(0x12_3a00, 0x400), 0x6000_0a00);
  assertEquals(bench.pool.usedSlots, 1);
  assertEquals(bench.map(2 ** 31 + 0x7ff, 1), 0x6000_17ff);
});

Deno.test("an IOMMU's granule pads before the data (dma.md ch. 6 assertion 3)", () => {
  const bench = new Bench();
  bench.device.minAlignMask = 0xfff;
  assertEquals(bench.map(0x12_3e00, 0x200, 0xfff), 0x6000_0e00);
  assertEquals(bench.pool.usedSlots, 2);
  assertEquals(bench.fields("swiotlb.map"), [{
    slot: 0,
    slots: 2,
    orig_phys: 0x12_3e00,
    tlb_phys: 0x6000_0e00,
    size_bytes: 0x200,
    align_mask: 0xfff,
    dir: "bidirectional",
  }]);
});

/**
 * Observed for an untrusted disk on 6.1.192 in QEMU: the bounced buffers, the slot of each buffer,
 * and the next slot.
 */
const BOUNCED_BY_6_1 = [
  [0x00e00, 39_936, 0x7be7_1600, 0x7be7_c000],
  [0x00200, 87_552, 0x7be7_c200, 0x7be9_3000],
  [0x00400, 56_832, 0x7bea_1400, 0x7beb_0000],
  [0x00800, 60_928, 0x7beb_0000, 0x7beb_f000],
  [0x00200, 60_416, 0x7beb_f200, 0x7bec_f000],
  [0x00600, 48_640, 0x7bf4_4600, 0x7bf5_1000],
] as const;

Deno.test("6.1 keeps the offset in a slot of what it bounces behind an IOMMU (captured on 6.1.192)", () => {
  for (const [offset, sizeBytes, tlb, next] of BOUNCED_BY_6_1) {
    const first = tlb - tlb % 4096;
    const bench = new Bench(1024, 1, first, { bounced_iova_keeps_slot_offset: true });
    bench.device.minAlignMask = 0xfff;
    assertEquals(bench.map(0x1_00c0_0000 + offset, sizeBytes, 0xfff), tlb);
    assertEquals(bench.map(0x1_00c0_0000, 0x1000, 0xfff), next);
    bench.pool.release(bench.device, at(next));
    bench.pool.release(bench.device, at(tlb));
    assertEquals(bench.pool.usedSlots, 0);
  }
  const newer = new Bench();
  newer.device.minAlignMask = 0xfff;
  assertEquals(newer.map(0x1_00c0_0e00, 39_936, 0xfff), 0x6000_0e00);
});

Deno.test("256 KiB is the largest buffer, less with alignment (dma.md ch. 6 assertion 4)", () => {
  const bench = new Bench();
  assertEquals(bench.map(0x1000, 262144), 0x6000_0000);
  assertEquals(bench.pool.usedSlots, 128);
  assertEquals(bench.map(0x1000, 262145), DMA_MAPPING_ERROR);
  bench.device.minAlignMask = 0xfff;
  assertEquals(bench.map(0x1400, 262144), DMA_MAPPING_ERROR);
  assertEquals(bench.map(0x1400, 258048), 0x6004_0400);
  assertEquals(bench.pool.usedSlots, 128 + 127);
  assertEquals(bench.pool.maxMappingSizeBytes(0xfff), 258048);
  assertEquals(bench.pool.maxMappingSizeBytes(0), 262144);
});

Deno.test("a full set takes exactly what is left (dma.md ch. 6 assertion 5)", () => {
  const bench = new Bench(128);
  assertEquals(bench.map(0x1000, 128 * KIB), 0x6000_0000);
  assertEquals(bench.map(0x1000, 4 * KIB), 0x6002_0000);
  assertEquals(bench.map(0x1000, 128 * KIB), DMA_MAPPING_ERROR);
  assertEquals(bench.pool.largestFreeSlots, 62);
  assertEquals(bench.map(0x1000, 124 * KIB), 0x6002_1000);
  assertEquals(bench.pool.usedSlots, 128);
});

Deno.test("what the device does not write keeps its bytes, and SKIP leaves the original alone (dma.md ch. 6 assertion 6)", () => {
  const text = (bench: Bench, attrs: number): string => {
    bench.memory.write(at(0x9000), new TextEncoder().encode("AAAA"), 0, 4);
    const tlb = bench.map(0x9000, 4, 0, attrs);
    bench.memory.write(at(tlb), new TextEncoder().encode("BB"), 0, 2);
    bench.pool.unmap(bench.device, at(tlb), 4, DMA_FROM_DEVICE, attrs);
    const bytes = new Uint8Array(4);
    bench.memory.read(at(0x9000), bytes, 0, 4);
    return new TextDecoder().decode(bytes);
  };
  assertEquals(text(new Bench(), 0), "BBAA");
  assertEquals(text(new Bench(), DMA_ATTR.SKIP_CPU_SYNC), "AAAA");
});

Deno.test("each event copies in the direction dma.md 6.3 says", () => {
  const copies = (dir: DmaDirection): string[] => {
    const bench = new Bench();
    const tlb = at(bench.map(0x9000, 64));
    bench.pool.syncForDevice(tlb, 64, dir);
    bench.pool.syncForCpu(tlb, 64, dir);
    bench.pool.unmap(bench.device, tlb, 64, dir, 0);
    return bench.fields("swiotlb.copy").map((fields) =>
      (fields as { direction: string }).direction
    );
  };
  assertEquals(copies(DMA_TO_DEVICE), ["in", "in"]);
  assertEquals(copies(DMA_FROM_DEVICE), ["in", "out", "out"]);
  assertEquals(copies(DMA_BIDIRECTIONAL), ["in", "in", "out", "out"]);
});

Deno.test("a partial sync inside a buffer copies just that part (dma.md 6.3)", () => {
  const bench = new Bench();
  bench.device.minAlignMask = 0xfff;
  const tlb = bench.map(0x9a00, 0x1800);
  bench.memory.fill(at(tlb), 0x1800, 0x55);
  bench.pool.syncForCpu(at(tlb + 0x700), 0x100, DMA_FROM_DEVICE);
  const bytes = new Uint8Array(0x1800);
  bench.memory.read(at(0x9a00), bytes, 0, bytes.length);
  assertEquals([bytes.indexOf(0x55), bytes.lastIndexOf(0x55)], [0x700, 0x7ff]);
});

Deno.test("each slot knows what is left of its buffer from there (dma.md 6.3)", () => {
  const bench = new Bench();
  const tlb = bench.map(0x9000, 0x1800);
  const copied = (slot: number, sizeBytes: number, within = 0): unknown => {
    bench.pool.syncForCpu(at(tlb + slot * 0x800 + within), sizeBytes, DMA_FROM_DEVICE);
    return (bench.fields("swiotlb.copy").at(-1) as { size_bytes: number }).size_bytes;
  };
  assertEquals([copied(0, 0x1801), copied(1, 0x1001), copied(2, 0x801)], [0x1800, 0x1000, 0x800]);
  assertEquals([copied(0, 0x1800), copied(1, 0x1000), copied(2, 0x800)], [0x1800, 0x1000, 0x800]);
  assertEquals([copied(1, 0x1000, 0x10), copied(1, 0xff0, 0x10)], [0xff0, 0xff0]);
});

Deno.test("a pool that is not a multiple of a set ends where it ends (dma.md 6.1)", () => {
  const bench = new Bench(64);
  assertEquals(bench.map(0x1000, 128 * KIB + 1), DMA_MAPPING_ERROR);
  assertEquals(bench.map(0x1000, 2 * KIB), 0x6000_0000);
  assertEquals(bench.map(0x1000, 128 * KIB), DMA_MAPPING_ERROR);
  assertEquals(bench.pool.largestFreeSlots, 63);
  // A buffer of a page or more begins on a page boundary. Therefore the second slot stays free.
  assertEquals(bench.map(0x1000, 124 * KIB), 0x6000_1000);
  assertEquals([bench.pool.usedSlots, bench.pool.largestFreeSlots], [63, 1]);
});

Deno.test("releasing twice frees the padding before the data once (dma.md 6.3)", () => {
  const bench = new Bench(128);
  bench.device.minAlignMask = 0xfff;
  // The data begins at a slot, after one slot of padding.
  const tlb = at(bench.map(0x9800, 1024, 0xfff));
  bench.map(0x9000, 1024);
  bench.pool.release(bench.device, tlb);
  const used = bench.pool.usedSlots;
  bench.pool.release(bench.device, tlb);
  assertEquals([bench.fields("swiotlb.unmap").length, bench.pool.usedSlots], [1, used]);
});

Deno.test("addresses outside the pool do nothing (dma.md 6.3)", () => {
  const bench = new Bench();
  bench.map(0x9000, 64);
  bench.pool.unmap(bench.device, at(0x9000), 64, DMA_FROM_DEVICE, 0);
  bench.pool.syncForDevice(at(0x9000), 64, DMA_TO_DEVICE);
  assertEquals(bench.pool.usedSlots, 1);
  assertEquals(bench.fields("swiotlb.copy").length, 1);
});

Deno.test("the first bounce clears the device's skip-sync flag (dma.md 1.7, 6.2)", () => {
  const bench = new Bench();
  assertEquals(bench.map(0x9000, 262145), DMA_MAPPING_ERROR);
  assertEquals(bench.device.skipSync, true);
  bench.map(0x9000, 1);
  assertEquals(bench.device.skipSync, false);
});

Deno.test("the high-water mark keeps the most slots in use at once", () => {
  const bench = new Bench();
  const tlb = at(bench.map(0x9000, 8192));
  bench.pool.unmap(bench.device, tlb, 8192, DMA_TO_DEVICE, 0);
  bench.map(0x9000, 2048);
  assertEquals([bench.pool.usedSlots, bench.pool.highWaterSlots], [1, 4]);
  bench.pool.resetHighWater();
  assertEquals(bench.pool.highWaterSlots, 1);
});

Deno.test("a full pool is warned about ten times in five seconds, and not at all with NO_WARN", () => {
  const bench = new Bench();
  for (let index = 0; index < 15; index++) bench.map(0x9000, 262145);
  assertEquals(bench.warnings.total, 10);
  bench.clock.nowNs = 6_000_000_000;
  bench.map(0x9000, 262145, 0, DMA_ATTR.NO_WARN);
  assertEquals(bench.warnings.total, 10);
  bench.map(0x9000, 262145);
  assertEquals(bench.warnings.total, 11);
  assertEquals(bench.fields("swiotlb.full").length, 17);
});

Deno.test("a machine without a pool refuses every bounce", () => {
  const bench = new Bench();
  const { device } = bench;
  const pool = new SwiotlbPool(bench, null);
  assertEquals(pool.active, false);
  assertEquals(pool.map(device, at(0x1000), 1, 0, DMA_BIDIRECTIONAL, 0), DMA_MAPPING_ERROR);
  assertEquals(pool.contains(0), false);
});

Deno.test("copying is charged by the KiB", () => {
  const bench = new Bench();
  bench.charges.copyPerKibNs = 100;
  bench.map(0x9000, 1536);
  assertEquals(bench.clock.nowNs, 150);
});

Deno.test("placePool() puts 64 MiB below 2 GiB, halves a pool that does not fit, and knows none", () => {
  const ranges = (ramSizeBytes: number) => layOutMemory({ ramSizeBytes, windows: [], regions: [] });
  const place = (ram: number, size: number) => {
    const pool = placePool(ranges(ram), size, 4);
    return pool === null ? null : [pool.basePhys, pool.slots, pool.areas];
  };
  assertEquals(place(4 * GIB, 64 * MIB), [0x7c00_0000, 32768, 4]);
  assertEquals(place(GIB, 64 * MIB), [0x3c00_0000, 32768, 4]);
  assertEquals(place(64 * MIB, 64 * MIB), [0x200_0000, 16384, 4]);
  assertEquals(place(MIB, 64 * MIB), null);
  assertEquals(place(4 * GIB, 0), null);
  assertEquals(place(4 * GIB, 64 * KIB), [0x7ff0_0000, 512, 4]);
  assertEquals(placePool(ranges(4 * GIB), 256 * KIB, 1)?.slots, 128);
});

Deno.test("a search that fails says why: too long, too few, in pieces, or at the wrong place (dma.md 6.2)", () => {
  const cause = (released: readonly number[], sizeBytes: number) => {
    const bench = new Bench(4);
    const tlbs = [0, 1, 2, 3].map(() => at(bench.map(0x9000, 2 * KIB)));
    for (const slot of released) bench.pool.release(bench.device, tlbs[slot]!);
    bench.pool.audit();
    if (bench.map(0x9000, sizeBytes) !== DMA_MAPPING_ERROR) return null;
    return (bench.fields("swiotlb.full")[0] as { cause: string }).cause;
  };
  assertEquals([cause([], 256 * KIB), cause([], 256 * KIB + 1)], ["full", "over_segment"]);
  assertEquals([cause([1], 4 * KIB), cause([1], 2 * KIB)], ["full", null]);
  assertEquals([cause([1, 3], 4 * KIB), cause([1, 2], 4 * KIB)], ["fragmented", "alignment"]);
  assertEquals([cause([0, 1], 4 * KIB), cause([0, 2, 3], 4 * KIB)], [null, null]);
});

Deno.test("a full pool is suspected of a leak when more than half of it is a second old, or has seen 1024 others end", () => {
  const cause = (old: number, ageNs: number, releases: number) => {
    const bench = new Bench(128);
    const fill = (count: number) => {
      // Each buffer takes 32 slots: one of padding, and 31 of data.
      for (let made = 0; made < count; made++) bench.map(0x9800, 62 * KIB, 0xfff);
    };
    bench.device.minAlignMask = 0xfff;
    fill(old);
    for (let ended = 0; ended < releases; ended++) {
      bench.pool.release(bench.device, at(bench.map(0x9000, 2 * KIB)));
    }
    bench.clock.nowNs += ageNs;
    fill(4 - old);
    assertEquals([bench.pool.usedSlots, bench.map(0x9000, 2 * KIB)], [128, DMA_MAPPING_ERROR]);
    const full = bench.seen.find(({ name }) => name === "swiotlb.full")!;
    return [(full.fields as { cause: string }).cause, full.why?.inputs.slots_in_use_for_long];
  };
  assertEquals(cause(3, 1e9, 0), ["leak_suspected", 96]);
  assertEquals(cause(3, 0, 1024), ["leak_suspected", 96]);
  assertEquals(cause(3, 1e9 - 1, 1023), ["full", 0]);
  assertEquals(cause(2, 1e9, 1024), ["full", 64]);
});

Deno.test("a copy is the bounce buffer's own writing, and one that is too long is cut with a warning, once (dma.md 6.3)", () => {
  const bench = new Bench();
  const writers: (string | null)[] = [];
  bench.memory.onWrite = () => void writers.push(bench.memory.writer);
  const tlb = at(bench.map(0x9000, 100));
  for (const sizeBytes of [101, 102, 1]) bench.pool.syncForCpu(tlb, sizeBytes, DMA_FROM_DEVICE);
  bench.pool.syncForCpu(at(tlb + 100), 1, DMA_FROM_DEVICE);
  assertEquals([writers, bench.memory.writer], [Array(4).fill("bounce copy"), null]);
  const copied = bench.fields("swiotlb.copy") as { direction: string; size_bytes: number }[];
  assertEquals(copied.map(({ direction, size_bytes }) => `${direction} ${size_bytes}`), [
    "in 100",
    "out 100",
    "out 100",
    "out 1",
  ]);
  const warned = bench.fields("kernel.warn") as { at: string; text: string }[];
  assertEquals(warned.map((warning) => `${warning.at}: ${warning.text}`), [
    "swiotlb_bounce: A copy of 101 bytes is truncated to 100",
  ]);
});

Deno.test("an unmap tells how long its caller says that the buffer is, a release what it was, and another one nothing (dma.md 6.3)", () => {
  const bench = new Bench(128);
  const tlbs = [0, 1, 2].map(() => at(bench.map(0x9000, 0x900)));
  bench.pool.unmap(bench.device, tlbs[0]!, 0x10, DMA_TO_DEVICE, DMA_ATTR.NO_WARN);
  bench.pool.release(bench.device, tlbs[1]!, DMA_FROM_DEVICE);
  // The release begins at a buffer's second slot, where no buffer starts; so only the slots from
  // there on are freed.
  bench.pool.release(bench.device, at(tlbs[2]! + 0x800));
  bench.pool.release(bench.device, tlbs[1]!);
  const told = bench.fields("swiotlb.unmap") as Record<string, unknown>[];
  assertEquals(
    told.map((
      { attrs, dir, orig_phys, size_bytes, slots },
    ) => [orig_phys, size_bytes, slots, dir, `${attrs}`]),
    [
      [0x9000, 0x10, 2, "to_device", "no_warn"],
      [0x9000, 0x900, 2, "from_device", "skip_cpu_sync"],
      [0x9800, 0, 1, "bidirectional", "skip_cpu_sync"],
    ],
  );
  assertEquals(bench.pool.usedSlots, 1);
  bench.pool.syncForCpu(tlbs[0]!, 1, DMA_FROM_DEVICE);
  assertEquals(bench.fields("swiotlb.copy").length, 3, "what was freed has no original");
});
