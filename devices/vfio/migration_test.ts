/** Migration buffers: the rules of hmm-rdma-vfio.md chapter 3, with numbers. */
import {
  ArmedInjection,
  type EventName,
  GIB,
  INJECTION,
  type IommuConfig,
  KernelError,
  KIB,
  type MachineEvent,
  MIB,
  swiotlbConfig,
} from "@dmalab/runtime";
import { assert, assertEquals, assertThrows } from "@std/assert";
import { DMA_FROM_DEVICE, DMA_TO_DEVICE } from "@dmalab/runtime/dma";
import type { QuirkName } from "@dmalab/runtime/kernels";
import { errnoOf, MigrationBench } from "./_bench.ts";
import { MigrationDriver } from "./driver/migration_driver.ts";

const PAGES = 1024;
const MAPPING: readonly EventName[] = [
  "iova.alloc",
  "call.dma_iova_link",
  "iommu.sync_map",
  "iommu.unmap",
  "iotlb.sync",
  "call.dma_map_page",
  "call.dma_unmap_page",
];

function migrate(bench: MigrationBench, apart = false) {
  const buffer = bench.driver.allocBuffer(PAGES, DMA_FROM_DEVICE, apart);
  const table = Array.from({ length: PAGES }, (_, index) => buffer.mailbox!.entryAt(index));
  return { buffer, table };
}

/** The rule by which the last buffer was mapped, and the input `range` of that decision. */
function registeredBy({ events }: MigrationBench) {
  const last = events.findLast(({ name }) => name === "vfio.register") as MachineEvent<
    "vfio.register"
  >;
  return { rule: last.fields.rule, range: last.why!.inputs.range };
}

Deno.test("a driver needs a page for commands, and fails with ENOMEM without one (hmm-rdma-vfio.md ch. 3)", () => {
  const { dev, driver: { port }, machine } = new MigrationBench();
  machine.armInjection(new ArmedInjection(INJECTION.alloc_pages));
  const error = assertThrows(() => new MigrationDriver(machine, dev, port), KernelError);
  assertEquals([error.errno, error.message], ["ENOMEM", "vf has no page for commands: ENOMEM"]);
});

Deno.test("1024 pages behind an IOMMU: 1024 links, one sync, one unmap of 4 MiB (hmm-rdma-vfio.md ch. 3, assertion 1)", () => {
  const bench = new MigrationBench();
  const { buffer, table } = migrate(bench);
  assertEquals(bench.counts(...MAPPING), [1, 1024, 1, 0, 0, 0, 0]);
  assertEquals(table[1023], table[0]! + 0x3F_F000);
  assertEquals(table[0], bench.fields("iova.alloc", "start")[0]);
  assertEquals(registeredBy(bench), { rule: "iova", range: true });
  bench.driver.freeBuffer(buffer);
  assertEquals(bench.counts(...MAPPING), [1, 1024, 1, 1, 1, 0, 0]);
  assertEquals(bench.fields("iommu.unmap", "size_bytes"), [4 * MIB]);
  assertEquals(bench.fields("iova.free", "size_bytes"), [4 * MIB]);
  assertEquals(bench.machine.iommu.liveMappings, 0);
});

Deno.test("in lazy mode the teardown invalidates nothing (hmm-rdma-vfio.md 3.3)", () => {
  const bench = new MigrationBench({ iommu: { mode: "lazy" } });
  bench.driver.freeBuffer(migrate(bench).buffer);
  assertEquals(bench.counts(...MAPPING), [1, 1024, 1, 1, 0, 0, 0]);
});

Deno.test("scattered or contiguous, it is counted alike (hmm-rdma-vfio.md ch. 3, assertion 2)", () => {
  const counts = [false, true].map((apart) => {
    const bench = new MigrationBench();
    const { buffer } = migrate(bench, apart);
    const touching = buffer.pages.filter((page, index) => page === buffer.pages[index - 1]! + 4096);
    assertEquals(touching.length, apart ? 0 : 1023);
    bench.driver.freeBuffer(buffer);
    return bench.counts(...MAPPING);
  });
  assertEquals(counts[0], counts[1]);
});

