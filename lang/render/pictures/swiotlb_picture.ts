/** A drawing of the bounce-buffer pool: areas as bars, sets as maps of slots, buffers as a list. */
import type { BouncedBuffer, SwiotlbPool } from "@dmalab/runtime";
import { pad, PICTURE_COLUMNS, spread } from "../../text/columns.ts";
import { formatAddress, formatCount, formatSize } from "../../text/numbers.ts";
import { usedBar } from "./strip.ts";

/** The sizes of a pool's slots and sets. */
export interface SlotSizes {
  readonly slotBytes: number;
  readonly setSlots: number;
}

/**
 * A pool with its buffers, the lowest address first. A buffer may also be in a pool that was added
 * to this pool.
 */
interface PoolOfBuffers {
  readonly pool: SwiotlbPool;
  readonly setSlots: number;
  readonly buffers: readonly BouncedBuffer[];
}

/** Cells of the bar for an area. */
const BAR_CELLS = 50;
const LINE_SLOTS = 64;
const DISPLAYED_AREAS = 8;
const DISPLAYED_SETS = 2;
const DISPLAYED_ADDED = 8;
const DISPLAYED_BUFFERS = 8;

const FREE = "·";
const PADDING = "░";
const NEXT = "▾";
/** Two characters, used in turn so that adjacent buffers can be distinguished. */
const DATA = ["█", "▓"] as const;

/** The drawing, in at most 80 columns. */
export function swiotlbPicture(pool: SwiotlbPool, { setSlots, slotBytes }: SlotSizes): string[] {
  const buffers: BouncedBuffer[] = [];
  pool.forEachBuffer((buffer) => buffers.push(buffer));
  const whole = { pool, setSlots, buffers };
  return [
    spread(
      `swiotlb ${formatSize(pool.sizeBytes)} at ${formatAddress(pool.basePhys)}`,
      `${pool.usedSlots} of ${
        formatCount(pool.totalSlots, "slot")
      } in use, at most ${pool.highWaterSlots}`,
    ),
    "─".repeat(PICTURE_COLUMNS),
    ...areaLines(whole),
    ...setLines(whole),
    ...addedLines(pool),
    ...bufferLines(buffers),
    `  largest free block: ${formatCount(pool.largestFreeSlots, "slot")}, ${
      formatSize(pool.largestFreeSlots * slotBytes)
    }`,
  ];
}

function areaLines({ buffers, pool }: PoolOfBuffers): string[] {
  const areaSlots = pool.slots / pool.areas;
  const areas = Array.from({ length: pool.areas }, (_, number) => ({
    number,
    usedSlots: pool.areaUsedSlots(number),
    nextSlot: pool.areaIndex(number),
  }));
  const busy = areas.filter(({ usedSlots, nextSlot }) => usedSlots > 0 || nextSlot > 0);
  const shown = (areas.length <= DISPLAYED_AREAS ? areas : busy).slice(0, DISPLAYED_AREAS);
  const rest = areas.length - shown.length;
  return [
    ...shown.map(({ number, usedSlots, nextSlot }) => {
      const bar = areaBar(buffers, number * areaSlots, areaSlots);
      return `  area ${pad(String(number), 3)} ${bar} ${usedSlots}, next ${nextSlot}`;
    }),
    ...rest > 0 ? [`       …   ${formatCount(rest, "more area")}`] : [],
  ];
}

/**
 * A bar for an area. Each cell is an equal part of the area; it is marked if any of its slots is in
 * use.
 */
function areaBar(
  buffers: readonly BouncedBuffer[],
  start: number,
  areaSlots: number,
): string {
  const cellBytes = Math.max(1, Math.ceil(areaSlots / BAR_CELLS));
  const used = buffers.flatMap(({ slot, slots }) => {
    const [from, to] = [Math.max(slot, start), Math.min(slot + slots, start + areaSlots)];
    return from < to ? [{ start: from, sizeBytes: to - from }] : [];
  });
  return usedBar(used, { start, cellBytes, cells: Math.ceil(areaSlots / cellBytes) });
}

