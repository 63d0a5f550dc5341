import { swiotlbConfig } from "../machine_config.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type DmaAddr, GIB, KIB, MIB, PAGE_SIZE_BYTES as PAGE, type PhysAddr } from "../address.ts";
import { DMA_FROM_DEVICE } from "../dma/attributes.ts";
import { peerMemo } from "../dma/paths/scatterlist_peer.ts";
import { at, type TestBench, testBench, type TestBenchOptions } from "../dma/testing.ts";
import { ERRNO, KernelError } from "../errno.ts";
import { ArmedInjection, INJECTION, type InjectionPointName } from "../injection.ts";
import type { PeerMapType } from "../vocabulary/shared_words.ts";
import {
  type HmmDmaMap,
  hmmDmaMapAlloc,
  hmmDmaMapFree,
  hmmDmaMapPfn,
  hmmDmaUnmapPfn,
} from "./hmm_dma_map.ts";
import { flagWords, HMM_PFN } from "./hmm_pfn_list.ts";

const RAM = 0x10_0000;
const PEER = 0xf000_0000;
const { DMA_MAPPED, VALID, WRITE } = HMM_PFN;

interface Rig extends TestBench {
  readonly map: HmmDmaMap;
  /** Puts a page into an entry, as a range fault would. */
  page(index: number, phys?: number): void;
  mapPfn(index: number): DmaAddr;
  unmapPfn(index: number): boolean;
  flags(index: number): readonly string[];
  free(): void;
}

function allocated(
  options: TestBenchOptions,
  pages: number,
  entrySizeBytes: number = PAGE,
): Rig {
  const bench = testBench(options);
  const { dev, machine } = bench;
  const map = hmmDmaMapAlloc(machine, dev, pages, entrySizeBytes);
  if (typeof map === "number") throw new Error(`no map: ${map}`);
  return {
    ...bench,
    map,
    page: (index, phys = RAM + index * 3 * PAGE) =>
      map.pfns.replace(index, VALID + WRITE, 0, phys / PAGE),
    mapPfn: (index) => hmmDmaMapPfn(machine, dev, map, index, peerMemo(machine)),
    unmapPfn: (index) => hmmDmaUnmapPfn(machine, dev, map, index),
    flags: (index) => flagWords(map.pfns.flags(index)),
    free: () => hmmDmaMapFree(machine, dev, map),
  };
}

const STRICT: TestBenchOptions = {};
const DIRECT: TestBenchOptions = { iommu: { mode: "off" } };

/** A map of 16 pages, and peer memory of one kind at physical addresses from `PEER` on. */
function withPeer(kind: PeerMapType, mode: "strict" | "off" = "strict"): Rig {
  const rig = allocated({
    iommu: { mode },
    machine: {
      ramSizeBytes: 2 * GIB,
      windows: [{ name: "peer", basePhys: at(PEER), sizeBytes: MIB }],
    },
  }, 16);
  rig.machine.peers = {
    unmappedEnd: () => -1,
    isPeerMemory: (phys) => phys >= PEER,
    providerAt: (phys) => phys >= PEER ? "peer" : null,
    mapType: () => kind,
    busAddress: (phys) => phys + 2 ** 40 as DmaAddr,
    resolveBusAddress: () => -1,
    passesRoot: () => true,
  };
  return rig;
}

function failing<T>({ machine }: Rig, point: InjectionPointName, act: () => T): T {
  const fault = new ArmedInjection(INJECTION[point], 1, 1);
  machine.armInjection(fault);
  const result = act();
  machine.disarmFault(fault);
  return result;
}

Deno.test("behind an IOMMU: one word a page, no list of addresses, one range of 2 MiB (hmm-rdma-vfio.md 1.2, assertion 1)", () => {
  const { fields, map } = allocated(STRICT, 512);
  assertEquals([map.mode, map.pfns.sizeBytes, map.dmaList], ["iova", 4096, null]);
  assertEquals(fields("call.dma_iova_try_alloc"), [{ dev: "dev", phys: 0, size: 2 * MIB }]);
  assertEquals(map.state.addr % (2 * MIB), 0);
  assertEquals(map.state.sizeBytes, 2 * MIB);
});

