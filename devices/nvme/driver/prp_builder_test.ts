import {
  ArmedInjection,
  BLK_STS,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  INJECTION,
  MIB,
  type PhysAddr,
} from "@dmalab/runtime";
import { assert, assertEquals } from "@std/assert";
import type { DescriptorPool, PoolBlock } from "@dmalab/runtime/dma";
import type { QuirkName } from "@dmalab/runtime/kernels";
import { DriverRig, type DriverRigOptions, pages, scattered, vec } from "../_driver_rig.ts";
import { IOD_FLAG } from "./request.ts";

const BASE = 32 * MIB;

/** A pool that is empty after it has allocated a number of blocks. */
class ShortPool implements DescriptorPool {
  left: number;
  readonly blockSizeBytes: number;
  readonly #pool: DescriptorPool;

  constructor(pool: DescriptorPool, blocks: number) {
    this.#pool = pool;
    this.left = blocks;
    this.blockSizeBytes = pool.blockSizeBytes;
  }

  alloc(): PoolBlock | null {
    return this.left-- > 0 ? this.#pool.alloc() : null;
  }

  free(block: PoolBlock, dma: DmaAddr): void {
    this.#pool.free(block, dma);
  }
}

/** Prepares a request with pools that are empty after `small` and `large` blocks. */
function prepareShort(
  rig: DriverRig,
  vecs: Parameters<DriverRig["request"]>[0],
  left: { small?: number; large?: number },
): ReturnType<DriverRig["request"]> & { status: number } {
  const { request, iod } = rig.request(vecs);
  const pools = {
    small: new ShortPool(iod.pools.small, left.small ?? 0),
    large: new ShortPool(iod.pools.large, left.large ?? 0),
  };
  Object.assign(iod, { pools });
  return { request, iod, status: rig.driver.prepare(iod, request) };
}

/** Rows of the table in nvme.md 2.3. */
const TABLE: [
  bytes: number,
  offset: number,
  prp2: "0" | "data" | "list",
  n: number,
  lists: number,
][] = [
  [512, 0x000, "0", 0, 0],
  [4096, 0x000, "0", 0, 0],
  [4096, 0x200, "data", 0, 0],
  [4096, 0xffc, "data", 0, 0],
  [8192, 0x000, "data", 0, 0],
  [7680, 0x200, "data", 0, 0],
  [8192, 0x200, "list", 2, 1],
  [8704, 0x000, "list", 2, 1],
  [8704, 0x200, "list", 2, 1],
  [131072, 0x000, "list", 31, 1],
  [131072, 0x200, "list", 32, 1],
  [135168, 0x000, "list", 32, 1],
  [135168, 0x200, "list", 33, 1],
  [2097152, 0x000, "list", 511, 1],
  [2097152, 0x200, "list", 512, 1],
  [2101248, 0x200, "list", 513, 2],
  [4194304, 0x000, "list", 1023, 2],
  [4194304, 0x200, "list", 1024, 3],
  [8388608, 0x000, "list", 2047, 5],
  [8388608, 0x200, "list", 2048, 5],
];

Deno.test("PRP1, PRP2 and lists are as the table of nvme.md 2.3 says, for one contiguous piece (nvme.md ch. 1-5, assertion 4)", () => {
  const rig = new DriverRig();
  const freed: number[] = [];
  rig.machine.events.listen(({ fields }) => freed.push((fields as { dma: number }).dma), [
    "call.dma_pool_free",
  ]);
  for (const [bytes, offset, prp2, n, lists] of TABLE) {
    const what = `${bytes} bytes at offset ${offset}`;
    const first = BASE + offset;
    const { request, iod } = rig.request([vec(first, bytes)]);
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK, what);
    const command = request.command ?? rig.driver.viewCommand(iod);
    const nextPage = (BASE + 4096) as DmaAddr;
    assertEquals(command.format, "prp");
    assertEquals(command.prp1, first as DmaAddr, what);
    assertEquals(command.prpLists.length, lists, what);
    assertEquals(command.prpList.length, n, what);
    if (prp2 === "0") assertEquals(command.prp2, 0 as DmaAddr, what);
    if (prp2 === "data") assertEquals(command.prp2, nextPage, what);
    if (prp2 === "list") assertEquals(command.prp2, command.prpLists[0]!.dma, what);
    command.prpList.forEach((entry, index) => assertEquals(entry, nextPage + index * 4096, what));
    const small = iod.hasFlag(IOD_FLAG.SMALL_DESCRIPTOR);
    assertEquals(small, n > 0 && n <= 32, what);
    command.prpLists.forEach(({ entries }, index) => {
      const last = index + 1 === command.prpLists.length;
      assertEquals(entries.length, last ? n - 511 * index : 512, what);
      if (!last) assertEquals(entries[511], command.prpLists[index + 1]!.dma, what);
    });
    rig.driver.complete(iod, request);
    assertEquals(freed.splice(0), command.prpLists.map(({ dma }) => dma as number), what);
  }
});

