/** The state that the simulated kernel keeps for the functions that a driver in C calls. */
import {
  alignUp,
  type DeviceAccess,
  type DmaAddr,
  type ErrnoName,
  type InjectionPoint,
  type KernelError,
  type Machine,
  type PhysAddr,
} from "@dmalab/runtime";
import {
  type AccessWatcher,
  type CoherentMemory,
  DEFAULT_SEGMENT_BYTES,
  type DmaDevice,
  type DmaDirection,
  DmaIovaState,
  type Scatterlist,
} from "@dmalab/runtime/dma";
import { PlacedKernelError } from "@dmalab/lang/builtins";
import type { LabDevice } from "@dmalab/devices";
import { type Span, spanPlace } from "@dmalab/lang";
import type { ExecutionContext, RegisterWatcher } from "@dmalab/lang/values";
import type { DeviceShape } from "./tree/of_tree.ts";
import { PAGE_STRUCT_BYTES, ZERO_SIZE } from "./c_addresses.ts";
import type { SearchedDevice } from "./search/searched_device.ts";
import { CHeap } from "./c_heap.ts";
import { CStubs } from "./c_stubs.ts";
import type { CMemory } from "./c_memory.ts";
import { MARK, NOWHERE } from "./c_memory.ts";
import type { Above, CLocation, CPlaces } from "./c_locations.ts";
import { lineSpan } from "./wasm/c_lines.ts";
import { LockOrder } from "./calls/lock_order.ts";
import { DeviceOwnedRanges } from "./device_owned_ranges.ts";

/**
 * Layout of the lab's own headers. The device structure is at the start of the structure that
 * contains it, and the device's name is at the start of the device structure.
 */
const OWN_DEVICE: DeviceShape = { sizeBytes: 128, deviceAt: 0, nameAt: 0 };
const NAME_BYTES = 64;
/** A copied structure is compared over this many bytes, and a pointer this near is one into the device's own structure. */
const DEVICE_BYTES = 1024;
const OWN_BYTES = 4096;
const WORD_BYTES = 8;
/** Segment boundary mask of PCI devices: no segment crosses a multiple of 4 GiB. */
const BUS_BOUNDARY_MASK = 2 ** 32 - 1;
/** Alignment and size unit of the kernel's own allocations in C's memory. */
const ROOM_UNIT_BYTES = 32;
/** Bits of `gfp_t`. @see rules/c-api.md 1 */
export const GFP = { ZERO: 0x100, DIRECT_RECLAIM: 0x400, COMP: 0x40000, ZONES: 0x7 } as const;

/** Memory of `dma_alloc_coherent` and its address in C. */
export interface SharedBlock {
  readonly memory: CoherentMemory;
  readonly at: number;
}

/** Deferred work, or a timer, that has its structure in C's memory. */
export interface Waiting {
  readonly what: string;
  /** The statement that deferred the work. */
  readonly site: number | null;
}

/** A device of the machine, or the address of a device structure that the driver has made. */
export type DeviceOfC = DmaDevice | number;

/**
 * The addresses of a device's limits. A tree's inline functions write the limits directly. A limit
 * of 0 is unset.
 */
export interface CLimits {
  readonly maxSegmentAt: number;
  readonly minAlignAt: number;
  readonly boundaryAt: number;
}