Deno.test("an entry is linked and synced once, and found again for nothing (hmm-rdma-vfio.md 1.3, assertion 2)", () => {
  const rig = allocated(STRICT, 512);
  rig.page(5);
  rig.forget();
  assertEquals(rig.mapPfn(5), rig.map.state.addr + 0x5000);
  assertEquals(rig.seen.at(-1)!.why?.rule, "hmm-rdma-vfio.1.3.7");
  const [link] = rig.fields("call.dma_iova_link");
  const asked = link as Readonly<Record<string, unknown>>;
  assertEquals([asked.phys, asked.offset, asked.size], [RAM + 15 * PAGE, 0x5000, 0x1000]);
  assertEquals([asked.dir, asked.attrs], ["bidirectional", ["require_coherent"]]);
  assertEquals(rig.fields("call.dma_iova_sync"), [{ dev: "dev", offset: 0x5000, size: 0x1000 }]);

  rig.forget();
  assertEquals(rig.mapPfn(5), rig.map.state.addr + 0x5000);
  assertEquals(rig.names(), ["call.hmm_dma_map_pfn", "ret.hmm_dma_map_pfn"]);
  assertEquals(rig.seen[1]!.why?.rule, "hmm-rdma-vfio.1.3.1");
});

Deno.test("direct and coherent: mapped again each time, never unmapped (hmm-rdma-vfio.md 1.3, assertion 3)", () => {
  const rig = allocated(DIRECT, 8);
  assertEquals([rig.map.mode, rig.map.memoryBytes], ["stateless", 64]);
  rig.page(2);
  assertEquals([rig.mapPfn(2), rig.mapPfn(2)], [RAM + 6 * PAGE, RAM + 6 * PAGE]);
  assertEquals(rig.names("call.dma_map_phys").length, 2);
  assert(rig.unmapPfn(2));
  assertEquals(rig.flags(2), ["valid", "write"]);
  assertEquals(rig.names("call.dma_unmap_phys"), []);
});

Deno.test("a device that has bounced gets no map (hmm-rdma-vfio.md 1.2, assertion 4)", () => {
  const bench = testBench({
    iommu: { mode: "off" },
    machine: { ramSizeBytes: 8 * GIB },
    device: { maskBits: 32 },
  });
  const { dev, machine } = bench;
  machine.dma.dmaMapPhys(dev, at(0x1_4000_0000), PAGE, DMA_FROM_DEVICE);
  dev.maskBits = 64;
  bench.forget();
  assertEquals(hmmDmaMapAlloc(machine, dev, 8, PAGE), -ERRNO.EOPNOTSUPP);
  assertEquals(bench.names("mem.alloc", "call.dma_iova_try_alloc"), []);
});

Deno.test("non-coherent devices and those that do not reach all memory get no map (hmm-rdma-vfio.md 1.2)", () => {
  for (const device of [{ coherent: false }, { maskBits: 31 }]) {
    for (const mode of ["off", "strict"] as const) {
      const { dev, machine } = testBench({ iommu: { mode }, device });
      assertEquals(hmmDmaMapAlloc(machine, dev, 8, PAGE), -ERRNO.EOPNOTSUPP);
    }
  }
});

Deno.test("hmm_dma_map_alloc() and its free are calls of their device; without one alloc follows a null pointer (hmm-rdma-vfio.md 1.2)", () => {
  const rig = allocated(STRICT, 8);
  rig.free();
  const calls = () =>
    rig.seen.filter(({ name }) => name.startsWith("call.hmm_dma_map_"))
      .map(({ device, fields, name }) => [name, device, Reflect.get(fields, "dev")]);
  assertEquals(calls(), [
    ["call.hmm_dma_map_alloc", "dev", "dev"],
    ["call.hmm_dma_map_free", "dev", "dev"],
  ]);
  rig.forget();
  const error = assertThrows(() => hmmDmaMapAlloc(rig.machine, null, 8, PAGE), KernelError);
  assertEquals([error.errno, error.message], [
    "EFAULT",
    "The kernel follows a null pointer in hmm_dma_map_alloc(): the device that does DMA: EFAULT",
  ]);
  assertEquals(calls(), [["call.hmm_dma_map_alloc", null, null]]);
});

