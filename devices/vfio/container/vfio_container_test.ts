import { assert, assertEquals } from "@std/assert";
import {
  AddressSpace,
  type DmaAddr,
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
import { DmaDevice } from "@dmalab/runtime/dma";
import { type TestBench, testBench } from "@dmalab/runtime/testing";
import { MAP_FLAG, UNMAP_FLAG } from "./type1_container.ts";
import { bitmapBytesOf, VfioContainer } from "./vfio_container.ts";

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
  // Pages that lie apart are mapped and unmapped one by one, and invalidated together.
  for (const page of [3, 2, 1, 0]) process.faultIn(small + page * PAGE, true);
  bench.forget();
  assertEquals(map(0, small, 16 * KIB), "0");
  assertEquals(bench.names("iommu.map").length, 4);
  container.unmapDma(0 as never, 16 * KIB, 0);
  assertEquals(bench.names("iommu.unmap", "iotlb.sync"), [
    ...["iommu.unmap", "iommu.unmap", "iommu.unmap", "iommu.unmap", "iotlb.sync"] as const,
  ]);
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

Deno.test("the groups of a container share one table, and the last one takes the areas with it (hmm-rdma-vfio.md 7.24 to 7.26)", () => {
  const bench = rig({ kernel: "7.3" });
  const { container, dev, machine, map, process } = bench;
  const other = deviceAlone(bench, "y");
  const ram = memory(process, 64 * KIB);
  assertEquals(map(0, ram, 64 * KIB), "0");
  bench.forget();
  assertEquals(container.addGroup(other), 0);
  assertEquals([bench.names("iommu.map"), process.lockedPages], [[], 16]);
  assertEquals([read(bench, dev, PAGE), read(bench, other, PAGE)], [0, 0]);
  assertEquals([container.addGroup(other), container.addGroup(dev)], [
    -ERRNO.EINVAL,
    -ERRNO.EINVAL,
  ]);
  // An open file of a device keeps its group in the container.
  assertEquals([container.openDevice(other), container.removeGroup(other)], [0, -ERRNO.EBUSY]);
  assertEquals([container.closeDevice(other), container.closeDevice(other)], [true, false]);
  // The first one leaves; the areas are the other one's.
  assertEquals(container.removeGroup(dev), 0);
  assertEquals([dev.domain, dev.group!.users], [dev.group!.domain, 0]);
  assertEquals([read(bench, other, PAGE), container.areaCount], [0, 1]);
  assertEquals([container.removeGroup(other), container.removeGroup(other)], [0, -ERRNO.EINVAL]);
  assertEquals([process.lockedPages, process.pinnedFrames, container.isSelected], [0, 0, false]);
  assertEquals(map(0, ram, PAGE), "EINVAL");
  assertEquals([container.setIommu(), container.addGroup(other)], [-ERRNO.EINVAL, 0]);
  assertEquals([container.setIommu(), container.setIommu()], [0, -ERRNO.EINVAL]);
  assertEquals([map(0, ram, PAGE), read(bench, other, 0), container.areaCount], ["0", 0, 1]);
  process.exit();
  assertEquals([process.lockedPages, other.group!.users, machine.iommu.groups.userDomains.size], [
    ...[0, 0, 0],
  ]);
});

Deno.test("a group cannot be added while the address of an area is taken back, and stays the kernel's (hmm-rdma-vfio.md 7.24)", () => {
  const bench = rig();
  const { container, map, process, unmap } = bench;
  const other = deviceAlone(bench, "y");
  const ram = memory(process, 8 * KIB);
  map(0, ram, 8 * KIB);
  unmap(0, 8 * KIB, UNMAP_FLAG.VADDR);
  assertEquals([container.addGroup(other), other.group!.users], [-ERRNO.EBUSY, 0]);
  assertEquals(map(0, ram, 8 * KIB, MAP_FLAG.VADDR), "0");
  assertEquals(container.addGroup(other), 0);
  container.close();
});

Deno.test("VT-d's driver of 6.12 ends an invalidation where the size of the unmaps changes, and 7.3 after 512 (hmm-rdma-vfio.md 7.29)", () => {
  for (const [kernel, syncs] of [["6.12", 3], ["7.3", 1]] as const) {
    const bench = rig({ kernel, memlockBytes: 64 * MIB });
    const { container, map, process, unmap } = bench;
    const ram = memory(process, 32 * KIB);
    // Pages 2 and 3 are contiguous in memory, and those around them lie apart.
    for (const page of [7, 6, 5, 4]) process.faultIn(ram + page * PAGE, true);
    for (const page of [2, 3, 1, 0]) process.faultIn(ram + page * PAGE, true);
    map(0, ram, 32 * KIB);
    bench.forget();
    assertEquals(unmap(0, 32 * KIB), String(32 * KIB));
    assertEquals(bench.names("iommu.unmap").length, 7, kernel);
    assertEquals(bench.names("iotlb.sync").length, syncs, kernel);
    container.close();
  }
  const bench = rig({ kernel: "7.3", memlockBytes: 64 * MIB });
  const ram = memory(bench.process, 4 * MIB);
  for (let page = 1023; page >= 0; page--) bench.process.faultIn(ram + page * PAGE, true);
  bench.map(0, ram, 513 * PAGE);
  bench.forget();
  bench.unmap(0, 513 * PAGE);
  assertEquals(bench.fields("iotlb.sync").map(({ size_bytes }) => size_bytes / PAGE), [512, 1]);
  bench.container.close();
});

Deno.test("up to 6.12 the table is tested with two pages at 0 when the IOMMU is selected (hmm-rdma-vfio.md 7.28)", () => {
  for (const [kernel, maps] of [["6.12", 1], ["7.2", 0]] as const) {
    const bench = rig({ kernel });
    assertEquals(bench.fields("iommu.map").length, maps);
    assertEquals(bench.names("iommu.unmap", "iotlb.sync").length, 4 * maps);
    bench.container.close();
  }
});

Deno.test("a device with a TLB of its own forgets what a process unmaps (hmm-rdma-vfio.md 7.9)", () => {
  const bench = rig();
  const { container, machine, map, process, unmap } = bench;
  const ats = new DmaDevice("ats", { maskBits: 64, ats: true });
  machine.iommu.groups.make([ats]);
  machine.iommu.groups.unbindDriver(ats);
  assertEquals(container.addGroup(ats), 0);
  const ram = memory(process, 4 * KIB);
  map(0, ram, PAGE);
  assertEquals(read(bench, ats, 0), 0);
  assertEquals(ats.deviceTlb!.entries.used, 1);
  unmap(0, PAGE);
  assertEquals([ats.deviceTlb!.entries.used, read(bench, ats, 0)], [0, "not_present"]);
  container.close();
});

/** A device without a driver in a group of its own. */
function deviceAlone({ machine }: TestBench, name: string): DmaDevice {
  const dev = new DmaDevice(name, { maskBits: 64 });
  machine.iommu.groups.make([dev]);
  machine.iommu.groups.unbindDriver(dev);
  return dev;
}

/** The memory that the device must reach: for each mapped page its address. */
type Reach = Map<number, number>;

/** One drawn call, with its effect on what the devices in the container must reach. */
function drawnCall(bench: Rig, devices: readonly DmaDevice[], random: Random, reach: Reach): void {
  const { container, map, process, unmap } = bench;
  const base = process.areas[0]!.start;
  const virt = base + random.below(40) * PAGE;
  const iova = random.below(48) * PAGE;
  const pages = 1 + random.below(10);
  const end = virt + pages * PAGE as VirtAddr;
  switch (random.below(11)) {
    case 8: {
      const dev = devices[random.below(devices.length)]!;
      if (isIn(container, dev)) container.removeGroup(dev);
      else container.addGroup(dev);
      if (container.areaCount === 0) reach.clear();
      return;
    }
    case 9: {
      const dev = devices[random.below(devices.length)]!;
      if (!container.closeDevice(dev)) container.openDevice(dev);
      return void container.setIommu();
    }
    case 10: {
      const sizeBytes = pages * PAGE;
      const bitmap = { bitmapBytes: bitmapBytesOf(sizeBytes), pageSizeBytes: PAGE };
      return void container.dirtyPages(1 << random.below(3), {
        iova: iova as DmaAddr,
        sizeBytes,
        ...bitmap,
      });
    }
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
      const flags = random.below(3) === 0 ? UNMAP_FLAG.GET_DIRTY_BITMAP : 0;
      if (Number(unmap(iova, 2 * pages * PAGE, flags)) >= 0) {
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

function isIn({ deviceNames }: VfioContainer, { name }: DmaDevice): boolean {
  return deviceNames.includes(name);
}

Deno.test("no calls leave a pin, an area, a table page or a byte behind, and all reach their pages (hmm-rdma-vfio.md 7.13)", () => {
  const random = new Random(0x95);
  for (let round = 0; round < 40; round++) {
    const kernel = (["6.1", "6.12", "7.2", "7.3"] as const)[round % 4]!;
    const iommu = round % 3 === 0 ? { model: "amd" as const } : { cachingMode: round % 3 === 1 };
    const bench = rig({ iommu, kernel, memlockBytes: (8 + random.below(60)) * PAGE });
    const { container, dev, machine, process } = bench;
    const devices = [dev, deviceAlone(bench, "y"), deviceAlone(bench, "z")];
    const takenBytes = machine.pages.takenBytes;
    memory(process, 2 * MIB, round % 5 === 0 ? 9 : 0);
    const reach: Reach = new Map();
    for (let call = 0; call < 80; call++) {
      drawnCall(bench, devices, random, reach);
      for (const each of devices) {
        const isReaching = isIn(container, each) && container.isSelected;
        for (let iova = 0; iova < 60 * PAGE; iova += PAGE) {
          const expected = isReaching ? reach.get(iova) ?? -1 : -1;
          assertEquals(machine.iommu.lookup(each, iova), expected);
        }
      }
      const locked = [...container.areas].reduce((sum, { lockedPages }) => sum + lockedPages, 0);
      assertEquals(process.lockedPages, locked);
    }
    if (random.below(2) === 0) container.close();
    process.exit();
    assertEquals([container.areaCount, process.lockedPages, process.pinnedFrames], [0, 0, 0]);
    assertEquals(machine.pages.takenBytes, takenBytes);
    assert(container.tablePages <= 1, "of the tables only the empty top one is left");
    assertEquals(machine.iommu.groups.userDomains.size, 0);
    assertEquals(devices.map(({ domain, group }) => domain === group!.domain), [true, true, true]);
    assertEquals(bench.fields("dma.report"), []);
  }
});
