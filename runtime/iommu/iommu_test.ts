import type { IommuConfig, IommuMode } from "../machine_config.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { AddressLimitError, DMA_MAPPING_ERROR, type DmaAddr, hexAddress } from "../address.ts";
import type { IommuModel } from "./iommu_models.ts";
import { DmaDevice } from "../dma/device/device.ts";
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../dma/attributes.ts";
import { at, type TestBench, testBench } from "../dma/testing.ts";

const PHYS = at(0x1234_5000);

function map(bench: TestBench, phys = PHYS, sizeBytes = 4096) {
  return bench.machine.dma.dmaMapPhys(bench.dev, phys, sizeBytes, DMA_BIDIRECTIONAL);
}

function unmap(bench: TestBench, dma: ReturnType<typeof map>, sizeBytes = 4096) {
  bench.machine.dma.dmaUnmapPhys(bench.dev, dma, sizeBytes, DMA_BIDIRECTIONAL);
}

Deno.test("an untrusted device is translated and strict in any mode but off (dma.md ch. 1 assertion 6)", () => {
  const seen = (mode: "off" | "passthrough" | "strict" | "lazy", untrusted: boolean) => {
    const { dev } = testBench({ iommu: { mode }, device: { untrusted } });
    return dev.domain === null ? "direct" : dev.domain.lazy ? "lazy" : "strict";
  };
  assertEquals(seen("passthrough", true), "strict");
  assertEquals(seen("passthrough", false), "direct");
  assertEquals(seen("lazy", true), "strict");
  assertEquals(seen("lazy", false), "lazy");
  assertEquals(seen("strict", false), "strict");
  assertEquals(seen("off", true), "direct");
});

Deno.test("an IOMMU that caches absent entries refuses lazy, VT-d and AMD alike (dma.md ch. 1, assertion 7)", () => {
  const seen = (model: IommuModel, cachingMode: boolean, mode: IommuMode = "lazy") => {
    const { dev } = testBench({ iommu: { mode, model, cachingMode } });
    return dev.domain === null ? "identity" : dev.domain.lazy ? "lazy" : "strict";
  };
  assertEquals([seen("vtd", true), seen("vtd", false)], ["strict", "lazy"]);
  assertEquals([seen("amd", true), seen("amd", false)], ["strict", "lazy"]);
  assertEquals([seen("smmu", true), seen("smmu", false)], ["lazy", "lazy"]);
  assertEquals(seen("vtd", true, "passthrough"), "identity");
});

Deno.test("addresses below 4 GiB come first unless force-DAC is on (dma.md ch. 4 assertion 4)", () => {
  assertEquals(map(testBench()), 0xffff_f000);
  const forced = testBench({ iommu: { forcedac: true } });
  assertEquals(map(forced), 0xffff_ffff_f000);
  assertEquals(map(forced), 0xffff_ffff_e000);
});

Deno.test("the aperture ends where the IOMMU's width does (dma.md ch. 4, assertion 9)", () => {
  const first = (addressBits: number, forcedac: boolean) => {
    const bench = testBench({ iommu: { addressBits, forcedac } });
    return [map(bench), bench.fields("iova.alloc")[0]!.limit];
  };
  assertEquals(first(39, true), [0x7f_ffff_f000, 0x7f_ffff_ffff]);
  assertEquals(first(48, true), [0xffff_ffff_f000, 0xffff_ffff_ffff]);
  for (const bits of [39, 48, 57]) assertEquals(first(bits, false), [0xffff_f000, 0xffff_ffff]);
});

Deno.test("a space of 57 or 64 bits is allocated from its very end (dma.md ch. 4, assertion 9)", () => {
  const seen = (iommu: Partial<IommuConfig>, maskBits = 64) => {
    const bench = testBench({ iommu: { forcedac: true, ...iommu }, device: { maskBits } });
    const dma = map(bench);
    const { dev, machine } = bench;
    assertEquals(machine.bus.read(dev, dma, new Uint8Array(8), 0, 8), true);
    return [dma, bench.fields("iova.alloc")[0]!.limit].map(hexAddress)
      .concat(dev.domain!.table.path(dma).map(({ index }) => `${index}`).join(" "));
  };
  assertEquals(seen({ addressBits: 57 }), [
    "0x1ff_ffff_ffff_f000",
    "0x1ff_ffff_ffff_ffff",
    "511 511 511 511 511",
  ]);
  assertEquals(seen({ model: "amd", addressBits: 64 }), [
    "0xffff_ffff_ffff_f000",
    "0xffff_ffff_ffff_ffff",
    "127 511 511 511 511 511",
  ]);
  assertEquals(seen({ addressBits: 57 }, 49), [
    "0x1_ffff_ffff_f000",
    "0x1_ffff_ffff_ffff",
    "1 511 511 511 511",
  ]);
});