Deno.test("a failing sync unlinks what was linked, and the next map tries again (hmm-rdma-vfio.md 1.3, assertion 5)", () => {
  const rig = allocated(STRICT, 8);
  rig.page(3);
  assertEquals(failing(rig, "dma_iova_sync", () => rig.mapPfn(3)), -1);
  const unlinks = rig.fields("call.dma_iova_unlink") as Readonly<Record<string, unknown>>[];
  assertEquals(unlinks.map(({ offset, size }) => [offset, size]), [[0x3000, 0x1000]]);
  assertEquals(rig.flags(3), ["valid", "write"]);
  rig.forget();
  assertEquals(rig.mapPfn(3), rig.map.state.addr + 0x3000);
  assertEquals(rig.names("call.dma_iova_link").length, 1);
});

Deno.test("a failing link leaves the entry as it was (hmm-rdma-vfio.md 1.3)", () => {
  const rig = allocated(STRICT, 8);
  rig.page(3);
  assertEquals(failing(rig, "dma_iova_link", () => rig.mapPfn(3)), -1);
  assertEquals(rig.names("call.dma_iova_unlink", "call.dma_iova_sync"), []);
  assertEquals(rig.flags(3), ["valid", "write"]);
});

Deno.test("what was never mapped is not unmapped (hmm-rdma-vfio.md 1.4, assertion 6)", () => {
  const rig = allocated(STRICT, 8);
  rig.page(1);
  rig.forget();
  assertEquals([rig.unmapPfn(1), rig.unmapPfn(2)], [false, false]);
  assertEquals(rig.names().filter((name) => !name.includes("hmm")), []);
  assertEquals(rig.flags(1), ["valid", "write"]);
});

Deno.test("a peer behind the host bridge is linked as MMIO (hmm-rdma-vfio.md 1.3, assertion 7)", () => {
  const rig = withPeer("thru_host_bridge");
  rig.page(4, PEER + 8 * PAGE);
  assertEquals(rig.mapPfn(4), rig.map.state.addr + 0x4000);
  assertEquals(rig.flags(4), ["valid", "write", "dma_mapped", "p2pdma"]);
  assert(rig.unmapPfn(4));
  const attrs = ["call.dma_iova_link", "call.dma_iova_unlink"] as const;
  for (const name of attrs) {
    const [call] = rig.fields(name) as Readonly<Record<string, unknown>>[];
    assertEquals(call!.attrs, ["mmio", "require_coherent"]);
  }
  assertEquals(rig.flags(4), ["valid", "write"]);
});

Deno.test("a link or sync that fails takes the mark of a peer away (hmm-rdma-vfio.md 1.3)", () => {
  for (const point of ["dma_iova_link", "dma_iova_sync"] as const) {
    const rig = withPeer("thru_host_bridge");
    rig.page(4, PEER);
    assertEquals(failing(rig, point, () => rig.mapPfn(4)), -1);
    assertEquals(rig.flags(4), ["valid", "write"]);
  }
});

Deno.test("a peer by its bus address is worked out anew each time (hmm-rdma-vfio.md 1.3, assertion 8)", () => {
  const rig = withPeer("bus_addr");
  rig.page(4, PEER);
  rig.forget();
  for (let times = 0; times < 2; times++) {
    assertEquals(rig.mapPfn(4), PEER + 2 ** 40);
    assertEquals(rig.flags(4), ["valid", "write", "dma_mapped", "p2pdma_bus"]);
    assertEquals(rig.seen.at(-1)!.why?.rule, "hmm-rdma-vfio.1.3.5");
  }
  assert(rig.unmapPfn(4));
  assertEquals(rig.names().filter((name) => !name.includes("hmm")), []);
  assertEquals(rig.flags(4), ["valid", "write"]);
});

Deno.test("a peer out of reach is refused, and nothing is called (hmm-rdma-vfio.md 1.3)", () => {
  const rig = withPeer("not_supported");
  rig.page(4, PEER);
  rig.forget();
  assertEquals(rig.mapPfn(4), -1);
  assertEquals(rig.names().filter((name) => !name.includes("hmm")), []);
  assertEquals(rig.flags(4), ["valid", "write"]);
});

