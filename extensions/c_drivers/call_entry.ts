/** The form in which the kernel functions that C may call are declared. */
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
  /** The function's prototype in C. */
  readonly c: string;
  /** The function's name in drivers, if it is called through a macro of that name. */
  readonly as?: string;
  /** Whether a release has the function; in all releases if left out. */
  readonly isIn?: (kernel: Kernel) => boolean;
  readonly run: (kernel: CKernel, args: CArguments) => number | void;
}

/**
 * Makes entries from a table. The key of a row is a prototype in C. The row itself is the
 * implementation, or a record of the implementation and further properties.
 */
export function callEntries(
  rows: Readonly<Record<string, CCallEntry["run"] | Omit<CCallEntry, "c">>>,
): readonly CCallEntry[] {
  return Object.entries(rows).map(([c, row]) => ({
    c,
    ...typeof row === "function" ? { run: row } : row,
  }));
}
