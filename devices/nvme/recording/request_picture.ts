/**
 * Decodes a request for all views: the memory that the request covers, and the PRP entries or SGL descriptors
 * that point to this memory. The input is the events of a run, up to a given event or the latest.
 */
import type { MachineEvent } from "@dmalab/runtime";
import { CTRL_PAGE_BYTES, PRP_BYTES, SGL_DESCRIPTOR_BYTES } from "../driver/protocol.ts";

/** A contiguous range of memory that the request covers, and the event that shows it. */
export interface RequestSegment {
  /** Physical address of the range. */
  readonly phys: number;
  /** Its size. */
  readonly sizeBytes: number;
  /** The event that shows the range; null if no event shows it yet. */
  readonly seq: number | null;
}

/** An entry of the command's data or metadata pointer: a PRP entry, or an SGL descriptor. */
export interface RequestEntry {
  /** `PRP1`, `PRP2`, `SGL`, `MPTR`, or the entry's index in a list page. */
  readonly label: string;
  /** The index in `listPages` of the entry's page; null for an entry of the command itself. */
  readonly page: number | null;
  /** The index of the entry in that page; null in the command. */
  readonly index: number | null;
  /** DMA address of the entry; null for an entry in the command. */
  readonly at: number | null;
  /** The address in the entry. */
  readonly dma: number;
  /**
   * Size of the memory that the entry describes: the length in an SGL descriptor, else the bytes up to the
   * page's end.
   */
  readonly sizeBytes: number;
  /** `list` if the entry points to a list page. */
  readonly leadsTo: "data" | "list";
  /**
   * Physical address that the request's mappings have for the address in the entry. Null for a list, and for
   * an entry that is in no mapping of the request.
   */
  readonly phys: number | null;
  /** Whether the entry points to data that is in no mapping of the request. */
  readonly isOutside: boolean;
  /** The event that wrote the entry; null if no event shows the write. */
  readonly seq: number | null;
  /** Number of the event with which the device read the entry; null if the device has not read it. */
  readonly fetched: number | null;
}

/** A page of PRP entries or SGL descriptors. */
export interface RequestListPage {
  /** DMA address of the list page. */
  readonly dma: number;
  /** The event that wrote the entry which points to this page. */
  readonly seq: number | null;
}

/** Memory, and the part of the command that points to it. */
export interface RequestMemory {
  /** The memory, in order. */
  readonly segments: readonly RequestSegment[];
  /** Entries, those of the command first; empty before the command is built. */
  readonly entries: readonly RequestEntry[];
  /** The list pages to which the command points. */
  readonly listPages: readonly RequestListPage[];
  /** Whether entries contain lengths, like those of an SGL. */
  readonly hasLengths: boolean;
}

/**
 * A request at a given event: the memory of the request's data, and how the request's command
 * describes this memory.
 */
export interface RequestPicture extends RequestMemory {
  /** Its number. */
  readonly request: number;
  /** The disk; null if no event names it. */
  readonly device: string | null;
  /** The format of the data pointer; null before one is chosen. */
  readonly format: string | null;
  /** The request's status; null before the request's end. */
  readonly status: string | null;
  /** The IOVA range that contains all of the request's data; null if segments are mapped separately. */
  readonly iova: { readonly dma: number; readonly sizeBytes: number } | null;
  /** How the device accesses the memory; null before it is mapped. */
  readonly path: MachineEvent<"dma.map">["fields"]["path"] | null;
  /** Parts of the request's memory that are in bounce buffers, sorted by the device's address. */
  readonly copies: readonly BouncedPart[];
  /** Metadata of the request's blocks, or null. */
  readonly metadata: RequestMemory | null;
}

/** Title of a device's addresses, by its path to the memory. */
export const ADDRESS_TITLES = {
  iommu: "IOVA",
  direct: "physical address",
  bus: "PCI bus address",
  swiotlb: "bounce buffer",
} as const;

