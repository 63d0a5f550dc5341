import { assert, assertEquals } from "@std/assert";
import { type DmaAddr, MIB, type PhysAddr } from "../address.ts";
import { DmaDevice, type DmaDeviceOptions } from "../dma/device/device.ts";
import { DmaIovaState } from "../dma/iova_state.ts";
import { BLK_STS, type BlkStatusName, blkStatusName, ERRNO } from "../errno.ts";
import { EVENT_NAMES, type EventName } from "../event_vocabulary.ts";
import type { MachineEvent } from "../events.ts";
import type { QuirkName } from "../kernels/behaviours.ts";
import { Machine } from "../machine.ts";
import type { PeerMapType } from "../vocabulary/shared_words.ts";
import { defaultMachineConfig, type IommuConfig } from "../machine_config.ts";
import { Bio, type BioVec, vecsSizeBytes } from "./bio.ts";
import { bioGap } from "./gap_bit.ts";
import { BlkDma, BlkDmaIter } from "./dma_iterator.ts";
import { BlockRequest } from "./request.ts";

const LIMITS = {
  maxSegmentSizeBytes: 0xffff_ffff,
  segBoundaryMask: 0xffff_ffff,
  logicalBlockSizeBytes: 512,
  metadataBytes: 0,
  joinsInsideBio: true,
};

interface FixtureOptions {
  readonly iommu?: Partial<IommuConfig>;
  readonly device?: DmaDeviceOptions;
  readonly quirks?: QuirkName[];
  readonly swiotlbForce?: boolean;
}

/** A machine with one device, and a record of its mapping calls. */
class Fixture {
  readonly machine: Machine;
  readonly dev: DmaDevice;
  readonly blk: BlkDma;
  readonly state = new DmaIovaState();
  readonly iter = new BlkDmaIter();
  readonly calls: string[] = [];

  constructor(options: FixtureOptions = {}) {
    const base = defaultMachineConfig();
    this.machine = new Machine({
      ...base,
      quirks: new Set(options.quirks),
      iommu: { ...base.iommu, ...options.iommu },
      swiotlb: { ...base.swiotlb, force: options.swiotlbForce ?? false },
    });
    this.dev = new DmaDevice("ssd", { minAlignMask: 4095, ...options.device });
    this.machine.iommu.attach(this.dev);
    this.machine.dma.dmaSetMask(this.dev, this.dev.maskBits);
    this.blk = new BlkDma(this.machine);
    this.machine.markReady();
    this.machine.events.listen((event) => this.#note(event));
  }

  request(...parts: [phys: number, sizeBytes: number][]): BlockRequest {
    const vecs: BioVec[] = parts.map(([phys, sizeBytes]) => ({
      phys: phys as PhysAddr,
      sizeBytes,
    }));
    const bio = new Bio("read", 0, vecs, vecsSizeBytes(vecs));
    const request = new BlockRequest("ssd", "read", [bio], LIMITS);
    request.gapBit = bioGap(bio);
    request.nrPhysSegments = vecs.length;
    return request;
  }

  start(request: BlockRequest): boolean {
    return this.blk.start(request, this.dev, this.state, this.iter);
  }

  next(request: BlockRequest): boolean {
    return this.blk.next(request, this.dev, this.iter);
  }

  get status(): BlkStatusName {
    return blkStatusName(this.iter.status);
  }

  count(name: EventName): number {
    return this.machine.events.counts[EVENT_NAMES.indexOf(name)]!;
  }

  /** Makes the n-th call of a function fail with an errno. The first call has number 1. */
  failCall(name: "dmaIovaLink" | "dmaIovaSync", nth: number, errno: number): void {
    const dma = this.machine.dma;
    const original = dma[name].bind(dma) as (...args: unknown[]) => number;
    let count = 0;
    dma[name] = (...args: unknown[]) => ++count === nth ? -errno : original(...args);
  }

  /** Makes all memory at addresses of 2 GiB and more peer memory of this kind. */
  usePeers(kind: PeerMapType, busOffset = 0): void {
    this.machine.peers = {
      unmappedEnd: () => -1,
      isPeerMemory: (phys) => phys >= 0x8000_0000,
      providerAt: () => "peer",
      passesRoot: () => true,
      mapType: (phys) => phys >= 0x8000_0000 ? kind : "none",
      busAddress: (phys) => (phys + busOffset) as DmaAddr,
      resolveBusAddress: () => -1,
    };
  }

  #note(event: MachineEvent): void {
    const fields = event.fields as Record<string, unknown>;
    if (!event.name.startsWith("call.dma_")) return;
    const args = Object.entries(fields)
      .filter(([name]) => ["phys", "offset", "size", "mapped_len"].includes(name))
      .map(([, value]) => `0x${Number(value).toString(16)}`);
    const attrs = fields["attrs"];
    if (Array.isArray(attrs)) args.push(...attrs.map(String));
    this.calls.push(`${event.name.slice("call.dma_".length)}(${args.join(", ")})`);
  }
}