Deno.test("a page of memory between two of a peer's is memory, and the peer is not looked up again (hmm-rdma-vfio.md 1.3)", () => {
  const rig = withPeer("thru_host_bridge");
  const { dev, machine, map } = rig;
  let asked = 0;
  const { mapType } = machine.peers!;
  machine.peers = {
    ...machine.peers!,
    mapType: (phys, client) => {
      asked++;
      return mapType(phys, client);
    },
  };
  const memo = peerMemo(machine);
  for (const [index, phys] of [PEER, RAM, PEER + PAGE].entries()) {
    rig.page(index, phys);
    hmmDmaMapPfn(machine, dev, map, index, memo);
  }
  assertEquals([0, 1, 2].map((index) => rig.flags(index).includes("p2pdma")), [true, false, true]);
  assertEquals(asked, 1);
});

for (const mode of ["strict", "lazy"] as const) {
  Deno.test(`512 entries are 512 links, syncs, unmaps and invalidations, though one would do, ${mode} (hmm-rdma-vfio.md 1.4, assertion 9; ch. 4, case 4)`, () => {
    const rig = allocated({ iommu: { mode } }, 512);
    for (let index = 0; index < 512; index++) {
      rig.page(index);
      rig.mapPfn(index);
    }
    for (let index = 0; index < 512; index++) assert(rig.unmapPfn(index));
    const count = (name: Parameters<typeof rig.names>[0]) => rig.names(name!).length;
    const each = ["call.dma_iova_link", "iommu.sync_map", "iommu.unmap", "iotlb.sync"] as const;
    assertEquals(each.map(count), [512, 512, 512, 512]);
    assertEquals([count("iova.alloc"), count("iova.free"), count("flush_queue.add")], [1, 0, 0]);
    rig.free();
    assertEquals([count("iova.free"), count("mem.free")], [1, 1]);
    assertEquals(rig.machine.iommu.liveMappings, 0);
  });
}

Deno.test("sparse users reserve once, link and sync page by page, unlink page by page, free at the end (dma.md 3.7)", () => {
  const rig = allocated(STRICT, 4);
  for (const index of [2, 0]) {
    rig.page(index);
    rig.mapPfn(index);
  }
  for (const index of [0, 2]) rig.unmapPfn(index);
  rig.free();
  assertEquals(rig.names().filter((name) => name.startsWith("call.dma_iova")), [
    "call.dma_iova_try_alloc",
    ...Array(2).fill(["call.dma_iova_link", "call.dma_iova_sync"]).flat(),
    ...Array(2).fill("call.dma_iova_unlink"),
    "call.dma_iova_free",
  ]);
});

Deno.test("no IOVA range: a list of addresses, 16 bytes a page (hmm-rdma-vfio.md 1.2)", () => {
  const bench = testBench();
  const { dev, machine } = bench;
  const fault = new ArmedInjection(INJECTION["iova.alloc"], 1, 1);
  machine.armInjection(fault);
  const map = hmmDmaMapAlloc(machine, dev, 8, PAGE) as HmmDmaMap;
  machine.disarmFault(fault);
  assertEquals([map.mode, map.memoryBytes], ["list", 128]);
  map.pfns.replace(2, VALID, 0, RAM / PAGE);
  const dma = hmmDmaMapPfn(machine, dev, map, 2, null);
  bench.forget();
  assertEquals(hmmDmaMapPfn(machine, dev, map, 2, null), dma);
  assertEquals(bench.names("call.dma_map_phys"), []);
  assert(hmmDmaUnmapPfn(machine, dev, map, 2));
  assertEquals(bench.names("call.dma_unmap_phys").length, 1);
  hmmDmaMapFree(machine, dev, map);
  assertEquals(bench.names("mem.free").length, 2);
  assertEquals(machine.iommu.liveMappings, 0);
});

Deno.test("a list that cannot be had is ENOMEM, and nothing is kept (hmm-rdma-vfio.md 1.2)", () => {
  for (const points of [["hmm_pfn_list.alloc"], ["iova.alloc", "hmm_dma_list.alloc"]] as const) {
    const bench = testBench();
    const { dev, machine } = bench;
    const faults = points.map((point) => new ArmedInjection(INJECTION[point]));
    for (const fault of faults) machine.armInjection(fault);
    assertEquals(hmmDmaMapAlloc(machine, dev, 8, PAGE), -ERRNO.ENOMEM);
    assertEquals(bench.names("mem.alloc").length, bench.names("mem.free").length);
    assertEquals(machine.iommu.liveMappings, 0);
  }
});

