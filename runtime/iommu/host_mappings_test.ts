/**
 * Mappings behind a virtio-iommu (rules/dma.md 5.5). The numbers of the single calls are those that a
 * driver of QEMU's `edu` has seen on 6.12.117 and 7.3.4.
 */
import { assertEquals } from "@std/assert";
import { DMA_BIDIRECTIONAL, DMA_FROM_DEVICE, DMA_TO_DEVICE } from "../dma/attributes.ts";
import { testBench } from "../dma/testing.ts";
import type { DmaAddr, PhysAddr } from "../address.ts";
import { HostMappings } from "./host_mappings.ts";
import { HostRequests, REQUEST_PLACES } from "./host_requests.ts";
import { PageSizeChoice, PTE_READ, PTE_WRITE } from "./page_table.ts";
import { Random } from "../random.ts";

const KIB_4 = 4096;
const SIZES = Array.from({ length: 40 }, (_, bit) => KIB_4 * 2 ** bit);
const BOTH = PTE_READ | PTE_WRITE;
const IOVA = 0x800_0000;
const PHYS = 0x690_0000;
const RAM = 0x1000_0000 as PhysAddr;

/** A domain without a machine. `at` is where the driver and the host find an address, from `PHYS`. */
function domain() {
  const requests = new HostRequests(null);
  const table = new HostMappings({
    granuleBytes: KIB_4,
    pageSizesBytes: SIZES,
    addressBits: 64,
    requests,
  });
  const wait = () => requests.wait("map", 0, 0);
  const map = (offset: number, phys: number, sizeBytes: number, flags = BOTH) => {
    const error = table.map(IOVA + offset, PHYS + phys, sizeBytes, flags);
    wait();
    return error;
  };
  const unmap = (offset: number, sizeBytes: number) => {
    const bytes = table.unmap(IOVA + offset, sizeBytes);
    wait();
    return bytes;
  };
  const at = (offset: number) => [
    table.walk(IOVA + offset) ? table.walkPhys - PHYS : null,
    table.walkHost(IOVA + offset) ? table.walkPhys - PHYS : null,
  ];
  return { at, map, table, unmap, wait };
}

Deno.test("an unmap of a part removes the whole mapping, and one inside of it nothing (dma.md 5.5)", () => {
  const { at, map, unmap } = domain();
  assertEquals([map(0, 0, 0x4000), unmap(0, 0x1000)], [0, 0x4000]);
  assertEquals([at(0), at(0x1000), unmap(0x1000, 0x3000)], [[null, null], [null, null], 0]);
  assertEquals([map(0, 0, 0x4000), unmap(0x1000, 0x1000)], [0, 0]);
  assertEquals([at(0), at(0x1000)], [[0, 0], [0x1000, 0x1000]]);
  assertEquals(unmap(0, 0x4000), 0x4000);
});

Deno.test("the host refuses a second mapping of an address, and the unmap counts both (dma.md 5.5)", () => {
  const { at, map, table, unmap } = domain();
  assertEquals([map(0, 0x2000, 0x1000), map(0, 0x1000, 0x1000)], [0, 0]);
  assertEquals(at(0), [0x2000, 0x2000]);
  const leaves: number[] = [];
  table.forEachLeaf(0, table.lastAddress, (_iova, phys) => leaves.push(phys - PHYS));
  assertEquals(leaves, [0x2000]);
  assertEquals([unmap(0, 0x1000), at(0), unmap(0, 0x1000)], [0x2000, [null, null], 0]);
  // A request of 0x2000 bytes removes the next page from the host, too.
  assertEquals([map(0, 0, 0x1000), map(0, 0, 0x1000), map(0x1000, 0x1000, 0x1000)], [0, 0, 0]);
  assertEquals([unmap(0, 0x1000), at(0x1000)], [0x2000, [0x1000, null]]);
  assertEquals(unmap(0x1000, 0x1000), 0x1000);
  // The one request removes 0x5000 bytes.
  assertEquals([map(0, 0, 0x4000), map(0x1000, 0, 0x1000)], [0, 0]);
  assertEquals([at(0), at(0x1000)], [[0, 0], [0x1000, 0x1000]]);
  assertEquals([unmap(0, 0x4000), at(0), at(0x1000)], [0x5000, [null, null], [null, null]]);
});