Deno.test("the link of page 700 fails: 700 pages are destroyed, and nothing is left (hmm-rdma-vfio.md ch. 3, assertion 3)", () => {
  const bench = new MigrationBench();
  const leaks = bench.leaksOf(() => {
    const errno = bench.failing("dma_iova_link", [701, 701], () => errnoOf(() => migrate(bench)));
    assertEquals(errno, "ENOMEM");
  });
  assertEquals(bench.fields("call.dma_iova_destroy", "mapped_len"), [2867200]);
  assertEquals(bench.fields("vfio.unwind", "mapped_pages"), [700]);
  const unwound = bench.events.find(({ name }) => name === "vfio.unwind");
  assertEquals(unwound!.why!.inputs.linked_only, true);
  assertEquals(bench.counts("call.dma_iova_link", "call.dma_iova_sync", "iommu.unmap"), [
    701,
    0,
    1,
  ]);
  assertEquals(bench.fields("mem.free", "what"), ["key_table", "page_array"], "no mailbox is left");
  assertEquals([bench.driver.buffers.size, bench.function.keyCount], [0, 0]);
  assertEquals(leaks, []);
});

Deno.test("the first link fails: the range is freed and nothing is unmapped (hmm-rdma-vfio.md 3.2)", () => {
  const bench = new MigrationBench();
  const leaks = bench.leaksOf(() => {
    bench.failing("dma_iova_link", [1, 1], () => errnoOf(() => migrate(bench)), "EIO");
  });
  assertEquals(bench.fields("call.dma_iova_destroy", "mapped_len"), [0]);
  assertEquals(bench.counts("iommu.unmap", "iova.free"), [0, 1]);
  assertEquals(bench.fields("iova.free", "size_bytes"), [4 * MIB]);
  assertEquals(leaks, []);
});

Deno.test("a failing link's own error is returned, a failing page is always ENOMEM (hmm-rdma-vfio.md 3.2)", () => {
  const bench = new MigrationBench();
  const failing = (act: () => unknown) =>
    bench.failing("dma_iova_link", [3, 3], () => errnoOf(act), "EADDRINUSE");
  assertEquals(failing(() => bench.driver.allocBuffer(8, DMA_TO_DEVICE, false)), "EADDRINUSE");
  const single = bench.failing(
    "dma_iova_try_alloc",
    [1, 1],
    () => bench.failing("dma_map_page", [3, 3], () => errnoOf(() => migrate(bench))),
  );
  assertEquals(single, "ENOMEM");
  // Entries 1 and 0, which are read back from the table in this order.
  const mapped = bench.fields("ret.dma_map_page", "result").slice(0, 2);
  assertEquals(bench.fields("call.dma_unmap_page", "dma"), mapped.toReversed());
});

Deno.test("a failing sync destroys all pages (hmm-rdma-vfio.md 3.2)", () => {
  const bench = new MigrationBench();
  const leaks = bench.leaksOf(() => {
    const errno = bench.failing("dma_iova_sync", [1, 1], () => errnoOf(() => migrate(bench)));
    assertEquals(errno, "EIO");
  });
  assertEquals(bench.fields("call.dma_iova_destroy", "mapped_len"), [4 * MIB]);
  assertEquals(leaks, []);
});

Deno.test("without translation the table holds physical addresses, unmapped from the last to the first (hmm-rdma-vfio.md ch. 3, assertion 4)", () => {
  const bench = new MigrationBench({ iommu: { mode: "off" } });
  const { buffer, table } = migrate(bench, true);
  assertEquals(table, buffer.pages.map(Number) as typeof table);
  bench.driver.freeBuffer(buffer);
  assertEquals(bench.counts(...MAPPING), [0, 0, 0, 0, 0, 1024, 1024]);
  assertEquals(bench.fields("call.dma_unmap_page", "dma"), table.toReversed());
});

Deno.test("3 pages: a table with room for 4, and a length of 12288 (hmm-rdma-vfio.md ch. 3, assertion 5)", () => {
  const bench = new MigrationBench();
  const { mailbox } = bench.driver.allocBuffer(3, DMA_FROM_DEVICE, false);
  assertEquals([mailbox!.entries, mailbox!.roomEntries, mailbox!.sizeBytes], [3, 4, 32]);
  assertEquals([mailbox!.lengthBytes, bench.function.keyCount], [12288, 1]);
  assertEquals([mailbox!.key, bench.fields("vfio.key", "size_bytes")], [1, [12288]]);
});

