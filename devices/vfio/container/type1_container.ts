/**
 * VFIO type 1, version 2: how the kernel answers a process that maps its memory for devices.
 *
 * @see rules/hmm-rdma-vfio.md, chapter 7
 */
import { ERRNO, PAGE_SIZE_BYTES } from "@dmalab/runtime";
import { type KernelName, resolveKernel } from "@dmalab/runtime/kernels";
import { type MappedArea, MappedAreas } from "./mapped_areas.ts";

const U64 = 2n ** 64n;
/** The number of pages that 64-bit addresses have. */
const ALL_PAGES = Number(U64 / BigInt(PAGE_SIZE_BYTES));

/** Flags of a map: `VFIO_DMA_MAP_FLAG_*`. */
export const MAP_FLAG = { READ: 1, WRITE: 2, VADDR: 4 } as const;

/** Flags of an unmap: `VFIO_DMA_UNMAP_FLAG_*`. Dirty bitmaps are not modelled. */
export const UNMAP_FLAG = { ALL: 2, VADDR: 4 } as const;

/** A number from 0 to 2^64 − 1. Above 2^53 − 1 it is a bigint, because a number is not exact there. */
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
   * Whether a page that was never written is pinned as the zero page, which is `reserved`. If not, the
   * process gets memory for it first.
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

/** The process that opens a container, with its memory. */
export interface MappingProcess {
  /** Pages that the process has locked, also by `mlock`. The container adds and removes its own. */
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
  /** The release, by its full or its short name: `7.2`. */
  readonly kernel: KernelName;
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
 * A container with one group of devices: it answers `VFIO_IOMMU_MAP_DMA`, `VFIO_IOMMU_UNMAP_DMA` and
 * `VFIO_IOMMU_GET_INFO` as captured kernels do.
 *
 * Up to 6.17.13 a kernel does not find an area that ends at the last byte of 64 bits in later calls.
 * This container finds it on every release.
 *
 * @example
 * ```ts
 * import { MAP_FLAG, Type1Container } from "@dmalab/devices/vfio_container";
 *
 * const process = {
 *   lockedPages: 0, memlockBytes: 65_536, maySurpassLimit: false,
 *   pin: (_virtPage: number, pages: number) => ({ kind: "counted" as const, pages }),
 *   unpin() {},
 * };
 * const container = new Type1Container(process, {
 *   kernel: "7.2",
 *   validRanges: [{ start: 0, end: 0xfedf_ffff }],
 * });
 * const flags = MAP_FLAG.READ | MAP_FLAG.WRITE;
 * container.mapDma({ iova: 0x10_0000, vaddr: 0x7f00_0000_0000, sizeBytes: 0x4000, flags }); // 0
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
    { dmaEntryLimit = 65_535, kernel: name, validRanges }: Type1Options,
  ) {
    const kernel = resolveKernel({ kernel: name, quirks: null });
    this.#process = process;
    this.#takesZeroPage = kernel.readonly_pin_takes_zero_page;
    this.#wrapErrno = kernel.vfio_wrap_is_einval ? -ERRNO.EINVAL : -ERRNO.EOVERFLOW;
    this.#entryLimit = dmaEntryLimit;
    this.#ranges = validRanges.map(({ end, start }) => {
      checkWide("start", start);
      checkWide("end", end);
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

  /**
   * Maps memory of the process for the devices.
   * @returns 0 or a negative errno.
   * @throws {RangeError} For an address or a size that is no exact number of 64 bits.
   */
  mapDma({ flags, iova, sizeBytes, vaddr }: MapDma): number {
    checkWide("iova", iova);
    checkWide("vaddr", vaddr);
    checkWide("sizeBytes", sizeBytes);
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

  /** Tells an area again where its memory is in the process. */
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
      : Math.floor(process.memlockBytes / PAGE_SIZE_BYTES);
    let lockedPages = 0;
    for (let done = 0; done < pages;) {
      const { kind, pages: pinned } = process.pin(virtPage + done, pages - done, access);
      if (!(pinned > 0 && pinned <= pages - done)) {
        throw new RangeError(`The process pins ${pinned} pages, and was asked for ${pages - done}`);
      }
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
      pinnedVirtPage: virtPage,
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
   * @throws {RangeError} For an address or a size that is no exact number of 64 bits.
   */
  unmapDma({ flags, iova, sizeBytes }: UnmapDma): U64Value {
    checkWide("iova", iova);
    checkWide("sizeBytes", sizeBytes);
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

  #release({ lockedPages, pages, pinnedVirtPage }: MappedArea): void {
    this.#process.unpin(pinnedVirtPage, pages);
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
    ? Math.floor(value / PAGE_SIZE_BYTES)
    : Number(value / BigInt(PAGE_SIZE_BYTES));
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
  return typeof value === "number"
    ? value % PAGE_SIZE_BYTES === 0
    : value % BigInt(PAGE_SIZE_BYTES) === 0n;
}

/** @throws {RangeError} For a value that is no exact number of 64 bits. */
function checkWide(name: string, value: U64Value): void {
  const isWide = typeof value === "number"
    ? Number.isSafeInteger(value) && value >= 0
    : value >= 0n && value < U64;
  if (isWide) return;
  throw new RangeError(
    `${name} is ${value}: it must be a whole number from 0 to 2^64 - 1, and a bigint (\`1n << 63n\`) above 2^53 - 1`,
  );
}

/** A number of pages in bytes: exact, modulo 2^64. */
function byteCount(pages: number): U64Value {
  const bytes = pages * PAGE_SIZE_BYTES;
  return Number.isSafeInteger(bytes) ? bytes : BigInt(pages) * BigInt(PAGE_SIZE_BYTES) % U64;
}
