/**
 * The scatterlist calls of the DMA API with their events; `scatterlist_mapping.ts` is what they do.
 *
 * @see behaviour/dma.md chapter 7
 */
import { eventId } from "../event_vocabulary.ts";
import type { EventStream } from "../events.ts";
import type { Machine } from "../machine.ts";
import { attributeWords, directionWord, type DmaDirection } from "./attributes.ts";
import { type Call, CallEvents, callOf } from "./call_events.ts";
import type { DmaDevice } from "./device.ts";
import type { MappingEvents } from "./mapping_events.ts";
import type { Scatterlist } from "./scatterlist.ts";
import { mapSg, sgtableResult, syncSg, unmapSg } from "./scatterlist_mapping.ts";

const MAP_SG = callOf("dma_map_sg", "dma.1.8");
const MAP_SGTABLE = callOf("dma_map_sgtable", "dma.1.8");
const UNMAP_SG = callOf("dma_unmap_sg", "dma.7.2");
const SYNC_FOR_CPU = callOf("dma_sync_sg_for_cpu", "dma.1.6");
const SYNC_FOR_DEVICE = callOf("dma_sync_sg_for_device", "dma.1.6");
const DMA_SYNC = eventId("dma.sync");

export class ScatterlistCalls {
  readonly #machine: Machine;
  readonly #events: EventStream;
  readonly #calls: CallEvents;
  readonly #mappings: MappingEvents;

  constructor(machine: Machine, calls: CallEvents, mappings: MappingEvents) {
    this.#machine = machine;
    this.#events = machine.events;
    this.#calls = calls;
    this.#mappings = mappings;
  }

  /** The number of outputs, 0 for any failure. */
  map(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): number {
    const outer = this.#enter(MAP_SG, dev, list, dir, attrs);
    const outputs = mapSg(this.#machine, dev, list, dir, attrs);
    this.#mapped(MAP_SG, dev, list, dir);
    this.#calls.leaveWithResult(MAP_SG, Math.max(outputs, 0), outer);
    return Math.max(outputs, 0);
  }

  /** 0 or a negative errno. */
  mapTable(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): number {
    const outer = this.#enter(MAP_SGTABLE, dev, list, dir, attrs);
    const outputs = mapSg(this.#machine, dev, list, dir, attrs);
    this.#mapped(MAP_SGTABLE, dev, list, dir);
    const result = sgtableResult(this.#machine, outputs);
    this.#calls.leaveWithErrno(MAP_SGTABLE, result, outer);
    return result;
  }

  unmap(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, attrs: number): void {
    const outer = this.#enter(UNMAP_SG, dev, list, dir, attrs);
    // What the outputs were is known only before they are gone.
    const ended = list.entries.slice(0, list.outputs).map((entry) => ({
      ...entry,
      path: entry.isBusAddress ? "bus" as const : this.#mappings.pathOf(dev, entry.dmaAddress),
    }));
    unmapSg(this.#machine, dev, list, dir, attrs);
    for (const { outputPhys, dmaAddress, dmaLengthBytes, path } of ended) {
      this.#mappings.unmapped(UNMAP_SG.api, dev, outputPhys, dmaAddress, dmaLengthBytes, dir, path);
    }
    this.#calls.leave(UNMAP_SG, outer);
  }

  sync(dev: DmaDevice, list: Scatterlist, dir: DmaDirection, owner: "cpu" | "device"): void {
    const call = owner === "cpu" ? SYNC_FOR_CPU : SYNC_FOR_DEVICE;
    const outer = this.#enter(call, dev, list, dir, 0);
    for (const { dmaAddress, dmaLengthBytes } of list.entries.slice(0, list.outputs)) {
      if (this.#events.tick(DMA_SYNC)) {
        this.#events.emit(DMA_SYNC, { for: owner, dma: dmaAddress, size_bytes: dmaLengthBytes });
      }
    }
    if (!dev.skipSync || this.#machine.config.dmaDebug) {
      syncSg(this.#machine, dev, list, dir, owner);
    }
    this.#calls.leave(call, outer);
  }

  #enter(
    call: Call,
    dev: DmaDevice,
    list: Scatterlist,
    dir: DmaDirection,
    attrs: number,
  ): string | null {
    const outer = this.#calls.enter(dev);
    if (this.#events.tick(call.call)) {
      this.#events.emit(call.call, {
        dev: dev.name,
        nents: list.entries.length,
        dir: directionWord(dir),
        attrs: attributeWords(attrs),
      });
    }
    return outer;
  }

  /** One mapping for each output. */
  #mapped(call: Call, dev: DmaDevice, list: Scatterlist, dir: DmaDirection): void {
    for (const entry of list.entries.slice(0, list.outputs)) {
      const { outputPhys, dmaAddress, dmaLengthBytes, isBusAddress } = entry;
      const path = isBusAddress ? "bus" : null;
      this.#mappings.mapped(call.api, dev, outputPhys, dmaAddress, dmaLengthBytes, dir, path);
    }
  }
}
