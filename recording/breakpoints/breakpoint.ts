/** The kinds of breakpoints and their settings. */
import type { RowField } from "../cells.ts";
import type { Position } from "../position.ts";

export type BreakpointTrigger =
  | { readonly kind: "line"; readonly file?: string; readonly line: number }
  /** Events by name. The bare name of a kernel function means the call of the function. */
  | { readonly kind: "event"; readonly names: readonly string[] }
  /** IOMMU faults, reports of the checker, warnings of the kernel. */
  | { readonly kind: "incident"; readonly of: readonly ("fault" | "report" | "warning")[] }
  /** The position at which the run fails. */
  | { readonly kind: "failure" }
  /** A row of a table begins, is replaced, or ends. */
  | { readonly kind: "data"; readonly cell: RowField }
  /** The value of an expression changes. Such a breakpoint has no message. */
  | { readonly kind: "change"; readonly expression: string };

export interface Breakpoint {
  readonly cause: BreakpointTrigger;
  /** Stops only where this expression is true, evaluated in the innermost call of the script. */
  readonly condition?: string;
  /** Stops at this hit and later ones, counted from 1. */
  readonly hits?: number;
  /**
   * For a log point, which never stops the run: the expression to evaluate and print, for example a
   * string with `{names}` in it.
   */
  readonly log?: string;
}

export interface SetBreakpoint extends Breakpoint {
  readonly id: number;
}

/** A position at which a breakpoint stopped. */
export interface BreakpointHit {
  readonly position: Position;
  readonly stop: SetBreakpoint;
}
