/** Breakpoints as they are set. */
import type { RowField } from "../cells.ts";
import type { Position } from "../position.ts";

export type BreakpointTrigger =
  | { readonly kind: "line"; readonly file?: string; readonly line: number }
  /** Events by name; a kernel function's bare name is its call. */
  | { readonly kind: "event"; readonly names: readonly string[] }
  /** IOMMU faults, reports of the checker, warnings of the kernel. */
  | { readonly kind: "incident"; readonly of: readonly ("fault" | "report" | "warning")[] }
  /** The moment at which the run fails. */
  | { readonly kind: "failure" }
  /** A row of a table begins, is written anew, or ends. */
  | { readonly kind: "data"; readonly cell: RowField }
  /** An expression comes to be something else. Such a breakpoint has no message. */
  | { readonly kind: "change"; readonly expression: string };

export interface Breakpoint {
  readonly cause: BreakpointTrigger;
  /** Stops only where this holds: an expression, asked in the innermost call of the script. */
  readonly condition?: string;
  /** Stops from the so many-th time on. */
  readonly hits?: number;
  /** Never stops, and says what this expression is: a string with `{names}` in it will do. */
  readonly log?: string;
}

export interface SetBreakpoint extends Breakpoint {
  readonly id: number;
}

/** A moment at which something stopped. */
export interface BreakpointHit {
  readonly position: Position;
  readonly stop: SetBreakpoint;
}
