/**
 * Restores the lines of a log from pasted text. A mailer wraps lines and puts quote marks in front
 * of them, a terminal joins two lines, a CSV or TSV table has the lines in one column.
 *
 * | kind of line | what the line is taken for |
 * | --- | --- |
 * | with a time stamp | the beginning of a message |
 * | with two time stamps and text between them | two messages |
 * | without a stamp, below a message with one, if its first word had no room in the line above | the rest of that message |
 * | without a stamp, in a log without stamps | the rest of the line above, if the two together are a message of the table |
 * | without a stamp, with a mark that the collector wrote (`dmalab-mark`) | a separate message: if it were joined to another message, it would get that message's time |
 * | of a CSV or TSV table, with a message in a column | this message, with the time columns before it in front |
 *
 * A line keeps its number; a message has the number of the line in which it begins.
 */
import { csvParseRows, dsvFormat, tsvParseRows } from "d3-dsv";
import { decodeFaultLog } from "@dmalab/runtime/fault_log";
import { markIn } from "./collector_mark.ts";
import type { LogEntryFacts } from "./log_facts.ts";
import { isOfDevice } from "./general/driver_names.ts";
import { isQemuLine } from "../line/line_source.ts";
import { COLOURS, JSON_LINE, KMSG, MAY_HAVE_COLOUR } from "./log_forms.ts";
import { plainLine } from "./pasted_text.ts";
import { isCut } from "./pasted_tokens.ts";
import { MessageFinder } from "./messages/table.ts";

/**
 * Receives a message's text, the number of its first line, and the number of its lines. The number
 * of lines is 0 for the second message of one line.
 */
export type PastedSink = (text: string, line: number, lines: number) => void;

/** Least width at which a mailer or a terminal wraps lines. */
const MIN_WIDTH = 60;
/** A log with longer lines was not wrapped. */
const MAX_WIDTH = 132;
/** Largest number of lines into which one message is wrapped. */
const MAX_PIECES = 8;

