/**
 * VFIO type 1, version 2: how the kernel answers a process that maps its memory for devices.
 *
 * @see rules/hmm-rdma-vfio.md, chapter 7
 */
import {
  addressOfWord,
  ERRNO,
  FIRST_FOLDED,
  IntervalSet,
  invariant,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  type PinAccess,
  type PinnedRun,
  type Why,
} from "@dmalab/runtime";
import { type Kernel, type KernelName, resolveKernel } from "@dmalab/runtime/kernels";
import { type MappedArea, MappedAreas } from "./mapped_areas.ts";

const U64 = 2n ** 64n;
/** The number of pages that 64-bit addresses have. */
const ALL_PAGES = Number(U64 / BigInt(PAGE_SIZE_BYTES));

/** Flags of a map: `VFIO_DMA_MAP_FLAG_*`. */
export const MAP_FLAG = { READ: 1, WRITE: 2, VADDR: 4 } as const;

/** Flags of an unmap: `VFIO_DMA_UNMAP_FLAG_*`. */
export const UNMAP_FLAG = { GET_DIRTY_BITMAP: 1, ALL: 2, VADDR: 4 } as const;
/** Flags of `VFIO_IOMMU_DIRTY_PAGES`: `VFIO_IOMMU_DIRTY_PAGES_FLAG_*`. A bitmap has a method of its own. */
export const DIRTY_PAGES_FLAG = { START: 1, STOP: 2 } as const;

/** A number from 0 to 2^64 − 1. Above 2^53 − 1 it is a bigint, because a number is not exact there. */
export type U64Value = number | bigint;

/** The process that opens a container, with its memory. */
export interface MappingProcess {
  /** Pages that the process has locked, also by `mlock`. The container adds and removes its own. */
  lockedPages: number;
  /** The soft limit `RLIMIT_MEMLOCK`, in bytes. */
  readonly memlockBytes: number;
  /** Whether the process has `CAP_IPC_LOCK`: then no limit counts. */
  readonly maySurpassLimit: boolean;
  /** Faults pages in up to the first that cannot be pinned, before they are pinned and counted. */
  faultInToPin?(virtPage: number, pages: number, access: PinAccess): void;
  /**
   * Pins the first of these pages that are alike, so that they stay where they are. Pages of the
   * kinds `fault` and `no_memory` are not pinned.
   */
  pin(virtPage: number, pages: number, access: PinAccess): PinnedRun;
  /**
   * Releases pages that `pin` returned.
   * @param isWritten The device was allowed to write them.
   */
  unpin(run: PinnedRun, isWritten: boolean): void;
}

/** The page table that translates the addresses of the container's devices. */
export interface ContainerTable {
  /**
   * Maps contiguous memory.
   * @param startPage Number of the first page at the device.
   * @param flags `READ` and `WRITE` of {@linkcode MAP_FLAG}.
   * @returns 0 or a negative errno; nothing of it stays mapped after an error.
   */
  map(startPage: number, phys: PhysAddr, pages: number, flags: number): number;
  /**
   * Unmaps contiguous memory, all of which is mapped.
   * @param isDetached No device uses the table any more. If not, `sync` follows.
   */
  unmap(startPage: number, pages: number, isDetached: boolean): void;
  /** Devices cannot reach these pages afterwards, all of which were unmapped since the last call. */
  sync(startPage: number, pages: number): void;
}

/** Addresses that devices of the container may use, first and last byte. */
export interface IovaRange {
  /** The first byte's address. */
  readonly start: U64Value;
  /** The last byte's address. */
  readonly end: U64Value;
}

/** Memory of the kernel, for the test of a page table. */
export interface TestMemory {
  /** Takes contiguous pages. @returns Null if there is no memory. */
  take(pages: number): PhysAddr | null;
  /** Gives them back. */
  free(phys: PhysAddr, pages: number): void;
}

