/** `show` of a request: its picture, in the words of a terminal, as it is now. */
import { type NvmeRequest, readRequest, type RequestPicture } from "@dmalab/devices/nvme";
import type { PhysAddr } from "@dmalab/runtime";
import { directAddress, type DmaDevice } from "@dmalab/runtime/dma";
import type { BouncedBuffer } from "@dmalab/runtime/memory";
import type { BouncedPart } from "../render/pictures/bounced_lines.ts";
import { requestPicture } from "../render/pictures/request_picture.ts";
import { formatCount, formatSize } from "../text/numbers.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { mappedRuns } from "./mapped_runs.ts";
import { commandByteLines } from "./types/nvme/command.ts";

/** Addresses that a device was given. */
interface Extent {
  readonly dma: number;
  readonly sizeBytes: number;
}

/** The lines of a request in the state it is in. */
export function showRequest(request: NvmeRequest, context: ExecutionContext): string[] {
  const picture = readRequest(request);
  const { bytes, cid, command, device, done, id, lba, mapped, op, queue } = request;
  const { entries, metadata, segments } = picture;
  const extents = [...entries, ...metadata?.entries ?? []]
    .filter(({ leadsTo }) => leadsTo === "data");
  const dma = context.lab.devices.get(device)?.dma;
  const state = request.status ?? (mapped ? "mapped" : "queued, nothing mapped yet");
  const format = picture.format === null ? "" : `   ${picture.format.toUpperCase()}`;
  const extent = bytes === 0 ? "" : `   lba ${lba}   ${formatSize(bytes)}`;
  const data = segments.length === 0 ? "" : ` in ${formatCount(segments.length, "segment")}`;
  return requestPicture(picture, {
    title: `request ${id}   ${op}${extent}${data}${format}`,
    place: `${device}${queue === 0 ? "" : ` queue ${queue}`}${cid === null ? "" : ` cid ${cid}`}`,
    addressKind: addressKind(picture, dma, context),
    bounced: mapped && !done && dma !== undefined ? bouncedParts(dma, extents, context) : [],
    notes: command === null
      ? [`  ${state}`]
      : ["", `  ${state}; the command's 64 bytes:`, ...commandByteLines(command.bytes)],
  });
}

/** Heading of the middle column: what kind of address the device is given. */
function addressKind(
  { entries, iova, segments: [first] }: RequestPicture,
  dma: DmaDevice | undefined,
  { lab: { machine, topology } }: ExecutionContext,
): string {
  if (
    first !== undefined && topology.providerOf(first.phys as PhysAddr) !== null && iova === null
  ) {
    return "PCI bus address";
  }
  if (dma !== undefined && dma.domain !== null) return "IOVA";
  const isBounced = entries.some((each) =>
    each.leadsTo === "data" && machine.swiotlb.contains(each.dma)
  );
  return isBounced ? "bounce buffer" : "physical address";
}

/** The bounce buffers behind addresses of a device, by address; none behind memory itself. */
function bouncedParts(
  device: DmaDevice,
  extents: readonly Extent[],
  { lab }: ExecutionContext,
): BouncedPart[] {
  const parts: BouncedPart[] = [];
  lab.machine.swiotlb.forEachBuffer((buffer) => {
    const dma = addressOf(buffer, device, extents);
    if (dma === null) return;
    const { origPhys, sizeBytes, tlbPhys } = buffer;
    parts.push({ dma, sizeBytes, tlbPhys, origPhys });
  });
  return parts.sort((a, b) => a.dma - b.dma);
}

/** Where the device sees a bounce buffer; null where none of the addresses leads to it. */
function addressOf(
  { tlbPhys }: BouncedBuffer,
  device: DmaDevice,
  extents: readonly Extent[],
): number | null {
  if (device.domain === null) {
    const dma = directAddress(device, tlbPhys);
    return extents.some((each) => dma >= each.dma && dma < each.dma + each.sizeBytes) ? dma : null;
  }
  for (const { dma, sizeBytes } of extents) {
    for (
      const { iova, phys, sizeBytes: bytes } of mappedRuns(device.domain, dma, dma + sizeBytes - 1)
    ) {
      if (tlbPhys >= phys && tlbPhys < phys + bytes) return iova + (tlbPhys - phys);
    }
  }
  return null;
}
