/**
 * A container of VFIO on a machine: a process owns the IOMMU group of a device, and maps its memory
 * for the devices of that group.
 *
 * The answers are those of {@linkcode Type1Container}. Here are what surrounds it: the group's domain,
 * the process that ends, and the events.
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
  MAP_FLAG,
  Type1Container,
  type U64Value,
  UNMAP_FLAG,
} from "./type1_container.ts";

const CONTAINER = eventId("vfio.container");
const MAP_DMA = eventId("vfio.map_dma");
const UNMAP_DMA = eventId("vfio.unmap_dma");

/** The flags of an unmap that events name. */
const { GET_DIRTY_BITMAP: _, ...UNMAP_WORDS } = UNMAP_FLAG;
/** Units of work for each call. */
const CALL_UNITS = 32;
/** Memory charged for a mapped area. */
const AREA_BYTES = 192;

/** A range of addresses with both ends included. */
export interface UserRange {
  readonly start: number;
  readonly end: number;
}

export interface OpenOptions {
  readonly process: AddressSpace;
  /** Any device of the group. */
  readonly dev: DmaDevice;
  /** `dma_entry_limit` of the module. */
  readonly dmaEntryLimit: number;
}

export class VfioContainer {
  /** False once it is closed, at the latest when its process ends. */
  isOpen = true;
  readonly process: AddressSpace;
  /** Addresses that devices of the group may use, ascending. */
  readonly ranges: readonly UserRange[];
  readonly dmaEntryLimit: number;
  /** The numbers of its first and its last event. */
  firstSeq = 0;
  lastSeq = Infinity;
  readonly #machine: Machine;
  readonly #group: IommuGroup;
  readonly #dev: DmaDevice;
  readonly #domain: IommuDomain;
  readonly #type1: Type1Container;

