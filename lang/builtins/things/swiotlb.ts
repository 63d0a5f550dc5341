/** The pool of bounce buffers. */
import type { SwiotlbPool } from "../../../runtime/memory/swiotlb.ts";
import { SLOT_BYTES } from "../../../runtime/memory/swiotlb_geometry.ts";
import { pad, PICTURE_COLUMNS, spread } from "../../render/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../render/numbers.ts";
import { Word } from "../../vm/value.ts";
import { isThing, phys, size } from "../arguments.ts";
import type { TypeSpec } from "../spec.ts";

/** Cells of the bar that stands for an area. */
const BAR_CELLS = 56;

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
    { name: "size", kind: "size", doc: "How large it is.", get: (pool) => size(pool.sizeBytes) },
  ],
  methods: [],
  format: (pool) =>
    pool.active
      ? `swiotlb ${pool.usedSlots} of ${formatCount(pool.slots, "slot")} in use`
      : "swiotlb: no pool",
  show: (pool) =>
    pool.active
      ? [
        spread(
          `swiotlb ${formatSize(pool.sizeBytes)} at ${formatAddress(pool.basePhys)}`,
          `${pool.usedSlots} of ${
            formatCount(pool.slots, "slot")
          } in use, at most ${pool.highWaterSlots}`,
        ),
        "─".repeat(PICTURE_COLUMNS),
        ...Array.from({ length: pool.areas }, (_, area) => areaLine(pool, area)),
        `  largest free block: ${formatCount(pool.largestFreeSlots, "slot")}, ${
          formatSize(pool.largestFreeSlots * SLOT_BYTES)
        }`,
      ]
      : ["swiotlb: the machine has no pool"],
  // The mapping path is called `swiotlb` too: `m.path == swiotlb`.
  equals: (pool, other) =>
    other instanceof Word
      ? other.name === "swiotlb"
      : isThing(other, SWIOTLB) && other.target === pool,
};

/** An area as a bar: each cell stands for an equal part, marked when any slot of it is in use. */
function areaLine(pool: SwiotlbPool, area: number): string {
  const first = area * pool.areaSlots;
  const cellSlots = Math.max(1, Math.ceil(pool.areaSlots / BAR_CELLS));
  const cells = Array.from({ length: Math.ceil(pool.areaSlots / cellSlots) }, (_, cell) => {
    const from = first + cell * cellSlots;
    const to = Math.min(from + cellSlots, first + pool.areaSlots);
    for (let slot = from; slot < to; slot++) if (pool.slotUsed(slot)) return "█";
    return "░";
  });
  return `  area ${pad(String(area), 3)} ▕${cells.join("")}▏ ${pool.areaUsedSlots(area)}`;
}
