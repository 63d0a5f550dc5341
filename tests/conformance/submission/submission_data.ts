/** The shapes of the captured system calls (tests/golden/kernel/README.md, `submissions/`). */
import type { DataExtent } from "../kernel/kernel_data.ts";

/** One system call of the test program. */
export interface CapturedCall {
  /** Its number, from 1. */
  readonly submission: number;
  /** The layout family. */
  readonly kind: string;
  readonly how: "preadv" | "aio" | "passthru" | "passthru_vec" | "ioctl";
  readonly op: "read" | "write" | "discard";
  readonly slba: number;
  readonly bytes: number;
  /** What it returned, and `errno` when that was a failure. */
  readonly result: number;
  readonly errno: number;
  /** The physical runs behind each buffer. */
  readonly pieces: readonly (readonly DataExtent[])[];
}

/** What calls ask for, by how they are made. */
export const OPS_OF: Readonly<Record<CapturedCall["how"], readonly CapturedCall["op"][]>> = {
  preadv: ["read", "write"],
  aio: ["read", "write"],
  passthru: ["read", "write"],
  passthru_vec: ["read", "write"],
  ioctl: ["discard"],
};
