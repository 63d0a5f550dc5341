import { assertEquals } from "@std/assert";
import type { PhysAddr } from "../address.ts";
import { DmaDevice } from "../dma/device/device.ts";
import { ERRNO } from "../errno.ts";
import type { MachineEvent } from "../events.ts";
import { Machine } from "../machine.ts";
import { defaultMachineConfig } from "../machine_config.ts";
import { MemoryRuns } from "./memory_runs.ts";
import { PTE_READ } from "./page_table.ts";

Deno.test("a map that fails says how far it came and took back (dma.md 5.1)", () => {
  const base = defaultMachineConfig();
  const machine = new Machine({ ...base, iommu: { ...base.iommu, mode: "strict", model: "vtd" } });
  const dev = new DmaDevice("ssd");
  machine.iommu.attach(dev);
  const seen: MachineEvent[] = [];
  machine.events.listen((event) => seen.push(event), ["iommu.map", "iommu.map_failed"]);
  const map = (iova: number, phys: number, sizeBytes: number) =>
    dev.domain!.map(iova, phys as PhysAddr, sizeBytes, PTE_READ);

  assertEquals(map(0x3000, 0x9000, 0x1000), 0);
  assertEquals(map(0x1000, 0x5000, 0x4000), -ERRNO.EADDRINUSE);
  assertEquals(map(0x5800, 0x5000, 0x1000), -ERRNO.ENXIO);
  assertEquals(seen.map(({ name }) => name), ["iommu.map", "iommu.map_failed", "iommu.map_failed"]);
  assertEquals(seen.slice(1).map(({ fields }) => Object.values(fields)), [
    [0x1000, 0x5000, 0x4000, 0x2000, "EADDRINUSE"],
    [0x5800, 0x5000, 0x1000, 0, "ENXIO"],
  ]);
  assertEquals(dev.domain!.table.walk(0x1000), false);
});

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

Deno.test("calls that fail one after the other look at all ranges once (dma.md 4.4 step 1)", () => {
  const base = defaultMachineConfig();
  const machine = new Machine({ ...base, iommu: { ...base.iommu, mode: "strict", model: "vtd" } });
  const dev = new DmaDevice("nic", { maskBits: 24 });
  machine.iommu.attach(dev);
  const domain = dev.domain!;
  const causes: string[] = [];
  machine.events.listen((event) => {
    if (event.name === "iova.alloc_failed") causes.push(event.fields.cause);
  });
  let looks = 0;
  const { ranges } = domain.iova;
  const forEach = ranges.forEach.bind(ranges);
  ranges.forEach = (visit) => {
    looks++;
    forEach(visit);
  };
  const first = domain.allocIova(dev, 0x80_0000, false);
  for (let call = 0; call < 1000; call++) assertEquals(domain.allocIova(dev, 0x80_0000, false), 0);
  assertEquals([causes.length, new Set(causes).size, looks], [1000, 1, 1]);
  // Another size, and another state of affairs, are looked at anew.
  assertEquals(domain.allocIova(dev, 0x100_0000, false), 0);
  domain.freeIova(first, 0x80_0000);
  assertEquals(domain.allocIova(dev, 0x100_0000, false), 0);
  assertEquals([causes.slice(1000), looks], [["beyond_limit", "beyond_limit"], 3]);
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
