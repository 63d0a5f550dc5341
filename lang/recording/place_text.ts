/** Places of a run and things of a machine, as people write them after a command. */
import type { Cell } from "./cells.ts";
import { LookError } from "./look.ts";
import { atLine, atOutput, atTime, fileNamed } from "./places.ts";
import { type Position, START } from "./position.ts";
import { evaluate } from "./questions.ts";
import type { Recording } from "./recording.ts";
import type { Subject } from "./who.ts";

const UNITS_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** What `:goto` takes. */
export const PLACE_FORMS = "120, 2ms, line 31, output 4, start, end";

/**
 * The moment that a text means: `120`, `2ms`, `line 31`, `file.dma:31`, `output 4`, `start`, `end`.
 *
 * @returns Null when it means none.
 * @throws {LookError} When there is no such moment.
 */
export function readPlace(recording: Recording, from: Position, text: string): Position | null {
  if (text === "start") return START;
  if (text === "end") return recording.last;
  const seq = readNumber(text);
  if (seq !== null && seq >= 0) {
    if (seq <= recording.log.count) return recording.afterEvent(seq);
    throw new LookError(`There is no event ${seq}`, `the last one is ${recording.log.count}`);
  }
  const [, amount, unit] = text.match(/^(\d+(?:\.\d+)?)(ns|us|ms|s)$/) ?? [];
  if (amount !== undefined) {
    return found(
      atTime(recording, Number(amount) * UNITS_NS[unit!]!),
      `The run ends before ${text}`,
    );
  }
  const [, word, file, number] = text.match(/^(?:(line|output)\s+|(\S+):)(\d+)$/) ?? [];
  if (number === undefined) return null;
  if (word === "output") {
    const { length } = recording.output;
    return found(atOutput(recording, Number(number)), `${length} lines were printed`);
  }
  const line = {
    line: Number(number),
    ...file === undefined ? {} : { file: fileNamed(recording, file) ?? file },
  };
  return found(atLine(recording, line, from), `No statement on line ${number} has run`);
}

function found(at: Position | null, message: string): Position {
  if (at === null) throw new LookError(message);
  return at;
}

function readNumber(text: string): number | null {
  const number = /^-?(?:0x[\da-f_]+|[\d_]+)$/i.test(text) ? Number(text.replaceAll("_", "")) : NaN;
  return Number.isSafeInteger(number) ? number : null;
}

/** What `:who` takes. */
export const SUBJECT_FORMS =
  "an address, phys A, pte A, iova A, prp N of req R, sgl A of req R, slot N, doorbell sq_tail, " +
  "bounce N, or an expression";

/** Cells by the word before their number: of which table, and by which field. */
const NUMBERED: Readonly<Record<string, readonly [table: string, field: string]>> = {
  slot: ["queue_slots", "slot"],
  command: ["commands", "cid"],
  bounce: ["swiotlb", "slot"],
};
const COVERED: Readonly<Record<string, readonly [table: string, field: string]>> = {
  pte: ["page_table", "iova"],
  iova: ["iova", "start"],
  mapping: ["mappings", "dma"],
};

/**
 * The thing that a text means; addresses may be expressions.
 *
 * @throws {LookError} When it means nothing there.
 */
export function readSubject(recording: Recording, at: Position, text: string): Subject {
  const [, word = "", rest = ""] = text.match(/^(\w+)\s+(.+)$/) ?? [];
  const number = (part: string) => numberOf(recording, at, part);
  const cell = (table: string, equal: Cell["equal"], covers: Cell["covers"] = null): Subject => ({
    kind: "cell",
    cell: { table, equal, covers },
  });
  const ofRequest = rest.match(/^(.+) of req(?:uest)? (\d+)$/);
  if (word === "prp" && ofRequest !== null) {
    const request = Number(ofRequest[2]);
    const own = ofRequest[1]!.match(/^(\d+)\/(\d+)$/);
    if (own === null) return cell("prp_entries", { request, index: number(ofRequest[1]!) });
    return cell("prp_entries", { request, list_page: Number(own[1]), index: Number(own[2]) });
  }
  if (word === "sgl" && ofRequest !== null) {
    const covers = { field: "address", address: number(ofRequest[1]!) };
    return cell("sgl_entries", { request: Number(ofRequest[2]) }, covers);
  }
  if (word === "doorbell") {
    const [which = "", queue = "1"] = rest.split(/\s+/);
    return cell("doorbells", { which, queue: number(queue) });
  }
  if (word === "phys" || word === "byte") return { kind: "byte", phys: number(rest) };
  const numbered = Object.hasOwn(NUMBERED, word) ? NUMBERED[word] : undefined;
  if (numbered !== undefined) return cell(numbered[0], { [numbered[1]]: number(rest) });
  const covered = Object.hasOwn(COVERED, word) ? COVERED[word] : undefined;
  if (covered !== undefined) {
    return cell(covered[0], {}, { field: covered[1], address: number(rest) });
  }
  const plain = readNumber(text);
  if (plain !== null) return cell("page_table", {}, { field: "iova", address: plain });
  return { kind: "expression", question: recording.looker.question(text) };
}

/** A number as it stands, or what an expression is there. */
function numberOf(recording: Recording, at: Position, text: string): number {
  const plain = readNumber(text);
  if (plain !== null) return plain;
  const { text: shown } = evaluate(recording, at, text);
  const number = readNumber(shown);
  if (number !== null) return number;
  throw new LookError(`\`${text}\` is ${shown}, not a number or an address`);
}
