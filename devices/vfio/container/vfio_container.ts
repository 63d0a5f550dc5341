/**
 * A container of VFIO on a machine: a process owns IOMMU groups, and maps its memory for the devices of
 * these groups, which share one domain.
 *
 * The answers are those of {@linkcode Type1Container} and {@linkcode ContainerFile}. Here are what
 * surrounds them: the domain, the process that ends, and the events.
 *
 * @see rules/hmm-rdma-vfio.md, chapter 7
 */
import {
  AddressLimitError,
  type AddressSpace,
  type Bytes,
  type DmaAddr,
  ERRNO,
  type ErrnoName,
  errnoName,
  eventId,
  FIRST_FOLDED,
  invariant,
  type IommuDomain,
  type Machine,
  PAGE_SIZE_BYTES,
  type PhysAddr,
  PTE_CACHE,
  type VirtAddr,
  type Why,
  wordOfAddress,
} from "@dmalab/runtime";
import type { DmaDevice, IommuGroup } from "@dmalab/runtime/dma";
import type { MappedArea } from "./mapped_areas.ts";
import {
  addressOfPage,
  ContainerFile,
  type ContainerTable,
  DIRTY_PAGES_FLAG,
  type DirtyBitmap,
  GroupFile,
  MAP_FLAG,
  type TestMemory,
  Type1Container,
  type U64Value,
  UNMAP_FLAG,
} from "./type1_container.ts";

const CONTAINER = eventId("vfio.container");
const REFUSED = eventId("vfio.refused");
const MAP_DMA = eventId("vfio.map_dma");
const UNMAP_DMA = eventId("vfio.unmap_dma");
const DIRTY_PAGES = eventId("vfio.dirty_pages");

/** The rules of a container's states. */
const DMA_OWNER = "dma.9.8";
const DIRECT_MEMORY = "dma.9.11";
const SET_IOMMU = "hmm-rdma-vfio.7.23";
const SET_CONTAINER = "hmm-rdma-vfio.7.24";
const UNSET_CONTAINER = "hmm-rdma-vfio.7.25";
const LAST_GROUP = "hmm-rdma-vfio.7.26";
const PROCESS_ENDS = "hmm-rdma-vfio.7.13";
const NO_IOMMU: Why = { rule: SET_IOMMU, inputs: { cause: "no_iommu" } };
/** `VFIO_IOMMU_DIRTY_PAGES_FLAG_GET_BITMAP`. */
const GET_BITMAP = 4;
/** Units of work for each call. */
const CALL_UNITS = 32;
/** Memory charged for a mapped area. */
const AREA_BYTES = 192;

/** A range of addresses with both ends included. */
export interface UserRange {
  readonly start: number;
  readonly end: number;
}

/** A range of pages that devices may have written. */
export interface DirtyRange {
  readonly iova: DmaAddr;
  readonly pages: number;
}

/** The range of a request for dirty pages, and its bitmap. */
export interface BitmapRange {
  readonly iova: DmaAddr;
  readonly sizeBytes: Bytes;
  readonly bitmapBytes: Bytes;
  /** Bytes for each bit of the bitmap. */
  readonly pageSizeBytes: Bytes;
}

export interface OpenOptions {
  readonly process: AddressSpace;
  /** Any device of the group that it gets at once, with the IOMMU selected; without one it is empty. */
  readonly dev?: DmaDevice;
  /** `dma_entry_limit` of the module. */
  readonly dmaEntryLimit: number;
}

/** Why a call for groups or devices was refused. */
interface Refusal {
  readonly error: number;
  readonly rule: string;
  readonly inputs: Why["inputs"];
}

/** A group in a container. */
interface ContainedGroup {
  readonly group: IommuGroup;
  /** The device for which it was added. */
  readonly dev: DmaDevice;
  readonly file: GroupFile;
}

