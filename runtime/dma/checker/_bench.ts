/** A test bench that collects the checker's reports. */
import type { DmaAddr } from "../../address.ts";
import type { EventFields } from "../../event_vocabulary.ts";
import { DMA_TO_DEVICE, type DmaDirection } from "../attributes.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at, testBench, type TestBenchOptions } from "../testing.ts";

export type Report = EventFields<"dma.report">;

export type CheckerBench = ReturnType<typeof checkerBench>;

export function checkerBench(options: TestBenchOptions = {}) {
  const bench = testBench(options);
  const { machine, dev } = bench;
  const { dma } = machine;
  const state = new DmaIovaState();
  const reports = (): Report[] => {
    const seen = bench.fields("dma.report");
    bench.forget();
    return seen;
  };
  return {
    ...bench,
    state,
    /** The reports since the last call, in order. */
    reports,
    classes: () => reports().map((report) => report.class),
    /** The value of the kernel's error counter. */
    errorCount: () => machine.checker!.errorCount,
    /** Maps a buffer and calls `dmaMappingError` on the result. */
    map(phys: number, sizeBytes: number, dir: DmaDirection = DMA_TO_DEVICE, attrs = 0): DmaAddr {
      const mapped = dma.dmaMapPhys(dev, at(phys), sizeBytes, dir, attrs);
      dma.dmaMappingError(dev, mapped);
      return mapped;
    },
    unmap: (mapped: DmaAddr, sizeBytes: number, dir: DmaDirection = DMA_TO_DEVICE, attrs = 0) =>
      dma.dmaUnmapPhys(dev, mapped, sizeBytes, dir, attrs),
    tryAlloc: (phys: number, sizeBytes: number) =>
      dma.dmaIovaTryAlloc(dev, state, at(phys), sizeBytes),
    link: (
      phys: number,
      offset: number,
      sizeBytes: number,
      dir: DmaDirection = DMA_TO_DEVICE,
      attrs = 0,
    ) => dma.dmaIovaLink(dev, state, at(phys), offset, sizeBytes, dir, attrs),
    sync: (offset: number, sizeBytes: number) =>
      void dma.dmaIovaSync(dev, state, offset, sizeBytes),
    unlink: (offset: number, sizeBytes: number, dir: DmaDirection = DMA_TO_DEVICE, attrs = 0) =>
      dma.dmaIovaUnlink(dev, state, offset, sizeBytes, dir, attrs),
    destroy: (mappedBytes: number, dir: DmaDirection = DMA_TO_DEVICE, attrs = 0) =>
      dma.dmaIovaDestroy(dev, state, mappedBytes, dir, attrs),
    free: () => dma.dmaIovaFree(dev, state),
    /** The device reads; false after a fault. */
    read: (address: number, sizeBytes: number) =>
      machine.bus.read(dev, address, new Uint8Array(sizeBytes), 0, sizeBytes),
    /** The device writes; false after a fault. */
    write: (address: number, sizeBytes: number) =>
      machine.bus.write(dev, address, new Uint8Array(sizeBytes), 0, sizeBytes),
  };
}

/** A machine without translation. */
export const DIRECT: TestBenchOptions = { iommu: { mode: "off" } };
