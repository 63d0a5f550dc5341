/** What `Registry.classifyError` makes of something thrown by a builtin. */
import type { ErrnoName } from "@dmalab/runtime";
import type { Span } from "../source.ts";

/** A `KernelError`: what `fails`, `expect error` and `try` take. */
export interface Raised {
  readonly kind: "kernel";
  readonly errno: ErrnoName;
  /** The attempted action, as a sentence without a final period. */
  readonly what: string;
  readonly blkStatus: string | null;
  /** The device's answer, in its own numbers. */
  readonly deviceStatus: number | null;
  /** No call returned it: the code of a driver did what a kernel does not survive. */
  readonly crashed: boolean;
  /** Where in another source, as in that of a driver in C; null without one. */
  readonly at: Span | null;
  /** How a script goes on after it, besides expecting or trying it; null where there is no such way. */
  readonly way: string | null;
}

export type RaisedError =
  | Raised
  /** The simulated memory's limit (`WorldOptions.memoryLimitBytes`) was reached. */
  | { readonly kind: "memory_limit"; readonly what: string; readonly isOfEvents: boolean }
  /** The machine would use an address that is no exact number. */
  | { readonly kind: "address_limit"; readonly what: string }
  /** The machine's release does not have what was called. */
  | { readonly kind: "not_in_release"; readonly what: string };