export class VfioContainer {
  /** False once it is closed, at the latest when its process ends. */
  isOpen = true;
  readonly process: AddressSpace;
  /** Addresses that its devices may use, ascending; none while no IOMMU is selected. */
  ranges: readonly UserRange[] = [];
  readonly dmaEntryLimit: number;
  /** What the last bitmap of dirty pages had, ascending. */
  dirtyRanges: readonly DirtyRange[] = [];
  /** The numbers of its first and its last event. */
  firstSeq = 0;
  lastSeq = Infinity;
  readonly #machine: Machine;
  readonly #file: ContainerFile;
  /** The groups, in the order in which they were added. */
  readonly #groups: ContainedGroup[] = [];
  /** The domain that the groups share; null while no IOMMU is selected. */
  #domain: IommuDomain | null = null;
  /** The numbers of its events about groups and files. */
  readonly #seqs = new Set<number>();
  /** The device that its events name: the one for which the first of its groups was added. */
  #dev: DmaDevice | null = null;

  private constructor(machine: Machine, { dmaEntryLimit, process }: OpenOptions) {
    this.#machine = machine;
    this.process = process;
    this.dmaEntryLimit = dmaEntryLimit;
    this.#file = new ContainerFile(() => this.#select());
    process.openFiles.add(this);
  }

  /**
   * Opens a container; for a device, adds its group, and selects type 1, version 2.
   * @returns The container; -EBUSY if a user has the group already, or the errno of
   *   `IommuGroups.claim`.
   */
  static open(machine: Machine, options: OpenOptions): VfioContainer | number {
    const container = new VfioContainer(machine, options);
    const { dev, process } = options;
    if (dev !== undefined) {
      const refusal = container.#add(dev);
      if (refusal !== null) {
        process.openFiles.delete(container);
        return container.#refuse("vfio_container", dev, refusal);
      }
      container.#file.setIommu();
    }
    container.#emitState("opened", 0, dev === undefined ? SET_IOMMU : DMA_OWNER);
    container.firstSeq = machine.events.seq;
    return container;
  }

  /** Makes the areas, and the domain of the first group the one of the container. */
  #select(): Type1Container {
    const { dev, group } = this.#groups[0]!;
    const domain = group.userDomain;
    invariant(domain !== null, "A group of a container has no domain");
    this.#domain = domain;
    this.ranges = this.#machine.iommu.groups.userRanges(domain.table);
    return new Type1Container(this.process, {
      kernel: this.#machine.kernel,
      dmaEntryLimit: this.dmaEntryLimit,
      validRanges: this.ranges.map(({ end, start }) => ({ start: wide(start), end: wide(end) })),
      table: domainTable(domain, dev.coherent),
      // A virtio-iommu unmaps no mapping in parts. No capture shows the test there.
      ...domain.hostMappings === null ? { testMemory: this.#testMemory } : {},
    });
  }

