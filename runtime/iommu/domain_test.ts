import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { DmaDevice } from "../dma/device/device.ts";
import { ERRNO } from "../errno.ts";
import { Machine } from "../machine.ts";
import { defaultMachineConfig } from "../machine_config.ts";
import { at, testBench } from "../dma/testing.ts";
import { testConfig } from "../testing_config.ts";
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

Deno.test("leaves cost time where nobody audits as well", () => {
  const machine = new Machine(testConfig({ iommu: { mode: "strict" } }));
  const dev = new DmaDevice("ssd");
  machine.iommu.attach(dev);
  machine.charges.tableWriteNs = 3;
  const domain = dev.domain!;
  domain.map(0x1000, at(0x5000), 0x3000, PTE_READ);
  assertEquals(machine.clock.nowNs, 9);
  domain.unmap(0x1000, 0x3000, true, "__iommu_dma_unmap");
  assertEquals([machine.audited, machine.clock.nowNs], [false, 18]);
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
    device: {
      directRegions: [[0, 0x1800], [0x1000_0800, 0x1000_2801]].map(([start, end]) => ({
        start: start!,
        end: end!,
        relaxable: false,
      })),
    },
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
    assertEquals(ends(0, 0x1fff, 0x2000), [0x2000, 0x2000, -1]);
    assertEquals([page, 0x1000_1000].map((address) => domain.table.walk(address)), [true, true]);
    domain.renew();
    assertEquals([domain.endOfKept(page), domain.table.walk(page)], [-1, false]);
    assertEquals(iommu.groups.messageAddress(dev), doorbell);
  }
});

Deno.test("in caching mode what is mapped for good is flushed as any map is (dma.md 5.2, 9.11)", () => {
  const { dev, fields } = testBench({
    iommu: { cachingMode: true },
    device: { directRegions: [{ start: 0x1000_0000, end: 0x1000_2000, relaxable: false }] },
  });
  dev.domain!.renew();
  assertEquals(fields("iommu.sync_map"), [{ iova: 0x1000_0000, size_bytes: 0x2000 }]);
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

Deno.test("each step of a domain tells what it did and why, and charges for leaves (dma.md 4.2 to 4.4, 5.1, 5.3)", () => {
  const { dev, machine, seen } = testBench({
    iommu: { mode: "lazy", model: "vtd" },
    device: { maskBits: 33, busLimitBits: 40 },
  });
  machine.charges.tableWriteNs = 3;
  const domain = dev.domain!;
  const told = () =>
    seen.splice(0).filter(({ name }) => name !== "kernel.warn").map(({ fields, why }) => {
      const reason = why === null ? "" : ` ${why.rule} ${Object.values(why.inputs)}`;
      return `${Object.values(fields)}${reason}`;
    });
  const alloc = (sizeBytes: number) => [domain.allocIova(dev, sizeBytes, false), ...told()];
  const iova = 0xffff_c000;
  assertEquals(alloc(0x3000), [
    iova,
    `${iova},12288,4294967295,tree dma.4.2 3,true,8589934591,true,0`,
  ]);
  assertEquals([domain.map(iova, at(0x5000), 0x3000, 3), machine.clock.nowNs], [0, 9]);
  assertEquals(told(), [`${iova},20480,12288,read_write,4096,3`]);
  assertEquals([domain.map(iova, at(0x5000), 0x3000, 3), machine.clock.nowNs], [
    -ERRNO.EADDRINUSE,
    9,
  ]);
  const table = "dma.5.1 4096,281474976710655,4503599627370495";
  assertEquals(told(), [`${iova},20480,12288,0,EADDRINUSE ${table}`]);
  domain.unmap(iova, 0x3000, false, "__iommu_dma_unmap");
  assertEquals([domain.generation, machine.clock.nowNs, told()], [1, 18, [
    `${iova},12288,12288,4096,3`,
  ]]);
  domain.releaseIova(iova, 0x3000);
  assertEquals(told(), [`${iova},12288,flush_queue dma.5.3 true`, "1"]);
  const failed = (wanted: number, cause: string, ...inputs: (string | number)[]) => [
    0,
    `${wanted},8589934591,${cause} dma.4.4 ${wanted},${inputs},${wanted}`,
  ];
  const [gib4, gib8] = [2 ** 32, 2 ** 33];
  assertEquals(alloc(gib8), failed(gib8, "beyond_limit", gib8 - 0x5000, gib4, "mask", 1));
  assertEquals(alloc(2 ** 31), [
    6442450944,
    "6442450944,2147483648,8589934591,tree dma.4.4 524288,false,8589934591,false,0",
  ]);
  assertEquals(alloc(gib4), failed(gib4, "fragmented", 6442430464, 4294946816, "mask", 1));
  machine.advance(11_000_000);
  assertEquals(told(), [
    "all,0,281474976710656,0,281474976710656 dma.5.3 1",
    "1,timer dma.5.3 255,10000000",
    `${iova},12288,rcache dma.4.3 3,32`,
  ]);
  // After the flush the range is free again. Frames that are reserved after that are not free.
  assertEquals(alloc(gib4), failed(gib4, "alignment", 6442446848, 6442446848, "mask", 0));
  domain.reserve(0x1000, 0x1fff);
  assertEquals(alloc(gib4), failed(gib4, "alignment", 6425669632, 6408896512, "mask", 0));
});
