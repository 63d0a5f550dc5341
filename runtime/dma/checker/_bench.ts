/** A test bench that says what the checker has found. */
import type { DmaAddr } from "../../address.ts";
import type { EventFields } from "../../event_vocabulary.ts";
import { DMA_TO_DEVICE, type DmaDirection } from "../attributes.ts";
import { DmaIovaState } from "../iova_state.ts";
import { at, type TestBench, testBench, type TestBenchOptions } from "../testing.ts";

export type Report = EventFields<"dma.report">;

export interface CheckerBench extends TestBench {
  readonly state: DmaIovaState;
  /** The reports since the last look, in order. */
  reports(): Report[];
  classes(): string[];
  /** What a kernel's counter says. */
  errorCount(): number;
  /** Maps a buffer and asks whether that failed. */
  map(phys: number, sizeBytes: number, dir?: DmaDirection, attrs?: number): DmaAddr;
  unmap(dma: DmaAddr, sizeBytes: number, dir?: DmaDirection, attrs?: number): void;
  tryAlloc(phys: number, sizeBytes: number): boolean;
  link(
    phys: number,
    offset: number,
    sizeBytes: number,
    dir?: DmaDirection,
    attrs?: number,
  ): number;
  sync(offset: number, sizeBytes: number): void;
  unlink(offset: number, sizeBytes: number, dir?: DmaDirection, attrs?: number): void;
  destroy(mappedBytes: number, dir?: DmaDirection, attrs?: number): void;
  free(): void;
  /** The device reads; false after a fault. */
  read(dma: number, sizeBytes: number): boolean;
}

export function checkerBench(options: TestBenchOptions = {}): CheckerBench {
  const bench = testBench(options);
  const { machine, dev } = bench;
  const { dma } = machine;
  const state = new DmaIovaState();
  const reports = () => {
    const seen = bench.fields("dma.report");
    bench.forget();
    return seen;
  };
  return {
    ...bench,
    state,
    reports,
    classes: () => reports().map((report) => report.class),
    errorCount: () => machine.checker!.errorCount,
    map(phys, sizeBytes, dir = DMA_TO_DEVICE, attrs = 0) {
      const mapped = dma.dmaMapPhys(dev, at(phys), sizeBytes, dir, attrs);
      dma.dmaMappingError(dev, mapped);
      return mapped;
    },
    unmap: (mapped, sizeBytes, dir = DMA_TO_DEVICE, attrs = 0) =>
      dma.dmaUnmapPhys(dev, mapped, sizeBytes, dir, attrs),
    tryAlloc: (phys, sizeBytes) => dma.dmaIovaTryAlloc(dev, state, at(phys), sizeBytes),
    link: (phys, offset, sizeBytes, dir = DMA_TO_DEVICE, attrs = 0) =>
      dma.dmaIovaLink(dev, state, at(phys), offset, sizeBytes, dir, attrs),
    sync: (offset, sizeBytes) => void dma.dmaIovaSync(dev, state, offset, sizeBytes),
    unlink: (offset, sizeBytes, dir = DMA_TO_DEVICE, attrs = 0) =>
      dma.dmaIovaUnlink(dev, state, offset, sizeBytes, dir, attrs),
    destroy: (mappedBytes, dir = DMA_TO_DEVICE, attrs = 0) =>
      dma.dmaIovaDestroy(dev, state, mappedBytes, dir, attrs),
    free: () => dma.dmaIovaFree(dev, state),
    read: (address, sizeBytes) =>
      machine.bus.read(dev, address, new Uint8Array(sizeBytes), 0, sizeBytes),
  };
}

/** A machine without translation. */
export const DIRECT: TestBenchOptions = { iommu: { mode: "off" } };
