/**
 * The DMA mapping API as drivers call it: single buffers, ranges of the two-step API, scatterlists,
 * coherent memory, queries.
 *
 * Each function has its kernel name in camel case, takes the arguments of its row in
 * `vocabulary/kernel_calls.ts`, chooses between the direct and the IOMMU path, and emits an event when
 * it is entered and when it returns. Results are the kernel's: 0 or a negative errno,
 * `DMA_MAPPING_ERROR`, true or false. `paths/` contains the effects on memory and page tables.
 *
 * @see rules/dma.md 1.4, 1.7, 1.8, chapters 3 and 7
 */
import {
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  hexAddress,
  PAGE_SIZE_BYTES,
  type PhysAddr,
} from "../../address.ts";
import { requireFeature } from "../../kernels/kernels.ts";
import { ERRNO, invariant, KernelError } from "../../errno.ts";
import { type EventFields, eventId, type KernelCall } from "../../event_vocabulary.ts";
import type { EventStream, Why } from "../../events.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { attributeWords, directionWord, DMA_ATTR, type DmaDirection } from "../attributes.ts";
import { type Call, CallEvents, callOf, type RowArguments } from "./call_events.ts";
import { AtomicPools } from "../../memory/atomic_pool.ts";
import { allocCoherent, type CoherentOptions, freeCoherent } from "./coherent.ts";
import type { CoherentMemory } from "../coherent_memory.ts";
import { type DmaDevice, isTranslated, type TranslatedDevice } from "../device/device.ts";
import { directMapPhys, directSync, directUnmapPhys, physBehind } from "../paths/direct.ts";
import { iommuMapPhys, iommuSync, iommuUnmapPhys, warnErrorUnmapped } from "../paths/iommu_path.ts";
import { type DmaIovaState, type LinkedSingle, RangePart } from "../iova_state.ts";
import {
  directAddress,
  MAP_BRANCH,
  MAP_FAILURE,
  type MapBranch,
  type OutOfReach,
  PART_BRANCH,
  reachLimit,
} from "../paths/map_branch.ts";
import { refuseMap, whyBranch } from "../paths/refusal.ts";
import {
  addressingLimited,
  maxMappingSize,
  optMappingSize,
  requiredMask,
  supportsMask,
} from "./mapping_queries.ts";
import type { DmaChecker } from "../checker/dma_checker.ts";
import type { KERNEL_FUNCTIONS, KernelFunction } from "../../vocabulary/kernel_calls.ts";
import { MADE, type MadeBy } from "../checker/record_table.ts";
import type { MappingPath } from "../../vocabulary/shared_words.ts";
import { APART, APART_WORDS, type Scatterlist } from "../scatterlist.ts";
import {
  countMapped,
  mapSg,
  sgtableResult,
  syncSg,
  unmapSg,
} from "../paths/scatterlist_mapping.ts";
import {
  hasBounced,
  iovaDestroy,
  iovaFree,
  iovaLink,
  iovaSync,
  iovaTryAlloc,
  iovaUnlink,
  translated,
} from "../paths/two_step.ts";

export { UNLIMITED_BYTES } from "./mapping_queries.ts";

const ERROR = DMA_MAPPING_ERROR;
const { SINGLE } = MADE;
const { CC_SHARED, MMIO, REQUIRE_COHERENT } = DMA_ATTR;

/** A function that makes or ends mappings of single buffers. */
interface MappingCall<C extends KernelCall> extends Call<C> {
  readonly made: MadeBy;
  /** Attributes that the function adds to the caller's attributes. */
  readonly adds: number;
}

function mappingCall<C extends KernelCall>(api: C, made: MadeBy): MappingCall<C> {
  return { ...callOf(api), made, adds: made === MADE.RESOURCE ? MMIO : 0 };
}

const MAP_PHYS = mappingCall("dma_map_phys", MADE.PHYS);
const UNMAP_PHYS = mappingCall("dma_unmap_phys", MADE.PHYS);
const MAP_PAGE = mappingCall("dma_map_page", MADE.PAGE);
const UNMAP_PAGE = mappingCall("dma_unmap_page", MADE.PAGE);
const MAP_SINGLE = mappingCall("dma_map_single", MADE.SINGLE);
const UNMAP_SINGLE = mappingCall("dma_unmap_single", MADE.SINGLE);
const MAP_RESOURCE = mappingCall("dma_map_resource", MADE.RESOURCE);
const UNMAP_RESOURCE = mappingCall("dma_unmap_resource", MADE.RESOURCE);
const SYNC_FOR_CPU = callOf("dma_sync_single_for_cpu");
const SYNC_FOR_DEVICE = callOf("dma_sync_single_for_device");
const TRY_ALLOC = callOf("dma_iova_try_alloc");
const LINK = callOf("dma_iova_link");
const SYNC = callOf("dma_iova_sync");
const UNLINK = callOf("dma_iova_unlink");
const DESTROY = callOf("dma_iova_destroy");
const FREE = callOf("dma_iova_free");
const MAP_SG = callOf("dma_map_sg");
const MAP_SGTABLE = callOf("dma_map_sgtable");
const UNMAP_SG = callOf("dma_unmap_sg");
const SYNC_SG_FOR_CPU = callOf("dma_sync_sg_for_cpu");
const SYNC_SG_FOR_DEVICE = callOf("dma_sync_sg_for_device");
const ALLOC_COHERENT = callOf("dma_alloc_coherent");
const FREE_COHERENT = callOf("dma_free_coherent");
const SET_MASK = callOf("dma_set_mask");
const SET_COHERENT_MASK = callOf("dma_set_coherent_mask");

/**
 * The kernel functions that are methods of `DmaMapping`. A method takes the arguments of the
 * function's row, in the same order.
 */
