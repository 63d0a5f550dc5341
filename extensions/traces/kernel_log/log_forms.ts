/**
 * The forms in which a kernel's log is taken, each a row of one table, and the reader that walks it:
 * whatever the form, a message comes out with its text and the time at which it was printed.
 *
 * @see rules/traces.md T.56
 */

export interface LogTime {
  /** By the log's own clock: since boot, since the log's first line, or since 1970 or another year. */
  readonly seconds: number;
  /** The line was printed at most this much later. */
  readonly resolutionSeconds: number;
  /** By the kernel's own clock, which clocks of a trace are near to. */
  readonly isSinceBoot: boolean;
  /** For a reader: as the line has it; empty where it has only the difference to the line before. */
  readonly stamp: string;
}

/** A message of the kernel, without the form in which its log was taken. */
export interface LogMessage {
  readonly text: string;
  /** The line that has the text, from 1. */
  readonly line: number;
  /** The same where each message has one line. */
  readonly place: number;
  readonly time: LogTime | null;
  /** The boot, as the journal names it, or null. */
  readonly bootId: string | null;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Where the year is not written. A leap year: every day has a date. */
const SOME_YEAR = 2000;
/** No machine runs for longer: a larger number is a time since 1970. */
const LONGEST_BOOT_SECONDS = 1e9;
const MINUTE_SECONDS = 60;
const MICRO = 1e-6;

/** The sum of the times of a log, if its lines have only differences. */
interface Sum {
  micros: number;
  /** The first minute that was written, and how far a later one is uncertain. */
  minute: number | null;
  resolutionSeconds: number;
}

/** How the time of a line is written. */
interface TimeForm {
  /** What prints it so, in the words of `docs/traces.md`. */
  readonly names: readonly string[];
  readonly pattern: RegExp;
  readonly time: (match: RegExpExecArray, sum: Sum) => WrittenTime | null;
}

/** The stamp is null where it is the text that was matched. */
type WrittenTime = Omit<LogTime, "stamp"> & { readonly stamp: string | null };

/** Where the time of a line is sought. */
const PREFIX_LENGTH = 96;

/** The first that matches is the one: the kernel's own clock before that of a log daemon. */
const TIME_FORMS: readonly TimeForm[] = [
  {
    names: ["-T --show-delta"],
    pattern: /\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4} < *(\d+\.\d+)>\]/,
    time: ([, delta], sum) => summed(sum, Number(delta)),
  },
  {
    names: ["--time-format delta"],
    pattern: /\[< *(\d+\.\d+)>\]/,
    time: ([, delta], sum) => summed(sum, Number(delta)),
  },
  {
    names: ["dmesg --reltime"],
    pattern: /\[ *([+-])(\d+\.\d+)\]/,
    // The clock may have stepped back.
    time: ([, sign, delta], sum) => summed(sum, Number(delta) * (sign === "-" ? -1 : 1)),
  },
  {
    names: ["dmesg --reltime"],
    pattern: /\[([A-Z][a-z]{2}) ?(\d{1,2}) (\d\d):(\d\d)\]/,
    time: ([, month, day, hours, minutes], sum) => {
      const index = MONTHS.indexOf(month!);
      if (index < 0) return null;
      const minute = secondsOf(SOME_YEAR, index, Number(day), [hours, minutes]) / MINUTE_SECONDS;
      if (sum.minute === null) sum.minute = minute;
      else {
        // The two lines are in these minutes; where in them is not written.
        const least = (minute - sum.minute - 1) * MINUTE_SECONDS / MICRO;
        sum.micros = Math.max(sum.micros, least);
        sum.resolutionSeconds = 2 * MINUTE_SECONDS;
      }
      return summed(sum, 0);
    },
  },
  {
    names: ["--raw", "--decode", "--show-delta", "short-monotonic", "short-delta"],
    pattern: /\[ *(\d+\.\d+)(?: *<[^>]*>| +\.{0,3} *)?\]/,
    time: ([, seconds]) => sinceBoot(Number(seconds)),
  },
  {
    names: ["/dev/kmsg", "extended netconsole"],
    pattern: /^(?:\d+\.\d+[^,;]*,)?\d+,\d+,(\d+),[-c+][^;]*;/,
    time: ([, micros]) => sinceBoot(Number(micros) * MICRO),
  },
  {
    names: ["short-unix"],
    pattern: /^(\d{9,11})\.(\d+) /,
    time: ([, whole, fraction]) => timeOf(Number(whole), fraction),
  },
  {
    names: ["--time-format iso", "short-iso", "short-full", "RFC 5424"],
    pattern: /\b(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d+))?/,
    time: ([, year, month, day, hours, minutes, seconds, fraction]) =>
      timeOf(
        secondsOf(Number(year), Number(month) - 1, Number(day), [hours, minutes, seconds]),
        fraction,
      ),
  },
  {
    names: ["dmesg -T", "journalctl", "short-precise", "RFC 3164"],
    pattern: /\b([A-Z][a-z]{2}) +(\d{1,2}) (\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?: (\d{4})\])?/,
    time: ([, name, day, hours, minutes, seconds, fraction, year = SOME_YEAR]) => {
      const month = MONTHS.indexOf(name!);
      if (month < 0) return null;
      return timeOf(
        secondsOf(Number(year), month, Number(day), [hours, minutes, seconds]),
        fraction,
      );
    },
  },
];

