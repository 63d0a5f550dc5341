/** Replays a trace of the bounce-buffer pool (tests/golden/swiotlb); it knows no file system. */
import type { PhysAddr } from "../../../runtime/address.ts";
import { VirtualClock } from "../../../runtime/time/clock.ts";
import { DMA_ATTR, type DmaDirection } from "../../../runtime/dma/attributes.ts";
import { EventStream } from "../../../runtime/events.ts";
import { SwiotlbPool } from "../../../runtime/memory/swiotlb/swiotlb.ts";
import type { BouncingDevice } from "../../../runtime/memory/swiotlb/swiotlb_slots.ts";
import { areasForSlots, sizePool } from "../../../runtime/memory/swiotlb/swiotlb_geometry.ts";
import { Charges } from "../../../runtime/time/latencies.ts";
import { KernelWarnings } from "../../../runtime/warnings.ts";
import { type Difference, firstDifference, type Json } from "../difference.ts";
import type { TraceLine } from "./iova_trace.ts";

/** A line of a trace: an operation with its arguments and the answers of the real code. */
interface Line {
  readonly op: string;
  readonly slots: number;
  readonly areas_asked: number;
  readonly start: number;
  readonly min_align_mask: number;
  readonly seg_boundary_mask: number | null;
  readonly cpu: number;
  readonly orig: number;
  readonly size: number;
  readonly alloc_align_mask: number;
  readonly dir: DmaDirection;
  readonly tlb: number;
  readonly skip_sync: boolean;
  readonly slots_before: number;
  readonly cpus: number;
  /** In `state` a list of areas, elsewhere their number. */
  readonly areas: unknown;
  readonly used_runs?: unknown;
}

/** A life of one pool, fed line by line. */
export class SwiotlbTrace {
  #copies: [number, number, number][] = [];
  #pool: SwiotlbPool | null = null;
  #events = new EventStream(new VirtualClock());
  #device = { name: "device", minAlignMask: 0, segmentBoundaryMask: 0, skipSync: true };

  get #current(): SwiotlbPool {
    if (this.#pool === null) throw new Error("The trace does not begin with a pool");
    return this.#pool;
  }

  /** Performs one line; returns what differs from the record, or null. */
  run(line: TraceLine): Difference | null {
    const answer = this.#answer(line as unknown as Line);
    return firstDifference(line as unknown as Json, answer as Json);
  }

  /** The line as the pool would have written it. */
  #answer(line: Line): unknown {
    this.#copies = [];
    switch (line.op) {
      case "init":
        return this.#init(line);
      case "device":
        this.#useDevice(line);
        return { ...line, max_mapping_size: this.#maxMapping() };
      case "map":
        return this.#map(line);
      case "unmap":
        this.#current.unmap(
          this.#device,
          line.tlb as PhysAddr,
          line.size,
          line.dir,
          line.skip_sync ? DMA_ATTR.SKIP_CPU_SYNC : 0,
        );
        return { ...line, copies: this.#copies };
      case "sync_for_cpu":
      case "sync_for_device": {
        const whole = line.op === "sync_for_cpu"
          ? this.#current.syncForCpu(line.tlb as PhysAddr, line.size, line.dir)
          : this.#current.syncForDevice(line.tlb as PhysAddr, line.size, line.dir);
        return { ...line, copies: this.#copies, warn: whole ? 0 : 1 };
      }
      case "state":
        return this.#state(line);
      case "size_for_cpus": {
        const { slots, areas } = sizePool(line.slots_before, line.cpus);
        return { ...line, slots, areas, areas_used: areasForSlots(slots, areas) };
      }
      default:
        throw new Error(`Unknown operation "${line.op}"`);
    }
  }

  #init(line: Line): unknown {
    const clock = new VirtualClock();
    this.#events = new EventStream(clock);
    this.#useDevice(line);
    this.#pool = new SwiotlbPool(
      {
        memory: {
          writer: null,
          copy: (from, to, sizeBytes) => this.#copies.push([from, to, sizeBytes]),
        },
        events: this.#events,
        clock,
        charges: new Charges(clock, this.#events),
        warnings: new KernelWarnings(this.#events, clock),
      },
      {
        basePhys: line.start as PhysAddr,
        slots: line.slots,
        areas: areasForSlots(line.slots, line.areas_asked),
      },
    );
    const { areas, areaSlots } = this.#pool;
    return { ...line, areas, area_slots: areaSlots, max_mapping_size: this.#maxMapping() };
  }

  #useDevice(line: Line): void {
    this.#device = {
      name: "device",
      minAlignMask: line.min_align_mask,
      segmentBoundaryMask: line.seg_boundary_mask ?? Number.MAX_SAFE_INTEGER - 1,
      skipSync: true,
    } satisfies BouncingDevice;
  }

  #maxMapping(): number {
    return this.#pool === null ? 0 : this.#pool.maxMappingSizeBytes(this.#device.minAlignMask);
  }

  #map(line: Line): unknown {
    const pool = this.#current;
    this.#events.context.cpu = line.cpu;
    const usedBefore = Array.from({ length: pool.slots }, (_, slot) => pool.slotUsed(slot));
    const tlb = pool.map(
      this.#device,
      line.orig as PhysAddr,
      line.size,
      line.alloc_align_mask,
      line.dir,
      DMA_ATTR.NO_WARN,
    );
    if (tlb === -1) return { ...line, tlb: null, warn: 0 };
    const first = usedBefore.findIndex((used, slot) => !used && pool.slotUsed(slot));
    let slots = 0;
    for (let slot = first; slot < pool.slots; slot++) {
      if (!usedBefore[slot] && pool.slotUsed(slot)) slots++;
    }
    const dataSlot = Math.floor((tlb - pool.basePhys) / 2048);
    return {
      ...line,
      tlb,
      first_slot: first,
      slots,
      pad_slots: dataSlot - first,
      copies: this.#copies,
      warn: 0,
    };
  }

  #state(line: Line): unknown {
    const pool = this.#current;
    const areas = Array.from({ length: pool.areas }, (_, area) => ({
      used: pool.areaUsedSlots(area),
      index: pool.areaIndex(area),
    }));
    const runs: [number, number][] = [];
    for (let slot = 0; slot < pool.slots; slot++) {
      if (!pool.slotUsed(slot)) continue;
      const last = runs.at(-1);
      if (last !== undefined && last[0] + last[1] === slot) last[1]++;
      else runs.push([slot, 1]);
    }
    return {
      ...line,
      used: pool.usedSlots,
      areas,
      ...(line.used_runs === undefined ? {} : { used_runs: runs }),
    };
  }
}
