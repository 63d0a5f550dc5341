/** The pool of bounce buffers. */
import {
  type BouncedBuffer,
  type MachineEvent,
  SET_SLOTS,
  SLOT_BYTES,
  type SwiotlbPool,
} from "@dmalab/runtime";
import { formatCount, formatDuration, formatSize } from "../../../text/numbers.ts";
import { swiotlbPicture } from "../../../render/pictures/swiotlb_picture.ts";
import type { HandleType } from "../../../values/spec.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { clip, wrapText } from "../../../text/columns.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { formatInputs } from "../../explain/inputs.ts";
import { POOL_VERDICTS } from "../../explain/texts.ts";
import { siteText } from "../event.ts";

/** Limit of the statements that are listed; the rest is only counted. */
const DISPLAYED_HOLDERS = 8;

/** A statement's live bounce buffers. */
interface Holder {
  readonly place: string;
  buffers: number;
  slots: number;
  oldestNs: number;
}

/**
 * Explains a pool: the statements that use it, those with the most slots first, and the last
 * refusal.
 */
function explainPool(pool: SwiotlbPool, context: ExecutionContext): string[] {
  if (!pool.active) return ["the machine has no pool"];
  const { events } = context.recorder;
  const makers = lastMakers(events);
  const holders = new Map<string, Holder>();
  pool.forEachBuffer((buffer) => {
    const place = makerOf(buffer, makers, context);
    const holder = holders.get(place) ??
      { place, buffers: 0, slots: 0, oldestNs: buffer.bornNs };
    holder.buffers++;
    holder.slots += buffer.slots;
    holder.oldestNs = Math.min(holder.oldestNs, buffer.bornNs);
    holders.set(place, holder);
  });
  const sorted = [...holders.values()].sort((a, b) => b.slots - a.slots);
  const nowNs = context.lab.machine.clock.latestNs;
  const rest = sorted.length - DISPLAYED_HOLDERS;
  return [
    `${pool.usedSlots} of ${formatCount(pool.totalSlots, "slot")} in use` +
    (sorted.length === 0 ? "" : `, held by ${formatCount(sorted.length, "statement")}`),
    ...sorted.slice(0, DISPLAYED_HOLDERS).flatMap((holder) => holderLines(holder, nowNs, context)),
    ...rest > 0 ? [`  … ${formatCount(rest, "more statement")}`] : [],
    ...refusalLines(events, context),
  ].map((line) => clip(line, context.columns));
}

/**
 * The memory that a statement uses, and the location of the statement. The location is on a
 * separate line if it would otherwise be cut off.
 */
function holderLines(
  { place, buffers, slots, oldestNs }: Holder,
  nowNs: number,
  { columns }: ExecutionContext,
): string[] {
  const what = `  ${formatCount(slots, "slot")} in ${formatCount(buffers, "buffer")}, ` +
    `up to ${formatDuration(nowNs - oldestNs)} old: `;
  return what.length + place.length <= columns ? [what + place] : [what.trimEnd(), `    ${place}`];
}

/** The latest `swiotlb.map` of each address. */
function lastMakers(events: readonly MachineEvent[]): ReadonlyMap<number, MachineEvent> {
  const makers = new Map<number, MachineEvent>();
  for (const event of events) {
    if (event.name !== "swiotlb.map") continue;
    makers.set(event.fields.tlb_phys, event);
  }
  return makers;
}

function makerOf(
  buffer: BouncedBuffer,
  makers: ReadonlyMap<number, MachineEvent>,
  context: ExecutionContext,
): string {
  const maker = makers.get(buffer.tlbPhys);
  if (maker === undefined) return "before the script began";
  const request = maker.request === null ? "" : "requests submitted by ";
  return `${maker.device ?? "?"}, ${request}${siteText(maker.site, context) ?? "the machine"}`;
}

function refusalLines(events: readonly MachineEvent[], context: ExecutionContext): string[] {
  const last = events.findLast((event) => event.name === "swiotlb.full");
  if (last === undefined) return [];
  const { wanted_bytes: wanted, cause } = last.fields;
  const inputs = last.why === null ? "" : formatInputs(last.why.inputs);
  return [
    `last refusal: ${formatSize(wanted)} for ${last.device ?? "?"}, ${
      siteText(last.site, context) ?? "the machine"
    }`,
    ...wrapText(`${cause}: ${POOL_VERDICTS[cause]}`, context.columns - 2)
      .map((line) => `  ${line}`),
    ...wrapText(inputs, context.columns - 4).map((line) => `    ${line}`),
  ];
}

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

/** Memory charged for a buffer in a list. */
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
  format: (pool) =>
    pool.active
      ? `swiotlb ${pool.usedSlots} of ${formatCount(pool.totalSlots, "slot")} in use`
      : "swiotlb: no pool",
  show: (pool) =>
    pool.active
      ? swiotlbPicture(pool, { slotBytes: SLOT_BYTES, setSlots: SET_SLOTS })
      : ["swiotlb: the machine has no pool"],
  explain: explainPool,
};
