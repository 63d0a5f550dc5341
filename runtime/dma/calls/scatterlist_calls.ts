/**
 * The scatterlist calls of the DMA API with their events; `scatterlist_mapping.ts` is what they do.
 *
 * @see rules/dma.md chapter 7
 */
import { eventId } from "../../event_vocabulary.ts";
import type { EventStream, Why } from "../../events.ts";
import type { Bytes, DmaAddr } from "../../address.ts";
import { FAULT, type FaultPoint } from "../../faults.ts";
import type { DmaMachine } from "../dma_machine.ts";
import { attributeWords, directionWord, type DmaDirection } from "../attributes.ts";
import { type CallEvents, callOf } from "./call_events.ts";
import type { DmaDevice } from "../device/device.ts";
import { MAP_BRANCH, type MapBranch, PART_BRANCH } from "../paths/map_branch.ts";
import { whyBranch } from "../paths/refusal.ts";
import type { MappingEvents } from "./mapping_events.ts";
import type { Scatterlist } from "../scatterlist.ts";
import {
  countMapped,
  mapSg,
  sgtableResult,
  syncSg,
  unmapSg,
} from "../paths/scatterlist_mapping.ts";

const MAP_SG = callOf("dma_map_sg");
const MAP_SGTABLE = callOf("dma_map_sgtable");
const UNMAP_SG = callOf("dma_unmap_sg");
const SYNC_FOR_CPU = callOf("dma_sync_sg_for_cpu");
const SYNC_FOR_DEVICE = callOf("dma_sync_sg_for_device");
const DMA_SYNC = eventId("dma.sync");
const DMA_MAP = eventId("dma.map");
const DMA_UNMAP = eventId("dma.unmap");

type ListCall =
  | typeof MAP_SG
  | typeof MAP_SGTABLE
  | typeof UNMAP_SG
  | typeof SYNC_FOR_CPU
  | typeof SYNC_FOR_DEVICE;

export class ScatterlistCalls {
  readonly #machine: DmaMachine;
  readonly #events: EventStream;
  readonly #calls: CallEvents;
  readonly #mappings: MappingEvents;

  constructor(machine: DmaMachine, calls: CallEvents, mappings: MappingEvents) {
    this.#machine = machine;
    this.#events = machine.events;
    this.#calls = calls;
    this.#mappings = mappings;
  }

  /** The number of number of DMA ranges, 0 on any failure. */
  map(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): number {
    const outer = this.#enter(MAP_SG, dev, list, dir, attrs, list.count);
    this.#machine.charges.segments(list.count);
    this.#machine.dma.refusal = null;
    const outputs = this.#outputs(FAULT.dma_map_sg, dev, list, dir, attrs);
    this.#mapped(dev, list, dir, attrs);
    const result = outputs > 0 ? outputs : sgtableResult(this.#machine, outputs);
    this.#calls.leaveWithCount(MAP_SG, result, outer, this.#whyRefused(dev, result));
    return Math.max(outputs, 0);
  }

  /** 0 or a negative errno. */
  mapTable(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): number {
    const outer = this.#enter(MAP_SGTABLE, dev, list, dir, attrs, list.count);
    this.#machine.charges.segments(list.count);
    this.#machine.dma.refusal = null;
    const outputs = this.#outputs(FAULT.dma_map_sgtable, dev, list, dir, attrs);
    this.#mapped(dev, list, dir, attrs);
    const result = sgtableResult(this.#machine, outputs);
    this.#calls.leaveWithErrno(MAP_SGTABLE, result, outer, this.#whyRefused(dev, result));
    return result;
  }

  /** A list has been mapped as one range already. @see page_memory.ts */
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
    this.#mapped(dev, list, dir, attrs);
  }

  /** The branch of the entry that could not be mapped, where one was refused by itself. */
  #whyRefused(dev: DmaDevice, result: number): Why | null {
    const { refusal } = this.#machine.dma;
    return result >= 0 || refusal === null ? null : whyBranch(this.#machine, dev, refusal);
  }

  /** @param entries How many the driver says the list has; only as many are looked at. */
  unmap(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    attrs: number,
    entries: number,
  ): void {
    const outer = this.#enter(UNMAP_SG, dev, list, dir, attrs, entries);
    this.#machine.checker?.lists.unmapping(dev, list, entries, dir, attrs);
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

  /** @param entries How many the driver says the list has; only as many are looked at. */
  sync(
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    owner: "cpu" | "device",
    entries: number,
  ): void {
    const call = owner === "cpu" ? SYNC_FOR_CPU : SYNC_FOR_DEVICE;
    const outer = this.#enter(call, dev, list, dir, null, entries);
    this.#machine.checker?.lists.syncing(dev, list, entries, dir, owner === "cpu");
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

  /** How many outputs a map makes, or a negative errno: its own or an injected one. */
  #outputs(
    point: FaultPoint,
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    attrs: number,
  ): number {
    const { faults } = this.#machine;
    const injected = faults === null ? 0 : faults.errnoAt(point);
    if (injected === 0) return mapSg(this.#machine, dev, list, dir, attrs);
    list.outputs = 0;
    return injected;
  }

  /** @param attrs Null for a function that takes none. */
  #enter(
    call: ListCall,
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    attrs: number | null,
    entries: number,
  ): string | null {
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(call.call)) {
      const args = {
        dev: dev.name,
        sg: list.segments().map(({ phys, sizeBytes }) => [phys, sizeBytes] as const),
        nents: entries,
        dir: directionWord(dir),
      };
      const all = attrs === null ? args : { ...args, attrs: attributeWords(attrs) };
      this.#events.emit(call.call, all);
    }
    if (dev.ownOps) this.#calls.throughTable(call.api);
    return outer;
  }

  /** One mapping for each output. */
  #mapped(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): void {
    this.#machine.checker?.lists.mapped(dev, list, dir, attrs);
    for (let index = 0; index < list.outputs; index++) {
      // Both functions make mappings of one kind, which one function ends.
      if (!this.#events.tick(DMA_MAP)) continue;
      const fields = { api: MAP_SG.api, ...outputOf(list, index), dir: directionWord(dir) };
      this.#mappings.mapped(dev, branchOf(dev, list, index), fields);
    }
  }
}

/** An output as events tell it. */
function outputOf(list: Scatterlist, index: number) {
  return {
    phys: list.outputPhysAt(index),
    dma: list.dmaAddressAt(index),
    size_bytes: list.dmaLengthAt(index),
  };
}

/** The branch on which an output was mapped. */
function branchOf(dev: DmaDevice, list: Scatterlist, index: number): MapBranch {
  if (list.isBusAddressAt(index)) return PART_BRANCH.PEER_BUS;
  return list.branchAt(index) ??
    (dev.domain === null ? MAP_BRANCH.MEMORY_REACHED : MAP_BRANCH.TRANSLATED);
}