export class CKernel implements AccessWatcher {
  readonly heap: CHeap;
  readonly lent: DeviceOwnedRanges;
  readonly locks: LockOrder;
  /** Coherent memory by its address in C. */
  readonly coherent = new Map<number, SharedBlock>();
  /** Mapped lists, by the address of their first entry. */
  readonly lists = new Map<number, Scatterlist>();
  /** States of the two-step API, by their addresses. */
  readonly #states = new Map<number, DmaIovaState>();
  /** Parts of the kernel with separate state, by their classes. */
  readonly #parts = new Map<unknown, unknown>();
  /** Functions that look in a range of C's memory for an object that will run later. */
  readonly deferred: ((at: number, end: number) => Waiting | null)[] = [];
  readonly #devices = new Map<number, DmaDevice>();
  /** Addresses of the device structures that the driver has made. */
  readonly made = new Set<number>();
  /** Addresses of the limits that the driver writes into C's structures without a call. */
  readonly limitsOf = new Map<DmaDevice, CLimits>();
  /** Devices with a refused mask, and the statement that set it. */
  readonly #masksRefused = new Map<DmaDevice, number | null>();
  readonly #pointers = new Map<DmaDevice, number>();
  /**
   * PCI functions with regions that the driver has claimed. An entry is the function's name if all
   * regions are claimed, and the name followed by a number for one region.
   */
  readonly regionsOf = new Set<string>();
  /** Start of the free memory for further `struct device`s; `#roomEnd`: its end. */
  #roomAt = 0;
  #roomEnd = 0;
  /** Context of the script's call in which the driver runs. */
  context!: ExecutionContext;
  /** Contains the watcher of the driver's stores to device registers, and the search that answers reads; or null. */
  watched!: {
    /** Whether the driver has mapped or allocated memory for a device. */
    mapsMemory: boolean;
    readonly registerWatcher: RegisterWatcher | null;
    readonly search: SearchedDevice | null;
  };
  /** Address of the tick counter that a tree's driver reads; 0 if it reads none. */
  jiffiesAt = 0;
  /** Calls a driver function by its pointer. */
  call!: (at: number, args: readonly (number | bigint)[]) => number;
  #at = 0;
  #call = "";

  constructor(
    readonly machine: Machine,
    readonly memory: CMemory,
    readonly places: CPlaces,
    readonly deviceShape: DeviceShape = OWN_DEVICE,
  ) {
    this.heap = new CHeap(machine, memory);
    this.lent = new DeviceOwnedRanges(machine, memory);
    this.locks = new LockOrder(machine, (site) => this.#placeOf(site));
    machine.accessWatchers.push(this);
  }

  /** Returns a part of the kernel with separate state; it is created at the first request. */
  part<T>(Part: new (kernel: CKernel) => T): T {
    return this.#parts.getOrInsertComputed(Part, () => new Part(this)) as T;
  }

  /**
   * Called when a device accesses memory: reports a read of bytes that this driver allocated and never wrote,
   * and a write to a buffer that this driver has synced for the CPU.
   */
  accessed(
    device: DmaDevice,
    dma: number,
    phys: PhysAddr,
    sizeBytes: number,
    access: DeviceAccess,
  ): void {
    if (access !== "read") {
      const owned = this.lent.syncedAt(device, dma, sizeBytes);
      if (owned !== null) this.machine.checker?.cpu.unsynced(owned, { dma, sizeBytes });
      return;
    }
    const at = this.memory.pointerTo(phys);
    if (at === NOWHERE || !this.memory.isFresh(at, sizeBytes)) return;
    const unwritten = this.memory.fresh.fetched(at, sizeBytes);
    if (unwritten === null) return;
    const { site } = unwritten;
    const taken = site === null ? null : this.context.siteSpan(site);
    const where = taken === null ? "" : ` at ${spanPlace(taken)}`;
    this.machine.checker?.cpu.unwritten(device.name, { dma, phys, sizeBytes }, {
      ...unwritten,
      where,
    });
  }

  maskSet(device: DmaDevice, isRefused: boolean): void {
    if (isRefused) this.#masksRefused.set(device, this.machine.events.context.site);
    else this.#masksRefused.delete(device);
  }

  /**
   * Called when the driver maps or allocates memory for a device. If the device's mask was refused
   * before, this is reported now.
   */
  usesMask(device: DmaDevice): void {
    this.watched.mapsMemory = true;
    const site = this.#masksRefused.get(device);
    if (site === undefined) return;
    this.#masksRefused.delete(device);
    this.machine.checker?.cpu.maskIgnored(device.name, this.#call, site);
  }

  /** Notes a kernel call, with the address of its place. */
  enter(at: number, call: string): void {
    this.#enter(at, call, this.places.siteAt(at, call, this.context));
  }

  /**
   * Notes a kernel call, if the calling code does not pass its place. The stack shows the place.
   * @param above The host function that C has called.
   */
  enterHere(call: string, above: Above): void {
    this.#enter(0, call, this.places.siteHere(above, this.context));
  }

  #enter(at: number, call: string, site: number | null): void {
    this.#at = at;
    this.#call = call;
    const { context } = this.machine.events;
    if (site !== null) context.site = site;
    const { preemption } = this.context;
    // A context that holds a lock or has interrupts off is not preempted. Otherwise another context
    // might have to wait for it, and no context can wait here.
    if (preemption === null || this.machine.context.isAtomic) return;
    const { site: siteHere } = context;
    preemption.preemptionPoint(() => this.#lineOf(site));
    this.#at = at;
    this.#call = call;
    context.site = siteHere;
  }

  #placeOf(site: number | null): string {
    const span = site === null ? null : this.context.siteSpan(site);
    return span === null ? "a place that is not known" : spanPlace(span);
  }

  #lineOf(site: number | null): Span | null {
    const span = site === null ? null : this.context.siteSpan(site);
    return span === null ? null : lineSpan(span.source, span.source.position(span.start).line);
  }