Deno.test("a buffer for headers costs no DMA call, and a page array only (hmm-rdma-vfio.md ch. 3, assertion 6)", () => {
  const bench = new MigrationBench();
  const leaks = bench.leaksOf(() => {
    const buffer = bench.driver.allocBuffer(3, null, false);
    assertEquals([buffer.npages, buffer.mailbox, buffer.key], [3, null, null]);
    assertEquals(bench.fields("mem.alloc", "what"), ["page_array"]);
    bench.driver.freeBuffer(buffer);
  });
  assertEquals(bench.events.filter(({ name }) => name.startsWith("call.")), []);
  assertEquals(bench.count("vfio.register"), 0);
  assertEquals(leaks, []);
});

Deno.test("no range of that size: 1024 single maps of a page, each with its own sync (hmm-rdma-vfio.md ch. 3, assertion 7)", () => {
  // 16 MiB of addresses. Every second block of 2 MiB is allocated, so that no 4 MiB are contiguous.
  const bench = new MigrationBench({ settings: { dmaMaskBits: 24 } });
  const { machine } = bench;
  const domain = bench.dev.domain!;
  const taken = Array.from({ length: 6 }, () => domain.allocIova(bench.dev, 2 * MIB, false));
  assert(taken.every((start) => start > 0));
  taken.forEach((start, index) => {
    if (index % 2 === 1) domain.freeIova(start, 2 * MIB);
  });
  const before = bench.count("iova.alloc");
  const { buffer, table } = migrate(bench);
  assertEquals(bench.counts("call.dma_iova_try_alloc", "call.dma_iova_link"), [1, 0]);
  assertEquals(bench.fields("ret.dma_iova_try_alloc", "result"), [false]);
  assertEquals(bench.count("iova.alloc") - before, 1024);
  assertEquals(bench.fields("iova.alloc", "size_bytes").slice(before), Array(1024).fill(4096));
  assertEquals(bench.counts("call.dma_map_page", "iommu.sync_map"), [1024, 1024]);
  assertEquals(new Set(table).size, 1024);
  assertEquals(registeredBy(bench), { rule: "single", range: false });
  bench.driver.freeBuffer(buffer);
  assertEquals(bench.counts("call.dma_unmap_page", "iommu.unmap"), [1024, 1024]);
  assertEquals(machine.iommu.liveMappings, 0);
});

Deno.test("mapping: ENOTCONN before EINVAL before ENOMEM, and no table is left (hmm-rdma-vfio.md 3.3)", () => {
  const bench = new MigrationBench();
  const { driver } = bench;
  const mapped = driver.allocBuffer(2, DMA_FROM_DEVICE, false);
  assertEquals(errnoOf(() => driver.mapBuffer(mapped)), "EINVAL");
  assertEquals(errnoOf(() => driver.allocBuffer(0, DMA_FROM_DEVICE, false)), "EINVAL");
  assertThrows(() => driver.allocBuffer(0, DMA_FROM_DEVICE, false), KernelError, "maps no pages");
  driver.detach();
  assertEquals(errnoOf(() => driver.mapBuffer(mapped)), "ENOTCONN");
  assertEquals(errnoOf(() => driver.allocBuffer(0, DMA_FROM_DEVICE, false)), "ENOTCONN");
  driver.detached = false;
  const leaks = bench.leaksOf(() => {
    // The second `kvmalloc` of a buffer is its table.
    const errno = bench.failing("kvmalloc", [2, 2], () => errnoOf(() => migrate(bench)));
    assertEquals(errno, "ENOMEM");
    assertEquals(bench.fields("call.dma_iova_try_alloc", "size"), [8192], "that of the first");
  });
  assertEquals(leaks, []);
});

Deno.test("no key: everything is unregistered and the table is freed (hmm-rdma-vfio.md 3.3)", () => {
  const reasons: readonly (readonly ["vfio.key" | "queue.read", string])[] = [
    ["vfio.key", "EIO"],
    // The table has 1024 entries, and the device fetches 512 at a time.
    ["queue.read", "EIO"],
  ];
  for (const [point, expected] of reasons) {
    const bench = new MigrationBench();
    const leaks = bench.leaksOf(() => {
      assertEquals(bench.failing(point, [1, 2], () => errnoOf(() => migrate(bench))), expected);
    });
    assertEquals(bench.counts("vfio.register", "vfio.unregister", "vfio.key"), [1, 1, 0], point);
    assertEquals(bench.fields("call.dma_iova_destroy", "mapped_len"), [4 * MIB]);
    assertEquals(bench.function.keyCount, 0);
    assertEquals(leaks, [], point);
  }
});

