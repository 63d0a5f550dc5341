import { assert, assertEquals } from "@std/assert";
import {
  AddressSpace,
  ERRNO,
  errnoName,
  type IommuConfig,
  KIB,
  MIB,
  PAGE_SIZE_BYTES,
  Random,
  type VirtAddr,
} from "@dmalab/runtime";
import type { KernelName } from "@dmalab/runtime/kernels";
import type { DmaDevice } from "@dmalab/runtime/dma";
import { type TestBench, testBench } from "@dmalab/runtime/testing";
import { MAP_FLAG, UNMAP_FLAG } from "./type1_container.ts";
import { VfioContainer } from "./vfio_container.ts";

const PAGE = PAGE_SIZE_BYTES;
const READ_WRITE = MAP_FLAG.READ + MAP_FLAG.WRITE;
/** The default of `dma_entry_limit`. */
const ENTRIES = 65_535;

interface Rig extends TestBench {
  readonly process: AddressSpace;
  readonly container: VfioContainer;
  readonly map: (iova: number, virt: number, sizeBytes: number, flags?: number) => string;
  readonly unmap: (iova: number, sizeBytes: number, flags?: number) => string;
}

/** A device without a driver, and a process that has opened a container for it. */
function rig(
  { dmaEntryLimit = ENTRIES, iommu = {}, kernel = "7.2", memlockBytes = 8 * MIB }: {
    readonly dmaEntryLimit?: number;
    readonly iommu?: Partial<IommuConfig>;
    readonly kernel?: KernelName;
    readonly memlockBytes?: number;
  } = {},
): Rig {
  const bench = testBench({ iommu: { reserved: null, ...iommu }, machine: { kernel } });
  const { dev, machine } = bench;
  machine.iommu.groups.unbindDriver(dev);
  const process = new AddressSpace(machine, undefined, { memlockBytes, maySurpassLimit: false });
  const container = VfioContainer.open(machine, { process, dev, dmaEntryLimit });
  assert(typeof container !== "number");
  return {
    ...bench,
    process,
    container,
    map: (iova, virt, sizeBytes, flags = READ_WRITE) =>
      answer(container.mapDma(iova as never, virt as VirtAddr, sizeBytes, flags)),
    unmap: (iova, sizeBytes, flags = 0) =>
      answer(container.unmapDma(iova as never, sizeBytes, flags)),
  };
}

function answer(result: number): string {
  return result < 0 ? errnoName(result) : String(result);
}

function memory(process: AddressSpace, sizeBytes: number, order = 0, writable = true): number {
  const start = process.map({ sizeBytes, writable, order });
  assert(start > 0);
  return start;
}

/** A byte that the device reads; the reason of the fault where it cannot. */
function read({ machine }: TestBench, dev: DmaDevice, iova: number): number | string {
  const bytes = new Uint8Array(1);
  if (machine.bus.read(dev, iova as never, bytes, 0, 1)) return bytes[0]!;
  return machine.iommu.faults.at(-1)!.reason;
}

Deno.test("a device reaches what its process mapped, with its rights, and nothing else (hmm-rdma-vfio.md 7.6, 7.9)", () => {
  const bench = rig();
  const { container, dev, machine, map, process, unmap } = bench;
  const ram = memory(process, 64 * KIB);
  assertEquals(process.faultIn(ram + PAGE, true), 0);
  machine.hostMemory.fill(process.pageAt(ram + PAGE)!.phys, PAGE, 0x5a);
  assertEquals(read(bench, dev, 0x10_1000), "not_present");
  assertEquals(map(0x10_0000, ram, 64 * KIB, MAP_FLAG.READ), "0");
  assertEquals([read(bench, dev, 0x10_1000), read(bench, dev, 0x11_0000)], [0x5a, "not_present"]);
  assertEquals(machine.bus.write(dev, 0x10_1000 as never, new Uint8Array(1), 0, 1), false);
  assertEquals(machine.iommu.faults.at(-1)!.reason, "not_writable");
  assertEquals(unmap(0x10_0000, 64 * KIB), String(64 * KIB));
  assertEquals(read(bench, dev, 0x10_1000), "not_present");
  assertEquals(bench.fields("dma.report"), [], "the checker judges drivers, not processes");
  container.close();
});

Deno.test("the device keeps pinned pages that the process drops, moves or leaves (hmm-rdma-vfio.md 7.12)", () => {
  const bench = rig();
  const { container, dev, machine, map, process } = bench;
  const ram = memory(process, 16 * KIB);
  assertEquals(map(0, ram, 16 * KIB), "0");
  const { phys } = process.pageAt(ram)!;
  assertEquals(process.migrate(ram as VirtAddr), -ERRNO.EBUSY);
  assertEquals(process.pageOut(ram as VirtAddr, ram + 16 * KIB as VirtAddr), 0);
  assertEquals(process.pageAt(ram)!.phys, phys);
  process.discard(ram as VirtAddr, ram + PAGE as VirtAddr, true);
  process.unmap(ram + PAGE as VirtAddr, ram + 16 * KIB as VirtAddr);
  assertEquals(process.faultIn(ram, true), 0);
  assert(process.pageAt(ram)!.phys !== phys);
  assertEquals(machine.iommu.lookup(dev, 0), phys);
  assertEquals([process.pinnedFrames, process.lockedPages], [4, 4]);
  // The process ends: its memory goes first, its files after it.
  process.exit();
  assertEquals([process.pinnedFrames, process.lockedPages, container.isOpen], [0, 0, false]);
  assertEquals(bench.names("hmm.invalidate", "iommu.unmap", "vfio.container").slice(-3), [
    ...["hmm.invalidate", "iommu.unmap", "vfio.container"] as const,
  ]);
});