  get #testMemory(): TestMemory {
    const { pages } = this.#machine;
    const addresses = (phys: PhysAddr, count: number) =>
      Array.from({ length: count }, (_, index) => phys + index * PAGE_SIZE_BYTES as PhysAddr);
    return {
      take: (count) => pages.alloc(count, { contiguous: true })?.[0] ?? null,
      free: (phys, count) => pages.free(addresses(phys, count)),
    };
  }

  /** `VFIO_GROUP_SET_CONTAINER` of the group of a device. @returns 0 or a negative errno. */
  addGroup(dev: DmaDevice): number {
    this.#begin();
    const refusal = this.#add(dev);
    if (refusal !== null) return this.#refuse("VFIO_GROUP_SET_CONTAINER", dev, refusal);
    this.#emitState("group_added", this.areaCount, SET_CONTAINER);
    return 0;
  }

  #add(dev: DmaDevice): Refusal | null {
    const { groups } = this.#machine.iommu;
    const { group } = dev;
    if (group !== null && this.#groups.some((each) => each.group === group)) {
      return refusal(-ERRNO.EINVAL, SET_CONTAINER, "in_container");
    }
    if (group?.userDomain) return refusal(-ERRNO.EBUSY, DMA_OWNER, "other_user");
    const isTaken = this.isAddressTaken;
    const file = new GroupFile({
      claim: () => groups.claim(dev),
      attach: () => groups.share(group!, this.#domain!),
      // What the container unmaps now is not invalidated: `release` does it for the whole domain.
      detach: () => {},
      release: () => groups.release({ group }),
    });
    const error = this.#file.add(file);
    if (error !== 0) {
      if (isTaken && error === -ERRNO.EBUSY) return refusal(error, SET_CONTAINER, "address_taken");
      if (error === -ERRNO.ENODEV) return refusal(error, DMA_OWNER, "no_iommu");
      if (error === -ERRNO.EINVAL) return refusal(error, DIRECT_MEMORY, "firmware");
      const bound = group!.members.filter(({ hasDriver }) => hasDriver).map(({ name }) => name);
      return refusal(error, DMA_OWNER, "driver_bound", { bound: bound.join(", ") });
    }
    this.#groups.push({ group: group!, dev, file });
    this.#dev ??= dev;
    return null;
  }

  /** `VFIO_SET_IOMMU` with `VFIO_TYPE1v2_IOMMU`. @returns 0 or a negative errno. */
  setIommu(): number {
    this.#begin();
    const cause = this.isSelected ? "selected" : "no_group";
    const error = this.#file.setIommu();
    if (error !== 0) return this.#refuse("VFIO_SET_IOMMU", null, refusal(error, SET_IOMMU, cause));
    this.#emitState("iommu_selected", 0, SET_IOMMU);
    return 0;
  }

  /** `VFIO_GROUP_UNSET_CONTAINER` of the group of a device. @returns 0 or a negative errno. */
  removeGroup(dev: DmaDevice): number {
    this.#begin();
    const index = this.#indexOf(dev);
    const call = "VFIO_GROUP_UNSET_CONTAINER";
    if (index < 0) {
      return this.#refuse(
        call,
        dev,
        refusal(-ERRNO.EINVAL, UNSET_CONTAINER, "not_in_container"),
      );
    }
    const areas = this.areaCount;
    const error = this.#leave(() => this.#groups[index]!.file.unsetContainer());
    if (error !== 0) {
      return this.#refuse(call, dev, refusal(error, UNSET_CONTAINER, "file_open"));
    }
    this.#forget(index, areas);
    return 0;
  }

  /** `VFIO_GROUP_GET_DEVICE_FD`: opens the file of a device. @returns 0 or a negative errno. */
  openDevice(dev: DmaDevice): number {
    this.#begin();
    const error = this.#groups[this.#indexOf(dev)]?.file.openDevice() ?? -ERRNO.EINVAL;
    if (error === 0) return 0;
    const cause = this.isSelected ? "not_in_container" : "not_selected";
    return this.#refuse("VFIO_GROUP_GET_DEVICE_FD", dev, refusal(error, SET_IOMMU, cause));
  }

  /** Closes the file of a device. @returns False if it was not open. */
  closeDevice(dev: DmaDevice): boolean {
    this.#begin();
    const file = this.#groups[this.#indexOf(dev)]?.file;
    if (file === undefined || file.openDevices === 0) return false;
    file.closeDevice();
    return true;
  }

  #indexOf({ group }: DmaDevice): number {
    return this.#groups.findIndex((each) => each.group === group);
  }

  /** Takes a group that left off the list. @param areas The areas before it left. */
  #forget(index: number, areas: number): void {
    this.#machine.budget.release(AREA_BYTES * (areas - this.areaCount));
    this.#groups.splice(index, 1);
    const isLast = this.#groups.length === 0;
    this.#emitState(
      "group_removed",
      areas,
      isLast ? LAST_GROUP : UNSET_CONTAINER,
    );
    if (!isLast) return;
    this.#dev = null;
    this.#domain = null;
    this.ranges = [];
  }

  /** Runs what may unmap the areas, as work for the container's device. */
  #leave<T>(act: () => T): T {
    return this.#machine.events.context.asDevice(this.deviceName, act);
  }

  /** The name of the device that its events name; null for none. */
  get deviceName(): string | null {
    return this.#dev?.name ?? null;
  }

  /** The names of its groups' devices. */
  get deviceNames(): readonly string[] {
    return this.#groups.flatMap(({ group: { members } }) => members.map(({ name }) => name));
  }

  /** Whether an event about groups and files is the container's, by its number. */
  isOwn(seq: number): boolean {
    return this.#seqs.has(seq);
  }

  /** Whether the address of an area's memory is taken back. */
  get isAddressTaken(): boolean {
    return this.#file.type1?.hasAddresslessArea ?? false;
  }

  /** Whether a device's group is the first of several: its device is the one of the container's events. */
  isFirstOfSeveral(dev: DmaDevice): boolean {
    return this.#groups.length > 1 && this.#indexOf(dev) === 0;
  }

  /** Whether an IOMMU is selected: then areas can be mapped. */
  get isSelected(): boolean {
    return this.#file.type1 !== null;
  }

  /** Whether the devices of another group see the CPU's caches as those of the first do. */
  hasCoherenceOf(dev: DmaDevice): boolean {
    return this.#groups.every((each) => each.dev.coherent === dev.coherent);
  }

  get areas(): Iterable<MappedArea> {
    return this.#file.type1?.areas ?? [];
  }

  get areaCount(): number {
    return this.#file.type1?.areaCount ?? 0;
  }

  /** The rule that decided the last call. */
  get why(): Why {
    return this.#file.type1?.why ?? NO_IOMMU;
  }

  /** Areas that may still be mapped. */
  get availableEntries(): number {
    return this.#file.type1?.availableEntries ?? 0;
  }

  /** Sizes of the pages of the IOMMU. */
  get pageSizesBytes(): readonly Bytes[] {
    return this.#domain?.table.pageSizesBytes ?? [];
  }

  /** The pages that the tables of its addresses take. */
  get tablePages(): number {
    return this.#domain?.table.tables ?? 0;
  }

  /** `VFIO_IOMMU_MAP_DMA`. @returns 0 or a negative errno. */
  mapDma(iova: DmaAddr, vaddr: VirtAddr, sizeBytes: Bytes, flags: number): number {
    this.#begin();
    const { budget, events } = this.#machine;
    const before = this.areaCount;
    // No closures here, because a process may make millions of calls.
    const outer = events.context.enterDevice(this.deviceName);
    try {
      const error = this.#file.type1?.mapDma({
        iova: wide(iova),
        vaddr: wide(vaddr),
        sizeBytes,
        flags,
      }) ?? -ERRNO.EINVAL;
      if (this.areaCount > before) budget.hold(AREA_BYTES);
      if (events.tick(MAP_DMA)) {
        events.emit(MAP_DMA, {
          iova,
          virt: vaddr,
          size_bytes: sizeBytes,
          flags: flagWords(flags, MAP_FLAG) as ("read" | "write" | "vaddr" | "unknown_flag")[],
          locked_bytes: this.#lockedBytes,
          error: nameOf(error),
        }, this.why);
      }
      return error;
    } finally {
      events.context.leaveDevice(outer);
    }
  }

  /**
   * `VFIO_IOMMU_UNMAP_DMA`. With the flag `GET_DIRTY_BITMAP` the pages are in `dirtyRanges` afterwards.
   * @param bitmapBytes Bytes of the bitmap.
   * @param pageSizeBytes Bytes for each bit of the bitmap.
   * @returns Bytes that were unmapped, or a negative errno.
   */
  unmapDma(
    iova: DmaAddr,
    sizeBytes: Bytes,
    flags: number,
    bitmapBytes: Bytes = bitmapBytesOf(sizeBytes),
    pageSizeBytes: Bytes = PAGE_SIZE_BYTES,
  ): number {
    this.#begin();
    const { budget, events } = this.#machine;
    const before = this.areaCount;
    const outer = events.context.enterDevice(this.deviceName);
    try {
      const type1 = this.#file.type1;
      const asked = { iova: wide(iova), sizeBytes, flags };
      const result = type1 === null
        ? -ERRNO.EINVAL
        : (flags & UNMAP_FLAG.GET_DIRTY_BITMAP) === 0
        ? Number(type1.unmapDma(asked))
        : Number(type1.unmapDma({
          ...asked,
          bitmap: this.#newBitmap({ iova, sizeBytes, bitmapBytes, pageSizeBytes }),
        }));
      budget.release(AREA_BYTES * (before - this.areaCount));
      if (events.tick(UNMAP_DMA)) {
        events.emit(UNMAP_DMA, {
          iova,
          size_bytes: sizeBytes,
          flags: flagWords(flags, UNMAP_FLAG) as (
            "get_dirty_bitmap" | "all" | "vaddr" | "unknown_flag"
          )[],
          unmapped_bytes: Math.max(0, result),
          locked_bytes: this.#lockedBytes,
          error: nameOf(result),
        }, this.why);
      }
      return result;
    } finally {
      events.context.leaveDevice(outer);
    }
  }

  /**
   * `VFIO_IOMMU_DIRTY_PAGES`: starts or stops the log of written pages, or reports the pages of a range,
   * which are in `dirtyRanges` afterwards.
   * @param range The bitmap's range, and the bitmap; only used with the flag `GET_BITMAP`.
   * @returns 0 or a negative errno.
   */
  dirtyPages(flags: number, range: BitmapRange): number {
    this.#begin();
    const { events } = this.#machine;
    const type1 = this.#file.type1;
    const isGet = flags === GET_BITMAP;
    const outer = events.context.enterDevice(this.deviceName);
    try {
      const bitmap = this.#newBitmap(range);
      const error = type1 === null
        ? -ERRNO.EINVAL
        : isGet
        ? type1.getDirtyBitmap({ iova: wide(range.iova), sizeBytes: range.sizeBytes, bitmap })
        : type1.dirtyPages(flags);
      if (events.tick(DIRTY_PAGES)) {
        events.emit(DIRTY_PAGES, {
          flags: flagWords(flags, { ...DIRTY_PAGES_FLAG, GET_BITMAP }) as (
            "start" | "stop" | "get_bitmap" | "unknown_flag"
          )[],
          iova: isGet ? range.iova : null,
          size_bytes: isGet ? range.sizeBytes : null,
          pages: this.dirtyRanges.reduce((sum, { pages }) => sum + pages, 0),
          error: nameOf(error),
        }, this.why);
      }
      return error;
    } finally {
      events.context.leaveDevice(outer);
    }
  }

  /** A bitmap that fills `dirtyRanges`, which is empty at first. */
  #newBitmap({ bitmapBytes, iova, pageSizeBytes }: BitmapRange): DirtyBitmap {
    const ranges: DirtyRange[] = [];
    this.dirtyRanges = ranges;
    return {
      pageSizeBytes,
      sizeBytes: bitmapBytes,
      setBits: (first, pages) => {
        this.#machine.budget.work(CALL_UNITS);
        ranges.push({ iova: iova + first * PAGE_SIZE_BYTES as DmaAddr, pages });
      },
    };
  }

  /**
   * Closes its file and those of its groups and devices: all areas are unmapped and unpinned, and the
   * kernel owns the groups again.
   */
  close(): void {
    if (!this.isOpen) return;
    const { budget, events } = this.#machine;
    this.isOpen = false;
    this.process.openFiles.delete(this);
    const areas = this.areaCount;
    const deviceFiles = this.#groups.reduce((sum, { file }) => sum + file.openDevices, 0);
    this.#leave(() => {
      for (const { file } of this.#groups) this.#file.remove(file);
    });
    invariant(this.process.lockedPages >= 0, "A container gives back pages that do not count");
    invariant(!this.isSelected, "A container without groups has areas");
    budget.release(AREA_BYTES * areas);
    this.#emitState("closed", areas, PROCESS_ENDS, { device_files: deviceFiles });
    this.lastSeq = events.seq;
  }

  #begin(): void {
    invariant(this.isOpen, "A closed container is called");
    this.#machine.budget.work(CALL_UNITS);
  }

  /** Emits that a call was refused. @returns The error. */
  #refuse(call: string, dev: DmaDevice | null, { error, inputs, rule }: Refusal): number {
    const { events } = this.#machine;
    if (!events.tick(REFUSED)) return error;
    events.context.asDevice(this.deviceName, () => {
      const fields = { call, target: dev?.name ?? null, error: errnoName(error) };
      events.emit(REFUSED, fields, { rule, inputs });
    });
    this.#seqs.add(events.seq);
    return error;
  }

  get #lockedBytes(): Bytes {
    return this.process.lockedPages * PAGE_SIZE_BYTES;
  }

  #emitState(
    state: "opened" | "group_added" | "iommu_selected" | "group_removed" | "closed",
    areas: number,
    rule: string,
    inputs: Why["inputs"] = {},
  ): void {
    const { events } = this.#machine;
    if (!events.tick(CONTAINER)) return;
    events.context.asDevice(this.deviceName, () => {
      events.emit(CONTAINER, {
        state,
        devices: this.deviceNames,
        areas,
        locked_bytes: this.#lockedBytes,
      }, { rule, inputs });
    });
    this.#seqs.add(events.seq);
  }
}

