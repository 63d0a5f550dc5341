/**
 * One line of a trace, in any of the three dialects: kernel text, `trace-cmd report`, `perf script`.
 *
 * @see rules/traces.md T.1 to T.14
 */
import { kernelPayload } from "./failed_to_parse.ts";

export type LineKind =
  /** A line of an event. */
  | "event"
  /** `CPU:1 [LOST 805 EVENTS]`. */
  | "lost"
  /** `##### CPU 1 buffer started ####`. */
  | "started"
  /** A header line. */
  | "header"
  /** ` => symbol`. */
  | "stack"
  | "blank"
  /** Nothing of a trace. */
  | "other";

const SPACE = 0x20;
const TAB = 0x09;
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
/** The character of the flags that says what kind of context wrote the line. */
const CONTEXT_FLAG = 2;

/**
 * Assumed length of a tick of the clocks `counter` and `x86-tsc`. A trace does not record it; a short
 * one keeps the time limits of this reader from taking neighbouring lines for distant ones.
 *
 * @see rules/traces.md T.5
 */
const TICK_SECONDS = 1e-9;

const US_SECONDS = 1e-6;
/** Of the kernel's log, which a crash prints its trace into. */
const LOG_TIME = /^[>\s]*(?:<\d+>)?\[ *\d+\.\d+\](?: *\[[^\]]*\])? /;
/** With the option latency-format, in a crash's dump, and from trace-cmd report -l. */
const LATENCY =
  /^ *(\S.{0,15}?)-(\d+) +(\d{1,4})([.dDX][.\w]{3,5}) +(\d+(?:\.\d+)?)(us)?[ !+#*@$]?: +(?:\w+:)?([a-z]\w*): */;

const LOST = /CPU:\s*(\d+) \[LOST(?: (\d+))? EVENTS\]/;
const STARTED = /^#+ CPU (\d+) buffer started/;
const WRITTEN = /entries-in-buffer\/entries-written:\s*(\d+)\/(\d+)/;

/** Names of one length that are remembered: a trace has few, damage any number. */
const MAX_NAMES = 16;
const MAX_NAME_LENGTH = 64;

/** Reads lines one after the other into its own fields: nothing is made for a line but its texts. */
export class TraceLine {
  kind: LineKind = "blank";
  cpu = -1;
  pid = -1;
  /** What the line was written in: `.` a task, `h`, `s`, `H` … an interrupt; blank when unknown. */
  context = " ";
  /** By the trace's clock: seconds, or of a clock without a point what its ticks are at most. */
  seconds = 0;
  /** Name of the event without its system. */
  event = "";
  payload = "";
  /** The user-space library could not format it, and its fields were put together here. */
  wasRaw = false;
  /** Of a gap: how many events were lost, or null. */
  lost: number | null = null;
  /** Of the first header line: entries still in the buffer, and entries ever written. */
  inBuffer = 0;
  written = 0;
  #text = "";
  #nameEnd = 0;
  #timeStart = 0;
  #timeEnd = 0;
  /** Names of events by their lengths. */
  readonly #names: string[][] = [];

  /** Name of the task, as printed. */
  get task(): string {
    return this.#text.slice(0, this.#nameEnd).trim();
  }

  get time(): string {
    return this.#text.slice(this.#timeStart, this.#timeEnd);
  }

  /** Reads one line. @returns Its kind, which `kind` keeps. */
  read(text: string): LineKind {
    this.#text = text;
    this.wasRaw = false;
    if (text === "") return this.kind = "blank";
    if (this.#readEvent(text) || this.#readLatency(text)) return this.kind = "event";
    const trimmed = text.trim();
    if (trimmed === "") return this.kind = "blank";
    if (trimmed.includes("[LOST")) {
      const lost = LOST.exec(trimmed);
      if (lost !== null) {
        this.cpu = Number(lost[1]);
        this.lost = lost[2] === undefined ? null : Number(lost[2]);
        return this.kind = "lost";
      }
    }
    if (trimmed.charCodeAt(0) === HASH || trimmed.includes("# entries-in-buffer")) {
      const started = STARTED.exec(trimmed);
      if (started !== null) {
        this.cpu = Number(started[1]);
        return this.kind = "started";
      }
      const written = WRITTEN.exec(trimmed);
      this.inBuffer = written === null ? 0 : Number(written[1]);
      this.written = written === null ? 0 : Number(written[2]);
      return this.kind = "header";
    }
    return this.kind = trimmed.startsWith("=> ") ? "stack" : "other";
  }

  /** `TASK-PID [CPU] FLAGS SECONDS: EVENT: PAYLOAD`; the name may hold anything, brackets too. */
  #readEvent(text: string): boolean {
    for (let open = text.indexOf("["); open >= 0; open = text.indexOf("[", open + 1)) {
      const close = digitsEnd(text, open + 1);
      if (close === open + 1 || text.charCodeAt(close) !== CLOSE) continue;
      if (this.#readBehindCpu(text, close + 1)) {
        const pidEnd = pidEndOf(text, open);
        const pidStart = pidEnd < 0 ? -1 : pidStartOf(text, pidEnd);
        if (pidStart < 0) continue;
        this.cpu = numberAt(text, open + 1);
        this.pid = numberAt(text, pidStart);
        this.#nameEnd = pidStart - 1;
        return true;
      }
    }
    return false;
  }

  /** `TASK-PID CPU FLAGS TIME: EVENT: PAYLOAD`, the CPU and the flags in one word. */
  #readLatency(text: string): boolean {
    if (text.includes("[")) text = text.replace(LOG_TIME, "");
    const match = LATENCY.exec(text);
    if (match === null) return false;
    const [whole, name, pid, cpu, flags, time, unit, event] = match;
    this.#text = text;
    this.#nameEnd = whole.indexOf(name!) + name!.length;
    this.#timeStart = whole.indexOf(time!, whole.indexOf(flags!));
    this.#timeEnd = this.#timeStart + time!.length;
    this.context = flags![CONTEXT_FLAG] ?? " ";
    this.pid = Number(pid);
    this.cpu = Number(cpu);
    this.seconds = Number(time) * (unit === "us" ? US_SECONDS : 1);
    this.#take(text, event!, whole.length);
    return true;
  }

  #readBehindCpu(text: string, from: number): boolean {
    let at = skipBlanks(text, from);
    if (at === from) return false;
    this.context = " ";
    if (!isDigit(text.charCodeAt(at))) {
      const end = wordEnd(text, at);
      const length = end - at;
      if (length < 4 || length > 8) return false;
      this.context = text[at + CONTEXT_FLAG]!;
      at = skipBlanks(text, end);
    }
    const point = digitsEnd(text, at);
    if (point === at) return false;
    const isTicks = text.charCodeAt(point) !== POINT;
    const end = isTicks ? point : digitsEnd(text, point + 1);
    if (text.charCodeAt(end) !== COLON) return false;
    this.#timeStart = at;
    this.#timeEnd = end;
    const seconds = isTicks
      ? Number(text.slice(at, end)) * TICK_SECONDS
      : decimalAt(text, at, point, end);
    at = behindNumbers(text, skipBlanks(text, end + 1));
    let nameEnd = nameEndOf(text, at);
    if (nameEnd === at || text.charCodeAt(nameEnd) !== COLON) return false;
    // perf writes the system before the event.
    const second = nameEndOf(text, nameEnd + 1);
    if (second > nameEnd + 1 && text.charCodeAt(second) === COLON) {
      at = nameEnd + 1;
      nameEnd = second;
    }
    this.seconds = seconds;
    this.#take(text, this.#nameAt(text, at, nameEnd), skipBlanks(text, nameEnd + 1));
    return true;
  }

  /** The name of an event, the same string for each line of it: as a key it is hashed once. */
  #nameAt(text: string, from: number, end: number): string {
    const length = end - from;
    if (length > MAX_NAME_LENGTH) return text.slice(from, end);
    const known = this.#names[length] ??= [];
    for (const name of known) if (text.startsWith(name, from)) return name;
    const added = text.slice(from, end);
    if (known.length < MAX_NAMES) known.push(added);
    return added;
  }

  #take(text: string, event: string, from: number): void {
    this.event = event;
    this.payload = text.slice(from);
    if (this.payload.endsWith(" ")) this.payload = this.payload.trimEnd();
    if (this.payload.startsWith("[FAILED TO PARSE]")) {
      this.wasRaw = true;
      this.payload = kernelPayload(this.event, this.payload) ?? this.payload;
    }
  }
}

