import { assertEquals, assertThrows } from "@std/assert";
import type { DmaAddr, PhysAddr } from "../address.ts";
import { DMA_BIDIRECTIONAL, DMA_TO_DEVICE, type DmaDirection } from "../dma/attributes.ts";
import { DmaDevice, type DmaDeviceOptions } from "../dma/device/device.ts";
import { at } from "../dma/testing.ts";
import { KernelError } from "../errno.ts";
import { Machine } from "../machine.ts";
import { testConfig, type TestConfigOptions } from "../testing_config.ts";
import { deviceTlbDescriptor } from "./device_tlb.ts";

const PAGE = 4096;
const BUFFER = 0x1000_0000;

function rig(device: DmaDeviceOptions = {}, options: TestConfigOptions = {}) {
  const machine = new Machine(testConfig(options));
  const dev = new DmaDevice("x", { maskBits: 32, ats: true, ...device });
  dev.requesterId = 0x100;
  machine.iommu.attach(dev);
  const told: string[] = [];
  machine.events.listen((event) => {
    switch (event.name) {
      case "iommu.translate":
        told.push(event.fields.hit);
        break;
      case "device_tlb.request":
        told.push(`asks: ${event.fields.granted}`);
        break;
      case "device_tlb.answer":
        told.push(`drops ${event.fields.dropped} after ${event.fields.after_ns}`);
        break;
      case "device_tlb.wait":
        told.push(`waited ${event.fields.waited_ns}`);
        break;
      case "device_tlb.timeout":
        told.push(`time-out after ${event.fields.after_ns}`);
        break;
      case "iommu.fault":
        told.push(event.fields.reason);
        break;
      default:
        break;
    }
  });
  const map = (pages = 1, dir: DmaDirection = DMA_TO_DEVICE, phys = BUFFER) =>
    machine.dma.dmaMapPhys(dev, at(phys), pages * PAGE, dir);
  const unmap = (dma: DmaAddr, pages = 1, dir: DmaDirection = DMA_TO_DEVICE) =>
    machine.dma.dmaUnmapPhys(dev, dma, pages * PAGE, dir);
  const reads = (dma: number) => {
    told.length = 0;
    machine.iommu.translate(dev, dma, "read");
    return told.join(", ");
  };
  return { dev, machine, map, reads, told, unmap };
}

Deno.test("an access is served by the device's own cache, or else by the IOTLB or a walk that the device asks for (dma.md 5.4)", () => {
  const { map, reads } = rig({ atsEntries: 2 });
  const dma = map(3);
  assertEquals(reads(dma), "asks: read, walk");
  assertEquals(reads(dma + 8), "device_tlb");
  assertEquals(reads(dma + PAGE), "asks: read, walk");
  assertEquals(reads(dma + 2 * PAGE), "asks: read, walk", "the third of two entries");
  assertEquals(reads(dma), "asks: read, iotlb", "the one used longest ago had to go");
  assertEquals(reads(dma + 2 * PAGE), "device_tlb");
});

Deno.test("an answer without a permission is not enough: the device asks again, and what is not mapped is never kept", () => {
  const { dev, machine, map, reads, told } = rig();
  const dma = map();
  reads(dma);
  told.length = 0;
  machine.iommu.translate(dev, dma, "write");
  assertEquals(told, ["asks: read", "not_writable"]);
  assertEquals(reads(dma - PAGE), "asks: nothing, not_present");
  assertEquals(reads(dma - PAGE), "asks: nothing, not_present");
  assertEquals(dev.deviceTlb!.entries.used, 1);
});

Deno.test("an answer from the IOTLB covers the page of its entry, whatever was walked in between", () => {
  const { map, reads } = rig({ atsEntries: 1 });
  const large = map(512);
  const small = map(1, DMA_TO_DEVICE, 2 * BUFFER);
  assertEquals(reads(large), "asks: read, walk");
  assertEquals(reads(large + 256 * PAGE), "device_tlb", "one entry of 2 MiB");
  assertEquals(reads(small), "asks: read, walk");
  assertEquals(reads(large), "asks: read, iotlb");
  assertEquals(reads(large + 256 * PAGE), "device_tlb");
});

