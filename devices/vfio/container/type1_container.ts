/**
 * A container of VFIO type 1, version 2: a process maps its memory for the devices of the container's
 * groups, at addresses that the process chooses. Answers as `VFIO_IOMMU_MAP_DMA`,
 * `VFIO_IOMMU_UNMAP_DMA` and `VFIO_IOMMU_GET_INFO` do.
 *
 * @see rules/hmm-rdma-vfio.md, chapter 7
 */
import { ERRNO, invariant } from "@dmalab/runtime";
import type { Kernel } from "@dmalab/runtime/kernels";
import { type MappedArea, MappedAreas } from "./mapped_areas.ts";

const PAGE_BITS = 12;
const PAGE_BYTES = 2 ** PAGE_BITS;
const U64 = 2n ** 64n;
/** The number of pages that 64-bit addresses have. */
const ALL_PAGES = 2 ** 52;

/** Flags of a map: `VFIO_DMA_MAP_FLAG_*`. */
export const MAP_FLAG = { READ: 1, WRITE: 2, VADDR: 4 } as const;

/** Flags of an unmap: `VFIO_DMA_UNMAP_FLAG_*`. */
export const UNMAP_FLAG = { GET_DIRTY_BITMAP: 1, ALL: 2, VADDR: 4 } as const;

/** A number of 64 bits: a number where it is exact, else a bigint. */
export type U64Value = number | bigint;

/** What pages of a process are to a pin. */
export type PinnedKind =
  /** Memory, which counts against the limit of locked memory. */
  | "counted"
  /** Pages of a device's BAR: they count nowhere. */
  | "reserved"
  /** The process may not access the pages so. */
  | "fault";

/** How pages are pinned. */
export interface PinAccess {
  /** Whether the device may write the pages. */
  readonly writable: boolean;
  /**
   * Whether memory that was never written stays so: a pin for reading then takes the zero page, which is
   * `reserved`. Else the process gets a page of its own.
   */
  readonly takesZeroPage: boolean;
}

/** Neighbouring pages that are alike. */
export interface PinnedRun {
  /** What all of the pages are. */
  readonly kind: PinnedKind;
  /** 1 or more, at most as many as were asked for. */
  readonly pages: number;
}

/** The process whose memory is mapped, as far as a container needs it. */
export interface MappingProcess {
  /** Pages that the process has locked, by whatever call: also by `mlock`. */
  lockedPages: number;
  /** The soft limit `RLIMIT_MEMLOCK`, in bytes. */
  readonly memlockBytes: number;
  /** Whether the process has `CAP_IPC_LOCK`: then no limit counts. */
  readonly maySurpassLimit: boolean;
  /**
   * Pins the first of these pages that are alike, so that they stay where they are. Pages of the
   * kind `fault` are not pinned.
   */
  pin(virtPage: number, pages: number, access: PinAccess): PinnedRun;
  /** Releases pages that were pinned, each as often as it was pinned. */
  unpin(virtPage: number, pages: number): void;
}

/** Addresses that devices of the container may use, first and last byte. */
export interface IovaRange {
  /** The first byte's address. */
  readonly start: U64Value;
  /** The last byte's address. */
  readonly end: U64Value;
}

/** The settings of a container. */
export interface Type1Options {
  /** The ways of the kernel's release that a container sees. */
  readonly kernel: Pick<Kernel, "readonly_pin_takes_zero_page" | "vfio_wrap_is_einval">;
  /** `dma_entry_limit` of the module: areas that a container may have (default: 65,535). */
  readonly dmaEntryLimit?: number;
  /** The ranges that `VFIO_IOMMU_GET_INFO` lists, ascending. */
  readonly validRanges: readonly IovaRange[];
}

/** The arguments of `VFIO_IOMMU_MAP_DMA`. */
export interface MapDma {
  /** The address that the device uses. */
  readonly iova: U64Value;
  /** The memory's address in the process. */
  readonly vaddr: U64Value;
  /** Bytes of memory, a multiple of 4 KiB. */
  readonly sizeBytes: U64Value;
  /** {@linkcode MAP_FLAG}s. */
  readonly flags: number;
}

/** The arguments of `VFIO_IOMMU_UNMAP_DMA`. */
export interface UnmapDma {
  /** The first address of the range. */
  readonly iova: U64Value;
  /** Bytes of the range, a multiple of 4 KiB. */
  readonly sizeBytes: U64Value;
  /** {@linkcode UNMAP_FLAG}s. */
  readonly flags: number;
}

interface PageRange {
  readonly startPage: number;
  readonly pages: number;
}

