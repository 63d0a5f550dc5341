/** The form in which a kernel function that C may call is declared. */
import type { Kernel } from "@dmalab/runtime/kernels";
import type { CKernel } from "./c_kernel.ts";

/** Arguments of a call; a call may have fewer. */
export type CArguments = readonly [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
  ...number[],
];

/**
 * One kernel function for C. `run` receives the arguments as numbers; pointers are addresses in C's
 * memory.
 */
export interface CCallEntry {
  /** In C. */
  readonly c: string;
  /** The function's name in drivers, if it is called through a macro of that name. */
  readonly as?: string;
  /** Whether a release has the function; in all releases if left out. */
  readonly isIn?: (kernel: Kernel) => boolean;
  readonly run: (kernel: CKernel, args: CArguments) => number | void;
}

/**
 * Entries from a table by prototype: each row is the implementation, alone or with further
 * properties.
 */
export function callEntries(
  rows: Readonly<Record<string, CCallEntry["run"] | Omit<CCallEntry, "c">>>,
): readonly CCallEntry[] {
  return Object.entries(rows).map(([c, row]) => ({
    c,
    ...typeof row === "function" ? { run: row } : row,
  }));
}
