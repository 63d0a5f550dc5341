import { assertEquals } from "@std/assert";
import { type TestBench, testBench, type TestBenchOptions } from "../dma/testing.ts";
import { errnoName } from "../errno.ts";
import type { IommuMode } from "../machine_config.ts";

function set({ machine, dev }: TestBench, mode: string, privileged = true): string {
  const error = machine.iommu.groups.setMode(dev, mode, privileged);
  return error === 0 ? "ok" : error > 0 ? "a count" : errnoName(error);
}

const MODES: readonly IommuMode[] = ["passthrough", "strict", "lazy"];

Deno.test("with its driver bound, a device goes from strict to lazy and nowhere else (dma.md 1.3)", () => {
  const table = MODES.map((from) =>
    MODES.map((to) => {
      const bench = testBench({ iommu: { mode: from } });
      return `${set(bench, to)} ${bench.machine.iommu.modeOf(bench.dev)}`;
    })
  );
  assertEquals(table, [
    ["EPERM passthrough", "EPERM passthrough", "EPERM passthrough"],
    ["EPERM strict", "EPERM strict", "ok lazy"],
    ["EPERM lazy", "EPERM lazy", "EPERM lazy"],
  ]);
});

Deno.test("without permission EACCES comes first; an unknown word is EINVAL (dma.md 1.3)", () => {
  const bench = testBench();
  assertEquals(set(bench, "lazy", false), "EACCES");
  assertEquals(set(bench, "sideways", false), "EACCES");
  assertEquals([set(bench, "sideways"), set(bench, "off")], ["EINVAL", "EINVAL"]);
  assertEquals(bench.machine.iommu.modeOf(bench.dev), "strict");
});

Deno.test("an untrusted device stays strict, and without an IOMMU or where flushes cannot wait nothing changes (dma.md 1.3)", () => {
  const change = (options: TestBenchOptions) => {
    const bench = testBench(options);
    return `${set(bench, "lazy")} ${bench.machine.iommu.modeOf(bench.dev)}`;
  };
  assertEquals(change({ device: { untrusted: true } }), "EPERM strict");
  assertEquals(change({ iommu: { mode: "off" } }), "ENODEV off");
  assertEquals(change({ iommu: { cachingMode: true } }), "ok strict");
  assertEquals(change({ iommu: { cachingMode: true, model: "amd" } }), "ok strict");
  assertEquals(change({ iommu: { cachingMode: true, model: "smmu" } }), "ok lazy");
});
