/** What the code of a driver in C did that a kernel does not survive, with its place there. */
import { type ErrnoName, KernelError } from "@dmalab/runtime";
import type { Span } from "../source.ts";

export class PlacedKernelError extends KernelError {
  /** @param at Null where the place is not known. */
  constructor(errno: ErrnoName, what: string, readonly at: Span | null) {
    super(errno, what);
  }
}
