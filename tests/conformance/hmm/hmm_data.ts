/** The cases of tests/golden/hmm as they are written down. */
import type { Json } from "../difference.ts";

/** One operation inside another. */
export interface InnerOp {
  readonly op: string;
  readonly [field: string]: Json;
}

/** Entries of a list of page frames: first, how many, flags, order, frame number, step. */
export type PfnRun = readonly [number, number, string, number, number, number];

/** One operation of a case, with its arguments and results. */
export interface HmmOp {
  readonly op: string;
  readonly inner?: readonly InnerOp[];
  readonly pfns?: readonly PfnRun[];
  readonly [field: string]: Json | undefined;
}

export interface HmmCase {
  readonly id: string;
  readonly kind: string;
  readonly family: string;
  readonly ops: readonly HmmOp[];
}

/** What facts.json says of one file. */
export interface HmmFacts {
  readonly name: string;
  readonly kernel: string;
  readonly mapping?: string;
  readonly variation?: readonly string[];
  readonly caching_mode?: boolean;
  readonly scalable_mode?: boolean;
  readonly first_stage_tables?: boolean;
  /** What the kernel had in the end. */
  readonly domain_type?: "DMA" | "DMA-FQ";
  readonly reserved_iova?: readonly (readonly [number, number])[];
  readonly bounce_pool?: readonly [number, number];
  readonly system_ram?: readonly (readonly [number, number])[];
}
