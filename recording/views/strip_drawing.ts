/**
 * Addresses in use at a position. For a device, these are its IOMMU mappings and its reserved
 * IOVAs. For memory, these are the parts that are mapped for devices. Neighbouring addresses form a
 * strip, which is drawn as cells. A cell is a page; gaps are shortened. Addresses of one owner with
 * different uses get separate cells.
 */
import { addAll, groupBy, KIB } from "@dmalab/runtime/basics";
import type { LabTableRow } from "@dmalab/devices";
import { formatAddress, formatSize } from "@dmalab/lang/text";
import type { Bytes, DmaAddr, MachineEvent, PhysAddr } from "@dmalab/runtime";
import type { RecordedRun } from "../recorded_run.ts";
import { rowsAt } from "../rows.ts";
import { spanOfEvent } from "../last_writes.ts";
import { type Drawing, labelled, LETTER_PX, type Shape, textAt } from "./drawing.ts";
import { entriesOf, type MappingPlace, memoryOf } from "./picture.ts";
import type { Position } from "../position.ts";
import type { RowDiff } from "./difference.ts";

/** A range of addresses in use, or a range that the last step freed or unmapped. */
export interface AddressPiece {
  /** The owner: a device's name, or `memory`. */
  readonly owner: string;
  /** Addresses of a device, or of memory. */
  readonly space: "dma" | "phys";
  readonly kind: "mapped" | "reserved" | "queued";
  /** The effect of the last step on this range. */
  readonly change: "new" | "gone" | null;
  readonly start: number;
  /** The address after the range's last byte. */
  readonly end: number;
  /** The event that put the range into this state. */
  readonly seq: number;
  /** False for a part of a leaked range that is freed later. */
  readonly isRest?: boolean;
}

/** Neighbouring pieces of one owner. */
export interface AddressStrip extends Pick<AddressPiece, "owner" | "space" | "start" | "end"> {
  /** The pieces, sorted by their first addresses. */
  readonly pieces: readonly AddressPiece[];
}

/** A gap of this size separates two strips. */
const GAP_BYTES = 64 * 4096;

/** Tables of ranges. For each table, `start` is the field with the start of a range. */
const TABLES = [
  // An unmapped range that waits in the flush queue is not free: it cannot be allocated again yet.
  { name: "flush_queue", start: "start", space: "dma", kind: "queued" },
  { name: "iova", start: "start", space: "dma", kind: "reserved" },
  { name: "page_table", start: "iova", space: "dma", kind: "mapped" },
  { name: "mappings", start: "phys", space: "phys", kind: "mapped" },
] as const;
/** Of a trace, only the mappings themselves say which IOVAs are in use. */
const OF_TRACE = { name: "mappings", start: "dma", space: "dma", kind: "mapped" } as const;

/** Whether mappings behind an IOMMU have no events of its tables: in a trace, a mapping is one event. */
export function isMappingsAlone(run: RecordedRun): boolean {
  const first = run.table("page_table").count === 0 ? run.find("dma.map") : null;
  return first !== null && (run.event(first) as MachineEvent<"dma.map">).fields.path === "iommu";
}

