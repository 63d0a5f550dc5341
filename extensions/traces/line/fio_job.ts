/**
 * Parses jobs of fio as fio does.
 *
 * Measured with fio 3.33 and 3.41 (`ioengine=null`, `write_iolog=FILE`), which agree: `bs=128KiB` is 128,000 bytes and
 * `128Ki` is 131,072 bytes. With `kb_base=1000` the two values are swapped. Three sizes for reads, writes and trims
 * are written `8k,32k,4k`; a dash between sizes of `bs=` is a comma.
 *
 * @see rules/traces.md T.58
 */

import { maxOf, minOf } from "@dmalab/runtime/basics";

/**
 * Options that describe a job's use of memory and disk, by their names and aliases. Other options are reported as
 * not used.
 */
const OPTIONS: Readonly<Record<string, string>> = {
  rw: "rw",
  readwrite: "rw",
  bs: "bs",
  blocksize: "bs",
  bssplit: "bssplit",
  bsrange: "bsrange",
  blocksize_range: "bsrange",
  size: "size",
  offset: "offset",
  iodepth: "iodepth",
  numjobs: "numjobs",
  number_ios: "number_ios",
  rwmixread: "rwmixread",
  rwmixwrite: "rwmixwrite",
  kb_base: "kb_base",
};

/** The main name of an option that may be an alias; null for an unused option. */
export function fioOption(name: string): string | null {
  return Object.hasOwn(OPTIONS, name) ? OPTIONS[name]! : null;
}

/** The operation of a job's request; fio's trims are discards. */
export type FioVerb = "read" | "write" | "discard";

/**
 * Sizes of requests of one kind, in bytes. A size between `least` and `most` is a multiple of
 * `least`.
 */
export interface FioSizes {
  readonly leastBytes: number;
  readonly mostBytes: number;
  /** The only sizes, from `bssplit=`, each with its share in percent; null for other jobs. */
  readonly shares: readonly FioShare[] | null;
}

export interface FioShare {
  readonly bytes: number;
  readonly percent: number;
}

export interface FioJob {
  readonly verbs: readonly FioVerb[];
  /** Whether each range is discarded, then written. */
  readonly writesTrimmed: boolean;
  readonly random: boolean;
  /**
   * `holeBytes`: number of bytes skipped after each request, from `rw=read:4k`. `run`: number of sequential
   * requests after each random seek, from `rw=randread:8`.
   */
  readonly holeBytes: number;
  readonly run: number;
  readonly sizes: Readonly<Record<FioVerb, FioSizes>>;
  /** Null if the size is that of the job's file or disk. */
  readonly sizeBytes: number | null;
  readonly offsetBytes: number;
  readonly iodepth: number;
  readonly numjobs: number;
  /** Number of requests after which each job ends, or null. */
  readonly numberIos: number | null;
  /** Percentage of reads among reads and writes. */
  readonly readShare: number;
  /** Descriptions of how the interpretation differs from the job's text. */
  readonly guesses: readonly string[];
}

/** Directions of `rw=`. */
const DIRECTIONS: Readonly<Record<string, readonly FioVerb[]>> = {
  read: ["read"],
  write: ["write"],
  trim: ["discard"],
  rw: ["read", "write"],
  readwrite: ["read", "write"],
  trimwrite: ["discard", "write"],
  randread: ["read"],
  randwrite: ["write"],
  randtrim: ["discard"],
  randrw: ["read", "write"],
  randtrimwrite: ["discard", "write"],
};
const POWERS: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };
const DEFAULT_BYTES = 4096;
const KINDS = ["read", "write", "discard"] as const satisfies readonly FioVerb[];

/**
 * Engines that keep only one request in flight, whatever `iodepth` is. If a job names no engine, fio uses
 * psync.
 */
const SYNCHRONOUS: ReadonlySet<string> = new Set([
  "mmap",
  "psync",
  "pvsync",
  "pvsync2",
  "sync",
  "vsync",
]);

interface Size {
  readonly bytes: number;
  /** Whether the whole text was parsed as a size. */
  readonly whole: boolean;
}

/**
 * Parses a fio number, in bytes; null if the text does not begin with a number.
 * @param base The value of `kb_base`.
 */
function sizeOf(text: string, base: number): Size | null {
  const match = /^\s*(0x[0-9a-f]+|\d{1,15})([kmgtp])?(ib?|b)?(.*)$/i.exec(text);
  if (match === null) return null;
  const [, digits, letter, ending = "", rest = ""] = match;
  const power = POWERS[letter?.toLowerCase() ?? ""] ?? 0;
  // `KiB` uses the other base than `K`, `KB` and `Ki`.
  const isOther = power > 0 && ending.toLowerCase() === "ib";
  const unit = isOther ? (base === 1000 ? 1024 : 1000) : base;
  const isUnit = power > 0 || ending === "" || ending.toLowerCase() === "b";
  return { bytes: Number(digits) * unit ** power, whole: rest.trim() === "" && isUnit };
}

/**
 * Interprets the options of a job.
 *
 * @param options Values by the options' main names, in the order of the file; the options of
 *   `[global]` come first.
 * @param ignored Other options, which are reported as not used.
 */
