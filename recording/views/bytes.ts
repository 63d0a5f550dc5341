/**
 * Bytes of memory, each with its writer: a CPU that stored it, a device that wrote it, or the
 * copying between a bounce buffer and the original memory.
 */
import type { MemoryWrite, MemoryWriter } from "@dmalab/runtime/recording";
import { comparePositions, nextPosition, type Position } from "../position.ts";
import type { RecordedRun } from "../recorded_run.ts";
import { spanOfEvent } from "../last_writes.ts";
import type { Span } from "@dmalab/lang";

/** A write that gave some bytes the value that they still have. */
export interface LastByteWrite {
  /** The writer: a CPU, a device or a bounce buffer. */
  readonly by: MemoryWriter;
  /** The position right after the write. */
  readonly position: Position;
  /** Number of the next event after the write, if that event is in the same statement; else null. */
  readonly seq: number | null;
  /** Address of the first byte that was written. */
  readonly phys: number;
  /** Length of the write. */
  readonly sizeBytes: number;
  /** The statement that led to the write; null for none. */
  readonly span: Span | null;
}

/** A byte, with its writer. */
export interface WrittenByte {
  /**
   * The value of the byte; null if it was never written since the machine was ready, or if the
   * value was not stored.
   */
  readonly value: number | null;
  /** Index of the byte's last write in the view's `writers`; null for none. */
  readonly writer: number | null;
}

/** Consecutive bytes. */
export interface BytesView {
  /** The address of the first byte. */
  readonly phys: number;
  /** The bytes in order. */
  readonly bytes: readonly WrittenByte[];
  /** The writes that left these bytes, in the order of the writes. */
  readonly writers: readonly LastByteWrite[];
}

/** Bytes of memory at a position. */
export function bytesView(
  run: RecordedRun,
  position: Position,
  phys: number,
  sizeBytes: number,
): BytesView {
  const { memory } = run.machine;
  const last = new Map<number, { readonly write: MemoryWrite; readonly index: number }>();
  for (let index = 0; index < memory.count; index++) {
    const write = memory.write(index);
    if (comparePositions(write, position) >= 0) break;
    const from = Math.max(phys, write.phys);
    const to = Math.min(phys + sizeBytes, write.phys + write.sizeBytes);
    for (let byte = from; byte < to; byte++) last.set(byte, { write, index });
  }
  const kept = [...new Set([...last.values()].map(({ index }) => index))].sort((a, b) => a - b);
  const bytes = Array.from({ length: sizeBytes }, (_, offset): WrittenByte => {
    const found = last.get(phys + offset);
    if (found === undefined) return { value: null, writer: null };
    const value = found.write.bytes[phys + offset - found.write.phys] ?? null;
    return { value, writer: kept.indexOf(found.index) };
  });
  return { phys, bytes, writers: kept.map((index) => writerOf(run, memory.write(index))) };
}

function writerOf(
  run: RecordedRun,
  { by, phys, seq, sizeBytes, statement }: MemoryWrite,
): LastByteWrite {
  const position = nextPosition(run, { seq, statement }) ?? run.last;
  const isEvent = position.seq > seq;
  const span = isEvent
    ? spanOfEvent(run, position.seq)
    : run.statement({ seq, statement })?.span ?? null;
  return { by, position, seq: isEvent ? position.seq : null, phys, sizeBytes, span };
}

/** Consecutive memory that the run wrote. */
export interface WrittenRange {
  /** The address of the range's first byte. */
  readonly start: number;
  /** The address after the range's last byte. */
  readonly end: number;
  /** The names of the writers there. */
  readonly by: readonly string[];
}

/** The memory that a run writes, in the order of the addresses. */
export function writtenRanges({ machine: { memory } }: RecordedRun): readonly WrittenRange[] {
  const writes = Array.from({ length: memory.count }, (_, index) => memory.write(index))
    .sort((one, other) => one.phys - other.phys);
  const ranges: { start: number; end: number; names: Set<string> }[] = [];
  for (const { by: { name }, phys, sizeBytes } of writes) {
    const before = ranges.at(-1);
    if (before !== undefined && phys <= before.end) {
      before.end = Math.max(before.end, phys + sizeBytes);
      before.names.add(name);
    } else ranges.push({ start: phys, end: phys + sizeBytes, names: new Set([name]) });
  }
  return ranges.map(({ end, names, start }) => ({ start, end, by: [...names] }));
}
