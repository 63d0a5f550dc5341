/**
 * Places the memory of PCI devices as a PC's firmware does: each host bridge has one window below 4
 * GiB for small BARs, and one window above all RAM for large BARs.
 */
import {
  alignDown,
  alignUp,
  type Bytes,
  GIB,
  invariant,
  layOutMemory,
  type MachineConfig,
  type MemoryWindow,
  MIB,
  type PhysAddr,
} from "@dmalab/runtime";
import { ConfigError } from "../config_error.ts";
import type { Bar, BarRequest } from "./pci_function.ts";

/**
 * Start of the windows below 4 GiB, as on most PCs. IOVAs are allocated from 4 GiB down, and the
 * windows are reserved in the IOVA space. A window that starts this low does not change the first
 * IOVAs that are allocated.
 */
const LOW_START = 3 * GIB;
/** The addresses from here on belong to interrupt controllers and message-signalled interrupts. */
const LOW_END = 0xfec0_0000;
const LOW_BOTTOM = 1 * MIB;
/** BARs up to this size are placed below 4 GiB, as long as `LOW_WINDOW_MAX_BYTES` is not exceeded. */
const SMALL_BAR_BYTES = 64 * MIB;
/**
 * Limit of the bytes of one bridge's BARs below 4 GiB. Further BARs of the bridge are placed above
 * 4 GiB, except I/O and 32-bit BARs.
 */
const LOW_WINDOW_MAX_BYTES = 512 * MIB;
const LOW_WINDOW_UNIT = 16 * MIB;
const HIGH_WINDOW_UNIT = 1 * GIB;
const HIGH_LIMIT = 2 ** 52;

/** The requested BARs of one function. */
interface DeviceBars {
  readonly name: string;
  readonly requests: readonly BarRequest[];
}

/** The functions below one host bridge. */
export interface BridgeBars {
  readonly name: string;
  /** PCI bus address minus CPU address. */
  readonly busOffset: number;
  readonly devices: readonly DeviceBars[];
}

interface AddressPlan {
  /** Windows that must not overlap with RAM. */
  readonly windows: readonly MemoryWindow[];
  /** The placed BARs of each function, by the function's name, in the order of the requests. */
  readonly bars: ReadonlyMap<string, readonly Bar[]>;
}

interface Item {
  readonly device: string;
  readonly request: BarRequest;
}

/**
 * Assigns every BAR an address, aligned to the BAR's size.
 *
 * @param config The memory with which windows must not overlap.
 * @throws {ConfigError} If a window cannot be placed.
 */
export function planAddressWindows(
  config: Pick<MachineConfig, "ramSizeBytes" | "windows" | "regions">,
  bridges: readonly BridgeBars[],
): AddressPlan {
  const windows: MemoryWindow[] = [];
  const placed = new Map<Item, PhysAddr>();
  const all: Item[] = [];
  const large: { readonly bridge: BridgeBars; readonly items: readonly Item[] }[] = [];
  const occupied: MemoryWindow[] = [...config.windows, ...config.regions];

  for (const bridge of bridges) {
    const items = bridge.devices.flatMap(({ name, requests }) =>
      requests.map((request) => ({ device: name, request }))
    );
    all.push(...items);
    const low: Item[] = [];
    const high: Item[] = [];
    let lowBytes = 0;
    for (const item of items) {
      const { kind, sizeBytes } = item.request;
      const isLow = kind === "io" || kind === "mem32";
      const fits = isLow ||
        sizeBytes <= SMALL_BAR_BYTES && lowBytes + sizeBytes <= LOW_WINDOW_MAX_BYTES;
      if (fits) lowBytes += sizeBytes;
      (fits ? low : high).push(item);
    }
    if (low.length > 0) {
      const window = placeLow(bridge, low, occupied);
      windows.push(window);
      occupied.push(window);
      pack(low, window.basePhys, placed);
    }
    if (high.length > 0) large.push({ bridge, items: high });
  }

  let from = endOfMemory({ ...config, windows: [...config.windows, ...windows] });
  for (const { bridge, items } of large) {
    const basePhys = alignUp(from, Math.max(HIGH_WINDOW_UNIT, largest(items)));
    const sizeBytes = alignUp(pack(items, basePhys, placed), HIGH_WINDOW_UNIT);
    from = basePhys + sizeBytes;
    if (from > HIGH_LIMIT) {
      throw new ConfigError([items[0]!.device], "The PCI memory does not fit below 2^52");
    }
    windows.push(windowOf(bridge, "mem64", basePhys, sizeBytes));
  }

  const bars = new Map<string, Bar[]>();
  for (const { name } of bridges.flatMap(({ devices }) => devices)) bars.set(name, []);
  for (const item of all) {
    bars.get(item.device)!.push({ ...item.request, basePhys: placed.get(item)! });
  }
  return { windows, bars };
}