/** @param changed The changes of the last step, from `changedRows()`. */
export function addressPieces(
  run: RecordedRun,
  position: Position,
  changed: readonly RowDiff[],
): readonly AddressPiece[] {
  const tables = isMappingsAlone(run) ? [...TABLES, OF_TRACE] : TABLES;
  return tables.flatMap(({ kind, name, space, start }) => {
    const table = run.machine.tables.get(name);
    if (table === undefined) return [];
    const own = new Map(
      changed.filter((row) => row.table === name).map((row) => [row.row, row] as const),
    );
    const left = space === "phys" ? memoryLeft(run, position) : [];
    const pieces = (
      change: AddressPiece["change"],
      { createdSeq, seq = createdSeq }: { readonly createdSeq: number; readonly seq?: number },
      valueOf: (field: string) => unknown,
    ): readonly AddressPiece[] => {
      const owner = space === "phys" ? "memory" : String(valueOf("device"));
      const ranges = space === "phys" && valueOf("api") === "dma_map_sg"
        ? memoryOfList(run, createdSeq, valueOf)
        : [{ start: Number(valueOf(start)), sizeBytes: Number(valueOf("size_bytes")) }];
      return ranges.map(({ sizeBytes, start }) => ({
        owner,
        space,
        kind,
        change,
        start,
        end: start + sizeBytes,
        seq,
      }));
    };
    const held = table.rowsAt(position.seq).flatMap((row) =>
      pieces(
        own.has(row) ? "new" : null,
        { createdSeq: table.createdSeqOf(row) },
        (field) => table.value(row, field),
      )
    );
    const gone = [...own.values()].flatMap(({ cells, createdSeq, endedSeq, mark, was }) => {
      const old = mark === "-" ? cells : was;
      if (old === null) return [];
      const seq = mark === "-" ? endedSeq ?? createdSeq : createdSeq;
      const whole = pieces(
        "gone",
        { createdSeq, seq },
        (field) => old.find((cell) => cell.name === field)!.value,
      );
      return whole.flatMap((piece) => without(piece, left));
    });
    return [...held, ...left, ...gone];
  });
}

/**
 * Memory of mappings that are gone, to which entries of theirs still lead: the device keeps access to it. The event of
 * a piece is that of the entry, which is what leaks if no unmap clears it.
 */
function memoryLeft(run: RecordedRun, position: Position): readonly AddressPiece[] {
  const held = rowsAt(run, "mappings", position);
  // An entry mostly is of the mapping after that of the entry before it, so not all are searched.
  let near = 0;
  const valid = rowsAt(run, "page_table", position).filter((entry) => {
    const isOf = (row: LabTableRow<"mappings"> | undefined) =>
      row !== undefined && row.dma < entry.iova + entry.size_bytes &&
      entry.iova < row.dma + row.size_bytes && entry.device.split("+").includes(row.device);
    const found = [near, near + 1].find((at) => isOf(held[at])) ?? held.findIndex(isOf);
    if (found >= 0) near = found;
    return found < 0;
  });
  const table = run.table("mappings");
  const pieces: AddressPiece[] = [];
  for (let number = 0; valid.length > 0 && number < table.count; number++) {
    const row = table.row(number);
    if (row.endedSeq === null || row.endedSeq > position.seq) continue;
    // Of a bounced mapping, the device keeps access to the copy.
    const own = row.path === "swiotlb" ? [] : entriesOf(row, valid);
    if (own.length === 0) continue;
    const made = rowsAt(run, "page_table", run.afterEvent(row.createdSeq));
    const physAt = memoryOf(row, entriesOf(row, made));
    for (const { createdSeq: seq, iova, size_bytes: size } of own) {
      const dma = Math.max(row.dma, iova);
      const start = physAt(dma);
      const end = start + Math.min(row.dma + row.size_bytes, iova + size) - dma;
      pieces.push({
        owner: "memory",
        space: "phys",
        kind: "mapped",
        change: null,
        start,
        end,
        seq,
      });
    }
  }
  return pieces;
}

/** The parts of a piece that are in none of the others. */
function without(piece: AddressPiece, others: readonly AddressPiece[]): readonly AddressPiece[] {
  return others.reduce<readonly AddressPiece[]>(
    (parts, { end, start }) =>
      parts.flatMap((part) =>
        [{ ...part, end: Math.min(part.end, start) }, {
          ...part,
          start: Math.max(part.start, end),
        }].filter((each) => each.end > each.start)
      ),
    [piece],
  );
}

