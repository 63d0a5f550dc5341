/**
 * A CPU's write to a bounced buffer must be reported if, and only if, its bytes are lost. The tests
 * compare the reports with the contents of memory.
 */
import { assert, assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../../address.ts";
import { swiotlbConfig } from "../../machine_config.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../attributes.ts";
import { Random } from "../../random.ts";
import { Scatterlist } from "../scatterlist.ts";
import { at, type TestBenchOptions } from "../testing.ts";
import { checkerBench } from "./_bench.ts";

const FORCED: TestBenchOptions = {
  iommu: { mode: "off" },
  machine: { swiotlb: swiotlbConfig({ force: true }) },
};
/** Behind an IOMMU, a buffer that shares a granule is bounced for an untrusted device. */
const UNTRUSTED: TestBenchOptions = { device: { untrusted: true, minAlignMask: 0xfff } };
/**
 * The release in which a sync for the device filled the bounce buffer whatever the mapping's
 * direction was.
 */
const FILLED_BY_SYNCS: TestBenchOptions = {
  ...FORCED,
  machine: { ...FORCED.machine, quirks: new Set(["swiotlb_2022_sync_rework"] as const) },
};
const BUFFER = at(0x10_0200);
const SIZE_BYTES = 0x100;
const WRITE = 7;
const LOSS = 9;
const SKIP = DMA_ATTR.SKIP_CPU_SYNC;

type Direction = typeof DMA_BIDIRECTIONAL | typeof DMA_FROM_DEVICE | typeof DMA_TO_DEVICE;

/** A mapped buffer, with functions for the CPU's accesses to its memory. */
function bufferBench(options: TestBenchOptions, dir: Direction, attrs = 0) {
  const bench = checkerBench(options);
  const { dev, machine: { checker, dma, events, memory } } = bench;
  const mapped = bench.map(BUFFER, SIZE_BYTES, dir, attrs);
  assertEquals(mapped === DMA_MAPPING_ERROR, false);
  const address = (offset: number) => mapped + offset as DmaAddr;
  return {
    ...bench,
    mapped,
    content(): Uint8Array {
      const bytes = new Uint8Array(SIZE_BYTES);
      memory.read(BUFFER, bytes, 0, SIZE_BYTES);
      return bytes;
    },
    cpuWrites(value: number, offset: number, sizeBytes: number, site = WRITE): void {
      events.context.site = site;
      const phys = BUFFER + offset as PhysAddr;
      checker!.memory.written([{ phys, sizeBytes }]);
      memory.fill(phys, sizeBytes, value);
      events.context.site = LOSS;
    },
    forCpu: (offset = 0, sizeBytes = SIZE_BYTES) =>
      dma.dmaSyncSingleForCpu(dev, address(offset), sizeBytes, dir),
    forDevice: (offset = 0, sizeBytes = SIZE_BYTES) =>
      dma.dmaSyncSingleForDevice(dev, address(offset), sizeBytes, dir),
    end: (unmapAttrs = attrs) => bench.unmap(mapped, SIZE_BYTES, dir, unmapAttrs),
    found: () =>
      bench.reports().map((report) => [report.class, report.first_site, report.second_site]),
  };
}

const LOST = [["bounced_write_lost", WRITE, LOSS]];

Deno.test("a lost write is told with where it went, who copied over it, and what to do (dma.md 6.3)", () => {
  const texts = ([DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const).map((dir) => {
    const bench = bufferBench(FORCED, dir);
    bench.forCpu();
    bench.cpuWrites(0xaa, 16, 4);
    bench.end();
    return bench.reports()[0]!.text;
  });
  const lost = (dir: string) =>
    "CPU write of 4 bytes at 0x10_0210 to the mapping of 256 bytes at 0x7c00_0000 (physical " +
    `0x10_0200, ${dir}, dma_map_phys()) of device "dev" is lost: dma_unmap_phys() copies the ` +
    "bounce buffer over it, and no sync ";
  assertEquals(texts, [
    `${lost("from_device")}of a from_device mapping copies it there; map it bidirectional, and ` +
    "call dma_sync_*_for_device() after the write",
    `${lost("bidirectional")}has copied it there; call dma_sync_*_for_device() after the write`,
  ]);
});

const STALE = ["stale_bounce_read" as const, WRITE, LOSS];

for (const [mode, options] of Object.entries({ forced: FORCED, untrusted: UNTRUSTED })) {
  Deno.test(`a CPU's read is reported if, and only if, it gets what a device has replaced: ${mode} (dma.md 6.3)`, () => {
    const bufferOf = (dir: Direction, attrs = 0) => {
      const bench = bufferBench(options, dir, attrs);
      const { checker, events } = bench.machine;
      const pieceOf = (
        offset: number,
        sizeBytes: number,
      ) => [{ phys: BUFFER + offset as PhysAddr, sizeBytes }];
      return {
        ...bench,
        deviceWrites(value: number, offset: number, sizeBytes: number): void {
          events.context.site = WRITE;
          const bytes = new Uint8Array(sizeBytes).fill(value);
          bench.machine.bus.write(bench.dev, bench.mapped + offset, bytes, 0, sizeBytes);
          events.context.site = LOSS;
        },
        cpuReads: (offset = 0, sizeBytes = SIZE_BYTES) =>
          checker!.memory.read(pieceOf(offset, sizeBytes)),
      };
    };
    for (const dir of [DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const) {
      const unsynced = bufferOf(dir);
      unsynced.cpuReads();
      unsynced.deviceWrites(0x99, 16, 4);
      unsynced.cpuReads(0, 16);
      unsynced.cpuReads(20, 8);
      assertEquals(unsynced.found(), [], "bytes beside it");
      unsynced.cpuReads(19, 1);
      assertEquals(unsynced.found(), [STALE]);
      unsynced.cpuReads(19, 1);
      assertEquals(unsynced.found(), [], "once");
      unsynced.cpuReads();
      assertEquals(unsynced.found(), [STALE], "the other bytes");
      unsynced.end();
      assertEquals([unsynced.found(), unsynced.content()[19]], [[], 0x99]);

      const synced = bufferOf(dir);
      synced.deviceWrites(0x99, 16, 4);
      synced.forCpu(16, 2);
      synced.cpuReads(16, 2);
      assertEquals(synced.found(), [], "the synced part");
      synced.cpuReads(18, 2);
      assertEquals(synced.found(), [STALE], "the part that is not synced");

      // What the CPU wrote later is not old, and neither are equal bytes.
      const written = bufferOf(dir);
      written.deviceWrites(0x99, 16, 4);
      written.forCpu();
      written.cpuWrites(0xaa, 16, 4);
      written.cpuReads();
      written.deviceWrites(0xaa, 16, 4);
      written.cpuReads();
      assertEquals(written.found(), []);

      const unmapped = bufferOf(dir);
      unmapped.deviceWrites(0x99, 16, 4);
      unmapped.end();
      unmapped.cpuReads();
      assertEquals(unmapped.found(), []);
    }
    const skipped = bufferOf(DMA_FROM_DEVICE, SKIP);
    skipped.deviceWrites(0x99, 16, 4);
    skipped.cpuReads();
    assertEquals(skipped.found(), [STALE]);
  });

  Deno.test(`a CPU's write that the unmap or a sync for the CPU overwrites is reported, and is gone: ${mode} (dma.md 6.3)`, () => {
    for (const dir of [DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const) {
      const unmapped = bufferBench(options, dir);
      unmapped.forCpu();
      unmapped.cpuWrites(0xaa, 16, 4);
      unmapped.end();
      assertEquals([unmapped.found(), unmapped.content()[16]], [LOST, 0]);

      const synced = bufferBench(options, dir);
      synced.forCpu();
      synced.cpuWrites(0xaa, 0, SIZE_BYTES);
      synced.forCpu(0, 16);
      assertEquals([synced.found(), [...synced.content()].indexOf(0xaa)], [LOST, 16]);
      synced.end();
      assertEquals([synced.found(), synced.content()[16]], [LOST, 0]);
    }
    const handedBack = bufferBench(options, DMA_FROM_DEVICE);
    handedBack.forCpu();
    handedBack.cpuWrites(0xaa, 16, 4);
    handedBack.forDevice();
    handedBack.write(handedBack.mapped + 17, 1);
    handedBack.forCpu();
    assertEquals([handedBack.found(), handedBack.content()[16]], [LOST, 0]);
    // A lost write is reported only once.
    handedBack.end();
    assertEquals(handedBack.found(), []);
  });

  Deno.test(`nothing is reported where no write is lost: ${mode}`, () => {
    const cases: Record<string, () => ReturnType<typeof bufferBench>> = {
      "the CPU wrote nothing": () => {
        const bench = bufferBench(options, DMA_FROM_DEVICE);
        bench.forCpu();
        bench.write(bench.mapped, 8);
        bench.forCpu();
        bench.end();
        return bench;
      },
      "a sync for the device copied it in": () => {
        const bench = bufferBench(options, DMA_BIDIRECTIONAL);
        bench.forCpu();
        bench.cpuWrites(0xaa, 16, 4);
        bench.forDevice();
        bench.forCpu();
        bench.end();
        assertEquals(bench.content()[16], 0xaa);
        return bench;
      },
      "the device only reads": () => {
        const bench = bufferBench(options, DMA_TO_DEVICE);
        bench.forCpu();
        bench.cpuWrites(0xaa, 16, 4);
        bench.forCpu();
        bench.end();
        assertEquals(bench.content()[16], 0xaa);
        return bench;
      },
      "the unmap skips the sync": () => {
        const bench = bufferBench(options, DMA_FROM_DEVICE, SKIP);
        bench.forCpu();
        bench.cpuWrites(0xaa, 16, 4);
        bench.end(SKIP);
        assertEquals(bench.content()[16], 0xaa);
        return bench;
      },
      "another part is synced": () => {
        const bench = bufferBench(options, DMA_BIDIRECTIONAL);
        bench.forCpu();
        bench.cpuWrites(0xaa, 16, 4);
        bench.forCpu(0, 16);
        bench.forCpu(20, 64);
        bench.forDevice(16, 4);
        bench.end();
        assertEquals(bench.content()[16], 0xaa);
        return bench;
      },
      "another mapping has its row in the table": () => {
        const bench = bufferBench(options, DMA_FROM_DEVICE, SKIP);
        bench.forCpu();
        bench.cpuWrites(0xaa, 16, 4);
        bench.end(SKIP);
        bench.unmap(bench.map(BUFFER, SIZE_BYTES, DMA_FROM_DEVICE), SIZE_BYTES, DMA_FROM_DEVICE);
        assertEquals(bench.content()[16], 0xaa);
        return bench;
      },
    };
    for (const [name, run] of Object.entries(cases)) {
      assertEquals([name, run().found()], [name, []]);
    }
  });

  Deno.test(`an entry of a list is looked at as any mapping: ${mode}`, () => {
    const bench = checkerBench(options);
    const { dev, machine: { checker, dma, events } } = bench;
    const list = new Scatterlist([
      { phys: at(0x20_0200), sizeBytes: 0x100 },
      { phys: at(0x30_0200), sizeBytes: 0x100 },
    ]);
    dma.dmaMapSg(dev, list, DMA_FROM_DEVICE);
    dma.dmaSyncSgForCpu(dev, list, DMA_FROM_DEVICE);
    events.context.site = WRITE;
    // The last 16 bytes of the first entry, and the 16 bytes of memory after the entry.
    checker!.memory.written([{ phys: at(0x20_02f0), sizeBytes: 32 }]);
    events.context.site = LOSS;
    dma.dmaUnmapSg(dev, list, DMA_FROM_DEVICE);
    const reports = bench.reports();
    assertEquals(
      reports.map((
        { class: name, first_site, second_site, text },
      ) => [name, first_site, second_site, text.slice(0, 35)]),
      [[...LOST[0]!, "CPU write of 16 bytes at 0x20_02f0 "]],
    );
  });
}

Deno.test("where memory is not bounced, a write in the CPU's turn is kept", () => {
  for (const options of [{}, { iommu: { mode: "off" } }] as const) {
    for (const dir of [DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const) {
      const bench = bufferBench(options, dir);
      bench.forCpu();
      bench.cpuWrites(0xaa, 16, 4);
      bench.end();
      assertEquals([bench.found(), bench.content()[16]], [[], 0xaa]);
    }
  }
});

Deno.test("of random syncs and writes, what is reported are the bytes that vanish", () => {
  const random = new Random(46);
  let lostBytes = 0;
  for (let round = 0; round < 60; round++) {
    const dir = random.pick([DMA_FROM_DEVICE, DMA_BIDIRECTIONAL] as const);
    const attrs = random.pick([0, SKIP]);
    const bench = bufferBench(random.pick([FORCED, UNTRUSTED, FILLED_BY_SYNCS]), dir, attrs);
    const copy = (act: () => void): void => {
      const before = bench.content();
      act();
      const after = bench.content();
      const vanished = before.filter((byte, index) => byte !== after[index]).length;
      const reported = bench.reports().map(({ class: name, text }) =>
        name === "bounced_write_lost" ? Number(/write of (\d+)/.exec(text)![1]) : 0
      );
      assertEquals([round, reported.reduce((sum, bytes) => sum + bytes, 0)], [round, vanished]);
      lostBytes += vanished;
    };
    // Without attributes the mapping is device-owned at the start, so the test hands it to the CPU
    // first.
    if (attrs === 0) bench.forCpu();
    // Each write has a different value, and memory begins as zeros.
    for (let value = 1; value <= 80; value++) {
      const offset = random.below(SIZE_BYTES);
      const sizeBytes = 1 + random.below(SIZE_BYTES - offset);
      const kind = random.below(4);
      if (kind === 0) copy(() => bench.forCpu(offset, sizeBytes));
      // A sync of the whole buffer would make the buffer device-owned from then on, so only parts
      // are synced.
      else if (kind === 1 && sizeBytes < SIZE_BYTES) copy(() => bench.forDevice(offset, sizeBytes));
      else bench.cpuWrites(value, offset, sizeBytes, random.below(5));
    }
    copy(() => bench.end());
  }
  assert(lostBytes > 10_000, `${lostBytes} bytes were lost`);
});
