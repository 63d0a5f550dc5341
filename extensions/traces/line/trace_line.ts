/**
 * One line of a trace, in any of the three dialects: kernel text, `trace-cmd report`, `perf script`.
 *
 * @see rules/traces.md T.1 to T.14
 */
import type { DmaEvent } from "./dma_event.ts";
import { TracedEventName } from "./event_name.ts";
import { kernelPayload } from "./failed_to_parse.ts";
import { KnownTexts } from "./known_texts.ts";
import { PayloadFields } from "./payload.ts";

export type LineKind =
  /** A line with an event. */
  | "event"
  /** `CPU:1 [LOST 805 EVENTS]`. */
  | "lost"
  /** `##### CPU 1 buffer started ####`. */
  | "started"
  /** A header line. */
  | "header"
  /** `<stack trace>` after a task's name and time, or ` => symbol`. */
  | "stack"
  | "blank"
  /** A line that does not belong to a trace. */
  | "other";

const SPACE = 0x20;
const TAB = 0x09;
const OPEN = 0x5b;
const CLOSE = 0x5d;
const COLON = 0x3a;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const HASH = 0x23;
const DASH = 0x2d;
const OPEN_GROUP = 0x28;
const CLOSE_GROUP = 0x29;
const SLASH = 0x2f;
/** Index of the flag character for the kind of context that wrote the line. */
const CONTEXT_FLAG = 2;

/**
 * Assumed length of a tick of the clocks `counter` and `x86-tsc`. A trace does not record this
 * length. The assumed length is short, so that neighbouring lines seem close to each other for all
 * time limits of this reader.
 *
 * @see rules/traces.md T.5
 */
const TICK_SECONDS = 1e-9;

/** End of the line before the functions of a stack. */
const STACK_HEAD = ": <stack trace>";

const US_SECONDS = 1e-6;
/**
 * The prefix of a line in the kernel's log. A trace line can have it, because a crash prints its
 * trace into the log.
 */
const LOG_TIME = /^[>\s]*(?:<\d+>)?\[ *\d+\.\d+\](?: *\[[^\]]*\])? /;
/**
 * An event's line as the option latency-format, a crash's dump or trace-cmd report -l prints it.
 */