Deno.test("contiguous memory is mapped with the largest pages that fit (hmm-rdma-vfio.md 7.14)", () => {
  const bench = rig();
  const { container, map, process } = bench;
  const huge = memory(process, 4 * MIB, 9);
  const small = memory(process, 16 * KIB);
  assertEquals(map(0x20_0000, huge, 4 * MIB), "0");
  assertEquals(bench.fields("iommu.map").map(({ leaves }) => leaves), [[[2 * MIB, 2]]]);
  // Pages that lie apart are mapped one by one, and unmapped and invalidated together.
  for (const page of [3, 2, 1, 0]) process.faultIn(small + page * PAGE, true);
  bench.forget();
  assertEquals(map(0, small, 16 * KIB), "0");
  assertEquals(bench.names("iommu.map").length, 4);
  container.unmapDma(0 as never, 16 * KIB, 0);
  assertEquals(bench.names("iommu.unmap", "iotlb.sync"), ["iommu.unmap", "iotlb.sync"]);
  container.close();
});

Deno.test("memory that was never written is the zero page to 6.1, and its own page since 6.12 (hmm-rdma-vfio.md 7.8)", () => {
  for (const [kernel, counted] of [["6.1", 0], ["6.12", 4], ["7.3", 4]] as const) {
    const { container, map, process } = rig({ kernel });
    const ram = memory(process, 16 * KIB);
    assertEquals(map(0, ram, 16 * KIB, MAP_FLAG.READ), "0");
    assertEquals(process.lockedPages, counted, kernel);
    assertEquals(process.pageAt(ram)!.frame.owner, counted === 0 ? "zero" : "process");
    assertEquals(process.pageAt(ram)!.writable, false);
    // The first write of the process is not seen by the device of 6.1 any more.
    assertEquals(process.faultIn(ram, true), 0);
    container.close();
    process.exit();
    assertEquals(process.pinnedFrames, 0);
  }
});

Deno.test("an error leaves nothing pinned, mapped or counted (hmm-rdma-vfio.md 7.6)", () => {
  const bench = rig({ memlockBytes: 5 * PAGE });
  const { container, machine, map, process } = bench;
  const ram = memory(process, 16 * KIB);
  const fixed = memory(process, 4 * KIB, 0, false);
  const clean = () => {
    assertEquals([process.pinnedFrames, process.lockedPages, container.areaCount], [0, 0, 0]);
    assertEquals(machine.iommu.lookup(bench.dev, 0), -1);
  };
  assertEquals(map(0, ram, 20 * KIB), "EFAULT");
  clean();
  assertEquals(map(0, fixed, 4 * KIB), "EFAULT");
  clean();
  process.memlockBytes = 3 * PAGE + 5;
  assertEquals(map(0, ram, 16 * KIB), "ENOMEM");
  clean();
  const errors = bench.fields("vfio.map_dma").map(({ error }) => error);
  assertEquals(errors.join(" "), "EFAULT EFAULT ENOMEM");
  container.close();
});

Deno.test("addresses at the end of 64 bits are mapped, and a range that wraps is refused (hmm-rdma-vfio.md 7.2)", () => {
  const bench = rig({ iommu: { model: "amd", addressBits: 64 } });
  const { container, dev, map, process, unmap } = bench;
  assertEquals(container.ranges.map(({ end }) => end), [
    ...[0xfedf_ffff, 0xfc_ffff_ffff, 2 ** 53 - 1],
  ]);
  const ram = memory(process, 16 * KIB);
  const last = 2 ** 53 - PAGE;
  assertEquals(map(last, ram, 2 * PAGE), "EOVERFLOW");
  assertEquals(map(last - PAGE, ram, 2 * PAGE), "0");
  assertEquals([read(bench, dev, last), read(bench, dev, last - 2 * PAGE)], [0, "not_present"]);
  assertEquals(unmap(last, PAGE), "EINVAL");
  assertEquals(unmap(0, 0, UNMAP_FLAG.ALL), String(2 * PAGE));
  container.close();
});

Deno.test("an SMMU's users keep the window of messages free (hmm-rdma-vfio.md 7.15)", () => {
  const { container, map, process } = rig({ iommu: { model: "smmu", addressBits: 48 } });
  assertEquals(container.ranges, [
    { start: 0, end: 0x7ff_ffff },
    { start: 0x810_0000, end: 2 ** 48 - 1 },
  ]);
  const ram = memory(process, 4 * KIB);
  assertEquals([map(0x800_0000, ram, PAGE), map(0x810_0000, ram, PAGE)], ["EINVAL", "0"]);
  container.close();
});