Deno.test("a device with a mask between 53 and 64 bits is given what its mask reaches (dma.md 4.2)", () => {
  const bench = testBench({
    iommu: { model: "amd", addressBits: 64, forcedac: true },
    device: { maskBits: 56 },
  });
  assertEquals(hexAddress(map(bench)), "0xff_ffff_ffff_f000");
});

Deno.test("beyond the last 256 TiB of a wide space is a limit of the simulator", () => {
  const { dev } = testBench({ iommu: { addressBits: 57, forcedac: true } });
  assertEquals(hexAddress(dev.domain!.allocIova(dev, 2 ** 47, false)), "0x1ff_8000_0000_0000");
  assertEquals(hexAddress(dev.domain!.allocIova(dev, 2 ** 47, false)), "0x1ff_0000_0000_0000");
  assertThrows(
    () => dev.domain!.allocIova(dev, 4096, false),
    AddressLimitError,
    "the last 256 TiB",
  );
});

Deno.test("a mask that ends at 4 GiB prefers nothing: it has no other addresses (dma.md 4.2)", () => {
  for (const [maskBits, left] of [[31, false], [32, false], [33, true]] as const) {
    const bench = testBench({ device: { maskBits } });
    assertEquals(map(bench, at(0x1000), 2 ** 34), -1, `${maskBits} bits`);
    assertEquals([bench.dev.prefer32Bit, bench.machine.warnings.total], [!left, left ? 1 : 0]);
  }
});

Deno.test("the last granule below a mask's end is allocated, and none beyond it (dma.md 4.2)", () => {
  for (const maskBits of [31, 32, 33, 40]) {
    const bench = testBench({ device: { maskBits, prefer32Bit: false } });
    assertEquals(map(bench), 2 ** maskBits - 4096, `${maskBits} bits`);
    const [alloc] = bench.fields("iova.alloc");
    assertEquals([alloc!.start, alloc!.limit], [2 ** maskBits - 4096, 2 ** maskBits - 1]);
  }
  // The first search ends at 4 GiB, so the last granule below it is allocated first.
  const wide = testBench({ device: { maskBits: 33 } });
  assertEquals(map(wide), 2 ** 32 - 4096);
});

Deno.test("an allocation tells whether caches keep its size, a failed one where it was looked for (dma.md 4.3, 4.4)", () => {
  const bench = testBench({ device: { maskBits: 32 } });
  const cacheable = (granules: number) => {
    map(bench, at(0x1000), granules * 4096);
    return bench.seen.findLast(({ name }) => name === "iova.alloc")!.why!.inputs["cacheable"];
  };
  assertEquals([cacheable(1), cacheable(32), cacheable(33)], [true, true, false]);
  assertEquals(map(bench, at(0x1000), 2 ** 33), -1);
  const failed = bench.fields("iova.alloc_failed").map((event) => [event.size_bytes, event.limit]);
  assertEquals(failed, [[2 ** 33, 0xffff_ffff]]);
});

Deno.test("the preference for 32 bits goes off for good at the first failure (dma.md 4.2)", () => {
  const bench = testBench();
  const big = 2 ** 31;
  assertEquals(map(bench, at(0x8000_0000), big), 0x8000_0000);
  assertEquals(map(bench, at(0x8000_0000), big), 2 ** 48 - big);
  assertEquals(bench.dev.prefer32Bit, false);
  assertEquals(bench.machine.warnings.total, 1);
  assertEquals(map(bench), 2 ** 48 - big - 4096);
});

Deno.test("strict mode gives the same address again, lazy mode another one (dma.md ch. 5 assertion 6)", () => {
  const strict = testBench();
  const first = map(strict);
  unmap(strict, first);
  assertEquals(map(strict), first);

  const lazy = testBench({ iommu: { mode: "lazy" } });
  const before = map(lazy);
  unmap(lazy, before);
  assertEquals(map(lazy), before - 4096);
});

Deno.test("the 256th unmap in lazy mode flushes everything and frees 255 (dma.md ch. 5 assertion 5)", () => {
  const bench = testBench({ iommu: { mode: "lazy" } });
  const all = Array.from({ length: 256 }, () => map(bench));
  for (const dma of all.slice(0, 255)) unmap(bench, dma);
  assertEquals(bench.names("iotlb.sync"), []);
  assertEquals(bench.machine.iommu.pendingFlushes, 255);
  bench.forget();
  unmap(bench, all[255]!);
  assertEquals(bench.fields("iotlb.sync").map(({ kind }) => kind), ["all"]);
  assertEquals(bench.fields("flush_queue.flush"), [{ entries: 255, reason: "full" }]);
  assertEquals(bench.fields("iova.free").filter(({ to }) => to === "rcache").length, 254);
  assertEquals(bench.fields("iova.free").filter(({ to }) => to === "depot").length, 1);
  assertEquals(bench.machine.iommu.pendingFlushes, 1);
  const { flushQueue } = bench.dev.domain!;
  assertEquals([flushQueue!.started, flushQueue!.finished], [1, 1]);
  // Bring-up ends with `drainFlushQueues()`, after which no timer of a flush or a depot is pending.
  assertEquals(bench.machine.clock.pendingTimers, 2);
  bench.machine.iommu.drainFlushQueues();
  assertEquals([bench.machine.iommu.pendingFlushes, bench.machine.clock.pendingTimers], [0, 0]);
});