/** The settings of a container. */
export interface Type1Options {
  /** The release, by its full or its short name: `7.2`; or the kernel of a machine. */
  readonly kernel: KernelName | Kernel;
  /** `dma_entry_limit` of the module: areas that a container may have (default: 65,535). */
  readonly dmaEntryLimit?: number;
  /** The ranges that `VFIO_IOMMU_GET_INFO` lists, ascending. */
  readonly validRanges: readonly IovaRange[];
  /** The devices' page table. Without one, only the process's memory is accounted. */
  readonly table?: ContainerTable;
  /** Where memory for the test of the table comes from, on releases that test it. */
  readonly testMemory?: TestMemory;
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

/** A process's memory for a bitmap of dirty pages: `struct vfio_bitmap`. */
export interface DirtyBitmap {
  /** Bytes that a bit stands for. Only 4096 is accepted. */
  readonly pageSizeBytes: U64Value;
  /** Bytes of the bitmap. */
  readonly sizeBytes: U64Value;
  /**
   * Sets bits.
   * @param first The first bit: a number of pages behind the beginning of the range.
   * @param count How many bits, 1 or more.
   */
  setBits(first: number, count: number): void;
}

/** The arguments of `VFIO_IOMMU_DIRTY_PAGES` with the flag `GET_BITMAP`. */
export interface GetDirtyBitmap {
  /** The first address of the range. */
  readonly iova: U64Value;
  /** Bytes of the range, a multiple of 4 KiB. */
  readonly sizeBytes: U64Value;
  /** Where the bits go. */
  readonly bitmap: DirtyBitmap;
}

/** The arguments of `VFIO_IOMMU_UNMAP_DMA`. */
export interface UnmapDma {
  /** The first address of the range. */
  readonly iova: U64Value;
  /** Bytes of the range, a multiple of 4 KiB. */
  readonly sizeBytes: U64Value;
  /** {@linkcode UNMAP_FLAG}s. */
  readonly flags: number;
  /** Where the bits of the dirty pages go, with the flag `GET_DIRTY_BITMAP`. */
  readonly bitmap?: DirtyBitmap;
}

interface PageRange {
  readonly startPage: number;
  readonly pages: number;
}

/**
 * Pages that are faulted in together, whatever the limit. The captures of 6.1.176 show that there are
 * such pages, and not how many.
 */
const FAULTED_PAGES = 512;
/** Unmaps of an area after which its pages are invalidated. */
const SYNCED_UNMAPS = 512;
const TEST_PAGES = 2;
const RULE = "hmm-rdma-vfio.7";
const WRITE_ACCESS: PinAccess = { writable: true, takesZeroPage: false };
const NO_RUNS: PinnedRun[] = [];
/** Bits of a word of a bitmap: a bitmap has whole words. */
const WORD_BITS = 64;
const BYTE_BITS = 8;
/** Bytes of the largest bitmap. */
const MAX_BITMAP_BYTES = 2 ** 28;

/**
 * A container after VFIO_SET_IOMMU. It answers `VFIO_IOMMU_MAP_DMA`, `VFIO_IOMMU_UNMAP_DMA`,
 * `VFIO_IOMMU_DIRTY_PAGES` and `VFIO_IOMMU_GET_INFO` as captured kernels do.
 *
 * Up to 6.17.13 a kernel does not find an area that ends at the last byte of 64 bits in later calls.
 * This container finds it on every release.
 *
 * A bitmap of dirty pages has all pages that are mapped. Captured kernels, and this container, set more
 * bits: after a bitmap of a range that begins before an area, those of the area's pages stay set at the
 * place that they had in a word of that bitmap, also behind the area.
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
  readonly #readAccess: PinAccess;
  readonly #table: ContainerTable | null;
  readonly #testMemory: TestMemory | null;
  /** Why the last call was refused; null if it was not. */
  #refusal: Why | null = null;
  /** The rule of the last call that was done, its number in chapter 7; 0 before the first call. */
  #rule = 0;
  /** Whether dirty pages are logged. */
  #isLogging = false;
  /** The bitmaps of areas that were asked for since the log was started. */
  readonly #dirtyBits = new Map<MappedArea, IntervalSet>();
  /** What the last call that was done has counted, and its number. */
  #counted: "areas" | "counted_pages" | null = null;
  #count = 0;