/** The beginning of a log line: a time stamp of the kernel or of a log daemon, or a priority. */
const STAMP =
  /^(?:<\d+>|[a-z]+\d? *:[a-z]+ *: )?(?:\[ *[+-]?\d+\.\d+[^\]]*\]|\[[A-Z][a-z]{2} [^\]]{5,24}\]|[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d|\d\d:\d\d:\d\d[.,]\d{3,6} |\d\d-\d\d \d\d:\d\d:\d\d\.\d+ |\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\d{9,11}\.\d+ |\[\d\d:\d\d:\d\d[.,]|\d{4}\/\d\d\/\d\d \d\d:|[IWEF]\d{4} \d\d:|[EWIDV] \(\d+\) |\[<? *\d+\.\d+>?\]|\S+ kernel: |<\d+>\S|\d+,\d+,\d+,[-c+])/;
/** A time stamp of the kernel in the middle of a line: another message begins there. */
const NEXT_STAMP = /(?<=\S) *(?=(?:<\d>)?\[ *\d{1,7}\.\d{6}\](?:\[ *[TC]\d+\])? )/g;
/** A time stamp of the kernel with the name in front of its message. */
const STAMPED_NAME = /^(\[ *\d{1,7}\.\d{6}\] )([A-Za-z][\w.-]*: )/;
/** The end of a time stamp whose beginning is cut. */
const CUT_CLOCK = /^[\d.]+\] \S/;
const CLOCK = /^(?:<\d>)?\[ *\d{1,7}\.\d{6}\]/;
/** A log daemon's prefix before the kernel's time stamp; it is not a message. */
const DAEMON = /(?:^|\s)(?:kernel|user|daemon)(?:\[\d+\])?: *$|^\S* *$/;
/** `Apr 8 08:45:41 host daemon[961]: ` in the middle of a line: a page has joined lines. */
const NEXT_PREFIX =
  /(?<=\S) +(?=[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d [\w.-]+ [\w.@/-]+(?:\[\d+\])?: )/;
const BEGINS_WITH_DATE = /^\s*[A-Z][a-z]{2} +\d{1,2} \d\d:/;
const KERNEL = "kernel: ";
const NEXT_KERNEL = / +(?=kernel: )/;
/** The name of a daemon is within so many first characters of a line. */
const MOST_BEFORE_DAEMON = 60;
const QUOTES = /^(?:[ \t]{0,3}(?:>|\||»)[ \t]?)+/;
/** Lines of structured records: JSON, a journal's export, fields of kmsg, separators. */
const OF_RECORD =
  /^\s*(?:[{}]|"[@\w]+" ?:|\],?$|(?:_[A-Z0-9_]+|MESSAGE|PRIORITY|SYSLOG_[A-Z_]+|SUBSYSTEM|DEVICE|CODE_[A-Z]+)=|-- |---|```|\$ |# |[~/]\S{0,40} # |[\w.-]+@[\w.-]+:\S*[#$] )/;
/**
 * A line of an IOMMU record that has several lines. The line is a message only together with the
 * other lines.
 */
const PART_OF_RECORD = /^(?:\S+ kernel: )?(?:DMAR\b|AMD-Vi\b|arm-smmu)/i;
/** `[device address=0x1000]`, `[mapped as single]`, as the checker lists values. */
const VALUE = /\[\w[^\]=]*(?:=| as | with )[^\]]+\]/g;
/** The first words of a complete message: `driver: text`, or a sentence. */
const FRESH = /^(?:[\w./@-]+(?: [\w./@:-]+)?: |[A-Z])/;
/** The end of a complete message: an errno in brackets, a full stop. */
const ENDS = /[).!\]]$/;
/** `driver: text`. */
const NAMED = /^[a-z][\w./@-]*: /;
/** `e1000e 0000:00:19.0: text`: a complete message, so the line above does not continue into it. */
const DRIVER_AND_DEVICE = /^[a-z][\w.-]* (?=[\w.:-]*\d)[\w.:-]*\w: /i;
/** `DMA-API: text`, `DMAR: text`. */
const OF_SUBSYSTEM = /^[A-Z]{2}[\w-]*: /;
const SENTENCE = /^(?:[A-Z][a-z']+|I)(?:[ ,]|$)/;
/** A soft line break of quoted-printable text, which has lines of 76 characters at most. */
const SOFT_BREAK = /^.{70,74}\S=$|^.{75}=$/;

/** Whether a line ends with a soft break. */
function isSoft({ isSpaced, shown }: Piece): boolean {
  return isSpaced || SOFT_BREAK.test(shown);
}

/** `driver device: ` and, in a line of its own, the text: the driver prints a line feed after the names. */
function isCutAtName({ content, isStamped }: Piece, next: Piece): boolean {
  return isStamped && !next.isStamped && next.beginsBlank && content.endsWith(":");
}

/** Whether a line ends within a name or a list: the first word of the next one is a part of it. */
function isOpenText({ content }: Piece): boolean {
  return /[(,:=\[]$/.test(content);
}

interface Piece {
  /** The pasted text, without quote marks. */
  readonly text: string;
  /** The text with quote marks, without colours. */
  readonly shown: string;
  /** The quote marks of the text. */
  readonly quote: string;
  /** The text without quote marks and surrounding blanks. */
  readonly content: string;
  readonly line: number;
  readonly lines: number;
  readonly isStamped: boolean;
  /** Whether the line ends with blanks, which a terminal keeps at a wrap. */
  readonly endsBlank: boolean;
  readonly beginsBlank: boolean;
  /** Whether the line ends with `=` and an empty line follows, as pages show soft breaks. */
  readonly isSpaced: boolean;
  /** Width of the line in columns, including other messages on the same line. */
  readonly width: number;
}

interface Joined {
  readonly text: string;
  /** For each line boundary, whether it broke a word. */
  readonly cuts: readonly boolean[];
  /** How well the message table matches the joined text. */
  readonly score: number;
}

/** Joins and splits the lines of one log. */
export class PastedLines {
  readonly #finder = new MessageFinder();
  /** Lines that may belong to one message. */
  #pending: Piece[] = [];
  #lastLine = 0;
  /** The time stamp of the newest line with one and a name, and this name. */
  #stamp: readonly [stamp: string, name: string] | null = null;
  /** Columns of the widest line so far: the lower bound of a mailer's wrapping width. */
  #widest = 0;

  constructor(private readonly sink: PastedSink) {}

  /** Reads one line. @param line Its number, from 1. */
  push(text: string, line: number): void {
    if (line === this.#lastLine + 2 && this.#endsWithSign()) this.#passEmpty();
    else if (line !== this.#lastLine + 1) this.flush();
    this.#lastLine = line;
    const plain = this.#stamped(
      plainLine(MAY_HAVE_COLOUR.test(text) ? text.replace(COLOURS, "") : text),
    );
    const shown = plain.replace(/\r$/, "");
    const quote = this.#quoteOf(shown);
    const content = shown.slice(quote.length);
    const isRecord = OF_RECORD.test(content) || content.includes("{") && JSON_LINE.test(content) ||
      KMSG.test(content) || isMark(content) || isQemuLine(content);
    if (content.trim() === "" && this.#endsWithSign()) {
      this.#passEmpty();
      return;
    }
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

  /**
   * The quote marks of a line. A continuation line has the same marks as the line above. This rule
   * prevents that the `>` of a message's `> 65536)` is taken for a quote mark.
   */
  #quoteOf(shown: string): string {
    const above = this.#pending.at(-1)?.quote;
    if (above !== undefined && shown.startsWith(above)) return above;
    return above === "" ? "" : QUOTES.exec(shown)?.[0] ?? "";
  }

  /**
   * The line with the stamp of the record to which it belongs: dmesg prints the further lines of a
   * record below the first one's text, and a driver repeats its name in each.
   */
  #stamped(text: string): string {
    const above = this.#stamp;
    if (above !== null && text.startsWith(" ")) {
      const content = text.trimStart();
      const [stamp, name] = above;
      const isBelow = text.length - content.length === stamp.length && content.startsWith(name);
      return isBelow ? stamp + content : text;
    }
    const [, stamp, name] = text.startsWith("[") ? STAMPED_NAME.exec(text) ?? [] : [];
    if (stamp !== undefined) this.#stamp = [stamp, name!];
    return text;
  }

  #endsSoft(): boolean {
    const last = this.#pending.at(-1);
    return last !== undefined && isSoft(last);
  }

  #endsWithSign(): boolean {
    return this.#pending.at(-1)?.shown.endsWith("=") === true;
  }

  /** Takes an empty line, which a page has added after a soft break, for a part of the message. */
  #passEmpty(): void {
    const last = this.#pending.pop()!;
    this.#pending.push({ ...last, lines: last.lines + 1, isSpaced: true });
  }

  /** Moves on to a line that does not belong to the log. Therefore the pending message ends. */
  passTo(line: number): void {
    if (line > this.#lastLine) this.flush();
  }

  /**
   * Number of the first line of the pending message, which may continue; Infinity if no message is
   * pending.
   */
  get openLine(): number {
    return this.#pending[0]?.line ?? Infinity;
  }

  /** Reports all pending lines. */
  flush(): void {
    const pending = this.#pending;
    this.#pending = [];
    if (pending.length > 0) this.#give(pending);
  }

  #piece(piece: Piece): void {
    const last = this.#pending.at(-1);
    const isWide = this.#widest > MAX_WIDTH;
    // A line was wrapped only if the next line's first word had no room in it.
    if (
      last !== undefined &&
      (piece.isStamped || piece.lines === 0 || this.#pending.length === MAX_PIECES ||
        isWide && this.#pending[0]!.isStamped ||
        last.width + 1 + firstWord(piece.content) <= MIN_WIDTH && !this.#endsSoft() &&
          !isCutAtName(last, piece))
    ) this.flush();
    if (this.#pending.length > 0 && this.#pending[0]!.isStamped && !this.#goesOn(piece)) {
      this.flush();
    }
    this.#pending.push(piece);
    this.#widest = Math.max(this.#widest, piece.width);
  }

  /** Whether a line without a time stamp continues a message that has a time stamp. */
  #goesOn(piece: Piece): boolean {
    const last = this.#pending.at(-1)!;
    if (this.#endsSoft() || isCutAtName(last, piece)) return true;
    const hadNoRoom = last.width + 1 + firstWord(piece.content) > this.#widest;
    const own = this.#score(piece.content);
    const isFresh = SENTENCE.test(piece.content) || NAMED.test(piece.content) && !isOpenText(last);
    if (isOfDevice(piece.content) && !isOpenText(last)) return false;
    if (own === 0 && (hadNoRoom || !isFresh)) return true;
    if (own > 0 && DRIVER_AND_DEVICE.test(piece.content)) return false;
    const known = this.#join(this.#pending).score;
    const together = this.#join([...this.#pending, piece]).score;
    // If the line alone is a message, it is joined to the line above only under two conditions: the
    // line above is no message, and the joined text matches better than the line alone.
    return own > 0 ? known === 0 && together > own : together > known;
  }

  /**
   * Joins lines so that the table matches best. A line break counts as a break inside a word in two
   * cases only: if joining the two parts to one word improves the match, or if both parts look like
   * one word.
   */
  #join(pieces: readonly Piece[]): Joined {
    const cuts: boolean[] = [];
    for (const [index, piece] of pieces.slice(1).entries()) {
      const before = pieces[index]!;
      const text = joined(pieces.slice(0, index + 1), cuts);
      cuts.push(
        !before.endsBlank && !piece.beginsBlank && isCut(text, piece.content),
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

  /**
   * Reports pending lines. If the first line begins with a time stamp, the lines are one message.
   * Otherwise they are split into the messages that the table matches.
   */
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

  /**
   * The number of lines, from the given one, that form one message. It is the smallest number with the best
   * match, provided that this match is better than the match of each single line.
   */
  #longestFrom(pieces: readonly Piece[], from: number): number {
    let count = 1;
    let most = this.#score(pieces[from]!.content);
    let single = most;
    for (let next = from + 1; next < pieces.length; next++) {
      const own = this.#score(pieces[next]!.content);
      // A complete message begins here, so the lines are not joined.
      const { content } = pieces[next]!;
      const hasDevice = DRIVER_AND_DEVICE.test(content);
      if (own > 0 && (most > 0 || hasDevice)) break;
      if (most > 0 && (hasDevice || OF_SUBSYSTEM.test(content))) break;
      single = Math.max(single, own);
      const { score } = this.#join(pieces.slice(from, next + 1));
      // General words about DMA in the next line, after its own name, make no message of the two.
      if (score === 1 && (NAMED.test(content) || ENDS.test(pieces[next - 1]!.content))) break;
      if (score > most && score > single) [most, count] = [score, next - from + 1];
      else if (own > 0) break;
    }
    // If the message ends with free text, the next line continues the message, unless that line
    // begins a new message.
    const { text } = this.#join(pieces.slice(from, from + count));
    const last = pieces[from + count];
    if (last !== undefined && most > 0 && this.#isOpen(text) && !FRESH.test(last.content)) {
      if (this.#score(last.content) === 0) count++;
    }
    return count;
  }

  /** Whether a message ends with the text of a field, which may continue on the next line. */
  #isOpen(text: string): boolean {
    const found = this.#finder.find(text);
    return found !== null &&
      Object.values(found.facts).some((value) =>
        typeof value === "string" && value !== "" && text.endsWith(value)
      );
  }

  /** How well the message table matches a line; 0 if it is no message. */
  #score(text: string): number {
    const found = this.#finder.find(text);
    if (found !== null) {
      const isWeak = found.row.isGeneral === true || found.facts.is_cut === true;
      return isWeak ? 1 : 2 + countOf(found.facts);
    }
    const more = this.#finder.continuation(text);
    // Each value in brackets counts, although it is not a separate field.
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

/** Whether a line is the collector's mark without a time stamp. */
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
    isSpaced: false,
    width,
  };
}

/** Joins several lines into one. @param cuts For each line boundary, whether it broke a word. */
function joined(
  pieces: readonly Piece[],
  cuts: readonly boolean[],
  begin = pieces[0]!.content,
): string {
  let text = begin.trimEnd();
  for (const [index, { content }] of pieces.slice(1).entries()) {
    if (isSoft(pieces[index]!)) text = decodedQuotes(text.slice(0, -1) + content);
    else text += `${cuts[index] === true ? "" : " "}${content}`;
  }
  return text;
}

/** `=3D` is `=` in quoted-printable text. */
function decodedQuotes(text: string): string {
  return text.replace(/=3D/g, "=");
}

/** Splits a line with several joined messages into the messages. */
function splitAtStamps(text: string): string[] {
  if (text.lastIndexOf(` ${KERNEL}`) > MOST_BEFORE_DAEMON) {
    if (BEGINS_WITH_DATE.test(text)) {
      const parts = text.split(NEXT_PREFIX);
      if (parts.length > 1) return parts;
    }
    if (text.startsWith(KERNEL)) return text.split(NEXT_KERNEL);
  }
  const next = text.indexOf("[", 1);
  if (next < 0 || text.lastIndexOf("] ") < next) return [text];
  const parts: string[] = [];
  let from = 0;
  for (const { index, 0: blanks } of text.matchAll(NEXT_STAMP)) {
    const before = text.slice(from, index).replace(QUOTES, "");
    const isStamped = CLOCK.test(before.trimStart()) || STAMP.test(before) ||
      CUT_CLOCK.test(before);
    if (!isStamped || DAEMON.test(before)) continue;
    // The line is not split if nothing but a time stamp is before this time stamp: `[ 1.000000] [
    // 1.000000] text`.
    if (before.replace(CLOCK, "").trim() === "") continue;
    parts.push(text.slice(from, index));
    from = index + blanks.length;
  }
  return from === 0 ? [text] : [...parts, text.slice(from)];
}