/** The memory of a list that may be one range for its device, and lie in several places. */
function memoryOfList(
  run: RecordedRun,
  createdSeq: number,
  valueOf: (field: string) => unknown,
): readonly { readonly start: number; readonly sizeBytes: number }[] {
  const row = {
    createdSeq,
    device: valueOf("device") as string,
    dma: valueOf("dma") as DmaAddr,
    path: valueOf("path") as MappingPlace["path"],
    phys: valueOf("phys") as PhysAddr,
    size_bytes: valueOf("size_bytes") as Bytes,
  };
  const own = entriesOf(row, rowsAt(run, "page_table", run.afterEvent(createdSeq)));
  const physAt = memoryOf(row, own);
  const end = row.dma + row.size_bytes;
  const edges = own.map(({ iova }) => iova).filter((iova) => iova > row.dma && iova < end);
  const starts = [...new Set([row.dma, ...edges])].sort((one, other) => one - other);
  return starts.map((start, part) => ({
    start: physAt(start),
    sizeBytes: (starts[part + 1] ?? end) - start,
  }));
}

export function addressStrips(pieces: readonly AddressPiece[]): readonly AddressStrip[] {
  const sorted = pieces.toSorted((one, other) =>
    one.owner.localeCompare(other.owner, "en") || one.start - other.start
  );
  const strips: (Omit<AddressStrip, "end" | "pieces"> & { end: number; pieces: AddressPiece[] })[] =
    [];
  for (const piece of sorted) {
    const last = strips.at(-1);
    if (
      last?.owner === piece.owner && last.space === piece.space &&
      piece.start - last.end <= GAP_BYTES
    ) {
      last.pieces.push(piece);
      last.end = Math.max(last.end, piece.end);
    } else {
      const { end, owner, space, start } = piece;
      strips.push({ owner, space, start, end, pieces: [piece] });
    }
  }
  return strips;
}

const PAGE_BYTES = 4096;
/** Maximum width at which a page of memory is drawn. */
const CELL_PX = 58;
const BOX_PX = 18;
const HEIGHT_PX = 34;
const GAP_PX = 72;
/** Free ranges up to this size are drawn to scale. */
const NEAR_BYTES = 2 * PAGE_BYTES;
const MAX_GROUPS = 24;
/** Cells narrower than this have no borders. */
const NARROW_PX = 6;

/** Adjacent addresses of one owner that are used in the same way. */
interface Group {
  readonly start: number;
  end: number;
  readonly label: string;
  readonly look: string;
  readonly seq: number;
  readonly isNow: boolean;
}

/** Addresses of a device that are never unmapped. */
interface LeakedRange {
  readonly owner: string | null;
  readonly start: number;
  readonly end: number;
}

export interface AddressUse {
  /** A device's name, or `memory`. */
  readonly owner: string;
  /** The owner of the addresses, and how much of them is mapped. */
  readonly title: string;
  readonly drawing: Drawing;
}

/**
 * The addresses in use as strips, one for each owner.
 * @param pieces The pieces at a position, from `addressPieces()`.
 * @param leaked The events of mappings that are never unmapped.
 */
export function addressUses(
  run: RecordedRun,
  pieces: readonly AddressPiece[],
  leaked: ReadonlySet<number>,
  widthPx: number,
): readonly AddressUse[] {
  const lost = [...leaked].flatMap((seq): readonly LeakedRange[] => {
    const { device, fields, name } = run.event(seq);
    // A range that is never freed has a piece of its own, with this number.
    if (name !== "dma.map") return [];
    return [{ owner: device, start: fields.dma, end: fields.dma + fields.size_bytes }];
  });
  const cut = leaked.size === 0 ? pieces : cutAtRests(run, pieces, leaked);
  return [...groupBy(cut, ({ owner, space }) => `${owner} ${space}`).values()]
    .map((own): AddressUse => {
      const { owner, space } = own[0]!;
      const groups = groupsOf(run, own, leaked, lost);
      const mapped = coveredBytes(
        own.filter(({ change, kind }) => kind === "mapped" && change !== "gone"),
      );
      const name = space === "dma" ? `${owner} IOVA` : owner;
      const title = `${name}, ${mapped === 0 ? "none" : formatSize(mapped)} mapped`;
      return { owner: name, title, drawing: stripDrawing(groups, title, widthPx) };
    }).sort((one, other) => one.owner.localeCompare(other.owner, "en"));
}

