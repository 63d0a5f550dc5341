/**
 * A table of the formats in which a kernel's log may be captured, and the reader that applies the
 * table. For every format, the reader returns each message with its text and the time at which it
 * was printed.
 *
 * @see rules/traces.md T.56
 */

export interface LogTime {
  /**
   * Seconds by the log's own clock: since boot, since the log's first line, or since 1970. If the
   * log gives no year, the seconds are since 1970 with an assumed year.
   */
  readonly seconds: number;
  /** The line was printed up to this many seconds after `seconds`. */
  readonly resolutionSeconds: number;
  /** Whether the time is by the kernel's own clock, which is close to the clocks of a trace. */
  readonly isSinceBoot: boolean;
  /**
   * The time as text for display, as the line has it; empty if the line has only the difference to
   * the line before.
   */
  readonly stamp: string;
}

/** A message of the kernel, independent of the format in which its log was captured. */
export interface LogMessage {
  readonly text: string;
  /** The line with the message's text, from 1. */
  readonly line: number;
  /** The line number that the message would have if each message had exactly one line. */
  readonly place: number;
  readonly time: LogTime | null;
  /** The boot's id in the journal, or null. */
  readonly bootId: string | null;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/** Used for dates without a year. A leap year, so that every date is valid. */
const SOME_YEAR = 2000;
/** Longest assumed uptime of a machine: a larger number is a time since 1970. */
const LONGEST_BOOT_SECONDS = 1e9;
const MINUTE_SECONDS = 60;
const MICRO = 1e-6;

/** The sum of the time differences up to a line, for a log in which lines have only differences. */
interface Sum {
  micros: number;
  /**
   * The first minute in the log; `resolutionSeconds`: the uncertainty of a time after this minute.
   */
  minute: number | null;
  resolutionSeconds: number;
}

/** A format of time stamps. */
interface TimeForm {
  /** The programs that print this format, in the words of `docs/traces.md`. */
  readonly names: readonly string[];
  readonly pattern: RegExp;
  readonly time: (match: RegExpExecArray, sum: Sum) => WrittenTime | null;
}

/** A parsed time. A null stamp means that the stamp is the matched text itself. */
type WrittenTime = Omit<LogTime, "stamp"> & { readonly stamp: string | null };

/** None of the patterns that begin with a bracket can match a text without this. */
const MAY_BE_BRACKETED = /\[(?:[ <+\-A-Z]|\d+\.)/;

/** The time of a line must be within this many first characters. */
const PREFIX_LENGTH = 96;

/**
 * Time formats, tried in this order; the first match counts. The kernel's own clock comes before
 * the clock of a log daemon.
 */
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
    // A difference may be negative: the clock may have stepped back.
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
        // The stamps of the two lines give only minutes. Therefore the smallest possible difference
        // is added.
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

const FORMS_WITHOUT_BRACKET = TIME_FORMS.filter(({ pattern }) => !pattern.source.startsWith("\\["));

/**
 * A form of a multi-line record that has the message in one of its fields. It consists of patterns
 * for the record's first line, its fields and its end.
 */
interface RecordForm {
  readonly names: readonly string[];
  readonly begins: RegExp;
  /** Matches a line with a field: the first group is the field's name, the second its value. */
  readonly field: RegExp;
  /** Matches a line that does not belong to the record. */
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

/**
 * A whole record on one line: json, json-sse, json-seq, and the output of containers and log
 * collectors.
 */
// deno-lint-ignore no-control-regex
export const JSON_LINE = /^(?:data: ?|[\x1e\u241e])?\s*(\{.*\}),?\s*$/;

/**
 * Names of the fields that have the message: in the journal, in dmesg, and in the output of
 * collectors (Loki, Splunk, LogDNA, OpenTelemetry, cloud consoles).
 */
const MESSAGE_FIELDS = [
  ...["MESSAGE", "msg", "message", "log", "line", "_raw", "_line", "textPayload", "body"],
];
/**
 * Names of the fields that contain a nested record with the message: Elasticsearch, Splunk, cloud
 * consoles.
 */
const RECORD_FIELDS = ["_source", "result", "jsonPayload", "fields"];

/**
 * Names of the fields that have the time of a message, and the unit of each in seconds. The kernel's own field is
 * first.
 */
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

/** The programs that print the formats of the tables. */
export const LOG_FORMS: readonly string[] = [...TIME_FORMS, ...RECORD_FORMS].flatMap(({ names }) =>
  names
);

/**
 * Terminal colour codes. They begin with an escape byte, or with the visible symbol for it. After a
 * paste, both may be missing.
 */
// deno-lint-ignore no-control-regex
export const COLOURS = /(?:\x1b|\u241b)\[[\d;]*[mK]|\[(?:0|1|2|4|3[0-7]|9[0-7])(?:;\d+)*m/g;
export const MAY_HAVE_COLOUR = /\[[\d;]*[mK]/;
export const KMSG =
  /^(?:\d+\.\d+[^,;]*,)?\d+,(\d+),\d+,[-c+](?:,[^;]*?(?:ncfrag=(\d+)\/(\d+))?[^;]*?)?;(.*)$/;
/** A line that follows a record of /dev/kmsg and names its device or subsystem. */
const KMSG_FIELD = /^ [A-Z_]+=\S*$/;
const ESCAPED = /\\x([0-9a-f]{2})/g;
/** Largest number of fields of one record that are kept. */
const MAX_FIELDS = 256;

interface OpenRecord {
  readonly form: RecordForm;
  readonly firstLine: number;
  readonly fields: Map<string, { readonly value: unknown; readonly line: number }>;
}

/** Extracts the messages of a log from its lines. */
export class LogForms {
  readonly #sum: Sum = { micros: 0, minute: null, resolutionSeconds: 0 };
  #record: OpenRecord | null = null;
  /** A message that netconsole sent in several parts, so far as received, with its sequence number. */
  #part: { readonly sequence: string; readonly message: Omit<LogMessage, "place"> } | null = null;
  #isKmsg = false;
  #line = 0;
  /** Number of lines read minus number of messages found. */
  #extra = 0;

  constructor(private readonly sink: (message: LogMessage) => void) {}

  /** The number that a line would have if each message had exactly one line. */
  placeOf(line: number): number {
    return line - this.#extra;
  }

  #give(message: Omit<LogMessage, "place">): void {
    this.#extra--;
    this.sink({ ...message, place: this.placeOf(this.#line) });
  }

  /** The first line of the record that is not complete yet; Infinity without one. */
  get openLine(): number {
    return Math.min(this.#record?.firstLine ?? Infinity, this.#part?.message.line ?? Infinity);
  }

  /**
   * Reads one line or message.
   *
   * @param lines The number of lines of the log into which the text was wrapped; 0 for a further
   *   message of the same line.
   */
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

  /** Ends the open records: no more lines follow. */
  end(): void {
    const record = this.#record;
    this.#record = null;
    if (record !== null) this.#report(record);
    const part = this.#part;
    this.#part = null;
    if (part !== null) this.#give(part.message);
  }

  /**
   * Continues a record with a line. A field's value may have several lines.
   * @returns Whether the line belongs to the record.
   */
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

  /** Reports the message of a record. @returns Whether the record has one. */
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
    const forms = MAY_BE_BRACKETED.test(text) ? TIME_FORMS : FORMS_WITHOUT_BRACKET;
    for (const { pattern, time } of forms) {
      const match = pattern.exec(text);
      const read = match === null ? null : time(match, this.#sum);
      if (read !== null) return { ...read, stamp: read.stamp ?? bare(match![0]) };
    }
    return null;
  }

  /**
   * Reads a record of /dev/kmsg. A long message may come in several parts, because netconsole
   * splits it; each part has the complete head.
   */
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

/**
 * The text of a message field. If a message is not plain text, the journal gives it as bytes. Repeated fields are
 * a list, of which the first element is used.
 */
function textOf(value: unknown): string | null {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return null;
  if (typeof value[0] === "string") return value[0];
  if (!value.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)) return null;
  return new TextDecoder().decode(Uint8Array.from(value));
}

/** Strips the brackets of a time stamp. */
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

/** Seconds since the beginning of 1970. @param month From 0. */
function secondsOf(
  year: number,
  month: number,
  day: number,
  time: readonly (string | undefined)[],
): number {
  // Years are counted from March on, so that the leap day is the last day of a year.
  const years = month < 2 ? year - 1 : year;
  const months = (month + 10) % 12;
  const leapDays = Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400);
  const days = years * 365 + leapDays + Math.floor((months * 153 + 2) / 5) + day - 719469;
  const [hours = 0, minutes = 0, seconds = 0] = time.map(Number);
  return ((days * 24 + hours) * 60 + minutes) * 60 + seconds;
}

/**
 * The time from its whole seconds and its fraction. A fraction with six digits is exact. A shorter
 * fraction was truncated.
 */
function timeOf(whole: number, fraction = ""): WrittenTime {
  const resolutionSeconds = fraction.length >= 6 ? 0 : 10 ** -fraction.length;
  const seconds = whole + Number(`0.${fraction}0`);
  return { seconds, resolutionSeconds, isSinceBoot: false, stamp: null };
}