function refusal(error: number, rule: string, cause: string, more: Why["inputs"] = {}): Refusal {
  return { error, rule, inputs: { cause, ...more } };
}

/**
 * Maps and unmaps in a domain as VFIO does it: contiguous pages with one call, and one invalidation for
 * several unmaps.
 * @param isCoherent The devices see what is in the CPU's caches.
 * @see rules/hmm-rdma-vfio.md 7.14
 */
export function domainTable(domain: IommuDomain, isCoherent: boolean): ContainerTable {
  const cache = isCoherent ? PTE_CACHE : 0;
  return {
    map(startPage, phys, pages, flags) {
      const iova = addressOf(startPage);
      const sizeBytes = pages * PAGE_SIZE_BYTES;
      const error = domain.map(iova, phys, sizeBytes, flags + cache);
      if (error === 0) domain.syncMap(iova, sizeBytes);
      return error;
    },
    unmap(startPage, pages, isDetached) {
      const iova = addressOf(startPage);
      const sizeBytes = pages * PAGE_SIZE_BYTES;
      if (isDetached) domain.unmap(iova, sizeBytes, false, "iommu_unmap");
      else domain.unmapGathered(iova, sizeBytes);
    },
    sync: () => domain.syncGathered(),
  };
}

/** The number that represents the address of a page of an area. */
export function addressOf(page: number): number {
  const address = addressOfPage(page);
  if (address === null) throw new AddressLimitError();
  return address;
}

/** Bytes of a bitmap with a bit for each page of a range, in words of 64 bits. */
export function bitmapBytesOf(sizeBytes: Bytes): Bytes {
  return Math.ceil(sizeBytes / PAGE_SIZE_BYTES / 64) * 8;
}

/** A 64-bit number of an address, exact. */
function wide(address: number): U64Value {
  return address < FIRST_FOLDED ? address : wordOfAddress(address);
}

function nameOf(result: number): ErrnoName | null {
  return result < 0 ? errnoName(result) : null;
}

/** The names of flags, in the order of their bits. */
function flagWords(flags: number, known: Readonly<Record<string, number>>): string[] {
  const words: string[] = [];
  let rest = flags;
  for (const [name, bit] of Object.entries(known)) {
    if ((flags & bit) === 0) continue;
    words.push(name.toLowerCase());
    rest -= bit;
  }
  return rest === 0 ? words : [...words, "unknown_flag"];
}