  /** Opens a container. */
  constructor(
    process: MappingProcess,
    { dmaEntryLimit = 65_535, kernel: named, table, testMemory, validRanges }: Type1Options,
  ) {
    const kernel = typeof named === "string"
      ? resolveKernel({ kernel: named, quirks: null })
      : named;
    this.#process = process;
    this.#table = table ?? null;
    this.#testMemory = kernel.vfio_tests_a_table ? testMemory ?? null : null;
    this.#readAccess = { writable: false, takesZeroPage: kernel.readonly_pin_takes_zero_page };
    this.#wrapErrno = kernel.vfio_wrap_is_einval ? -ERRNO.EINVAL : -ERRNO.EOVERFLOW;
    this.#entryLimit = dmaEntryLimit;
    this.#ranges = validRanges.map(({ end, start }) => {
      checkWide("start", start);
      checkWide("end", end);
      const startPage = pageNumber(start);
      return { startPage, pages: pageNumber(end) - startPage + 1 };
    });
  }

  /**
   * Maps two pages at 0 and unmaps them one by one, when the first group is attached. Releases up to 6.12
   * find out in this way how the IOMMU unmaps a part of a mapping (7.28).
   */
  testTable(): void {
    const table = this.#table;
    const memory = this.#testMemory;
    if (table === null || memory === null) return;
    invariant(this.#areas.count === 0, "A page table with areas is tested");
    const phys = memory.take(TEST_PAGES);
    if (phys === null) return;
    if (table.map(0, phys, TEST_PAGES, MAP_FLAG.READ | MAP_FLAG.WRITE) === 0) {
      for (let page = 0; page < TEST_PAGES; page++) {
        table.unmap(page, 1, false);
        table.sync(page, 1);
      }
    }
    memory.free(phys, TEST_PAGES);
  }

  /** Areas that may still be mapped: `VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL`. */
  get availableEntries(): number {
    return this.#entryLimit - this.#areas.count;
  }

  /** The mapped areas, by their addresses. */
  get areas(): Iterable<MappedArea> {
    return this.#areas.all();
  }

  /** The number of mapped areas. */
  get areaCount(): number {
    return this.#areas.count;
  }

  /** Whether the process took back the address of an area's memory, and has not given another one. */
  get hasAddresslessArea(): boolean {
    for (const { isAddressless } of this.#areas.all()) if (isAddressless) return true;
    return false;
  }

  /** The rule that decided the last call, and what the rule looked at. */
  get why(): Why {
    if (this.#refusal !== null) return this.#refusal;
    return {
      rule: this.#rule === 0 ? RULE : `${RULE}.${this.#rule}`,
      inputs: this.#counted === null ? {} : { [this.#counted]: this.#count },
    };
  }

  /** Refuses a call. @param rule Its number in chapter 7. */
  #refuse(errno: number, rule: number, cause: string, inputs: Why["inputs"] = {}): number {
    this.#refusal = { rule: `${RULE}.${rule}`, inputs: { cause, ...inputs } };
    return errno;
  }

  /** A call was done. It makes no object, because most calls are done and nobody asks why. */
  #done(rule: number, counted: "areas" | "counted_pages" | null = null, count = 0): void {
    this.#refusal = null;
    this.#rule = rule;
    this.#counted = counted;
    this.#count = count;
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
    if ((flags & ~known) !== 0) return this.#refuse(-ERRNO.EINVAL, 1, "unknown_flag");
    if (wraps(iova, sizeBytes)) return this.#refuse(this.#wrapErrno, 2, "iova_wraps");
    if (wraps(vaddr, sizeBytes)) return this.#refuse(this.#wrapErrno, 2, "vaddr_wraps");
    const setsAddress = (flags & MAP_FLAG.VADDR) !== 0;
    const hasAccess = (flags & (MAP_FLAG.READ | MAP_FLAG.WRITE)) !== 0;
    // With the flag VADDR an area gets another address; it keeps its permissions.
    if (setsAddress === hasAccess) return this.#refuse(-ERRNO.EINVAL, 1, "access");
    if (!isPageRange(iova, sizeBytes) || !isAligned(vaddr)) {
      return this.#refuse(-ERRNO.EINVAL, 1, isZero(sizeBytes) ? "empty" : "unaligned");
    }
    const startPage = pageNumber(iova);
    const pages = pageNumber(sizeBytes);
    const met = this.#areas.first(startPage, pages);
    if (setsAddress) return this.#setAddress(met, startPage, pages, pageNumber(vaddr));
    if (met !== null) return this.#refuse(-ERRNO.EEXIST, 3, "overlap", inputsOf(met));
    if (this.availableEntries <= 0) {
      return this.#refuse(-ERRNO.ENOSPC, 4, "entries", { entries: this.#entryLimit });
    }
    if (!this.#isValid(startPage, pages)) return this.#refuse(-ERRNO.EINVAL, 5, "invalid_range");
    return this.#pinAndMap(startPage, pages, pageNumber(vaddr), flags);
  }

  /** Tells an area again where its memory is in the process. */
  #setAddress(
    area: MappedArea | null,
    startPage: number,
    pages: number,
    virtPage: number,
  ): number {
    if (area === null) return this.#refuse(-ERRNO.ENOENT, 11, "no_area");
    const isExact = area.startPage === startPage && area.pages === pages;
    if (!isExact) return this.#refuse(-ERRNO.EINVAL, 11, "another_area", inputsOf(area));
    if (!area.isAddressless) return this.#refuse(-ERRNO.EINVAL, 11, "has_address");
    area.isAddressless = false;
    area.virtPage = virtPage;
    this.#done(11);
    return 0;
  }

  #isValid(startPage: number, pages: number): boolean {
    for (const range of this.#ranges) {
      const end = range.startPage + range.pages;
      if (startPage >= range.startPage && startPage + pages <= end) return true;
    }
    return false;
  }

  /** Pins and maps page after page. If one fails, all that were pinned are released. */
  #pinAndMap(startPage: number, pages: number, virtPage: number, flags: number): number {
    const process = this.#process;
    const writable = (flags & MAP_FLAG.WRITE) !== 0;
    const access = writable ? WRITE_ACCESS : this.#readAccess;
    const limitPages = process.maySurpassLimit
      ? Infinity
      : Math.floor(process.memlockBytes / PAGE_SIZE_BYTES);
    let runs = NO_RUNS;
    let done = 0;
    let lockedPages = 0;
    let faultedPages = 0;
    // Contiguous pages that are pinned, and not mapped yet: the last ones of the runs.
    let heldPages = 0;
    let error = 0;
    while (done < pages) {
      if (done >= faultedPages) {
        const batch = Math.min(pages - done, FAULTED_PAGES);
        process.faultInToPin?.(virtPage + done, batch, access);
        faultedPages = done + batch;
      }
      const room = limitPages - process.lockedPages - lockedPages + 1;
      const run = this.#pinSome(virtPage + done, pages - done, room, access);
      error = this.#pinError(run, done);
      if (error !== 0) break;
      if (done > 0 && !isBehind(runs.at(-1)!, run)) {
        error = this.#mapPages(startPage, done, heldPages, runs, flags);
        if (error !== 0) {
          process.unpin(run, false);
          break;
        }
        heldPages = 0;
      }
      // An array with one element takes less memory than one that grew to it.
      if (done === 0) runs = [run];
      else runs.push(run);
      done += run.pages;
      heldPages += run.pages;
      if (run.kind !== "counted") continue;
      lockedPages += run.pages;
      if (process.lockedPages + lockedPages <= limitPages) continue;
      error = this.#refuseOverLimit();
      break;
    }
    if (error === 0) error = this.#mapPages(startPage, done, heldPages, runs, flags);
    if (error !== 0) {
      this.#release(startPage, done - heldPages, runs, writable, false);
      return error;
    }
    process.lockedPages += lockedPages;
    const readable = (flags & MAP_FLAG.READ) !== 0;
    this.#areas.add({
      startPage,
      pages,
      virtPage,
      runs,
      readable,
      writable,
      lockedPages,
      isAddressless: false,
    });
    this.#done(6, "counted_pages", lockedPages);
    return 0;
  }

  /**
   * Pins the first of some pages that are alike.
   * @param room Pages up to the first that is over the limit. The call asks for more
   *   pages, because pages are faulted in before they are counted.
   */
  #pinSome(virtPage: number, pages: number, room: number, access: PinAccess): PinnedRun {
    const asked = Math.min(pages, Math.max(room, FAULTED_PAGES));
    const run = this.#process.pin(virtPage, asked, access);
    if (run.pages > 0 && run.pages <= asked) return run;
    throw new RangeError(`The process pins ${run.pages} pages, and was asked for ${asked}`);
  }

  #refuseOverLimit(): number {
    return this.#refuse(-ERRNO.ENOMEM, 6, "limit", {
      locked_before_bytes: this.#process.lockedPages * PAGE_SIZE_BYTES,
      limit_bytes: this.#process.memlockBytes,
    });
  }

  /** Why pages cannot be pinned, as a negative errno; 0 if they are. @param done The pages before them. */
  #pinError(run: PinnedRun, done: number): number {
    if (run.kind === "fault") return this.#refuse(-ERRNO.EFAULT, 6, "fault", { page: done });
    if (run.kind !== "no_memory") return 0;
    return this.#refuse(-ERRNO.ENOMEM, 6, "no_memory", { page: done });
  }

  /**
   * Maps the last pages that were pinned, which are contiguous.
   * @param done Pages of the call that are pinned.
   * @param held How many of them are mapped now.
   * @returns 0 or a negative errno.
   */
  #mapPages(
    startPage: number,
    done: number,
    held: number,
    runs: readonly PinnedRun[],
    flags: number,
  ): number {
    if (this.#table === null) return 0;
    let first = runs.length;
    for (let left = held; left > 0; left -= runs[first]!.pages) first--;
    const at = startPage + done - held;
    const error = this.#table.map(at, runs[first]!.phys!, held, flags);
    if (error === 0) return 0;
    return this.#refuse(error, 14, "table", { page: done - held });
  }

  /**
   * Unmaps all areas of a range. An area that lies only partly in it is an error, and nothing is
   * unmapped then.
   *
   * @returns The bytes that were unmapped, or a negative errno.
   * @throws {RangeError} For an address or a size that is no exact number of 64 bits.
   */
  unmapDma({ bitmap, flags, iova, sizeBytes }: UnmapDma): U64Value {
    checkWide("iova", iova);
    checkWide("sizeBytes", sizeBytes);
    const known = UNMAP_FLAG.GET_DIRTY_BITMAP | UNMAP_FLAG.ALL | UNMAP_FLAG.VADDR;
    if ((flags & ~known) !== 0) return this.#refuse(-ERRNO.EINVAL, 9, "unknown_flag");
    const getsBitmap = (flags & UNMAP_FLAG.GET_DIRTY_BITMAP) !== 0;
    if (getsBitmap) {
      if (flags !== UNMAP_FLAG.GET_DIRTY_BITMAP) {
        return this.#refuse(-ERRNO.EINVAL, 20, "bitmap_with_another_flag");
      }
      if (bitmap === undefined) return this.#refuse(-ERRNO.EINVAL, 20, "no_bitmap");
      if (!hasRoom(bitmap, sizeBytes)) return this.#refuse(-ERRNO.EINVAL, 20, "bitmap_size");
    }
    const isAll = (flags & UNMAP_FLAG.ALL) !== 0;
    if (isAll && !(isZero(iova) && isZero(sizeBytes))) {
      return this.#refuse(-ERRNO.EINVAL, 10, "all_of_a_range");
    }
    if (!isAll && !isPageRange(iova, sizeBytes)) {
      return this.#refuse(-ERRNO.EINVAL, 9, isZero(sizeBytes) ? "empty" : "unaligned");
    }
    if (wraps(iova, sizeBytes)) return this.#refuse(this.#wrapErrno, 2, "iova_wraps");
    if (getsBitmap) {
      const cause = this.#bitmapProblem(bitmap!, sizeBytes);
      if (cause !== null) return this.#refuse(-ERRNO.EINVAL, 20, cause);
    }
    const takesAddress = (flags & UNMAP_FLAG.VADDR) !== 0;
    const startPage = pageNumber(iova);
    const end = isAll ? ALL_PAGES : startPage + pageNumber(sizeBytes);
    const met = this.#areas.first(startPage, end - startPage);
    const cut = met === null ? null : this.#cutArea(met, startPage, end);
    if (cut !== null) return this.#refuse(-ERRNO.EINVAL, 9, "cut", inputsOf(cut));
    if (takesAddress) return this.#takeAddresses(startPage, end);
    const before = this.#areas.count;
    if (getsBitmap) this.#report(met, startPage, end, bitmap!);
    const unmapped = this.#unmapAreas(met, end);
    this.#done(isAll ? 10 : 9, "areas", before - this.#areas.count);
    return unmapped;
  }

  /** An area that lies only partly in a range; null for none. @param met The first one of the range. */
  #cutArea(met: MappedArea, startPage: number, end: number): MappedArea | null {
    const metEnd = met.startPage + met.pages;
    if (met.startPage < startPage || metEnd > end) return met;
    if (metEnd === end) return null;
    const last = this.#areas.first(end - 1, 1);
    return last !== null && last.startPage + last.pages !== end ? last : null;
  }

  /** Unmaps all areas up to an end, none of which is cut. @param met The first of them. */
  #unmapAreas(met: MappedArea | null, end: number, isDetached = false): U64Value {
    let unmapped = 0;
    for (let area = met; area !== null;) {
      this.#areas.remove(area);
      if (this.#dirtyBits.size > 0) this.#dirtyBits.delete(area);
      this.#release(area.startPage, area.pages, area.runs, area.writable, isDetached);
      this.#process.lockedPages -= area.lockedPages;
      unmapped += area.pages;
      const areaEnd = area.startPage + area.pages;
      area = areaEnd < end ? this.#areas.first(areaEnd, end - areaEnd) : null;
    }
    return byteCount(unmapped);
  }

  /**
   * Devices lose their access before the pages may be used for something else.
   * @param mapped How many of the pages are mapped, contiguous ones by contiguous ones.
   * @param isDetached No device uses the table any more.
   */
  #release(
    startPage: number,
    mapped: number,
    runs: readonly PinnedRun[],
    isWritten: boolean,
    isDetached: boolean,
  ): void {
    if (this.#table !== null && mapped > 0) {
      this.#unmapRuns(this.#table, startPage, mapped, runs, isDetached);
    }
    for (const run of runs) this.#process.unpin(run, isWritten);
  }

  /** Unmaps contiguous memory by contiguous memory, and invalidates it together (7.14). */
  #unmapRuns(
    table: ContainerTable,
    startPage: number,
    mapped: number,
    runs: readonly PinnedRun[],
    isDetached: boolean,
  ): void {
    let done = 0;
    let synced = 0;
    let unmaps = 0;
    const sync = () => {
      if (isDetached || synced === done) return;
      table.sync(startPage + synced, done - synced);
      synced = done;
      unmaps = 0;
    };
    for (let index = 0; done < mapped;) {
      let { pages } = runs[index]!;
      while (++index < runs.length && isBehind(runs[index - 1]!, runs[index]!)) {
        pages += runs[index]!.pages;
      }
      table.unmap(startPage + done, pages, isDetached);
      done += pages;
      unmaps++;
      if (unmaps === SYNCED_UNMAPS) sync();
    }
    sync();
    invariant(isDetached || synced === mapped, "Devices still reach pages that are unpinned");
  }

  /**
   * `VFIO_IOMMU_DIRTY_PAGES` with a flag of {@linkcode DIRTY_PAGES_FLAG}: starts or stops the log of pages
   * that devices may have written.
   * @returns 0 or a negative errno.
   */
  dirtyPages(flags: number): number {
    if (flags !== DIRTY_PAGES_FLAG.START && flags !== DIRTY_PAGES_FLAG.STOP) {
      return this.#refuse(-ERRNO.EINVAL, 19, "unknown_flag");
    }
    const isStart = flags === DIRTY_PAGES_FLAG.START;
    if (isStart !== this.#isLogging) this.#dirtyBits.clear();
    this.#isLogging = isStart;
    this.#done(19);
    return 0;
  }

  /**
   * `VFIO_IOMMU_DIRTY_PAGES` with the flag `GET_BITMAP`: the pages of a range that devices may have
   * written. These are all pages that are mapped, because the IOMMU does not say which were written;
   * after a range that began before an area, there are others behind the area's ({@linkcode Type1Container}).
   * @returns 0 or a negative errno.
   * @throws {RangeError} For an address or a size that is no exact number of 64 bits.
   */
  getDirtyBitmap({ bitmap, iova, sizeBytes }: GetDirtyBitmap): number {
    checkWide("iova", iova);
    checkWide("sizeBytes", sizeBytes);
    if (wraps(iova, sizeBytes)) return this.#refuse(this.#wrapErrno, 2, "iova_wraps");
    if (this.#wrapErrno === -ERRNO.EINVAL && BigInt(iova) + BigInt(sizeBytes) === U64) {
      return this.#refuse(-ERRNO.EINVAL, 20, "last_byte");
    }
    if (!isPageRange(iova, sizeBytes)) {
      return this.#refuse(-ERRNO.EINVAL, 20, isZero(sizeBytes) ? "empty" : "unaligned");
    }
    const cause = this.#bitmapProblem(bitmap, sizeBytes);
    if (cause !== null) return this.#refuse(-ERRNO.EINVAL, 20, cause);
    const startPage = pageNumber(iova);
    const end = startPage + pageNumber(sizeBytes);
    const met = this.#areas.first(startPage, end - startPage);
    const cut = met === null ? null : this.#cutArea(met, startPage, end);
    if (cut !== null) return this.#refuse(-ERRNO.EINVAL, 20, "cut", inputsOf(cut));
    this.#report(met, startPage, end, bitmap);
    this.#done(20);
    return 0;
  }

  /** Why a bitmap cannot have the pages of a range; null if it can. */
  #bitmapProblem(bitmap: DirtyBitmap, sizeBytes: U64Value): string | null {
    if (!this.#isLogging) return "not_logging";
    if (Number(bitmap.pageSizeBytes) !== PAGE_SIZE_BYTES) return "bitmap_page_size";
    return hasRoom(bitmap, sizeBytes) ? null : "bitmap_size";
  }

  /**
   * Sets the bits of the pages of whole areas, as captured kernels do it: an area's bitmap is shifted to
   * the area's place in the first word, takes over what is in that word, and stays so.
   * @param met The first area of the range.
   */
  #report(met: MappedArea | null, startPage: number, end: number, bitmap: DirtyBitmap): void {
    const all = new IntervalSet();
    for (let area = met; area !== null;) {
      const { pages } = area;
      const before = this.#dirtyBits.get(area)?.intervals() ?? [];
      const place = (area.startPage - startPage) % WORD_BITS;
      const word = area.startPage - startPage - place;
      const bits = new IntervalSet();
      for (const [first, bitsEnd] of before) bits.add(place + first, place + bitsEnd);
      bits.add(place, place + pages);
      if (place > 0) {
        for (const [first, bitsEnd] of all.intervals()) {
          bits.add(Math.max(first, word) - word, Math.min(bitsEnd, word + WORD_BITS) - word);
        }
      }
      const copied = wholeWords(place + pages);
      bits.delete(copied, Infinity);
      this.#dirtyBits.set(area, bits);
      all.delete(word, word + copied);
      for (const [first, bitsEnd] of bits.intervals()) all.add(word + first, word + bitsEnd);
      const areaEnd = area.startPage + pages;
      area = areaEnd < end ? this.#areas.first(areaEnd, end - areaEnd) : null;
    }
    for (const [first, bitsEnd] of all.intervals()) bitmap.setBits(first, bitsEnd - first);
  }

  /** Takes back the addresses of the areas' memory: their pages stay pinned and mapped. */
  #takeAddresses(startPage: number, end: number): U64Value {
    const taken: MappedArea[] = [];
    let count = 0;
    for (let from = startPage; from < end;) {
      const area = this.#areas.first(from, end - from);
      if (area === null) break;
      if (area.isAddressless) {
        for (const each of taken) each.isAddressless = false;
        return this.#refuse(-ERRNO.EINVAL, 11, "no_address", inputsOf(area));
      }
      area.isAddressless = true;
      taken.push(area);
      count += area.pages;
      from = area.startPage + area.pages;
    }
    this.#done(11, "areas", taken.length);
    return byteCount(count);
  }

  /**
   * Ends the container, as the end of the process does: nothing stays mapped, pinned or counted. Its
   * devices do not use its table any more.
   */
  close(): void {
    this.#unmapAreas(this.#areas.first(0, ALL_PAGES), ALL_PAGES, true);
  }
}

