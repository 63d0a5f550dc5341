import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../../address.ts";
import {
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "../../dma/attributes.ts";
import type { Kernel } from "../../kernels/kernels.ts";
import { testPlatform } from "../../testing_config.ts";
import { SwiotlbPool } from "./swiotlb.ts";

const SKIP = DMA_ATTR.SKIP_CPU_SYNC;
const DIRECTIONS: readonly DmaDirection[] = [DMA_TO_DEVICE, DMA_FROM_DEVICE, DMA_BIDIRECTIONAL];
const POOL = 0x6000_0000 as PhysAddr;
const BUFFER = 0x1000 as PhysAddr;

/**
 * The switches that decide when a slot is filled, oldest release first. The last element has no
 * switch.
 */
const RULES: readonly Partial<Kernel>[] = [
  { swiotlb_2022_never_copy_in: true },
  { swiotlb_2022_copy_in_at_map: true },
  { swiotlb_2022_sync_rework: true },
  {},
];

/** A pool full of S, and a buffer full of A. */
class Bench {
  readonly #platform = testPlatform();
  readonly memory = this.#platform.memory;
  readonly device = {
    name: "dev",
    minAlignMask: 0,
    segmentBoundaryMask: 2 ** 32 - 1,
    skipSync: true,
  };
  readonly pool: SwiotlbPool;

  constructor(kernel: Partial<Kernel>) {
    this.pool = new SwiotlbPool(this.#platform, { basePhys: POOL, slots: 128, areas: 1 }, kernel);
    this.memory.fill(POOL, 128 * 2048, "S".charCodeAt(0));
    this.memory.fill(BUFFER, 4, "A".charCodeAt(0));
  }

  map(dir: DmaDirection, attrs = 0): PhysAddr {
    return this.pool.map(this.device, BUFFER, 4, 0, dir, attrs) as PhysAddr;
  }

  write(phys: number, text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.memory.write(phys as PhysAddr, bytes, 0, bytes.length);
  }

  text(phys: PhysAddr): string {
    const bytes = new Uint8Array(4);
    this.memory.read(phys, bytes, 0, 4);
    return new TextDecoder().decode(bytes);
  }
}

Deno.test("a fresh slot holds the buffer by today's rules, whatever the direction, even with SKIP_CPU_SYNC (dma.md 6.2 step 6)", () => {
  for (const dir of DIRECTIONS) {
    for (const attrs of [0, SKIP]) {
      const bench = new Bench({});
      assertEquals(bench.text(bench.map(dir, attrs)), "AAAA");
    }
  }
});

Deno.test("what a slot holds after the map, by rule, direction and SKIP_CPU_SYNC", () => {
  const found = RULES.map((kernel) =>
    DIRECTIONS.flatMap((dir) =>
      [0, SKIP].map((attrs) => {
        const bench = new Bench(kernel);
        return bench.text(bench.map(dir, attrs))[0]!;
      })
    ).join("")
  );
  assertEquals(found, ["ASSSAS", "ASASAS", "AAAAAA", "AAAAAA"]);
});

Deno.test("a device that writes half of a from_device buffer leaks the pool's old bytes only by the oldest rule (dma.md ch. 6 assertion 6)", () => {
  const found = RULES.map((kernel) => {
    const bench = new Bench(kernel);
    const tlb = bench.map(DMA_FROM_DEVICE);
    bench.write(tlb, "BB");
    bench.pool.unmap(bench.device, tlb, 4, DMA_FROM_DEVICE, 0);
    return bench.text(BUFFER);
  });
  assertEquals(found, ["BBSS", "BBAA", "BBAA", "BBAA"]);
});

Deno.test("handing a from_device buffer to the device loses what came in since, only by the rework (dma.md 6.3, sync-for-device)", () => {
  const found = RULES.map((kernel) => {
    const bench = new Bench(kernel);
    const tlb = bench.map(DMA_FROM_DEVICE);
    bench.write(tlb, "BB");
    bench.pool.syncForCpu(tlb, 4, DMA_FROM_DEVICE);
    bench.write(tlb + 2, "CC");
    bench.pool.syncForDevice(tlb, 4, DMA_FROM_DEVICE);
    bench.pool.unmap(bench.device, tlb, 4, DMA_FROM_DEVICE, 0);
    return bench.text(BUFFER);
  });
  assertEquals(found, ["BBCC", "BBCC", "BBAA", "BBCC"]);
});

Deno.test("of several switches the oldest counts", () => {
  const all = Object.assign({}, ...RULES) as Partial<Kernel>;
  const bench = new Bench(all);
  assertEquals(bench.text(bench.map(DMA_FROM_DEVICE)), "SSSS");
  assertEquals(bench.pool.fillsForDevice(DMA_FROM_DEVICE), false);
});