export type MappingFunction = Exclude<
  Extract<KernelFunction, `dma_${string}`>,
  `${string}_sg${string}` | `dma_${string}_coherent` | `dma_pool_${string}`
>;

type CamelCase<S extends string> = S extends `${infer First}_${infer Rest}`
  ? `${First}${Capitalize<CamelCase<Rest>>}`
  : S;

type MappingMethods = {
  readonly [N in MappingFunction as CamelCase<N>]: (
    ...args: MappingArguments<N>
  ) => number | boolean | void;
};

/** Arguments of a function's row, in the order of its prototype. */
export type MappingArguments<N extends MappingFunction> = RowArguments<
  (typeof KERNEL_FUNCTIONS)[N]["roles"]
>;

/** Finds the method for a kernel function, for callers that have only the function's row. */
export function mappingCaller<N extends MappingFunction>(
  name: N,
): (dma: DmaMapping, args: MappingArguments<N>) => number | boolean | void {
  const method = name.replaceAll(/_(\w)/g, (_, first: string) => first.toUpperCase());
  type Method = (...args: readonly unknown[]) => number | boolean | void;
  return (dma, args) => {
    // Compiles only if the class has all these methods, with the arguments of their rows.
    const methods: MappingMethods = dma;
    return (methods[method as keyof MappingMethods] as Method)(...args);
  };
}

type MapCall = typeof MAP_PHYS | typeof MAP_PAGE | typeof MAP_SINGLE | typeof MAP_RESOURCE;
type UnmapCall =
  | typeof UNMAP_PHYS
  | typeof UNMAP_PAGE
  | typeof UNMAP_SINGLE
  | typeof UNMAP_RESOURCE;

const DMA_SYNC = eventId("dma.sync");
const DMA_MAP = eventId("dma.map");
const DMA_UNMAP = eventId("dma.unmap");

/**
 * The kernel's DMA mapping functions, by their names in camel case.
 *
 * Results are the kernel's: 0 or a negative errno, `DMA_MAPPING_ERROR`, true or false.
 */
export class DmaMapping {
  /**
   * The branch on which the last map failed; null where no branch of the map decided the failure.
   * @internal
   */
  refusal: MapBranch | null = null;
  /**
   * The buffer that the device could not reach; set only when `refusal` is a branch for a buffer
   * out of reach.
   * @internal
   */
  outOfReach: OutOfReach | null = null;
  /**
   * The branch of the last successful map.
   * @internal
   */
  taken: MapBranch = MAP_BRANCH.MEMORY_REACHED;
  /**
   * Kind of the current map call: one buffer, or an entry of a list. Warnings contain the kind.
   * @internal
   */
  caller: "single" | "list" = "single";
  readonly #machine: DmaMachine;
  readonly #events: EventStream;
  readonly #calls: CallEvents;
  readonly #checker: DmaChecker | null;
  /**
   * Reused for each call of the two-step API. If a listener makes such a call during another one,
   * the nested call gets a new object.
   */
  readonly #part = new RangePart();
  readonly #atomicPools: AtomicPools;

  /** @internal */
  constructor(machine: DmaMachine) {
    this.#machine = machine;
    this.#checker = machine.checker;
    this.#atomicPools = new AtomicPools(machine);
    this.#events = machine.events;
    this.#calls = new CallEvents(machine);
  }

  /**
   * Maps a physical address range for a device.
   *
   * @param phys First byte; any alignment. The offset in the granule is kept.
   * @param sizeBytes Length in bytes, > 0.
   * @returns Address of the first byte for the device, or `DMA_MAPPING_ERROR`.
   * @throws {KernelError} EFAULT for an invalid direction: a kernel would crash.
   * @see rules/dma.md 1.4
   */
  dmaMapPhys(
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): DmaAddr {
    return this.#mapCall(MAP_PHYS, dev, phys, sizeBytes, dir, attrs);
  }

  /** Ends a mapping of `dmaMapPhys`. Size, direction and attributes must be those of the map. */
  dmaUnmapPhys(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    this.#unmapCall(UNMAP_PHYS, dev, dma, sizeBytes, dir, attrs);
  }

  /**
   * Maps a segment for code that has no page: by its physical address or, in a release without such
   * a call, by its page. A release without such a call also has no attribute for MMIO.
   * @internal
   */
  mapSegment(
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): DmaAddr {
    if (!this.#machine.kernel.no_physical_calls) {
      return this.dmaMapPhys(dev, phys, sizeBytes, dir, attrs);
    }
    const offset = phys % PAGE_SIZE_BYTES;
    return this.dmaMapPage(dev, phys - offset as PhysAddr, offset, sizeBytes, dir);
  }

  /**
   * Ends a mapping of `mapSegment`.
   * @internal
   */
  unmapSegment(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    if (this.#machine.kernel.no_physical_calls) this.dmaUnmapPage(dev, dma, sizeBytes, dir);
    else this.dmaUnmapPhys(dev, dma, sizeBytes, dir, attrs);
  }

  /**
   * Maps a part of a page. Device memory and the MMIO attribute are refused.
   * @param page Physical address of the page.
   */
  dmaMapPage(
    dev: DmaDevice,
    page: PhysAddr,
    offset: number,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): DmaAddr {
    this.#checkDirection(MAP_PAGE.api, dir);
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(MAP_PAGE.call)) {
      this.#calls.tell(MAP_PAGE, dev, page, offset, sizeBytes, dir, attrs);
    }
    const phys = page + offset as PhysAddr;
    this.#machine.charges.segments(1);
    this.refusal = null;
    const dma = this.#refusesPage(phys, attrs) || this.#calls.injected(MAP_PAGE) !== 0
      ? ERROR
      : this.#map(MAP_PAGE, dev, phys, sizeBytes, dir, attrs);
    this.#leaveMap(MAP_PAGE, dev, dma, outer);
    return dma;
  }

