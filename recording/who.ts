/**
 * Who wrote this: the event that changed a thing last, with the statement that led to it.
 *
 * What tables hold is looked up; variables and bytes of memory are known to the machine alone, which
 * is asked at each moment before.
 */
import type { Span } from "@dmalab/lang";
import type { Cell } from "./cells.ts";
import type { Question } from "./look.ts";
import { nextMoment } from "./machines/way.ts";
import { comparePositions, type Position, START } from "./position.ts";
import { readMemory } from "./questions.ts";
import type { Recording } from "./recording.ts";
import { spanAt, type Writer, writersOf } from "./writers.ts";
import type { Seen } from "./machines/replay.ts";
import { lastChangeOf, rewind } from "./search.ts";

/** What a writer can be searched for. */
export type Subject =
  | { readonly kind: "cell"; readonly cell: Cell }
  /** A byte of memory, by the CPU's address. */
  | { readonly kind: "byte"; readonly phys: number }
  /** A variable, or any expression. */
  | { readonly kind: "expression"; readonly question: Question };

/** Who changed something last, up to a moment; null when it never changed. @throws {LookError} */
export function who(recording: Recording, at: Position, subject: Subject): Writer | null {
  switch (subject.kind) {
    case "cell":
      return writersOf(recording, at, subject.cell).at(-1) ?? null;
    case "byte": {
      const { phys } = subject;
      const change = lastChangeOf(recording, at, (seen) => byteText(seen, phys));
      return change && { ...change, span: spanAt(recording, change.at), change: null };
    }
    case "expression": {
      const change = rewind(recording, at, subject.question);
      return change && { ...change, span: spanAt(recording, change.at), change: null };
    }
  }
}

/** A change of some bytes of memory that lie together. */
export interface ByteWrite {
  /** The moment right after it. */
  readonly at: Position;
  /** Where the first byte that changed lies, by the CPU's address. */
  readonly phys: number;
  /** From the first byte that changed to the last one, as they were and as they are from here on. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
  /** The statement that led to it; null for what was there when the machine was ready. */
  readonly span: Span | null;
}

/**
 * Everybody who changed bytes of memory up to a moment, oldest first: of many only the last ones. The
 * machine is asked at each event and each statement, for no table has what memory holds.
 *
 * @param phys Address of the first byte.
 * @param most How many changes are kept.
 * @throws {LookError} When there is no such memory.
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
  recording.reruns.visit(START, ({ at, vm }) => {
    vm.world.readMemory(phys, now);
    const first = now.findIndex((byte, index) => byte !== known[index]);
    if (first >= 0) {
      const last = now.findLastIndex((byte, index) => byte !== known[index]);
      writes.push({
        at,
        phys: phys + first,
        before: known.slice(first, last + 1),
        after: now.slice(first, last + 1),
        span: spanAt(recording, at),
      });
      if (writes.length > most) {
        writes.shift();
        left++;
      }
      [known, now] = [now, known];
    }
    return comparePositions(at, upTo) < 0 ? nextMoment(recording, at) : null;
  });
  return { writes, left };
}

function byteText({ vm }: Seen, phys: number): string | null {
  const into = new Uint8Array(1);
  try {
    vm.world.readMemory(phys, into);
  } catch {
    return null;
  }
  return `0x${into[0]!.toString(16).padStart(2, "0")}`;
}