Deno.test("a kernel with DMA debugging always unmaps, and keeps addresses for it (hmm-rdma-vfio.md 1.2)", () => {
  const rig = allocated({ iommu: { mode: "off" }, machine: { dmaDebug: true } }, 4);
  assertEquals([rig.map.mode, rig.map.memoryBytes], ["list", 64]);
  rig.page(1);
  rig.mapPfn(1);
  assert(rig.unmapPfn(1));
  assertEquals(rig.names("call.dma_unmap_phys").length, 1);
});

Deno.test("an entry that is larger than the map is warned of once, and maps beyond the range (hmm-rdma-vfio.md 1.2, 5.13)", () => {
  const { dev, fields, machine } = testBench();
  const map = hmmDmaMapAlloc(machine, dev, 511, 2 * MIB) as HmmDmaMap;
  hmmDmaMapAlloc(machine, dev, 511, 2 * MIB);
  assertEquals(fields("kernel.warn").map(({ at }) => at), ["hmm_dma_map_alloc"]);
  assertEquals([map.mode, map.state.sizeBytes], ["iova", 511 * PAGE]);
  map.pfns.replace(1, VALID, 0, RAM / PAGE);
  assertEquals(hmmDmaMapPfn(machine, dev, map, 1, null), map.state.addr + 2 * MIB);
});

/**
 * Makes a map for a device that needed no unmaps at that time. The device has bounced since, so it
 * needs unmaps now.
 */
function lateBounce(): Rig {
  const rig = allocated({
    iommu: { mode: "off" },
    machine: { ramSizeBytes: 8 * GIB },
    device: { maskBits: 64 },
  }, 8);
  const { dev, machine } = rig;
  rig.page(1);
  rig.page(2);
  rig.mapPfn(1);
  dev.maskBits = 32;
  machine.dma.dmaMapPhys(dev, at(0x1_4000_0000) as PhysAddr, PAGE, DMA_FROM_DEVICE);
  return rig;
}

Deno.test("a device that bounces later: new entries fail with one warning, old ones crash (hmm-rdma-vfio.md ch. 4, case 3)", () => {
  const rig = lateBounce();
  rig.forget();
  assertEquals([rig.mapPfn(2), rig.mapPfn(2)], [-1, -1]);
  assertEquals(rig.names("kernel.warn").length, 1);
  assertEquals(rig.flags(2), ["valid", "write"]);
  assertThrows(
    () => rig.mapPfn(1),
    KernelError,
    "null pointer in hmm_dma_map_pfn(): the list of addresses of a map",
  );
  assertThrows(() => rig.unmapPfn(1), KernelError, "null pointer in hmm_dma_unmap_pfn()");
});

Deno.test("forced bouncing: maps are given until the first streaming map, and map nothing then (hmm-rdma-vfio.md ch. 4, case 9)", () => {
  const rig = allocated({
    iommu: { mode: "off" },
    machine: {
      swiotlb: swiotlbConfig({ force: true, basePhys: at(0x6000_0000) }),
    },
  }, 8);
  const { dev, machine } = rig;
  rig.page(1);
  assertEquals(rig.mapPfn(1), -1, "it may not be bounced");
  assertEquals(rig.names("kernel.warn"), []);
  machine.dma.dmaMapPhys(dev, at(RAM), 4 * KIB, DMA_FROM_DEVICE);
  assertEquals(hmmDmaMapAlloc(machine, dev, 8, PAGE), -ERRNO.EOPNOTSUPP);
});

Deno.test("an entry that is mapped and not valid is refused, and linking it again collides (hmm-rdma-vfio.md 1.5 and ch. 4, case 6)", () => {
  const rig = allocated({ iommu: { model: "vtd_scalable" } }, 8);
  rig.page(1);
  rig.mapPfn(1);
  rig.map.pfns.replace(1, 0, 0, 0);
  assertEquals(rig.flags(1), ["dma_mapped"]);
  assertEquals(rig.unmapPfn(1), false);
  rig.map.pfns.clearFlags(1);
  rig.page(1, RAM + 100 * PAGE);
  rig.forget();
  assertEquals(rig.mapPfn(1), -1);
  const [link] = rig.fields("ret.dma_iova_link");
  assertEquals(link!.error, "EADDRINUSE");
  assertEquals(rig.map.pfns.has(1, DMA_MAPPED), false);
});