Deno.test("three entries on two pages (nvme.md ch. 1-5, assertion 1)", () => {
  const rig = new DriverRig();
  const calls = rig.watchCalls();
  const rq = rig.read([vec(0x1_0200, 8704)]);
  assertEquals(rq.command!.prp1, 0x1_0200 as DmaAddr);
  assertEquals(rq.command!.prpList, [0x1_1000 as DmaAddr, 0x1_2000 as DmaAddr]);
  assertEquals(calls, ["iova_try_alloc", "map_phys", "pool_alloc", "alloc_coherent", "pool_free"]);
  assertEquals(rq.unmappedBy, "nothing");
  assert(rig.holdsFreshData([vec(0x1_0200, 8704)]));
});

Deno.test("a coalesced request lists its range page by page (nvme.md ch. 1-5, assertion 7)", () => {
  const rig = new DriverRig({ iommu: { mode: "strict" } });
  const rq = rig.read(pages(16));
  assertEquals(rq.iova!.sizeBytes, 65536);
  assertEquals(rq.command!.prp1, rq.iova!.start);
  assertEquals(rq.command!.prpList.length, 15);
  rq.command!.prpList.forEach((entry, index) => {
    assertEquals(entry, rq.iova!.start + 0x1000 * (index + 1));
  });
  assertEquals(rq.unmappedBy, "iova");
  assertEquals(rig.machine.iommu.liveMappings, 0);
});

Deno.test("non-coherent pieces are saved and unmapped one by one (nvme.md ch. 1-5, assertion 10)", () => {
  const rig = new DriverRig({ device: { coherent: false } });
  const calls = rig.watchCalls();
  const allocated: unknown[] = [];
  rig.machine.events.listen(({ fields }) => allocated.push(fields), ["mem.alloc", "mem.free"]);
  const sizes: unknown[] = [];
  rig.machine.events.listen(({ fields }) => sizes.push((fields as { size: unknown }).size), [
    "call.dma_unmap_phys",
  ]);
  const vecs = scattered(
    [0x800, 0x800],
    ...Array.from({ length: 6 }, (): [number, number] => [0, 4096]),
    [
      0,
      512,
    ],
  );
  const rq = rig.read(vecs);
  assertEquals(rq.unmappedBy, "saved");
  assertEquals(calls.filter((call) => call === "unmap_phys").length, 8);
  assertEquals(sizes, [2048, 4096, 4096, 4096, 4096, 4096, 4096, 512]);
  const vecsEvents = allocated.filter((fields) => (fields as { what: string }).what === "dma_vecs");
  assertEquals(vecsEvents, [
    { what: "dma_vecs", size_bytes: 4096, from: "mempool" },
    { what: "dma_vecs", size_bytes: 4096, from: "mempool" },
  ]);
  assert(rig.holdsFreshData(vecs));
});

Deno.test("without an array for the first mapping that is undone, and nothing else (nvme.md 2.3)", () => {
  const rig = new DriverRig({ device: { coherent: false } });
  rig.machine.armInjection(new ArmedInjection(INJECTION.mempool_alloc, 1));
  const { request, iod } = rig.request(pages(3));
  const calls = rig.watchCalls();
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.RESOURCE);
  assertEquals(calls, ["iova_try_alloc", "map_phys", "unmap_phys"]);
});

Deno.test("a device that begins to bounce in mid-request saves from there on (nvme.md 7, case 8)", () => {
  const rig = new DriverRig({
    machine: { ramSizeBytes: 8 * 2 ** 30 },
    device: { maskBits: 32, coherentMaskBits: 32 },
  });
  const vecs = [...pages(2), vec(5 * 2 ** 30, 4096), vec(BASE, 4096)];
  const rq = rig.read(vecs);
  assertEquals(rq.status, "OK");
  assertEquals(rig.calls("dma_unmap_phys"), 2);
  assertEquals(rig.machine.swiotlb.usedSlots, 0);
  assert(rig.holdsFreshData(vecs));
});

const STRICT: DriverRigOptions = { iommu: { mode: "strict" } };

Deno.test("partial_destroy_on_list_failure: only what was placed is destroyed (nvme.md 7, case 6)", () => {
  const live = (quirks: QuirkName[]): { prp: number[]; unmapped: number } => {
    const rig = new DriverRig({ ...STRICT, machine: { quirks: new Set(quirks) } });
    const unmapped: number[] = [];
    rig.machine.events.listen(
      ({ fields }) => unmapped.push((fields as { unmapped_bytes: number }).unmapped_bytes),
      ["iommu.unmap"],
    );
    const { iod, status } = prepareShort(rig, pages(32), {});
    assertEquals(status, BLK_STS.RESOURCE);
    assertEquals(iod.prp2, 0 as DmaAddr);
    return { prp: [iod.prp1], unmapped: unmapped.reduce((sum, bytes) => sum + bytes, 0) };
  };
  assertEquals(live(["partial_destroy_on_list_failure"]).unmapped, 4096);
  assertEquals(live([]).unmapped, 131072);
});

