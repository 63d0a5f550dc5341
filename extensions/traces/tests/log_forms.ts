/**
 * Prints a kernel log in the form of each program that captures logs. The code is independent of
 * the reader that is tested.
 */

/** The time of boot: the 28th of February at 23:59 of a leap year. */
const BOOT_MICROS = Date.UTC(2024, 1, 28, 23, 59, 50) * 1000;
const HOST = "host kernel: ";
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTHS = ["Jan", "Feb", "Mar"];
const ESC = "\x1b";

interface Message {
  readonly text: string;
  readonly index: number;
  readonly date: Date;
  /** Microseconds since the start of the date's second. */
  readonly micros: string;
  readonly bootMicros: number;
  /** Seconds since boot. */
  readonly seconds: number;
  /** Seconds since the line before. */
  readonly delta: number;
}

const clockOf = (date: Date) => date.toISOString().slice(11, 19);
const dayOf = (date: Date) =>
  `${MONTHS[date.getUTCMonth()]} ${String(date.getUTCDate()).padStart(2)}`;
const isoOf = (date: Date) => date.toISOString().slice(0, 19);
const fullOf = (date: Date) =>
  `${DAYS[date.getUTCDay()]} ${date.toISOString().slice(0, 10)} ${clockOf(date)}`;
const bootOf = ({ seconds }: Message) => seconds.toFixed(6).padStart(12);
const realMicros = ({ bootMicros }: Message) => String(BOOT_MICROS + bootMicros);
const deltaOf = ({ delta }: Message) => delta.toFixed(6).padStart(12);

/** The fields of a record of the journal. */
const journal = (message: Message) => ({
  __CURSOR: `s=1f;i=${message.index.toString(16)}`,
  __REALTIME_TIMESTAMP: realMicros(message),
  // The daemon reads a message some time after it was printed.
  __MONOTONIC_TIMESTAMP: String(message.bootMicros + 731_000),
  PRIORITY: "3",
  _TRANSPORT: "kernel",
  SYSLOG_IDENTIFIER: "kernel",
  MESSAGE: message.text,
  _SOURCE_MONOTONIC_TIMESTAMP: String(message.bootMicros),
});

/** Prints the lines of one message; one of these lines contains the message's text. */
type Form = (message: Message) => readonly string[];

const one = (line: (message: Message) => string): Form => (message) => [line(message)];

const fields = (indent: string, without: readonly string[] = []) => (message: Message) =>
  Object.entries(journal(message)).flatMap(([name, value]) =>
    without.includes(name) ? [] : [`${indent}${name}=${value}`]
  );

const kmsgText = (text: string) =>
  // deno-lint-ignore no-control-regex
  text.replace(/[\x00-\x1f\\]/g, (letter) =>
    `\\x${letter.charCodeAt(0).toString(16).padStart(2, "0")}`);
const kmsg = ({ bootMicros, index, text }: Message) =>
  `3,${index},${bootMicros},-;${kmsgText(text)}`;

/**
 * Forms that keep the microseconds of the kernel's own clock. The findings must be equal to those
 * of the log in its original form.
 */
