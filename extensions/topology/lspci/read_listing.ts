/**
 * Reads the output of `lspci`: lists of functions at any level of detail, dumps of registers, and
 * the trees of `lspci -t`. A text may contain several of these in a row, as people paste them.
 *
 * The text is untrusted. Reading any text takes time and memory in proportion to the text's length,
 * comes to an end, and throws nothing.
 */
import { addAll } from "@dmalab/runtime/basics";
import { CpuReader } from "./cpu_lines.ts";
import { CONFIG_SPACE_BYTES, decodeConfigSpace } from "./config_space.ts";
import { DetailReader } from "./detail_lines.ts";
import { type ListingFinding, mistake } from "./finding.ts";
import { type FunctionHeader, readHeader, readIds } from "./function_header.ts";
import { GrowingFunction } from "./growing_function.ts";
import { type CpuIdentity, placeKey } from "@dmalab/devices";
import { busKey, formatListedAddress, hex, type ListedFunction } from "./listed_function.ts";
import { type PathFunction, placePaths } from "./place_paths.ts";
import { reviewListing } from "./review_listing.ts";
import { TreeReader } from "./tree_lines.ts";

/** The facts from a text, before the tree of its functions is built. */
export interface LspciListing {
  /** Sorted by address. */
  readonly functions: readonly ListedFunction[];
  /** The CPU, from output of `lscpu` or `/proc/cpuinfo` in the same text. */
  readonly cpu: CpuIdentity | null;
  /** Buses that a tree shows without a bridge above, and buses at which paths begin. */
  readonly rootBuses: ReadonlySet<number>;
  /** If one of them is an error, `functions` is empty. */
  readonly findings: readonly ListingFinding[];
}

/** Maximum length of a text; a dump of all registers has 13 KiB per function. */
export const MAX_TEXT_LENGTH = 32 * 2 ** 20;
/** Maximum number of functions of a machine. */
const MAX_FUNCTIONS = 4096;
/** Largest number of mentions of functions in all listings of a text together. */
const MAX_MENTIONS = 16 * MAX_FUNCTIONS;

const WANTED = "paste what `sudo lspci -D -nn -vvv` prints; `lspci -xxxx` does too";

