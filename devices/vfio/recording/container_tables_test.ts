import { assert, assertEquals } from "@std/assert";
import { AddressSpace, MIB, ResourceTracker, type VirtAddr } from "@dmalab/runtime";
import { testBench } from "@dmalab/runtime/testing";
import { MAP_FLAG, UNMAP_FLAG } from "../container/type1_container.ts";
import { VfioContainer } from "../container/vfio_container.ts";
import { CONTAINER_TABLES } from "./container_tables.ts";

Deno.test("areas of a container are held until an unmap, an unmap of all or the end of the process", () => {
  const { dev, machine } = testBench();
  machine.iommu.groups.unbindDriver(dev);
  const process = new AddressSpace(machine);
  const ram = process.map({ sizeBytes: MIB, writable: true, order: 0 }) as VirtAddr;
  const held = new ResourceTracker(machine, CONTAINER_TABLES);
  const rows = () =>
    held.leaks().filter(({ kind }) => kind === "vfio_area")
      .map(({ amount, span }) => [span?.start, amount]);
  const open = () => {
    const opened = VfioContainer.open(machine, { process, dev, dmaEntryLimit: 4 });
    assert(typeof opened !== "number");
    return opened;
  };
  const container = open();
  const map = (iova: number, flags: number = MAP_FLAG.READ) =>
    container.mapDma(iova as never, ram, 8192, flags);
  map(0);
  map(0x1_0000);
  map(0x1000);
  assertEquals(rows(), [[0, 8192], [0x1_0000, 8192]]);
  // Areas whose address is taken back, or given again, are the same areas.
  container.unmapDma(0 as never, 8192, UNMAP_FLAG.VADDR);
  map(0, MAP_FLAG.VADDR);
  container.unmapDma(0x1_0000 as never, 4096, 0);
  assertEquals(rows().length, 2);
  container.unmapDma(0 as never, 0x1_0000, 0);
  assertEquals(rows(), [[0x1_0000, 8192]]);
  map(0x2_0000);
  container.unmapDma(0 as never, 0, UNMAP_FLAG.ALL);
  assertEquals(rows(), []);
  map(0x2_0000);
  process.exit();
  assertEquals([rows(), container.isOpen], [[], false]);
});