export const SAME: Readonly<Record<string, Form>> = {
  "dmesg": one((each) => `[${bootOf(each)}] ${each.text}`),
  "dmesg --raw": one((each) => `<3>[${bootOf(each)}] ${each.text}`),
  "dmesg --decode": one((each) => `kern  :err   : [${bootOf(each)}] ${each.text}`),
  "dmesg --show-delta": one((each) => `[${bootOf(each)} <${deltaOf(each)}>] ${each.text}`),
  "dmesg --color=always": one((each) =>
    `${ESC}[32m[${bootOf(each)}] ${ESC}[0m${ESC}[33m${each.text}${ESC}[0m`
  ),
  "dmesg --color, pasted without escapes": one((each) =>
    `[32m[${bootOf(each)}] [0m[33m${each.text}[0m`
  ),
  "dmesg --color, as a page shows it": one((each) => `␛[32m[${bootOf(each)}] ␛[0m${each.text}␛[0m`),
  "dmesg --json": ({ bootMicros, index, text }) =>
    [
      index === 0 ? '   "dmesg": [\n      {' : "      },{",
      '         "pri": 3,',
      `         "time": ${(bootMicros / 1e6).toFixed(6).padStart(12)},`,
      `         "msg": ${JSON.stringify(text)}`,
    ].join("\n").split("\n"),
  "dmesg --json, with the braces of another release": ({ bootMicros, text }) => [
    "      {",
    '         "fac": "kern",',
    '         "pri": "err",',
    `         "time":${(bootMicros / 1e6).toFixed(6).padStart(13)},`,
    `         "msg":${JSON.stringify(text)}`,
    "      },",
  ],
  "printk with the caller": one((each) => `[${bootOf(each)}][  T1234] ${each.text}`),
  "/dev/kmsg": (message) => [
    kmsg(message),
    " SUBSYSTEM=pci",
    " DEVICE=+pci:0000:00:05.0",
  ],
  "/dev/kmsg with the caller": one(({ bootMicros, index, text }) =>
    `3,${index},${bootMicros},-,caller=T666;${kmsgText(text)}`
  ),
  "extended netconsole": one(kmsg),
  "extended netconsole with the release": one((each) => `7.2.13,${kmsg(each)}`),
  "extended netconsole in parts": ({ bootMicros, index, text }) => {
    const whole = kmsgText(text);
    const middle = Math.ceil(whole.length / 2);
    const part = (from: number, to: number) =>
      `3,${index},${bootMicros},-,ncfrag=${from}/${whole.length};${whole.slice(from, to)}`;
    return [part(0, middle), part(middle, whole.length)];
  },
  "netconsole": one((each) => `[${bootOf(each)}] ${each.text}`),
  "journalctl -o short-monotonic": one((each) => `[${bootOf(each)}] ${HOST}${each.text}`),
  "journalctl -o short-delta": one((each) =>
    `[${bootOf(each)} ${
      each.index === 0 ? " ".repeat(16) : `<${deltaOf(each)} >`
    }] ${HOST}${each.text}`
  ),
  "journalctl -o verbose": (each) => [
    `${fullOf(each.date)}.${each.micros} UTC [s=1f;i=${each.index};b=2;m=3;t=4;x=5]`,
    ...fields("    ", [
      "__CURSOR",
      "__REALTIME_TIMESTAMP",
      "__MONOTONIC_TIMESTAMP",
    ])(each),
  ],
  "journalctl -o export": (each) => [...fields("")(each), ""],
  "journalctl -o json": one((each) => JSON.stringify(journal(each))),
  "journalctl -o json, messages as bytes": one((each) =>
    JSON.stringify({ ...journal(each), MESSAGE: [...new TextEncoder().encode(each.text)] })
  ),
  "journalctl -o json-pretty": (each) => [
    "{",
    ...Object.entries(journal(each)).map(([name, value], index, all) =>
      `\t"${name}" : ${JSON.stringify(value)}${index + 1 < all.length ? "," : ""}`
    ),
    "}",
  ],
  "journalctl -o json-sse": (each) => [`data: ${JSON.stringify(journal(each))}`, ""],
  "journalctl -o json-seq": one((each) => `\x1e${JSON.stringify(journal(each))}`),
  "syslog with the kernel's clock": one((each) =>
    `${dayOf(each.date)} ${clockOf(each.date)} ${HOST}[${bootOf(each)}] ${each.text}`
  ),
  "syslog with its priority": one((each) =>
    `<3>${dayOf(each.date)} ${clockOf(each.date)} ${HOST}[${bootOf(each)}] ${each.text}`
  ),
  "rsyslog with ISO times and the kernel's clock": one((each) =>
    `${isoOf(each.date)}.${each.micros}+00:00 ${HOST}[${bootOf(each)}] ${each.text}`
  ),
  "a serial console with times of its program": one((each) =>
    `[${isoOf(each.date).replace("T", " ")}] [${bootOf(each)}] ${each.text}`
  ),
  "quoted in a mail": one((each) => `> [${bootOf(each)}] ${each.text}`),
  "quoted twice": one((each) => `> > [${bootOf(each)}] ${each.text}`),
  "indented": one((each) => `    [${bootOf(each)}] ${each.text}`),
  "with CRLF": one((each) => `[${bootOf(each)}] ${each.text}\r`),
  "a container's log as JSON": one((each) =>
    JSON.stringify({ log: `[${bootOf(each)}] ${each.text}\n`, stream: "stdout" })
  ),
  "kubectl's times before the kernel's": one((each) =>
    `${isoOf(each.date)}.${each.micros}000Z [${bootOf(each)}] ${each.text}`
  ),
};