Deno.test("freeing goes key, mappings, table, pages (hmm-rdma-vfio.md 3.3)", () => {
  const bench = new MigrationBench();
  const buffer = bench.driver.allocBuffer(4, DMA_FROM_DEVICE, false);
  bench.events.length = 0;
  bench.driver.freeBuffer(buffer);
  const wanted = [
    "vfio.key",
    "call.dma_iova_destroy",
    "vfio.unregister",
    "mem.free",
    "vfio.free_pages",
  ];
  assertEquals(
    bench.events.filter(({ name }) => wanted.includes(name)).map(({ name }) => name),
    [
      "vfio.key",
      "call.dma_iova_destroy",
      "vfio.unregister",
      "mem.free",
      "vfio.free_pages",
      "mem.free",
    ],
  );
  assertEquals(bench.fields("mem.free", "what"), ["key_table", "page_array"]);
});

Deno.test("get takes the first spare buffer that is large enough, and frees smaller ones before it (hmm-rdma-vfio.md 3.3)", () => {
  const bench = new MigrationBench();
  const { driver } = bench;
  const put = (npages: number, dir: typeof DMA_FROM_DEVICE | typeof DMA_TO_DEVICE | null) => {
    const buffer = driver.allocBuffer(npages, dir, false);
    driver.putBuffer(buffer);
    return buffer;
  };
  const small = driver.allocBuffer(2, DMA_FROM_DEVICE, false);
  const fits = driver.allocBuffer(8, DMA_FROM_DEVICE, false);
  const behind = driver.allocBuffer(2, DMA_FROM_DEVICE, false);
  for (const buffer of [small, fits, behind]) driver.putBuffer(buffer);
  const other = put(16, DMA_TO_DEVICE);
  const header = put(1, null);
  assertEquals(driver.buffers.size, 0, "none is in use");
  const registered = bench.count("vfio.register");

  assertEquals(driver.getBuffer(4, DMA_FROM_DEVICE, false), fits);
  assertEquals([small.freed, behind.freed, other.freed, header.freed], [true, false, false, false]);
  assertEquals(bench.count("vfio.register"), registered, "as is: nothing is mapped anew");
  assertEquals(driver.spare, [behind, other, header]);

  // No spare buffer is large enough. Therefore all spare buffers of that direction are freed, and a
  // new buffer is allocated.
  const made = driver.getBuffer(4, DMA_FROM_DEVICE, false);
  assertEquals([made.npages, behind.freed, bench.count("vfio.register")], [
    4,
    true,
    registered + 1,
  ]);
  const reasons = bench.events.flatMap(({ name, why }) => name === "vfio.buffer" ? why ?? [] : []);
  assertEquals(reasons.map(({ inputs }) => inputs.freed), [1, 1]);
  assertEquals(driver.getBuffer(1, null, false), header);
  assertEquals(driver.spare, [other]);
});

Deno.test("the bulk allocation goes on until it has all pages, and a failure with none or one is undone (hmm-rdma-vfio.md 3.1, 4.7)", () => {
  const bench = new MigrationBench();
  const buffer = bench.failing(
    "alloc_pages",
    [5, 5],
    () => bench.driver.allocBuffer(16, null, false),
  );
  assertEquals(bench.fields("vfio.add_pages", "pages"), [4, 12]);
  assertEquals(new Set(buffer.pages).size, 16);
  const leaks = bench.leaksOf(() => {
    for (const fails of [[1, 1], [2, 3]] as const) {
      const errno = bench.failing("alloc_pages", fails, () => errnoOf(() => migrate(bench)));
      assertEquals(errno, "ENOMEM");
    }
  });
  assertEquals(leaks, []);
});