/** The devices of an IOMMU group, as the files of VFIO use them. */
export interface GroupDevices {
  /**
   * Takes them from the kernel's drivers: they reach nothing then.
   * @returns 0 or a negative errno.
   */
  claim(): number;
  /** They use the container's page table from now on. */
  attach(): void;
  /** They do not use it any more, and reach nothing. */
  detach(): void;
  /** Gives them back to the kernel. */
  release(): void;
}

/** The file of an IOMMU group, with the files of its devices. */
export class GroupFile {
  /** The group's devices. */
  readonly devices: GroupDevices;
  /** The container that it is in; null for none. */
  container: ContainerFile | null = null;
  /** False once it is closed. Then it stays in its container while a device's file is open. */
  isOpen = true;
  /** Open files of its devices. */
  openDevices = 0;

  /**
   * A group's file without a container.
   * @param devices The devices of the group.
   */
  constructor(devices: GroupDevices) {
    this.devices = devices;
  }

  /** `VFIO_GROUP_UNSET_CONTAINER`. @returns 0 or a negative errno. */
  unsetContainer(): number {
    if (this.container === null) return -ERRNO.EINVAL;
    if (this.openDevices > 0) return -ERRNO.EBUSY;
    this.container.remove(this);
    return 0;
  }

  /** `VFIO_GROUP_GET_DEVICE_FD`. @returns 0 or a negative errno. */
  openDevice(): number {
    if (this.container === null || this.container.type1 === null) return -ERRNO.EINVAL;
    this.openDevices++;
    return 0;
  }