/** The line with the typed command, with or without a prompt. */
const COMMAND = /^(?:[^|]{0,80}[$#%>❯] ?)?(?:sudo +|doas +)?(?:\/\S{1,40}\/)?lspci(?=\s|$)/;
const PROMPT = /^\[?[\w.-]{1,40}@[\w.-]{1,60}[^|<]{0,80}[$#%>❯](?: |$)|^[$#%❯](?: |$)/;
/** Output of `lspci -vmm`, which shows no capabilities. */
const RECORDS = /^(?:Slot|Device):\s+(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/i;

export function readListing(text: string): LspciListing {
  if (text.length > MAX_TEXT_LENGTH) {
    const message = `The text has ${text.length} characters; ${MAX_TEXT_LENGTH} are read at most`;
    return refused("E1004", 1, message, "leave out the parts that are no output of lspci");
  }
  return new ListingReader().read(text);
}

function refused(...said: Parameters<typeof mistake>): LspciListing {
  return { functions: [], cpu: null, rootBuses: new Set(), findings: [mistake(...said)] };
}

class ListingReader {
  /** Every mention of a function, including mentions in paths. */
  readonly #mentions: GrowingFunction[] = [];
  /** The mentions in lists and dumps. */
  readonly #listed: GrowingFunction[] = [];
  /** The functions that the text names only by their path. */
  readonly #byPath: PathFunction[] = [];
  readonly #rootBuses = new Set<number>();
  readonly #details = new DetailReader();
  readonly #tree = new TreeReader();
  readonly #cpu = new CpuReader();
  #current: GrowingFunction | null = null;
  #firstLine = 0;
  #recordsLine = 0;
  #looseDumpLine = 0;
  #damagedTreeLine = 0;

  read(text: string): LspciListing {
    for (const { number, text: line } of pastedLines(text)) {
      this.#readLine(number, line);
      if (this.#mentions.length + this.#byPath.length > MAX_MENTIONS) return this.#tooMany(number);
    }
    this.#close();
    if (this.#mentions.length + this.#byPath.length === 0) return this.#nothing();
    const functions = this.#join();
    if ("code" in functions) {
      return { functions: [], cpu: null, rootBuses: new Set(), findings: [functions] };
    }
    if (functions.length > MAX_FUNCTIONS) return this.#tooMany(functions[MAX_FUNCTIONS]!.line);
    return {
      functions,
      cpu: this.#cpu.found,
      rootBuses: this.#rootBuses,
      findings: reviewListing(this.#listed, functions, {
        looseDump: this.#looseDumpLine,
        damagedTree: this.#damagedTreeLine,
      }),
    };
  }

  #readLine(number: number, line: string): void {
    const current = this.#current;
    if (line.trim() === "") {
      if (current !== null) current.sight.closed = true;
      return;
    }
    this.#firstLine ||= number;
    const dump = readDumpLine(line);
    if (dump !== null) {
      if (current === null) this.#looseDumpLine ||= number;
      else {
        current.sight.closed = true;
        takeDumpLine(current, dump);
      }
      return;
    }
    const tree = this.#tree.read(line, number);
    if (tree !== null) {
      this.#close();
      addAll(this.#mentions, tree.functions);
      for (const { bus, domain } of tree.roots) this.#rootBuses.add(busKey(domain, bus));
      if (tree.damaged) this.#damagedTreeLine ||= number;
      return;
    }
    const header = readHeader(line);
    if (header !== null) {
      this.#close();
      this.#takeHeader(header, number);
      return;
    }
    if (COMMAND.test(line) || PROMPT.test(line) || line.startsWith("```")) {
      this.#close();
      return;
    }
    if (this.#cpu.read(line)) return;
    if (current === null) {
      if (RECORDS.test(line.trim())) this.#recordsLine ||= number;
      return;
    }
    if (this.#details.read(current, line)) return;
    if (current.vendor === null && !current.sight.detailed) {
      // The second line of a wrapped header.
      const ids = readIds(line);
      current.vendor = ids?.vendor ?? null;
      current.device = ids?.device ?? null;
    }
  }

  #takeHeader(header: FunctionHeader, number: number): void {
    const { domain, path } = header;
    const addresses = path.flatMap(({ bus, device, func }) =>
      bus === null ? [] : [{ domain, bus, device, func }]
    );
    const isKnown = addresses.length === path.length;
    // A path begins at a root bus.
    if (path.length > 1) this.#rootBuses.add(busKey(domain, path[0]!.bus!));
    // If a bridge of the path has no bus number, the function's address is found only after the
    // whole text was read.
    const address = addresses.at(isKnown ? -1 : 0)!;
    this.#current = new GrowingFunction(address, number);
    this.#current.takeHeader(header);
    this.#listed.push(this.#current);
    if (!isKnown) {
      this.#byPath.push({ domain, path, growing: this.#current });
      return;
    }
    this.#mentions.push(this.#current);
    // Each bridge of a path leads to the bus of the next step.
    for (const [index, { bus }] of addresses.slice(1).entries()) {
      const above = addresses[index]!;
      const bridge = new GrowingFunction(above, number);
      bridge.buses = { primary: above.bus, secondary: bus, subordinate: bus };
      this.#mentions.push(bridge);
    }
  }

  /** Ends the current function: other text follows, so its listing is complete. */
  #close(): void {
    const last = this.#current;
    this.#current = null;
    this.#details.reset();
    if (last === null) return;
    decodeConfigSpace(last);
  }

  /** One function for each address; or an error if the text lists two machines. */
  #join(): readonly ListedFunction[] | ListingFinding {
    const byKey = new Map<number, GrowingFunction>();
    for (const mention of this.#mentions) {
      const key = placeKey(mention.address);
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, mention);
      else if (isOther(known, mention)) return twoMachines(known, mention);
      else known.join(mention);
    }
    for (const found of placePaths(this.#byPath, byKey)) {
      if ("code" in found) return found;
      const key = placeKey(found.address);
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, found);
      else if (isOther(known, found)) return twoMachines(known, found);
      else known.join(found);
    }
    return [...byKey].sort(([a], [b]) => a - b).map(([, growing]) => growing.finish());
  }

  #nothing(): LspciListing {
    const wrong = [
      ["This is lspci -vmm, which prints neither buses nor capabilities", this.#recordsLine],
      [
        "Registers of no function: the lines that name the functions are missing",
        this.#looseDumpLine,
      ],
      ["No line of this tree can be read", this.#damagedTreeLine],
      ["No line of this text is output of lspci", this.#firstLine],
      ["The text is empty", 1],
    ] as const;
    const [message, line] = wrong.find(([, line]) => line > 0)!;
    return refused(this.#recordsLine > 0 ? "E1005" : "E1001", line, message, WANTED);
  }

  #tooMany(line: number): LspciListing {
    return refused(
      "E1004",
      line,
      `More than ${MAX_FUNCTIONS} functions`,
      "leave out virtual functions, or import a part of the machine",
    );
  }
}

function isOther(one: GrowingFunction, other: GrowingFunction): boolean {
  const differ = (a: number | null, b: number | null) => a !== null && b !== null && a !== b;
  if (one.gone || other.gone) return false;
  return differ(one.vendor, other.vendor) || differ(one.device, other.device) ||
    differ(one.classCode, other.classCode) ||
    differ(one.buses?.secondary ?? null, other.buses?.secondary ?? null);
}

function twoMachines(first: GrowingFunction, second: GrowingFunction): ListingFinding {
  const address = formatListedAddress(second.address);
  const message =
    `${address} is ${idsOf(second)} here and ${idsOf(first)} in line ${first.line}: ` +
    "these are two machines";
  return mistake("E1002", second.line, message, "import each machine by itself");
}

function idsOf({ vendor, device, buses }: GrowingFunction): string {
  const digits = (value: number | null) => value === null ? "????" : hex(value, 4);
  const leads = buses === null ? "" : ` (to bus ${hex(buses.secondary, 2)})`;
  return vendor === null ? `a function${leads}` : `${digits(vendor)}:${digits(device)}${leads}`;
}

/** A line of `lspci -x`: `00: 86 80 30 20 …`, with up to sixteen bytes. */
const LINE = /^\s*([0-9a-f]{2,3}): ?((?:[0-9a-f]{2}(?: |$)){1,16})$/i;
const BYTES_A_LINE = 16;

interface DumpLine {
  readonly offset: number;
  readonly bytes: readonly number[];
}

/** Reads a line of a dump; null if it is not one. */
function readDumpLine(line: string): DumpLine | null {
  const match = LINE.exec(line);
  if (match === null) return null;
  const offset = parseInt(match[1]!, 16);
  const bytes = match[2]!.trim().split(" ").map((digits) => parseInt(digits, 16));
  // The pattern accepts at most three digits, so offsets are at most 0xff0 and no line ends beyond the
  // configuration space.
  return offset % BYTES_A_LINE === 0 ? { offset, bytes } : null;
}

/** Stores the bytes of a line at their offset; bytes after a gap are ignored. */
function takeDumpLine(into: GrowingFunction, { offset, bytes }: DumpLine): void {
  if (offset !== into.registerBytes) return;
  into.registers ??= new Uint8Array(CONFIG_SPACE_BYTES);
  into.registers.set(bytes, offset);
  into.registerBytes = offset + bytes.length;
}

/**
 * A line of pasted text without colours, quote marks, carriage returns and the like. Its number is
 * the number of the line in the pasted text.
 */
interface PastedLine {
  /** The line's number, from 1. */
  readonly number: number;
  /** Without quote marks and control characters of terminals; leading blanks and tabs are kept. */
  readonly text: string;
}

/** Longer lines are cut: no line of a listing is nearly as long. */
const MAX_LINE_LENGTH = 2000;

/**
 * Escape sequences for colours, cursor movements and window titles, and escapes of a single
 * character.
 */
// deno-lint-ignore no-control-regex
const ESCAPES = /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]/g;
/** Control characters that no terminal shows, except tabs. */
// deno-lint-ignore no-control-regex
const INVISIBLE = /[\x00-\x08\x0b-\x1f\x7f\u200b-\u200f\u2060\ufeff]/g;
/** Special blanks of word processors and chat programs. */
const ODD_BLANKS = /[\u00a0\u2000-\u200a\u202f\u3000]/g;
/** HTML entities that web pages write for brackets, as in `&lt;access denied&gt;`. */
const ENTITIES: Readonly<Record<string, string>> = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };
const ENTITY = /&(?:lt|gt|amp);/g;
/**
 * Quote marks: `> ` in mails, `» ` in some mail programs, repeated once for each time that the text
 * was quoted.
 */
const QUOTE = /^(?: {0,3}[>»] ?)+/;

/** The lines of a text, one at a time. */
export function* pastedLines(text: string): Generator<PastedLine> {
  let number = 0;
  let start = 0;
  while (start <= text.length) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    number++;
    yield { number, text: clean(text.slice(start, Math.min(end, start + MAX_LINE_LENGTH))) };
    start = end + 1;
  }
}

function clean(raw: string): string {
  const text = raw.replace(ESCAPES, "").replace(INVISIBLE, "").replace(ODD_BLANKS, " ");
  return (text.includes("&") ? text.replace(ENTITY, (entity) => ENTITIES[entity]!) : text)
    .replace(QUOTE, "").trimEnd();
}