Deno.test("two pages or more and then none: the first is freed, the next step follows a null pointer (hmm-rdma-vfio.md 4.7)", () => {
  const bench = new MigrationBench();
  const { takenBytes } = bench.machine.pages;
  const leaks = bench.leaksOf(() => {
    const errno = bench.failing("alloc_pages", [6, 7], () => errnoOf(() => migrate(bench)));
    assertEquals(errno, "EFAULT");
  });
  assertEquals(bench.fields("vfio.add_pages", "pages"), [5, 0]);
  assertEquals(bench.fields("vfio.free_pages", "pages"), [1]);
  assertEquals(bench.fields("kernel.warn", "at"), ["mlx5vf_add_pages"]);
  assertEquals(bench.machine.pages.takenBytes - takenBytes, 4 * 4096);
  assertEquals(leaks, [["memory", PAGES * 8], ["memory", 4 * 4096]], "the array and four pages");

  const mended = new MigrationBench({ quirks: [] });
  const none = mended.leaksOf(() => {
    const errno = mended.failing("alloc_pages", [6, 7], () => errnoOf(() => migrate(mended)));
    assertEquals(errno, "ENOMEM");
  });
  assertEquals(mended.fields("vfio.free_pages", "pages"), [5]);
  assertEquals([none, mended.count("kernel.warn")], [[], 0]);
});

Deno.test("a machine that runs out of pages crashes by itself (hmm-rdma-vfio.md 4.7)", () => {
  const bench = new MigrationBench({
    ramSizeBytes: 64 * MIB,
    swiotlb: swiotlbConfig({ sizeBytes: 0 }),
  });
  const free = (64 * MIB - MIB) / 4096;
  assertEquals(errnoOf(() => bench.driver.allocBuffer(free, null, false)), "EFAULT");
  const [first, second] = bench.fields("vfio.add_pages", "pages");
  assert(Number(first) > 15_000 && Number(first) < free, `${first} pages`);
  assertEquals(second, 0);
});

Deno.test("the range is freed with the linked length: half of it leaks where the rcache is by size (hmm-rdma-vfio.md 4.8)", () => {
  const lost = (npages: number, failing: number, quirks?: readonly QuirkName[]) => {
    const bench = new MigrationBench(quirks === undefined ? {} : { quirks });
    const leaks = bench.leaksOf(() => {
      const act = () => errnoOf(() => bench.driver.allocBuffer(npages, DMA_FROM_DEVICE, false));
      assertEquals(bench.failing("dma_iova_link", [failing, failing], act), "ENOMEM");
    });
    return { leaks, freed: bench.fields("iova.free", "size_bytes") };
  };
  // 5 of 32 pages are linked. The freed range is cached as a range of 8 pages, so the other 24
  // pages leak.
  assertEquals(lost(32, 6), { leaks: [["iova", 24 * 4096]], freed: [5 * 4096] });
  // 700 of 1024 pages are linked, as in the rule. The call that frees the range gets the size of
  // only 700 pages, but the whole range is freed, because no rcache has ranges of that size.
  assertEquals(lost(1024, 701), { leaks: [], freed: [2867200] });
  // Nothing leaks: 17 and 32 pages are in the same size class of the rcache.
  assertEquals(lost(32, 18), { leaks: [], freed: [17 * 4096] });
  assertEquals(lost(32, 6, []), { leaks: [], freed: [32 * 4096] });
});

Deno.test("the state of one function goes through pages of the host's into another, wherever its addresses lie (hmm-rdma-vfio.md ch. 3, 3.3)", () => {
  const modes: readonly Partial<IommuConfig>[] = [
    { mode: "strict" },
    { mode: "strict", forcedac: true },
    { mode: "lazy" },
    { mode: "off" },
  ];
  for (const iommu of modes) {
    const bench = new MigrationBench({ iommu, settings: { stateBytes: 3 * MIB + 512 } });
    const { driver, peer } = bench;
    assert(
      bench.function.state.some((byte, at) => byte !== peer.migration.state[at]),
      "two states",
    );
    const pages = Math.ceil((3 * MIB + 512) / 4096);
    const saved = driver.allocBuffer(pages, DMA_FROM_DEVICE, true);
    const loaded = peer.driver.allocBuffer(pages, DMA_TO_DEVICE, false);
    if (iommu.forcedac === true) assert(saved.mailbox!.entryAt(pages - 1) > 2 ** 33);
    assertEquals(driver.save(saved), 3 * MIB + 512);
    const bytes = new Uint8Array(4096);
    saved.pages.forEach((page, index) => {
      bench.machine.hostMemory.read(page, bytes, 0, 4096);
      bench.machine.hostMemory.write(loaded.pages[index]!, bytes, 0, 4096);
    });
    peer.driver.load(loaded, 3 * MIB + 512);
    assertEquals(peer.migration.state, bench.function.state);
    assertEquals(bench.count("vfio.data"), 2 * pages);
    assertEquals(bench.fields("vfio.data", "size_bytes").at(-1), 512);
    // Each page is translated once for the function that saves and once for the function that
    // loads. The tables were fetched 512 entries at a time.
    const fetches = 2 * Math.ceil(pages / 512);
    assertEquals(bench.count("iommu.translate"), iommu.mode === "off" ? 0 : 2 * pages + fetches);
  }
});