/** Maps of the sets that contain buffers, with a character for each slot. */
function setLines(whole: PoolOfBuffers): string[] {
  const { buffers, pool, setSlots } = whole;
  const setOf = (slot: number) => Math.floor(slot / setSlots);
  const own = buffers.filter(({ slot }) => slot < pool.slots);
  const sets = [...new Set(own.map(({ slot }) => setOf(slot)))];
  if (sets.length === 0) return [];
  const lines = sets.slice(0, DISPLAYED_SETS).flatMap((set) => setMap(whole, set));
  const rest = sets.length - DISPLAYED_SETS;
  const signs = [
    "█ ▓ data",
    ...lines.some((line) => line.includes(PADDING)) ? [`${PADDING} padding`] : [],
    ...lines.some((line) => line.includes(NEXT)) ? [`${NEXT} the next search starts here`] : [],
    `${FREE} free`,
  ];
  return [
    ...lines,
    `     ${signs.join("   ")}`,
    ...rest > 0 ? [`  … ${formatCount(rest, "more set")} in use`] : [],
  ];
}

/**
 * Lines for added pools, which are drawn without maps. The slot numbers of added pools follow those
 * of the first pool.
 */
function addedLines({ pools: [, ...added] }: SwiotlbPool): string[] {
  const lines = added.slice(0, DISPLAYED_ADDED).map((
    { basePhys, sizeBytes, slots, transient, usedSlots },
  ) =>
    `  ${transient ? "transient" : "added"} ${formatSize(sizeBytes)} at ${
      formatAddress(basePhys)
    }: ` +
    `${usedSlots} of ${formatCount(slots, "slot")} in use`
  );
  const rest = added.length - DISPLAYED_ADDED;
  return rest > 0 ? [...lines, `  … ${formatCount(rest, "more added pool")}`] : lines;
}

function setMap({ buffers, pool, setSlots }: PoolOfBuffers, set: number): string[] {
  const first = set * setSlots;
  const count = Math.min(setSlots, pool.slots - first);
  const cells = new Array<string>(count).fill(FREE);
  const areaSlots = pool.slots / pool.areas;
  for (let area = 0; area < pool.areas; area++) {
    const slot = area * areaSlots + pool.areaIndex(area) - first;
    if (slot >= 0 && slot < count) cells[slot] = NEXT;
  }
  buffers.forEach(({ slot, slots, padSlots }, index) => {
    for (let at = slot; at < slot + slots; at++) {
      if (at < first || at >= first + count) continue;
      cells[at - first] = at < slot + padSlots ? PADDING : DATA[index % 2]!;
    }
  });
  const lines = [`  set ${set}, slots ${first} to ${first + count - 1}`];
  for (let from = 0; from < count; from += LINE_SLOTS) {
    lines.push(`    ▕${cells.slice(from, from + LINE_SLOTS).join("")}▏`);
  }
  return lines;
}

function bufferLines(buffers: readonly BouncedBuffer[]): string[] {
  const columns = Math.max(
    0,
    ...buffers.slice(0, DISPLAYED_BUFFERS).map(({ slot }) => String(slot).length),
  );
  const lines = buffers.slice(0, DISPLAYED_BUFFERS).map((buffer) => {
    const slots = `${formatCount(buffer.slots, "slot")}${
      buffer.padSlots > 0 ? `, ${buffer.padSlots} padding` : ""
    }`;
    return `  slot ${pad(String(buffer.slot), columns, "right")}  ${pad(slots, 8)}  ${
      formatSize(buffer.sizeBytes)
    } at ${formatAddress(buffer.tlbPhys)} for ${formatAddress(buffer.origPhys)}`;
  });
  const rest = buffers.length - DISPLAYED_BUFFERS;
  return rest > 0 ? [...lines, `  … ${formatCount(rest, "more buffer")}`] : lines;
}
