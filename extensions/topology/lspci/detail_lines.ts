/**
 * Reads the lines below a function's header, as `lspci -v`, `-vv` and `-vvv` write them.
 *
 * Translated listings can be read, too: where possible, lines are recognised by their numbers,
 * brackets, `+` and `-`, and not by their words.
 */
import { ADDRESS_LIMIT } from "@dmalab/runtime";
import type { AcsService } from "@dmalab/devices";
import type { FoundBar, GrowingFunction } from "./growing_function.ts";
import type { PortType } from "./listed_function.ts";

/** `Capabilities: [40] Express (v2) Root Port`, `Capabilities: <access denied>`. */
const CAPABILITY = /^[^:[\]]{2,30}: (?:\[[0-9a-f]{2,3}(?: v\d+)?\] ?(.*)|<[^>]*>)$/i;
/** `ACSCtl: SrcValid+ TransBlk- …` */
const ACS_REGISTER = /^ACS(Cap|Ctl):\s*(.*)$/;
const ACS_FLAG =
  /\b(SrcValid|TransBlk|ReqRedir|CmpltRedir|UpstreamFwd|EgressCtrl|DirectTrans)([+-])/g;
/** `Bus: primary=00, secondary=01, subordinate=05, …` */
const BUSES = /^[^:]{2,20}:\s*[^=,]+=([0-9a-f]{2}), *[^=,]+=([0-9a-f]{2}), *[^=,]+=([0-9a-f]{2})/i;
/** `Region 0: Memory at f6000000 (64-bit, prefetchable) [size=16K]`; `-v` omits `Region 0: `. */
const REGION =
  /^(?:\p{L}[\p{L}.]{1,15} ([0-5]):)?\s*(?:\[[^\]]*\] )?([^:()<[\]]{2,40}) ([0-9a-f]{4,16}|<[^>]{1,30}>)((?: (?:\([^)]*\)|\[[^\]]*\]))*)$/iu;
const SIZE = /\[[^\]=]{1,20}=(\d{1,5}) ?([KMGT])?\]/;
/** `Memory behind bridge: 92000000-923fffff [size=4M]` */
const WINDOW = /^[^:]{4,40}:\s*([0-9a-f]{4,16})-([0-9a-f]{4,16})(?: |$)/i;
const GROUP = /^(?:.*[,;] |\p{L}{2,12} )?IOMMU[^\d,]{1,20}?(\d{1,6})(?:,|$)/u;
const NODE = /^(?:.*[,;] |\p{L}{2,12} )?NUMA[^\d,]{1,20}?(\d{1,4})(?:,|$)/u;
const DRIVER = /^Kernel driver in use: (\S+)/;
const BEHIND_CAPABILITIES = /^Kernel (?:driver|modules)/;
/**
 * Lines such as `Control: I/O+ Mem+ …` and `Flags: bus master, …`. A listing that shows these lines
 * also shows capabilities.
 */
const DETAILED = /^[^:]{3,20}: .*\bMem[+-]|^Flags: /;
/** `Status: Cap+ 66MHz- …` */
const PROMISED = /^[^:]{3,20}: Cap\+ /;
const UNKNOWN_HEADER = /^!!! Unknown header type 7f/i;

const SERVICES: Readonly<Record<string, AcsService>> = {
  SrcValid: "source_validation",
  TransBlk: "translation_blocking",
  ReqRedir: "request_redirect",
  CmpltRedir: "completion_redirect",
  UpstreamFwd: "upstream_forwarding",
  EgressCtrl: "egress_control",
  DirectTrans: "direct_translated",
};

/** Words of an Express capability with their port types; the first match is used. */
const PORT_TYPES: readonly (readonly [words: RegExp, type: PortType])[] = [
  [/Root Complex Integrated Endpoint/i, "integrated_endpoint"],
  [/Root Complex Event Collector/i, "event_collector"],
  [/Root Port/i, "root_port"],
  [/Upstream Port/i, "upstream_port"],
  [/Downstream Port/i, "downstream_port"],
  [/PCI-?Express to PCI/i, "pcie_to_pci"],
  [/PCI(?:\/PCI-X)? to PCI-?Express/i, "pci_to_pcie"],
  [/Legacy Endpoint/i, "legacy_endpoint"],
  [/Endpoint/i, "endpoint"],
];

