/**
 * Removes from a log line whatever a page, a mailer, a terminal or `grep` has added around it.
 *
 * | what is removed or put back | for example |
 * | --- | --- |
 * | entities of HTML | `&lt;3&gt;`, `&#39;`, `&nbsp;` |
 * | tags of HTML | `<br>`, `</p>`, `<code>`; `<3>` and `<idle>` are the kernel's |
 * | characters that a page or an editor substitutes | no-break spaces, curly quotes, zero-width spaces |
 * | a carriage return in front, of a serial console | |
 * | list markers, code marks of a wiki | `- `, `* `, `bq. `, a backtick or `**` at both ends |
 * | the file and the number that `grep` and `cat -n` print | `kern.log:17:` |
 * | the bracket of a time of which the begin is cut; the rest of a time alone | `0.974466] text` |
 */

/** Whether a line has any character that this file may replace. */
const MAY_BE_CHANGED =
  /[&<`\u00a0\u00ad\u2007\u2009\u200b-\u200d\u2018-\u201f\u202f\u2060\ufeff]|^[\r\u240d\s]*(?:(?:[-*•+#]|bq\.) |\*\*)|^[\r\u240d]|^[^\s[<]*\d+[:-]|^[\w./~+-]+:[[<A-Z]|^\s+\d+\s|^\s{0,8}[\d.]{3,13}\] /;

const NAMED: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
  nbsp: " ",
  lsquo: "'",
  rsquo: "'",
  ldquo: '"',
  rdquo: '"',
};
const ENTITY = /&(?:([a-z]{2,5})|#(\d{1,6})|#x([0-9a-f]{1,5}));/gi;
const TAG =
  /<\/?(?:a|b|blockquote|br|code|div|em|font|i|li|ol|p|pre|samp|span|strong|table|tbody|td|tr|tt|u|ul)(?:\s[^<>]*)?\/?>/gi;
const SPACES = /[\u00a0\u2007\u2009\u202f]/g;
const NO_WIDTH = /[\u00ad\u200b-\u200d\u2060\ufeff]/g;
const SINGLE_QUOTES = /[\u2018-\u201b]/g;
const DOUBLE_QUOTES = /[\u201c-\u201f]/g;

/**
 * Lookahead for a log's time stamp. A list marker is removed only in front of a time stamp, because
 * elsewhere it may be part of the message.
 */
const STAMP_AHEAD = String
  .raw`(?=(?:<\d>)?\[ *\d+\.\d{3,}|\[[A-Z][a-z]{2} |[A-Z][a-z]{2} +\d{1,2} \d\d:\d\d:\d\d|\d{4}-\d\d-\d\d[T ]\d\d:)`;
const LIST_SIGN = new RegExp(
  String.raw`^\s*(?:(?:[-*•+#]|bq\.) +|\*\*+ ?|\x60+)${STAMP_AHEAD}|^\s*\*\*+(?=\[)`,
);
const GREPPED = new RegExp(
  String.raw`^\s*(?:[\w./~+-]*[a-z~][\w./~+-]*[:-])?(?:\d+(?:[:-]|\s+))?${STAMP_AHEAD}`,
  "i",
);
/** A time without its opening bracket, in the first line of a paste; and what is left of one. */
const CUT_TIME = /^\s{0,8}(?=\d{1,6}\.\d{6}\] +\S)/;
/** Not in front of a second time in the line, where the line is split. */
const CUT_FRACTION = /^\.?\d{3,6}\] +(?=[A-Za-z])(?!.*\[ *\d+\.\d)/;
const CODE_END = /`+\s*$/;
const BOLD_END = /\*\*+\s*$/;

/**
 * The line as the kernel or its log daemon wrote it. If nothing was added around the line, the text
 * is returned unchanged.
 */
export function plainLine(text: string): string {
  if (!MAY_BE_CHANGED.test(text)) return text;
  let plain = text.replace(/^[\r\u240d]+/, "");
  if (plain.includes("&")) plain = plain.replace(ENTITY, entityText);
  if (plain.includes("<")) plain = plain.replace(TAG, "");
  plain = plain.replace(NO_WIDTH, "").replace(SPACES, " ")
    .replace(SINGLE_QUOTES, "'").replace(DOUBLE_QUOTES, '"');
  if (CUT_TIME.test(plain)) return plain.replace(CUT_TIME, "[");
  plain = plain.replace(CUT_FRACTION, "");
  const before = LIST_SIGN.exec(plain)?.[0] ?? GREPPED.exec(plain)?.[0] ?? "";
  if (before.trim() === "") return plain;
  const rest = plain.slice(before.length);
  if (before.includes("**")) return rest.replace(BOLD_END, "");
  return before.includes("`") ? rest.replace(CODE_END, "") : rest;
}

function entityText(whole: string, name?: string, decimal?: string, hex?: string): string {
  if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole;
  const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
  // Control characters and invalid code points are not decoded: control characters would be
  // printed.
  return code < 32 || code > 0x10ffff ? whole : String.fromCodePoint(code);
}

/** The text before a message: times, priorities, the calling task, the host, the daemon's name. */
const BEFORE_MESSAGE = new RegExp(
  `^(?:\\s*(?:${
    [
      String.raw`<\d+>(?:1 )?`,
      String.raw`[a-z]+\d? *:[a-z]+ *: `,
      String.raw`\[[ <]*[+-]?\d+\.\d+[^\]]*\]`,
      String.raw`\[ *[TC] *\d+\]`,
      String.raw`\(\d\)\[\d+:[^\]]+\]`,
      String.raw`\[[A-Z][a-z]{2} [^\]]{5,40}\]`,
      // A day's name may be in another language, too: `[Do Dez 11 21:06:22 2025]`.
      String.raw`\[[A-Za-z\u00c0-\u017f]{2,4}\.? [^\]]{0,12}\d\d:\d\d:\d\d[^\]]{0,8}\]`,
      String
        .raw`\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?(?:Z|UTC|[+-]\d\d:?\d\d))?\]?(?!\S)`,
      String.raw`\[\d{4}[/-]\d\d[/-]\d\d[- T]\d\d:\d\d:\d\d[^\]]{0,16}\]`,
      String.raw`\d{4}-\d\d-\d\d(?!\S)`,
      // VPP and programs in Go: the date with slashes; VPP adds a level and a part of the program.
      String
        .raw`\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:[:.,]\d{3,6})?(?: +(?:emerg|alert|crit|error|warn|notice|info|debug) +[\w/-]+(?= ))?(?!\S)`,
      // A month's name may be in another language: `Mär`, `set`, `janv.`.
      String
        .raw`(?:[A-Za-z\u00c0-\u017f\u0400-\u04ff]{3,5}\.?|\d{1,2} ?[\u6708\uc6d4]) +\d{1,2} \d\d:\d\d:\d\d(?:[.,]\d+)?(?: \d{4})?(?!\S)`,
      String.raw`\d{9,11}\.\d+(?!\S)`,
      // A time of day, but not a PCI function such as `00:1f:00.0`.
      String.raw`\d\d:\d\d:\d\d(?:[.,]\d{3,6})?(?!\S)`,
      String.raw`\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\d+ +\d+ [VDIWEF](?= )`,
      String.raw`[^\s:]+ (?:[a-z0-9]+\.[a-z]+ )?kernel(?:\[\d+\])?:`,
      // The library glog: level, date, time and thread; the file is a part of the message.
      String.raw`["\x60]?[IWEF](?:\d{4}){1,2} \d\d:\d\d:\d\d\.\d+ +\d+`,
      String.raw`kernel:`,
      String.raw`(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?= [A-Z][a-z]{2} |  ?\d{4}-)`,
    ].join("|")
  }))+\\s*`,
);

/**
 * The prefix of a collector: of Talos the machine, the facility, the priority and the time; of Android the buffer,
 * the priority and the name KERNEL; of Zephyr the time and the level.
 */
const OF_COLLECTOR =
  /^(?:\d{1,3}(?:\.\d{1,3}){3}: (?:kern|user|daemon): +[a-z]+: \[\d{4}-[\dT:.Z-]+\]:\s*|[A-Z] [VDIWEF] KERNEL +: *|\[\d\d:\d\d:\d\d\.[\d,]+\] <(?:err|wrn|inf|dbg)> )/;
const FIRST_OF_COLLECTOR = /^(?:\d{1,3}\.|[A-Z] |\[\d\d:)/;

/** The message of a line, without the time, host and daemon in front of it. */
export function messageText(line: string): string {
  const collector = FIRST_OF_COLLECTOR.test(line) ? OF_COLLECTOR.exec(line)?.[0] : undefined;
  if (collector !== undefined) return line.slice(collector.length);
  const before = BEFORE_MESSAGE.exec(line)?.[0];
  return before === undefined ? line : line.slice(before.length);
}
