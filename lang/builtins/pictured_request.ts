/** What the picture of a request needs, read out of the request. */
import type { NvmeCommandView, NvmeRequest } from "@dmalab/devices/nvme";
import { formatSize } from "../text/numbers.ts";
import {
  type PicturedListPage,
  type PicturedMemory,
  type PicturedRequest,
  type RequestDiagramEntry,
  segmentCountText,
} from "../render/pictures/request_picture.ts";
import { formatAddress } from "../text/numbers.ts";
import type { BouncedPart } from "../render/pictures/bounced_lines.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { bouncedParts } from "./bounced_parts.ts";
import { commandByteLines } from "./types/nvme/command.ts";

/** The controller's page, which PRP entries point into. @see NVM Express, CC.MPS = 0 */
const CONTROLLER_PAGE_BYTES = 4096;
const PRPS_PER_PAGE = 512;
/** Type of an SGL descriptor that leads to data. */
const DATA_BLOCK = 0;

/** The drawing of a request in the state it is in. */
export function picturedRequest(request: NvmeRequest, context: ExecutionContext): PicturedRequest {
  const { command } = request;
  const segments = request.segments();
  // What carries no data has pointers that lead nowhere.
  const pointer = command === null || segments.length === 0
    ? { entries: [], pages: [], pointer: null, showsSizes: false }
    : command.format === "prp"
    ? prpEntries(command, request.payloadBytes)
    : sglEntries(command);
  const metadata = command === null ? null : picturedMetadata(command, request);
  const state = request.status ?? (request.mapped ? "mapped" : "queued, nothing mapped yet");
  const format = request.format === null ? "" : `   ${request.format.toUpperCase()}`;
  const extent = request.bytes === 0 ? "" : `   lba ${request.lba}   ${formatSize(request.bytes)}`;
  const data = segments.length === 0 ? "" : ` in ${segmentCountText(segments)}`;
  return {
    title: `request ${request.id}   ${request.op}${extent}${data}${format}`,
    place: tablePositionOf(request),
    addressKind: addressKind(request, pointer.entries, context),
    segments,
    range: request.iova === null
      ? null
      : { dma: request.iova.start, sizeBytes: request.iova.sizeBytes },
    ...pointer,
    metadata,
    bounced: request.mapped && !request.done
      ? bouncedOf(request, [...pointer.entries, ...metadata?.entries ?? []], context)
      : [],
    notes: command === null ? [`  ${state}`] : [
      "",
      `  ${state}; the command's 64 bytes:`,
      ...commandByteLines(command.bytes),
    ],
  };
}

/** The parts that the device finds in the bounce pool, such as the ends of an untrusted disk's pages. */
function bouncedOf(
  request: NvmeRequest,
  entries: readonly RequestDiagramEntry[],
  context: ExecutionContext,
): BouncedPart[] {
  const device = context.lab.devices.get(request.device);
  return device === undefined ? [] : bouncedParts(device.dma, entries, context);
}

/** The metadata, and how the command leads to it. @see rules/nvme.md 3 */
function picturedMetadata(
  command: NvmeCommandView,
  request: NvmeRequest,
): PicturedMemory | null {
  const segments = request.metadataSegments();
  if (segments.length === 0) return null;
  const sizeBytes = segments.reduce((sum, segment) => sum + segment.sizeBytes, 0);
  const blocks = command.metadataSgl.filter(({ type }) => type === DATA_BLOCK);
  if (blocks.length === 0) {
    return {
      segments,
      range: oneRangeOf(command.mptr, sizeBytes, segments.length),
      entries: [{ label: "MPTR", dma: command.mptr, sizeBytes, page: -1 }],
      pages: [],
      pointer: null,
      showsSizes: false,
    };
  }
  return {
    segments,
    range: blocks.length > 1
      ? null
      : oneRangeOf(blocks[0]!.address, blocks[0]!.sizeBytes, segments.length),
    entries: blocks.map(({ address, sizeBytes }, index) => ({
      label: String(index),
      dma: address,
      sizeBytes,
      page: 0,
    })),
    pages: [{ dma: command.mptr, next: null }],
    pointer: `MPTR  list at ${formatAddress(command.mptr)}`,
    showsSizes: true,
  };
}

/** Several segments behind one entry lie in one range. */
function oneRangeOf(dma: number, sizeBytes: number, segments: number) {
  return segments === 1 ? null : { dma, sizeBytes };
}

function tablePositionOf(request: NvmeRequest): string {
  const queue = request.queue === 0 ? "" : ` queue ${request.queue}`;
  return `${request.device}${queue}${request.cid === null ? "" : ` cid ${request.cid}`}`;
}

/** Heading of the middle column: what kind of address the device is given. */
function addressKind(
  request: NvmeRequest,
  entries: readonly RequestDiagramEntry[],
  context: ExecutionContext,
): string {
  const { machine, devices, topology } = context.lab;
  const dma = devices.get(request.device)?.dma;
  const first = request.segments()[0];
  if (first !== undefined && topology.providerOf(first.phys) !== null && request.iova === null) {
    return "PCI bus address";
  }
  if (dma !== undefined && dma.domain !== null) return "IOVA";
  return entries.some((entry) => machine.swiotlb.contains(entry.dma))
    ? "bounce buffer"
    : "physical address";
}

type DataPointer = Pick<PicturedRequest, "entries" | "pages" | "pointer" | "showsSizes">;

/** PRP entries in the order of the data. @see rules/nvme.md 2.3 */
function prpEntries(command: NvmeCommandView, dataBytes: number): DataPointer {
  const first = CONTROLLER_PAGE_BYTES - command.prp1 % CONTROLLER_PAGE_BYTES;
  const entries: RequestDiagramEntry[] = [
    { label: "PRP1", dma: command.prp1, sizeBytes: Math.min(first, dataBytes), page: -1 },
  ];
  let left = dataBytes - first;
  const next = () => {
    const sizeBytes = Math.min(left, CONTROLLER_PAGE_BYTES);
    left -= sizeBytes;
    return sizeBytes;
  };
  if (command.prpLists.length === 0) {
    if (left > 0) {
      entries.push({ label: "PRP2", dma: command.prp2, sizeBytes: next(), page: -1 });
    }
    return { entries, pages: [], pointer: null, showsSizes: false };
  }
  const pages = command.prpLists.map((page, number): PicturedListPage => {
    const chained = number + 1 < command.prpLists.length;
    const data = chained ? page.entries.slice(0, -1) : page.entries;
    data.forEach((dma, index) =>
      entries.push({ label: String(index), dma, sizeBytes: next(), page: number })
    );
    return {
      dma: page.dma,
      next: chained ? { label: String(PRPS_PER_PAGE - 1), dma: page.entries.at(-1)! } : null,
    };
  });
  return {
    entries,
    pages,
    pointer: `PRP2  list at ${formatAddress(command.prp2)}`,
    showsSizes: false,
  };
}

function sglEntries(command: NvmeCommandView): DataPointer {
  const head = command.sglOfCommand;
  if (command.sglList.length === 0) {
    return {
      entries: [{ label: "data", dma: head.address, sizeBytes: head.sizeBytes, page: -1 }],
      pages: [],
      pointer: null,
      showsSizes: true,
    };
  }
  return {
    entries: command.sglList.map((descriptor, index) => ({
      label: String(index),
      dma: descriptor.address,
      sizeBytes: descriptor.sizeBytes,
      page: 0,
    })),
    pages: [{ dma: head.address, next: null }],
    pointer: `SGL   list at ${formatAddress(head.address)}`,
    showsSizes: true,
  };
}
