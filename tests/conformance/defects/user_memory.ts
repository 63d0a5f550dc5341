/** The memory of a step's request: where each part of the user's buffers lies. */
import { alignDown, MIB, PAGE_SIZE_BYTES, type PhysAddr } from "@dmalab/runtime";
import type { BioVec } from "@dmalab/runtime/block";
import type { UserPiece, UserRun } from "../submission/bio_builder.ts";
import { type DataExtent, vecOf } from "../kernel/kernel_data.ts";
import type { DefectRequest } from "./defect_data.ts";

/** Buffers of more than a page were cut from pages of this size. */
const LARGE_PAGE_BYTES = 2 * MIB;
/** Peer memory is known page by page. */
const PEER_FROM = 0x8000_0000;
const PEER_TO = 0x1_0000_0000;
/** Where a buffer goes on that no record shows: behind everything, and never side by side. */
const UNSEEN_FROM = 0x1_4000_0000;

const PIECES_RULE = /^(\d+) pieces of (\d+) bytes, (\d+) bytes apart$/;

/** The parts of a user's buffer in order; a rule for them begins at the first byte that is shown. */
export function piecesOf(
  request: DefectRequest,
  shown: readonly DataExtent[],
): readonly DataExtent[] {
  if (request.pieces !== undefined && request.pieces.length > 0) return request.pieces;
  const rule = PIECES_RULE.exec(request.pieces_rule ?? "");
  if (rule !== null) {
    const [count, sizeBytes, stride] = rule.slice(1).map(Number) as [number, number, number];
    const first = shown[0]?.[0] ?? 0;
    return Array.from(
      { length: count },
      (_, index): DataExtent => [first + index * stride, sizeBytes],
    );
  }
  // A request that only has to wait is as long as what is shown of it.
  return shown;
}

/** The physical runs behind each part: a large page's neighbour is where the record shows it. */
export function userPieces(
  pieces: readonly DataExtent[],
  shown: readonly DataExtent[],
): readonly UserPiece[] {
  return pieces.map(([phys, sizeBytes]) => {
    const peer = phys >= PEER_FROM && phys < PEER_TO;
    const folioBytes = peer ? PAGE_SIZE_BYTES : LARGE_PAGE_BYTES;
    const runs: UserRun[] = [];
    let at = phys;
    for (let left = sizeBytes; left > 0;) {
      const taken = Math.min(left, LARGE_PAGE_BYTES - at % LARGE_PAGE_BYTES);
      runs.push({ ...vecOf([at, taken]), folioBytes, provider: peer ? "peer" : null });
      left -= taken;
      if (left > 0) at = continuation(at + taken, shown);
    }
    return runs;
  });
}

/** Where a buffer goes on behind an address: there, unless another segment follows in the record. */
function continuation(end: number, shown: readonly DataExtent[]): number {
  const index = shown.findIndex(([phys, sizeBytes]) => phys + sizeBytes === end);
  return shown[index + 1]?.[0] ?? end;
}

/**
 * A user's metadata: what is shown of it, then what the request says of the rest.
 *
 * @param start First byte, as the user gave it.
 * @param secondPage Where the second page is, if the user has named it.
 */
export function userMetadata(
  start: number,
  sizeBytes: number,
  secondPage: number | null,
  shown: readonly DataExtent[],
): readonly BioVec[] {
  const vecs: BioVec[] = [];
  let left = sizeBytes;
  const add = (phys: number, bytes: number) => {
    const taken = Math.min(bytes, left);
    if (taken > 0) vecs.push({ phys: phys as PhysAddr, sizeBytes: taken });
    left -= taken;
  };
  for (const [phys, bytes] of shown) add(phys, bytes);
  if (vecs.length === 0) add(start, PAGE_SIZE_BYTES - start % PAGE_SIZE_BYTES);
  if (secondPage !== null) add(secondPage, left);
  for (let unseen = UNSEEN_FROM; left > 0; unseen += 2 * PAGE_SIZE_BYTES) {
    add(unseen, PAGE_SIZE_BYTES);
  }
  return vecs;
}

/**
 * The kernel's own metadata: what is shown, then pieces of one bio each that were not walked. A kernel
 * allocates a power of two of bytes at a multiple of it: which one is shown, and no address inside.
 */
export function kernelMetadata(
  sizeBytes: number,
  pieceBytes: number,
  shown: readonly DataExtent[],
): readonly BioVec[] {
  const vecs = shown.map(([phys, bytes]) => vecOf([alignDown(phys, bytes & -bytes), bytes]));
  let done = shown.reduce((sum, [, bytes]) => sum + bytes, 0);
  for (let unseen = UNSEEN_FROM; done < sizeBytes; unseen += 2 * PAGE_SIZE_BYTES) {
    vecs.push({ phys: (unseen + 64) as PhysAddr, sizeBytes: pieceBytes });
    done += pieceBytes;
  }
  return vecs;
}
