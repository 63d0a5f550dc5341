/** The pool of bounce buffers. */
import {
  type BouncedBuffer,
  SET_SLOTS,
  SLOT_BYTES,
  type SwiotlbPool,
} from "@dmalab/runtime/memory";
import { formatCount } from "../../../text/numbers.ts";
import { swiotlbPicture } from "../../../render/pictures/swiotlb_picture.ts";
import { explainPool } from "../../bounce_story.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";

const BUFFER = {
  slot: "int",
  slots: "int",
  padding: "int",
  phys: "phys",
  original: "phys",
  size: "size",
  since: "duration",
} as const;

function plainBuffer(buffer: BouncedBuffer) {
  return {
    slot: buffer.slot,
    slots: buffer.slots,
    padding: buffer.padSlots,
    phys: buffer.tlbPhys,
    original: buffer.origPhys,
    size: buffer.sizeBytes,
    since: buffer.bornNs,
  };
}

/** Bytes that a buffer in a list is charged. */
const BUFFER_BYTES = 256;

export const SWIOTLB: HandleType<SwiotlbPool> = {
  name: "swiotlb",
  doc: "The pool of bounce buffers. Numbers are slots of 2 KiB, as the kernel counts them.",
  fields: fieldsOf<SwiotlbPool>((f) => ({
    used: f.int("Slots in use, of all its pools.", (pool) => pool.usedSlots),
    total: f.int("Slots of all its pools, transient ones left out.", (pool) => pool.totalSlots),
    largest_free: f.int("Slots of the largest free block.", (pool) => pool.largestFreeSlots),
    high_water: f.int("Most slots in use at the same time.", (pool) => pool.highWaterSlots),
    areas: f.int("Areas, each with its own lock.", (pool) => pool.areas),
    slot_size: f.size("Bytes of a slot.", () => SLOT_BYTES),
    phys: f.phys("Physical address of the pool.", (pool) => pool.basePhys),
    set_slots: f.int(
      "Slots of a set (IO_TLB_SEGSIZE): no buffer is larger or crosses a set's boundary.",
      () => SET_SLOTS,
    ),
    buffers: f.list(
      BUFFER,
      "Buffers in it, the lowest first: { slot, slots, padding, phys, original, size, since }.",
      (pool, context) => {
        const buffers: BouncedBuffer[] = [];
        pool.forEachBuffer((buffer) => buffers.push(buffer));
        context.chargeMemory(BUFFER_BYTES * buffers.length);
        return buffers.map(plainBuffer);
      },
    ),
    pools: f.list(
      { phys: "phys", size: "size", used: "int", transient: "bool" },
      "The default pool and the pools added since: { phys, size, used, transient }.",
      ({ pools }, context) => {
        context.chargeMemory(BUFFER_BYTES * pools.length);
        return pools.map(({ basePhys, ownUsedSlots, sizeBytes, transient }) => ({
          phys: basePhys,
          size: sizeBytes,
          used: ownUsedSlots,
          transient,
        }));
      },
    ),
    size: f.size("Its size.", (pool) => pool.sizeBytes),
  })),
  methods: [],
  format: (pool) =>
    pool.active
      ? `swiotlb ${pool.usedSlots} of ${formatCount(pool.totalSlots, "slot")} in use`
      : "swiotlb: no pool",
  show: (pool) => pool.active ? poolLines(pool) : ["swiotlb: the machine has no pool"],
  explain: explainPool,
};

function poolLines(pool: SwiotlbPool): string[] {
  const buffers: BouncedBuffer[] = [];
  pool.forEachBuffer((buffer) => buffers.push(buffer));
  return swiotlbPicture({
    basePhys: pool.basePhys,
    sizeBytes: pool.sizeBytes,
    slots: pool.slots,
    slotBytes: SLOT_BYTES,
    setSlots: SET_SLOTS,
    usedSlots: pool.usedSlots,
    totalSlots: pool.totalSlots,
    highWaterSlots: pool.highWaterSlots,
    largestFreeSlots: pool.largestFreeSlots,
    areas: Array.from({ length: pool.areas }, (_, area) => ({
      usedSlots: pool.areaUsedSlots(area),
      nextSlot: pool.areaIndex(area),
    })),
    added: pool.pools.slice(1),
    buffers,
  });
}