Deno.test("a device cannot write where it may only read, and says EIO (hmm-rdma-vfio.md ch. 3)", () => {
  const bench = new MigrationBench();
  const { driver } = bench;
  const buffer = driver.allocBuffer(16, DMA_TO_DEVICE, false);
  const unwritten = assertThrows(() => driver.save(buffer), KernelError);
  assertEquals(unwritten.message, `${bench.dev.name} cannot write its state to the buffer: EIO`);
  assertEquals(bench.fields("iommu.fault", "reason"), ["not_writable"]);
  const small = driver.allocBuffer(15, DMA_FROM_DEVICE, false);
  assertEquals(errnoOf(() => driver.save(small)), "ENOSPC");
  assertEquals(errnoOf(() => driver.load(buffer, 64 * KIB + 1)), "EINVAL");
  assertEquals(errnoOf(() => driver.load(small, 60 * KIB + 1)), "EINVAL");
  driver.detach();
  driver.detached = false;
  assertEquals(errnoOf(() => driver.save(small)), "ENOSPC");
  const error = assertThrows(() => driver.load(buffer, 64 * KIB), KernelError);
  assertEquals([error.errno, error.message], [
    "EIO",
    `${bench.dev.name} cannot read its state from the buffer: EIO`,
  ]);
});

Deno.test("a device whose key holds an address of 64 bits that nothing is mapped at neither saves nor loads (hmm-rdma-vfio.md 3.3)", () => {
  const bench = new MigrationBench({
    iommu: { model: "vtd_first_stage", addressBits: 57 },
    settings: { stateBytes: 512 },
  });
  const { dev, function: migration, machine } = bench;
  const page = machine.dma.dmaAllocCoherent(dev, 4096)!;
  machine.hostMemory.write(page.physOf(0), Uint8Array.of(0, 0, 0, 0, 0, 0, 0x80, 0xff), 0, 8);
  migration.shareCommandPage(page.dma);
  const key = migration.beginKey(1, 4096, 4096);
  assert(migration.fetchEntries(key, 0, 1));
  assertEquals([migration.save(key), migration.load(key, 512)], [false, false]);
  assertEquals(bench.count("vfio.data"), 0);
  assertEquals(bench.fields("iommu.fault", "access"), ["write", "read"]);
  assertEquals(bench.fields("iommu.fault", "reason"), ["not_present", "not_present"]);
});

Deno.test("a key moves nothing before all of its entries are fetched, nor more than its length, nor once it is destroyed (hmm-rdma-vfio.md 3.3)", () => {
  const bench = new MigrationBench({ iommu: { mode: "off" }, settings: { stateBytes: 512 } });
  const { dev, function: migration, machine } = bench;
  const commands = machine.dma.dmaAllocCoherent(dev, 4096)!;
  const memory = machine.dma.dmaAllocCoherent(dev, 4096)!;
  machine.memory.writeU32(commands.physOf(0), memory.dma);
  migration.shareCommandPage(commands.dma);
  const move = (key: number) => [migration.save(key), migration.load(key, 512)];
  const moved = (entries: number, lengthBytes: number) => {
    const key = migration.beginKey(entries, 4096, lengthBytes);
    assert(migration.fetchEntries(key, 0, 1));
    return move(key);
  };
  assertEquals(moved(2, 8192), [false, false]);
  assertEquals(moved(1, 511), [false, false]);
  assertEquals(bench.count("vfio.data"), 0);
  assertEquals(moved(1, 512), [true, true]);
  const key = migration.beginKey(1, 4096, 512);
  assert(migration.fetchEntries(key, 0, 1));
  migration.destroyKey(key);
  assertEquals(move(key), [false, false]);
});

