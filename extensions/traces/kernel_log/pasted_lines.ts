/**
 * Lines of a log as they were printed, out of lines as they were pasted. A mailer wraps them and puts quote marks in front, a
 * terminal runs two together, a table has them in a column.
 *
 * | a line | is |
 * | --- | --- |
 * | with a time stamp | the beginning of a message |
 * | with two time stamps and text between them | two messages |
 * | without a stamp, below a message with one, where its first word had no room in the line above | the rest of that message |
 * | without a stamp, in a log without stamps | the rest of the line above, if the two together are a message of the table |
 * | without a stamp, with a mark of the collector | a separate message: in another one it would have that one's time |
 * | of CSV or TSV, with a message in a column | that message, behind the other columns |
 *
 * A line keeps its number; a message has the number of the line in which it begins.
 */
import { csvParseRows, dsvFormat, tsvParseRows } from "d3-dsv";
import { decodeFaultLog } from "@dmalab/runtime/fault_log";
import { markIn } from "./collector_mark.ts";
import type { LogEntryFacts } from "./entry.ts";
import { COLOURS, JSON_LINE, KMSG, MAY_HAVE_COLOUR } from "./log_forms.ts";
import { plainLine } from "./pasted_text.ts";
import { TokenCheck } from "./pasted_tokens.ts";
import { MessageFinder } from "./messages/table.ts";

/** Receives a line, its number, and how many lines it had: 0 for the second message of one line. */
export type PastedSink = (text: string, line: number, lines: number) => void;

/** No mailer and no terminal wraps at fewer columns. */
const MIN_WIDTH = 60;
/** A log with lines as long as this was not wrapped. */
const MAX_WIDTH = 132;
/** Lines that one message is wrapped into, at most. */
const MAX_PIECES = 8;

/** What begins a line of a log: the kernel's clock, that of a log daemon, a priority. */
const STAMP =
  /^(?:<\d+>|[a-z]+\d? *:[a-z]+ *: )?(?:\[ *[+-]?\d+\.\d+[^\]]*\]|\[[A-Z][a-z]{2} [^\]]{5,24}\]|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d|\d\d:\d\d:\d\d[.,]\d{3,6} |\d\d-\d\d \d\d:\d\d:\d\d\.\d+ |\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d{9,11}\.\d+ |\[<? *\d+\.\d+>?\]|\S+ kernel: |<\d+>\S|\d+,\d+,\d+,[-c+])/;
