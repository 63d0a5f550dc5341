/**
 * A case of the hunt: a machine, and the requests to its disk, step by step. A case is plain data,
 * so that it can be generated at random, shrunk, run, and written as a scenario.
 */
import type { LabConfig } from "@dmalab/devices";
import type { InjectionPointName, IommuMode, IommuModel } from "@dmalab/runtime";
import type { KernelProfile, QuirkSet } from "@dmalab/runtime/kernels";

/** The release and its defects. */
export interface HuntRelease {
  readonly kernel: KernelProfile;
  readonly quirks: QuirkSet;
}

/** Place of the peer's memory, seen from the disk; `none`: there is no peer memory. */
export type PeerPlace = "none" | "same_switch" | "host_bridge" | "refused";

/** A machine from a file, described by the settings of a `HuntMachine`. */
export interface GivenMachine {
  readonly config: LabConfig;
  /** Names of the disk and of the provider of its peer memory. */
  readonly disk: string;
  readonly peer: string;
  /** The path by which a scenario in the file's folder uses the file. */
  readonly file: string;
}

/**
 * A machine with one disk. In the lists of choices for these settings (`cases/machines.ts`), the
 * simplest value comes first.
 */
export interface HuntMachine {
  readonly mode: IommuMode;
  /** The page-table format of the IOMMU. */
  readonly table: IommuModel;
  /** Whether every mapping is bounced. */
  readonly forceBounce: boolean;
  readonly untrusted: boolean;
  readonly coherent: boolean;
  readonly dmaMaskBits: number;
  readonly sgl: boolean;
  readonly sglThresholdBytes: number;
  readonly blockSizeBytes: number;
  readonly metadataBytes: number;
  /** Whether metadata may use SGLs: only if data may use them, too. */
  readonly metadataSgl: boolean;
  /** Null for a controller without a limit. */
  readonly mdtsBytes: number | null;
  /** Entries of the only I/O queue: one more than its number of tags. */
  readonly depth: number;
  readonly peer: PeerPlace;
  /** Null for a machine that is built from the settings above. */
  readonly given: GivenMachine | null;
}

/** Pieces of memory of equal size, one after the other. */
export interface PieceRun {
  readonly count: number;
  readonly sizeBytes: number;
  /** Offset of each piece in its page, or only of the first piece if the pieces touch. */
  readonly offsetBytes: number;
  /**
   * Whether each piece begins where the piece before it ends. Otherwise no two pieces lie on
   * adjacent pages.
   */
  readonly touching: boolean;
  /** Whether the pieces lie above 4 GiB. */
  readonly high: boolean;
}

/** Metadata that the caller supplies. */
export interface MetadataShape {
  readonly pieces: number;
  readonly offsetBytes: number;
  readonly touching: boolean;
  /** Null: as much as the blocks need. */
  readonly sizeBytes: number | null;
}

export type HuntOp = "read" | "write" | "user_read" | "user_write";

/** One bio, or one command of a user. */
export interface HuntIo {
  readonly op: HuntOp;
  /** Whether the memory is a peer's, if there is peer memory. */
  readonly peer: boolean;
  readonly runs: readonly PieceRun[];
  /** Null: the block layer supplies the metadata, if the disk has metadata. */
  readonly metadata: MetadataShape | null;
}

/** A failure that is injected at one hit of an injection point. */
export interface HuntFault {
  readonly point: InjectionPointName;
  /** The hit's number, from 1. */
  readonly nth: number;
}

/** A step of a case: requests that are all submitted before the step waits for one of them. */
export interface HuntStep {
  /** The requests, with consecutive blocks on the disk. */
  readonly ios: readonly HuntIo[];
  /** Whether a plug delays all the requests, so that they can be joined to one request. */
  readonly plugged: boolean;
  readonly fault: HuntFault | null;
}

export interface HuntCase {
  readonly machine: HuntMachine;
  readonly steps: readonly HuntStep[];
}

/**
 * True for a passthrough command, which is sent unchanged; other operations go through the block
 * layer.
 */
export function isUserCommand(op: HuntOp): boolean {
  return op === "user_read" || op === "user_write";
}

/** Whether the operation reads from the disk, so that the device writes memory. */
export function readsDisk(op: HuntOp): boolean {
  return op === "read" || op === "user_read";
}
