/** Finds the mapping that a line is about, and maintains a device's tables of mappings. */
import type { Direction, DmaEvent } from "../line/dma_event.ts";
import {
  type Certainty,
  type Device,
  DeviceLists,
  NEAR_PAGES,
  pagesOf,
  siblingsOf,
  type TracedMapping,
  type TraceInstant,
} from "./traced_mapping.ts";
import { PAGE_BYTES, pageOf } from "../owner/pages.ts";
import { modeOf } from "./device_mode.ts";
import type { Edges } from "./edges.ts";
import { NumberMap } from "../owner/number_map.ts";
import type { Context, EndedRange, TableUnmap } from "./page_table.ts";

export type UnmapEvent = Extract<DmaEvent, { op: "unmap" | "free" }>;

export type MapEvent = Extract<DmaEvent, { op: "map" | "alloc" | "map_sg" }>;

/** Largest number of list entries that a line shows. @see rules/traces.md T.20 */
const DISPLAYED_ENTRIES = 128;

/**
 * The mapping at the event's address that fits best. Mappings with the same size and direction fit
 * best, then those with the same size, then those with the same direction, then those with only the
 * same address. Among mappings that fit equally well, it is the newest.
 */
export function bestMapping(
  mappings: readonly TracedMapping[],
  event: UnmapEvent,
  kind: TracedMapping["kind"],
): TracedMapping | null {
  let found: TracedMapping | null = null;
  let points = -1;
  for (let index = mappings.length - 1; index >= 0; index--) {
    const mapping = mappings[index]!;
    if (mapping.addr !== event.addr || mapping.kind !== kind) continue;
    const fit = (mapping.sizeBytes === event.sizeBytes ? 2 : 0) +
      (mapping.dir === event.dir ? 1 : 0);
    if (fit > points) {
      found = mapping;
      points = fit;
    }
    if (fit === 3) break;
  }
  return found;
}

/**
 * The largest number of live mappings with which an unmap without a map is compared. Also the largest
 * number of unmaps of a device that are compared in this way.
 */
const MAX_COMPARED = 1024;

/**
 * Finds a live mapping that has the unmap's size, and the unmap's address as its physical address.
 * The driver then passed the physical address instead of the DMA address. Null if there is no such
 * mapping, and for a device with direct mappings.
 */
export function atPhysicalAddress(
  device: Device,
  { addr, sizeBytes }: UnmapEvent,
): TracedMapping | null {
  if (modeOf(device) === "direct" || device.mappedBeforeTrace >= MAX_COMPARED) return null;
  let compared = 0;
  for (const mappings of device.byPage.values()) {
    for (const mapping of mappings) {
      const { addr: dma, phys, sizeBytes: mappedBytes } = mapping;
      if (phys === addr && dma !== addr && mappedBytes === sizeBytes) return mapping;
      if (++compared === MAX_COMPARED) return null;
    }
  }
  return null;
}

/** If there are more devices than this, each address is assumed to be live for another device. */
const MAX_DEVICES = 1024;

/**
 * Whether another device has a live mapping with exactly this address, size and direction. This is
 * possible because all domains allocate the same addresses.
 */
export function isAnothers(
  devices: ReadonlyMap<string, Device>,
  event: UnmapEvent,
  kind: TracedMapping["kind"],
  device: Device,
): boolean {
  if (devices.size > MAX_DEVICES) return true;
  for (const other of devices.values()) {
    if (other === device) continue;
    const mapping = bestMapping(mappingsAt(other, pageOf(event.addr)), event, kind);
    if (mapping?.sizeBytes === event.sizeBytes && mapping.dir === event.dir) return true;
  }
  return false;
}

export function isSameList(
  mapping: TracedMapping,
  physAddrs: readonly number[],
  isCut: boolean,
): boolean {
  if (!isCut && mapping.entries !== physAddrs.length) return false;
  const shown = Math.min(mapping.physAddrs.length, physAddrs.length, DISPLAYED_ENTRIES);
  for (let index = 0; index < shown; index++) {
    if (mapping.physAddrs[index] !== physAddrs[index]) return false;
  }
  return true;
}

function listBytes({ dmaAddrs, sizesBytes }: Extract<DmaEvent, { op: "map_sg" }>): number {
  let end = 0;
  dmaAddrs.forEach((addr, index) => end = Math.max(end, addr + sizesBytes[index]!));
  return Math.max(end - dmaAddrs[0]!, sizesBytes[0]!);
}

export function makeMapping(
  event: MapEvent,
  device: Device,
  tableLine: number,
  by: Pick<TracedMapping, "mappedAt" | "pid" | "task" | "request">,
): TracedMapping {
  const { mappedAt, pid, request, task } = by;
  const { dir } = event;
  const isList = event.op === "map_sg";
  const kind = isList ? "sg" : event.op;
  const sizeBytes = isList ? listBytes(event) : event.sizeBytes;
  // The object is written out, because a spread would make half of a trace's garbage.
  return {
    device,
    kind,
    addr: isList ? event.dmaAddrs[0]! : event.addr,
    sizeBytes,
    dir,
    phys: isList ? event.physAddrs[0]! : event.phys,
    mappedAt,
    pid,
    task,
    request,
    tableLine,
    entries: isList ? event.entries : 1,
    physAddrs: isList ? event.physAddrs : NO_ADDRESSES,
    unmappedAt: null,
    isUncertain: false,
    isSegment: false,
    siblings: siblingsOf(device, mappedAt.cpu, kind, dir, sizeBytes),
    mapsBefore: 0,
    unmapsBefore: 0,
    ringSlot: 0,
    isUnseen: false,
    older: null,
    newer: null,
  };
}