/** What an address of a device is. */
export type AddressTitle =
  | "bus address"
  | typeof ADDRESS_TITLES[keyof typeof ADDRESS_TITLES];

/** What is known of one address of a device. */
interface DeviceAddress {
  readonly path: keyof typeof ADDRESS_TITLES;
  readonly dma: number;
  /** Physical address of the memory. */
  readonly phys: number;
  /** Physical address of its copy; null if it is not bounced, or if the copy is unknown. */
  readonly copy: number | null;
  /** Whether a page table has the address. */
  readonly isTranslated: boolean;
}

/**
 * Tells what an address of a device is. Without translation, an address that is not that of the memory
 * or of its copy is a bus address, by the ranges of the device's bus.
 *
 * @see docs/rules/dma.md 1.1
 */
export function addressTitle(
  { copy, dma, isTranslated, path, phys }: DeviceAddress,
): AddressTitle {
  if (path === "bus") return ADDRESS_TITLES.bus;
  if (isTranslated) return ADDRESS_TITLES.iommu;
  const target = path === "direct" ? phys : path === "swiotlb" ? copy ?? dma : dma;
  return target === dma ? ADDRESS_TITLES[path] : "bus address";
}

/** What an address in a request's command is, by the request's events; null in no mapping. */
export function addressTitleAt(
  dma: number,
  events: readonly MachineEvent[],
): AddressTitle | null {
  const mapped = mappedAt(dma, mappedParts(events));
  if (mapped === null) return null;
  const { path } = mapped.fields;
  const phys = mapped.fields.phys + (dma - mapped.fields.dma);
  let copy: number | null = null;
  let isTranslated = false;
  for (const { fields, name } of events) {
    if (name === "swiotlb.map") {
      const offset = phys - fields.orig_phys;
      if (offset >= 0 && offset < fields.size_bytes) copy = fields.tlb_phys + offset;
    } else if (name === "iommu.map") {
      isTranslated ||= dma >= fields.iova && dma < fields.iova + fields.size_bytes;
    }
  }
  return addressTitle({ path, dma, phys, copy, isTranslated });
}

/** A part of memory that is copied through a bounce buffer. */
export interface BouncedPart {
  /** DMA address of the copy. */
  readonly dma: number;
  /** Its size. */
  readonly sizeBytes: number;
  /** Physical address of the copy. */
  readonly tlbPhys: number;
  /** Its original. */
  readonly origPhys: number;
}

/** An entry as written, before it is interpreted. */
interface WrittenEntry {
  readonly dma: number;
  /** The length in an SGL descriptor; null for an entry without a length. */
  readonly sizeBytes: number | null;
  readonly seq: number | null;
}

/**
 * The written entries that describe memory. If another page follows, the last entry of a page
 * points to it.
 */
interface WrittenPointer {
  readonly format: "prp" | "sgl" | "flat";
  /**
   * The names of the command's own entries. If there are list pages, the last of these entries
   * points to the first page.
   */
  readonly labels: readonly string[];
  readonly own: readonly WrittenEntry[];
  readonly pages: readonly (readonly WrittenEntry[])[];
}

/**
 * Decodes the entries that describe memory.
 *
 * @param fetched Returns the event with which the device read the entry at an address. For null, it
 *   returns the event with which the device read the command.
 * @param mappings From {@linkcode mappedParts}.
 * @see NVM Express Base Specification 1.4, 4.3 and 4.4; docs/rules/nvme.md 2.3
 */
