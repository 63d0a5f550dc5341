/** An error of the kernel that has a place in a source of its own, as in a driver in C. */
import { type ErrnoName, KernelError } from "../../runtime/errno.ts";
import type { Span } from "../source.ts";

export class PlacedKernelError extends KernelError {
  /** @param at Null where the place is not known. */
  constructor(errno: ErrnoName, what: string, readonly at: Span | null) {
    super(errno, what);
  }
}
