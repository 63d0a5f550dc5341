/**
 * Addresses in use at a moment: of each device what its IOMMU maps and which IOVAs are reserved, and of memory
 * what is mapped for devices. Those near each other are a strip; whoever draws one has its own cells for it.
 */
import type { Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";
import type { RowDiff } from "./difference.ts";

/** A range of addresses in use, or one that the last move has freed. */
export interface AddressPiece {
  /** Whose they are: a device's, or `memory`. */
  readonly owner: string;
  /** Addresses of a device, or of memory. */
  readonly space: "dma" | "phys";
  /** What they are in use for. */
  readonly kind: "mapped" | "reserved";
  /** What the last move did to it. */
  readonly change: "new" | "gone" | null;
  readonly start: number;
  /** Behind the last one. */
  readonly end: number;
  /** The event that made it so. */
  readonly seq: number;
}

/** Pieces of one owner near each other. */
export interface AddressStrip extends Pick<AddressPiece, "owner" | "space" | "start" | "end"> {
  /** By their first addresses. */
  readonly pieces: readonly AddressPiece[];
}

/** A gap at which another strip begins. */
const GAP_BYTES = 64 * 4096;

/** Tables of ranges: which field says where one begins. */
const TABLES = [
  { name: "iova", start: "start", space: "dma", kind: "reserved" },
  { name: "page_table", start: "iova", space: "dma", kind: "mapped" },
  { name: "mappings", start: "phys", space: "phys", kind: "mapped" },
] as const;

/** @param changed What the last move changed, as `changedRows()` has it. */
export function addressPieces(
  run: RecordedRun,
  position: Position,
  changed: readonly RowDiff[],
): readonly AddressPiece[] {
  return TABLES.flatMap(({ kind, name, space, start }) => {
    const table = run.machine.tables.get(name);
    if (table === undefined) return [];
    const own = new Map(
      changed.filter((row) => row.table === name).map((row) => [row.row, row] as const),
    );
    const piece = (
      change: AddressPiece["change"],
      seq: number,
      valueOf: (field: string) => unknown,
    ): AddressPiece => {
      const from = Number(valueOf(start));
      const end = from + Number(valueOf("size_bytes"));
      const owner = space === "phys" ? "memory" : String(valueOf("device"));
      return { owner, space, kind, change, start: from, end, seq };
    };
    const held = table.rowsAt(position.seq).map((row) =>
      piece(
        own.has(row) ? "new" : null,
        table.createdSeqOf(row),
        (field) => table.value(row, field),
      )
    );
    const gone = [...own.values()].flatMap(({ cells, createdSeq, endedSeq, mark, was }) => {
      const old = mark === "-" ? cells : was;
      if (old === null) return [];
      const seq = mark === "-" ? endedSeq ?? createdSeq : createdSeq;
      return [piece("gone", seq, (field) => old.find((cell) => cell.name === field)!.value)];
    });
    return [...held, ...gone];
  });
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