/**
 * A container, opened by a process for one group of devices.
 *
 * @example
 * ```ts
 * import { Type1Container } from "@dmalab/devices/vfio_container";
 *
 * const process = {
 *   lockedPages: 0, memlockBytes: 65_536, maySurpassLimit: false,
 *   pin: (_virtPage: number, pages: number) => ({ kind: "counted" as const, pages }),
 *   unpin() {},
 * };
 * const container = new Type1Container(process, {
 *   kernel: { readonly_pin_takes_zero_page: false, vfio_wrap_is_einval: false },
 *   validRanges: [{ start: 0, end: 0xfedf_ffff }],
 * });
 * container.mapDma({ iova: 0x10_0000, vaddr: 0x7f00_0000_0000, sizeBytes: 0x4000, flags: 3 }); // 0
 * ```
 */
export class Type1Container {
  readonly #areas = new MappedAreas();
  readonly #process: MappingProcess;
  readonly #ranges: readonly PageRange[];
  readonly #entryLimit: number;
  readonly #wrapErrno: number;
  readonly #takesZeroPage: boolean;

  /** Opens a container. */
  constructor(
    process: MappingProcess,
    { dmaEntryLimit = 65_535, kernel, validRanges }: Type1Options,
  ) {
    this.#process = process;
    this.#takesZeroPage = kernel.readonly_pin_takes_zero_page;
    this.#wrapErrno = kernel.vfio_wrap_is_einval ? -ERRNO.EINVAL : -ERRNO.EOVERFLOW;
    this.#entryLimit = dmaEntryLimit;
    this.#ranges = validRanges.map(({ end, start }) => {
      const startPage = pageNumber(start);
      return { startPage, pages: pageNumber(end) - startPage + 1 };
    });
  }

  /** Areas that may still be mapped: `VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL`. */
  get availableEntries(): number {
    return this.#entryLimit - this.#areas.count;
  }

  /** The mapped areas, by their addresses. */
  get areas(): Iterable<MappedArea> {
    return this.#areas.all();
  }

  /** Maps memory of the process for the devices. @returns 0 or a negative errno. */
  mapDma({ flags, iova, sizeBytes, vaddr }: MapDma): number {
    const known = MAP_FLAG.READ | MAP_FLAG.WRITE | MAP_FLAG.VADDR;
    if ((flags & ~known) !== 0) return -ERRNO.EINVAL;
    if (wraps(iova, sizeBytes) || wraps(vaddr, sizeBytes)) return this.#wrapErrno;
    const setsAddress = (flags & MAP_FLAG.VADDR) !== 0;
    const hasAccess = (flags & (MAP_FLAG.READ | MAP_FLAG.WRITE)) !== 0;
    // With the flag VADDR an area gets another address; it keeps its permissions.
    if (setsAddress === hasAccess) return -ERRNO.EINVAL;
    const range = pageRange(iova, sizeBytes);
    if (range === null || !isAligned(vaddr)) return -ERRNO.EINVAL;
    const met = this.#areas.first(range.startPage, range.pages);
    if (setsAddress) return this.#setAddress(met, range, pageNumber(vaddr));
    if (met !== null) return -ERRNO.EEXIST;
    if (this.availableEntries <= 0) return -ERRNO.ENOSPC;
    if (!this.#isValid(range)) return -ERRNO.EINVAL;
    return this.#pinAndMap(range, pageNumber(vaddr), flags);
  }

  /** Gives an area whose address was taken back the address of its memory. */
  #setAddress(area: MappedArea | null, range: PageRange, virtPage: number): number {
    if (area === null) return -ERRNO.ENOENT;
    const isExact = area.startPage === range.startPage && area.pages === range.pages;
    if (!area.isAddressless || !isExact) return -ERRNO.EINVAL;
    area.isAddressless = false;
    area.virtPage = virtPage;
    return 0;
  }

  #isValid({ pages, startPage }: PageRange): boolean {
    return this.#ranges.some((range) =>
      startPage >= range.startPage && startPage + pages <= range.startPage + range.pages
    );
  }

  /** Pins page after page. If one fails, all that were pinned are released. */
  #pinAndMap({ pages, startPage }: PageRange, virtPage: number, flags: number): number {
    const process = this.#process;
    const writable = (flags & MAP_FLAG.WRITE) !== 0;
    const access = { writable, takesZeroPage: !writable && this.#takesZeroPage };
    const limitPages = process.maySurpassLimit
      ? Infinity
      : Math.floor(process.memlockBytes / PAGE_BYTES);
    let lockedPages = 0;
    for (let done = 0; done < pages;) {
      const { kind, pages: pinned } = process.pin(virtPage + done, pages - done, access);
      invariant(pinned > 0 && pinned <= pages - done, "A pin covers no page, or too many");
      if (kind !== "fault") done += pinned;
      if (kind === "counted") lockedPages += pinned;
      const isOver = kind === "counted" && process.lockedPages + lockedPages > limitPages;
      if (kind === "fault" || isOver) {
        if (done > 0) process.unpin(virtPage, done);
        return isOver ? -ERRNO.ENOMEM : -ERRNO.EFAULT;
      }
    }
    process.lockedPages += lockedPages;
    this.#areas.add({
      startPage,
      pages,
      virtPage,
      readable: (flags & MAP_FLAG.READ) !== 0,
      writable,
      lockedPages,
      isAddressless: false,
    });
    return 0;
  }

  /**
   * Unmaps all areas of a range. An area that lies only partly in it is an error, and nothing is
   * unmapped then.
   *
   * @returns The bytes that were unmapped, or a negative errno.
   */
  unmapDma({ flags, iova, sizeBytes }: UnmapDma): U64Value {
    const known = UNMAP_FLAG.ALL | UNMAP_FLAG.VADDR;
    if ((flags & ~known) !== 0) return -ERRNO.EINVAL;
    const isAll = (flags & UNMAP_FLAG.ALL) !== 0;
    if (isAll && !(isZero(iova) && isZero(sizeBytes))) return -ERRNO.EINVAL;
    const range = isAll ? { startPage: 0, pages: ALL_PAGES } : pageRange(iova, sizeBytes);
    if (range === null) return -ERRNO.EINVAL;
    if (wraps(iova, sizeBytes)) return this.#wrapErrno;
    if (!isAll && this.#isCut(range)) return -ERRNO.EINVAL;
    return (flags & UNMAP_FLAG.VADDR) !== 0 ? this.#takeAddresses(range) : this.#unmapAreas(range);
  }

  /** Whether an area lies only partly in a range. */
  #isCut({ pages, startPage }: PageRange): boolean {
    const end = startPage + pages;
    const first = this.#areas.first(startPage, 1);
    const last = this.#areas.first(end - 1, 1);
    return first !== null && first.startPage !== startPage ||
      last !== null && last.startPage + last.pages !== end;
  }

  #unmapAreas({ pages, startPage }: PageRange): U64Value {
    let unmapped = 0;
    for (;;) {
      const area = this.#areas.first(startPage, pages);
      if (area === null) return byteCount(unmapped);
      this.#areas.remove(area);
      this.#release(area);
      unmapped += area.pages;
    }
  }

  #release({ lockedPages, pages, virtPage }: MappedArea): void {
    this.#process.unpin(virtPage, pages);
    this.#process.lockedPages -= lockedPages;
  }

  /** Takes back the addresses of the areas' memory: their pages stay pinned and mapped. */
  #takeAddresses({ pages, startPage }: PageRange): U64Value {
    const taken: MappedArea[] = [];
    let count = 0;
    for (let from = startPage; from < startPage + pages;) {
      const area = this.#areas.first(from, startPage + pages - from);
      if (area === null) break;
      if (area.isAddressless) {
        for (const each of taken) each.isAddressless = false;
        return -ERRNO.EINVAL;
      }
      area.isAddressless = true;
      taken.push(area);
      count += area.pages;
      from = area.startPage + area.pages;
    }
    return byteCount(count);
  }

  /** Ends the container, as the end of the process does: nothing stays mapped, pinned or counted. */
  close(): void {
    this.#unmapAreas({ startPage: 0, pages: ALL_PAGES });
  }
}