const NO_ADDRESSES: readonly number[] = [];

/** Counts a mapping for its device, by how its address was made. @see rules/traces.md T.60 */
export function noteMap(mapping: TracedMapping): void {
  const device = mapping.device!;
  if (device.mapCount++ === 0) device.firstLine = mapping.mappedAt.line;
  const { addr, phys, sizeBytes, tableLine } = mapping;
  if (tableLine > 0) device.coveredMaps++;
  else if (phys === addr) device.identityMaps++;
  else if (phys !== null) {
    device.otherMaps++;
    if ((addr - phys) % PAGE_BYTES !== 0) device.movedMaps++;
    device.lowestOther = Math.min(device.lowestOther, addr);
    device.highestOther = Math.max(device.highestOther, addr + sizeBytes);
  }
}

/** Counts a map that failed. @param sizeBytes 0 if the line has no size. */
export function noteFailedMap(
  device: Device,
  { line, seconds }: TraceInstant,
  sizeBytes: number,
): void {
  count(device, "map_failed");
  const { count: before = 0, firstLine = line, firstSeconds = seconds } = device.failed ?? {};
  const { longestRun = 0, mostBytes = 0, run = 0 } = device.failed ?? {};
  device.failed = {
    count: before + 1,
    firstLine,
    firstSeconds,
    lastLine: line,
    mostBytes: Math.max(mostBytes, sizeBytes),
    run: run + 1,
    longestRun: Math.max(longestRun, run + 1),
  };
}

/**
 * How certain it is that no other mapping has the same address. If the device has direct mappings,
 * another mapping may have the address: a mapping from before the trace, or a mapping with a
 * missing line.
 *
 * @see rules/traces.md T.64, T.66
 */
export function soleUse(
  { addr, device }: TracedMapping,
  { isHeadMissing, lostLine }: Edges,
): Certainty {
  if (modeOf(device!) !== "direct") return "proved";
  const { folded, foldedElsewhere, mappedBeforeTrace } = device!;
  const isWhole = !isHeadMissing && lostLine === 0 && mappedBeforeTrace === 0;
  return isWhole && !folded?.has(addr) && foldedElsewhere === 0 ? "proved" : "possible";
}

export function count(device: Device, name: string, by = 1): void {
  device.counts[name] = (device.counts[name] ?? 0) + by;
}

/** Adds a live mapping. */
export function keepMapping(mapping: TracedMapping): void {
  const device = mapping.device!;
  if (isStacked(mapping)) foldOldest(mapping);
  if (isIdentity(mapping) && mapping.kind === "map") {
    device.identities ??= new NumberMap();
    device.identities.set(mapping.mappedAt.line, mapping);
  }
  mapping.siblings?.map(mapping);
  addMapping(device.byPage, pageOf(mapping.addr), mapping);
  if (pagesOf(mapping) > NEAR_PAGES) (device.large ??= new Set()).add(mapping);
  if (mapping.kind !== "sg") return;
  device.lists ??= new DeviceLists();
  addMapping(device.lists.live, mapping.phys!, mapping);
}

/**
 * Notes several direct mappings in a row. They may be the segments of one request, which ends
 * without an unmap line for each segment.
 *
 * @see rules/traces.md T.23
 */
export function noteSegments(mapping: TracedMapping, context: Context): void {
  const { lastMapping } = context;
  context.lastMapping = mapping;
  if (lastMapping === null || !isIdentity(mapping)) return;
  const isOfOne = mapping.request === null
    ? lastMapping.mappedAt.line === context.lastLine
    : lastMapping.request === mapping.request;
  if (!isOfOne) return;
  for (const segment of [lastMapping, mapping]) {
    if (segment.isSegment) continue;
    segment.isSegment = true;
    mapping.device!.segments++;
  }
}

/** Whether a device's requests end without unmaps of their segments. If so, a live segment is no leak. */
export function keepsSegments({ segments, unmappedSegments }: Device): boolean {
  return unmappedSegments * 2 < segments;
}

/** Removes a mapping that is no longer live. */
export function dropMapping(mapping: TracedMapping): void {
  const { byPage, identities, large, lists } = mapping.device!;
  mapping.siblings?.forget(mapping);
  identities?.delete(mapping.mappedAt.line);
  large?.delete(mapping);
  removeMapping(byPage, pageOf(mapping.addr), mapping);
  if (mapping.kind === "sg") removeMapping(lists!.live, mapping.phys!, mapping);
}