Deno.test("of data in one page only PRP1 is written (nvme.md 2.3)", () => {
  const rig = new DriverRig();
  const written = rig.record(() => rig.read(pages(1)), ["nvme.prp"]);
  assertEquals(written.map(({ fields }) => Reflect.get(fields, "index")), [-1]);
});

Deno.test("a failed allocation of a chained page undoes everything (nvme.md 2.3)", () => {
  const rig = new DriverRig({ device: { coherent: false } });
  const { iod, status } = prepareShort(rig, [vec(BASE, 513 * 4096), vec(2 * BASE, 8192)], {
    large: 1,
  });
  assertEquals(status, BLK_STS.RESOURCE);
  assertEquals([iod.nrDescriptors, iod.dmaVecs], [0, null]);
  assertEquals(rig.calls("dma_map_phys"), 2);
  assertEquals(rig.calls("dma_unmap_phys"), 2);
  assertEquals(rig.calls("dma_pool_free"), 1);
});

Deno.test("a later segment that cannot be mapped undoes everything (nvme.md 2.3)", () => {
  const rig = new DriverRig({ device: { coherent: false } });
  const { request, iod } = rig.request(pages(8));
  const { dma } = rig.machine;
  const original = dma.dmaMapPhys.bind(dma);
  let count = 0;
  dma.dmaMapPhys = (...args) => ++count === 5 ? DMA_MAPPING_ERROR : original(...args);
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.RESOURCE);
  assertEquals(rig.calls("dma_unmap_phys"), 4);
  assertEquals(rig.calls("dma_pool_free"), 1);
  assertEquals(request.mapped, false);
});

Deno.test("a segment that ends inside a page is a bad request: IOERR, one warning (nvme.md 2.3)", () => {
  for (const quirks of [[], ["list_returned_with_stale_address"]] satisfies QuirkName[][]) {
    const rig = new DriverRig({ machine: { quirks: new Set(quirks) } });
    const warnings: unknown[] = [];
    rig.machine.events.listen(({ fields }) => warnings.push(fields), ["kernel.warn"]);
    for (let attempt = 0; attempt < 2; attempt++) {
      const { request, iod } = rig.request(
        scattered([0, 4096], [0, 4096], [0, 512], [0, 4096]),
        { gapBit: 0 },
      );
      iod.setPrps(0x1111, 0x2222);
      assertEquals(rig.driver.prepare(iod, request), BLK_STS.IOERR);
      if (quirks.length === 0) assert(iod.prp2 !== 0x2222 as DmaAddr);
      else assertEquals([iod.prp1, iod.prp2], [0x1111 as DmaAddr, 0x2222 as DmaAddr]);
    }
    assertEquals(warnings, [{
      at: "nvme_pci_setup_data_prp",
      text: "a segment of request 0 ends inside a page, or its data ends too early",
      log: "Incorrectly formed request for payload:12800 nents:4",
      error: null,
    }]);
  }
});

Deno.test("list_returned_with_stale_address: the list's next user sends the device elsewhere (nvme.md 7, case 9)", () => {
  const stale = 48 * MIB;
  const nextList = (quirks: QuirkName[]): [dma: number, atDma: number, atPhys: number] => {
    const rig = new DriverRig({ machine: { quirks: new Set(quirks) } });
    const bad = rig.request(scattered([0, 4096], [0, 4096], [0, 512], [0, 4096]), { gapBit: 0 });
    // PRP1 and PRP2 as the previous command with the same tag left them. PRP2 is the address of a
    // page of that command's buffer.
    bad.iod.setPrps(0x1111, stale);
    assertEquals(rig.driver.prepare(bad.iod, bad.request), BLK_STS.IOERR);
    const { request, iod } = rig.request(scattered([0, 4096], [0, 4096], [0, 4096]));
    assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
    const { memory } = rig.machine;
    const entry = request.bios[0]!.vecs[1]!.phys;
    assertEquals(memory.readU64(iod.descriptors[0]!.phys), entry);
    const read = memory.readU64(iod.prp2 as number as PhysAddr);
    return [iod.prp2, read, entry];
  };
  const [dma, read] = nextList(["list_returned_with_stale_address"]);
  assertEquals([dma, read], [stale, 0]);
  const [, intended, entry] = nextList([]);
  assertEquals(intended, entry);
});

Deno.test("a first segment shorter than PRP1 wraps the rest and reads on (nvme.md 7, cases 1 and 2)", () => {
  const rig = new DriverRig();
  const vecs = scattered(...Array.from({ length: 33 }, (): [number, number] => [0, 1024]));
  const { request, iod } = rig.request(vecs, { gapBit: 0 });
  assertEquals(rig.driver.prepare(iod, request), BLK_STS.OK);
  const page0 = vecs[0]!.phys;
  const command = rig.driver.viewCommand(iod);
  assertEquals(command.prp1, page0 as number as DmaAddr);
  assertEquals(command.prpList.length, 8);
  command.prpList.forEach((entry, index) => assertEquals(entry, page0 + 0x1000 * (index + 1)));
  assertEquals(rig.calls("dma_map_phys"), 1);
});
