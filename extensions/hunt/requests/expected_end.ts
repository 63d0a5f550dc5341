/**
 * The permitted statuses of a request without injected failures. Only OK is permitted, unless the
 * request exceeds the queue's published limits.
 */
import {
  type BlkStatusName,
  type HostBuffer,
  PAGE_SIZE_BYTES,
  type QueueLimits,
} from "@dmalab/runtime";
import { hasBehaviour, type KernelProfile } from "@dmalab/runtime/kernels";
import { type HuntMachine, isUserCommand } from "./hunt_case.ts";
import { mapsLists, metadataBytesOf } from "./case_machine.ts";
import type { PlacedIo } from "./memory_layout.ts";

const OK: readonly BlkStatusName[] = ["OK"];

/** The permitted statuses. @see rules/block.md 1.3, 1.8, nvme.md 6 */
export function allowedEnds(
  machine: HuntMachine,
  kernel: KernelProfile,
  limits: QueueLimits,
  { data, io, memory, metadata }: PlacedIo,
): readonly BlkStatusName[] {
  const user = isUserCommand(io.op);
  // A user command with too much metadata is refused before any mapping.
  if (user && metadata !== null && isTooLong(limits, metadata)) return ["IOERR", "INVAL"];
  const misaligned = data.segments.some(({ phys, sizeBytes }) =>
    ((phys | sizeBytes) & limits.dmaAlignmentMask) !== 0
  );
  // The data of a user command is copied if it is misaligned or has gaps. In that case the device
  // does not access the peer.
  const copied = user && (misaligned || hasGaps(limits, memory.data));
  if (io.peer && !copied) {
    const ends = peerEnds(machine, kernel);
    if (ends !== null) return ends;
  }
  const formatBytes = (memory.dataBytes / machine.blockSizeBytes) * metadataBytesOf(machine);
  const tooShort = user && metadata !== null && metadata.sizeBytes < formatBytes;
  // The buffer is too short for the device's metadata.
  if (tooShort) return ["IOERR", "INVAL"];
  // The device may refuse a list that describes more bytes than the command transfers.
  const inParts = metadata !== null && metadata.segments.length > 1;
  if (user && inParts && metadata.sizeBytes > formatBytes) return ["OK", "IOERR", "INVAL"];
  if (misaligned && !user) return ["OK", "INVAL"];
  if (!user && metadata !== null && metadata.segments.length > limits.maxIntegritySegments) {
    return ["OK", "INVAL"];
  }
  if (user) {
    const segments = copied ? Math.ceil(memory.dataBytes / PAGE_SIZE_BYTES) : memory.data.length;
    const fits = segments <= limits.maxSegments && memory.dataBytes <= limits.maxHwSectors * 512;
    return fits ? OK : ["OK", "INVAL"];
  }
  // If a block consists of several pieces, the request may have to be cut inside the block, which
  // is not allowed.
  const blockInPieces = data.segments.some(({ sizeBytes }) =>
    sizeBytes % machine.blockSizeBytes !== 0
  );
  return blockInPieces ? ["OK", "INVAL"] : OK;
}

const MAX_METADATA_PAGES = 256;

/** Whether a user's metadata is more than the block layer takes. @see rules/block.md 1.8 */
function isTooLong({ maxHwSectors }: QueueLimits, { segments, sizeBytes }: HostBuffer): boolean {
  const pages = segments.reduce(
    (sum, { phys, sizeBytes }) =>
      sum + Math.ceil((phys + sizeBytes) / PAGE_SIZE_BYTES) - Math.floor(phys / PAGE_SIZE_BYTES),
    0,
  );
  return sizeBytes > maxHwSectors * 512 || pages > MAX_METADATA_PAGES;
}

/**
 * Whether a user's metadata is copied. If it is, bytes that the device does not write are returned
 * as zeros.
 */
export function copiesMetadata(limits: QueueLimits, { io, metadata }: PlacedIo): boolean {
  if (!isUserCommand(io.op) || metadata === null) return false;
  const { segments } = metadata;
  const runs = segments.filter(({ phys }, index) => {
    const before = segments[index - 1];
    return before === undefined || before.phys + before.sizeBytes !== phys;
  });
  return runs.length > limits.maxIntegritySegments ||
    segments.some(({ phys, sizeBytes }) => ((phys | sizeBytes) & limits.dmaAlignmentMask) !== 0);
}

/** Whether two pieces meet at an address that is not on the queue's boundary. */
function hasGaps(
  { virtBoundaryMask: mask }: QueueLimits,
  data: readonly { readonly phys: number; readonly sizeBytes: number }[],
): boolean {
  return data.some(({ phys, sizeBytes }, index) =>
    (index !== 0 && (phys & mask) !== 0) ||
    (index !== data.length - 1 && ((phys + sizeBytes) & mask) !== 0)
  );
}

/**
 * The permitted statuses of a request to a peer's memory, or null if the request must succeed.
 * Memory that cannot be reached is an error. Memory that would have to be copied, but cannot be
 * copied, is an error too: until 6.17 it is never copied. A release that maps scatterlists has one status for all memory that
 * cannot be mapped. It also does not check the kind of memory if a list is bounced.
 *
 * @see rules/p2p.md 9.6, block.md 2.3, nvme.md 6
 */
function peerEnds(
  { forceBounce, mode, peer, untrusted }: HuntMachine,
  kernel: KernelProfile,
): readonly BlkStatusName[] | null {
  const lists = mapsLists(kernel);
  if (peer === "refused") return lists ? ["TARGET", "INVAL", "OK"] : ["INVAL"];
  if (peer !== "host_bridge") return null;
  if (untrusted) return ["OK", "INVAL", "IOERR", "RESOURCE", "TARGET"];
  const direct = mode === "off" || mode === "passthrough";
  const cannotBounce = hasBehaviour(kernel, "peer_memory_never_bounced");
  return cannotBounce && forceBounce && direct ? ["OK", "RESOURCE", "INVAL"] : null;
}
