import { type ErrnoName, KernelError } from "@dmalab/runtime";

/** A failure of a call that a script can meet in a way of its own. */
export class HintedKernelError extends KernelError {
  /** @param way How a script goes on after it, besides expecting or trying it. */
  constructor(errno: ErrnoName, what: string, readonly way: string) {
    super(errno, what);
  }
}