Deno.test("an answer from a walk covers the page of the walk, whatever the first IOTLB entry covers", () => {
  const { map, reads } = rig({ atsEntries: 1 });
  const large = map(512);
  const small = map(1, DMA_TO_DEVICE, 2 * BUFFER);
  assertEquals(reads(large), "asks: read, walk");
  assertEquals(reads(small), "asks: read, walk");
  assertEquals(reads(small - PAGE), "asks: nothing, not_present", "the entry has 4 KiB");
});

Deno.test("a strict unmap waits for the device's answer, and time passes for the CPU that waits", () => {
  for (const atsAnswersNs of [0, 50_000, 59_999_999_999]) {
    const { machine, map, reads, told, unmap } = rig({ atsAnswersNs });
    const dma = map(2);
    reads(dma);
    told.length = 0;
    unmap(dma, 2);
    assertEquals(told, [`drops 1 after ${atsAnswersNs}`, `waited ${atsAnswersNs}`]);
    assertEquals(machine.clock.nowNs, atsAnswersNs);
    assertEquals(reads(dma), "asks: nothing, not_present");
  }
});

Deno.test("VT-d: after the time-out the call never returns; AMD: it returns, and the late answer comes of itself", () => {
  const vtd = rig({ atsAnswersNs: null });
  const dma = vtd.map();
  vtd.reads(dma);
  vtd.told.length = 0;
  assertThrows(() => vtd.unmap(dma), KernelError, "sends it again for ever");
  assertEquals(vtd.told, ["waited 60000000000", "time-out after 60000000000"]);

  const amd = rig({ atsAnswersNs: 300_000_000 }, { iommu: { model: "amd" } });
  const first = amd.map();
  amd.reads(first);
  amd.told.length = 0;
  amd.unmap(first);
  assertEquals(amd.told, ["waited 100000000", "time-out after 100000000"]);
  const again = amd.map(1, DMA_TO_DEVICE, 0x2000_0000);
  assertEquals(again, first, "the range is given out again");
  assertEquals(amd.reads(again), "stale_device_tlb", "it leads to the page of before");
  assertEquals(amd.machine.iommu.translate(amd.dev, again, "read"), BUFFER as PhysAddr);
  amd.told.length = 0;
  amd.machine.advance(200_000_000);
  assertEquals(amd.told, ["drops 1 after 300000000"]);
  assertEquals(amd.machine.iommu.translate(amd.dev, again, "read"), 0x2000_0000 as PhysAddr);
});

Deno.test("of several devices the slowest decides how long an unmap waits", () => {
  const machine = new Machine(testConfig());
  const devices = [30_000, 10_000].map((atsAnswersNs, index) =>
    new DmaDevice(`x${index}`, { maskBits: 32, ats: true, atsAnswersNs })
  );
  machine.iommu.groups.make(devices);
  const told: string[] = [];
  machine.events.listen((event) => {
    if (event.name === "device_tlb.answer") {
      told.push(`${event.fields.target} ${event.fields.after_ns}`);
    }
    if (event.name === "device_tlb.wait") told.push(`${event.fields.waited_ns}`);
  });
  const dma = machine.dma.dmaMapPhys(devices[0]!, at(BUFFER), PAGE, DMA_BIDIRECTIONAL);
  machine.dma.dmaUnmapPhys(devices[0]!, dma, PAGE, DMA_BIDIRECTIONAL);
  assertEquals(told, ["x1 10000", "x0 30000", "30000"]);
});

Deno.test("a device that leaves its domain keeps nothing of it", () => {
  const { dev, machine, map, reads } = rig();
  reads(map());
  machine.iommu.groups.unbindDriver(dev);
  assertEquals(machine.iommu.groups.claim(dev), 0);
  assertEquals(dev.deviceTlb!.entries.used, 0);
});

Deno.test("the descriptor has the size of its range in the zeros of its address (VT-d 6.5.2, PCIe 10.2.3)", () => {
  const { dev } = rig();
  const table = dev.domain!.table;
  for (
    const [first, pages, expected] of [
      [0xffff_a000, 1, 0xffff_a000n],
      [0xffff_e000, 2, 0xffff_e001n],
      [0xffff_8000, 8, 0xffff_b001n],
      [0xffe0_0000, 512, 0xffef_f001n],
    ] as const
  ) {
    const { qw0, qw1 } = deviceTlbDescriptor(0x100, table, first, first + pages * PAGE - 1);
    assertEquals([qw0, qw1], [0x100_0000_0003n, expected]);
  }
});
