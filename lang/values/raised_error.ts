/** The results of `Registry.classifyError` for an error thrown by a builtin. */
import type { ErrnoName } from "@dmalab/runtime";
import type { Span } from "../source.ts";

/** A `KernelError`, which `fails`, `expect error` and `try` catch. */
export interface Raised {
  readonly kind: "kernel";
  readonly errno: ErrnoName;
  /** The attempted action, as a sentence without a final period. */
  readonly what: string;
  readonly blkStatus: string | null;
  /** The status that the device returned, as a number. */
  readonly deviceStatus: number | null;
  /**
   * True if a driver in C did something that crashes a kernel. The error is then not the result of
   * a call.
   */
  readonly crashed: boolean;
  /**
   * The location in another source, for example in a driver in C; null if the script raised the
   * error.
   */
  readonly at: Span | null;
  /**
   * A way in which a script can continue after the error, other than `expect` or `try`; null if
   * there is no such way.
   */
  readonly way: string | null;
}

export type RaisedError =
  | Raised
  /** The simulated memory's limit (`MachineBuildOptions.memoryLimitBytes`) was reached. */
  | { readonly kind: "memory_limit"; readonly what: string; readonly isOfEvents: boolean }
  /** The machine would use an address that is not an exact number. */
  | { readonly kind: "address_limit"; readonly what: string }
  /** The machine's release lacks the called function. */
  | { readonly kind: "not_in_release"; readonly what: string };