  /** Closes the file of a device. */
  closeDevice(): void {
    invariant(this.openDevices > 0, "A device's file is closed that was not opened");
    this.openDevices--;
    this.#leaveIfUnused();
  }

  /** Closes the group's file. */
  close(): void {
    invariant(this.isOpen, "A group's file is closed twice");
    this.isOpen = false;
    this.#leaveIfUnused();
  }

  #leaveIfUnused(): void {
    if (!this.isOpen && this.openDevices === 0) this.container?.remove(this);
  }
}

/** The file of a container: `/dev/vfio/vfio`. */
export class ContainerFile {
  readonly #groups: GroupFile[] = [];
  readonly #select: (first: GroupFile) => Type1Container;
  /** The areas; null while no IOMMU is selected. */
  type1: Type1Container | null = null;

  /**
   * A container's file without a group.
   * @param select Makes the areas when an IOMMU is selected; the devices of the groups are attached after it.
   */
  constructor(select: (first: GroupFile) => Type1Container) {
    this.#select = select;
  }

  /** The groups in it, in the order in which they were added. */
  get groups(): readonly GroupFile[] {
    return this.#groups;
  }

  /**
   * `VFIO_GROUP_SET_CONTAINER`.
   * @returns 0 or a negative errno: EINVAL for a group that has a container, EBUSY while the address of
   *   an area is taken back, or the error of {@linkcode GroupDevices.claim}.
   */
  add(group: GroupFile): number {
    if (group.container !== null) return -ERRNO.EINVAL;
    const isBusy = this.type1 !== null && this.type1.hasAddresslessArea;
    const error = group.devices.claim();
    if (error !== 0) return error;
    if (isBusy) {
      group.devices.release();
      return -ERRNO.EBUSY;
    }
    group.container = this;
    this.#groups.push(group);
    if (this.type1 !== null) group.devices.attach();
    return 0;
  }