Deno.test("an allocation tells what it has made, or what kept it from that (hmm-rdma-vfio.md 1.2)", () => {
  const told = (options: TestBenchOptions, entrySizeBytes = 4 * PAGE) => {
    const bench = testBench(options);
    const made = hmmDmaMapAlloc(bench.machine, bench.dev, 4, entrySizeBytes);
    const { fields, why } = bench.seen.findLast(({ name }) => name === "ret.hmm_dma_map_alloc")!;
    assertEquals(bench.names("kernel.warn").length, entrySizeBytes > 4 * PAGE ? 1 : 0);
    const range = typeof made === "number" ? 0 : made.state.addr;
    return [
      Object.values(fields),
      ...Object.values(why!.inputs).map((it) => it === range ? "range" : it),
    ];
  };
  const [made, failed] = [[0, null], [-ERRNO.EOPNOTSUPP, "EOPNOTSUPP"]];
  assertEquals(told(STRICT), [made, "iova", "range", false, false, 32]);
  assertEquals(told(STRICT, 4 * PAGE + 1), [made, "iova", "range", false, false, 32]);
  assertEquals(told(DIRECT), [made, "stateless", "range", false, false, 32]);
  assertEquals(told({ device: { maskBits: 31 } }), [failed, null, "range", false, true, "range"]);
  assertEquals(told({ device: { coherent: false } }), [
    failed,
    null,
    "range",
    true,
    false,
    "range",
  ]);
});

Deno.test("each row of a map is told, with the address or ENOMEM; a list is held, and the map until it is freed (hmm-rdma-vfio.md 1.3)", () => {
  const told = (rig: Rig, index: number) => {
    rig.mapPfn(index);
    const { fields, why } = rig.seen.findLast(({ name }) => name === "ret.hmm_dma_map_pfn")!;
    return [why!.rule.at(-1), Reflect.get(fields, "error")];
  };
  const refused = withPeer("not_supported");
  refused.page(4, PEER);
  assertEquals(told(refused, 4), ["4", "ENOMEM"]);
  const late = lateBounce();
  assertEquals(told(late, 2), ["8", "ENOMEM"]);
  assertEquals(late.fields("kernel.warn").map(({ text }) => text), [
    'Device "dev" needs unmaps now, and there is no list to keep addresses in',
  ]);
  const list = allocated({ ...DIRECT, machine: { dmaDebug: true } }, 4);
  const { dev, machine } = list;
  const { heldBytes } = machine.budget;
  hmmDmaMapAlloc(machine, dev, 4, PAGE);
  assertEquals([machine.budget.heldBytes - heldBytes, list.map.held], [2 * 4 * 8, true]);
  list.page(1);
  assertEquals([told(list, 1), told(list, 1)], [["9", null], ["2", null]]);
  list.free();
  assertEquals(list.map.held, false);
});

Deno.test("what needs no unmap, and a peer by its bus address, is known to the checker while it is mapped (hmm-rdma-vfio.md 1.4)", () => {
  const direct = allocated(DIRECT, 4);
  direct.page(1);
  direct.mapPfn(1);
  const { checker } = direct.machine;
  const known = () => [checker!.records, checker!.leftSince(0).length];
  const before = known();
  direct.unmapPfn(1);
  assertEquals([before, known()], [[1, 1], [0, 0]]);
  const rig = withPeer("bus_addr");
  const passed: unknown[] = [];
  const { peers } = rig.machine.checker!;
  peers.onBus = (dev, dma, sizeBytes) => void passed.push(["on", dev, dma, sizeBytes]);
  peers.offBus = (dev, dma, sizeBytes) => void passed.push(["off", dev, dma, sizeBytes]);
  rig.page(4, PEER);
  rig.mapPfn(4);
  rig.unmapPfn(4);
  assertEquals(passed, ["on", "off"].map((word) => [word, rig.dev, PEER + 2 ** 40, PAGE]));
});
