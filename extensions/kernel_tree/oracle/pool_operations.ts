/** Operations on a pool of bounce buffers, and the model's results of them. */
import {
  areasForSlots,
  type BouncingDevice,
  Charges,
  EventStream,
  KernelWarnings,
  type PhysAddr,
  sizePool,
  SLOT_BYTES,
  SwiotlbPool,
  VirtualClock,
} from "@dmalab/runtime";
import { DMA_ATTR, type DmaDirection } from "@dmalab/runtime/dma";
import type { Implementation, OperationResult } from "./compare.ts";

/**
 * Limits of the device's addresses. The fields have the names that the golden data use for them.
 */
interface DeviceFields {
  readonly min_align_mask: number;
  /** Mask of the segment boundary; null for no boundary. */
  readonly seg_boundary_mask: number | null;
}

interface Part {
  readonly tlb: number;
  readonly size: number;
  readonly dir: DmaDirection;
}

/**
 * An operation and its arguments. The arguments have the names that the golden data use for them.
 */
export type PoolOperation =
  | DeviceFields & {
    readonly op: "init";
    readonly slots: number;
    readonly areas_asked: number;
    readonly start: number;
  }
  | DeviceFields & { readonly op: "device" }
  | {
    readonly op: "map";
    readonly cpu: number;
    readonly orig: number;
    readonly size: number;
    readonly alloc_align_mask: number;
    readonly dir: DmaDirection;
  }
  | Part & { readonly op: "unmap"; readonly skip_sync: boolean }
  | Part & { readonly op: "sync_for_cpu" | "sync_for_device" }
  | { readonly op: "state" }
  | { readonly op: "size_for_cpus"; readonly slots_before: number; readonly cpus: number };

type Copies = (readonly [from: number, to: number, bytes: number])[];

/** The properties of a pool from which results are computed. */
export interface PoolView {
  readonly start: number;
  readonly slots: number;
  isUsed(slot: number): boolean;
}

/** The state of an area, in the results of an operation that examines a pool. */
interface Area {
  readonly used: number;
  /** Slot at which the next search starts. */
  readonly index: number;
}

export class PoolModel implements Implementation<PoolOperation> {
  #copies: Copies = [];
  #pool: SwiotlbPool | null = null;
  readonly #clock = new VirtualClock();
  readonly #events = new EventStream(this.#clock);
  /** Warnings of one boot: they are not reset when a pool is created again. */
  readonly #warnings = new KernelWarnings(this.#events, this.#clock);
  #device: BouncingDevice = deviceOf({ min_align_mask: 0, seg_boundary_mask: null });

  /** @throws {RangeError} If there is no pool yet. */
  run(operation: PoolOperation): OperationResult {
    if (operation.op === "size_for_cpus") {
      const { slots, areas } = sizePool(operation.slots_before, operation.cpus);
      return { slots, areas, areas_used: areasForSlots(slots, areas) };
    }
    if (operation.op === "init") this.#init(operation);
    if (this.#pool === null) throw new RangeError("The first operation must be `init`");
    this.#copies = [];
    return this.#answer(this.#pool, operation);
  }

  #init(operation: PoolOperation & { op: "init" }): void {
    const copy = (...each: Copies[number]) => this.#copies.push(each);
    const [clock, events, warnings] = [this.#clock, this.#events, this.#warnings];
    const charges = new Charges(clock);
    const around = { memory: { writer: null, copy }, events, clock, charges, warnings };
    const { areas_asked, slots, start } = operation;
    const areas = areasForSlots(slots, areas_asked);
    this.#pool = new SwiotlbPool(around, { basePhys: start as PhysAddr, slots, areas });
  }

  #answer(
    pool: SwiotlbPool,
    operation: Exclude<PoolOperation, { op: "size_for_cpus" }>,
  ): OperationResult {
    switch (operation.op) {
      case "init":
      case "device": {
        this.#device = deviceOf(operation);
        const max = pool.maxMappingSizeBytes(this.#device.minAlignMask);
        const { areas, areaSlots } = pool;
        return operation.op === "device"
          ? { max_mapping_size: max }
          : { areas, area_slots: areaSlots, max_mapping_size: max };
      }
      case "map": {
        const { alloc_align_mask, cpu, dir, orig, size } = operation;
        this.#events.context.cpu = cpu;
        const view = viewOf(pool);
        const used = usedSlots(view);
        const args = [orig as PhysAddr, size, alloc_align_mask, dir, DMA_ATTR.NO_WARN] as const;
        const tlb = pool.map(this.#device, ...args);
        return mapped(tlb < 0 ? null : tlb, used, view, this.#copies);
      }
      case "unmap": {
        const { dir, size, skip_sync, tlb } = operation;
        const attrs = skip_sync ? DMA_ATTR.SKIP_CPU_SYNC : 0;
        pool.unmap(this.#device, tlb as PhysAddr, size, dir, attrs);
        return { copies: this.#copies };
      }
      case "sync_for_cpu":
      case "sync_for_device": {
        const { dir, size, tlb } = operation;
        const before = this.#warnings.total;
        if (operation.op === "sync_for_cpu") pool.syncForCpu(tlb as PhysAddr, size, dir);
        else pool.syncForDevice(tlb as PhysAddr, size, dir);
        return { copies: this.#copies, warn: this.#warnings.total - before };
      }
      case "state":
        return stateOf(
          viewOf(pool),
          Array.from({ length: pool.areas }, (_, area) => ({
            used: pool.areaUsedSlots(area),
            index: pool.areaIndex(area),
          })),
        );
    }
  }
}

function deviceOf({ min_align_mask, seg_boundary_mask }: DeviceFields): BouncingDevice {
  return {
    name: "device",
    minAlignMask: min_align_mask,
    segmentBoundaryMask: seg_boundary_mask ?? Number.MAX_SAFE_INTEGER - 1,
    skipSync: true,
  };
}

function viewOf(pool: SwiotlbPool): PoolView {
  return {
    start: pool.basePhys,
    slots: pool.slots,
    isUsed: (slot) => pool.slotUsed(slot),
  };
}

/** A byte for each slot: 1 if it is used. */
export function usedSlots({ isUsed, slots }: PoolView): Uint8Array {
  const used = new Uint8Array(slots);
  for (let slot = 0; slot < slots; slot++) if (isUsed(slot)) used[slot] = 1;
  return used;
}

/** The result of a map. @param before The used slots before the map. */
export function mapped(
  tlb: number | null,
  before: Uint8Array,
  view: PoolView,
  copies: Copies,
): OperationResult {
  if (tlb === null) return { tlb, warn: 0 };
  let slots = 0;
  let first_slot = 0;
  for (let slot = view.slots - 1; slot >= 0; slot--) {
    if (before[slot] === 1 || !view.isUsed(slot)) continue;
    first_slot = slot;
    slots++;
  }
  const pad_slots = Math.floor((tlb - view.start) / SLOT_BYTES) - first_slot;
  return { tlb, first_slot, slots, pad_slots, copies, warn: 0 };
}

export function stateOf(view: PoolView, areas: readonly Area[]): OperationResult {
  const runs: [first: number, count: number][] = [];
  for (const [slot, isUsed] of usedSlots(view).entries()) {
    if (isUsed === 0) continue;
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === slot) last[1]++;
    else runs.push([slot, 1]);
  }
  return { used: areas.reduce((sum, { used }) => sum + used, 0), areas, used_runs: runs };
}