const LATENCY =
  /^ *(\S.{0,15}?)-(\d+) +(\d{1,4})([.dDX][.\w]{3,5}) +(\d+(?:\.\d+)?)(us)?[ !+#*@$]?: +(?:\w+:)?([a-z]\w*): */;

const LOST = /CPU:\s*(\d+) \[LOST(?: (\d+))? EVENTS\]/;
const STARTED = /^#+ CPU (\d+) buffer started/;
const WRITTEN = /entries-in-buffer\/entries-written:\s*(\d+)\/(\d+)/;

/** Header lines above the events, written by the kernel's tracer. */
const TRACER_HEADER =
  /^#(?: (?:tracer|entries-in-buffer\/entries-written): .*| +TASK-PID .*|[ |\/_]*(?:-+=> \S+|delay)?) *$/;

/**
 * Whether a header line was written by the kernel's tracer. If not, it is part of a pasted log.
 *
 * @see rules/traces.md T.1
 */
export function isTracerHeader(text: string): boolean {
  return TRACER_HEADER.test(text);
}

const FAILED_TO_PARSE = new TextEncoder().encode("[FAILED TO PARSE]");
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder();

/**
 * A line, parsed from bytes in a buffer that contains other lines. Its content is valid until the
 * next line is read. Strings are created only on request.
 */
export class TraceLine {
  kind: LineKind = "blank";
  cpu = -1;
  pid = -1;
  /** The character code of `context`. */
  contextCode = SPACE;
  /**
   * Time by the trace's clock, in seconds. If the clock's times have no decimal point, they are
   * ticks, which are converted with an assumed tick length.
   */
  seconds = 0;
  /** The event's name, without its system: always the same object for the same name. */
  name = new TracedEventName("");
  /** The payload after the event's name. */
  readonly fields = new PayloadFields();
  /**
   * Whether the user-space library could not format the event, so that its fields were formatted
   * here.
   */
  wasRaw = false;
  /** For a gap: number of lost events, or null. */
  lost: number | null = null;
  /**
   * For the first header line: number of entries in the buffer; `written`: number of entries ever
   * written.
   */
  inBuffer = 0;
  written = 0;
  #bytes: Uint8Array = new Uint8Array();
  #start = 0;
  #end = 0;
  #text: string | null = null;
  #taskEnd = 0;
  #timeStart = 0;
  #timeEnd = 0;
  readonly #names = new KnownTexts((text) => new TracedEventName(text));
  readonly #tasks = new KnownTexts((text) => text.trim());

  /** The whole line. */
  get text(): string {
    return this.#text ??= DECODER.decode(this.#bytes.subarray(this.#start, this.#end));
  }

  get isEmpty(): boolean {
    return this.#start === this.#end;
  }

  /** The task's name as printed; always the same string for the same name. */
  get task(): string {
    let start = this.#start;
    while (start < this.#taskEnd && isBlank(this.#bytes[start]!)) start++;
    return this.#tasks.of(this.#bytes, start, blanksBefore(this.#bytes, start, this.#taskEnd));
  }

  get time(): string {
    return DECODER.decode(this.#bytes.subarray(this.#timeStart, this.#timeEnd));
  }

  get event(): string {
    return this.name.text;
  }

  get payload(): string {
    return this.fields.text;
  }

  /**
   * The context that wrote the line: `.` a task, `h`, `s`, `H` … an interrupt; blank if unknown.
   */
  get context(): string {
    return String.fromCharCode(this.contextCode);
  }

  /**
   * Parses an event that the ledger needs; null if the event is damaged, undefined for any other
   * event.
   */
  readDma(): DmaEvent | null | undefined {
    return this.name.dmaReader?.(this.fields);
  }

  /**
   * Reads one line.
   *
   * @param start Offset of the line's first byte.
   * @param end Offset after the line's last byte, at the line end.
   * @returns The kind of the line, which is also kept in `kind`.
   */
  read(bytes: Uint8Array, start: number, end: number): LineKind {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#text = null;
    this.wasRaw = false;
    if (start === end) return this.kind = "blank";
    return this.kind = this.#readEvent(bytes, start, end) ? "event" : this.#readOther(this.text);
  }

  /** Reads a line that is a string, without its line end. @returns The kind of the line. */
  readText(text: string): LineKind {
    const bytes = ENCODER.encode(`${text}\n`);
    return this.read(bytes, 0, bytes.length - 1);
  }

  /** Makes a line from a string. For many lines, one object with `readText` is faster. */
  static of(text: string): TraceLine {
    const line = new TraceLine();
    line.readText(text);
    return line;
  }

  #readOther(text: string): LineKind {
    if (this.#readLatency(text)) return "event";
    const trimmed = text.trim();
    if (trimmed === "") return "blank";
    if (trimmed.includes("[LOST")) {
      const lost = LOST.exec(trimmed);
      if (lost !== null) {
        this.cpu = Number(lost[1]);
        this.lost = lost[2] === undefined ? null : Number(lost[2]);
        return "lost";
      }
    }
    if (trimmed.charCodeAt(0) === HASH || trimmed.includes("# entries-in-buffer")) {
      const started = STARTED.exec(trimmed);
      if (started !== null) {
        this.cpu = Number(started[1]);
        return "started";
      }
      const written = WRITTEN.exec(trimmed);
      this.inBuffer = written === null ? 0 : Number(written[1]);
      this.written = written === null ? 0 : Number(written[2]);
      return "header";
    }
    const isStack = trimmed.startsWith("=> ") || trimmed.endsWith(STACK_HEAD);
    return isStack ? "stack" : "other";
  }

  /**
   * Reads `TASK-PID [CPU] FLAGS SECONDS: EVENT: PAYLOAD`; the task's name may contain any
   * characters, even brackets.
   */
  #readEvent(bytes: Uint8Array, start: number, end: number): boolean {
    for (let open = start; open < end; open++) {
      if (bytes[open] !== OPEN) continue;
      const close = digitsEnd(bytes, open + 1);
      if (close === open + 1 || bytes[close] !== CLOSE) continue;
      if (this.#readBehindCpu(bytes, close + 1, end)) {
        const pidEnd = pidEndOf(bytes, start, open);
        const pidStart = pidEnd < 0 ? -1 : pidStartOf(bytes, start, pidEnd);
        if (pidStart < 0) continue;
        this.cpu = numberAt(bytes, open + 1);
        this.pid = numberAt(bytes, pidStart);
        this.#taskEnd = pidStart - 1;
        return true;
      }
    }
    return false;
  }

  /** Reads `TASK-PID CPU FLAGS TIME: EVENT: PAYLOAD`, in which CPU and flags are one word. */
  #readLatency(text: string): boolean {
    if (text.includes("[")) text = text.replace(LOG_TIME, "");
    const match = LATENCY.exec(text);
    if (match === null) return false;
    const [whole, name, pid, cpu, flags, time, unit, event] = match;
    const bytes = ENCODER.encode(`${text}\n`);
    const lengthOf = (part: string) => ENCODER.encode(part).length;
    this.#bytes = bytes;
    [this.#start, this.#end] = [0, bytes.length - 1];
    this.#taskEnd = lengthOf(whole.slice(0, whole.indexOf(name!) + name!.length));
    const timeAt = whole.indexOf(time!, whole.indexOf(flags!));
    this.#timeStart = lengthOf(whole.slice(0, timeAt));
    this.#timeEnd = this.#timeStart + time!.length;
    this.contextCode = flags!.charCodeAt(CONTEXT_FLAG);
    this.pid = Number(pid);
    this.cpu = Number(cpu);
    this.seconds = Number(time) * (unit === "us" ? US_SECONDS : 1);
    const nameBytes = ENCODER.encode(event!);
    this.name = this.#names.of(nameBytes, 0, nameBytes.length);
    this.#take(bytes, lengthOf(whole), this.#end);
    return true;
  }

  #readBehindCpu(bytes: Uint8Array, from: number, end: number): boolean {
    let at = skipBlanks(bytes, from);
    if (at === from) return false;
    let contextCode = SPACE;
    if (!isDigit(bytes[at]!)) {
      const flagsEnd = wordEnd(bytes, at, end);
      const length = flagsEnd - at;
      if (length < 4 || length > 8) return false;
      contextCode = bytes[at + CONTEXT_FLAG]!;
      at = skipBlanks(bytes, flagsEnd);
    }
    const point = digitsEnd(bytes, at);
    if (point === at) return false;
    const isTicks = bytes[point] !== POINT;
    const timeEnd = isTicks ? point : digitsEnd(bytes, point + 1);
    if (bytes[timeEnd] !== COLON) return false;
    const timeStart = at;
    at = behindNumbers(bytes, skipBlanks(bytes, timeEnd + 1), end);
    let nameEnd = nameEndOf(bytes, at);
    if (nameEnd === at || bytes[nameEnd] !== COLON) return false;
    // perf prints the system before the event.
    const second = nameEndOf(bytes, nameEnd + 1);
    if (second > nameEnd + 1 && bytes[second] === COLON) {
      at = nameEnd + 1;
      nameEnd = second;
    }
    this.contextCode = contextCode;
    this.#timeStart = timeStart;
    this.#timeEnd = timeEnd;
    this.seconds = isTicks
      ? Number(this.time) * TICK_SECONDS
      : decimalAt(bytes, timeStart, point, timeEnd);
    this.name = this.#names.of(bytes, at, nameEnd);
    this.#take(bytes, skipBlanks(bytes, nameEnd + 1), end);
    return true;
  }

  #take(bytes: Uint8Array, start: number, end: number): void {
    const { fields } = this;
    fields.set(bytes, start, bytes[end - 1] === SPACE ? blanksBefore(bytes, start, end) : end);
    if (bytes[start] !== OPEN || !fields.startsWith(FAILED_TO_PARSE)) return;
    this.wasRaw = true;
    const text = kernelPayload(this.event, fields.text);
    if (text !== null) fields.setText(text);
  }
}