/** Where the pid ends before the CPU: `name-12 [`, `name-12  (   34) [`; -1 when there is none. */
function pidEndOf(text: string, open: number): number {
  let end = blanksBefore(text, open);
  if (text.charCodeAt(end - 1) === CLOSE_GROUP) {
    const group = text.lastIndexOf("(", end);
    if (group < 0) return -1;
    end = blanksBefore(text, group);
  }
  return end;
}

/** Where the digits before begin, behind a dash or, as perf has it, a blank; -1 when they do not. */
function pidStartOf(text: string, end: number): number {
  let start = end;
  while (start > 0 && isDigit(text.charCodeAt(start - 1))) start--;
  if (start === end || start === 0) return -1;
  const code = text.charCodeAt(start - 1);
  // perf's pid and tid.
  if (code === SLASH && isDigit(text.charCodeAt(start - 2))) {
    const outer = pidStartOf(text, start - 1);
    return outer >= 0 && text.charCodeAt(outer - 1) !== DASH ? start : -1;
  }
  return code === DASH || code === SPACE || code === TAB ? start : -1;
}

/** Behind perf's period, and trace-cmd's difference to the line before: `1 `, `(+12) `. */
function behindNumbers(text: string, from: number): number {
  const isGroup = text.charCodeAt(from) === OPEN_GROUP;
  if (!isGroup && !isDigit(text.charCodeAt(from))) return from;
  const end = isGroup ? text.indexOf(")", from) + 1 : digitsEnd(text, from);
  const next = skipBlanks(text, end);
  return next > end && end > from ? next : from;
}