Deno.test("over a hole no request is sent, and the host keeps what the driver has forgotten (dma.md 5.5)", () => {
  const { at, map, table, unmap } = domain();
  assertEquals([map(0, 0x3000, 0x1000), map(0x2000, 0x5000, 0x1000)], [0, 0]);
  assertEquals(unmap(0, 0x4000), 0);
  assertEquals([at(0), at(0x2000)], [[null, 0x3000], [null, 0x5000]]);
  assertEquals([unmap(0x2000, 0x1000), table.isStale(IOVA)], [0, true]);
  const leaves: number[] = [];
  table.forEachLeaf(IOVA, IOVA + 0xfff, (iova) => leaves.push(iova - IOVA));
  assertEquals(leaves, [0]);
  // A new mapping is refused: the device reaches the old memory.
  assertEquals([map(0, 0, 0x1000), at(0)], [0, [0, 0x3000]]);
  assertEquals([unmap(0, 0x1000), at(0)], [0x1000, [null, null]]);
});

Deno.test("an unaligned map is refused, and one of nothing is not (dma.md 5.5)", () => {
  const { map } = domain();
  assertEquals([map(0x200, 0, 0x1000), map(0, 0, 0x1200), map(0, 0, 0)], [-22, -22, 0]);
});

Deno.test("a map is cut by both addresses, and an unmap by the IOVA alone (dma.md 5.5)", () => {
  const { table, wait } = domain();
  const leaves = (work: () => number) => [work(), table.leaves.toList()];
  const base = 0xfffa_0000;
  const map = (offset: number, phys: number) =>
    leaves(() => table.map(base + offset, phys, 0x6000, BOTH));
  assertEquals(map(0, 0x3e0_0000), [0, [[0x4000, 1], [0x2000, 1]]]);
  assertEquals(map(0x6000, 0x3e0_7000), [0, [[0x6000, 1]]]);
  assertEquals(map(0xc000, 0x3e0_e000), [0, [[0x6000, 1]]]);
  assertEquals(map(0x1_2000, 0x3e1_5000), [0, [[0x6000, 1]]]);
  wait();
  assertEquals(leaves(() => table.unmap(base, 0x1_8000)), [
    0x1_8000,
    [[0x4000, 1], [0x2000, 1], [0x6000, 3]],
  ]);
});

Deno.test("the host handles the queue at a wait, or when all places are taken (dma.md 5.5)", () => {
  const { at, table, wait } = domain();
  for (let page = 0; page < REQUEST_PLACES; page++) {
    table.map(IOVA + page * KIB_4, PHYS, KIB_4, BOTH);
  }
  assertEquals(at(0), [0, null]);
  table.map(IOVA + REQUEST_PLACES * KIB_4, PHYS, KIB_4, BOTH);
  assertEquals([at(0), at(REQUEST_PLACES * KIB_4)], [[0, 0], [0, null]]);
  wait();
  assertEquals(at(REQUEST_PLACES * KIB_4), [0, 0]);
});

Deno.test("rights are exact: write-only memory is not readable (dma.md 5.5)", () => {
  const { dev, machine } = testBench({ iommu: { mode: "strict", model: "virtio" } });
  const bytes = new Uint8Array(4);
  const out = machine.dma.dmaMapPhys(dev, RAM, KIB_4, DMA_TO_DEVICE) as DmaAddr;
  const into = machine.dma.dmaMapPhys(dev, RAM, KIB_4, DMA_FROM_DEVICE) as DmaAddr;
  assertEquals(
    [machine.bus.read(dev, out, bytes, 0, 4), machine.bus.write(dev, into, bytes, 0, 4)],
    [
      true,
      true,
    ],
  );
  assertEquals(
    [machine.bus.read(dev, into, bytes, 0, 4), machine.bus.write(dev, out, bytes, 0, 4)],
    [
      false,
      false,
    ],
  );
  assertEquals(machine.iommu.faults.map(({ reason }) => reason), ["not_readable", "not_writable"]);
});