/** A line of the kernel's clock within a line: another message begins there. */
const NEXT_STAMP = /(?<=\S) *(?=(?:<\d>)?\[ *\d{1,7}\.\d{6}\](?:\[ *[TC]\d+\])? )/g;
const CLOCK = /^(?:<\d>)?\[ *\d{1,7}\.\d{6}\]/;
/** A daemon's text in front of the kernel's clock is no message. */
const DAEMON = /(?:^|\s)(?:kernel|user|daemon)(?:\[\d+\])?: *$|^\S* *$/;
const QUOTES = /^(?:[ \t]{0,3}(?:>|\||»)[ \t]?)+/;
/** Lines of records: JSON, a journal's export, fields of kmsg, separators. */
const OF_RECORD =
  /^\s*(?:[{}]|"[@\w]+" ?:|\],?$|(?:_[A-Z0-9_]+|MESSAGE|PRIORITY|SYSLOG_[A-Z_]+|SUBSYSTEM|DEVICE|CODE_[A-Z]+)=|-- |---|```|\$ |# )/;
/** A line of a record with several lines: alone it is no message. */
const PART_OF_RECORD = /^(?:\S+ kernel: )?(?:DMAR\b|AMD-Vi\b|arm-smmu)/i;
/** `[device address=0x1000]`, `[mapped as single]`, as the checker lists values. */
const VALUE = /\[\w[^\]=]*(?:=| as | with )[^\]]+\]/g;
/** The first words of a message that is complete alone: `driver: text`, or a sentence. */
const FRESH = /^(?:[\w./@-]+(?: [\w./@:-]+)?: |[A-Z])/;
/** `e1000e 0000:00:19.0: text`: nothing of the line above is missing in front. */
const OF_DEVICE = /^[a-z][\w.-]* (?=[\w.:-]*\d)[\w.:-]*\w: /i;
/** `DMA-API: text`, `DMAR: text`. */
const OF_SUBSYSTEM = /^[A-Z]{2}[\w-]*: /;
const SENTENCE = /^[A-Z][a-z']+(?:[ ,]|$)/;
/** A soft line break of quoted-printable text, which has lines of 76 characters at most. */
const SOFT_BREAK = /^.{70,74}\S=$/;

interface Piece {
  /** As it was pasted, without quote marks. */
  readonly text: string;
  /** With quote marks, without colours. */
  readonly shown: string;
  /** Its quote marks. */
  readonly quote: string;
  /** Without quote marks and blanks around it. */
  readonly content: string;
  readonly line: number;
  readonly lines: number;
  readonly isStamped: boolean;
  /** Blanks at the end of the line, which a terminal keeps where it wraps. */
  readonly endsBlank: boolean;
  readonly beginsBlank: boolean;
  /** Columns of the line, with what other messages it has. */
  readonly width: number;
}

interface Joined {
  readonly text: string;
  /** Whether a word was broken, for each place between two lines. */
  readonly cuts: readonly boolean[];
  /** How much the table reads in it. */
  readonly score: number;
}

/** Joins and splits the lines of one log. */
export class PastedLines {
  readonly #finder = new MessageFinder();
  readonly #tokens = new TokenCheck();
  /** Lines that may be one message. */
  #pending: Piece[] = [];
  #lastLine = 0;
  /** Columns of the widest line so far: where a mailer wraps, at least. */
  #widest = 0;

  constructor(private readonly sink: PastedSink) {}

  /** Takes one line. @param line Its number, from 1. */
  push(text: string, line: number): void {
    if (line !== this.#lastLine + 1) this.flush();
    this.#lastLine = line;
    const plain = plainLine(MAY_HAVE_COLOUR.test(text) ? text.replace(COLOURS, "") : text);
    const shown = plain.replace(/\r$/, "");
    const quote = this.#quoteOf(shown);
    const content = shown.slice(quote.length);
    const isRecord = OF_RECORD.test(content) || content.includes("{") && JSON_LINE.test(content) ||
      KMSG.test(content) || isMark(content);
    if (isRecord || content.trim() === "") {
      this.flush();
      this.sink(plain, line, 1);
      return;
    }
    const column = messageColumn(content, (each) => this.#score(each) > 0);
    if (column !== null) {
      this.flush();
      this.sink(column, line, 1);
      return;
    }
    const parts = splitAtStamps(shown);
    for (const [index, part] of parts.entries()) {
      const lines = index === 0 ? 1 : 0;
      const own = {
        text: parts.length === 1 ? plain : part,
        line,
        lines,
        width: shown.trimEnd().length,
      };
      this.#piece(pieceOf(part, index === 0 ? quote : "", own));
    }
  }

  /** Quote marks of a line: those of the line above, if it goes on, so that `> 65536)` is none. */
  #quoteOf(shown: string): string {
    const above = this.#pending.at(-1)?.quote;
    if (above !== undefined && shown.startsWith(above)) return above;
    return above === "" ? "" : QUOTES.exec(shown)?.[0] ?? "";
  }

  /** Comes to a line that does not belong to the log. */
  passTo(line: number): void {
    if (line > this.#lastLine) this.flush();
  }

  /** The first line that may go on; Infinity without one. */
  get openLine(): number {
    return this.#pending[0]?.line ?? Infinity;
  }

  /** Gives all lines that wait for others. */
  flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length > 0) this.#give(pending);
  }

  #piece(piece: Piece): void {
    const last = this.#pending.at(-1);
    const isWide = this.#widest > MAX_WIDTH;
    // Only a line without room for the next word was wrapped.
    if (
      last !== undefined &&
      (piece.isStamped || piece.lines === 0 || this.#pending.length === MAX_PIECES ||
        isWide && this.#pending[0]!.isStamped ||
        last.width + 1 + firstWord(piece.content) <= MIN_WIDTH && !SOFT_BREAK.test(last.shown))
    ) this.flush();
    if (this.#pending.length > 0 && this.#pending[0]!.isStamped && !this.#goesOn(piece)) {
      this.flush();
    }
    this.#pending.push(piece);
    this.#widest = Math.max(this.#widest, piece.width);
  }

  /** Whether a line without a stamp is the rest of a message with one. */
  #goesOn(piece: Piece): boolean {
    const last = this.#pending.at(-1)!;
    const hadNoRoom = last.width + 1 + firstWord(piece.content) > this.#widest;
    const own = this.#score(piece.content);
    if (own === 0 && (hadNoRoom || !SENTENCE.test(piece.content))) return true;
    const known = this.#join(this.#pending).score;
    const together = this.#join([...this.#pending, piece]).score;
    if (own > 0 && OF_DEVICE.test(piece.content)) return false;
    // Two messages, one below the other; or the second has its device in the line above.
    return own > 0 ? known === 0 && together > own : together > known;
  }

  /** Puts lines together so that the table reads most in them; a word was broken only where that says more, or looks so. */
  #join(pieces: readonly Piece[]): Joined {
    const cuts: boolean[] = [];
    for (const [index, piece] of pieces.slice(1).entries()) {
      const before = pieces[index]!;
      const text = joined(pieces.slice(0, index + 1), cuts);
      cuts.push(
        !before.endsBlank && !piece.beginsBlank && this.#tokens.isCut(text, piece.content),
      );
    }
    let score = this.#score(joined(pieces, cuts));
    for (let index = 0; index < cuts.length; index++) {
      const [before, after] = [pieces[index]!, pieces[index + 1]!];
      if (before.endsBlank || after.beginsBlank) continue;
      cuts[index] = !cuts[index];
      const other = this.#score(joined(pieces, cuts));
      if (other > score) score = other;
      else cuts[index] = !cuts[index];
    }
    return { text: joined(pieces, cuts), cuts, score };
  }

  /** Gives lines that may be one message: those with a stamp are one, others are what the table makes of them. */
  #give(pieces: readonly Piece[]): void {
    if (pieces.length === 1 || pieces[0]!.isStamped) {
      this.#giveJoined(pieces);
      return;
    }
    const whole = pieces.map(({ content }) => content);
    if (!this.#finder.mayFind(whole.join(" ")) && !this.#finder.mayFind(whole.join(""))) {
      for (const piece of pieces) this.#giveJoined([piece]);
      return;
    }
    for (let from = 0; from < pieces.length;) {
      const count = this.#longestFrom(pieces, from);
      this.#giveJoined(pieces.slice(from, from + count));
      from += count;
    }
  }

  /** How many lines from one on are one message: the fewest that say most, if they say more than each of them. */
  #longestFrom(pieces: readonly Piece[], from: number): number {
    let count = 1;
    let most = this.#score(pieces[from]!.content);
    let single = most;
    for (let next = from + 1; next < pieces.length; next++) {
      const own = this.#score(pieces[next]!.content);
      // Two messages, one below the other.
      const { content } = pieces[next]!;
      const isOfDevice = OF_DEVICE.test(content);
      if (own > 0 && (most > 0 || isOfDevice)) break;
      if (most > 0 && (isOfDevice || OF_SUBSYSTEM.test(content))) break;
      single = Math.max(single, own);
      const { score } = this.#join(pieces.slice(from, next + 1));
      if (score > most && score > single) [most, count] = [score, next - from + 1];
      else if (own > 0) break;
    }
    // A text at the end of a message goes on where nothing new begins.
    const { text } = this.#join(pieces.slice(from, from + count));
    const last = pieces[from + count];
    if (last !== undefined && most > 0 && this.#isOpen(text) && !FRESH.test(last.content)) {
      if (this.#score(last.content) === 0) count++;
    }
    return count;
  }

  /** Whether a message has a text at its end, which may go on. */
  #isOpen(text: string): boolean {
    const found = this.#finder.find(text);
    return found !== null &&
      Object.values(found.facts).some((value) =>
        typeof value === "string" && value !== "" && text.endsWith(value)
      );
  }

  /** How much the table reads in a line: 0 where it is no message. */
  #score(text: string): number {
    const found = this.#finder.find(text);
    if (found !== null) return 2 + countOf(found.facts);
    const more = this.#finder.continuation(text);
    // A value that it lists in brackets is no separate field.
    if (more !== null) return 1 + countOf(more) + (text.match(VALUE) ?? []).length;
    const fault = /DMAR|AMD-Vi|smmu|iommu/i.test(text) ? decodeFaultLog(text) : null;
    return fault?.ok === true ? 2 + countOf({ ...fault.fault, details: null } as never) : 0;
  }

  #giveJoined(pieces: readonly Piece[]): void {
    const [first] = pieces;
    const lines = pieces.reduce((sum, piece) => sum + piece.lines, 0);
    const text = pieces.length === 1
      ? first!.text
      : joined(pieces, this.#join(pieces).cuts, first!.text);
    this.sink(text, first!.line, lines);
  }
}

/** Whether a line is a mark of the collector without a time. */
function isMark(content: string): boolean {
  return markIn(content) !== null && !STAMP.test(content.trimStart());
}

function countOf(facts: LogEntryFacts): number {
  return Object.values(facts).filter((value) => value !== null && value !== undefined).length;
}

function firstWord(content: string): number {
  const end = content.search(/\s/);
  return end < 0 ? content.length : end;
}

function pieceOf(
  shown: string,
  quote: string,
  { line, lines, text, width }: Pick<Piece, "text" | "line" | "lines" | "width">,
): Piece {
  const content = shown.slice(quote.length);
  const trimmed = content.trim();
  return {
    text: quote === "" ? text : content,
    shown,
    quote,
    content: trimmed,
    line,
    lines,
    isStamped: STAMP.test(trimmed),
    endsBlank: /\s$/.test(content),
    beginsBlank: /^\s/.test(content),
    width,
  };
}

/** One line out of several. @param cuts Whether a word was broken, for each place between two lines. */
function joined(
  pieces: readonly Piece[],
  cuts: readonly boolean[],
  begin = pieces[0]!.content,
): string {
  let text = begin.trimEnd();
  for (const [index, { content }] of pieces.slice(1).entries()) {
    if (SOFT_BREAK.test(pieces[index]!.shown)) text = decodedQuotes(text.slice(0, -1) + content);
    else text += `${cuts[index] === true ? "" : " "}${content}`;
  }
  return text;
}

/** `=3D` is `=` in quoted-printable text. */
function decodedQuotes(text: string): string {
  return text.replace(/=3D/g, "=");
}

/** Where several messages were run together: each of them. */
function splitAtStamps(text: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const { index, 0: blanks } of text.matchAll(NEXT_STAMP)) {
    const before = text.slice(from, index).replace(QUOTES, "");
    if (!CLOCK.test(before.trimStart()) && !STAMP.test(before) || DAEMON.test(before)) continue;
    // Only a stamp is in front: `[ 1.000000] [ 1.000000] text`.
    if (before.replace(CLOCK, "").trim() === "") continue;
    parts.push(text.slice(from, index));
    from = index + blanks.length;
  }
  return from === 0 ? [text] : [...parts, text.slice(from)];
}

/**
 * The message in a column of a line of CSV or TSV, behind the columns in front of it; null for
 * other lines.
 * @param isMessage Whether a text is a message of the table.
 */
function messageColumn(text: string, isMessage: (text: string) => boolean): string | null {
  const isTabs = text.includes("\t");
  const isSemicolons = SEMICOLONS.test(text);
  if (!isTabs && !isSemicolons && !/",|,"/.test(text) && !/^[^,\s]*(?:,[^,\s]*){2,},/.test(text)) {
    return null;
  }
  // A message in quotes may have a tab.
  const isQuoted = /",|,"|";|;"/.test(text);
  const parse = isTabs && !isQuoted ? tsvParseRows : isSemicolons ? SEMICOLON_ROWS : csvParseRows;
  const [columns = []] = parse(text);
  if (columns.length < 2) return null;
  const whole = columns.findIndex(isMessage);
  const index = whole < 0 && isQuoted
    ? columns.findIndex((column) => PART_OF_RECORD.test(column))
    : whole;
  if (index < 0) return null;
  const times = columns.slice(0, index).filter((column) => TIME_COLUMN.test(column));
  // Without quotes, a comma of the message separates too: a blank follows it.
  let end = index + 1;
  while (!isQuoted && columns[end]?.startsWith(" ")) end++;
  const message = columns.slice(index, end).join(isSemicolons ? ";" : ",");
  return [...times, message].join(" ");
}

/** Columns separated by semicolons, as where numbers have a decimal comma. */
const SEMICOLONS = /^[^;]*[\d:"];[^;]*;|";|;"/;
const { parseRows: SEMICOLON_ROWS } = dsvFormat(";");
/** A column with a date, a time of day or seconds since boot. */
const TIME_COLUMN =
  /\d\d:\d\d|^\d{4}-\d\d-\d\d$|^[A-Z][a-z]{2} +\d{1,2}$|^\[? *\d+\.\d+\]?$|^\d{9,}$/;