const STRICT: FixtureOptions = { iommu: { mode: "strict" } };

/** Assertion 1's request. */
const FIRST: [number, number][] = [[0x10_0200, 0xe00], [0x14_0000, 0x1000], [0x17_7000, 0x400]];

Deno.test("pieces that meet on granules become one range (block.md ch. 2, assertion 1)", () => {
  const fixture = new Fixture(STRICT);
  const request = fixture.request(...FIRST);
  assertEquals(request.gapBit, 13);
  assert(fixture.start(request));
  assertEquals(fixture.calls, [
    "iova_try_alloc(0x100200, 0x2200)",
    "iova_link(0x100200, 0x0, 0xe00)",
    "iova_link(0x140000, 0xe00, 0x1000)",
    "iova_link(0x177000, 0x1e00, 0x400)",
    "iova_sync(0x0, 0x2200)",
  ]);
  assertEquals(fixture.iter.addr % 4096, 0x200);
  assertEquals(fixture.iter.lengthBytes, 0x2200);
  assertEquals(fixture.iter.addr, fixture.state.addr);
  assertEquals(fixture.state.sizeBytes, 0x2200);
  assert(fixture.blk.coalesce(fixture.state));
  assertEquals(fixture.count("iova.alloc"), 1);
  assertEquals(fixture.count("iommu.sync_map"), 1);
  assertEquals(fixture.count("block.segment"), 3);
});

Deno.test("a piece that ends inside a granule keeps pieces apart (block.md ch. 2, assertion 2)", () => {
  const fixture = new Fixture(STRICT);
  const request = fixture.request([0x10_0200, 0xe00], [0x14_0000, 0xf00], [0x17_7000, 0x400]);
  assertEquals(request.gapBit, 9);
  assert(fixture.start(request));
  assertEquals(fixture.iter.lengthBytes, 0xe00);
  assertEquals(fixture.state.sizeBytes, 0);
  assert(fixture.next(request));
  assert(fixture.next(request));
  assert(!fixture.next(request));
  assertEquals(fixture.status, "OK");
  assertEquals(fixture.calls, [
    "map_phys(0x100200, 0xe00)",
    "map_phys(0x140000, 0xf00)",
    "map_phys(0x177000, 0x400)",
  ]);
  assertEquals(fixture.count("iommu.sync_map"), 3);
});

const PARTIAL: FixtureOptions = { ...STRICT, quirks: ["partial_destroy_on_link_failure"] };

Deno.test("a failing link destroys what was linked (block.md ch. 2, assertion 3)", () => {
  const fixture = new Fixture(PARTIAL);
  fixture.failCall("dmaIovaLink", 2, ERRNO.ENOMEM);
  assert(!fixture.start(fixture.request(...FIRST)));
  assertEquals(fixture.status, "RESOURCE");
  assertEquals(fixture.calls, [
    "iova_try_alloc(0x100200, 0x2200)",
    "iova_link(0x100200, 0x0, 0xe00)",
    "iova_destroy(0xe00)",
  ]);
  // The range no longer exists (examples/block/05-iter-exits.dma), but the state still marks it as
  // in use: the address in the state is stale.
  assertEquals(fixture.state.sizeBytes, 0x2200);
  assertEquals(fixture.iter.addr, fixture.state.addr);
});