export function describedMemory(
  segments: readonly RequestSegment[],
  pointer: WrittenPointer | null,
  fetched: (at: number | null) => number | null = () => null,
  mappings: readonly MappedPart[] = [],
): RequestMemory {
  const entries: RequestEntry[] = [];
  const listPages: RequestListPage[] = [];
  if (pointer === null) return { segments, entries, listPages, hasLengths: false };
  const { format, labels, own, pages } = pointer;
  const entryBytes = format === "prp" ? PRP_BYTES : SGL_DESCRIPTOR_BYTES;
  let left = bytesOf(segments);
  const add = (
    written: WrittenEntry,
    place: Pick<RequestEntry, "at" | "index" | "label" | "page">,
    leadsTo: RequestEntry["leadsTo"],
  ) => {
    const { dma, seq } = written;
    const inPage = CTRL_PAGE_BYTES - dma % CTRL_PAGE_BYTES;
    const sizeBytes = written.sizeBytes ??
      (leadsTo === "list" ? 0 : format === "prp" ? Math.min(left, inPage) : left);
    if (leadsTo === "list") listPages.push({ dma, seq });
    else left = Math.max(0, left - sizeBytes);
    const mapped = leadsTo === "list" ? null : mappedAt(dma, mappings);
    const phys = mapped === null ? null : mapped.fields.phys + (dma - mapped.fields.dma);
    const isOutside = leadsTo === "data" && phys === null;
    const read = fetched(place.at);
    entries.push({ ...place, dma, sizeBytes, leadsTo, phys, isOutside, seq, fetched: read });
  };
  own.forEach((written, number) => {
    const leadsTo = number === labels.length - 1 && pages.length > 0 ? "list" : "data";
    add(written, { label: labels[number]!, page: null, index: null, at: null }, leadsTo);
  });
  pages.forEach((inPage, page) => {
    const start = listPages[page]?.dma ?? null;
    inPage.forEach((written, index) => {
      const leadsTo = index === inPage.length - 1 && page + 1 < pages.length ? "list" : "data";
      const at = start === null ? null : start + index * entryBytes;
      add(written, { label: String(index), page, index, at }, leadsTo);
    });
  });
  return { segments, entries, listPages, hasLengths: format === "sgl" };
}

/** The event of a mapping, or of memory that is reached at a bus address without a mapping. */
export type MappedPart = MachineEvent<"dma.map" | "block.segment">;

/** The mappings that some events make, in order. */
export function mappedParts(events: readonly MachineEvent[]): readonly MappedPart[] {
  return events.filter((event): event is MappedPart =>
    event.name === "dma.map" || event.name === "block.segment" && event.fields.path === "bus"
  );
}

/** The last mapping that contains a device's address; null if none does. */
export function mappedAt(dma: number, mappings: readonly MappedPart[]): MappedPart | null {
  return mappings.findLast(({ fields }) =>
    dma >= fields.dma && dma < fields.dma + fields.size_bytes
  ) ?? null;
}

const PRP_LABELS = ["PRP1", "PRP2"] as const;

/**
 * The entries that some events write, even if the last write is incomplete; null if no event writes
 * an entry.
 */
export function writtenPointer(events: readonly MachineEvent[]): WrittenPointer | null {
  const own: WrittenEntry[] = [];
  const pages: WrittenEntry[][] = [];
  const descriptors: WrittenEntry[] = [];
  let isWhole = true;
  for (const { fields, name, seq } of events) {
    if (name === "nvme.prp") {
      const { entry: dma, index, list_page: page } = fields;
      const written = { dma, sizeBytes: null, seq };
      // The event counts PRP1 and PRP2 as -1 and -2.
      if (index < 0) own[-1 - index] = written;
      else (pages[page!] ??= [])[index] = written;
    } else if (name === "nvme.sgl") {
      descriptors.push({ dma: fields.address, sizeBytes: fields.length_bytes, seq });
      // The descriptor in the command, which points to the others, is written last.
      isWhole = descriptors.length === 1 || fields.type === "last_segment";
    }
  }
  if (own.length > 0) return { format: "prp", labels: PRP_LABELS, own, pages };
  if (descriptors.length === 0) return null;
  const first = isWhole ? descriptors.splice(-1) : [];
  const listed = descriptors.length > 0 ? [descriptors] : [];
  return { format: "sgl", labels: ["SGL"], own: first, pages: listed };
}

/**
 * Decodes a request from its events. Facts that the events do not show yet are missing.
 * @param events Events of the request up to a given one, in order.
 * @param memory The memory of the request, if it is known. Without it, memory is missing until an event
 *   shows it.
 */