/** Offset of the pid's end, before the CPU: `name-12 [`, `name-12 ( 34) [`; -1 without a pid. */
function pidEndOf(bytes: Uint8Array, start: number, open: number): number {
  const end = blanksBefore(bytes, start, open);
  if (bytes[end - 1] !== CLOSE_GROUP) return end;
  let group = end - 1;
  while (group >= start && bytes[group] !== OPEN_GROUP) group--;
  return group < start ? -1 : blanksBefore(bytes, start, group);
}

/**
 * Offset of the pid that ends at `end`. A dash precedes the pid, or in perf's output a blank. -1 if
 * there is no pid.
 */
function pidStartOf(bytes: Uint8Array, lineStart: number, end: number): number {
  let start = end;
  while (start > lineStart && isDigit(bytes[start - 1]!)) start--;
  if (start === end || start === lineStart) return -1;
  const code = bytes[start - 1]!;
  // perf prints `pid/tid`.
  if (code === SLASH && start - 2 >= lineStart && isDigit(bytes[start - 2]!)) {
    const outer = pidStartOf(bytes, lineStart, start - 1);
    return outer >= 0 && bytes[outer - 1] !== DASH ? start : -1;
  }
  return code === DASH || isBlank(code) ? start : -1;
}

/**
 * Offset after perf's period (`1 `), or after the time since the previous line, which trace-cmd
 * prints (`(+12) `).
 */
