/**
 * Which data pointer format a command gets, and why.
 *
 * @see rules/nvme.md 2.1
 */
import type { Bytes } from "@dmalab/runtime";
import { gapMeets } from "@dmalab/runtime/block";
import type { NvmeRequest } from "../command/nvme_request.ts";
import { CTRL_PAGE_BYTES } from "../protocol.ts";

const PAGE_MASK = CTRL_PAGE_BYTES - 1;

/** Whether SGLs can be, or must be, used for a request. */
export type SglUse = "unsupported" | "supported" | "forced";

/** What the choice of formats depends on besides the request. */
export interface FormatSettings {
  /** The controller takes SGLs for data. */
  sgl: boolean;
  /** The controller takes SGLs for metadata. */
  metadataSgl: boolean;
  /** Average segment from which SGLs are preferred; 0 is never. */
  sglThresholdBytes: Bytes;
}

/** How far two PRP entries reach, from the start of the first one's page. */
export const TWO_PRPS_BYTES = 2 * CTRL_PAGE_BYTES;

/** Offset in its controller page; the low bits of an address are its low half's. */
export function ctrlPageOffset(address: number): number {
  return address & PAGE_MASK;
}

/** The first half of the choice: what the request and the controller allow. */
export function sglUse(request: NvmeRequest, controllerTakesSgl: boolean): SglUse {
  if (request.admin || !controllerTakesSgl) return "unsupported";
  return gapMeets(request.gapBit, PAGE_MASK) || request.userCommand ||
      request.nrIntegritySegments > 1
    ? "forced"
    : "supported";
}

/** Average segment as the choice counts it: a coalesced request is one. */
export function averageSegmentBytes(
  payloadBytes: Bytes,
  nrPhysSegments: number,
  coalesced: boolean,
): Bytes {
  return Math.ceil(payloadBytes / (coalesced ? 1 : nrPhysSegments));
}

/** The second half, once it is known whether the request became one range. */
export function prefersSgl(use: SglUse, averageBytes: Bytes, thresholdBytes: Bytes): boolean {
  if (use === "forced") return true;
  return use === "supported" && thresholdBytes !== 0 && averageBytes >= thresholdBytes;
}
