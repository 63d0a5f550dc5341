/**
 * Parses positions of a run, and parts of a machine, in the form in which users type them after a
 * command.
 */
import type { LabTableName } from "@dmalab/devices";
import type { RowField } from "./cells.ts";
import { EvaluationError } from "./evaluator.ts";
import { atLine, atOutput, atTime, fileNamed } from "./places.ts";
import { type Position, START } from "./position.ts";
import { evaluate } from "./evaluate.ts";
import type { Recording } from "./recording.ts";
import { coveringCell } from "./rows.ts";
import type { WriteTarget } from "./last_write.ts";

const UNITS_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, ms: 1e6, s: 1e9 };

/** The forms of a position for `:goto`. */
export const POSITION_FORMS = "120, 2ms, line 31, ring.c:44, output 4, start, end";

/**
 * The position that a text means: `120`, `2ms`, `line 31`, `file.dma:31`, `output 4`, `start`,
 * `end`.
 *
 * @returns Null when the text is not in one of these forms.
 * @throws {EvaluationError} When the run has no such position.
 */
export function readPosition(recording: Recording, from: Position, text: string): Position | null {
  if (text === "start") return START;
  if (text === "end") return recording.last;
  const seq = readNumber(text);
  if (seq !== null && seq >= 0) {
    if (seq <= recording.log.count) return recording.afterEvent(seq);
    throw new EvaluationError(`There is no event ${seq}`, `the last one is ${recording.log.count}`);
  }
  const [, amount, unit] = text.match(/^(\d+(?:\.\d+)?)(ns|us|ms|s)$/) ?? [];
  if (amount !== undefined) {
    return found(
      atTime(recording, Number(amount) * UNITS_NS[unit!]!),
      `The run ends before ${text}`,
    );
  }
  const [, word, file, number] = text.match(/^(?:(line|output)\s+|(?:line\s+)?(\S+):)(\d+)$/) ?? [];
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

function found(position: Position | null, message: string): Position {
  if (position === null) throw new EvaluationError(message);
  return position;
}

function readNumber(text: string): number | null {
  const number = /^-?(?:0x[\da-f_]+|[\d_]+)$/i.test(text) ? Number(text.replaceAll("_", "")) : NaN;
  return Number.isSafeInteger(number) ? number : null;
}

/** The forms of a target for `:who`. */
export const WRITE_TARGET_FORMS =
  "an address, phys A, pte A, iova A, prp1 of req R, prp N of req R, sgl A of req R, slot N, doorbell sq_tail, " +
  "bounce N, or an expression";

/** Cells that are selected by a word and a number: their table and field. */
const NUMBERED: Readonly<Record<string, readonly [table: LabTableName, field: string]>> = {
  slot: ["queue_slots", "slot"],
  command: ["commands", "cid"],
  bounce: ["swiotlb", "slot"],
};
/**
 * Tables with cells that are selected by a word and an address. A selected cell covers the address.
 */
const COVERED: Readonly<Record<string, LabTableName>> = {
  pte: "page_table",
  iova: "iova",
  mapping: "mappings",
};

/** The words with which a target may begin. */
export const WRITE_TARGET_WORDS: readonly string[] = [
  ...Object.keys(NUMBERED),
  ...Object.keys(COVERED),
  ...["doorbell", "phys", "prp", "prp1", "prp2", "sgl"],
];

/** @throws {EvaluationError} When the run has no such request. */
function requestNumber({ log }: Recording, text: string): number {
  let last = 0;
  for (let seq = 1; seq <= log.count; seq++) {
    const request = log.requestAt(seq) ?? 0;
    if (request === Number(text)) return request;
    last = Math.max(last, request);
  }
  throw new EvaluationError(
    `There is no request ${text}`,
    last === 0 ? "this run has none" : `the last one is ${last}`,
  );
}

/**
 * The part of the machine that a text means; addresses may be expressions.
 *
 * @throws {EvaluationError} When the text means nothing at that position.
 */
export function readWriteTarget(
  recording: Recording,
  position: Position,
  text: string,
): WriteTarget {
  const [, word = "", rest = ""] = text.match(/^(\w+)\s+(.+)$/) ?? [];
  const number = (part: string) => numberOf(recording, position, part);
  const cell = (table: LabTableName, equal: RowField["equal"]): WriteTarget => ({
    kind: "cell",
    cell: { table, equal, covers: null },
  });
  const covering = (
    table: LabTableName,
    address: number,
    equal: RowField["equal"] = {},
  ): WriteTarget => ({
    kind: "cell",
    cell: coveringCell(recording, table, address, equal),
  });
  const ofRequest = rest.match(/^(.+) of req(?:uest)? (\d+)$/);
  const [, holder, holding] = text.match(/^(prp[12]) of req(?:uest)? (\d+)$/) ?? [];
  if (holder !== undefined) {
    return cell("prp_entries", { request: requestNumber(recording, holding!), holder });
  }
  if (word === "prp" && ofRequest !== null) {
    const request = requestNumber(recording, ofRequest[2]!);
    const own = ofRequest[1]!.match(/^(\d+)\/(\d+)$/);
    if (own === null) return cell("prp_entries", { request, index: number(ofRequest[1]!) });
    return cell("prp_entries", { request, list_page: Number(own[1]), index: Number(own[2]) });
  }
  if (word === "sgl" && ofRequest !== null) {
    const request = requestNumber(recording, ofRequest[2]!);
    return covering("sgl_entries", number(ofRequest[1]!), { request });
  }
  if (word === "doorbell") {
    const [which = "", queue = "1"] = rest.split(/\s+/);
    return cell("doorbells", { which, queue: number(queue) });
  }
  if (word === "phys" || word === "byte") return { kind: "byte", phys: number(rest) };
  const numbered = Object.hasOwn(NUMBERED, word) ? NUMBERED[word] : undefined;
  if (numbered !== undefined) return cell(numbered[0], { [numbered[1]]: number(rest) });
  const covered = Object.hasOwn(COVERED, word) ? COVERED[word] : undefined;
  if (covered !== undefined) return covering(covered, number(rest));
  const plain = readNumber(text);
  if (plain !== null) return covering("page_table", plain);
  return { kind: "expression", expression: recording.evaluator.question(text) };
}

/** A literal number, or the value of an expression at the position. */
function numberOf(recording: Recording, position: Position, text: string): number {
  const plain = readNumber(text);
  if (plain !== null) return plain;
  const { text: shown } = evaluate(recording, position, text);
  const number = readNumber(shown);
  if (number !== null) return number;
  throw new EvaluationError(`\`${text}\` is ${shown}, not a number or an address`);
}
