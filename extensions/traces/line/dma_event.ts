/**
 * An event of the DMA API or of an IOMMU, as a trace line has it.
 *
 * @see rules/traces.md T.15 to T.25
 */
import { arrayOf, countOf, cutArrayOf, decimalOf, hexAt, hexOf, wordOf } from "./payload.ts";

/** By their numbers in the kernel. */
export const DIRECTIONS = ["BIDIRECTIONAL", "TO_DEVICE", "FROM_DEVICE", "NONE"] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** What the calls of one family have in common: what one maps, only the same one may unmap. */
export type MappingKind = "map" | "alloc" | "sg";

/** Which device, and which way its data goes. */
interface Transfer {
  readonly device: string;
  readonly dir: Direction;
}

/** A call about one address. */
interface AddressCall extends Transfer {
  readonly addr: number;
  readonly sizeBytes: number;
}

export type DmaEvent =
  | AddressCall & {
    readonly op: "map" | "alloc";
    /** Null where the line has none. */
    readonly phys: number | null;
    readonly failed: boolean;
  }
  | AddressCall & { readonly op: "unmap" | "free" }
  | AddressCall & { readonly op: "sync"; readonly isList: boolean }
  | Transfer & {
    readonly op: "map_sg";
    /** Entries that went in, of which the list below may show fewer. */
    readonly entries: number;
    readonly dmaAddrs: readonly number[];
    readonly sizesBytes: readonly number[];
    readonly physAddrs: readonly number[];
  }
  | Transfer & {
    readonly op: "unmap_sg";
    readonly physAddrs: readonly number[];
    /** The line ends inside the list. */
    readonly isCut: boolean;
  }
  | { readonly op: "failed"; readonly device: string }
  | {
    readonly op: "iommu_map";
    readonly start: number;
    readonly end: number;
    readonly phys: number;
  }
  | {
    readonly op: "iommu_unmap";
    readonly start: number;
    readonly end: number;
  };

type Reader = (payload: string) => DmaEvent | null;

/** How the payload of each event is read; null for one that is cut or damaged. */
const READERS: ReadonlyMap<string, Reader> = new Map(Object.entries<Reader>({
  dma_map_phys: mapped,
  dma_map_page: mapped,
  dma_map_resource: mapped,
  dma_unmap_phys: (payload) => ended("unmap", payload),
  dma_unmap_page: (payload) => ended("unmap", payload),
  dma_unmap_resource: (payload) => ended("unmap", payload),
  dma_alloc: allocated,
  dma_alloc_pages: allocated,
  dma_alloc_sgt: allocated,
  dma_alloc_sgt_err: failed,
  dma_free: (payload) => ended("free", payload),
  dma_free_pages: (payload) => ended("free", payload),
  dma_free_sgt: freedTable,
  dma_map_sg: mappedList,
  dma_map_sg_err: failed,
  dma_unmap_sg: unmappedList,
  dma_sync_single_for_cpu: synced,
  dma_sync_single_for_device: synced,
  dma_sync_sg_for_cpu: syncedList,
  dma_sync_sg_for_device: syncedList,
  map: iommuMapped,
  unmap: iommuUnmapped,
}));

/** Reads an event that mappings are followed by; null when it is damaged, undefined for any other. */
export function readDmaEvent(name: string, payload: string): DmaEvent | null | undefined {
  return READERS.get(name)?.(payload);
}

function directionOf(payload: string): Direction | null {
  // The word of the list: one cut out of a line would keep the line in memory.
  const word = wordOf(payload, " dir=");
  return DIRECTIONS.find((direction) => direction === word) ?? null;
}

function deviceOf(payload: string): string {
  const end = payload.indexOf(" ");
  return end < 0 ? payload : payload.slice(0, end);
}

/** The last field of most lines: without it the line is cut. */
function isWhole(payload: string): boolean {
  return payload.includes(" attrs=");
}

const BOUNCED_HEAD = "dev_name: ";

/** The device that a line of `swiotlb_bounced` names. @see rules/traces.md T.31 */
export function bouncedDevice(payload: string): string {
  return deviceOf(payload.slice(BOUNCED_HEAD.length));
}

/** What all calls about one address say; null for a line that is cut before it. */
function callOf(payload: string): AddressCall | null {
  const dir = directionOf(payload);
  const addr = hexOf(payload, " dma_addr=");
  const sizeBytes = decimalOf(payload, " size=");
  if (dir === null || addr === null || sizeBytes === null) return null;
  return { device: deviceOf(payload), dir, addr, sizeBytes };
}