const UNITS: Readonly<Record<string, number>> = {
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Reads the lines of functions in their order. */
export class DetailReader {
  /**
   * Flags of a register found so far. They are kept, because a pasted text may have wrapped the
   * line.
   */
  #register: { readonly kind: "Cap" | "Ctl"; readonly flags: Map<string, boolean> } | null = null;

  /** Prepares for the next function. */
  reset(): void {
    this.#register = null;
  }

  /** Adds the facts from a line. @returns False if nothing in the line was recognised. */
  read(into: GrowingFunction, line: string): boolean {
    const text = line.trim();
    if (this.#readRegister(into, text)) return true;
    const capability = CAPABILITY.exec(text);
    if (capability !== null) {
      readCapability(into, capability[1]);
      return true;
    }
    return readPlain(into, text);
  }

  #readRegister(into: GrowingFunction, text: string): boolean {
    const register = ACS_REGISTER.exec(text);
    if (register !== null) {
      into.acsListed = true;
      this.#register = { kind: register[1] as "Cap" | "Ctl", flags: new Map() };
    } else if (this.#register === null || !/^(?:[A-Z]\w+[+-](?: |$))+$/.test(text)) {
      this.#register = null;
      return false;
    }
    const { kind, flags } = this.#register!;
    for (const [, name, sign] of text.matchAll(ACS_FLAG)) flags.set(name!, sign === "+");
    // Only the three flags that redirect are needed; a cut line may lack the others.
    if (!["ReqRedir", "CmpltRedir", "EgressCtrl"].every((name) => flags.has(name))) return true;
    const services = new Set(
      [...flags].filter(([, set]) => set).map(([name]) => SERVICES[name]!),
    );
    if (kind === "Cap") into.acsCapable = services;
    else into.acsEnabled = services;
    return true;
  }
}

/**
 * @param text The text after the offset in brackets; undefined if the line has, for example,
 *   `<access denied>` instead.
 */
function readCapability(into: GrowingFunction, text: string | undefined): void {
  into.sight.detailed = into.sight.begun = true;
  if (text === undefined) into.sight.denied = true;
  else if (/^Express\b/i.test(text)) {
    into.portType ??= PORT_TYPES.find(([words]) => words.test(text))?.[1] ?? null;
  } else if (/^Access Control Services/i.test(text)) into.acsListed = true;
}

function readPlain(into: GrowingFunction, text: string): boolean {
  const buses = BUSES.exec(text);
  if (buses !== null) {
    const [primary, secondary, subordinate] = buses.slice(1).map((digits) => parseInt(digits, 16));
    into.buses = { primary: primary!, secondary: secondary!, subordinate: subordinate! };
    return true;
  }
  if (text === "Capabilities:") {
    // `<access denied>` is missing: a web page took it for an HTML tag and removed it.
    into.sight.detailed = into.sight.begun = into.sight.denied = true;
    return true;
  }
  if (UNKNOWN_HEADER.test(text)) {
    into.gone = true;
    return true;
  }
  if (PROMISED.test(text)) into.sight.promised = true;
  let known = false;
  if (DETAILED.test(text)) known = into.sight.detailed = true;
  if (BEHIND_CAPABILITIES.test(text)) known = into.sight.closed = true;
  const driver = DRIVER.exec(text);
  if (driver !== null) into.driver = driver[1]!;
  const group = GROUP.exec(text);
  if (group !== null) into.iommuGroup = Number(group[1]);
  const node = NODE.exec(text);
  if (node !== null) into.numaNode = Number(node[1]);
  if (known || group !== null || node !== null) return true;
  return readWindow(into, text) || readRegion(into, text);
}

function readWindow(into: GrowingFunction, text: string): boolean {
  const match = WINDOW.exec(text);
  if (match === null || into.windows.length >= 3) return match !== null;
  const base = parseInt(match[1]!, 16);
  const limit = parseInt(match[2]!, 16);
  const space = /^I\/O/i.test(text) ? "io" : /^Prefetch/i.test(text) ? "prefetchable" : "memory";
  if (base < limit && limit < ADDRESS_LIMIT) into.windows.push({ space, base, limit });
  return true;
}

function readRegion(into: GrowingFunction, text: string): boolean {
  const match = REGION.exec(text);
  // After the first capability, only regions of virtual functions are listed.
  if (match === null || into.sight.begun || /^Expansion ROM/i.test(text)) return false;
  const [, index, , address, tail = ""] = match;
  const bits = /\([^)]*64/.test(tail) ? 64 : 32;
  const space = /\([^)]*(?:32|64)/.test(tail) ? "memory" : "io";
  // Without a number, only the English words of `-v` reliably mark a region.
  if (index === undefined && !/^(?:Memory|I\/O ports) at /.test(text)) return false;
  // `lspci -F` lists the upper half of a 64-bit BAR above 4 GiB as a region; there is none.
  const before = into.bars.at(-1);
  if (before?.bits === 64 && before.index !== null && before.index === Number(index) - 1) {
    return true;
  }
  const size = SIZE.exec(tail);
  const base = address!.startsWith("<") ? null : parseInt(address!, 16);
  const bar: FoundBar = {
    index: index === undefined ? null : Number(index),
    space,
    bits,
    prefetchable: /\((?:[^)]*, )?pref/i.test(tail),
    base: base === null || base >= ADDRESS_LIMIT ? null : base,
    sizeBytes: size === null ? null : Number(size[1]) * (UNITS[size[2] ?? ""] ?? 1),
  };
  if (into.bars.length < 6) into.bars.push(bar);
  return true;
}