Deno.test("the flush timer runs 10 ms from the first parked range and empties all CPUs' rings (dma.md 5.3)", () => {
  const bench = testBench({ iommu: { mode: "lazy" }, machine: { cpus: 2 } });
  const [one, two] = [map(bench), map(bench)];
  unmap(bench, one);
  bench.machine.advance(4_000_000);
  bench.machine.cpu = 1;
  unmap(bench, two);
  bench.machine.advance(5_999_999);
  assertEquals(bench.machine.iommu.pendingFlushes, 2);
  bench.machine.advance(1);
  assertEquals(bench.machine.iommu.pendingFlushes, 0);
  assertEquals(bench.fields("flush_queue.flush"), [{ entries: 2, reason: "timer" }]);
  assertEquals(bench.machine.clock.pendingTimers, 0);
});

Deno.test("caching mode flushes after each map too, before the mapping is made visible (dma.md 5.2)", () => {
  const bench = testBench({ iommu: { cachingMode: true } });
  map(bench);
  assertEquals(bench.names("iova.alloc", "iommu.map", "iotlb.sync", "iommu.sync_map"), [
    "iova.alloc",
    "iommu.map",
    "iotlb.sync",
    "iommu.sync_map",
  ]);
  assertEquals(bench.fields("iotlb.sync").map(({ kind }) => kind), ["map"]);
});

Deno.test("a device's access is a walk first, then a hit", () => {
  const bench = testBench();
  const { machine, dev } = bench;
  const dma = map(bench);
  assertEquals(machine.iommu.translate(dev, dma + 5, "read"), PHYS + 5);
  assertEquals(machine.iommu.translate(dev, dma + 9, "write"), PHYS + 9);
  assertEquals(bench.fields("iommu.translate"), [
    { dma: dma + 5, phys: PHYS + 5, access: "read", hit: "walk" },
    { dma: dma + 9, phys: PHYS + 9, access: "write", hit: "iotlb" },
  ] as never);
});

Deno.test("an access after the unmap faults, in lazy mode where none has cached the address (dma.md 5.3)", () => {
  const bench = testBench();
  const { machine, dev } = bench;
  const dma = map(bench);
  machine.iommu.translate(dev, dma, "read");
  unmap(bench, dma);
  assertEquals(machine.iommu.translate(dev, dma, "read"), -1);
  assertEquals(bench.fields("iommu.fault"), [{ dma, access: "read", reason: "not_present" }]);
  assertEquals(machine.iommu.faults.map(({ device, reason }) => [device, reason]), [
    ["dev", "not_present"],
  ]);
  const lazy = testBench({ iommu: { mode: "lazy" } });
  const uncached = map(lazy);
  unmap(lazy, uncached);
  assertEquals(lazy.machine.iommu.translate(lazy.dev, uncached, "read"), -1);
});

Deno.test("a mapping's direction is the right the device has", () => {
  const { machine, dev, fields } = testBench();
  const readOnly = machine.dma.dmaMapPhys(dev, PHYS, 4096, DMA_TO_DEVICE);
  const writeOnly = machine.dma.dmaMapPhys(dev, PHYS, 4096, DMA_FROM_DEVICE);
  assertEquals(machine.iommu.translate(dev, readOnly, "write"), -1);
  assertEquals(machine.iommu.translate(dev, writeOnly, "read"), -1);
  assertEquals(machine.iommu.translate(dev, readOnly, "read"), PHYS);
  assertEquals(fields("iommu.fault").map(({ reason }) => reason), ["not_writable", "not_readable"]);
});

Deno.test("addresses beyond the table's width and in the interrupt window fault as such", () => {
  const { machine, dev, fields } = testBench();
  const reason = (dma: number) => {
    assertEquals(machine.iommu.translate(dev, dma, "write"), -1);
    return fields("iommu.fault").at(-1)!.reason;
  };
  assertEquals([2 ** 48, 0xfee0_0000, 0xfeef_ffff].map(reason), [
    "address_width",
    "reserved",
    "reserved",
  ]);
  const inside = [0, 2 ** 48 - 1, 0xfedf_ffff, 0xfef0_0000];
  assertEquals(inside.map(reason), Array(4).fill("not_present"));
  const direct = testBench({ iommu: { mode: "off" } });
  assertEquals(direct.machine.iommu.translate(direct.dev, 0, "read"), 0);
  // Tables that extend the top bit cover both ends of the 64-bit space.
  for (const [addressBits, lowest] of [[48, 0xffff_8000], [57, 0xff00_0000]] as const) {
    const { dev, machine } = testBench({ iommu: { model: "vtd_first_stage", addressBits } });
    const reasons = [lowest - 1, lowest].map((high) => machine.iommu.tooWide(dev, high));
    assertEquals(reasons, ["address_width", "not_present"], `${addressBits} bits`);
  }
});