Deno.test("a first link that fails frees the whole range (block.md ch. 2, assertion 4)", () => {
  const fixture = new Fixture(PARTIAL);
  fixture.failCall("dmaIovaLink", 1, ERRNO.EINVAL);
  assert(!fixture.start(fixture.request(...FIRST)));
  assertEquals(fixture.status, "INVAL");
  assertEquals(fixture.calls, ["iova_try_alloc(0x100200, 0x2200)", "iova_destroy(0x0)"]);
  assertEquals(fixture.count("iommu.unmap"), 0);
  assertEquals(fixture.count("iova.free"), 1);
});

Deno.test("a failing sync destroys everything (block.md ch. 2, assertion 5)", () => {
  const fixture = new Fixture(PARTIAL);
  fixture.failCall("dmaIovaSync", 1, ERRNO.EIO);
  assert(!fixture.start(fixture.request(...FIRST)));
  assertEquals(fixture.status, "IOERR");
  assertEquals(fixture.calls.at(-1), "iova_destroy(0x2200)");
});

Deno.test("errnos of links become block statuses (block.md 2.3, row 4e)", () => {
  const cases: [errno: number, status: BlkStatusName][] = [
    [ERRNO.ENOMEM, "RESOURCE"],
    [ERRNO.EINVAL, "INVAL"],
    [ERRNO.EOPNOTSUPP, "NOTSUPP"],
    [ERRNO.EIO, "IOERR"],
    [ERRNO.EPERM, "IOERR"],
    [ERRNO.ENXIO, "IOERR"],
    [ERRNO.EADDRINUSE, "IOERR"],
  ];
  for (const [errno, status] of cases) {
    const fixture = new Fixture(STRICT);
    fixture.failCall("dmaIovaLink", 1, errno);
    assert(!fixture.start(fixture.request(...FIRST)));
    assertEquals(fixture.status, status);
  }
});

Deno.test("peer memory that is refused makes no call (block.md ch. 2, assertion 6)", () => {
  const fixture = new Fixture(STRICT);
  fixture.usePeers("not_supported");
  fixture.state.sizeBytes = 77;
  assert(!fixture.start(fixture.request([0x9000_0000, 4096])));
  assertEquals(fixture.status, "INVAL");
  assertEquals(fixture.calls, []);
  assertEquals(fixture.state.sizeBytes, 77);
});

Deno.test("peer memory by bus address is arithmetic (block.md ch. 2, assertion 7)", () => {
  const fixture = new Fixture(STRICT);
  fixture.usePeers("bus_addr", -0x1000_0000);
  const request = fixture.request([0x9000_0000, 4096], [0x9800_0000, 4096], [0xa000_0000, 4096]);
  assert(fixture.start(request));
  assertEquals([fixture.iter.addr, fixture.iter.lengthBytes], [0x8000_0000 as DmaAddr, 4096]);
  assert(fixture.next(request));
  assertEquals(fixture.iter.addr, 0x8800_0000 as DmaAddr);
  assert(fixture.next(request));
  assert(!fixture.next(request));
  assertEquals(fixture.status, "OK");
  assert(fixture.blk.unmap(request, fixture.dev, fixture.state, 12288, "bus_addr"));
  assertEquals(fixture.calls, []);
});

Deno.test("without a free IOVA range a request is mapped by segment (block.md ch. 2, assertion 8)", () => {
  const fixture = new Fixture(STRICT);
  fixture.machine.dma.dmaIovaTryAlloc = (_dev, state) => {
    state.clear();
    return false;
  };
  const request = fixture.request(...FIRST);
  assert(fixture.start(request));
  assertEquals(fixture.state.sizeBytes, 0);
  assert(fixture.next(request));
  assert(fixture.next(request));
  assert(!fixture.next(request));
  assertEquals(fixture.status, "OK");
  assertEquals(fixture.calls.length, 3);
});