  /** Calls a driver function by its pointer, within whatever else is running. */
  callBack(handler: number, args: readonly (number | bigint)[]): number {
    const at = this.#at;
    const call = this.#call;
    const { context } = this.machine.events;
    const { site } = context;
    try {
      return this.call(handler, args);
    } finally {
      this.#at = at;
      this.#call = call;
      context.site = site;
    }
  }

  /** The place of the running call. */
  get place(): CLocation {
    return this.#at === 0 ? this.places.here() : this.places.placeOf(this.#at, this.#call);
  }

  /** Makes the error for a kernel crash. @param what A sentence without its full stop. */
  crash(
    what: string,
    errno: ErrnoName = "EFAULT",
    { span, text }: CLocation = this.place,
    cause = "",
  ): KernelError {
    const where = text === "" ? "" : ` (${text})`;
    return new PlacedKernelError(errno, `${what}${where}${cause}`, span);
  }

  /**
   * Whether a `struct device *` is a device of the machine. If not, it is a structure that the
   * driver made.
   */
  isDevice(at: number): boolean {
    return this.#devices.has(at);
  }

  /** The device of a `struct device *`. */
  device(at: number): DmaDevice {
    const device = this.#devices.get(at) ?? this.#copied(at);
    if (device !== undefined) {
      const limits = this.limitsOf.get(device);
      if (limits !== undefined) this.#readLimits(device, limits);
      return device;
    }
    throw this.crash(
      `${this.#call}() with ${at === 0 ? "NULL" : hex(at)}, which is not a device`,
      "EFAULT",
      this.place,
      this.part(CStubs).inStruct(at),
    );
  }