Deno.test("a group is one user's: EPERM with a driver, EBUSY with a container, until it is closed (dma.md 9.8)", () => {
  const { container, dev, machine } = rig();
  const process = new AddressSpace(machine);
  const open = () => VfioContainer.open(machine, { process, dev, dmaEntryLimit: ENTRIES });
  assertEquals(open(), -ERRNO.EBUSY);
  assertEquals(machine.iommu.groups.bindDriver(dev), -ERRNO.EBUSY);
  container.close();
  assertEquals([dev.group!.users, dev.domain === dev.group!.domain], [0, true]);
  assertEquals(machine.iommu.groups.bindDriver(dev), 0);
  assertEquals(open(), -ERRNO.EPERM);
});

for (const model of ["vtd", "amd", "smmu", "virtio"] as const) {
  Deno.test(`containers that are opened and closed again and again take no memory of the host, ${model}`, () => {
    const { container, dev, machine, process } = rig({ iommu: { model } });
    const ram = memory(process, 64 * KIB) as VirtAddr;
    container.close();
    const held: number[] = [];
    for (let round = 0; round < 3; round++) {
      const again = VfioContainer.open(machine, { process, dev, dmaEntryLimit: ENTRIES });
      assert(typeof again !== "number");
      for (let page = 0; page < 8; page++) {
        assertEquals(again.mapDma(page * MIB * 2 as never, ram, 64 * KIB, READ_WRITE), 0);
      }
      assertEquals(again.unmapDma(0 as never, 4 * MIB, 0), 128 * KIB);
      again.close();
      held.push(machine.budget.heldBytes);
    }
    assertEquals(held[1], held[0]);
    assertEquals(held[2], held[0]);
  });
}

/** The memory that the device must reach: for each mapped page its address. */
type Reach = Map<number, number>;

/** One drawn call, with its effect on what the device must reach. */
function drawnCall({ container, map, process, unmap }: Rig, random: Random, reach: Reach): void {
  const base = process.areas[0]!.start;
  const virt = base + random.below(40) * PAGE;
  const iova = random.below(48) * PAGE;
  const pages = 1 + random.below(10);
  const end = virt + pages * PAGE as VirtAddr;
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2: {
      const flags = [READ_WRITE, READ_WRITE, MAP_FLAG.READ][random.below(3)]!;
      if (map(iova, virt, pages * PAGE, flags) !== "0") return;
      for (let page = 0; page < pages; page++) {
        reach.set(iova + page * PAGE, process.pageAt(virt + page * PAGE)!.phys);
      }
      return;
    }
    case 3:
    case 4: {
      const areas = [...container.areas].filter(({ pages: size, startPage }) =>
        startPage * PAGE >= iova && (startPage + size) * PAGE <= iova + 2 * pages * PAGE
      );
      if (Number(unmap(iova, 2 * pages * PAGE)) >= 0) {
        for (const { pages: size, startPage } of areas) {
          for (let page = startPage; page < startPage + size; page++) reach.delete(page * PAGE);
        }
      }
      return;
    }
    case 5:
      return void process.discard(virt as VirtAddr, end, true);
    case 6:
      return void process.migrate(virt as VirtAddr);
    default:
      return void [process.pageOut(virt as VirtAddr, end), process.fork()];
  }
}

Deno.test("no calls leave a pin, an area, a table page or a byte behind, and all reach their pages (hmm-rdma-vfio.md 7.13)", () => {
  const random = new Random(0x95);
  for (let round = 0; round < 40; round++) {
    const kernel = (["6.1", "6.12", "7.2", "7.3"] as const)[round % 4]!;
    const iommu = round % 3 === 0 ? { model: "amd" as const } : { cachingMode: round % 3 === 1 };
    const bench = rig({ iommu, kernel, memlockBytes: (8 + random.below(60)) * PAGE });
    const { container, dev, machine, process } = bench;
    const takenBytes = machine.pages.takenBytes;
    memory(process, 2 * MIB, round % 5 === 0 ? 9 : 0);
    const reach: Reach = new Map();
    for (let call = 0; call < 60; call++) {
      drawnCall(bench, random, reach);
      for (let iova = 0; iova < 60 * PAGE; iova += PAGE) {
        assertEquals(machine.iommu.lookup(dev, iova), reach.get(iova) ?? -1);
      }
      const locked = [...container.areas].reduce((sum, { lockedPages }) => sum + lockedPages, 0);
      assertEquals(process.lockedPages, locked);
    }
    if (random.below(2) === 0) container.close();
    process.exit();
    assertEquals([container.areaCount, process.lockedPages, process.pinnedFrames], [0, 0, 0]);
    assertEquals(machine.pages.takenBytes, takenBytes);
    assertEquals(container.tablePages, 1, "of the group's tables only the empty top one is left");
    assertEquals(bench.fields("dma.report"), []);
  }
});