export function readFioJob(
  options: ReadonlyMap<string, string>,
  ignored: ReadonlyMap<string, string>,
): FioJob {
  const guesses: string[] = [];
  const base = options.get("kb_base") === "1000" ? 1000 : 1024;
  /** Parses a size; notes a guess if the text is not entirely a size. */
  const size = (name: string, text: string | undefined, otherwise: number): number => {
    if (text === undefined || text === "") return otherwise;
    const found = sizeOf(text, base);
    const bytes = found?.bytes ?? otherwise;
    if (found?.whole !== true) {
      guesses.push(`"${name}=${options.get(name) ?? text}" is not understood: ${bytes} is taken`);
    }
    return bytes;
  };
  const count = (name: string, otherwise: number) =>
    Math.max(1, size(name, options.get(name), otherwise));
  // The last of the `rwmix` options counts.
  const mix = [...options.keys()].findLast((name) => name.startsWith("rwmix"));
  const share = mix === undefined ? 50 : Math.min(100, size(mix, options.get(mix), 50));

  const rw = options.get("rw") ?? "read";
  const [word = "", behind] = rw.split(":", 2);
  const random = word.startsWith("rand");
  const found = Object.hasOwn(DIRECTIONS, word) ? DIRECTIONS[word] : undefined;
  if (found === undefined) {
    guesses.push(`"rw=${rw}" is no direction of fio, which refuses the job: reads are taken`);
  }
  const step = behind === undefined ? 0 : size("rw", behind, 0);
  const sizes = sizesOf(options, size);
  const sizeText = options.get("size");
  const isPercent = (text: string | undefined) => text?.trim().endsWith("%") === true;
  if (isPercent(sizeText)) guesses.push(`"size=${sizeText}" is a share of an unknown size`);
  const offsetText = options.get("offset");
  if (isPercent(offsetText)) {
    guesses.push(`"offset=${offsetText}" is a share of an unknown size: 0`);
  }
  const iodepth = count("iodepth", 1);
  const engine = ignored.get("ioengine") ?? "psync";
  if (iodepth > 1 && SYNCHRONOUS.has(engine)) {
    guesses.push(
      `${iodepth} requests under way, as iodepth says; fio's engine ${engine} has one at a time`,
    );
  }
  if (ignored.size > 0) {
    const words = [...ignored].map(([name, value]) => value === "" ? name : `${name}=${value}`);
    guesses.push(`these options are not used: ${words.join(", ")}`);
  }
  return {
    verbs: found ?? ["read"],
    writesTrimmed: found?.[0] === "discard" && found.length === 2,
    random,
    holeBytes: random ? 0 : step,
    run: random ? Math.max(1, step) : 1,
    sizes,
    sizeBytes: sizeText === undefined || isPercent(sizeText) ? null : size("size", sizeText, 0),
    offsetBytes: isPercent(offsetText) ? 0 : size("offset", offsetText, 0),
    iodepth,
    numjobs: count("numjobs", 1),
    numberIos: options.has("number_ios") ? count("number_ios", 1) : null,
    readShare: mix === "rwmixwrite" ? 100 - share : share,
    guesses,
  };
}

type ReadSize = (name: string, text: string | undefined, otherwise: number) => number;

/**
 * Sizes for reads, writes and trims, from `bssplit=` or `bsrange=` if they are given, else from
 * `bs=`. An omitted size is equal to the size before it.
 */
function sizesOf(options: ReadonlyMap<string, string>, size: ReadSize): Record<FioVerb, FioSizes> {
  const name = ["bssplit", "bsrange"].find((each) => options.has(each)) ?? "bs";
  const given = (options.get(name) ?? "").split(name === "bs" ? /[,-]/ : ",");
  const sizes = {} as Record<FioVerb, FioSizes>;
  let before: FioSizes = { leastBytes: DEFAULT_BYTES, mostBytes: DEFAULT_BYTES, shares: null };
  for (const [index, kind] of KINDS.entries()) {
    const text = given[index];
    if (text !== undefined) {
      before = name === "bssplit" ? splitOf(text, size) : rangeOf(name, text, size);
    }
    sizes[kind] = before;
  }
  return sizes;
}

function rangeOf(name: string, text: string, size: ReadSize): FioSizes {
  const [least, most] = name === "bsrange" ? text.split("-", 2) : [text];
  const leastBytes = Math.max(1, size(name, least, DEFAULT_BYTES));
  const mostBytes = most === undefined ? leastBytes : size(name, most, leastBytes);
  return { leastBytes, mostBytes: Math.max(leastBytes, mostBytes), shares: null };
}

/**
 * Sizes with their shares: `4k/10:64k/90`. Sizes without a share divide what the others leave. If
 * the shares are less than 100, the last size has the rest.
 */
function splitOf(text: string, size: ReadSize): FioSizes {
  const parts = text.split(":").map((part) => {
    const [bytes, percent] = part.split("/", 2);
    const share = percent === undefined || percent.trim() === ""
      ? null
      : Number.parseInt(percent, 10);
    return { bytes: Math.max(1, size("bssplit", bytes, DEFAULT_BYTES)), share };
  });
  const said = parts.reduce((sum, { share }) => sum + (share ?? 0), 0);
  const open = parts.filter(({ share }) => share === null).length;
  const rest = Math.max(0, 100 - said);
  const shares = parts.map(({ bytes, share }, index) => ({
    bytes,
    percent: (share ?? Math.floor(rest / open)) +
      (open === 0 && index === parts.length - 1 ? rest : 0),
  }));
  const sizes = shares.filter(({ percent }) => percent > 0).map(({ bytes }) => bytes);
  const used = sizes.length === 0 ? shares.map(({ bytes }) => bytes) : sizes;
  return { leastBytes: minOf(used), mostBytes: maxOf(used), shares };
}
