/** How the VM handles an error that a builtin threw. */
import { AddressLimitError, type ErrnoName, KernelError, MemoryLimitError } from "@dmalab/runtime";
import { NotInReleaseError } from "@dmalab/runtime/kernels";
import type { RaisedError } from "../values/raised_error.ts";
import type { Span } from "../source.ts";

/** The failure of a call, with a hint about this failure. */
export class HintedKernelError extends KernelError {
  /**
   * @param way How a script can continue after the failure, other than by `fails`, `expect error`
   *   or `try`.
   */
  constructor(errno: ErrnoName, what: string, readonly way: string) {
    super(errno, what);
  }
}

export class PlacedKernelError extends KernelError {
  /** @param at Location of the failure in the source; null if it is not known. */
  constructor(errno: ErrnoName, what: string, readonly at: Span | null) {
    super(errno, what);
  }
}

/**
 * The error in the form that a script can expect; null for an error that a script cannot expect: a
 * bug, or a script's mistake.
 */
export function errorKind(error: unknown): RaisedError | null {
  if (error instanceof KernelError) {
    const { blkStatus, deviceStatus, errno, what } = error;
    const crashed = error instanceof PlacedKernelError;
    const at = crashed ? error.at : null;
    const way = error instanceof HintedKernelError ? error.way : null;
    return { kind: "kernel", errno, what, blkStatus, deviceStatus, crashed, at, way };
  }
  if (error instanceof AddressLimitError) return { kind: "address_limit", what: error.message };
  if (error instanceof NotInReleaseError) {
    return { kind: "not_in_release", what: error.message };
  }
  if (!(error instanceof MemoryLimitError)) return null;
  return { kind: "memory_limit", what: error.message, isOfEvents: error.isOfEvents };
}
