/**
 * The DMA mapping API as drivers call it.
 *
 * Each function bears its kernel name in camel case, chooses between the direct and the IOMMU path,
 * and is an event when it is entered and when it is left. Results are the kernel's: 0 or a negative
 * errno, `DMA_MAPPING_ERROR`, true or false.
 *
 * @see rules/dma.md 1.4, 1.7, 1.8, chapter 3
 */
import { type Bytes, DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "../../address.ts";
import { ERRNO, KernelError } from "../../errno.ts";
import { eventId, type KernelCall } from "../../event_vocabulary.ts";
import type { EventStream } from "../../events.ts";
import { FAULT, type FaultPointName } from "../../faults.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { attributeWords, directionWord, DMA_ATTR, type DmaDirection } from "../attributes.ts";
import { type Call, CallEvents, callOf } from "./call_events.ts";
import { AtomicPools } from "../../memory/atomic_pool.ts";
import { allocCoherent, type CoherentOptions, freeCoherent } from "./coherent.ts";
import type { CoherentMemory } from "../coherent_memory.ts";
import { type DmaDevice, isTranslated } from "../device/device.ts";
import {
  directMapPhys,
  directSyncForCpu,
  directSyncForDevice,
  directUnmapPhys,
} from "../paths/direct.ts";
import {
  iommuMapPhys,
  iommuSyncForCpu,
  iommuSyncForDevice,
  iommuUnmapPhys,
  warnErrorUnmapped,
} from "../paths/iommu_path.ts";
import type { DmaIovaState } from "../iova_state.ts";
import { MAP_BRANCH, MAP_FAILURE, type MapBranch } from "../paths/map_branch.ts";
import {
  addressingLimited,
  maxMappingSize,
  mergeBoundary,
  needSync,
  needUnmap,
  optMappingSize,
  requiredMask,
  setCoherentMask,
  setMask,
} from "./mapping_queries.ts";
import { MappingEvents } from "./mapping_events.ts";
import type { DmaChecker } from "../checker/dma_checker.ts";
import { MADE, type MadeBy } from "../checker/record_table.ts";
import { hexAddress } from "../hex_address.ts";
import { refuseMap, whyBranch, whyMaskRefused } from "../paths/refusal.ts";
import type { Scatterlist } from "../scatterlist.ts";
import { ScatterlistCalls } from "./scatterlist_calls.ts";
import { noTwoStep, type TwoStepApi } from "./no_two_step.ts";
import { oneWay } from "./maps_without_range.ts";
import { TwoStepCalls } from "./two_step_calls.ts";

export { UNLIMITED_BYTES } from "./mapping_queries.ts";

const ERROR = DMA_MAPPING_ERROR;
const { SINGLE } = MADE;
const { CC_SHARED, MMIO, REQUIRE_COHERENT } = DMA_ATTR;

/** A function that makes or ends mappings of single buffers. */
interface MappingCall<C extends KernelCall> extends Call<C> {
  readonly made: MadeBy;
  /** Attributes that it adds to those of its caller. */
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
const ALLOC_COHERENT = callOf("dma_alloc_coherent");
const FREE_COHERENT = callOf("dma_free_coherent");
const SET_MASK = callOf("dma_set_mask");
const SET_COHERENT_MASK = callOf("dma_set_coherent_mask");

type MapCall = typeof MAP_PHYS | typeof MAP_PAGE | typeof MAP_SINGLE | typeof MAP_RESOURCE;
type UnmapCall =
  | typeof UNMAP_PHYS
  | typeof UNMAP_PAGE
  | typeof UNMAP_SINGLE
  | typeof UNMAP_RESOURCE;
type SyncCall = typeof SYNC_FOR_CPU | typeof SYNC_FOR_DEVICE;

const DMA_SYNC = eventId("dma.sync");
const DMA_MAP = eventId("dma.map");

/**
 * The kernel's DMA mapping functions, by their names in camel case.
 *
 * Results are the kernel's: 0 or a negative errno, `DMA_MAPPING_ERROR`, true or false.
 */
export class DmaMapping {
  /**
   * The branch on which the last map failed; null where nothing in it decided that.
   * @internal
   */
  refusal: MapBranch | null = null;
  /**
   * The branch that the last map took which did not fail.
   * @internal
   */
  taken: MapBranch = MAP_BRANCH.MEMORY_REACHED;
  /**
   * The call that maps now: one buffer, or an entry of a list. Warnings name it.
   * @internal
   */
  caller: "single" | "list" = "single";
  readonly #machine: DmaMachine;
  readonly #events: EventStream;
  readonly #calls: CallEvents;
  readonly #mappings: MappingEvents;
  readonly #twoStep: TwoStepApi;
  readonly #scatterlists: ScatterlistCalls;
  readonly #checker: DmaChecker | null;
  readonly #atomicPools: AtomicPools;

  /** @internal */
  constructor(machine: DmaMachine) {
    this.#machine = machine;
    this.#checker = machine.checker;
    this.#atomicPools = new AtomicPools(machine);
    this.#events = machine.events;
    this.#calls = new CallEvents(machine.events);
    this.#mappings = new MappingEvents(machine);
    const ranges = machine.kernel.no_two_step
      ? noTwoStep(machine)
      : new TwoStepCalls(machine, this.#calls, this.#mappings);
    this.#twoStep = machine.kernel.unlink_covers_singles ? oneWay(ranges, this) : ranges;
    this.#scatterlists = new ScatterlistCalls(machine, this.#calls, this.#mappings);
  }

  /**
   * Maps a physical address range for a device.
   *
   * @param phys First byte; any alignment. The offset in the granule is kept.
   * @param sizeBytes Length in bytes, > 0.
   * @returns Address of the first byte for the device, or `DMA_MAPPING_ERROR`.
   * @throws {KernelError} EFAULT for a direction that is none: a kernel would crash.
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
   * Maps a part of a page. Memory of a device is refused, and so is the MMIO attribute.
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
      events.emit(MAP_PAGE.call, {
        dev: dev.name,
        page,
        offset,
        size: sizeBytes,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
    const phys = page + offset as PhysAddr;
    this.#machine.charges.segments(1);
    this.refusal = null;
    const dma = this.#refusesPage(phys, attrs) || this.#injected(MAP_PAGE) !== 0
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
    const events = this.#events;
    const outer = this.#enterSync(SYNC_FOR_CPU, dev, dma, sizeBytes, dir);
    this.#checker?.syncs.syncing(dev, dma, sizeBytes, dir, true, 0);
    if (events.tick(DMA_SYNC)) events.emit(DMA_SYNC, { for: "cpu", dma, size_bytes: sizeBytes });
    if (this.#mustSync(SYNC_FOR_CPU, dev)) {
      if (dev.domain === null) directSyncForCpu(this.#machine, dev, dma, sizeBytes, dir);
      else iommuSyncForCpu(this.#machine, dev, dma, sizeBytes, dir);
    }
    this.#calls.leave(SYNC_FOR_CPU, outer);
  }

  /** Hands a mapping, or a part of one, to the device. */
  dmaSyncSingleForDevice(dev: DmaDevice, dma: DmaAddr, sizeBytes: Bytes, dir: DmaDirection): void {
    const events = this.#events;
    const outer = this.#enterSync(SYNC_FOR_DEVICE, dev, dma, sizeBytes, dir);
    this.#checker?.syncs.syncing(dev, dma, sizeBytes, dir, false, 0);
    if (events.tick(DMA_SYNC)) {
      events.emit(DMA_SYNC, { for: "device", dma, size_bytes: sizeBytes });
    }
    if (this.#mustSync(SYNC_FOR_DEVICE, dev)) {
      if (dev.domain === null) directSyncForDevice(this.#machine, dev, dma, sizeBytes, dir);
      else iommuSyncForDevice(this.#machine, dev, dma, sizeBytes, dir);
    }
    this.#calls.leave(SYNC_FOR_DEVICE, outer);
  }

  /**
   * Reserves an IOVA range for buffers that are linked later.
   * @param phys First buffer; only its offset in the granule counts.
   * @returns False, with the state all zero, where that is not possible: map each buffer by itself.
   * @see rules/dma.md 3.2
   */
  dmaIovaTryAlloc(
    dev: DmaDevice,
    state: DmaIovaState,
    phys: PhysAddr,
    sizeBytes: Bytes,
  ): boolean {
    return this.#twoStep.tryAlloc(dev, state, phys, sizeBytes);
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
    return this.#twoStep.link(dev, state, phys, offset, sizeBytes, dir, attrs);
  }

  /** Makes what was linked visible to the device. Always 0. @see rules/dma.md 3.5 */
  dmaIovaSync(dev: DmaDevice, state: DmaIovaState, offset: number, sizeBytes: Bytes): number {
    return this.#twoStep.sync(dev, state, offset, sizeBytes);
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
    this.#twoStep.unlink(dev, state, offset, sizeBytes, dir, attrs);
  }

  /** Ends the first `mappedBytes` bytes' mappings and frees the range. */
  dmaIovaDestroy(
    dev: DmaDevice,
    state: DmaIovaState,
    mappedBytes: Bytes,
    dir: DmaDirection,
    attrs = 0,
  ): void {
    this.#twoStep.destroy(dev, state, mappedBytes, dir, attrs);
  }

  /** Frees a range in which nothing is linked any more. */
  dmaIovaFree(dev: DmaDevice, state: DmaIovaState): void {
    this.#twoStep.free(dev, state);
  }

  /**
   * Maps a list of buffers together.
   * @returns How many outputs there are, at most the number of entries; 0 when it failed.
   * @see rules/dma.md chapter 7
   */
  dmaMapSg(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs = 0): number {
    return this.#scatterlists.map(dev, list, dir, attrs);
  }

  /** Maps a list of buffers together; 0 or a negative errno. @see rules/dma.md 1.8 */
  dmaMapSgtable(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs = 0): number {
    return this.#scatterlists.mapTable(dev, list, dir, attrs);
  }

  /**
   * A list has been mapped as one range, by who allocated its pages.
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
    this.#scatterlists.mappedWhole(dev, list, dma, sizeBytes, dir, attrs);
  }

  /** Ends the mapping of a list. @param entries How many it was mapped with, not its outputs. */
  dmaUnmapSg(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    attrs = 0,
    entries: number = list.count,
  ): void {
    this.#scatterlists.unmap(dev, list, dir, attrs, entries);
  }

  /** Hands a mapped list to the CPU. @param entries How many it was mapped with. */
  dmaSyncSgForCpu(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    entries: number = list.count,
  ): void {
    this.#scatterlists.sync(dev, list, dir, "cpu", entries);
  }

  /** Hands a mapped list to the device. @param entries How many it was mapped with. */
  dmaSyncSgForDevice(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    entries: number = list.count,
  ): void {
    this.#scatterlists.sync(dev, list, dir, "device", entries);
  }

  /** True when a range was reserved. Stays true after free and destroy: the size decides. */
  dmaUseIova(state: DmaIovaState): boolean {
    return state.sizeBytes !== 0;
  }

  /** 0, or -ENOMEM for the error value. */
  dmaMappingError(dev: DmaDevice, dma: DmaAddr): number {
    if (this.#checker !== null) this.#checker.mappings.tested(dev, dma);
    return dma === ERROR ? -ERRNO.ENOMEM : 0;
  }

  /** True when mappings must be unmapped for anything to happen. Ask after mapping. */
  dmaNeedUnmap(dev: DmaDevice): boolean {
    const needed = needUnmap(this.#machine, dev);
    if (!needed) this.#checker?.mappings.needsNoUnmap(dev);
    return needed;
  }

  /** True when a mapping has to be synchronised before its memory is handed over. Ask after mapping. */
  dmaNeedSync(dev: DmaDevice, dma: DmaAddr): boolean {
    return needSync(this.#machine, dev, dma);
  }

  /** Largest single mapping, or `UNLIMITED_BYTES`. */
  dmaMaxMappingSize(dev: DmaDevice): Bytes {
    return maxMappingSize(this.#machine, dev);
  }

  /** Largest mapping that costs no more than it must, or `UNLIMITED_BYTES`. */
  dmaOptMappingSize(dev: DmaDevice): Bytes {
    return optMappingSize(this.#machine, dev);
  }

  /** The mask with which the device would reach all memory, as its last address. */
  dmaGetRequiredMask(dev: DmaDevice): number {
    return requiredMask(this.#machine, dev);
  }

  /** True when the device cannot reach all memory by itself. */
  dmaAddressingLimited(dev: DmaDevice): boolean {
    return addressingLimited(this.#machine, dev);
  }

  /** Mask of the boundary on which buffers join into one range; 0 where they do not. */
  dmaGetMergeBoundary(dev: DmaDevice): number {
    return mergeBoundary(dev);
  }

  /**
   * A driver leaves its device. What it has not ended is reported by the checker, and forgotten;
   * nothing is unmapped.
   * @returns How many mappings and ranges are left; 0 when the checker is off.
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

  /** Sets the streaming mask; 0 or -EIO. */
  dmaSetMask(dev: DmaDevice, bits: number): number {
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(SET_MASK.call)) events.emit(SET_MASK.call, { dev: dev.name, bits });
    const injected = this.#injected(SET_MASK);
    const error = injected !== 0 ? injected : setMask(this.#machine, dev, bits);
    const why = error === 0 ? null : whyMaskRefused(SET_MASK.rule, bits, injected !== 0);
    this.#calls.leaveWithErrno(SET_MASK, error, outer, why);
    return error;
  }

  /** Sets the mask for memory that CPU and device share; 0 or -EIO. */
  dmaSetCoherentMask(dev: DmaDevice, bits: number): number {
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(SET_COHERENT_MASK.call)) {
      events.emit(SET_COHERENT_MASK.call, { dev: dev.name, bits });
    }
    const error = setCoherentMask(this.#machine, dev, bits);
    const why = error === 0 ? null : whyMaskRefused(SET_COHERENT_MASK.rule, bits, false);
    this.#calls.leaveWithErrno(SET_COHERENT_MASK, error, outer, why);
    return error;
  }

  /**
   * Allocates zeroed memory that CPU and device share.
   * @returns Null when there is no memory the device reaches, or no IOVA range.
   */
  dmaAllocCoherent(
    dev: DmaDevice,
    sizeBytes: Bytes,
    options: CoherentOptions = {},
  ): CoherentMemory | null {
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(ALLOC_COHERENT.call)) {
      events.emit(ALLOC_COHERENT.call, { dev: dev.name, size: sizeBytes });
    }
    if (dev.ownOps) this.#calls.throughTable(ALLOC_COHERENT.api);
    const memory = this.#injected(ALLOC_COHERENT) !== 0
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

  /** What freeing coherent memory begins with, also for a null pointer. @see rules/c-api.md 5 */
  checkInterruptsOn(): void {
    const { context, warnings } = this.#machine;
    if (context.irqsOff) {
      warnings.warn("dma_free_attrs", "Coherent memory is freed with interrupts off");
    }
  }

  /** Frees shared memory, also under a spin lock, but not with interrupts off. @see rules/c-api.md 5 */
  dmaFreeCoherent(dev: DmaDevice, memory: CoherentMemory, freed = memory): void {
    this.checkInterruptsOn();
    const events = this.#events;
    const outer = this.#calls.enter(dev);
    if (events.tick(FREE_COHERENT.call)) {
      events.emit(FREE_COHERENT.call, {
        dev: dev.name,
        size: memory.sizeBytes,
        dma: memory.dma,
      });
    }
    if (dev.ownOps) this.#calls.throughTable(FREE_COHERENT.api);
    this.#checker?.mappings.freeing(dev, memory, freed);
    this.#checker?.memory.freedCoherent(freed);
    freeCoherent(this.#machine, dev, memory, freed);
    this.#calls.leave(FREE_COHERENT, outer);
  }

  /** A direction that is none is fatal. @see rules/dma.md 1.4 row 1 */
  #checkDirection(api: string, dir: number): void {
    if (dir === 0 || dir === 1 || dir === 2) return;
    throw new KernelError("EFAULT", `${api}() with the invalid direction ${dir}`);
  }

  /** The failure injected into a call, as a negative errno; 0 for none. */
  #injected(call: Call): number {
    const { faults } = this.#machine;
    return faults === null ? 0 : faults.errnoAt(FAULT[call.api as FaultPointName]);
  }

  /** Apart from `#mapCall`, which is on the hot path and stays small enough for V8 to inline. */
  #emitMap(
    call: MapCall,
    dev: DmaDevice,
    phys: PhysAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    this.#events.emit(call.call, {
      dev: dev.name,
      phys,
      size: sizeBytes,
      dir: directionWord(dir),
      attrs: attributeWords(attrs),
    });
  }

  #emitUnmap(
    call: UnmapCall,
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
    attrs: number,
  ): void {
    this.#events.emit(call.call, {
      dev: dev.name,
      dma,
      size: sizeBytes,
      dir: directionWord(dir),
      attrs: attributeWords(attrs),
    });
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
    if (events.tick(call.call)) this.#emitMap(call, dev, phys, sizeBytes, dir, attrs);
    this.#machine.charges.segments(1);
    this.refusal = null;
    const dma = this.#injected(call) !== 0
      ? ERROR
      : this.#map(call, dev, phys, sizeBytes, dir, attrs | call.adds);
    this.#leaveMap(call, dev, dma, outer);
    return dma;
  }

  /** Ends a map; a failed one says on which branch it failed. */
  #leaveMap(call: MapCall, dev: DmaDevice, dma: DmaAddr, outer: string | null): void {
    const { refusal } = this;
    const why = dma !== ERROR || refusal === null ? null : whyBranch(this.#machine, dev, refusal);
    this.#calls.leaveWithAddress(call, dma, outer, why);
  }

  /** The decision that all single maps share, in its order. @see rules/dma.md 1.4 */
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
      this.#mappings.mapped(dev, this.taken, fields);
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
    if (events.tick(call.call)) this.#emitUnmap(call, dev, dma, sizeBytes, dir, attrs);
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
      if (isTranslated(dev)) phys = iommuUnmapPhys(machine, dev, dma, sizeBytes, dir, all);
      else directUnmapPhys(machine, dev, dma, sizeBytes, dir, all);
      if (phys >= 0) {
        // Unbalanced calls go unnoticed where nothing is translated, and must not count twice.
        if (dev.mappings > 0) dev.mappings--;
        if (dev.domain !== null && machine.iommu.liveMappings > 0) machine.iommu.liveMappings--;
        this.#mappings.unmapped(call.api, dev, phys, dma, sizeBytes, dir);
      }
    }
    this.#calls.leave(call, outer);
  }

  /** Pages are memory; a kernel with debugging refuses those that are a device's. */
  #refusesPage(phys: PhysAddr, attrs: number): boolean {
    const { config, memory, warnings } = this.#machine;
    if ((attrs & DMA_ATTR.MMIO) !== 0) {
      this.refusal = MAP_FAILURE.PAGE_WITH_MMIO;
      return true;
    }
    if (!config.dmaDebug || memory.kindAt(phys) !== "mmio") return false;
    warnings.warnOnce("dma_map_page", `The page at ${hexAddress(phys)} is a device's memory`);
    this.refusal = MAP_FAILURE.PAGE_OF_A_DEVICE;
    return true;
  }

  /** Memory that is contiguous for the CPU only cannot be mapped as one buffer. */
  #isVmalloc(dev: DmaDevice, phys: PhysAddr, sizeBytes: Bytes): boolean {
    if (this.#machine.areas.find(phys, sizeBytes) !== "vmalloc") return false;
    this.#machine.warnings.warnOnce(
      "dma_map_single",
      `Device "${dev.name}" maps vmalloc memory at ${hexAddress(phys)}`,
    );
    this.#checker?.mappings.refusedVmalloc(dev, phys, sizeBytes);
    return true;
  }

  #mustSync(call: SyncCall, dev: DmaDevice): boolean {
    if (dev.ownOps) this.#calls.throughTable(call.api);
    return !dev.skipSync || this.#machine.config.dmaDebug;
  }

  #enterSync(
    call: SyncCall,
    dev: DmaDevice,
    dma: DmaAddr,
    sizeBytes: Bytes,
    dir: DmaDirection,
  ): string | null {
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(call.call)) {
      this.#events.emit(call.call, {
        dev: dev.name,
        dma,
        size: sizeBytes,
        dir: directionWord(dir),
      });
    }
    return outer;
  }
}
