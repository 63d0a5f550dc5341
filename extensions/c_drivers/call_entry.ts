/** How a function of the kernel is written down that a driver in C may call. */
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

/** How a call is written down. Arguments reach `run` as numbers: pointers as C has them. */
export interface CCallEntry {
  /** In C. */
  readonly c: string;
  /** What drivers call it by, where the headers have a macro of that name over it. */
  readonly as?: string;
  /** Which releases have it; all when left out. */
  readonly isIn?: (kernel: Kernel) => boolean;
  readonly run: (kernel: CKernel, args: CArguments) => number | void;
}

/** Entries by their lines of C: what each does, alone or with what else is said of it. */
export function callEntries(
  rows: Readonly<Record<string, CCallEntry["run"] | Omit<CCallEntry, "c">>>,
): readonly CCallEntry[] {
  return Object.entries(rows).map(([c, row]) => ({
    c,
    ...typeof row === "function" ? { run: row } : row,
  }));
}
