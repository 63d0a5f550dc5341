/**
 * When two runs of memory may become one segment, and where a segment must end.
 *
 * @see rules/block.md 1.5, last paragraphs
 */
import type { Bytes, PhysAddr } from "../address.ts";

/** Bytes from `phys` to the next multiple of `boundaryMask + 1`; at least 1. */
export function distanceToBoundary(phys: PhysAddr, boundaryMask: number): Bytes {
  const boundaryBytes = boundaryMask + 1;
  return boundaryBytes - (phys % boundaryBytes);
}

/** True when the second run starts where the first ends and both lie inside one boundary block. */
export function canJoin(
  firstPhys: PhysAddr,
  firstBytes: Bytes,
  secondPhys: PhysAddr,
  secondBytes: Bytes,
  boundaryMask: number,
): boolean {
  return firstPhys + firstBytes === secondPhys &&
    firstBytes + secondBytes <= distanceToBoundary(firstPhys, boundaryMask);
}