  private constructor(machine: Machine, { dev, dmaEntryLimit, process }: OpenOptions) {
    const { group } = dev;
    invariant(group !== null && group.userDomain !== null, "A container has no group");
    this.#machine = machine;
    this.#group = group;
    this.#dev = dev;
    this.#domain = group.userDomain;
    this.process = process;
    this.dmaEntryLimit = dmaEntryLimit;
    this.ranges = machine.iommu.groups.userRanges(this.#domain.table);
    this.#type1 = new Type1Container(process, {
      kernel: machine.kernel,
      dmaEntryLimit,
      validRanges: this.ranges.map(({ end, start }) => ({ start: wide(start), end: wide(end) })),
      table: {
        map: (startPage, phys, pages, flags) => this.#mapPages(startPage, phys, pages, flags),
        unmap: (startPage, pages) => {
          const sizeBytes = pages * PAGE_SIZE_BYTES;
          this.#domain.unmap(addressOf(startPage), sizeBytes, true, "iommu_unmap");
        },
      },
    });
    process.openFiles.add(this);
    this.#emitState("opened", 0);
    this.firstSeq = machine.events.seq;
  }

  /**
   * Opens a container, adds the group of a device, and selects type 1, version 2.
   * @returns The container; -EBUSY if a user has the group already, or the errno of
   *   `IommuGroups.claim`.
   */
  static open(machine: Machine, options: OpenOptions): VfioContainer | number {
    if (options.dev.group?.userDomain) return -ERRNO.EBUSY;
    const error = machine.iommu.groups.claim(options.dev);
    return error === 0 ? new VfioContainer(machine, options) : error;
  }

  /** The name of the device for which it was opened, which its events have. */
  get deviceName(): string {
    return this.#dev.name;
  }

  /** The names of the group's devices. */
  get deviceNames(): readonly string[] {
    return this.#group.members.map(({ name }) => name);
  }

  get areas(): Iterable<MappedArea> {
    return this.#type1.areas;
  }

  get areaCount(): number {
    return this.#type1.areaCount;
  }

  /** The rule that decided the last call. */
  get why(): Why {
    return this.#type1.why;
  }

  /** Areas that may still be mapped. */
  get availableEntries(): number {
    return this.#type1.availableEntries;
  }

  /** Sizes of the pages of the IOMMU. */
  get pageSizesBytes(): readonly Bytes[] {
    return this.#domain.table.pageSizesBytes;
  }

  /** The pages that the tables of the group's addresses take. */
  get tablePages(): number {
    return this.#domain.table.tables;
  }

  #mapPages(startPage: number, phys: PhysAddr, pages: number, flags: number): number {
    const iova = addressOf(startPage);
    const sizeBytes = pages * PAGE_SIZE_BYTES;
    const cache = this.#dev.coherent ? PTE_CACHE : 0;
    const error = this.#domain.map(iova, phys, sizeBytes, flags + cache);
    if (error === 0) this.#domain.syncMap(iova, sizeBytes);
    return error;
  }

  /** `VFIO_IOMMU_MAP_DMA`. @returns 0 or a negative errno. */
  mapDma(iova: DmaAddr, vaddr: VirtAddr, sizeBytes: Bytes, flags: number): number {
    this.#begin();
    const { budget, events } = this.#machine;
    const before = this.areaCount;
    // No closures here, because a process may make millions of calls.
    const outer = events.context.enterDevice(this.#dev.name);
    try {
      const error = this.#type1.mapDma({ iova: wide(iova), vaddr: wide(vaddr), sizeBytes, flags });
      if (this.areaCount > before) budget.hold(AREA_BYTES);
      if (events.tick(MAP_DMA)) {
        events.emit(MAP_DMA, {
          iova,
          virt: vaddr,
          size_bytes: sizeBytes,
          flags: flagWords(flags, MAP_FLAG) as ("read" | "write" | "vaddr" | "unknown_flag")[],
          locked_bytes: this.#lockedBytes,
          error: nameOf(error),
        }, this.#type1.why);
      }
      return error;
    } finally {
      events.context.leaveDevice(outer);
    }
  }

  /** `VFIO_IOMMU_UNMAP_DMA`. @returns Bytes that were unmapped, or a negative errno. */
  unmapDma(iova: DmaAddr, sizeBytes: Bytes, flags: number): number {
    this.#begin();
    const { budget, events } = this.#machine;
    const before = this.areaCount;
    const outer = events.context.enterDevice(this.#dev.name);
    try {
      const result = Number(this.#type1.unmapDma({ iova: wide(iova), sizeBytes, flags }));
      budget.release(AREA_BYTES * (before - this.areaCount));
      if (events.tick(UNMAP_DMA)) {
        events.emit(UNMAP_DMA, {
          iova,
          size_bytes: sizeBytes,
          flags: flagWords(flags, UNMAP_WORDS) as ("all" | "vaddr" | "unknown_flag")[],
          unmapped_bytes: Math.max(0, result),
          locked_bytes: this.#lockedBytes,
          error: nameOf(result),
        }, this.#type1.why);
      }
      return result;
    } finally {
      events.context.leaveDevice(outer);
    }
  }

  /** Closes it: all areas are unmapped and unpinned, and the kernel owns the group again. */
  close(): void {
    if (!this.isOpen) return;
    const { budget, events, iommu } = this.#machine;
    this.isOpen = false;
    this.process.openFiles.delete(this);
    const areas = this.areaCount;
    events.context.asDevice(this.#dev.name, () => this.#type1.close());
    invariant(this.process.lockedPages >= 0, "A container gives back pages that do not count");
    budget.release(AREA_BYTES * areas);
    iommu.groups.release({ group: this.#group });
    this.#emitState("closed", areas);
    this.lastSeq = events.seq;
  }

  #begin(): void {
    invariant(this.isOpen, "A closed container is called");
    this.#machine.budget.work(CALL_UNITS);
  }

  get #lockedBytes(): Bytes {
    return this.process.lockedPages * PAGE_SIZE_BYTES;
  }

  #emitState(state: "opened" | "closed", areas: number): void {
    const { events } = this.#machine;
    if (!events.tick(CONTAINER)) return;
    events.context.asDevice(this.#dev.name, () => {
      events.emit(CONTAINER, {
        state,
        devices: this.deviceNames,
        areas,
        locked_bytes: this.#lockedBytes,
      }, { rule: state === "opened" ? "dma.9.8" : "hmm-rdma-vfio.7.13", inputs: {} });
    });
  }
}

/** The number that represents the address of a page of an area. */
export function addressOf(page: number): number {
  const address = addressOfPage(page);
  if (address === null) throw new AddressLimitError();
  return address;
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
