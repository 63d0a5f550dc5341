/**
 * Prints how many bytes of this process one live mapping takes, at a million of them.
 *
 * A process of its own, because only `--v8-flags=--expose-gc` lets it collect garbage before it
 * looks. The one argument is the checker's setting.
 */
import { defaultMachineConfig, Machine, type PhysAddr } from "@dmalab/runtime";
import { DMA_FROM_DEVICE, DmaDevice } from "@dmalab/runtime/dma";

const MAPPINGS = 1_000_000;

function usedBytes(): number {
  (globalThis as unknown as { gc(): void }).gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

function measure(checker: "off" | "report"): number {
  const defaults = defaultMachineConfig();
  const machine = new Machine({
    ...defaults,
    quirks: new Set(),
    checker,
    ramSizeBytes: 16 * 2 ** 30,
    iommu: { ...defaults.iommu, mode: "strict" },
  });
  const dev = new DmaDevice("dev");
  machine.iommu.attach(dev);
  machine.markReady();
  const before = usedBytes();
  for (let index = 0; index < MAPPINGS; index++) {
    const phys = (0x1_0000_0000 + index * 4096) as PhysAddr;
    const dma = machine.dma.dmaMapPhys(dev, phys, 4096, DMA_FROM_DEVICE);
    if (machine.dma.dmaMappingError(dev, dma) !== 0) throw new Error("A map failed");
  }
  const bytes = (usedBytes() - before) / MAPPINGS;
  if (machine.iommu.liveMappings !== MAPPINGS) throw new Error("Not all mappings are live");
  return bytes;
}

console.log(measure(Deno.args[0] === "report" ? "report" : "off"));