/**
 * Extracts the message from a column of a CSV or TSV line. The text of the columns before the
 * message is put in front of it. Null for other lines.
 * @param isMessage Whether a text is a message of the table.
 */
function messageColumn(text: string, isMessage: (text: string) => boolean): string | null {
  const isTabs = text.includes("\t");
  const isSemicolons = text.includes(";") && SEMICOLONS.test(text);
  if (!isTabs && !isSemicolons && !/",|,"/.test(text) && !/^[^,\s]*(?:,[^,\s]*){2,},/.test(text)) {
    return null;
  }
  // A quoted message may contain a tab.
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
  // Without quotes, a comma within the message looks like a separator, but a blank follows it.
  let end = index + 1;
  while (!isQuoted && columns[end]?.startsWith(" ")) end++;
  const message = columns.slice(index, end).join(isSemicolons ? ";" : ",");
  return [...times, message].join(" ");
}

/** Columns separated by semicolons, as in locales with a decimal comma. */
const SEMICOLONS = /^[^;]*[\d:"];[^;]*;|";|;"/;
const { parseRows: SEMICOLON_ROWS } = dsvFormat(";");
/** A column with a date, a time of day or seconds since boot. */
const TIME_COLUMN =
  /\d\d:\d\d|^\d{4}-\d\d-\d\d$|^[A-Z][a-z]{2} +\d{1,2}$|^\[? *\d+\.\d+\]?$|^\d{9,}$/;