Deno.test("the receive buffer of the dirty tracker is registered like any other (hmm-rdma-vfio.md 3.1)", () => {
  const bench = new MigrationBench();
  const leaks = bench.leaksOf(() => {
    const tracker = bench.driver.track(0x10_0000 as never, 16 * MIB, 4096, 1);
    assertEquals(bench.fields("vfio.register", "dir"), ["from_device"]);
    const again = () => bench.driver.track(0 as never, MIB, 4096, 1);
    assertEquals(errnoOf(again), "EBUSY");
    assertThrows(again, KernelError, "tracks dirty pages already");
    assertEquals(tracker.report(), []);
    bench.function.noteWrite(0x10_1ffe, 4);
    bench.function.noteWrite(0x0f_fff0, 32);
    bench.function.noteWrite(0x110_0000, 4096);
    assertEquals(tracker.report().map(Number), [0x10_0000, 0x10_1000, 0x10_2000]);
    assertEquals(tracker.report(), [], "reported once");
    // 512 records fit into the page.
    bench.function.noteWrite(0x10_0000, 600 * 4096);
    assertEquals(tracker.report().length, 600);
    assertEquals(bench.fields("vfio.dirty", "records").slice(-2), [512, 88]);
    bench.function.noteWrite(0x10_0000, 1);
    const error = bench.failing(
      "device.write",
      [1, 1],
      () => assertThrows(() => tracker.report(), KernelError),
    );
    assertEquals([error.errno, error.message], [
      "EIO",
      `${bench.driver.dev.name} cannot write its report of dirty pages: EIO`,
    ]);
    assertEquals(tracker.report().length, 1, "what was not reported is kept");
    tracker.stop();
    // A buffer of two pages holds all 600 records, and is read page by page.
    const high = 6 * GIB;
    const wider = bench.driver.track(high as never, 16 * MIB, 4096, 2);
    bench.function.noteWrite(high, 600 * 4096);
    assertEquals(
      wider.report().map(Number),
      Array.from({ length: 600 }, (_, page) => high + page * 4096),
    );
    assertEquals(bench.fields("vfio.dirty", "records").at(-1), 600);
    wider.stop();
  });
  assertEquals(leaks, []);
});

Deno.test("a device that follows no pages has nothing to report, and none into a key that it does not know", () => {
  const bench = new MigrationBench();
  const { key } = bench.driver.allocBuffer(1, DMA_FROM_DEVICE, false);
  assertEquals(bench.function.report(key!), null);
  const tracker = bench.driver.track(0x10_0000 as never, 4 * MIB, 4096, 1);
  bench.function.noteWrite(0x10_0000, 513 * 4096);
  assertEquals(bench.function.report(key! + 100), null);
  assertEquals(bench.function.report(key!), { records: 512, more: true });
  assertEquals(bench.function.report(key!), { records: 1, more: false });
  tracker.stop();
  assertEquals(bench.function.report(key!), null);
});

Deno.test("6.12 keeps a list of 32 bytes for each contiguous run instead of 8 a page (hmm-rdma-vfio.md 3.1)", () => {
  const costs = [false, true].map((apart) => {
    const bench = new MigrationBench({ kernel: "6.12.117", quirks: [] });
    const { buffer, table } = migrate(bench, apart);
    assertEquals(table[1023], table[0]! + 0x3F_F000, "one range all the same");
    assertEquals(bench.counts(...MAPPING).slice(0, 2), [1, 0]);
    assertEquals(bench.count("call.dma_map_sgtable"), 1);
    assertEquals(bench.driver.save(buffer), 64 * KIB);
    const cost = buffer.costBytes;
    bench.driver.freeBuffer(buffer);
    assertEquals(bench.machine.iommu.liveMappings, 0);
    return cost;
  });
  assertEquals(costs, [32 + 8192, 32 * 1024 + 8192]);
  const now = new MigrationBench();
  assertEquals(migrate(now, true).buffer.costBytes, 8192 + 16 + 8192);
  assertEquals(now.driver.allocBuffer(1, null, false).costBytes, 8 + 16, "not mapped: no table");
});

Deno.test("6.12: whatever fails is undone (hmm-rdma-vfio.md 3.1)", () => {
  const points = [["dma_map_sgtable", 1, 1], ["kvmalloc", 1, 1], ["kvmalloc", 2, 2], [
    "alloc_pages",
    6,
    7,
  ]] as const;
  for (const [point, first, last] of points) {
    const bench = new MigrationBench({ kernel: "6.12.117", quirks: [] });
    const leaks = bench.leaksOf(() => {
      const errno = bench.failing(point, [first, last], () => errnoOf(() => migrate(bench)));
      assertEquals(errno, "ENOMEM");
    });
    assertEquals(leaks, [], point);
  }
});