/** How many bytes the pieces cover: memory that is mapped for two devices, or twice for one, counts once. */
function coveredBytes(pieces: readonly AddressPiece[]): number {
  let [bytes, upTo] = [0, 0];
  for (const { end, start } of pieces.toSorted((one, other) => one.start - other.start)) {
    bytes += Math.max(0, end - Math.max(start, upTo));
    upTo = Math.max(upTo, end);
  }
  return bytes;
}

/** What leaks of a range may be a part of it: pieces of the range, cut where this part begins and ends. */
function cutAtRests(
  run: RecordedRun,
  pieces: readonly AddressPiece[],
  leaked: ReadonlySet<number>,
): readonly AddressPiece[] {
  const rests = [
    ...rowsAt(run, "iova", run.last).map((row) => ({ ...row, from: row.start })),
    ...rowsAt(run, "page_table", run.last).map((row) => ({ ...row, from: row.iova })),
  ].filter(({ createdSeq }) => leaked.has(createdSeq));
  return pieces.flatMap((piece) => {
    // The rests are IOVAs: memory that such an entry leads to leaks as a whole.
    const own = piece.space === "phys"
      ? []
      : rests.filter(({ createdSeq }) => createdSeq === piece.seq);
    const edges = own.flatMap(({ from, size_bytes: size }) => [from, from + size])
      .filter((edge) => edge > piece.start && edge < piece.end);
    const starts = [...new Set([piece.start, ...edges])].sort((one, other) => one - other);
    return starts.map((start, part) => {
      const isRest = own.length === 0 ||
        own.some(({ from, size_bytes: size }) => start >= from && start < from + size);
      return { ...piece, start, end: starts[part + 1] ?? piece.end, isRest };
    });
  });
}

function groupsOf(
  run: RecordedRun,
  pieces: readonly AddressPiece[],
  leaked: ReadonlySet<number>,
  lost: readonly LeakedRange[],
): readonly Group[] {
  const groups: Group[] = [];
  for (const piece of apart(pieces)) {
    const { change, end, isRest = true, kind, owner, seq, space, start } = piece;
    const isLeaked = isRest && leaked.has(seq) || space === "dma" &&
        lost.some((each) => each.owner === owner && start < each.end && end > each.start);
    const look = isLeaked
      ? "leaked"
      : change === "gone"
      ? "free"
      : kind === "mapped"
      ? "mapped"
      : "reserved";
    const state = change === "gone"
      ? kind === "mapped" ? ", unmapped" : ", freed"
      : kind === "queued"
      ? ", in the flush queue"
      : "";
    const label = `${nameOf(run, seq)}${state}`;
    const last = groups.at(-1);
    if (last?.label === label && last.look === look && last.end === start) last.end = end;
    else if (last === undefined || start >= last.end) {
      groups.push({ start, end, label, look, seq, isNow: isLeaked || change !== null });
    } else last.end = Math.max(last.end, end);
  }
  if (groups.length <= MAX_GROUPS) return groups;
  // If there are too many groups, groups with mistakes and groups with new changes are shown first.
  const chosen = new Set(
    [...groups].sort((one, other) => Number(other.isNow) - Number(one.isNow))
      .slice(0, MAX_GROUPS),
  );
  return groups.filter((group) => chosen.has(group));
}

/**
 * The pieces, sorted, each without what one before it in this order has: mapped, in the flush queue, reserved, gone. A
 * range is reserved where nothing is linked.
 */
