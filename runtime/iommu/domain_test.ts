import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { DmaDevice } from "../dma/device/device.ts";
import { Machine } from "../machine.ts";
import { defaultMachineConfig } from "../machine_config.ts";
import { at, testBench } from "../dma/testing.ts";
import type { IommuDomain } from "./domain.ts";
import type { IommuModel } from "./iommu_models.ts";
import { MemoryRuns } from "./memory_runs.ts";
import { PTE_READ } from "./page_table.ts";

Deno.test("granules of a list are mapped together only where none has to be counted or audited", () => {
  const mapped = (prepare: (machine: Machine) => void, debugPagealloc = false): number => {
    const base = defaultMachineConfig();
    const machine = new Machine({
      ...base,
      iommu: { ...base.iommu, mode: "strict", debugPagealloc },
    });
    const dev = new DmaDevice("ssd");
    machine.iommu.attach(dev);
    machine.markReady();
    prepare(machine);
    const { domain } = dev;
    const runs = new MemoryRuns();
    for (const phys of [0x5000, 0x9000, 0x7000]) runs.add(phys as PhysAddr, 0x1000);
    assertEquals(domain!.map(0x1000, runs.physAt(0), 0x1000, PTE_READ), 0);
    return domain!.mapGranules(0x2000, runs, 1, PTE_READ);
  };
  assertEquals(mapped(() => {}), 2);
  assertEquals(mapped(() => {}, true), 0);
  assertEquals(mapped((machine) => machine.startAudit()), 0);
  assertEquals(mapped((machine) => machine.charges.tableWriteNs = 1), 0);
  assertEquals(mapped((machine) => machine.events.listen(() => {})), 0);
});

Deno.test("what a search was limited by is the bus where its limit is the lower one, else the mask (dma.md 4.4)", () => {
  const limited = (options: { maskBits: number; busLimitBits?: number }) => {
    const base = defaultMachineConfig();
    const machine = new Machine({
      ...base,
      iommu: { ...base.iommu, mode: "strict", model: "vtd" },
    });
    const dev = new DmaDevice("nic", options);
    machine.iommu.attach(dev);
    const limits: unknown[] = [];
    machine.events.listen((event) => limits.push(event.why?.inputs.limited_by), [
      "iova.alloc_failed",
    ]);
    assertEquals(dev.domain!.allocIova(dev, 2 ** 32, false), 0);
    return limits;
  };
  assertEquals(limited({ maskBits: 32, busLimitBits: 24 }), ["bus"]);
  assertEquals(limited({ maskBits: 24, busLimitBits: 32 }), ["mask"]);
  assertEquals(limited({ maskBits: 24 }), ["mask"]);
});

Deno.test("a domain that is made new prefers what its device preferred when it was attached", () => {
  for (const prefer32Bit of [true, false]) {
    const base = defaultMachineConfig();
    const machine = new Machine({
      ...base,
      iommu: { ...base.iommu, mode: "strict", model: "vtd" },
    });
    const dev = new DmaDevice("nic", { prefer32Bit });
    machine.iommu.attach(dev);
    const first = dev.prefer32Bit;
    dev.prefer32Bit = !first;
    dev.domain!.renew();
    assertEquals([dev.prefer32Bit, first], [first, prefer32Bit]);
  }
});

Deno.test("what is mapped for good ends where its pages do, and a domain that is made new maps it again (dma.md 4.7, 9.11)", () => {
  const bench = testBench({
    iommu: { mode: "lazy", model: "smmu" },
    device: { directRegions: [{ start: 0x1000_0800, end: 0x1000_2801, relaxable: false }] },
  });
  const { dev, machine: { events: { context }, iommu } } = bench;
  const domain = dev.domain!;
  const doorbell = iommu.groups.messageAddress(dev);
  assertEquals([context.device, doorbell % 4096], [null, 0x40]);
  const page = doorbell - 0x40;
  for (const _ of [1, 2]) {
    const ends = (...addresses: number[]) => addresses.map((address) => domain.endOfKept(address));
    assertEquals(ends(page - 1, page, page + 4095, page + 4096), [
      -1,
      page + 4096,
      page + 4096,
      -1,
    ]);
    assertEquals(ends(0x1000_0fff, 0x1000_1000, 0x1000_2fff, 0x1000_3000), [
      -1,
      0x1000_3000,
      0x1000_3000,
      -1,
    ]);
    assertEquals([page, 0x1000_1000].map((address) => domain.table.walk(address)), [true, true]);
    domain.renew();
    assertEquals([domain.endOfKept(page), domain.table.walk(page)], [-1, false]);
    assertEquals(iommu.groups.messageAddress(dev), doorbell);
  }
});

Deno.test("a page table that is not as expected warns by its function, once for each time (dma.md 5.1, 5.2)", () => {
  const warned = (model: IommuModel, act: (domain: IommuDomain) => unknown) => {
    const { dev, fields, machine } = testBench({ iommu: { model } });
    machine.events.context.asDevice("dev", () => act(dev.domain!));
    return fields("kernel.warn").map((warning) => `${warning.at}: ${warning.text}`);
  };
  const odd = (by: string) => `${by}: Device "dev": the page table at 0x1000 is not as expected`;
  const clears = (domain: IommuDomain) => domain.unmap(0x1000, 0x2000, true, "iommu_unmap");
  const none = 'iommu_unmap: Device "dev": 0 of 8192 bytes at 0x1000 were mapped';
  for (const model of ["vtd", "amd", "smmu"] as const) {
    const isArm = model === "smmu";
    assertEquals(warned(model, (domain) => domain.map(0x1000, at(0x5000), 0x1000, 0)), [
      ...isArm ? [] : [odd("map_pages")],
    ]);
    assertEquals(warned(model, (domain) => domain.map(0x1000, at(0x5000), 0x1000, 3)), []);
    assertEquals(warned(model, clears), [...isArm ? [odd("unmap_pages")] : [], none]);
  }
});
