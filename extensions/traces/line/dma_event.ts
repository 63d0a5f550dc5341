/**
 * An event of the DMA API or of an IOMMU, parsed from a trace line.
 *
 * @see rules/traces.md T.15 to T.25
 */
import type { DMA_EVENTS, IOMMU_EVENTS } from "./event_names.ts";
import { KnownTexts } from "./known_texts.ts";
import { hexAt, type PayloadFields, payloadKey } from "./payload.ts";

/** Directions, in the order of their numbers in the kernel. */
export const DIRECTIONS = ["BIDIRECTIONAL", "TO_DEVICE", "FROM_DEVICE", "NONE"] as const;
export type Direction = (typeof DIRECTIONS)[number];

/** The family of a call: only calls of the same family may unmap a mapping. */
export type MappingKind = "map" | "alloc" | "sg";

/** The device, and the direction of the transfer. */
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
    /** Null if the line has no physical address. */
    readonly phys: number | null;
    readonly failed: boolean;
  }
  | AddressCall & { readonly op: "unmap" | "free" }
  | AddressCall & { readonly op: "sync"; readonly isList: boolean }
  | Transfer & {
    readonly op: "map_sg";
    /** Number of entries before merging; the arrays below may have fewer. */
    readonly entries: number;
    readonly dmaAddrs: readonly number[];
    readonly sizesBytes: readonly number[];
    readonly physAddrs: readonly number[];
  }
  | Transfer & {
    readonly op: "unmap_sg";
    readonly physAddrs: readonly number[];
    /** Whether the line was truncated within the list. */
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

/** Parses the text after an event's name; null for a truncated or damaged line. */
export type DmaReader = (fields: PayloadFields) => DmaEvent | null;

type EventName = (typeof DMA_EVENTS)[number] | (typeof IOMMU_EVENTS)[number];

const READER_TABLE: Readonly<Record<EventName, DmaReader>> = {
  dma_map_phys: mapped,
  dma_map_page: mapped,
  dma_map_resource: mapped,
  dma_unmap_phys: (fields) => ended("unmap", fields),
  dma_unmap_page: (fields) => ended("unmap", fields),
  dma_unmap_resource: (fields) => ended("unmap", fields),
  dma_alloc: allocated,
  dma_alloc_pages: allocated,
  dma_alloc_sgt: allocated,
  dma_alloc_sgt_err: failed,
  dma_free: (fields) => ended("free", fields),
  dma_free_pages: (fields) => ended("free", fields),
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
};

const READERS: ReadonlyMap<string, DmaReader> = new Map(Object.entries(READER_TABLE));

/** The parser for an event that the ledger needs; undefined for any other event. */
export function dmaReaderOf(name: string): DmaReader | undefined {
  return READERS.get(name);
}

const ADDR = payloadKey("dma_addr");
const ADDRS = payloadKey("dma_addrs");
const ATTRS = payloadKey("attrs");
const DIR = payloadKey("dir");
const IOVA = payloadKey("iova");
const NENTS = payloadKey("nents");
const PADDR = payloadKey("paddr");
const PHYS = payloadKey("phys_addr");
const PHYS_LIST = payloadKey("phys_addrs");
const SIZE = payloadKey("size");
const SIZES = payloadKey("sizes");
const UNMAPPED_SIZE = payloadKey("unmapped_size");
const VIRT = payloadKey("virt_addr");

const KNOWN_DIRECTIONS = new KnownTexts((word): Direction | "unknown" =>
  DIRECTIONS.find((direction) => direction === word) ?? "unknown"
);

/** @param unsaid The direction if the line has none. */
function directionOf(
  fields: PayloadFields,
  unsaid: Direction | null = null,
): Direction | null {
  const direction = fields.wordAs(DIR, KNOWN_DIRECTIONS);
  if (direction === null) return unsaid;
  return direction === "unknown" ? null : direction;
}

/** Whether a line is complete: most lines end with the field `attrs`. */
function isWhole(fields: PayloadFields): boolean {
  return fields.has(ATTRS);
}

/**
 * Parses the fields that all calls about one address have; null for a line that is truncated before these
 * fields.
 *
 * @param unsaid The direction to assume if the line has none. The first kernels with these events print
 *   no direction for coherent memory, which is mapped in both directions.
 */
function callOf(
  fields: PayloadFields,
  unsaid: Direction | null = null,
): AddressCall | null {
  const dir = directionOf(fields, unsaid);
  const addr = fields.hex(ADDR);
  const sizeBytes = fields.decimal(SIZE);
  if (dir === null || addr === null || sizeBytes === null) return null;
  return { device: fields.firstWord, dir, addr, sizeBytes };
}

function mapped(fields: PayloadFields): DmaEvent | null {
  const call = callOf(fields);
  if (call === null) return null;
  const phys = fields.hex(PHYS);
  if (phys === null || !isWhole(fields)) return null;
  const { addr, device, dir, sizeBytes } = call;
  return { op: "map", device, dir, addr, sizeBytes, phys, failed: addr < 0 };
}

/** Values that a failed allocation prints instead of a memory address. */
const NO_MEMORY: ReadonlySet<string> = new Set(["(null", "0x0", "(nil"]);

/** Parses an allocation. A failed one has DMA address 0 and no memory. */
function allocated(fields: PayloadFields): DmaEvent | null {
  const call = callOf(fields, "BIDIRECTIONAL");
  if (call === null || !isWhole(fields)) return null;
  return {
    op: "alloc",
    ...call,
    phys: fields.array(PHYS_LIST)?.[0] ?? null,
    failed: call.addr < 0 || call.addr === 0 && NO_MEMORY.has(fields.word(VIRT) ?? ""),
  };
}

function ended(op: "unmap" | "free", fields: PayloadFields): DmaEvent | null {
  const call = callOf(fields, op === "free" ? "BIDIRECTIONAL" : null);
  if (call === null || !isWhole(fields)) return null;
  const { addr, device, dir, sizeBytes } = call;
  return { op, device, dir, addr, sizeBytes };
}

function freedTable(fields: PayloadFields): DmaEvent | null {
  const call = callOf(fields, "BIDIRECTIONAL");
  return call && { op: "free", ...call };
}

function failed(fields: PayloadFields): DmaEvent | null {
  return { op: "failed", device: fields.firstWord };
}

function mappedList(fields: PayloadFields): DmaEvent | null {
  const dir = directionOf(fields);
  const dmaAddrs = fields.array(ADDRS);
  const sizesBytes = fields.array(SIZES);
  const physAddrs = fields.array(PHYS_LIST);
  if (dir === null || dmaAddrs === null || sizesBytes === null || physAddrs === null) return null;
  if (!isWhole(fields) || physAddrs.length === 0 || dmaAddrs.length === 0) return null;
  return {
    op: "map_sg",
    device: fields.firstWord,
    dir,
    entries: fields.count(NENTS) ?? physAddrs.length,
    dmaAddrs,
    sizesBytes,
    physAddrs,
  };
}

/**
 * Parses the unmap of a list. A line has at most 8 KiB, so a long list is truncated. The first
 * entries still identify the list.
 */
function unmappedList(fields: PayloadFields): DmaEvent | null {
  const dir = directionOf(fields);
  const whole = isWhole(fields) ? fields.array(PHYS_LIST) : null;
  const physAddrs = whole ?? fields.cutArray(PHYS_LIST);
  if (dir === null || physAddrs.length === 0) return null;
  return { op: "unmap_sg", device: fields.firstWord, dir, physAddrs, isCut: whole === null };
}

function synced(fields: PayloadFields): DmaEvent | null {
  const call = callOf(fields);
  return call && { op: "sync", ...call, isList: false };
}

function syncedList(fields: PayloadFields): DmaEvent | null {
  const dir = directionOf(fields);
  const dmaAddrs = fields.array(ADDRS);
  const sizesBytes = fields.array(SIZES);
  if (dir === null || dmaAddrs === null || sizesBytes === null) return null;
  const [addr, sizeBytes] = [dmaAddrs[0], sizesBytes[0]];
  if (addr === undefined || sizeBytes === undefined) return null;
  return { op: "sync", device: fields.firstWord, dir, addr, sizeBytes, isList: true };
}

/**
 * `RANGE_HEAD` is the text before the start of the range, `RANGE_MIDDLE` the text before its end.
 * The end is exclusive. Kernels of 5.x print only the start, with the size.
 */
const RANGE_HEAD = new TextEncoder().encode("IOMMU:");
const RANGE_MIDDLE = new TextEncoder().encode(" - ");

/** Offset of the range in the line, or -1. Newer kernels print the device before it. */
function rangeAt(fields: PayloadFields): number {
  return fields.startsWith(RANGE_HEAD) ? fields.valueStart(IOVA) : -1;
}

/**
 * The end of the range that begins at address `start`. The text of the end is at offset `at`. Null
 * if the line is truncated before the end is complete.
 */
function rangeEnd(fields: PayloadFields, at: number, start: number): number | null {
  const middle = fields.indexOf(RANGE_MIDDLE, at);
  const sizeBytes = fields.decimal(SIZE);
  if (sizeBytes === null) return null;
  return middle < 0 ? start + sizeBytes : hexAt(fields.bytes, middle + RANGE_MIDDLE.length);
}

function iommuMapped(fields: PayloadFields): DmaEvent | null {
  const at = rangeAt(fields);
  const start = at < 0 ? null : hexAt(fields.bytes, at);
  const end = start === null ? null : rangeEnd(fields, at, start);
  const phys = end === null ? null : fields.hex(PADDR);
  if (start === null || end === null || phys === null) return null;
  return { op: "iommu_map", start, end, phys };
}

function iommuUnmapped(fields: PayloadFields): DmaEvent | null {
  const at = rangeAt(fields);
  const start = at < 0 ? null : hexAt(fields.bytes, at);
  const end = start === null ? null : rangeEnd(fields, at, start);
  if (start === null || end === null || fields.decimal(UNMAPPED_SIZE) === null) return null;
  return { op: "iommu_unmap", start, end };
}