export function readRequest(
  request: number,
  events: readonly MachineEvent[],
  memory: readonly Omit<RequestSegment, "seq">[] = [],
): RequestPicture {
  const named = <N extends MachineEvent["name"]>(name: N) =>
    events.filter((event): event is MachineEvent<N> => event.name === name);
  const tried = lastTry(events);
  const chosen = named("nvme.choose").at(-1);
  const found = segmentsOf(tried.data);
  const segments = bytesOf(found) < bytesOf(memory) ? seenIn(found, memory) : found;
  const maps = named("dma.map").map(({ fields }) => fields);
  const pointer = writtenPointer(tried.data);
  return {
    request,
    device: events.find(({ device }) => device !== null)?.device ?? null,
    format: chosen?.fields.format ?? null,
    status: named("block.status").find(({ fields }) => fields.ended === "request")?.fields.status ??
      null,
    iova: iovaOf(tried.data, segments),
    path: named("block.segment")[0]?.fields.path ?? maps[0]?.path ?? null,
    copies: copiesOf(tried.data.concat(tried.metadata)),
    ...describedMemory(segments, pointer, fetchedBy(events), mappedParts(events)),
    metadata: metadataOf(tried.metadata, fetchedBy(events)),
  };
}

/**
 * Events of the request's last try: the events of its data, and the events of its metadata, which
 * is mapped after the data.
 */
function lastTry(events: readonly MachineEvent[]) {
  const chosen = events.findLastIndex(({ name }) => name === "nvme.choose");
  const before = events.slice(0, chosen < 0 ? events.length : chosen)
    .findLastIndex(({ name }) => name === "nvme.unmap");
  const own = events.slice(before + 1);
  const split = own.findIndex(({ name }) =>
    name === "nvme.metadata" || name === "call.blk_rq_integrity_dma_map_iter_start"
  );
  return split < 0
    ? { data: own, metadata: [] }
    : { data: own.slice(0, split), metadata: own.slice(split) };
}

/**
 * The memory that the request covers: the data that the iterator was given, the entries of a
 * scatterlist, or the range of a single map call.
 */
function segmentsOf(events: readonly MachineEvent[]): readonly RequestSegment[] {
  const found: Record<"iterated" | "listed" | "mapped" | "whole", RequestSegment[]> = {
    iterated: [],
    listed: [],
    mapped: [],
    whole: [],
  };
  for (const event of events) {
    const { seq } = event;
    if (event.name === "block.segment") {
      const { phys, size_bytes: sizeBytes } = event.fields;
      found.iterated.push({ phys, sizeBytes, seq });
    } else if (event.name === "call.blk_rq_dma_map_iter_start") {
      found.whole = event.fields.data.map(([phys, sizeBytes]) => ({ phys, sizeBytes, seq: null }));
    } else if (event.name === "call.dma_map_phys" && found.whole.length === 0) {
      // All data of a request that is mapped by a single call, also if the call fails.
      found.whole = [{ phys: event.fields.phys, sizeBytes: event.fields.size, seq: null }];
    } else if (event.name === "call.dma_map_sg" || event.name === "call.dma_map_sgtable") {
      for (const [phys, sizeBytes] of event.fields.sg) {
        found.listed.push({ phys, sizeBytes, seq });
      }
    } else if (event.name === "dma.map") {
      const { phys, size_bytes: sizeBytes } = event.fields;
      found.mapped.push({ phys, sizeBytes, seq });
    }
  }
  const { iterated, listed, mapped, whole } = found;
  const seen = iterated.length > 0 ? iterated : listed.length > 0 ? listed : mapped;
  // A driver that ends too early maps less memory than the request has.
  return bytesOf(seen) < bytesOf(whole) ? seenIn(seen, whole) : seen;
}