Deno.test("in caching mode the IOTLB caches a not-present entry until it is invalidated", () => {
  const bench = testBench({ iommu: { cachingMode: true } });
  const { machine, dev } = bench;
  assertEquals(machine.iommu.translate(dev, 0xffff_f000, "read"), -1);
  const { table } = dev.domain!;
  table.map(0xffff_f000, PHYS, 4096, 3);
  assertEquals(machine.iommu.translate(dev, 0xffff_f000, "read"), -1);
  dev.domain!.syncMap(0xffff_f000, 4096);
  assertEquals(machine.iommu.translate(dev, 0xffff_f000, "read"), PHYS);
});

Deno.test("a query of a device's page table is no event and leaves the IOTLB alone; another device has its own", () => {
  const bench = testBench();
  const dma = map(bench);
  bench.forget();
  assertEquals(bench.machine.iommu.lookup(bench.dev, dma + 7), PHYS + 7);
  assertEquals(bench.machine.iommu.lookup(bench.dev, 0x1000), -1);
  const other = new DmaDevice("other");
  bench.machine.iommu.attach(other);
  assertEquals(bench.machine.iommu.lookup(other, dma), -1);
  assertEquals(bench.seen, []);
  assertEquals(bench.machine.iommu.iotlb.used, 0);
});

Deno.test("an unmap leaves other entries, and above an SMMU's number of pages takes all of the domain (dma.md 5.2)", () => {
  for (const [model, flushAllAbovePages] of [["vtd", 0], ["smmu", 0], ["smmu", 3]] as const) {
    const bench = testBench({ iommu: { model, flushAllAbovePages } });
    const kept = map(bench);
    const large = map(bench, PHYS, 4 * 4096);
    bench.machine.iommu.translate(bench.dev, kept, "read");
    unmap(bench, large, 4 * 4096);
    bench.forget();
    bench.machine.iommu.translate(bench.dev, kept, "read");
    const [hit] = bench.fields("iommu.translate").map(({ hit }) => hit);
    assertEquals(hit, flushAllAbovePages === 0 ? "iotlb" : "walk");
  }
});

Deno.test("the gap before an inbound window takes the window's first page, behind the window none (dma.md 4.6)", () => {
  const window = (dma: number) => ({ cpuPhys: at(0), dma: dma as DmaAddr, sizeBytes: 0x3000 });
  const bench = testBench({
    device: { ranges: [window(0x10_0000), window(0x20_0000), window(0x20_3000)] },
  });
  const got = Array.from({ length: 7 }, () => map(bench));
  assertEquals(got.map((dma) => dma as number), [
    ...[0x20_5000, 0x20_4000, 0x20_3000, 0x20_2000, 0x20_1000],
    ...[0x10_2000, 0x10_1000],
  ]);
  assertEquals(map(bench), DMA_MAPPING_ERROR);
});

Deno.test("a device below no host bridge is allocated no address of any bridge's window (dma.md 4.6)", () => {
  const window = { name: "w", basePhys: at(0xffff_0000), sizeBytes: 0x1_0000, hostBridge: "h" };
  assertEquals(map(testBench({ machine: { windows: [window] } })), 0xfffe_f000);
});

Deno.test("a machine that comes up owes no flush and has no timer", () => {
  const bench = testBench({ iommu: { mode: "lazy" } });
  unmap(bench, map(bench));
  bench.machine.markReady();
  assertEquals(bench.machine.iommu.pendingFlushes, 0);
  assertEquals(bench.machine.clock.pendingTimers, 0);
  unmap(bench, map(bench));
  bench.machine.advance(10_000_000);
  assertEquals(bench.machine.iommu.pendingFlushes, 0);
});

Deno.test("4 KiB mappings cost less than 64 bytes each, page tables included", () => {
  const bench = testBench({ machine: { checker: "off" } });
  const count = 50_000;
  for (let index = 0; index < count; index++) {
    bench.machine.dma.dmaMapPhys(bench.dev, at(0x1000_0000 + 8192 * (index % 999)), 4096, 1);
    bench.forget();
  }
  const { table, iova } = bench.dev.domain!;
  assert((table.hostBytes + iova.ranges.hostBytes) / count < 64);
  assertEquals(bench.machine.iommu.liveMappings, count);
});