export function endMapping(mapping: TracedMapping, now: TraceInstant): void {
  mapping.siblings?.unmap(mapping, now.seconds);
  dropMapping(mapping);
  mapping.unmappedAt = now;
  const device = mapping.device!;
  device.unmapCount++;
  if (mapping.isSegment) device.unmappedSegments++;
  device.unmapped.set(mapping.addr, mapping);
  if (mapping.kind === "sg") device.lists!.unmapped.set(mapping.phys!, mapping);
}

/** Whether the device uses the physical address, so that no IOVA is allocated or freed. */
function isIdentity({ addr, phys, tableLine }: TracedMapping): boolean {
  return phys === addr && tableLine === 0;
}

/** Whether other mappings may be live at the same address, as far as the lines show. */
function isStacked(mapping: TracedMapping): boolean {
  return isIdentity(mapping) || mapping.phys === null && mapping.tableLine === 0;
}

/** Live mappings that begin in the given page. */
export function mappingsAt(device: Device, page: number): readonly TracedMapping[] {
  return device.byPage.get(page) ?? NO_MAPPINGS;
}

const NO_MAPPINGS: readonly TracedMapping[] = [];

/**
 * A live mapping that is in the same page as `mapping` and excludes it: if the device is
 * translated, the two cannot be live together. Null if there is no such mapping.
 */
export function conflicting(mapping: TracedMapping): TracedMapping | null {
  if (isIdentity(mapping)) return null;
  for (const other of mappingsAt(mapping.device!, pageOf(mapping.addr))) {
    if (isIdentity(other)) continue;
    if (other.tableLine > 0 ? mapping.tableLine > 0 || other.addr === mapping.addr : false) {
      return other;
    }
    const isSame = other.addr === mapping.addr && other.kind === mapping.kind;
    if (isSame && other.phys !== null && modeOf(mapping.device!) !== "direct") return other;
  }
  return null;
}

/**
 * The largest number of mappings of one page that are kept. Further mappings that can be live together with
 * these are only counted, because their unmaps may be missing.
 */
const MAX_PER_PAGE = 8;
/** Largest number of mappings of one device that are kept. A device's rings have fewer entries. */
const MAX_PER_DEVICE = 1 << 16;

/**
 * Makes room for one more mapping of a page and of a device: drops the oldest mapping and only
 * counts it from now on.
 *
 * @see rules/traces.md T.23, T.64
 */
function foldOldest({ addr, device }: TracedMapping): void {
  const { identities } = device!;
  const mappings = mappingsAt(device!, pageOf(addr));
  const oldest = mappings.length >= MAX_PER_PAGE
    ? mappings.find(isStacked)
    : identities !== null && identities.size >= MAX_PER_DEVICE
    ? identities.get(identities.oldestKey!)
    : undefined;
  if (oldest === undefined) return;
  dropMapping(oldest);
  device!.fold(oldest.addr);
}

/** Unmaps one of the mappings that are only counted. @returns False if none is counted. */
export function unfold(device: Device, addr: number): boolean {
  const count = device.folded?.get(addr) ?? 0;
  if (count > 1) device.folded!.set(addr, count - 1);
  else if (count === 1) device.folded!.delete(addr);
  else if (device.foldedElsewhere > 0) device.foldedElsewhere--;
  else return false;
  device.unmapCount++;
  return true;
}

function addMapping(
  map: NumberMap<TracedMapping[]>,
  key: number,
  mapping: TracedMapping,
): void {
  const mappings = map.get(key);
  // Most pages have one mapping. The array is made with that mapping, because an array that has
  // grown by `push` has room for sixteen more elements.
  if (mappings === undefined) map.set(key, [mapping]);
  else mappings.push(mapping);
}

function removeMapping(
  map: NumberMap<TracedMapping[]>,
  key: number,
  mapping: TracedMapping,
): void {
  const mappings = map.get(key);
  if (mappings === undefined) return;
  const at = mappings.indexOf(mapping);
  if (at < 0) return;
  if (mappings.length === 1) map.delete(key);
  else mappings.splice(at, 1);
}

/**
 * Makes a mapping of a two-step range. The mapping has a device and a direction only if the request
 * of the range gives them.
 *
 * @see rules/traces.md T.26, T.30
 */
export function rangeMapping(
  { maps, run, unmap }: Omit<EndedRange, "unmap"> & { readonly unmap: TableUnmap | null },
  device: Device | null,
): TracedMapping | null {
  const [first] = maps;
  if (first === undefined) return null;
  return {
    device,
    kind: "two_step",
    addr: first.start,
    sizeBytes: maps.at(-1)!.end - first.start,
    dir: directionOf(run.request?.verb),
    phys: first.phys,
    mappedAt: first,
    pid: run.context.pid,
    task: run.context.task,
    request: run.request?.name ?? null,
    tableLine: first.line,
    entries: maps.length,
    physAddrs: [],
    unmappedAt: unmap,
    isUncertain: false,
    isSegment: false,
    siblings: null,
    mapsBefore: 0,
    unmapsBefore: 0,
    ringSlot: 0,
    isUnseen: false,
    older: null,
    newer: null,
  };
}

function directionOf(verb: string | undefined): Direction | null {
  return verb === "read" ? "FROM_DEVICE" : verb === "write" ? "TO_DEVICE" : null;
}