Deno.test("a coherent direct device needs no unmap until it has bounced once (block.md ch. 2, assertion 9)", () => {
  const fixture = new Fixture({ device: { maskBits: 32 } });
  const parts = Array.from({ length: 16 }, (_, i): [number, number] => [16 * MIB + i * 8192, 4096]);
  const mapAll = (): BlockRequest => {
    const request = fixture.request(...parts);
    assert(fixture.start(request));
    for (let count = 1; count < 16; count++) assert(fixture.next(request));
    assert(!fixture.next(request));
    return request;
  };
  const unmap = (request: BlockRequest): boolean =>
    fixture.blk.unmap(request, fixture.dev, fixture.state, 65536, "none");
  assert(unmap(mapAll()));
  assertEquals(fixture.count("call.dma_map_phys"), 16);
  fixture.dev.skipSync = false;
  assert(!unmap(mapAll()));
  assertEquals(fixture.count("call.dma_unmap_phys"), 0);
});

Deno.test("start() on a request without segments says so and touches nothing (block.md 2.3 row 1)", () => {
  const fixture = new Fixture(STRICT);
  fixture.state.sizeBytes = 77;
  fixture.iter.status = BLK_STS.IOERR;
  const flush = new BlockRequest("ssd", "flush", [], LIMITS);
  assert(!fixture.start(flush));
  assertEquals([flush.sector, flush.bytes, fixture.status], [0, 0, "OK"]);
  assertEquals([fixture.state.sizeBytes, fixture.calls], [77, []]);
});

Deno.test("each call tells by which row it was left, and what it looked at (block.md 2.3, 2.5)", () => {
  const left: [rule: string, inputs: unknown][] = [];
  const watch = (fixture: Fixture) =>
    fixture.machine.events.listen(({ name, why }) => {
      if (name.startsWith("ret.blk_rq") && why !== null) left.push([why.rule, why.inputs]);
    });
  const strict = new Fixture(STRICT);
  watch(strict);
  const request = strict.request(...FIRST);
  assert(strict.start(request));
  assert(strict.blk.unmap(request, strict.dev, strict.state, 0x2200, "none"));
  assert(strict.start(strict.request([0x10_0200, 0xe00], [0x14_0000, 0xf00], [0x17_7000, 0x400])));
  const looked = { map_type: "none", merge_boundary_bytes: 4095 };
  assertEquals(left.splice(0), [
    ["block.2.3.4", { ...looked, gap_bit: 13, pieces_meet: true, range_allocated: true }],
    ["block.2.5.2", { map_type: "none", one_range: true, nothing_left: true }],
    ["block.2.3.5", { ...looked, gap_bit: 9, pieces_meet: false, range_allocated: false }],
  ]);

  const direct = new Fixture();
  watch(direct);
  assert(!direct.start(direct.request()));
  assert(direct.start(direct.request(...FIRST)));
  assert(direct.blk.unmap(request, direct.dev, direct.state, 0, "none"));
  assertEquals(left.splice(0), [
    ["block.2.3.1", { map_type: "none" }],
    ["block.2.3.5", {
      map_type: "none",
      merge_boundary_bytes: 0,
      gap_bit: 13,
      pieces_meet: true,
      range_allocated: false,
    }],
    ["block.2.5.3", { map_type: "none", one_range: false, nothing_left: true }],
  ]);

  strict.usePeers("bus_addr");
  assert(strict.start(strict.request([0x9000_0000, 0x1000])));
  assert(strict.blk.unmap(request, strict.dev, strict.state, 0, "bus_addr"));
  strict.usePeers("not_supported");
  assert(!strict.start(strict.request([0x9000_0000, 0x1000])));
  assertEquals(left.map(([rule]) => rule), ["block.2.3.2", "block.2.5.1", "block.2.3.3"]);
});