function blanksBefore(text: string, from: number): number {
  let at = from;
  while (at > 0 && (text.charCodeAt(at - 1) === SPACE || text.charCodeAt(at - 1) === TAB)) at--;
  return at;
}

function numberAt(text: string, from: number): number {
  let value = 0;
  for (let at = from; isDigit(text.charCodeAt(at)); at++) {
    value = value * 10 + text.charCodeAt(at) - ZERO;
  }
  return value;
}

const MAX_EXACT_DIGITS = 15;

/** What Number makes of digits around a point: a quotient of two exact integers is rounded alike. */
function decimalAt(text: string, from: number, point: number, end: number): number {
  const digits = end - point - 1;
  if (end - from - 1 > MAX_EXACT_DIGITS) return Number(text.slice(from, end));
  return (numberAt(text, from) * 10 ** digits + numberAt(text, point + 1)) / 10 ** digits;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function digitsEnd(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at++;
  return at;
}

function skipBlanks(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === SPACE || text.charCodeAt(at) === TAB) at++;
  return at;
}

function wordEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) !== SPACE && text.charCodeAt(at) !== TAB) at++;
  return at;
}

/** Behind letters, digits and `_`. */
function nameEndOf(text: string, from: number): number {
  let at = from;
  while (true) {
    const code = text.charCodeAt(at);
    const isName = isDigit(code) || code >= 0x41 && code <= 0x5a || code === 0x5f ||
      code >= 0x61 && code <= 0x7a;
    if (!isName) return at;
    at++;
  }
}
