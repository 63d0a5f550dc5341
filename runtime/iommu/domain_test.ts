import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { DmaDevice } from "../dma/device/device.ts";
import { Machine } from "../machine.ts";
import { defaultMachineConfig } from "../machine_config.ts";
import { MemoryRuns } from "./memory_runs.ts";
import { PTE_READ } from "./page_table.ts";

Deno.test("granules of a list are mapped together only where none has to be counted or audited", () => {
  const mapped = (prepare: (machine: Machine) => void): number => {
    const base = defaultMachineConfig();
    const machine = new Machine({ ...base, iommu: { ...base.iommu, mode: "strict" } });
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