Deno.test("each call is told with its end, what ended it, and what it leaves to unmap (block.md 2.2 to 2.5)", () => {
  const told = (fixture: Fixture, request: BlockRequest, kind: PeerMapType) => {
    const lines: string[] = [];
    fixture.machine.events.listen(({ fields, name }) => {
      if (!/blk_rq|block\.status/.test(name)) return;
      lines.push(`${name.replace(/blk_rq_(dma_)?/, "")} ${Object.values(fields).join()}`);
    });
    request.id = 5;
    request.mappedSegments = 0;
    for (let more = fixture.start(request); more;) more = fixture.next(request);
    const { mappedSegments } = request;
    const done = fixture.blk.unmap(request, fixture.dev, fixture.state, 0x2000, kind);
    const { checker } = fixture.machine;
    return [lines, mappedSegments, request.mappedSegments, done, checker!.leftSince(0).length];
  };
  const parts: [number, number][] = [[0x10_0200, 0x200], [0x14_0000, 0x1000]];
  const start = [`call.map_iter_start 5,ssd,${parts.join()}`, "ret.map_iter_start true,"];
  const next = ["call.map_iter_next 5,ssd", "ret.map_iter_next true,"];
  const end = ["call.map_iter_next 5,ssd", "ret.map_iter_next false,", "block.status OK,iterator"];
  const unmapped = (result: boolean) => ["call.unmap 5,ssd,8192", `ret.unmap ${result},`];
  const strict = new Fixture(STRICT);
  assertEquals(told(strict, strict.request(...parts), "none"), [
    [...start, ...next, ...end, ...unmapped(false)],
    2,
    0,
    false,
    2,
  ]);
  const direct = new Fixture({ device: { minAlignMask: 0 } });
  assertEquals(told(direct, direct.request(...parts), "none"), [
    [...start, ...next, ...end, ...unmapped(true)],
    2,
    2,
    true,
    0,
  ]);
  strict.usePeers("not_supported");
  const refused = strict.request([0x9000_0000, 0x1000]);
  assertEquals(told(strict, refused, "bus_addr")[0], [
    `call.map_iter_start 5,ssd,${[0x9000_0000, 0x1000].join()}`,
    "ret.map_iter_start false,INVAL",
    "block.status INVAL,iterator",
    ...unmapped(true),
  ]);
});

Deno.test("what is mapped by its bus address is known until the request is unmapped (block.md 2.5)", () => {
  const fixture = new Fixture(STRICT);
  fixture.usePeers("bus_addr", 0x1000);
  const known: unknown[][] = [];
  const { peers } = fixture.machine.checker!;
  peers.onBus = (dev, dma, sizeBytes) => void known.push(["on", dev, dma, sizeBytes]);
  peers.offBus = (dev, dma, sizeBytes) => void known.push(["off", dev, dma, sizeBytes]);
  const request = fixture.request([0x9000_0000, 4096], [0x9800_0000, 512]);
  for (let more = fixture.start(request); more;) more = fixture.next(request);
  assert(fixture.blk.unmap(request, fixture.dev, fixture.state, 0, "bus_addr"));
  const parts = [[fixture.dev, 0x9000_1000, 4096], [fixture.dev, 0x9800_1000, 512]];
  assertEquals(known, ["on", "off"].flatMap((word) => parts.map((part) => [word, ...part])));
});

Deno.test("where the first link fails as intended nothing is unlinked (defects.md)", () => {
  for (
    const [nth, calls] of [[1, ["iova_free()"]], [2, [
      "iova_unlink(0x0, 0xe00)",
      "iova_free()",
    ]]] as const
  ) {
    const fixture = new Fixture(STRICT);
    fixture.failCall("dmaIovaLink", nth, ERRNO.ENOMEM);
    assert(!fixture.start(fixture.request(...FIRST)));
    assertEquals([fixture.status, fixture.calls.slice(nth)], ["RESOURCE", calls]);
    assertEquals(fixture.count("iova.free"), 1);
  }
});

/** The paths in the `block.segment` events of an iteration: of its start and all later steps. */
function segmentPaths(fixture: Fixture, request: BlockRequest): string[] {
  const paths: string[] = [];
  fixture.machine.events.listen((event) => {
    const { dma, path } = event.fields as { dma: number; path: string };
    paths.push(`0x${dma.toString(16)} ${path}`);
  }, ["block.segment"]);
  let more = fixture.start(request);
  while (more && !fixture.blk.coalesce(fixture.state)) more = fixture.next(request);
  return paths;
}

Deno.test("a segment's path is the one the link took: an untrusted disk's part of a page is bounced", () => {
  const fixture = new Fixture({
    iommu: { mode: "strict", reserved: [] },
    device: { untrusted: true },
  });
  const request = fixture.request([0x1234_5000, 4096], [0x2345_6000, 512]);
  assertEquals(segmentPaths(fixture, request), [
    "0xffffe000 iommu",
    "0xfffff000 swiotlb",
  ]);
});