  /** Ends a mapping of `dmaMapPage`. */
  dmaUnmapPage(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    this.#unmapCall(UNMAP_PAGE, dev, dma, sizeBytes, dir, attrs);
  }

  /** Maps a buffer that is contiguous in memory. */
  dmaMapSingle(
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): DmaAddr {
    return this.#mapCall(MAP_SINGLE, dev, phys, sizeBytes, dir, attrs);
  }

  /** Ends a mapping of `dmaMapSingle`. */
  dmaUnmapSingle(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    this.#unmapCall(UNMAP_SINGLE, dev, dma, sizeBytes, dir, attrs);
  }

  /** Maps MMIO of another device: `dmaMapPhys` with the MMIO attribute. */
  dmaMapResource(
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): DmaAddr {
    return this.#mapCall(MAP_RESOURCE, dev, phys, sizeBytes, dir, attrs);
  }

  /** Ends a mapping of `dmaMapResource`. */
  dmaUnmapResource(
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    this.#unmapCall(UNMAP_RESOURCE, dev, dma, sizeBytes, dir, attrs);
  }

  /** Hands a mapping, or a part of one, to the CPU. */
  dmaSyncSingleForCpu(dev: DmaDevice, dma: DmaAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    this.#syncSingle(SYNC_FOR_CPU, dev, dma, sizeBytes, dir);
  }

  /** Hands a mapping, or a part of one, to the device. */
  dmaSyncSingleForDevice(dev: DmaDevice, dma: DmaAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    this.#syncSingle(SYNC_FOR_DEVICE, dev, dma, sizeBytes, dir);
  }

