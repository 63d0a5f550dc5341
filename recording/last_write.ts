/**
 * The event that last changed something, with the statement that led to the event.
 *
 * Changes of tables are looked up in the record. Variables and bytes of memory exist only in the
 * machine. For these, the machine is replayed and evaluated at each earlier position.
 */
import type { Span } from "@dmalab/lang";
import type { RowField } from "./cells.ts";
import type { CompiledExpression } from "./evaluator.ts";
import { comparePositions, nextPosition, type Position, START } from "./position.ts";
import { readMemory } from "./evaluate.ts";
import type { Recording } from "./recording.ts";
import { type LastWrite, lastWritesOf, spanAt } from "./last_writes.ts";
import type { PausedRun } from "./machines/replay.ts";
import { lastChangeOf, rewind } from "./search.ts";

export type WriteTarget =
  | { readonly kind: "cell"; readonly cell: RowField }
  /** A byte of memory, by the CPU's address. */
  | { readonly kind: "byte"; readonly phys: number }
  /** A variable, or any expression. */
  | { readonly kind: "expression"; readonly expression: CompiledExpression };

/** The last change of something, up to a position; null when it never changed. @throws {EvaluationError} */
export function lastWrite(
  recording: Recording,
  position: Position,
  subject: WriteTarget,
): LastWrite | null {
  if (subject.kind === "cell") {
    return lastWritesOf(recording, position, subject.cell).at(-1) ?? null;
  }
  const change = subject.kind === "byte"
    ? lastChangeOf(recording, position, (paused) => byteText(paused, subject.phys))
    : rewind(recording, position, subject.expression);
  return change && { ...change, span: spanAt(recording, change.position), change: null };
}

/** A change of consecutive bytes of memory. */
export interface ByteWrite {
  /** The position right after the change. */
  readonly position: Position;
  /** Address of the first changed byte, as the CPU sees it. */
  readonly phys: number;
  /** The bytes from the first to the last changed one, before and after the change. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** The statement that led to the change; null for initial contents of a ready machine. */
  readonly span: Span | null;
}

/**
 * All changes of bytes of memory up to a position, oldest first; if there are many, only the last
 * ones. The machine is read at each event and each statement, because no table contains memory.
 *
 * @param phys Address of the first byte.
 * @param most Maximum number of changes.
 * @throws {EvaluationError} When there is no memory at the address.
 * @throws {Interrupted} When the search was cancelled.
 */
export function writesOf(
  recording: Recording,
  upTo: Position,
  phys: number,
  sizeBytes: number,
  most: number,
): { readonly writes: readonly ByteWrite[]; readonly left: number } {
  let known: Uint8Array = readMemory(recording, START, phys, sizeBytes);
  let now: Uint8Array = new Uint8Array(sizeBytes);
  const writes: ByteWrite[] = [];
  let left = 0;
  recording.timeline.from(START, ({ position, vm }) => {
    vm.machine.readMemory(phys, now);
    const first = now.findIndex((byte, index) => byte !== known[index]);
    if (first >= 0) {
      const last = now.findLastIndex((byte, index) => byte !== known[index]);
      writes.push({
        position,
        phys: phys + first,
        before: known.slice(first, last + 1),
        after: now.slice(first, last + 1),
        span: spanAt(recording, position),
      });
      if (writes.length > most) {
        writes.shift();
        left++;
      }
      [known, now] = [now, known];
    }
    return comparePositions(position, upTo) < 0 ? nextPosition(recording, position) : null;
  });
  return { writes, left };
}

function byteText({ vm }: PausedRun, phys: number): string | null {
  const into = new Uint8Array(1);
  try {
    vm.machine.readMemory(phys, into);
  } catch {
    return null;
  }
  return `0x${into[0]!.toString(16).padStart(2, "0")}`;
}
