/**
 * A request as every view draws it: the memory that it covers, and the PRP entries or SGL descriptors that lead
 * to it. It is read off a request of the running machine, or out of the events of a run; what entries mean is
 * decoded here, once for both.
 */
import type { MachineEvent } from "@dmalab/runtime";
import type { NvmeCommandView, NvmeRequest } from "../driver/request.ts";
import { CTRL_PAGE_BYTES, PRP_BYTES, SGL_DESCRIPTOR_BYTES, SGL_TYPE } from "../driver/protocol.ts";

/** A run of memory that the request covers, and the event that says so. */
export interface RequestSegment {
  /** Where it lies, by the address of the CPU. */
  readonly phys: number;
  /** Its size. */
  readonly sizeBytes: number;
  /** The event; null where it was read off the machine. */
  readonly seq: number | null;
}

/** An entry of the command's data or metadata pointer: a PRP entry, or an SGL descriptor. */
export interface RequestEntry {
  /** `PRP1`, `PRP2`, `SGL`, `MPTR`, or its number in a list page. */
  readonly label: string;
  /** Which of `listPages` it stands in; null for the command itself. */
  readonly page: number | null;
  /** Its number in that page; null in the command. */
  readonly index: number | null;
  /** Where a device reads it; null in the command. */
  readonly at: number | null;
  /** What it says: an address for the device. */
  readonly dma: number;
  /** How much memory it describes: the length of an SGL descriptor, else what is left up to the page's end. */
  readonly sizeBytes: number;
  /** `list`: it leads to a list page. */
  readonly leadsTo: "data" | "list";
  /** The event that wrote it; null where it was read off the machine. */
  readonly seq: number | null;
  /** The event with which the device read it; null when it has not, and where no event is known. */
  readonly fetched: number | null;
}

/** A page of PRP entries or SGL descriptors. */
export interface RequestListPage {
  /** Where it lies, by the address of the device. */
  readonly dma: number;
  /** The event that wrote the entry which leads to it; null where it was read off the machine. */
  readonly seq: number | null;
}

/** Memory, and the part of the command that leads to it. */
export interface RequestMemory {
  /** The memory, in order. */
  readonly segments: readonly RequestSegment[];
  /** Those of the command first; none before it is built. */
  readonly entries: readonly RequestEntry[];
  /** The list pages that the command leads to. */
  readonly listPages: readonly RequestListPage[];
  /** Entries say how long the memory is, as those of an SGL do. */
  readonly hasLengths: boolean;
}

/** A request at a moment: the memory of its data, and how its command describes it. */
export interface RequestPicture extends RequestMemory {
  /** Its number. */
  readonly request: number;
  /** The disk; null where no event names one. */
  readonly device: string | null;
  /** The format of the data pointer; null before one is chosen. */
  readonly format: string | null;
  /** How it ended; null before it does. */
  readonly status: string | null;
  /** The one IOVA range that all of its data became; null where each segment has its own mapping. */
  readonly iova: { readonly dma: number; readonly sizeBytes: number } | null;
  /** Metadata of its blocks; null for none. */
  readonly metadata: RequestMemory | null;
}

/** An entry as it was written, before anyone asks what it means. */
interface WrittenEntry {
  readonly dma: number;
  /** The length in an SGL descriptor; null for what has none. */
  readonly sizeBytes: number | null;
  readonly seq: number | null;
}

/** What was written to describe memory. The last entry of a page leads to the next page. */
interface WrittenPointer {
  readonly format: "prp" | "sgl" | "flat";
  /** What the command's own entries are called: the last one leads to the first page. */
  readonly labels: readonly string[];
  readonly own: readonly WrittenEntry[];
  readonly pages: readonly (readonly WrittenEntry[])[];
}

/**
 * Decodes the entries that describe memory.
 *
 * @param fetched The event with which the device read the entry at an address, or the command for null.
 * @see NVM Express Base Specification 1.4, 4.3 and 4.4; docs/rules/nvme.md 2.3
 */