function bytesOf(parts: readonly { readonly sizeBytes: number }[]): number {
  return parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** The memory of a request, with the events that show the parts which are mapped already. */
function seenIn(
  found: readonly RequestSegment[],
  memory: readonly Omit<RequestSegment, "seq">[],
): readonly RequestSegment[] {
  return memory.map((each) => ({
    ...each,
    seq: found.find(({ phys }) => phys === each.phys)?.seq ?? null,
  }));
}

/**
 * The IOVA range of all the data, if the data is one mapping or is linked into one range; otherwise
 * null.
 */
function iovaOf(
  events: readonly MachineEvent[],
  segments: readonly RequestSegment[],
): RequestPicture["iova"] {
  const maps = events.filter((event) => event.name === "dma.map").map(({ fields }) => fields);
  const isOne = maps.every(({ api, path }) =>
    path === "iommu" && (maps.length === 1 || api === "dma_iova_link")
  );
  const sizeBytes = bytesOf(maps.map(({ size_bytes }) => ({ sizeBytes: size_bytes })));
  const isAll = sizeBytes === bytesOf(segments);
  return maps.length > 0 && isOne && isAll ? { dma: maps[0]!.dma, sizeBytes } : null;
}

/**
 * Finds the event with which the device read the command, and the event with which it read each entry
 * of the command's lists, by address.
 */
function fetchedBy(events: readonly MachineEvent[]): (at: number | null) => number | null {
  const walks = new Map<number | null, number>();
  for (const { fields, name, seq } of events) {
    if (name === "nvme.walk") walks.set(fields.dma, seq);
    if (name === "nvme.fetch") walks.set(null, seq);
  }
  return (at) => walks.get(at) ?? null;
}

function metadataOf(
  events: readonly MachineEvent[],
  fetched: (at: number | null) => number | null,
): RequestMemory | null {
  const segments = segmentsOf(events);
  if (segments.length === 0) return null;
  return describedMemory(segments, metadataPointer(events), fetched, mappedParts(events));
}

/**
 * MPTR points to the metadata itself, or to a descriptor in a list that describes the metadata. No event writes it:
 * its event is the one that gives its address.
 *
 * @see docs/rules/nvme.md 3
 */
function metadataPointer(events: readonly MachineEvent[]): WrittenPointer | null {
  const pointer = (dma: number, seq: number) => [{ dma, sizeBytes: null, seq }];
  const labels = ["MPTR"];
  const chosen = events.find((event) => event.name === "nvme.metadata");
  if (chosen?.fields.format !== "sgl") {
    const mapped = events.find((event) => event.name === "dma.map");
    return mapped === undefined
      ? null
      : { format: "flat", labels, own: pointer(mapped.fields.dma, mapped.seq), pages: [] };
  }
  const list = events.find((event) => event.name === "ret.dma_pool_alloc");
  const written = writtenPointer(events);
  // The first descriptor is written last, so the list is incomplete without it.
  if (list === undefined || written === null || written.own.length === 0) return null;
  const at = list.fields.result as number;
  return {
    format: "sgl",
    labels,
    own: pointer(at, list.seq),
    pages: [written.own, ...written.pages],
  };
}

/**
 * The parts of memory that have a bounce buffer after some events. Each part has the DMA address of its
 * mapping.
 */
function copiesOf(events: readonly MachineEvent[]): readonly BouncedPart[] {
  const copies = new Map<number, BouncedPart>();
  const waiting: MachineEvent<"swiotlb.map">["fields"][] = [];
  for (const { fields, name } of events) {
    if (name === "swiotlb.map") waiting.push(fields);
    else if (name === "swiotlb.unmap") copies.delete(fields.tlb_phys);
    else if (name === "dma.map") {
      // A bounce buffer is allocated before its mapping is complete.
      for (const { orig_phys: origPhys, size_bytes: sizeBytes, tlb_phys: tlbPhys } of waiting) {
        copies.set(tlbPhys, {
          dma: fields.dma + (origPhys - fields.phys),
          sizeBytes,
          tlbPhys,
          origPhys,
        });
      }
      waiting.length = 0;
    }
  }
  return [...copies.values()].sort((one, other) => one.dma - other.dma);
}