  /**
   * `VFIO_SET_IOMMU` with `VFIO_TYPE1v2_IOMMU`.
   * @returns 0, or -EINVAL without a group, or if one is selected already.
   */
  setIommu(): number {
    const first = this.#groups[0];
    if (first === undefined || this.type1 !== null) return -ERRNO.EINVAL;
    this.type1 = this.#select(first);
    for (const group of this.#groups.toReversed()) {
      group.devices.attach();
      if (group === this.#groups.at(-1)) this.type1.testTable();
    }
    return 0;
  }

  /** A group leaves. With the last one everything is unmapped, and no IOMMU is selected any more. */
  remove(group: GroupFile): void {
    const index = this.#groups.indexOf(group);
    invariant(index >= 0, "A group leaves a container that it is not in");
    this.#groups.splice(index, 1);
    group.container = null;
    const { type1 } = this;
    if (type1 !== null) group.devices.detach();
    if (this.#groups.length === 0) {
      type1?.close();
      this.type1 = null;
    }
    group.devices.release();
  }
}

/** Whether pages are alike, and in memory directly behind others. */
function isBehind(before: PinnedRun, { kind, phys }: PinnedRun): boolean {
  return before.phys !== undefined && kind === before.kind &&
    before.phys + before.pages * PAGE_SIZE_BYTES === phys;
}

function inputsOf({ pages, startPage }: MappedArea): Why["inputs"] {
  const address = addressOfPage(startPage);
  const area_bytes = pages * PAGE_SIZE_BYTES;
  return address === null ? { area_bytes } : { area_bytes, area_address: address };
}

/** The number that represents the address of a page; null when no number does. */
export function addressOfPage(page: number): number | null {
  const address = page * PAGE_SIZE_BYTES;
  if (address < FIRST_FOLDED) return address;
  return addressOfWord(BigInt(page) * BigInt(PAGE_SIZE_BYTES));
}

function isZero(value: U64Value): boolean {
  return value === 0 || value === 0n;
}

function pageNumber(value: U64Value): number {
  return typeof value === "number"
    ? Math.floor(value / PAGE_SIZE_BYTES)
    : Number(value / BigInt(PAGE_SIZE_BYTES));
}

/** Whether a range consists of whole pages, at least one. */
function isPageRange(start: U64Value, sizeBytes: U64Value): boolean {
  return isAligned(start) && isAligned(sizeBytes) && !isZero(sizeBytes);
}

/** Whether a range has pages of a bitmap's size, and the bitmap a bit for each; and it is not too large. */
function hasRoom({ pageSizeBytes, sizeBytes: bitmapBytes }: DirtyBitmap, sizeBytes: U64Value) {
  const bits = Math.floor(Number(sizeBytes) / Number(pageSizeBytes));
  return bits > 0 && Number(bitmapBytes) * BYTE_BITS >= wholeWords(bits) &&
    bitmapBytes <= MAX_BITMAP_BYTES;
}

/** A number of bits, rounded up to whole words. */
function wholeWords(bits: number): number {
  return Math.ceil(bits / WORD_BITS) * WORD_BITS;
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