  /**
   * The device of which a structure is a copy: it has a pointer into the device's own structure, such as its DMA mask, at
   * the same place.
   */
  #copied(at: number): DmaDevice | undefined {
    const { memory } = this;
    for (const [own, device] of this.#devices) {
      for (let offset = 0; offset < DEVICE_BYTES; offset += WORD_BYTES) {
        if (!memory.isOpen(own + offset, WORD_BYTES)) break;
        const word = memory.wordAt(own + offset);
        if (Math.abs(word - own) >= OWN_BYTES || !memory.isOpen(at + offset, WORD_BYTES)) continue;
        if (memory.wordAt(at + offset) === word) return device;
      }
    }
    return undefined;
  }

  /**
   * The owner of a managed resource: a device of the machine, or a device structure that the driver
   * made.
   */
  owner(at: number): DeviceOfC {
    return this.made.has(at) ? at : this.device(at);
  }

  /** @see rules/c-api.md 6, trap 10 */
  #readLimits(device: DmaDevice, { boundaryAt, maxSegmentAt, minAlignAt }: CLimits): void {
    const { view } = this.memory;
    device.minAlignMask = view.getUint32(minAlignAt, true);
    device.maxSegmentSizeBytes = view.getUint32(maxSegmentAt, true) || DEFAULT_SEGMENT_BYTES;
    device.segmentBoundaryMask = this.memory.wordAt(boundaryAt) || Number.MAX_SAFE_INTEGER;
  }

  /**
   * Makes a structure of C represent a device. With a null pointer as the device, the structure no
   * longer represents a device.
   */
  alias(made: number, at: number): void {
    if (at === 0) this.#devices.delete(made);
    else this.#devices.set(made, this.device(at));
  }

  /** The address of a device's structure in C. */
  pointerTo(device: DmaDevice): number {
    const known = this.#pointers.get(device);
    if (known !== undefined) return known;
    const { deviceAt, nameAt: nameOffset, sizeBytes } = this.deviceShape;
    const at = this.room(sizeBytes) + deviceAt;
    const nameAt = this.room(NAME_BYTES);
    const { bytes } = this.memory;
    bytes.set(new TextEncoder().encode(device.name).subarray(0, NAME_BYTES - 1), nameAt);
    this.memory.putWord(at + nameOffset, nameAt);
    this.#devices.set(at, device);
    this.#pointers.set(device, at);
    // The bus sets only the boundary; other values are set by the driver.
    device.minAlignMask = 0;
    device.maxSegmentSizeBytes = DEFAULT_SEGMENT_BYTES;
    device.segmentBoundaryMask = BUS_BOUNDARY_MASK;
    return at;
  }

  /** The negative errno if a failure is injected at this point; else 0. */
  refused(point: InjectionPoint): number {
    const { faults } = this.machine;
    return faults === null ? 0 : faults.errnoAt(point);
  }

  /** The lab's device for a DMA device. */
  labDevice(device: DmaDevice): LabDevice {
    return this.context.lab.devices.get(device.name)!;
  }

  /**
   * Allocates zeroed memory of the kernel that C may read and write. The memory is never freed, and
   * C may not access the memory after it.
   */
  room(sizeBytes: number): number {
    const wantedBytes = alignUp(sizeBytes, ROOM_UNIT_BYTES) + ROOM_UNIT_BYTES;
    if (this.#roomAt + wantedBytes > this.#roomEnd) this.#makeRoom(wantedBytes);
    const at = this.#roomAt;
    this.#roomAt += wantedBytes;
    this.memory.open(at, sizeBytes);
    this.memory.bytes.fill(0, at, at + sizeBytes);
    return at;
  }

  /**
   * An address for an object of the kernel. C can only pass this address back, for example to free
   * the object.
   */
  handle(): number {
    const at = this.room(ROOM_UNIT_BYTES);
    this.memory.close(at, ROOM_UNIT_BYTES, MARK.CLOSED);
    return at;
  }

  #makeRoom(sizeBytes: number): void {
    const { pages } = this.machine;
    const count = Math.ceil(sizeBytes / pages.pageSizeBytes);
    const taken = pages.alloc(count, { contiguous: true, owner: "driver" });
    const at = taken === null ? NOWHERE : this.memory.shareRow(taken, pages.pageSizeBytes);
    if (at === NOWHERE) throw this.crash("There is no memory for what the kernel keeps", "ENOMEM");
    this.#roomAt = at;
    this.#roomEnd = at + count * pages.pageSizeBytes;
  }

  /**
   * Frees memory.
   * @param given The caller's value, for a message.
   */
  free(at: number, given: number = at): void {
    const block = this.heap.blockAt(at);
    if (block !== null) {
      this.#checkNothingWaits(block.at, block.sizeBytes);
      this.machine.memoryNotes.delete(block.phys);
      this.locks.forget(block.at, block.at + block.sizeBytes);
    }
    const lent = block === null ? null : this.lent.mappingOf(block.phys, block.sizeBytes);
    if (block !== null && lent !== null) {
      const { text } = this.place;
      this.machine.checker?.cpu.freed(lent, block.phys, block.sizeBytes, text);
    }
    const wrong = this.heap.free(at);
    if (wrong !== null) throw this.crash(`${this.#call}(${hex(given)}): ${wrong}`);
  }

  /**
   * Fails if freed memory contains deferred work. That work would later be called although its
   * memory then belongs to another owner.
   */
  #checkNothingWaits(at: number, sizeBytes: number): void {
    for (const waitingIn of this.deferred) {
      const waiting = waitingIn(at, at + sizeBytes);
      if (waiting === null) continue;
      const span = waiting.site === null ? null : this.context.siteSpan(waiting.site);
      const since = span === null ? "" : ` since ${spanPlace(span)}`;
      throw this.crash(
        `${this.#call}() frees memory in which ${waiting.what} waits to run${since}`,
      );
    }
  }

  /** The physical address of a pointer's target. */
  phys(at: number): PhysAddr {
    // A driver's static data may be in the first page, but not at its beginning.
    const phys = at <= ZERO_SIZE ? NOWHERE : this.memory.physOf(at);
    if (phys !== NOWHERE) return phys as PhysAddr;
    const what = at === 0 ? "NULL" : hex(at);
    throw this.crash(`${this.#call}() with ${what}, where there is no memory`);
  }

  /** The physical address of a `struct page`. */
  pagePhys(at: number): PhysAddr {
    const index = (at - this.memory.pageMapAt) / PAGE_STRUCT_BYTES;
    if (this.memory.isPage(at) && Number.isInteger(index)) {
      return index * this.machine.pages.pageSizeBytes as PhysAddr;
    }
    throw this.crash(`${this.#call}() with ${at === 0 ? "NULL" : hex(at)}, which is not a page`);
  }

  /** The address of the `struct page` for a physical address. */
  pageAt(phys: number): number {
    const page = Math.floor(phys / this.machine.pages.pageSizeBytes);
    return this.memory.pageMapAt + page * PAGE_STRUCT_BYTES;
  }

  /**
   * Checks a size, an offset or an address. It is an error if the value is beyond the largest exact
   * number.
   */
  exact(value: number, what: string): number {
    if (value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
    throw this.crash(`${this.#call}() is given ${hex(value)} as its ${what}`);
  }

  dma(value: number): DmaAddr {
    // All ones, as the number -1.
    return (value >= 2 ** 64 ? -1 : value) as DmaAddr;
  }

  direction(dir: number): DmaDirection {
    if (dir === 0 || dir === 1 || dir === 2) return dir;
    throw this.crash(`${this.#call}() with the invalid direction ${dir}`);
  }

  /**
   * Notes a call that may sleep.
   * @param call The name, if it differs from the name that the kernel records for the call.
   */
  maySleep(call: string = this.#call): void {
    this.machine.checker?.contexts.maySleep(`${call}()`);
  }

  /** Notes a call that sleeps if its flags allow it. */
  maySleepBy(gfp: number): void {
    if ((gfp & GFP.DIRECT_RECLAIM) !== 0) this.maySleep();
  }

  /** The state of the two-step API at an address. */
  state(at: number): DmaIovaState {
    return this.#states.getOrInsertComputed(at, () => new DmaIovaState());
  }

  /** An active state with these values; undefined without one. */
  stateWith(addr: number, sizeBytes: number): DmaIovaState | undefined {
    return this.#states.values().find((state) =>
      state.held && state.addr === addr && state.sizeBytes === sizeBytes
    );
  }

  /** Notes that the driver has copied a state: the copy refers to the same state. */
  copyState(at: number, state: DmaIovaState): void {
    this.#states.set(at, state);
  }

  /**
   * Makes physical memory visible to C. @returns Its address. @throws {KernelError} Without room
   * for it.
   */
  share(phys: PhysAddr, sizeBytes: number): number {
    const at = this.memory.share(phys, sizeBytes);
    if (at === NOWHERE) {
      throw this.crash("The driver accesses too many separate memory areas", "ENOMEM");
    }
    return at;
  }

  /** The address in C of pages that need not lie together. */
  shareRow(pages: readonly PhysAddr[], pageSizeBytes: number): number {
    const at = this.memory.shareRow(pages, pageSizeBytes);
    if (at === NOWHERE) {
      throw this.crash("The driver accesses too many separate memory areas", "ENOMEM");
    }
    return at;
  }

  /** Allows C to access a buffer of the script. */
  lend(phys: PhysAddr, sizeBytes: number): number {
    const at = this.share(phys, sizeBytes);
    if (this.heap.find(at) === null) this.memory.admit(at, sizeBytes);
    return at;
  }
}

/** Formats a number in hex as C does: a negative one as 64 bits. */
export function hex(value: number): string {
  return `0x${value < 0 ? BigInt.asUintN(64, BigInt(value)).toString(16) : value.toString(16)}`;
}
