/**
 * Bus addresses of memory where they differ from physical addresses. The map has ranges of CPU
 * addresses, each with the bus address at which devices find the range.
 *
 * Without a map the bus address of memory is its physical address. With a map, memory outside every
 * range cannot be reached at all. MMIO windows of other devices are not memory: their addresses are
 * used unchanged.
 *
 * @see rules/dma.md 1.1
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  hexAddress,
  type PhysAddr,
} from "../../address.ts";
import { ERRNO, invariant } from "../../errno.ts";
import type { MemoryRange } from "../../memory/layout.ts";

/** One range: `sizeBytes` bytes of memory from `cpuPhys` on are found from `dma` on. */
export interface DmaRange {
  readonly cpuPhys: PhysAddr;
  readonly dma: DmaAddr;
  readonly sizeBytes: Bytes;
}

export class RangeMap {
  /** @param ranges In the order in which lookups try them. */
  constructor(readonly ranges: readonly DmaRange[]) {
    const isOne = ({ cpuPhys, dma, sizeBytes }: DmaRange) =>
      sizeBytes > 0 && cpuPhys >= 0 && dma >= 0;
    invariant(ranges.every(isOne), "a range of a bus has bytes, and addresses on both sides");
  }

  /** Where devices find a byte of memory; `DMA_MAPPING_ERROR` when they do not. */
  dmaOf(phys: number): DmaAddr {
    for (const { cpuPhys, dma, sizeBytes } of this.ranges) {
      if (phys >= cpuPhys && phys < cpuPhys + sizeBytes) return dma + (phys - cpuPhys) as DmaAddr;
    }
    return DMA_MAPPING_ERROR;
  }

  /** The physical address of the byte that a device finds at an address; -1 for none. */
  physOf(dma: number): PhysAddr | -1 {
    for (const range of this.ranges) {
      if (dma >= range.dma && dma < range.dma + range.sizeBytes) {
        return range.cpuPhys + (dma - range.dma) as PhysAddr;
      }
    }
    return -1;
  }

  /** The last address at which devices find memory. */
  get lastDma(): number {
    return Math.max(...this.ranges.map(({ dma, sizeBytes }) => dma + sizeBytes - 1));
  }

  /**
   * The memory that devices find, as text, with the bus address of each range if it differs:
   * `0x0-0xd7ff_ffff`.
   */
  get memoryText(): string {
    return this.ranges.map(({ cpuPhys, dma, sizeBytes }) => {
      const memory = `${hexAddress(cpuPhys)}-${hexAddress(cpuPhys + sizeBytes - 1)}`;
      return dma as number === cpuPhys ? memory : `${memory} at ${hexAddress(dma)}`;
    }).join(", ");
  }

  /** The addresses at which devices find memory: `0x0-0xd7ff_ffff`. */
  get addressText(): string {
    return this.ranges.map(({ dma, sizeBytes }) =>
      `${hexAddress(dma)}-${hexAddress(dma + sizeBytes - 1)}`
    ).join(", ");
  }

  /** True when devices find every byte of RAM. */
  coversRam(memory: readonly MemoryRange[]): boolean {
    return memory.every(({ basePhys, sizeBytes, type }) => {
      if (type !== "ram") return true;
      let at: number = basePhys;
      while (at < basePhys + sizeBytes) {
        const range = this.ranges.find(({ cpuPhys, sizeBytes }) =>
          at >= cpuPhys && at < cpuPhys + sizeBytes
        );
        if (range === undefined) return false;
        at = range.cpuPhys + range.sizeBytes;
      }
      return true;
    });
  }

  /**
   * The addresses that translate to nothing, which the IOVA allocator must leave out. A gap before a
   * range includes the range's first byte, as in the kernel. Because whole pages are left out, the
   * range's first page is left out with the gap.
   *
   * @param lastAddress The last address that is translated.
   * @returns Ranges, end exclusive. If a domain with these ranges cannot be set up, a negative
   *   errno: EINVAL for ranges that overlap, EFAULT for ranges that all lie after the last address.
   * @see rules/dma.md 4.1, 4.6
   */
  gaps(lastAddress: number): readonly { start: number; end: number }[] | number {
    const gaps: { start: number; end: number }[] = [];
    let at = 0;
    for (const { dma, sizeBytes } of [...this.ranges].sort((a, b) => a.dma - b.dma)) {
      if (dma < at) return -ERRNO.EINVAL;
      if (dma > at) gaps.push({ start: at, end: dma + 1 });
      at = dma + sizeBytes;
    }
    if (gaps[0]?.start === 0 && gaps[0].end - 1 > lastAddress) return -ERRNO.EFAULT;
    if (at <= lastAddress) gaps.push({ start: at, end: lastAddress + 1 });
    return gaps;
  }
}