function apart(pieces: readonly AddressPiece[]): readonly AddressPiece[] {
  const kinds = ["mapped", "queued", "reserved", "gone"] as const;
  const byKind = groupBy(pieces, ({ change, kind }) => change === "gone" ? change : kind);
  const taken: AddressPiece[] = [];
  for (const kind of kinds) {
    taken.push(
      ...(byKind.get(kind) ?? []).flatMap((piece) =>
        without(piece, taken.filter(({ end, start }) => start < piece.end && piece.start < end))
      ),
    );
  }
  return taken.sort((one, other) => one.start - other.start);
}

function nameOf(run: RecordedRun, seq: number): string {
  if (seq === 0) return "at start";
  const request = run.log.requestAt(seq);
  if (request !== null) return `request ${request}`;
  const span = spanOfEvent(run, seq);
  return span === null ? `#${seq}` : `line ${span.source.position(span.start).line}`;
}

function stripDrawing(groups: readonly Group[], name: string, widthPx: number): Drawing {
  const free = groups.map(({ start }, index) =>
    index === 0 ? 0 : Math.max(0, start - groups[index - 1]!.end)
  );
  const far = free.filter((bytes) => bytes > NEAR_BYTES).length;
  const near = free.filter((bytes) => bytes <= NEAR_BYTES).reduce((sum, each) => sum + each, 0);
  const bytes = groups.reduce((sum, { end, start }) => sum + end - start, near);
  const pages = Math.max(1, bytes / PAGE_BYTES);
  const gapPx = Math.min(GAP_PX, Math.max(8, widthPx / 2 / Math.max(1, far)));
  const cell = Math.min(CELL_PX, Math.max(0.01, (widthPx - far * gapPx - 2) / pages));
  const shapes: Shape[] = [];
  let x = 0;
  let labelledTo = -Infinity;
  groups.forEach(({ end, label, look, seq, start }, index) => {
    const gap = free[index]!;
    if (gap > NEAR_BYTES) {
      const words = `⋯${roughSize(gap)}⋯`;
      const isShown = words.length * LETTER_PX < gapPx - 4;
      const text = isShown ? words : gapPx > 12 ? "⋯" : "";
      const tip = `${formatSize(gap)} not in use`;
      shapes.push(textAt(x + 4, BOX_PX / 2, "dim", text, { tip }));
      x += gapPx;
    } else x += gap / PAGE_BYTES * cell;
    const width = Math.max(2, (end - start) / PAGE_BYTES * cell);
    const box = { x: x + 0.5, y: 0.5, width: Math.max(1, width - 1), height: BOX_PX - 1 };
    const what = look === "free" ? "" : look;
    const range = `${formatAddress(start)} to ${formatAddress(end - 1)}`;
    const tip = [range, formatSize(end - start), label, what].filter((each) => each !== "")
      .join(", ");
    // Where there is little room, `request 1` and `line 20` become `r1` and `l20`.
    const fits = label.length * LETTER_PX <= box.width - 6;
    const shown = fits ? label : label.replace(/^(\w)\w+ (\d+).*$/, "$1$2");
    addAll(shapes, labelled({ look, tip, ...seq > 0 ? { seq } : {} }, box, shown));
    if (cell > NARROW_PX) {
      for (let page = 1; page < (end - start) / PAGE_BYTES; page++) {
        const edge = x + page * cell;
        shapes.push({
          tag: "line",
          look: "rule",
          at: { x1: edge, x2: edge, y1: 13, y2: BOX_PX - 1 },
        });
      }
    }
    const address = formatAddress(start);
    if (x > labelledTo && x + address.length * LETTER_PX < widthPx) {
      shapes.push(textAt(x, 26, "dim", address));
      labelledTo = x + address.length * LETTER_PX + 8;
    }
    x += width;
  });
  return { name, width: widthPx, height: HEIGHT_PX, shapes };
}

/** A size as a whole number of KiB; the exact size is in the tip. */
function roughSize(sizeBytes: number): string {
  const rest = sizeBytes % KIB;
  return `${rest === 0 ? "" : "≈"}${formatSize(sizeBytes - rest)}`;
}
