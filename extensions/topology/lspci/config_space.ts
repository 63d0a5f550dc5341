/**
 * Reads the configuration space from a dump (`lspci -x`, `-xxx`, `-xxxx`).
 *
 * @see PCI Express Base Specification, 7.5 (headers), 7.7.11 (Access Control Services), 7.8.6
 *   (Resizable BAR)
 */
import { ADDRESS_LIMIT, MIB } from "@dmalab/runtime";
import { type FoundBar, type GrowingFunction, servicesOf } from "./growing_function.ts";
import type { BridgeWindow, PortType } from "./listed_function.ts";

export const CONFIG_SPACE_BYTES = 4096;
/** Size of conventional configuration space; extended capabilities begin here. */
const CONVENTIONAL_BYTES = 256;
/** Size of the header, which is also shown to users without root rights. */
const HEADER_BYTES = 64;

const VENDOR_ID = 0x00;
const DEVICE_ID = 0x02;
const STATUS = 0x06;
/** Bit of the status register: the function has a list of capabilities. */
const STATUS_HAS_CAPABILITIES = 0x10;
const SUBCLASS = 0x0a;
const HEADER_TYPE = 0x0e;
const FIRST_BAR = 0x10;
const BUS_NUMBERS = 0x18;
const CAPABILITIES = 0x34;

const PCI_EXPRESS = 0x10;
const ACS = 0x000d;
const RESIZABLE_BAR = 0x0015;

/** Keys are values of the device or port type in the PCI Express capabilities register. */
const PORT_TYPES: Readonly<Record<number, PortType>> = {
  0: "endpoint",
  1: "legacy_endpoint",
  4: "root_port",
  5: "upstream_port",
  6: "downstream_port",
  7: "pcie_to_pci",
  8: "pci_to_pcie",
  9: "integrated_endpoint",
  10: "event_collector",
};

/** Adds the facts from the registers collected so far; at least a whole header must be known. */
export function decodeConfigSpace(into: GrowingFunction): void {
  const { registers, registerBytes } = into;
  if (registers === null || registerBytes < HEADER_BYTES) return;
  const view = new DataView(registers.buffer);
  const vendor = view.getUint16(VENDOR_ID, true);
  if (vendor === 0xffff) {
    into.gone = true;
    return;
  }
  into.vendor ??= vendor;
  into.device ??= view.getUint16(DEVICE_ID, true);
  into.classCode ??= view.getUint16(SUBCLASS, true);
  const headerType = view.getUint8(HEADER_TYPE) & 0x7f;
  if (headerType > 1) return;
  if (headerType === 1) {
    into.buses ??= {
      primary: view.getUint8(BUS_NUMBERS),
      secondary: view.getUint8(BUS_NUMBERS + 1),
      subordinate: view.getUint8(BUS_NUMBERS + 2),
    };
    if (into.windows.length === 0) into.windows = readWindows(view);
  }
  const bars = readBars(view, headerType === 1 ? 2 : 6);
  if (into.bars.length === 0) into.bars = bars;
  readCapabilities(into, view, registerBytes);
}

function readBars(view: DataView, count: number): FoundBar[] {
  const bars: FoundBar[] = [];
  for (let index = 0; index < count; index++) {
    const register = view.getUint32(FIRST_BAR + 4 * index, true);
    if (register === 0) continue;
    if (register % 2 === 1) {
      const address = register - register % 4;
      const base = address === 0 ? null : address;
      bars.push({ index, space: "io", bits: 32, prefetchable: false, base, sizeBytes: null });
      continue;
    }
    const wide = (register >>> 1) % 4 === 2 && index + 1 < count;
    const high = wide ? view.getUint32(FIRST_BAR + 4 * index + 4, true) : 0;
    const base = high * 2 ** 32 + (register - register % 16);
    bars.push({
      index,
      space: "memory",
      bits: wide ? 64 : 32,
      prefetchable: (register >>> 3) % 2 === 1,
      base: base === 0 || base >= ADDRESS_LIMIT ? null : base,
      sizeBytes: null,
    });
    if (wide) index++;
  }
  return bars;
}