  /**
   * Reserves an IOVA range for buffers that are linked later.
   * @param phys First buffer; only its offset in the granule counts.
   * @returns False, with the state all zero, if no range can be reserved: the driver must then map
   *   each buffer separately.
   * @see rules/dma.md 3.2
   */
  dmaIovaTryAlloc(
    dev: DmaDevice,
    state: DmaIovaState,
    phys: PhysAddr,
    sizeBytes: Bytes,
  ): boolean {
    if (this.#machine.kernel.no_two_step) requireFeature(this.#machine, "two_step", TRY_ALLOC.api);
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(TRY_ALLOC.call)) this.#calls.tell(TRY_ALLOC, dev, phys, sizeBytes);
    if (state.held) this.#checker?.ranges.reservingAgain(dev, state);
    const refused = this.#calls.injected(TRY_ALLOC) !== 0;
    if (refused) state.clear();
    const allocated = !refused && iovaTryAlloc(this.#machine, dev, state, phys, sizeBytes);
    invariant(state.held === allocated, "a state holds a range exactly when one was allocated");
    this.#calls.leaveWithAnswer(TRY_ALLOC, allocated, outer, dev, refused);
    return allocated;
  }

  /**
   * Maps a buffer at an offset of a reserved range.
   * @returns 0 or a negative errno.
   * @throws {KernelError} EFAULT on a device without an IOVA domain: a kernel would crash.
   * @see rules/dma.md 3.3
   */
  dmaIovaLink(
    dev: DmaDevice,
    state: DmaIovaState,
    phys: PhysAddr,
    offset: number,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): number {
    if (this.#isOneWay(state)) {
      const dma = this.dmaMapPhys(dev, phys, sizeBytes, dir, attrs);
      return this.#keepSingle(dev, state, { offset, dma, sizeBytes });
    }
    const machine = this.#machine;
    const events = this.#events;
    const part = this.#partOf(LINK, dev, state, offset, sizeBytes);
    const outer = this.#calls.enter(dev);
    if (events.tick(LINK.call)) {
      this.#events.emit(LINK.call, {
        dev: dev.name,
        phys,
        offset,
        size: sizeBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
    part.dir = dir;
    part.attrs = attrs;
    machine.charges.segments(1);
    if (this.#machine.kernel.api_rfc_2024) keepAttributes(part);
    const injected = this.#calls.injected(LINK);
    const error = injected !== 0 ? injected : iovaLink(machine, part, phys);
    // An injected failure is not reported as a mistake of the driver.
    if (injected === 0) this.#checker?.ranges.linked(part, phys, error);
    if (error === 0 && sizeBytes > 0 && events.tick(DMA_MAP)) this.#emitLinked(part, phys);
    part.busy = false;
    const why = error === 0 ? null : whyNotLinked(part, phys, injected !== 0);
    this.#calls.leaveWithErrno(LINK, error, outer, why);
    return error;
  }

  /** Makes linked buffers visible to the device; always returns 0. @see rules/dma.md 3.5 */
  dmaIovaSync(dev: DmaDevice, state: DmaIovaState, offset: number, sizeBytes: Bytes): number {
    if (this.#isOneWay(state)) return 0;
    const part = this.#partOf(SYNC, dev, state, offset, sizeBytes);
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(SYNC.call)) this.#calls.tell(SYNC, dev, offset, sizeBytes);
    const error = this.#calls.injected(SYNC);
    if (error === 0) {
      iovaSync(part);
      this.#checker?.ranges.synced(part);
    }
    const why = error === 0 ? null : { rule: SYNC.rule, inputs: { injected: true } };
    part.busy = false;
    this.#calls.leaveWithErrno(SYNC, error, outer, why);
    return error;
  }

  /** Ends the mappings of a part of a range, and flushes at once in every mode. */
  dmaIovaUnlink(
    dev: DmaDevice,
    state: DmaIovaState,
    offset: number,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    if (this.#isOneWay(state)) {
      for (const single of takeSingles(state, offset, sizeBytes)) {
        this.dmaUnmapPhys(dev, single.dma, single.sizeBytes, dir, attrs);
      }
      return;
    }
    const part = this.#partOf(UNLINK, dev, state, offset, sizeBytes);
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(UNLINK.call)) {
      this.#calls.tell(UNLINK, dev, offset, sizeBytes, dir, attrs);
    }
    this.#endPart(UNLINK, part, dir, attrs);
    this.#calls.leave(UNLINK, outer);
  }

  /** Ends the mappings of the first `mappedBytes` bytes and frees the range. */
  dmaIovaDestroy(
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    if (this.#isOneWay(state)) return this.dmaIovaUnlink(dev, state, 0, mappedBytes, dir, attrs);
    const part = this.#partOf(DESTROY, dev, state, 0, mappedBytes);
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(DESTROY.call)) {
      this.#calls.tell(DESTROY, dev, mappedBytes, dir, attrs);
    }
    this.#endPart(DESTROY, part, dir, attrs);
    this.#calls.leave(DESTROY, outer);
  }

  /** Frees a range in which nothing is linked any more. */
  dmaIovaFree(dev: DmaDevice, state: DmaIovaState): void {
    if (this.#isOneWay(state)) return;
    if (this.#machine.kernel.no_two_step) requireFeature(this.#machine, "two_step", FREE.api);
    const device = translated(this.#machine, dev, FREE.api);
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(FREE.call)) this.#calls.tell(FREE, dev);
    iovaFree(this.#machine, device, state);
    this.#calls.leave(FREE, outer);
  }

  /**
   * Maps a list of buffers together.
   * @returns How many outputs there are, at most the number of entries; 0 when it failed.
   * @see rules/dma.md chapter 7
   */
  dmaMapSg(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs = 0): number {
    return this.#mapSg(MAP_SG, dev, list, dir, attrs) === 0 ? list.outputs : 0;
  }

  /** Maps a list of buffers together; 0 or a negative errno. @see rules/dma.md 1.8 */
  dmaMapSgtable(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs = 0): number {
    return this.#mapSg(MAP_SGTABLE, dev, list, dir, attrs);
  }

  /**
   * Records that the allocator of a list's pages has mapped the list as one range.
   * @internal
   */
  mappedWhole(
    dev: DmaDevice,
    list: Scatterlist,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    list.setOutput(0, list.physAt(0), dma, sizeBytes);
    countMapped(this.#machine, dev, list, 1);
    this.#listMapped(dev, list, dir, attrs);
  }

  /**
   * Ends the mapping of a list.
   * @param entries The number of entries with which the list was mapped, not the number of its
   *   outputs.
   */
  dmaUnmapSg(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    attrs = 0,
    entries: number = list.count,
  ): void {
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(UNMAP_SG.call)) {
      this.#calls.tell(UNMAP_SG, dev, list, entries, dir, attrs);
    }
    if (dev.ownOps) this.#calls.throughTable(UNMAP_SG.api);
    this.#checker?.lists.unmapping(dev, list, entries, dir, attrs);
    const { count } = list;
    list.count = Math.min(entries, count);
    unmapSg(this.#machine, dev, list, dir, attrs);
    for (let index = 0; index < list.outputs; index++) {
      if (!this.#events.tick(DMA_UNMAP)) continue;
      this.#events.emit(DMA_UNMAP, {
        api: UNMAP_SG.api,
        ...outputOf(list, index),
        dir: directionWord(dir),
        path: branchOf(dev, list, index).path,
      });
    }
    list.count = count;
    list.forgetMapping();
    this.#calls.leave(UNMAP_SG, outer);
  }

  /**
   * Hands a mapped list to the CPU.
   * @param entries The number of entries with which the list was mapped.
   */
  dmaSyncSgForCpu(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    entries: number = list.count,
  ): void {
    this.#syncSg(SYNC_SG_FOR_CPU, dev, list, dir, entries);
  }

  /**
   * Hands a mapped list to the device.
   * @param entries The number of entries with which the list was mapped.
   */
  dmaSyncSgForDevice(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    entries: number = list.count,
  ): void {
    this.#syncSg(SYNC_SG_FOR_DEVICE, dev, list, dir, entries);
  }

  /**
   * True when a range was reserved. The result depends only on the state's size, so it stays true
   * after free and destroy.
   */
  dmaUseIova(state: DmaIovaState): boolean {
    return state.sizeBytes !== 0;
  }

  /** Returns -ENOMEM for `DMA_MAPPING_ERROR`, else 0. */
  dmaMappingError(dev: DmaDevice, dma: DmaAddr): number {
    if (this.#checker !== null) this.#checker.mappings.tested(dev, dma);
    return dma === ERROR ? -ERRNO.ENOMEM : 0;
  }

  /**
   * True when the device's mappings need an unmap. If they need none, an unmap does nothing. Call
   * after mapping.
   */
  dmaNeedUnmap(dev: DmaDevice): boolean {
    const needed = dev.domain !== null || !dev.skipSync || this.#machine.config.dmaDebug;
    if (!needed) this.#checker?.mappings.needsNoUnmap(dev);
    return needed;
  }

  /**
   * True when a sync of this mapping has an effect: the sync looks the mapping up, cleans caches,
   * or copies data. Sync calls do nothing while the device is cache-coherent and nothing has been
   * bounced yet. Call this function after mapping.
   * @see rules/dma.md 1.6 (sync), 1.7 (need-unmap), 2.2
   */
  dmaNeedSync(dev: DmaDevice, dma: DmaAddr): boolean {
    const { config, swiotlb } = this.#machine;
    if (dev.skipSync && !config.dmaDebug) return false;
    return !dev.coherent || dev.domain !== null || swiotlb.contains(physBehind(dev, dma));
  }

  /** Largest single mapping, or `UNLIMITED_BYTES`. */
  dmaMaxMappingSize(dev: DmaDevice): Bytes {
    return maxMappingSize(this.#machine, dev);
  }

  /** Largest mapping without extra cost, or `UNLIMITED_BYTES`. */
  dmaOptMappingSize(dev: DmaDevice): Bytes {
    return optMappingSize(this.#machine, dev);
  }

  /**
   * The mask with which the device would reach all memory. The result is the last address that the
   * mask covers.
   */
  dmaGetRequiredMask(dev: DmaDevice): number {
    return requiredMask(this.#machine, dev);
  }

  /** True when the device cannot reach all memory without bouncing or translation. */
  dmaAddressingLimited(dev: DmaDevice): boolean {
    return addressingLimited(this.#machine, dev);
  }

  /** Mask of the boundary on which buffers join into one range; 0 where they do not. */
  dmaGetMergeBoundary(dev: DmaDevice): number {
    return dev.domain === null ? 0 : dev.domain.granuleBytes - 1;
  }

  /**
   * Records that a driver was unbound from its device. The checker reports the mappings and ranges
   * that are still open, and forgets them; nothing is unmapped.
   * @returns How many mappings and ranges were still open; 0 when the checker is off.
   * @see rules/dma.md 3.6, 8.2 row 25
   */
  unbind(dev: DmaDevice): number {
    const { context } = this.#events;
    const outer = context.enterDevice(dev.name);
    const left = this.#checker?.unbind(dev) ?? 0;
    this.#machine.iommu.groups.unbindDriver(dev);
    context.leaveDevice(outer);
    return left;
  }

  /** Sets the streaming mask; 0, or -EIO for a mask that cannot work without translation. */
  dmaSetMask(dev: DmaDevice, bits: number): number {
    return this.#setMask(SET_MASK, dev, bits);
  }

  /** Sets the mask for memory that CPU and device share; 0 or -EIO. */
  dmaSetCoherentMask(dev: DmaDevice, bits: number): number {
    return this.#setMask(SET_COHERENT_MASK, dev, bits);
  }

  #setMask(
    call: typeof SET_MASK | typeof SET_COHERENT_MASK,
    dev: DmaDevice,
    bits: number,
  ): number {
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(call.call)) this.#calls.tell(call, dev, bits);
    const injected = call === SET_MASK ? this.#calls.injected(call) : 0;
    const supported = injected === 0 && supportsMask(this.#machine, dev, bits);
    if (supported && call === SET_MASK) {
      dev.maskBits = bits;
      dev.skipSync = dev.syncsNothing;
    } else if (supported) dev.coherentMaskBits = bits;
    const error = supported ? 0 : injected || -ERRNO.EIO;
    const why = supported ? null : { rule: call.rule, inputs: { bits, injected: injected !== 0 } };
    this.#calls.leaveWithErrno(call, error, outer, why);
    return error;
  }

  /**
   * Allocates zeroed memory that CPU and device share.
   * @returns Null when no free memory is within the device's reach, or no IOVA range is free.
   */
  dmaAllocCoherent(
    dev: DmaDevice,
    sizeBytes: Bytes,
    options: CoherentOptions = {},
  ): CoherentMemory | null {
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(ALLOC_COHERENT.call)) this.#calls.tell(ALLOC_COHERENT, dev, sizeBytes);
    if (dev.ownOps) this.#calls.throughTable(ALLOC_COHERENT.api);
    const memory = this.#calls.injected(ALLOC_COHERENT) !== 0
      ? null
      : allocCoherent(this.#machine, dev, sizeBytes, this.#atomicPools, options);
    if (memory === null || typeof memory === "string") {
      const why = memory === null ? null : { rule: "dma.1.9", inputs: { reason: memory } };
      this.#calls.leaveWithAddress(ALLOC_COHERENT, ERROR, outer, why);
      return null;
    }
    this.#checker?.mappings.allocated(dev, memory);
    this.#calls.leaveWithAddress(ALLOC_COHERENT, memory.dma, outer);
    return memory;
  }

  /**
   * The check at the start of every free of coherent memory, even of a null pointer.
   * @see rules/c-api.md 5
   */
  checkInterruptsOn(): void {
    const { context, warnings } = this.#machine;
    if (context.irqsOff) {
      warnings.warn("dma_free_attrs", "Coherent memory is freed with interrupts off");
      this.#checker?.warned(
        "free_irqs_off",
        "dma_free_coherent() with interrupts off: freeing may have to wait for other CPUs or for the IOMMU",
      );
    }
  }

  /** Frees shared memory, also under a spin lock, but not with interrupts off. @see rules/c-api.md 5 */
  dmaFreeCoherent(dev: DmaDevice, memory: CoherentMemory, freed = memory): void {
    this.checkInterruptsOn();
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(FREE_COHERENT.call)) {
      this.#calls.tell(FREE_COHERENT, dev, memory.sizeBytes, memory.dma);
    }
    if (dev.ownOps) this.#calls.throughTable(FREE_COHERENT.api);
    this.#checker?.mappings.freeing(dev, memory, freed);
    this.#checker?.memory.freedCoherent(freed);
    freeCoherent(this.#machine, dev, memory, freed);
    this.#calls.leave(FREE_COHERENT, outer);
  }

  /** An invalid direction is fatal. @see rules/dma.md 1.4 row 1 */
  #checkDirection(api: string, dir: number): void {
    if (dir === 0 || dir === 1 || dir === 2) return;
    throw new KernelError("EFAULT", `${api}() with the invalid direction ${dir}`);
  }

  #mapCall(
    call: MapCall,
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): DmaAddr {
    this.#checkDirection(call.api, dir);
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(call.call)) {
      events.emit(call.call, {
        dev: dev.name,
        phys,
        size: sizeBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
    this.#machine.charges.segments(1);
    this.refusal = null;
    const dma = this.#calls.injected(call) !== 0
      ? ERROR
      : this.#map(call, dev, phys, sizeBytes, dir, attrs | call.adds);
    this.#leaveMap(call, dev, dma, outer);
    return dma;
  }

  /** Ends a map call; the event of a failed map names the branch on which it failed. */
  #leaveMap(call: MapCall, dev: DmaDevice, dma: DmaAddr, outer: string | null): void {
    const { refusal } = this;
    const why = dma !== ERROR || refusal === null
      ? null
      : whyBranch(this.#machine, dev, refusal, this.outOfReach);
    this.#calls.leaveWithAddress(call, dma, outer, why);
  }

  /** The decision sequence that all single maps share. @see rules/dma.md 1.4 */
  #map(
    call: MapCall,
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): DmaAddr {
    const machine = this.#machine;
    if (!dev.coherent && (attrs & REQUIRE_COHERENT) !== 0) {
      return refuseMap(machine, MAP_BRANCH.NEEDS_COHERENT);
    }
    if (
      call.made === SINGLE && !this.#machine.areas.isEmpty && this.#isVmalloc(dev, phys, sizeBytes)
    ) {
      return refuseMap(machine, MAP_FAILURE.VMALLOC);
    }
    const translated = isTranslated(dev);
    let dma: DmaAddr;
    if ((attrs & CC_SHARED) !== 0 && (translated || dev.ownOps)) {
      return refuseMap(machine, MAP_BRANCH.SHARED_ON_IOMMU);
    }
    if (dev.ownOps) this.#calls.throughTable(call.api);
    this.caller = "single";
    if (!translated) dma = directMapPhys(machine, dev, phys, sizeBytes, dir, attrs);
    else dma = iommuMapPhys(machine, dev, phys, sizeBytes, dir, attrs);
    if (dma === ERROR) return dma;
    dev.mappings++;
    if (translated) machine.iommu.liveMappings++;
    if (this.#events.tick(DMA_MAP)) {
      const { api } = call;
      const fields = { api, phys, dma, size_bytes: sizeBytes, dir: directionWord(dir) };
      this.#emitMapped(dev, this.taken, fields);
    }
    if (this.#checker !== null) {
      this.#checker.mappings.mapped(call.made, dev, phys, dma, sizeBytes, dir, attrs);
    }
    return dma;
  }

  #unmapCall(
    call: UnmapCall,
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(call.call)) {
      events.emit(call.call, {
        dev: dev.name,
        dma,
        size: sizeBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
    if (this.#checker !== null) {
      this.#checker.mappings.unmapping(call.made, dev, dma, sizeBytes, dir, attrs | call.adds);
    }
    if (dma === ERROR) {
      if (dev.domain !== null) warnErrorUnmapped(this.#machine, dev);
    } else {
      const machine = this.#machine;
      const all = attrs | call.adds;
      if (dev.ownOps) this.#calls.throughTable(call.api);
      let phys = dev.rangeMap === null ? dma as number as PhysAddr : machine.iommu.lookup(dev, dma);
      if (!isTranslated(dev)) directUnmapPhys(machine, dev, dma, sizeBytes, dir, all);
      else if (dev.domain.hasDeviceTlbs) {
        phys = this.#unmapFromDeviceTlbs(call, dev, dma, sizeBytes, dir, all, outer);
      } else phys = iommuUnmapPhys(machine, dev, dma, sizeBytes, dir, all);
      if (phys >= 0) {
        countUnmapped(machine, dev);
        if (events.tick(DMA_UNMAP)) {
          const path = unmappedPath(machine, dev, phys as PhysAddr);
          this.#emitUnmapped(call.api, phys as PhysAddr, dma, sizeBytes, dir, path);
        }
      }
    }
    this.#calls.leave(call, outer);
  }

  /**
   * Unmaps in a domain with devices that cache translations. The call never returns if a device
   * does not answer an invalidation; the page table has then lost the mapping already. A separate
   * method from `#unmapCall`, because with one method for both, strict reads take 3 % longer.
   * @see rules/dma.md 5.4
   */
  #unmapFromDeviceTlbs(
    call: UnmapCall,
    dev: TranslatedDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
    outer: string | null,
  ): PhysAddr | -1 {
    const machine = this.#machine;
    const phys = machine.iommu.lookup(dev, dma);
    try {
      return iommuUnmapPhys(machine, dev, dma, sizeBytes, dir, attrs);
    } catch (error) {
      if (phys >= 0) {
        countUnmapped(machine, dev);
        if (this.#events.tick(DMA_UNMAP)) {
          const path = unmappedPath(machine, dev, phys as PhysAddr);
          this.#emitUnmapped(call.api, phys as PhysAddr, dma, sizeBytes, dir, path);
        }
      }
      this.#events.context.leaveDevice(outer);
      throw error;
    }
  }

  /** Only RAM has pages: a kernel with debugging refuses pages of device memory. */
  #refusesPage(phys: PhysAddr, attrs: number): boolean {
    const { config, memory, warnings } = this.#machine;
    if ((attrs & DMA_ATTR.MMIO) !== 0) {
      refuseMap(this.#machine, MAP_FAILURE.PAGE_WITH_MMIO);
      return true;
    }
    if (!config.dmaDebug || memory.kindAt(phys) !== "mmio") return false;
    warnings.warnOnce("dma_map_page", `The page at ${hexAddress(phys)} is a device's memory`);
    refuseMap(this.#machine, MAP_FAILURE.PAGE_OF_A_DEVICE);
    return true;
  }

  /** Vmalloc memory, contiguous only for the CPU, cannot be mapped as one buffer. */
  #isVmalloc(dev: DmaDevice, phys: PhysAddr, sizeBytes: Bytes): boolean {
    if (this.#machine.areas.find(phys, sizeBytes) !== "vmalloc") return false;
    this.#machine.warnings.warnOnce(
      "dma_map_single",
      `Device "${dev.name}" maps vmalloc memory at ${hexAddress(phys)}`,
    );
    this.#checker?.mappings.refusedVmalloc(dev, phys, sizeBytes);
    return true;
  }

  #syncSingle(
    call: typeof SYNC_FOR_CPU | typeof SYNC_FOR_DEVICE,
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
  ): void {
    const machine = this.#machine;
    const owner = call === SYNC_FOR_CPU ? "cpu" : "device";
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(call.call)) this.#calls.tell(call, dev, dma, sizeBytes, dir);
    this.#checker?.syncs.syncing(dev, dma, sizeBytes, dir, owner === "cpu", 0);
    if (this.#events.tick(DMA_SYNC)) {
      this.#events.emit(DMA_SYNC, { for: owner, dma, size_bytes: sizeBytes });
    }
    if (dev.ownOps) this.#calls.throughTable(call.api);
    if (!dev.skipSync || machine.config.dmaDebug) {
      if (dev.domain === null) directSync(machine, dev, dma, sizeBytes, dir, owner);
      else iommuSync(machine, dev, dma, sizeBytes, dir, owner);
    }
    this.#calls.leave(call, outer);
  }

  /**
   * Emits that a mapping was made. The caller has called `tick` first, so that no event is built
   * without a listener.
   * @param branch The branch that the map took; it determines the reason and the path in the event.
   * @param mapping `phys` is the buffer, even if the device's address leads to a bounce buffer.
   * @param more Further inputs of the decision.
   */
  #emitMapped(
    dev: DmaDevice,
    branch: MapBranch,
    mapping: Omit<EventFields<"dma.map">, "path">,
    more: Why["inputs"] | null = null,
  ): void {
    const own = whyBranch(this.#machine, dev, branch, unreachedBuffer(dev, branch, mapping.phys));
    const why = more === null ? own : { ...own, inputs: { ...own.inputs, ...more } };
    this.#events.emit(DMA_MAP, { ...mapping, path: branch.path }, why);
  }

  /** @param phys Physical address to which the device's address led. */
  #emitUnmapped(
    api: EventFields<"dma.unmap">["api"],
    phys: PhysAddr,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    path: MappingPath,
  ): void {
    const fields = { api, phys, dma, size_bytes: sizeBytes, dir: directionWord(dir), path };
    this.#events.emit(DMA_UNMAP, fields);
  }

  #emitLinked({ dev, dir, dma, sizeBytes }: RangePart, phys: PhysAddr): void {
    const { api } = LINK;
    const fields = { api, phys, dma, size_bytes: sizeBytes, dir: directionWord(dir) };
    this.#emitMapped(dev, this.taken, fields);
  }

  /**
   * Whether a link without a range maps its buffer as a single mapping. If it does, unlink and
   * destroy unmap those mappings, so the state has to remember each mapping. The review of the
   * API's first posting asked for this behaviour, but the change was not merged.
   * @see rules/dma.md 3.1, points 7 and 11; rules/defects.md, `unlink_covers_singles`
   */
  #isOneWay({ sizeBytes }: DmaIovaState): boolean {
    return sizeBytes === 0 && this.#machine.kernel.unlink_covers_singles;
  }

  #keepSingle(dev: DmaDevice, state: DmaIovaState, single: LinkedSingle): number {
    if (this.dmaMappingError(dev, single.dma) !== 0) return -ERRNO.ENOMEM;
    state.singles = [...state.singles, single];
    return 0;
  }

  /**
   * Describes the part of a range that a call works on. @throws {KernelError} EFAULT without a
   * domain.
   */
  #partOf(
    { api }: Call,
    dev: DmaDevice,
    state: DmaIovaState,
    offset: number,
    sizeBytes: Bytes,
  ): RangePart {
    if (this.#machine.kernel.no_two_step) requireFeature(this.#machine, "two_step", api);
    const device = translated(this.#machine, dev, api);
    const part = this.#part.busy ? new RangePart() : this.#part;
    part.busy = true;
    // Most calls work on the same range as the previous call, and a comparison costs less than a
    // write.
    if (part.dev !== device) part.dev = device;
    if (part.state !== state) part.state = state;
    part.offset = offset;
    part.sizeBytes = sizeBytes;
    return part;
  }

  /**
   * Ends the mappings in a part of a range. The emitted event contains the physical address to
   * which the part's first byte was mapped.
   */
  #endPart(
    call: typeof UNLINK | typeof DESTROY,
    part: RangePart,
    dir: DmaDirection,
    attrs: number,
  ): void {
    const machine = this.#machine;
    const { dev, dma, sizeBytes, state } = part;
    part.dir = state.kept?.dir ?? dir;
    part.attrs = state.kept?.attrs ?? attrs;
    const phys = sizeBytes > 0 ? machine.iommu.lookup(dev, dma) : -1;
    const bounced = state.bounced && hasBounced(machine, part);
    if (call === UNLINK) iovaUnlink(machine, part);
    else iovaDestroy(machine, part);
    if (phys >= 0 && this.#events.tick(DMA_UNMAP)) {
      const path = bounced ? "swiotlb" : "iommu";
      this.#emitUnmapped(call.api, phys as PhysAddr, dma, sizeBytes, part.dir, path);
    }
    part.busy = false;
  }

  /**
   * Maps a list and sets its outputs.
   * @returns 0 or a negative errno, which may be an injected one.
   */
  #mapSg(
    call: typeof MAP_SG | typeof MAP_SGTABLE,
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    attrs: number,
  ): number {
    const machine = this.#machine;
    const calls = this.#calls;
    const outer = calls.enter(dev);
    if (this.#events.tick(call.call)) calls.tell(call, dev, list, list.count, dir, attrs);
    if (dev.ownOps) calls.throughTable(call.api);
    machine.charges.segments(list.count);
    this.refusal = null;
    const injected = calls.injected(call);
    if (injected !== 0) list.outputs = 0;
    const outputs = injected !== 0 ? injected : mapSg(machine, dev, list, dir, attrs);
    this.#listMapped(dev, list, dir, attrs);
    const error = sgtableResult(machine, outputs);
    // The branch on which an entry was refused, if one was.
    const { refusal } = this;
    const why = error === 0 || refusal === null
      ? null
      : whyBranch(machine, dev, refusal, this.outOfReach);
    if (call === MAP_SG) calls.leaveWithCount(call, error === 0 ? outputs : error, outer, why);
    else calls.leaveWithErrno(call, error, outer, why);
    return error;
  }

  /** Emits one mapping for each output of a list. */
  #listMapped(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): void {
    this.#checker?.lists.mapped(dev, list, dir, attrs);
    for (let index = 0; index < list.outputs; index++) {
      // `dma_map_sg` and `dma_map_sgtable` make the same kind of mapping, which `dma_unmap_sg`
      // ends.
      if (!this.#events.tick(DMA_MAP)) continue;
      const fields = { api: MAP_SG.api, ...outputOf(list, index), dir: directionWord(dir) };
      this.#emitMapped(dev, branchOf(dev, list, index), fields, whatKeepsApart(dev, list, index));
    }
  }

  /** @param entries The number of entries the driver passes; only so many are synced. */
  #syncSg(
    call: typeof SYNC_SG_FOR_CPU | typeof SYNC_SG_FOR_DEVICE,
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    entries: number,
  ): void {
    const owner = call === SYNC_SG_FOR_CPU ? "cpu" : "device";
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(call.call)) this.#calls.tell(call, dev, list, entries, dir);
    if (dev.ownOps) this.#calls.throughTable(call.api);
    this.#checker?.lists.syncing(dev, list, entries, dir, owner === "cpu");
    const { count } = list;
    list.count = Math.min(entries, count);
    for (let index = 0; index < list.outputs; index++) {
      if (this.#events.tick(DMA_SYNC)) {
        const dma = list.dmaAddressAt(index);
        this.#events.emit(DMA_SYNC, { for: owner, dma, size_bytes: list.dmaLengthAt(index) });
      }
    }
    if (!dev.skipSync || this.#machine.config.dmaDebug) {
      syncSg(this.#machine, dev, list, dir, owner);
    }
    list.count = count;
    this.#calls.leave(call, outer);
  }
}

/** Takes the single mappings of a part out of the state. */
function takeSingles(
  state: DmaIovaState,
  offset: number,
  sizeBytes: Bytes,
): readonly LinkedSingle[] {
  const isMeant = (single: LinkedSingle) =>
    single.offset >= offset && single.offset < offset + sizeBytes;
  const meant = state.singles.filter(isMeant);
  state.singles = state.singles.filter((single) => !isMeant(single));
  return meant;
}

/** Applies the direction and attributes of a range's first link to all its later links. */
function keepAttributes(part: RangePart): void {
  const { state } = part;
  state.kept ??= { dir: part.dir, attrs: part.attrs };
  part.dir = state.kept.dir;
  part.attrs = state.kept.attrs;
}

function whyNotLinked(
  { dev: { domain }, offset, sizeBytes }: RangePart,
  phys: PhysAddr,
  injected: boolean,
): Why {
  return {
    rule: LINK.rule,
    inputs: {
      injected,
      offset,
      begins_at: domain.offsetOf(phys),
      size_bytes: sizeBytes,
      granule_bytes: domain.granuleBytes,
    },
  };
}

/** The event fields of an output. */
function outputOf(list: Scatterlist, index: number) {
  return {
    phys: list.outputPhysAt(index),
    dma: list.dmaAddressAt(index),
    size_bytes: list.dmaLengthAt(index),
  };
}

/**
 * The reason why an output was not joined to the previous output; null for the first output, and
 * where outputs are never joined.
 * @see rules/dma.md 7.2 step 5
 */
function whatKeepsApart(
  { maxSegmentSizeBytes, segmentBoundaryMask }: DmaDevice,
  list: Scatterlist,
  index: number,
): Why["inputs"] | null {
  const apart = list.apartAt(index);
  return index === 0 || apart === APART.UNJOINED ? null : {
    apart: APART_WORDS[apart]!,
    longest_bytes: maxSegmentSizeBytes,
    boundary_bytes: segmentBoundaryMask + 1,
  };
}

/**
 * Returns the buffer if it was bounced because the device cannot reach it; null if it was bounced
 * for another reason.
 */
function unreachedBuffer(dev: DmaDevice, branch: MapBranch, phys: number): OutOfReach | null {
  if (branch !== MAP_BRANCH.BOUNCE_UNREACHABLE) return null;
  const dma = directAddress(dev, phys);
  return { phys, dma, limit: reachLimit(dev, dma) };
}

function branchOf(dev: DmaDevice, list: Scatterlist, index: number): MapBranch {
  if (list.isBusAddressAt(index)) return PART_BRANCH.PEER_BUS;
  return list.branchAt(index) ??
    (dev.domain === null ? MAP_BRANCH.MEMORY_REACHED : MAP_BRANCH.TRANSLATED);
}

/** Counts the end of a mapping. Unbalanced unmaps go unnoticed without translation, and must not make a counter negative. */
function countUnmapped({ iommu }: DmaMachine, dev: DmaDevice): void {
  if (dev.mappings > 0) dev.mappings--;
  if (dev.domain !== null && iommu.liveMappings > 0) iommu.liveMappings--;
}

/** How the unmapped memory was reached. */
function unmappedPath({ swiotlb }: DmaMachine, dev: DmaDevice, phys: PhysAddr): MappingPath {
  return swiotlb.contains(phys) ? "swiotlb" : dev.domain === null ? "direct" : "iommu";
}
