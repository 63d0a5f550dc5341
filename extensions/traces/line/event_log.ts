/**
 * Converts the lines of all recorded files into one form of event. An event has its file and line,
 * its time by the file's own clock, and the fields of its line.
 *
 * @see rules/traces.md T.1, T.40 to T.43, T.57 to T.59
 */
import type { KernelLogEntry } from "../kernel_log/entry.ts";
import type { DmaEvent } from "./dma_event.ts";
import { fioOption } from "./fio_job.ts";
import { BLKPARSE, type LineOrigin, originOf, queueLimitOf } from "./line_source.ts";
import { readSetup } from "./nvme_event.ts";
import type { TraceLine } from "./trace_line.ts";

/** One event; further properties are the fields of its line. */
export interface LoggedEvent {
  readonly file: string;
  readonly line: number;
  readonly origin: LineOrigin;
  /** Time by the clock of the event's file, or null if the line has no time. */
  readonly seconds: number | null;
  readonly event: string;
  readonly [field: string]: unknown;
}

const QEMU_HEAD = /^(?:\d+@(\d+\.\d+):)?(\w+) ?(.*)$/;
/**
 * The bracket at the end of a line, after the range or in place of it. It contains the process, or
 * the error.
 */
const BLKPARSE_END = /\[(-?\w[^\]]*)\]/;
/** The device and sector from which a request was remapped. */
const BLKPARSE_SOURCE = /^ <- \((\d+,\d+)\) (\d+)/;
/** In place of a range: the size of a passthrough request, or the sector of a completion. */
const BLKPARSE_NUMBER = /^ (\d+) /;
/** An option of a fio job, or a switch without a value, with an optional comment. */
const FIO_OPTION = /^([a-z_][a-z_0-9]*)(?: *=([^;#]*))?(?:[;#].*)?$/;
const FIO_COMMENT = /^[;#]/;
const FIO_SECTION = /^\[([^\]]+)\]/;

/**
 * Whether the next line may be an unknown option of a fio job.
 * @param event The event in the current line.
 */
export function staysInJob(
  event: LoggedEvent | null,
  line: TraceLine,
  isInJob: boolean,
): boolean {
  return event?.origin === "fio job" ||
    isInJob && (line.kind === "blank" || FIO_COMMENT.test(line.text.trim()));
}

/**
 * The event in a line; null for a line without an event, and for lines of a kernel's log.
 *
 * @param isInJob Whether the previous line belongs to a fio job. In that case this line may be an
 *   unknown option of the job.
 */
export function eventOf(
  line: TraceLine,
  file: string,
  number: number,
  isInJob: boolean,
): LoggedEvent | null {
  const isOption = isInJob && FIO_OPTION.test(line.text.trim());
  const origin = isOption ? "fio job" : originOf(line);
  if (origin === null) return null;
  const place = { file, line: number, origin };
  switch (origin) {
    case "QEMU log":
      return { ...place, ...qemuFields(line.text) };
    case "blkparse": {
      // The lines of the summary below the events are no events.
      const fields = blkparseFields(line.text);
      return fields === null ? null : { ...place, ...fields };
    }
    case "fio job":
      return { ...place, seconds: null, ...fioFields(line.text.trim()) };
    case "facts":
      return { ...place, seconds: null, event: "queue_limit", ...queueLimitOf(line.text) };
    case "kernel log":
      return null;
    default:
      return { ...place, ...traceFields(line) };
  }
}

export function logEvent(
  { facts, kind, line, seconds }: KernelLogEntry,
  file: string,
): LoggedEvent {
  const { event: record = null, ...others } = facts;
  return { file, line, origin: "kernel log", seconds, event: kind, record, ...others };
}

function traceFields(line: TraceLine) {
  const { context, cpu, event, payload, pid, seconds, task } = line;
  const common = { seconds, event, cpu, task, pid, context: context === " " ? null : context };
  const read = line.readDma();
  if (read !== undefined) {
    return read === null
      ? { ...common, damaged: true, payload }
      : { ...common, ...addressesAsHex(read) };
  }
  const command = event === "nvme_setup_cmd" ? readSetup(line.fields) : null;
  return command === null ? { ...common, payload } : { ...common, ...command };
}

/** Converts addresses to hex text, with field names in snake case; sizes and counts stay numbers. */
function addressesAsHex(event: DmaEvent): Record<string, unknown> {
  const shown = Object.entries(event).map(([name, value]) => {
    const field = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const isAddress = /^(?:addr|phys|start|end)$/.test(name) && typeof value === "number";
    if (isAddress) return [field, hex(value)];
    return /Addrs$/.test(name) ? [field, (value as readonly number[]).map(hex)] : [field, value];
  });
  return Object.fromEntries(shown);
}

function hex(address: number): string | null {
  return address < 0 ? null : `0x${address.toString(16)}`;
}

/** A word and its value: `cid 4`, `sid=0x10` or `opname 'READ'`. The other text of a line is prose. */
const QEMU_FIELD = /([A-Za-z_]\w*)(?: ?[=:] ?| )(0x[0-9a-f]+|-?\d[\w:.]*|'[^']*')(?=[\s,)]|$)/gi;

function qemuFields(text: string) {
  const [, seconds, event, payload] = QEMU_HEAD.exec(text)!;
  const fields: Record<string, string | number> = {};
  for (const [, name, value] of payload!.matchAll(QEMU_FIELD)) {
    fields[name!] = /^\d{1,15}$/.test(value!) ? Number(value) : value!.replace(/^'|'$/g, "");
  }
  return { seconds: seconds === undefined ? null : Number(seconds), event: event!, ...fields };
}

function blkparseFields(text: string) {
  const found = BLKPARSE.exec(text);
  if (found === null) return null;
  const [, device, cpu, sequence, seconds, pid, action, rwbs, sector, mark, count, rest] = found;
  const common = {
    seconds: Number(seconds),
    event: action!,
    device: device!,
    cpu: Number(cpu),
    sequence: Number(sequence),
    pid: Number(pid),
    rwbs: rwbs!,
  };
  if (action === "m") return { ...common, message: rest!.trim() };
  const end = BLKPARSE_END.exec(rest!)?.[1] ?? null;
  const range = sector === undefined
    ? numberWithoutRange(rest!, action === "C")
    : mark === "+"
    ? { sector: Number(sector), sectors: Number(count), ...sourceOf(rest!) }
    : { sector: Number(sector), new_sector: Number(count) };
  // A completion and a requeue end with an error, other actions with the task.
  const errno = end === null ? null : errnoOf(end);
  const isError = action === "C" || action === "R" && errno !== null;
  return { ...common, ...range, ...isError ? { errno } : { task: end } };
}

function numberWithoutRange(rest: string, isSector: boolean) {
  const found = BLKPARSE_NUMBER.exec(rest)?.[1];
  if (found === undefined) return {};
  return isSector ? { sector: Number(found), sectors: 0 } : { bytes: Number(found) };
}

function sourceOf(rest: string) {
  const source = BLKPARSE_SOURCE.exec(rest);
  return source === null ? {} : { from_device: source[1]!, from_sector: Number(source[2]) };
}

const UNSIGNED = 2 ** 16;

/**
 * The negative errno of an error as blkparse prints it: as unsigned 16 bits. Null for a word that is no
 * such number.
 */
function errnoOf(word: string): number | null {
  const value = Number(word);
  if (Number.isNaN(value)) return null;
  return value >= UNSIGNED / 2 && value < UNSIGNED ? value - UNSIGNED : value;
}

/**
 * Parses an option and its value. A value without a unit becomes a number; the meaning of a unit
 * depends on the whole job (`kb_base`).
 */
function fioFields(text: string) {
  const section = FIO_SECTION.exec(text);
  if (section !== null) return { event: "job", name: section[1]! };
  const [, name = text, given = ""] = FIO_OPTION.exec(text) ?? [];
  const value = given.trimEnd();
  const option = fioOption(name);
  if (option === null) return { event: "ignored", option: name, value };
  return { event: "option", option, value: /^\d{1,15}$/.test(value) ? Number(value) : value };
}