/** The windows of a bridge; a disabled window has a limit below its base. */
function readWindows(view: DataView): BridgeWindow[] {
  const windows: BridgeWindow[] = [];
  const add = (space: BridgeWindow["space"], base: number, limit: number) => {
    if (base < limit && limit < ADDRESS_LIMIT) windows.push({ space, base, limit });
  };
  const ioBase = view.getUint8(0x1c);
  const ioLimit = view.getUint8(0x1d);
  const ioWide = ioBase % 16 === 1;
  add(
    "io",
    (ioWide ? view.getUint16(0x30, true) * 65536 : 0) + (ioBase - ioBase % 16) * 256,
    (ioWide ? view.getUint16(0x32, true) * 65536 : 0) + (ioLimit - ioLimit % 16) * 256 + 0xfff,
  );
  const megabytes = (offset: number) => {
    const register = view.getUint16(offset, true);
    return (register - register % 16) * 65536;
  };
  add("memory", megabytes(0x20), megabytes(0x22) + MIB - 1);
  const wide = view.getUint16(0x24, true) % 16 === 1;
  add(
    "prefetchable",
    (wide ? view.getUint32(0x28, true) * 2 ** 32 : 0) + megabytes(0x24),
    (wide ? view.getUint32(0x2c, true) * 2 ** 32 : 0) + megabytes(0x26) + MIB - 1,
  );
  return windows;
}

function readCapabilities(into: GrowingFunction, view: DataView, known: number): void {
  let express = false;
  // A dump of the header alone lacks the registers of capabilities.
  const complete = known >= CONVENTIONAL_BYTES;
  const has = (view.getUint16(STATUS, true) & STATUS_HAS_CAPABILITIES) !== 0;
  const seen = new Set<number>();
  let at = has ? view.getUint8(CAPABILITIES) & 0xfc : 0;
  while (at >= HEADER_BYTES && at + 4 <= known && !seen.has(at)) {
    seen.add(at);
    if (view.getUint8(at) === PCI_EXPRESS) {
      express = true;
      into.portType ??= PORT_TYPES[view.getUint8(at + 2) >> 4] ?? null;
    }
    at = view.getUint8(at + 1) & 0xfc;
  }
  if (express) readExtended(into, view, known);
  else if (complete) into.acsRuledOut = true;
}

function readExtended(into: GrowingFunction, view: DataView, known: number): void {
  const seen = new Set<number>();
  let at = CONVENTIONAL_BYTES;
  while (at >= CONVENTIONAL_BYTES && !seen.has(at)) {
    // The list leads to a capability that the dump does not contain.
    if (at + 8 > known) return;
    seen.add(at);
    const header = view.getUint32(at, true);
    // No extended space.
    if (header === 0xffff_ffff) break;
    const id = header % 65536;
    if (id === ACS) {
      into.acsListed = true;
      into.acsCapable ??= servicesOf(view.getUint16(at + 4, true));
      into.acsEnabled ??= servicesOf(view.getUint16(at + 6, true));
    } else if (id === RESIZABLE_BAR) readResizable(into, view, at, known);
    at = Math.floor(header / 2 ** 20) & 0xffc;
  }
  if (!into.acsListed) into.acsRuledOut = true;
}

/**
 * Reads the sizes of resizable BARs. The size of any other BAR cannot be read from a dump, because
 * a BAR shows its size only after a write to its register.
 */
function readResizable(into: GrowingFunction, view: DataView, at: number, known: number): void {
  if (at + 12 > known) return;
  const count = Math.min((view.getUint32(at + 8, true) >>> 5) % 8, 6);
  for (let entry = 0; entry < count; entry++) {
    const offset = at + 8 + 8 * entry;
    if (offset + 4 > known) return;
    const control = view.getUint32(offset, true);
    const index = control % 8;
    // 0 means 2^0 MiB, 1 means 2^1 MiB, and so on.
    const sizeBytes = MIB * 2 ** ((control >>> 8) % 64);
    into.bars = into.bars.map((bar) =>
      bar.index === index && bar.space === "memory" && bar.sizeBytes === null &&
        sizeBytes <= 2 ** 52
        ? { ...bar, sizeBytes }
        : bar
    );
  }
}