/** Places items one after the other, the largest first, so that all are aligned without gaps. */
function pack(items: readonly Item[], base: number, placed: Map<Item, PhysAddr>): Bytes {
  let at = base;
  for (const item of [...items].sort((a, b) => b.request.sizeBytes - a.request.sizeBytes)) {
    invariant(at % item.request.sizeBytes === 0, "A BAR is not aligned to its size");
    placed.set(item, at as PhysAddr);
    at += item.request.sizeBytes;
  }
  return at - base;
}

function largest(items: readonly Item[]): Bytes {
  return Math.max(...items.map(({ request }) => request.sizeBytes));
}

function windowOf(
  { busOffset, name }: BridgeBars,
  kind: "mem32" | "mem64",
  base: number,
  sizeBytes: Bytes,
): MemoryWindow {
  const basePhys = base as PhysAddr;
  return { name: `${name}.${kind}`, basePhys, sizeBytes, busOffset, hostBridge: name };
}

/** The lowest free place from 3 GiB up; without one, the highest free place below. */
function placeLow(
  bridge: BridgeBars,
  items: readonly Item[],
  occupied: readonly MemoryWindow[],
): MemoryWindow {
  const totalBytes = items.reduce((sum, { request }) => sum + request.sizeBytes, 0);
  const sizeBytes = alignUp(totalBytes, LOW_WINDOW_UNIT);
  const unit = Math.max(LOW_WINDOW_UNIT, largest(items));
  const clashAt = (base: number): MemoryWindow | undefined =>
    occupied.find((other) =>
      base < other.basePhys + other.sizeBytes && other.basePhys < base + sizeBytes
    );
  for (let base = alignUp(LOW_START, unit); base + sizeBytes <= LOW_END;) {
    const clash = clashAt(base);
    invariant(base % unit === 0, "A window is not aligned");
    if (clash === undefined) return windowOf(bridge, "mem32", base, sizeBytes);
    base = alignUp(clash.basePhys + clash.sizeBytes, unit);
  }
  for (let base = alignDown(LOW_START - sizeBytes, unit); base >= LOW_BOTTOM;) {
    const clash = clashAt(base);
    if (clash === undefined) return windowOf(bridge, "mem32", base, sizeBytes);
    base = alignDown(clash.basePhys - sizeBytes, unit);
  }
  throw new ConfigError(
    [items[0]!.device],
    `No room below 4 GiB for ${sizeBytes} bytes of PCI memory`,
    "make the regions below 4 GiB smaller, or move them",
  );
}

/** The first address above RAM, windows and regions, but at least 4 GiB. */
function endOfMemory(
  config: Pick<MachineConfig, "ramSizeBytes" | "windows" | "regions">,
): number {
  let end = 4 * GIB;
  for (const { basePhys, sizeBytes } of [...layOutMemory(config), ...config.regions]) {
    end = Math.max(end, basePhys + sizeBytes);
  }
  return end;
}
