/**
 * Compares the pool of bounce buffers with a simple model of its rule: a list of free and used
 * slots.
 */
import { assertEquals } from "@std/assert";
import { DMA_MAPPING_ERROR, type PhysAddr } from "../../address.ts";
import { DMA_ATTR, DMA_BIDIRECTIONAL } from "../../dma/attributes.ts";
import { Random } from "../../random.ts";
import { testPlatform } from "../../testing_config.ts";
import { type BouncedBuffer, SwiotlbPool } from "./swiotlb.ts";

const SLOT = 2048;
const SET = 128;
/** An address in the upper half of the 32-bit addresses: bit 31 is set. */
const BASE = 0xa000_0000;

interface Device {
  readonly name: string;
  minAlignMask: number;
  segmentBoundaryMask: number;
  skipSync: boolean;
}

/** @see rules/dma.md 6.1, 6.2 */
class ListedPool {
  readonly isUsed: boolean[];
  readonly areaSlots: number;
  readonly index: number[];
  readonly buffers = new Map<number, BouncedBuffer>();
  highWater = 0;

  constructor(readonly slots: number, readonly areas: number) {
    this.isUsed = new Array<boolean>(slots).fill(false);
    this.areaSlots = slots / areas;
    this.index = new Array<number>(areas).fill(0);
  }

  get used(): number {
    return this.isUsed.filter((used) => used).length;
  }

  usedOf(area: number): number {
    const first = area * this.areaSlots;
    return this.isUsed.slice(first, first + this.areaSlots).filter((used) => used).length;
  }

  /** Number of free slots from a slot to the end of the slot's set. */
  freeFrom(slot: number): number {
    let free = 0;
    for (let at = slot; at < this.slots && !this.isUsed[at]; at++) {
      free++;
      if ((at + 1) % SET === 0) break;
    }
    return free;
  }

  get largest(): number {
    return Math.max(...this.isUsed.keys().map((slot) => this.freeFrom(slot)));
  }

  map(cpu: number, device: Device, orig: number, sizeBytes: number, allocMask: number): number {
    const keep = device.minAlignMask;
    const pad = orig & keep & (allocMask | (SLOT - 1));
    const totalBytes = Math.ceil((sizeBytes + pad) / (allocMask + 1)) * (allocMask + 1);
    const slots = Math.ceil(totalBytes / SLOT);
    if (slots > SET) return DMA_MAPPING_ERROR;
    for (let tried = 0; tried < this.areas; tried++) {
      const area = ((cpu % this.areas) + tried) % this.areas;
      const first = this.#searchArea(area, device, orig, totalBytes, slots, allocMask);
      if (first < 0) continue;
      this.isUsed.fill(true, first, first + slots);
      this.highWater = Math.max(this.highWater, this.used);
      const padSlots = Math.floor(pad / SLOT);
      const tlbPhys = BASE + (first + padSlots) * SLOT + pad % SLOT as PhysAddr;
      this.buffers.set(tlbPhys, {
        slot: first,
        slots,
        padSlots,
        origPhys: orig as PhysAddr,
        tlbPhys,
        sizeBytes,
        bornNs: 0,
      });
      return tlbPhys;
    }
    return DMA_MAPPING_ERROR;
  }

  #searchArea(
    area: number,
    device: Device,
    orig: number,
    totalBytes: number,
    slots: number,
    allocMask: number,
  ): number {
    if (this.areaSlots - this.usedOf(area) < slots) return -1;
    const keep = device.minAlignMask;
    const wholePage = allocMask === 0 && keep === 0 && totalBytes >= 4096;
    const mask = (wholePage ? 4095 : allocMask) | (SLOT - 1);
    const kept = keep & ~mask;
    let index = this.index[area]!;
    for (let looked = 0; looked < this.areaSlots;) {
      const first = area * this.areaSlots + index;
      const address = BASE + first * SLOT;
      const aligned = (address & mask) === 0 && (orig === 0 || (address & kept) === (orig & kept));
      const boundary = device.segmentBoundaryMask + 1;
      const crosses = Math.floor(address / boundary) !==
        Math.floor((address + slots * SLOT - 1) / boundary);
      if (aligned && !crosses && this.freeFrom(first) >= slots) {
        this.index[area] = index + slots >= this.areaSlots ? 0 : index + slots;
        return first;
      }
      const step = aligned ? Math.floor(Math.max(mask, kept) / SLOT) + 1 : 1;
      index = index + step >= this.areaSlots ? 0 : index + step;
      looked += step;
    }
    return -1;
  }

  unmap(tlb: number): void {
    const { slot, slots } = this.buffers.get(tlb)!;
    this.isUsed.fill(false, slot, slot + slots);
    this.buffers.delete(tlb);
  }
}

