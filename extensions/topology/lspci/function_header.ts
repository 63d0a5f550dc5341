/**
 * The line that begins a function: address, class, vendor and device, in words (`lspci`), in
 * numbers (`-n`), or in both (`-nn`).
 */
import { parsePlace } from "@dmalab/devices/pci";
import type { ListedAddress } from "./listed_function.ts";

export interface FunctionHeader {
  readonly address: ListedAddress;
  readonly classCode: number | null;
  readonly className: string | null;
  readonly vendor: number | null;
  readonly device: number | null;
  readonly name: string | null;
  /** `(rev ff)`: nothing answers there. */
  readonly gone: boolean;
  /** The bridges above it, from the root bus down, as `-PP` writes them in front. */
  readonly above: readonly ListedAddress[];
}

const ADDRESS =
  /^\s*(?:([0-9a-f]{4,8}):)?((?:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\/){0,64})([0-9a-f]{2}):([01][0-9a-f])\.([0-7])(?:\s+(.*))?$/i;
/** `0604: 8086:2030` */
const NUMBERS = /^(?:Class )?([0-9a-f]{4}): ([0-9a-f]{4}):([0-9a-f]{4})(?: |$)/i;
/** `PCI bridge [0604]: …`; the words may be of any language. */
const BOTH = /^([^:[\]"]{0,120}?) ?\[([0-9a-f]{4})\](?:: ?(.*))?$/i;
/** `PCI bridge: …` */
const WORDS = /^([\p{L}\d][^[\]":]{2,80}): (.+)$/u;
/** `"PCI bridge [0604]" "Intel Corporation [8086]" "… [2030]"`, by `-mm`. */
const QUOTED = /^"([^"]*)" "([^"]*)" "([^"]*)"/;
const IDS = /\[([0-9a-f]{4}):([0-9a-f]{4})\]/i;
const BEHIND_NAME = / \((?:rev [0-9a-f]+|prog-if .*)\).*$/i;

/** Names of classes, as far as they are distinguished here. */
const CLASSES: readonly (readonly [name: string, code: number])[] = [
  ["SCSI storage controller", 0x0100],
  ["IDE interface", 0x0101],
  ["RAID bus controller", 0x0104],
  ["SATA controller", 0x0106],
  ["Serial Attached SCSI controller", 0x0107],
  ["Non-Volatile memory controller", 0x0108],
  ["Mass storage controller", 0x0180],
  ["Ethernet controller", 0x0200],
  ["Infiniband controller", 0x0207],
  ["Network controller", 0x0280],
  ["VGA compatible controller", 0x0300],
  ["3D controller", 0x0302],
  ["Display controller", 0x0380],
  ["Multimedia audio controller", 0x0401],
  ["Audio device", 0x0403],
  ["RAM memory", 0x0500],
  ["CXL", 0x0502],
  ["Memory controller", 0x0580],
  ["Host bridge", 0x0600],
  ["ISA bridge", 0x0601],
  ["PCI bridge", 0x0604],
  ["CardBus bridge", 0x0607],
  ["Bridge", 0x0680],
  ["Communication controller", 0x0780],
  ["Serial controller", 0x0700],
  ["PIC", 0x0800],
  ["IOMMU", 0x0806],
  ["System peripheral", 0x0880],
  ["Co-processor", 0x0b40],
  ["FireWire (IEEE 1394)", 0x0c00],
  ["USB controller", 0x0c03],
  ["Fibre Channel", 0x0c04],
  ["SMBus", 0x0c05],
  ["InfiniBand", 0x0c06],
  ["Serial bus controller", 0x0c80],
  ["Encryption controller", 0x1080],
  ["Performance counters", 0x1101],
  ["Signal processing controller", 0x1180],
  ["Processing accelerators", 0x1200],
  ["Unassigned class", 0xff00],
];

/** Reads a header; null when the line is none. */
export function readHeader(line: string): FunctionHeader | null {
  const match = ADDRESS.exec(line);
  if (match === null) return null;
  const [, domainText, path, bus, device, func, rest = ""] = match;
  const domain = parseInt(domainText ?? "0", 16);
  const found = readRest(rest.trim());
  if (found === null) return null;
  return {
    address: { domain, bus: parseInt(bus!, 16), device: parseInt(device!, 16), func: Number(func) },
    above: path!.split("/").slice(0, -1).map((place) => ({ domain, ...parsePlace(place)! })),
    gone: /\(rev ff\)/i.test(rest),
    ...found,
  };
}

/** Two ids in brackets, as `-nn` writes them: for the rest of a header that was wrapped. */
export function readIds(line: string): { readonly vendor: number; readonly device: number } | null {
  const match = IDS.exec(line);
  return match === null
    ? null
    : { vendor: parseInt(match[1]!, 16), device: parseInt(match[2]!, 16) };
}

type HeaderRest = Omit<FunctionHeader, "address" | "gone" | "above">;

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
  // Any sentence may begin with a time of day; only a class that is known shows what this is.
  const code = CLASSES.find(([name]) => rest.startsWith(name))?.[1];
  return code === undefined ? null : named(words[1]!, code, words[2]!);
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
    classCode: id(classText) ?? CLASSES.find(([known]) => className.startsWith(known))?.[1] ?? null,
    className,
    vendor: id(vendorText),
    device: id(deviceText),
    name,
  };
}

/** A class's name, or that of its family; null when it is not known here. */
function classNameOf(classCode: number): string | null {
  return CLASSES.find(([, code]) => code === classCode)?.[0] ?? null;
}
