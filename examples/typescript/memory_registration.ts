/**
 * A library for drivers in user space that registers memory with VFIO: whole huge pages of 2 MiB, each mapped once
 * at the address that it has in the process. Memory that is registered twice is counted, and unmapped with the
 * last one. `Type1Container` answers as the kernel does, so that the library's mistakes show without a device.
 */
import * as lab from "dmalab";

const HUGE_BYTES = 2 * 2 ** 20;
const READ_WRITE = lab.MAP_FLAG.READ | lab.MAP_FLAG.WRITE;

/** The library: what a program registers, and how often. */
export class MemoryMap {
  /** Registrations of each huge page, by its address. */
  readonly #counts = new Map<number, number>();

  constructor(readonly container: lab.Type1Container) {}

  /** @returns 0 or a negative errno; nothing stays registered after an error. */
  register(vaddr: number, sizeBytes: number): number {
    if (vaddr % HUGE_BYTES !== 0 || sizeBytes % HUGE_BYTES !== 0) return -lab.ERRNO.EINVAL;
    for (let at = vaddr; at < vaddr + sizeBytes; at += HUGE_BYTES) {
      const count = this.#counts.get(at) ?? 0;
      const area = { iova: at, vaddr: at, sizeBytes: HUGE_BYTES, flags: READ_WRITE };
      const error = count > 0 ? 0 : this.container.mapDma(area);
      if (error !== 0) {
        if (at > vaddr) this.unregister(vaddr, at - vaddr);
        return error;
      }
      this.#counts.set(at, count + 1);
    }
    return 0;
  }

  unregister(vaddr: number, sizeBytes: number): void {
    for (let at = vaddr; at < vaddr + sizeBytes; at += HUGE_BYTES) {
      const count = this.#counts.get(at)!;
      if (count > 1) this.#counts.set(at, count - 1);
      else {
        this.#counts.delete(at);
        this.container.unmapDma({ iova: at, sizeBytes: HUGE_BYTES, flags: 0 });
      }
    }
  }
}

/** A process whose memory is all there, with a limit of locked memory. */
export class TestProcess implements lab.MappingProcess {
  lockedPages = 0;
  readonly maySurpassLimit = false;

  constructor(readonly memlockBytes: number) {}

  pin(_virtPage: number, pages: number): lab.PinnedRun {
    return { kind: "counted", pages };
  }

  unpin(): void {}
}

/** The container of a device behind VT-d, on Linux 7.2. */
export function containerOf(process: lab.MappingProcess): lab.Type1Container {
  return new lab.Type1Container(process, {
    kernel: "7.2",
    // VFIO_IOMMU_GET_INFO lists them: all but the window of the message interrupts.
    validRanges: [{ start: 0, end: 0xfedf_ffff }, { start: 0xfef0_0000, end: 2 ** 48 - 1 }],
  });
}