function poolOf(slots: number, areas: number) {
  const platform = testPlatform();
  const pool = new SwiotlbPool(platform, { basePhys: BASE as PhysAddr, slots, areas });
  return { pool, events: platform.events };
}

function assertSame(pool: SwiotlbPool, listed: ListedPool): void {
  assertEquals([pool.usedSlots, pool.highWaterSlots, pool.largestFreeSlots], [
    listed.used,
    listed.highWater,
    listed.largest,
  ]);
  for (let area = 0; area < listed.areas; area++) {
    assertEquals([pool.areaUsedSlots(area), pool.areaIndex(area)], [
      listed.usedOf(area),
      listed.index[area],
    ]);
  }
  assertEquals(listed.isUsed.map((_, slot) => pool.slotUsed(slot)), listed.isUsed);
  const buffers: BouncedBuffer[] = [];
  pool.forEachBuffer((buffer) => buffers.push(buffer));
  assertEquals(buffers, [...listed.buffers.values()].toSorted((a, b) => a.slot - b.slot));
}

const SIZES = [1, 512, 2047, 2048, 2049, 4095, 4096, 4097, 10_000, 65_536, 128 * SLOT];

Deno.test("every buffer lies where the rule puts it, and leaves what it had (dma.md 6.1, 6.2)", () => {
  const random = new Random(62);
  const pick = <T>(from: readonly T[]): T => from[random.below(from.length)]!;
  for (const [slots, areas] of [[128, 1], [256, 1], [256, 2], [512, 4]] as const) {
    const { pool, events } = poolOf(slots, areas);
    const listed = new ListedPool(slots, areas);
    const owners = new Map<number, Device>();
    for (let step = 0; step < 150; step++) {
      const device: Device = {
        name: "dev",
        minAlignMask: pick([0, 0, 511, 4095, 0xffff]),
        segmentBoundaryMask: pick([0xffff_ffff, 0xffff_ffff, 0xffff, 0x3_ffff]),
        skipSync: true,
      };
      if (listed.buffers.size > 0 && random.below(5) < 2) {
        const tlb = pick([...listed.buffers.keys()]) as PhysAddr;
        const { sizeBytes } = listed.buffers.get(tlb)!;
        pool.unmap(owners.get(tlb)!, tlb, sizeBytes, DMA_BIDIRECTIONAL, DMA_ATTR.SKIP_CPU_SYNC);
        listed.unmap(tlb);
      } else {
        const orig = random.below(8) === 0 ? 0 : 0x10_0000 + random.below(0x4_0000);
        const allocMask = pick([0, 0, 4095, 0xffff]);
        const sizeBytes = pick(SIZES);
        const cpu = random.below(5) % Math.max(areas, 1);
        events.context.cpu = cpu;
        const tlb = pool.map(
          device,
          orig as PhysAddr,
          sizeBytes,
          allocMask,
          DMA_BIDIRECTIONAL,
          DMA_ATTR.NO_WARN,
        );
        assertEquals(tlb, listed.map(cpu, device, orig, sizeBytes, allocMask));
        assertEquals(device.skipSync, tlb === DMA_MAPPING_ERROR);
        owners.set(tlb, device);
      }
      assertSame(pool, listed);
    }
  }
});