Deno.test("lazy: the next mapping of any domain ends the window, and a flush is a wait (dma.md 5.5)", () => {
  const { dev, fields, machine, names } = testBench({ iommu: { mode: "lazy", model: "virtio" } });
  const bytes = new Uint8Array(4);
  const map = () => machine.dma.dmaMapPhys(dev, RAM, KIB_4, DMA_BIDIRECTIONAL) as DmaAddr;
  const one = map();
  machine.dma.dmaUnmapPhys(dev, one, KIB_4, DMA_BIDIRECTIONAL);
  // The device has not used it before: an IOTLB would not have it.
  assertEquals([machine.bus.read(dev, one, bytes, 0, 4), machine.iommu.staleAccesses], [true, 1]);
  const two = map();
  assertEquals([machine.bus.read(dev, one, bytes, 0, 4), machine.iommu.pendingFlushes], [false, 1]);
  machine.dma.dmaUnmapPhys(dev, two, KIB_4, DMA_BIDIRECTIONAL);
  machine.clock.advance(11_000_000);
  assertEquals([machine.bus.read(dev, two, bytes, 0, 4), machine.iommu.pendingFlushes], [false, 0]);
  assertEquals(fields("viommu.wait").map(({ reason, requests }) => [reason, requests]), [
    ["map", 1],
    ["map", 2],
    ["flush", 1],
  ]);
  assertEquals(names("iotlb.sync"), []);
});

Deno.test("an unmap names its range from 7.2 on only (dma.md 5.5)", () => {
  const range = (kernel: "6.18.15" | "7.2.12") => {
    const { dev, fields, machine } = testBench({
      machine: { kernel },
      iommu: { mode: "strict", model: "virtio" },
    });
    const dma = machine.dma.dmaMapPhys(dev, RAM, KIB_4, DMA_BIDIRECTIONAL) as DmaAddr;
    machine.dma.dmaUnmapPhys(dev, dma, KIB_4, DMA_BIDIRECTIONAL);
    const { size_bytes, start } = fields("viommu.wait").at(-1)!;
    return [start - dma, size_bytes];
  };
  assertEquals([range("6.18.15")[1], range("7.2.12")], [0, [0, KIB_4]]);
});

/** Random operations on a domain and on plain lists, which are searched from one end to the other. */
Deno.test("maps, unmaps and lookups are those of plain lists", () => {
  const random = new Random(7);
  const below = (limit: number) => random.below(limit);
  const { table, wait } = domain();
  interface Plain {
    readonly start: number;
    readonly end: number;
    readonly phys: number;
  }
  let driver: Plain[] = [];
  let host: Plain[] = [];
  const choice = new PageSizeChoice(SIZES);
  const cuts = (
    start: number,
    phys: number,
    sizeBytes: number,
    each: (bytes: number) => number,
  ) => {
    let done = 0;
    while (done < sizeBytes) {
      choice.choose(start + done, phys + done, sizeBytes - done);
      const moved = each(choice.sizeBytes * choice.count);
      if (moved === 0) break;
      done += moved;
    }
    return done;
  };
  for (let step = 0; step < 4000; step++) {
    const start = below(2048) * KIB_4;
    const sizeBytes = (1 + below(12)) * KIB_4;
    const isFree = driver.concat(host).every((each) =>
      each.end <= start || each.start >= start + sizeBytes
    );
    if (below(2) === 0 && isFree) {
      const phys = below(4096) * KIB_4;
      let at = start;
      cuts(start, phys, sizeBytes, (bytes) => {
        driver.push({ start: at, end: at + bytes, phys: phys + at - start });
        host.push(driver.at(-1)!);
        at += bytes;
        return bytes;
      });
      assertEquals(table.map(start, phys, sizeBytes, BOTH), 0);
    } else {
      let at = start;
      const unmapped = cuts(start, start, sizeBytes, (bytes) => {
        const inside = driver.some((each) => each.start < at && at < each.end);
        if (inside) return 0;
        const gone = driver.filter((each) => at <= each.start && each.start < at + bytes);
        driver = driver.filter((each) => !gone.includes(each));
        const sum = gone.reduce((total, each) => total + each.end - each.start, 0);
        if (sum < bytes) return 0;
        const end = at + sum;
        const touched = host.filter((each) => each.start < end && each.end > at);
        if (touched.every((each) => each.start >= at && each.end <= end)) {
          host = host.filter((each) => !touched.includes(each));
        }
        at = end;
        return sum;
      });
      assertEquals(table.unmap(start, sizeBytes), unmapped);
    }
    wait();
    const place = below(2100 * KIB_4);
    const found = (list: readonly Plain[]) => {
      const each = list.find((one) => one.start <= place && place < one.end);
      return each === undefined ? null : each.phys + place - each.start;
    };
    assertEquals(table.walk(place) ? table.walkPhys : null, found(driver));
    assertEquals(table.walkHost(place) ? table.walkPhys : null, found(host));
  }
});