function isZero(value: U64Value): boolean {
  return value === 0 || value === 0n;
}

function pageNumber(value: U64Value): number {
  return typeof value === "number"
    ? Math.floor(value / PAGE_BYTES)
    : Number(value >> BigInt(PAGE_BITS));
}

/** A range in pages; null if it is empty or not aligned. */
function pageRange(start: U64Value, sizeBytes: U64Value): PageRange | null {
  return isAligned(start) && isAligned(sizeBytes) && !isZero(sizeBytes)
    ? { startPage: pageNumber(start), pages: pageNumber(sizeBytes) }
    : null;
}

/** Whether a range goes on behind the last byte of 64 bits. */
function wraps(start: U64Value, sizeBytes: U64Value): boolean {
  return typeof start === "number" && typeof sizeBytes === "number"
    ? start + sizeBytes > 2 ** 64
    : BigInt(start) + BigInt(sizeBytes) > U64;
}

function isAligned(value: U64Value): boolean {
  return typeof value === "number" ? value % PAGE_BYTES === 0 : (value & 4095n) === 0n;
}

/** A number of pages in bytes: exact, modulo 2^64. */
function byteCount(pages: number): U64Value {
  const bytes = pages * PAGE_BYTES;
  return Number.isSafeInteger(bytes) ? bytes : BigInt(pages) * BigInt(PAGE_BYTES) % U64;
}