/** How a record with its message in a separate field begins, goes on, and ends. */
interface RecordForm {
  readonly names: readonly string[];
  readonly begins: RegExp;
  /** Its first group is the field's name, its second the value. */
  readonly field: RegExp;
  /** A line that does not belong to the record. */
  readonly ends: RegExp;
  readonly value: (text: string) => unknown;
}

const RECORD_FORMS: readonly RecordForm[] = [
  {
    names: ["--json", "json-pretty"],
    begins: /^(?:data: ?)?[\s\]},]*\{\s*$/,
    field: /^\s*"([@\w]+)"\s*:\s*(.*?),?\s*$/,
    ends: /^\s*[\]}]|^[^\s"]/,
    value: parsedJson,
  },
  {
    names: ["verbose"],
    begins: /^[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\S* .*\[s=[0-9a-f]+;.*\]\s*$/,
    field: /^\s+([A-Z_][A-Z0-9_]*)=(.*)$/,
    ends: /^\S/,
    value: (text) => text,
  },
  {
    names: ["export"],
    begins: /^__CURSOR=/,
    field: /^([A-Z_][A-Z0-9_]*)=(.*)$/,
    ends: /^(?![A-Z_][A-Z0-9_]*=)/,
    value: (text) => text,
  },
];

/** A whole record on one line: json, json-sse, json-seq, and what containers and collectors write. */
// deno-lint-ignore no-control-regex
export const JSON_LINE = /^(?:data: ?|[\x1e\u241e])?\s*(\{.*\}),?\s*$/;

/**
 * Fields of the journal, of dmesg, and of the output of collectors: Loki, Splunk, LogDNA,
 * OpenTelemetry, cloud consoles.
 */
const MESSAGE_FIELDS = [
  ...["MESSAGE", "msg", "message", "log", "line", "_raw", "_line", "textPayload", "body"],
];
/** Fields with a record that has the message: Elasticsearch, Splunk, cloud consoles. */
const RECORD_FIELDS = ["_source", "result", "jsonPayload", "fields"];

/** Fields that say when a message was printed, and how many seconds one of their units is. The kernel's own first. */
const TIME_FIELDS: readonly (readonly [name: string, unitSeconds: number])[] = [
  ["_SOURCE_MONOTONIC_TIMESTAMP", MICRO],
  ["_SOURCE_BOOTTIME_TIMESTAMP", MICRO],
  ["__MONOTONIC_TIMESTAMP", MICRO],
  ["__REALTIME_TIMESTAMP", MICRO],
  ["time", 1],
  ["@timestamp", 1],
  ["timestamp", 1],
  ["ts", 1],
  ["_time", 1],
];

/** What prints a form, of all of the table. */
export const LOG_FORMS: readonly string[] = [...TIME_FORMS, ...RECORD_FORMS].flatMap(({ names }) =>
  names
);