/** Forms with exact times by another clock: wall-clock time, or time since the first line. */
export const OTHER_ZERO: Readonly<Record<string, Form>> = {
  "dmesg --reltime": one((each) =>
    each.index === 0
      ? `[${dayOf(each.date)} ${clockOf(each.date).slice(0, 5)}] ${each.text}`
      : `[${`${each.delta < 0 ? "" : "+"}${each.delta.toFixed(6)}`.padStart(12)}] ${each.text}`
  ),
  "dmesg --time-format delta": one((each) => `[<${deltaOf(each)}>] ${each.text}`),
  "dmesg -T --show-delta": one((each) =>
    `[${DAYS[each.date.getUTCDay()]} ${dayOf(each.date)} ${
      clockOf(each.date)
    } ${each.date.getUTCFullYear()} <${deltaOf(each)}>] ${each.text}`
  ),
  "dmesg --time-format iso": one((each) => `${isoOf(each.date)},${each.micros}+00:00 ${each.text}`),
  "journalctl -o short-precise": one((each) =>
    `${dayOf(each.date)} ${clockOf(each.date)}.${each.micros} ${HOST}${each.text}`
  ),
  "journalctl -o short-iso-precise": one((each) =>
    `${isoOf(each.date)}.${each.micros}+00:00 ${HOST}${each.text}`
  ),
  "journalctl -o short-unix": one((each) =>
    `${Math.floor(each.date.getTime() / 1000)}.${each.micros} ${HOST}${each.text}`
  ),
  "journalctl -o json, without the kernel's time": one((each) =>
    JSON.stringify({
      MESSAGE: each.text,
      __REALTIME_TIMESTAMP: realMicros(each),
    })
  ),
  "syslog of RFC 5424": one((each) =>
    `<3>1 ${isoOf(each.date)}.${each.micros}Z host kernel - - - ${each.text}`
  ),
  "a collector's JSON": one((each) =>
    JSON.stringify({
      "@timestamp": `${isoOf(each.date)}.${each.micros}Z`,
      message: each.text,
    })
  ),
};

/** Forms with whole seconds, or without times. */
export const COARSE: Readonly<Record<string, Form>> = {
  "dmesg -T": one((each) =>
    `[${DAYS[each.date.getUTCDay()]} ${dayOf(each.date)} ${
      clockOf(each.date)
    } ${each.date.getUTCFullYear()}] ${each.text}`
  ),
  "journalctl": one((each) => `${dayOf(each.date)} ${clockOf(each.date)} ${HOST}${each.text}`),
  "journalctl -o short-iso": one((each) => `${isoOf(each.date)}+0000 ${HOST}${each.text}`),
  "journalctl -o short-full": one((each) => `${fullOf(each.date)} UTC ${HOST}${each.text}`),
  "journalctl -o with-unit": one((each) => `${fullOf(each.date)} UTC ${HOST}${each.text}`),
  "journalctl -o cat": one(({ text }) => text),
  "dmesg --notime": one(({ text }) => text),
};

/**
 * Converts a log into a form.
 * @returns The converted lines, and for each of them the number of its original line.
 */
export function inForm(log: string, form: Form) {
  let last = 0;
  let index = 0;
  const lines: string[] = [];
  const origins = new Map<number, number>();
  log.split("\n").forEach((line, at) => {
    const match = /^\[ *(\d+\.\d+)\] (.*)$/.exec(line);
    if (match === null) return;
    const seconds = Number(match[1]);
    const bootMicros = Math.round(seconds * 1e6);
    const micros = BOOT_MICROS + bootMicros;
    const date = new Date(Math.floor(micros / 1e6) * 1000);
    const message = {
      text: match[2]!,
      index: index++,
      date,
      micros: String(micros % 1e6).padStart(6, "0"),
      bootMicros,
      seconds,
      delta: seconds - last,
    };
    last = seconds;
    for (const each of form(message)) {
      lines.push(each);
      origins.set(lines.length, at + 1);
    }
  });
  return { lines, origins };
}
