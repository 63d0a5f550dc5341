/** The pool of bounce buffers. */
import type { BouncedBuffer, SwiotlbPool } from "../../../../runtime/memory/swiotlb/swiotlb.ts";
import { SET_SLOTS, SLOT_BYTES } from "../../../../runtime/memory/swiotlb/swiotlb_geometry.ts";
import { formatCount } from "../../../text/numbers.ts";
import { swiotlbPicture } from "../../../render/pictures/swiotlb_picture.ts";
import { type Value, Word } from "../../../values/value.ts";
import { duration, isThing, list, phys, record, size } from "../../arguments.ts";
import { explainPool } from "../../bounce_story.ts";
import type { TypeSpec } from "../../../values/spec.ts";

function bufferValue(buffer: BouncedBuffer): Value {
  return record({
    slot: buffer.slot,
    slots: buffer.slots,
    padding: buffer.padSlots,
    phys: phys(buffer.tlbPhys),
    original: phys(buffer.origPhys),
    size: size(buffer.sizeBytes),
    since: duration(buffer.bornNs),
  });
}

/** Bytes that a buffer in a list is charged. */
const BUFFER_BYTES = 256;

export const SWIOTLB: TypeSpec<SwiotlbPool> = {
  name: "swiotlb",
  doc: "The pool of bounce buffers. Numbers are slots of 2 KiB, as the kernel counts them.",
  fields: [
    { name: "used", kind: "int", doc: "Slots in use.", get: (pool) => pool.usedSlots },
    { name: "total", kind: "int", doc: "Slots there are.", get: (pool) => pool.slots },
    {
      name: "largest_free",
      kind: "int",
      doc: "Slots of the largest free block.",
      get: (pool) => pool.largestFreeSlots,
    },
    {
      name: "high_water",
      kind: "int",
      doc: "Most slots that were in use at once.",
      get: (pool) => pool.highWaterSlots,
    },
    {
      name: "areas",
      kind: "int",
      doc: "Parts with a lock of their own.",
      get: (pool) => pool.areas,
    },
    {
      name: "slot_size",
      kind: "size",
      doc: "Bytes of a slot.",
      get: () => size(SLOT_BYTES),
    },
    {
      name: "phys",
      kind: "phys",
      doc: "Where the pool lies.",
      get: (pool) => phys(pool.basePhys),
    },
    {
      name: "set_slots",
      kind: "int",
      doc: "Slots of a set: no buffer has more, and none reaches out of its set.",
      get: () => SET_SLOTS,
    },
    {
      name: "buffers",
      kind: "list",
      doc:
        "Buffers in it, the lowest first: { slot, slots, padding, phys, original, size, since }.",
      get(pool, run) {
        const buffers: BouncedBuffer[] = [];
        pool.forEachBuffer((buffer) => buffers.push(buffer));
        run.chargeMemory(BUFFER_BYTES * buffers.length);
        return list(buffers.map(bufferValue));
      },
    },
    { name: "size", kind: "size", doc: "How large it is.", get: (pool) => size(pool.sizeBytes) },
  ],
  methods: [],
  format: (pool) =>
    pool.active
      ? `swiotlb ${pool.usedSlots} of ${formatCount(pool.slots, "slot")} in use`
      : "swiotlb: no pool",
  show: (pool) => pool.active ? poolLines(pool) : ["swiotlb: the machine has no pool"],
  explain: explainPool,
  // The mapping path is called `swiotlb` too: `m.path == swiotlb`.
  equals: (pool, other) =>
    other instanceof Word
      ? other.name === "swiotlb"
      : isThing(other, SWIOTLB) && other.target === pool,
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
    highWaterSlots: pool.highWaterSlots,
    largestFreeSlots: pool.largestFreeSlots,
    areas: Array.from({ length: pool.areas }, (_, area) => ({
      usedSlots: pool.areaUsedSlots(area),
      nextSlot: pool.areaIndex(area),
    })),
    buffers,
  });
}