/** The colours of a terminal, as bytes, as the pictures of them, or as a paste has left them. */
// deno-lint-ignore no-control-regex
export const COLOURS = /(?:\x1b|\u241b)\[[\d;]*[mK]|\[(?:0|1|2|4|3[0-7]|9[0-7])(?:;\d+)*m/g;
export const MAY_HAVE_COLOUR = /\[[\d;]*[mK]/;
export const KMSG =
  /^(?:\d+\.\d+[^,;]*,)?\d+,(\d+),\d+,[-c+](?:,[^;]*?(?:ncfrag=(\d+)\/(\d+))?[^;]*?)?;(.*)$/;
/** A line behind a record of /dev/kmsg that gives its subject. */
const KMSG_FIELD = /^ [A-Z_]+=\S*$/;
const ESCAPED = /\\x([0-9a-f]{2})/g;
/** Fields of one record, and parts of one message, that are kept. */
const MAX_FIELDS = 256;

interface OpenRecord {
  readonly form: RecordForm;
  readonly firstLine: number;
  readonly fields: Map<string, { readonly value: unknown; readonly line: number }>;
}

/** Messages of a log, out of its lines. */
export class LogForms {
  readonly #sum: Sum = { micros: 0, minute: null, resolutionSeconds: 0 };
  #record: OpenRecord | null = null;
  /** A message of netconsole in parts, by its sequence number. */
  #part: { readonly sequence: string; readonly message: Omit<LogMessage, "place"> } | null = null;
  #isKmsg = false;
  #line = 0;
  /** Lines so far beyond one for each message. */
  #extra = 0;

  constructor(private readonly sink: (message: LogMessage) => void) {}

  /** Where a line would be if each message had one. */
  placeOf(line: number): number {
    return line - this.#extra;
  }

  #give(message: Omit<LogMessage, "place">): void {
    this.#extra--;
    this.sink({ ...message, place: this.placeOf(this.#line) });
  }

  /** The first line of a record that is not whole yet; Infinity without one. */
  get openLine(): number {
    return Math.min(this.#record?.firstLine ?? Infinity, this.#part?.message.line ?? Infinity);
  }

  /** @param lines How many lines of the log it had; 0 for one more message of the same line. */
  push(shown: string, line: number, lines = 1): void {
    this.#line = line + Math.max(0, lines - 1);
    this.#extra += lines;
    const plain = MAY_HAVE_COLOUR.test(shown) ? shown.replace(COLOURS, "") : shown;
    const text = plain.endsWith("\r") ? plain.slice(0, -1) : plain;
    if (this.#record !== null && this.#goesOn(this.#record, text, line)) return;
    const form = RECORD_FORMS.find(({ begins }) => begins.test(text));
    if (form !== undefined) {
      this.end();
      this.#record = { form, firstLine: line, fields: new Map() };
      return;
    }
    const json = text.includes("{") ? JSON_LINE.exec(text)?.[1] : undefined;
    if (json !== undefined && this.#jsonLine(json, line)) return;
    if (this.#isKmsg && KMSG_FIELD.test(text)) return;
    const time = this.#timeOf(text);
    const kmsg = time === null ? null : KMSG.exec(text);
    this.#isKmsg = kmsg !== null;
    if (kmsg === null) this.#give({ text, line, time, bootId: null });
    else this.#kmsg(kmsg, line, time);
  }

  /** The open records are complete: no more lines come. */
  end(): void {
    const record = this.#record;
    this.#record = null;
    if (record !== null) this.#report(record);
    const part = this.#part;
    this.#part = null;
    if (part !== null) this.#give(part.message);
  }

  /** @returns Whether the line is one of the record, of a value that has several too. */
  #goesOn({ fields, form }: OpenRecord, text: string, line: number): boolean {
    if (form.begins.test(text) || form.ends.test(text)) {
      this.end();
      return false;
    }
    const field = form.field.exec(text);
    if (field !== null && fields.size < MAX_FIELDS) {
      fields.set(field[1]!, { value: form.value(field[2]!), line });
    }
    return true;
  }

  #jsonLine(json: string, line: number): boolean {
    const value = parsedJson(json);
    if (typeof value !== "object" || value === null) return false;
    const inner = RECORD_FIELDS.flatMap((name) => {
      const record = (value as Record<string, unknown>)[name];
      return typeof record === "object" && record !== null ? [record] : [];
    });
    const fields = [value, ...inner].flatMap((record) => Object.entries(record))
      .map(([name, value]) => [name, { value, line }] as const);
    this.end();
    return this.#report({ form: RECORD_FORMS[0]!, firstLine: line, fields: new Map(fields) });
  }

  /** @returns Whether it has a message. */
  #report({ fields }: OpenRecord): boolean {
    const message = MESSAGE_FIELDS.flatMap((name) => fields.get(name) ?? [])[0];
    const text = message === undefined ? null : textOf(message.value);
    if (text === null) return false;
    const own = TIME_FIELDS.flatMap(([name, unitSeconds]) => {
      const field = fields.get(name);
      return field === undefined ? [] : this.#fieldTime(field.value, unitSeconds) ?? [];
    })[0];
    const time = own ?? this.#timeOf(text);
    const id = fields.get("_BOOT_ID")?.value;
    const bootId = typeof id === "string" ? id : null;
    for (const part of text.split("\n")) {
      if (part !== "") this.#give({ text: part, line: message!.line, time, bootId });
    }
    return true;
  }

  #fieldTime(value: unknown, unitSeconds: number): LogTime | null {
    const isNumber = typeof value === "number" ||
      typeof value === "string" && /^\s*\d+(?:\.\d+)?$/.test(value);
    if (isNumber) {
      const seconds = Number(value) * unitSeconds;
      return seconds < LONGEST_BOOT_SECONDS ? sinceBoot(seconds) : {
        seconds,
        resolutionSeconds: 0,
        isSinceBoot: false,
        stamp: `${seconds.toFixed(6)} s since 1970`,
      };
    }
    return typeof value === "string" ? this.#timeOf(`[${value}] `) : null;
  }

  #timeOf(line: string): LogTime | null {
    const text = line.slice(0, PREFIX_LENGTH);
    for (const { pattern, time } of TIME_FORMS) {
      const match = pattern.exec(text);
      const read = match === null ? null : time(match, this.#sum);
      if (read !== null) return { ...read, stamp: read.stamp ?? bare(match![0]) };
    }
    return null;
  }

  /** Long messages come in parts, of which each has the whole head. */
  #kmsg([, sequence, from, , escaped]: RegExpExecArray, line: number, time: LogTime | null): void {
    const text = escaped!.replace(
      ESCAPED,
      (_, digits) => String.fromCharCode(parseInt(digits, 16)),
    );
    const part = this.#part;
    if (part !== null && part.sequence === sequence && from !== undefined) {
      const whole = { ...part.message, text: part.message.text + text };
      this.#part = { sequence, message: whole };
      return;
    }
    this.end();
    const message = { text, line, time, bootId: null };
    if (from === undefined) this.#give(message);
    else this.#part = { sequence: sequence!, message };
  }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A message, which the journal has as bytes where it is no plain text; of several fields of one name the first. */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return null;
  if (typeof value[0] === "string") return value[0];
  if (!value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)) return null;
  return new TextDecoder().decode(Uint8Array.from(value));
}

/** A time without the brackets around it. */
function bare(stamp: string): string {
  return stamp.replace(/^\[|\]$/g, "").trim();
}

function sinceBoot(seconds: number): LogTime {
  const stamp = `${seconds.toFixed(6)} s`;
  return { seconds, resolutionSeconds: 0, isSinceBoot: true, stamp };
}

function summed(sum: Sum, seconds: number): LogTime {
  sum.micros += Math.round(seconds / MICRO);
  const { micros, resolutionSeconds } = sum;
  return { seconds: micros * MICRO, resolutionSeconds, isSinceBoot: false, stamp: "" };
}

/** Since the beginning of 1970. @param month From 0. */
function secondsOf(
  year: number,
  month: number,
  day: number,
  time: readonly (string | undefined)[],
): number {
  // Years from March on: the leap day is the last.
  const years = month < 2 ? year - 1 : year;
  const months = (month + 10) % 12;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const days = years * 365 + leapDays + Math.floor((months * 153 + 2) / 5) + day - 719469;
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/** A fraction to the microsecond is exact; a coarser one was cut off. */
function timeOf(whole: number, fraction = ""): WrittenTime {
  const resolutionSeconds = fraction.length >= 6 ? 0 : 10 ** -fraction.length;
  const seconds = whole + Number(`0.${fraction}0`);
  return { seconds, resolutionSeconds, isSinceBoot: false, stamp: null };
}
