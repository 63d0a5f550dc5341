/**
 * Reads what `lspci` prints: lists of functions at any level of detail, dumps of registers, and
 * several of these one after the other, as people paste them. The trees of `lspci -t` are passed over.
 *
 * The text is untrusted: whatever it holds, reading it takes time and memory in proportion to its
 * length, ends, and throws nothing.
 */
import { CpuReader, type ListedCpu } from "./cpu_lines.ts";
import { decodeConfigSpace } from "./config_space.ts";
import { DetailReader } from "./detail_lines.ts";
import type { ListingCode, ListingFinding } from "./finding.ts";
import { readHeader, readIds } from "./function_header.ts";
import { GrowingFunction } from "./growing_function.ts";
import { readDumpLine, takeDumpLine } from "./hex_dump.ts";
import { placeKey } from "@dmalab/devices/pci";
import {
  formatListedAddress,
  hex,
  type ListedAddress,
  type ListedFunction,
} from "./listed_function.ts";
import { pastedLines } from "./pasted_lines.ts";
import { reviewListing } from "./review_listing.ts";

/** What a text tells, before anything is put below anything. */
export interface LspciListing {
  /** By address. */
  readonly functions: readonly ListedFunction[];
  /** What `lscpu` or `/proc/cpuinfo` in the same text says. */
  readonly cpu: ListedCpu | null;
  /** Where one of them is an error there are no functions. */
  readonly findings: readonly ListingFinding[];
}

/** Longest text that is read; a dump of all registers takes 13 KiB a function. */
export const MAX_TEXT_LENGTH = 32 * 2 ** 20;
/** Most functions of a machine that are read. */
const MAX_FUNCTIONS = 4096;
/** Most mentions of functions in all listings of a text. */
const MAX_MENTIONS = 16 * MAX_FUNCTIONS;

const WANTED = "paste what `sudo lspci -D -nn -vvv` prints; `lspci -xxxx` does too";

/** The line on which a command was typed, with or without a prompt. */
const COMMAND = /^(?:[^|]{0,80}[$#%>❯] ?)?(?:sudo +|doas +)?(?:\/\S{1,40}\/)?lspci(?=\s|$)/;
const PROMPT = /^\[?[\w.-]{1,40}@[\w.-]{1,60}[^|<]{0,80}[$#%>❯](?: |$)|^[$#%❯](?: |$)/;
/** A line of the tree that `lspci -t` draws. */
const TREE = /^\s*-(?:\+-)?\[|^[\s|]*[+\\]-+(?:\[|\+-|[01][0-9a-f]\.)/i;
/** `lspci -vmm`, which tells no capabilities. */
const RECORDS = /^(?:Slot|Device):\s+(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/i;

export function readListing(text: string): LspciListing {
  if (text.length > MAX_TEXT_LENGTH) {
    const message = `The text has ${text.length} characters; ${MAX_TEXT_LENGTH} are read at most`;
    return refused("E1004", 1, message, "leave out the parts that are no output of lspci");
  }
  return new ListingReader().read(text);
}

function refused(code: ListingCode, line: number, message: string, hint: string): LspciListing {
  return {
    functions: [],
    cpu: null,
    findings: [{ code, severity: "error", line, message, hint }],
  };
}

class ListingReader {
  /** Every mention of a function, in paths too. */
  readonly #mentions: GrowingFunction[] = [];
  /** Those in lists and dumps. */
  readonly #listed: GrowingFunction[] = [];
  readonly #details = new DetailReader();
  readonly #cpu = new CpuReader();
  #current: GrowingFunction | null = null;
  #firstLine = 0;
  #recordsLine = 0;
  #looseDumpLine = 0;
  #treeLine = 0;

  read(text: string): LspciListing {
    for (const { number, text: line } of pastedLines(text)) {
      this.#readLine(number, line);
      if (this.#mentions.length > MAX_MENTIONS) return this.#tooMany(number);
    }
    this.#close();
    if (this.#mentions.length === 0) return this.#nothing();
    const functions = this.#join();
    if ("code" in functions) {
      return { functions: [], cpu: null, findings: [functions] };
    }
    if (functions.length > MAX_FUNCTIONS) return this.#tooMany(functions[MAX_FUNCTIONS]!.line);
    return {
      functions,
      cpu: this.#cpu.found,
      findings: reviewListing({
        listed: this.#listed,
        functions,
        looseDumpLine: this.#looseDumpLine,
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
    if (TREE.test(line)) {
      this.#close();
      this.#treeLine ||= number;
      return;
    }
    const header = readHeader(line);
    if (header !== null) {
      this.#close();
      this.#current = new GrowingFunction(header.address, number);
      this.#current.takeHeader(header);
      this.#mentions.push(this.#current);
      this.#listed.push(this.#current);
      this.#takePath([...header.above, header.address], number);
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
      // The rest of a header that was wrapped.
      const ids = readIds(line);
      current.vendor = ids?.vendor ?? null;
      current.device = ids?.device ?? null;
    }
  }

  /** Bridges that a path names: each leads to the bus of the next. */
  #takePath(path: readonly ListedAddress[], number: number): void {
    for (const [index, next] of path.slice(1).entries()) {
      const bridge = new GrowingFunction(path[index]!, number);
      const { bus } = next;
      bridge.buses = { primary: path[index]!.bus, secondary: bus, subordinate: bus };
      this.#mentions.push(bridge);
    }
  }

  /** Something else begins, so what was read of the last function is all there is. */
  #close(): void {
    const last = this.#current;
    this.#current = null;
    this.#details.reset();
    if (last === null) return;
    decodeConfigSpace(last);
  }

  /** One function for each address; or that the text holds two machines. */
  #join(): readonly ListedFunction[] | ListingFinding {
    const byKey = new Map<number, GrowingFunction>();
    for (const mention of this.#mentions) {
      const key = placeKey(mention.address);
      const known = byKey.get(key);
      if (known === undefined) byKey.set(key, mention);
      else if (isOther(known, mention)) return twoMachines(known, mention);
      else known.join(mention);
    }
    return [...byKey].sort(([a], [b]) => a - b).map(([, growing]) => growing.finish());
  }

  #nothing(): LspciListing {
    if (this.#firstLine === 0) return refused("E1001", 1, "The text is empty", WANTED);
    if (this.#recordsLine > 0) {
      return refused(
        "E1005",
        this.#recordsLine,
        "This is lspci -vmm, which prints neither buses nor capabilities",
        WANTED,
      );
    }
    if (this.#looseDumpLine > 0) {
      return refused(
        "E1001",
        this.#looseDumpLine,
        "Registers of no function: the lines that name the functions are missing",
        WANTED,
      );
    }
    if (this.#treeLine > 0) {
      return refused(
        "E1001",
        this.#treeLine,
        "This is lspci -t, which shows neither classes nor capabilities",
        WANTED,
      );
    }
    return refused("E1001", this.#firstLine, "No line of this text is output of lspci", WANTED);
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
  return {
    code: "E1002",
    severity: "error",
    line: second.line,
    message: `${address} is ${idsOf(second)} here and ${idsOf(first)} in line ${first.line}: ` +
      "these are two machines",
    hint: "import each machine by itself",
  };
}

function idsOf({ vendor, device, buses }: GrowingFunction): string {
  const digits = (value: number | null) => value === null ? "????" : hex(value, 4);
  const leads = buses === null ? "" : ` (to bus ${hex(buses.secondary, 2)})`;
  return vendor === null ? `a function${leads}` : `${digits(vendor)}:${digits(device)}${leads}`;
}