export function describedMemory(
  segments: readonly RequestSegment[],
  pointer: WrittenPointer | null,
  fetched: (at: number | null) => number | null = () => null,
): RequestMemory {
  const entries: RequestEntry[] = [];
  const listPages: RequestListPage[] = [];
  if (pointer === null) return { segments, entries, listPages, hasLengths: false };
  const { format, labels, own, pages } = pointer;
  const entryBytes = format === "prp" ? PRP_BYTES : SGL_DESCRIPTOR_BYTES;
  let left = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
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
    entries.push({ ...place, dma, sizeBytes, leadsTo, seq, fetched: fetched(place.at) });
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

const PRP_LABELS = ["PRP1", "PRP2"] as const;

/** What events say was written, in the midst of it too; null where none does. */
export function writtenPointer(
  events: readonly MachineEvent[],
  sglLabel: "SGL" | "MPTR" = "SGL",
): WrittenPointer | null {
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
      // The one that leads to the others is written last.
      isWhole = descriptors.length === 1 || fields.type === "last_segment";
    }
  }
  if (own.length > 0 || pages.length > 0) {
    return { format: "prp", labels: PRP_LABELS, own, pages };
  }
  if (descriptors.length === 0) return null;
  return sglPointer(sglLabel, isWhole ? descriptors.splice(-1) : [], descriptors);
}

function sglPointer(
  label: "SGL" | "MPTR",
  own: readonly WrittenEntry[],
  listed: readonly WrittenEntry[],
): WrittenPointer {
  return { format: "sgl", labels: [label], own, pages: listed.length > 0 ? [listed] : [] };
}

/** Memory at one address that has no entry of its own, as metadata mostly is. */
export function flatPointer(dma: number): WrittenPointer {
  return {
    format: "flat",
    labels: ["MPTR"],
    own: [{ dma, sizeBytes: null, seq: null }],
    pages: [],
  };
}

/** A request of the running machine, as it is now. */
export function readRequest(request: NvmeRequest): RequestPicture {
  const { command, device, format, id, iova, status } = request;
  const segments = request.segments().map(readSegment);
  const metadata = request.metadataSegments().map(readSegment);
  // What carries no data has pointers that lead nowhere.
  const isDescribed = command !== null && segments.length > 0;
  return {
    request: id,
    device,
    format,
    status,
    iova: iova === null ? null : { dma: iova.start, sizeBytes: iova.sizeBytes },
    ...describedMemory(segments, isDescribed ? dataPointer(command) : null),
    metadata: command === null || metadata.length === 0
      ? null
      : describedMemory(metadata, metadataPointer(command)),
  };
}

function readSegment({ phys, sizeBytes }: Omit<RequestSegment, "seq">): RequestSegment {
  return { phys, sizeBytes, seq: null };
}

function readEntry(dma: number, sizeBytes: number | null = null): WrittenEntry {
  return { dma, sizeBytes, seq: null };
}

function dataPointer(command: NvmeCommandView): WrittenPointer {
  if (command.format === "prp") {
    const { prp1, prp2, prpLists } = command;
    const own = [readEntry(prp1), ...prp2 === 0 ? [] : [readEntry(prp2)]];
    const pages = prpLists.map(({ entries }) => entries.map((dma) => readEntry(dma)));
    return { format: "prp", labels: PRP_LABELS, own, pages };
  }
  const { address, sizeBytes } = command.sglOfCommand;
  const listed = command.sglList.map((each) => readEntry(each.address, each.sizeBytes));
  return sglPointer("SGL", [readEntry(address, sizeBytes)], listed);
}

/** @see docs/rules/nvme.md 3 */
function metadataPointer({ metadataSgl, mptr }: NvmeCommandView): WrittenPointer {
  const blocks = metadataSgl.filter(({ type }) => type === SGL_TYPE.DATA_BLOCK);
  if (blocks.length === 0) return flatPointer(mptr);
  const listed = blocks.map(({ address, sizeBytes }) => readEntry(address, sizeBytes));
  return sglPointer("MPTR", [readEntry(mptr)], listed);
}