function behindNumbers(bytes: Uint8Array, from: number, lineEnd: number): number {
  const isGroup = bytes[from] === OPEN_GROUP;
  if (!isGroup && !isDigit(bytes[from]!)) return from;
  const end = isGroup ? groupEnd(bytes, from, lineEnd) : digitsEnd(bytes, from);
  const next = skipBlanks(bytes, end);
  return next > end && end > from ? next : from;
}

/** Offset after the parenthesis that closes a group; `from` if none does. */
function groupEnd(bytes: Uint8Array, from: number, lineEnd: number): number {
  for (let at = from; at < lineEnd; at++) if (bytes[at] === CLOSE_GROUP) return at + 1;
  return from;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** Offset of the first of the blanks before `from`. */
function blanksBefore(bytes: Uint8Array, start: number, from: number): number {
  let at = from;
  while (at > start && isBlank(bytes[at - 1]!)) at--;
  return at;
}

function numberAt(bytes: Uint8Array, from: number): number {
  let value = 0;
  for (let at = from; isDigit(bytes[at]!); at++) value = value * 10 + bytes[at]! - ZERO;
  return value;
}

const MAX_EXACT_DIGITS = 15;
const POWERS_OF_TEN = Float64Array.from(
  { length: MAX_EXACT_DIGITS + 1 },
  (_, power) => 10 ** power,
);

/**
 * The value that `Number` would return for these digits with a point. It is computed as the
 * quotient of two exact integers, because this division rounds in the same way as `Number`.
 */
function decimalAt(bytes: Uint8Array, from: number, point: number, end: number): number {
  if (end - from - 1 > MAX_EXACT_DIGITS) return Number(DECODER.decode(bytes.subarray(from, end)));
  const power = POWERS_OF_TEN[end - point - 1]!;
  return (numberAt(bytes, from) * power + numberAt(bytes, point + 1)) / power;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function digitsEnd(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isDigit(bytes[at]!)) at++;
  return at;
}

function skipBlanks(bytes: Uint8Array, from: number): number {
  let at = from;
  while (isBlank(bytes[at]!)) at++;
  return at;
}

function wordEnd(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && !isBlank(bytes[at]!)) at++;
  return at;
}

/** Whether each byte is a letter, digit or `_`. */
const IS_NAME = Uint8Array.from(
  { length: 256 },
  (_, code) => /^\w$/.test(String.fromCharCode(code)) ? 1 : 0,
);

/** Offset after letters, digits and `_`. */
function nameEndOf(bytes: Uint8Array, from: number): number {
  let at = from;
  while (IS_NAME[bytes[at]!] === 1) at++;
  return at;
}