function mapped(payload: string): DmaEvent | null {
  const call = callOf(payload);
  const phys = hexOf(payload, " phys_addr=");
  if (call === null || phys === null || !isWhole(payload)) return null;
  return { op: "map", ...call, phys, failed: call.addr < 0 };
}

/** A failed allocation has address 0 and no memory. */
function allocated(payload: string): DmaEvent | null {
  const call = callOf(payload);
  if (call === null || !isWhole(payload)) return null;
  return {
    op: "alloc",
    ...call,
    phys: arrayOf(payload, " phys_addrs=")?.[0] ?? null,
    failed: call.addr < 0 ||
      call.addr === 0 && /virt_addr=(?:\(null\)|0x0\b|\(nil\))/.test(payload),
  };
}

function ended(op: "unmap" | "free", payload: string): DmaEvent | null {
  const call = callOf(payload);
  return call !== null && isWhole(payload) ? { op, ...call } : null;
}

function freedTable(payload: string): DmaEvent | null {
  const call = callOf(payload);
  return call && { op: "free", ...call };
}

function failed(payload: string): DmaEvent | null {
  return { op: "failed", device: deviceOf(payload) };
}

function mappedList(payload: string): DmaEvent | null {
  const dir = directionOf(payload);
  const dmaAddrs = arrayOf(payload, " dma_addrs=");
  const sizesBytes = arrayOf(payload, " sizes=");
  const physAddrs = arrayOf(payload, " phys_addrs=");
  if (dir === null || dmaAddrs === null || sizesBytes === null || physAddrs === null) return null;
  if (!isWhole(payload) || physAddrs.length === 0 || dmaAddrs.length === 0) return null;
  return {
    op: "map_sg",
    device: deviceOf(payload),
    dir,
    entries: countOf(payload, " nents=") ?? physAddrs.length,
    dmaAddrs,
    sizesBytes,
    physAddrs,
  };
}

/** A line has 8 KiB: a long list is truncated, and the rest still identifies it. */
function unmappedList(payload: string): DmaEvent | null {
  const dir = directionOf(payload);
  const whole = isWhole(payload) ? arrayOf(payload, " phys_addrs=") : null;
  const physAddrs = whole ?? cutArrayOf(payload, " phys_addrs=");
  if (dir === null || physAddrs.length === 0) return null;
  return { op: "unmap_sg", device: deviceOf(payload), dir, physAddrs, isCut: whole === null };
}

function synced(payload: string): DmaEvent | null {
  const call = callOf(payload);
  return call && { op: "sync", ...call, isList: false };
}

function syncedList(payload: string): DmaEvent | null {
  const dir = directionOf(payload);
  const dmaAddrs = arrayOf(payload, " dma_addrs=");
  const sizesBytes = arrayOf(payload, " sizes=");
  if (dir === null || dmaAddrs === null || sizesBytes === null) return null;
  const [addr, sizeBytes] = [dmaAddrs[0], sizesBytes[0]];
  if (addr === undefined || sizeBytes === undefined) return null;
  return { op: "sync", device: deviceOf(payload), dir, addr, sizeBytes, isList: true };
}

/**
 * Before the first address, and between the two; the second is exclusive. Kernels of 5.x print the first
 * alone, with the size.
 */
const RANGE_HEAD = "IOMMU: iova=";
const RANGE_MIDDLE = " - ";

function rangeOf(payload: string): { readonly start: number; readonly end: number } | null {
  if (!payload.startsWith(RANGE_HEAD)) return null;
  const middle = payload.indexOf(RANGE_MIDDLE);
  const start = hexAt(payload, RANGE_HEAD.length);
  const sizeBytes = decimalOf(payload, " size=");
  if (start === null || sizeBytes === null) return null;
  const end = middle < 0 ? start + sizeBytes : hexAt(payload, middle + RANGE_MIDDLE.length);
  return end === null ? null : { start, end };
}

function iommuMapped(payload: string): DmaEvent | null {
  const range = rangeOf(payload);
  const phys = hexOf(payload, " paddr=");
  if (range === null || phys === null) return null;
  return { op: "iommu_map", start: range.start, end: range.end, phys };
}

function iommuUnmapped(payload: string): DmaEvent | null {
  const range = rangeOf(payload);
  if (range === null || decimalOf(payload, " unmapped_size=") === null) return null;
  return { op: "iommu_unmap", start: range.start, end: range.end };
}
