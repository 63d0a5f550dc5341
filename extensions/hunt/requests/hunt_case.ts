/**
 * A case of the hunt: a machine, and the requests to its disk step by step. Plain data, so that it
 * can be made at random, shrunk, run, and written down as a scenario.
 */
import type { LabConfig } from "@dmalab/devices";
import type { InjectionPointName, IommuMode, IommuModel } from "@dmalab/runtime";
import type { KernelProfile, QuirkSet } from "@dmalab/runtime/kernels";

/** The release and the defects it is given. */
export interface HuntRelease {
  readonly kernel: KernelProfile;
  readonly quirks: QuirkSet;
}

/** Where memory of a peer lies, as seen from the disk; `none`: no peer lends any. */
export type PeerPlace = "none" | "same_switch" | "host_bridge" | "refused";

/** A machine out of a file, to which the words of a `HuntMachine` fit. */
export interface GivenMachine {
  readonly config: LabConfig;
  /** Names of the disk and of who lends it memory. */
  readonly disk: string;
  readonly peer: string;
  /** How a scenario beside the file calls it. */
  readonly file: string;
}

/** A machine with one disk. The simplest value comes first in the choice of each. */
export interface HuntMachine {
  readonly mode: IommuMode;
  /** Whose page table the IOMMU walks. */
  readonly table: IommuModel;
  /** Every mapping is bounced. */
  readonly forceBounce: boolean;
  readonly untrusted: boolean;
  readonly coherent: boolean;
  readonly dmaMaskBits: number;
  readonly sgl: boolean;
  readonly sglThresholdBytes: number;
  readonly blockSizeBytes: number;
  readonly metadataBytes: number;
  /** Only where data may have them. */
  readonly metadataSgl: boolean;
  /** Null for a controller without a limit. */
  readonly mdtsBytes: number | null;
  /** Entries of the only I/O queue: one more than it has tags. */
  readonly depth: number;
  readonly peer: PeerPlace;
  /** Null for a machine that is built from the above. */
  readonly given: GivenMachine | null;
}

/** Pieces of memory of one size, one after the other. */
export interface PieceRun {
  readonly count: number;
  readonly sizeBytes: number;
  /** The offset of the first byte in its page: for each piece, or for the first when they touch. */
  readonly offsetBytes: number;
  /** Each begins where the one before ends; else no two have neighbouring pages. */
  readonly touching: boolean;
  /** Above 4 GiB. */
  readonly high: boolean;
}

/** Metadata that the caller brings. */
export interface MetadataShape {
  readonly pieces: number;
  readonly offsetBytes: number;
  readonly touching: boolean;
  /** Null: as much as the blocks have. */
  readonly sizeBytes: number | null;
}

export type HuntOp = "read" | "write" | "user_read" | "user_write";

/** One bio, or one command of a user. */
export interface HuntIo {
  readonly op: HuntOp;
  /** In a peer's memory, where a peer lends some. */
  readonly peer: boolean;
  readonly runs: readonly PieceRun[];
  /** Null: the block layer brings it, where the disk has any. */
  readonly metadata: MetadataShape | null;
}

/** An injection point that fails, once. */
export interface HuntFault {
  readonly point: InjectionPointName;
  /** Which hit of it, from 1. */
  readonly nth: number;
}

/** The requests that are submitted before the first wait. */
export interface HuntStep {
  /** Consecutive on the disk. */
  readonly ios: readonly HuntIo[];
  /** Held back together, so that they can be joined to one request. */
  readonly plugged: boolean;
  readonly fault: HuntFault | null;
}

export interface HuntCase {
  readonly machine: HuntMachine;
  readonly steps: readonly HuntStep[];
}

/** A user's own command is sent as it is; a read or a write goes through the block layer. */
export function isUserCommand(op: HuntOp): boolean {
  return op === "user_read" || op === "user_write";
}

/** The device writes memory. */
export function readsDisk(op: HuntOp): boolean {
  return op === "read" || op === "user_read";
}
