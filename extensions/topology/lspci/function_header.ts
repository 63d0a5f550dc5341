/**
 * Reads the line that begins a function: address, class, vendor and device, as words (`lspci`), as
 * numbers (`-n`), or as both (`-nn`).
 */
import { classNameOf, classOf } from "./class_names.ts";

/** A function on the path from a root bus down. */
export interface PathStep {
  /** Null below a bridge in `lspci -P`, which omits the bus numbers. */
  readonly bus: number | null;
  readonly device: number;
  readonly func: number;
}

export interface FunctionHeader {
  readonly domain: number;
  /**
   * The bridges above the function, from the root bus down, and then the function itself. `-P` and `-PP` write this
   * path at the beginning of the line.
   */
  readonly path: readonly PathStep[];
  readonly classCode: number | null;
  readonly className: string | null;
  readonly vendor: number | null;
  readonly device: number | null;
  readonly name: string | null;
  /** Whether the line has `(rev ff)`: the device does not answer. */
  readonly gone: boolean;
}

const ADDRESS =
  /^\s*(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}:[01][0-9a-f]\.[0-7](?:\/(?:[0-9a-f]{2}:)?[01][0-9a-f]\.[0-7]){0,64})(?:\s+(.*))?$/i;
/** `0604: 8086:2030` */
const NUMBERS = /^(?:Class )?([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})(?: |$)/i;
/** `PCI bridge [0604]: …`, with the words in any language. */
const BOTH = /^([^:[\]"]{0,120}?) ?\[([0-9a-f]{4})\](?:: ?(.*))?$/i;
/** `PCI bridge: …` */
const WORDS = /^([\p{L}\d][^[\]":]{2,80}): (.+)$/u;
/** `"PCI bridge [0604]" "Intel Corporation [8086]" "… [2030]"`, as `-mm` writes it. */
const QUOTED = /^"([^"]*)" "([^"]*)" "([^"]*)"/;
const IDS = /\[([0-9a-f]{4}):([0-9a-f]{4})\]/i;
const BEHIND_NAME = / \((?:rev [0-9a-f]+|prog-if .*)\).*$/i;

/** Reads a header; null if the line is not one. */
export function readHeader(line: string): FunctionHeader | null {
  const match = ADDRESS.exec(line);
  if (match === null) return null;
  const [, domain = "0", path, rest = ""] = match;
  const found = readRest(rest.trim());
  if (found === null) return null;
  return {
    domain: parseInt(domain, 16),
    path: path!.split("/").map(readStep),
    gone: /\(rev ff\)/i.test(rest),
    ...found,
  };
}

/** @param text `3b:00.0`, or `00.0`. */
function readStep(text: string): PathStep {
  const [, bus, device, func] = /^(?:(..):)?(..)\.(.)$/.exec(text)!;
  return {
    bus: bus === undefined ? null : parseInt(bus, 16),
    device: parseInt(device!, 16),
    func: Number(func),
  };
}

/** Two ids in brackets, as `-nn` writes them, on the second line of a wrapped header. */
export function readIds(line: string): { readonly vendor: number; readonly device: number } | null {
  const match = IDS.exec(line);
  return match === null
    ? null
    : { vendor: parseInt(match[1]!, 16), device: parseInt(match[2]!, 16) };
}

export type HeaderRest = Omit<FunctionHeader, "domain" | "gone" | "path">;

function readRest(rest: string): HeaderRest | null {
  const numbers = NUMBERS.exec(rest);
  if (numbers !== null) {
    const [classCode, vendor, device] = numbers.slice(1).map((digits) => parseInt(digits, 16));
    return {
      classCode: classCode!,
      className: classNameOf(classCode!),
      vendor: vendor!,
      device: device!,
      name: null,
    };
  }
  const quoted = QUOTED.exec(rest);
  if (quoted !== null) return readQuoted(quoted[1]!, quoted[2]!, quoted[3]!);
  const both = BOTH.exec(rest);
  if (both !== null) return named(both[1]!, parseInt(both[2]!, 16), both[3] ?? "");
  const words = WORDS.exec(rest);
  if (words === null) return null;
  // Any sentence may begin with a time of day, which looks like an address. Only the name of a
  // known class shows that this line is a header.
  const code = classOf(rest);
  return code === null ? null : named(words[1]!, code, words[2]!);
}

function named(className: string, classCode: number, description: string): HeaderRest {
  const ids = readIds(description);
  const name = description.replace(IDS, "").replace(BEHIND_NAME, "").trim();
  return {
    classCode,
    className: className.trim() || classNameOf(classCode),
    vendor: ids?.vendor ?? null,
    device: ids?.device ?? null,
    name: name === "" ? null : name,
  };
}

function readQuoted(classText: string, vendorText: string, deviceText: string): HeaderRest {
  const id = (text: string) => {
    const match = /(?:^|\[)([0-9a-f]{4})\]?$/i.exec(text);
    return match === null ? null : parseInt(match[1]!, 16);
  };
  const words = (text: string) => text.replace(/ ?\[[0-9a-f]{4}\]$/i, "");
  const className = words(classText);
  const name = [vendorText, deviceText].map(words).join(" ").trim();
  return {
    classCode: id(classText) ?? classOf(className),
    className,
    vendor: id(vendorText),
    device: id(deviceText),
    name,
  };
}
