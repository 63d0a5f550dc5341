/** A case of the hunt for mistakes in a driver, and its outcome. */
import type { DriverDirection } from "@dmalab/lang/run";
import type { InjectionPointName } from "@dmalab/runtime";
import type { BufferLayout } from "./layout.ts";
import type { MachineVariation } from "./variations.ts";

/** A hit of an injection point at which a failure is injected, or could be injected. */
export interface CaseFault {
  readonly point: InjectionPointName;
  readonly nth: number;
}

export interface DriverCase {
  readonly layout: BufferLayout;
  readonly machine: MachineVariation;
  readonly dir: DriverDirection;
  /** The injected failure in `map` or `unmap`; null for none. */
  readonly fault: CaseFault | null;
}

/**
 * Thrown if a driver cannot be hunted. The message is the reason, a sentence without its full stop.
 */
export class CannotHunt extends Error {
  override readonly name = "CannotHunt";
}

/** The possible mistakes of a driver. */
export type CaseViolationKind =
  /** `map` fails, although no failure was injected and no kernel call failed. */
  | "refused"
  /**
   * The result of `map` is not a list of DMA ranges, or the total size of the ranges differs from
   * the buffer's size.
   */
  | "ranges"
  /** A device access faulted. */
  | "fault"
  /** The device does not read the buffer's bytes in their order. */
  | "seen"
  /** The CPU does not read the bytes that the device has written. */
  | "written"
  /** A resource leaked. */
  | "left"
  /** A spin lock is still held. */
  | "locked"
  /** The checker has a report. */
  | "report"
  /** The script itself failed: an uncaught error, an assertion, a limit. */
  | "script";

export interface CaseViolation {
  readonly kind: CaseViolationKind;
  /** The violation, as a sentence without its full stop. */
  readonly text: string;
}

/** The value that a driver's `map` returns when it fails, as the language writes it. */
export type CaseRefusal = "none" | "false";

export interface CaseEnd {
  /** The first violation; null without one. */
  readonly wrong: CaseViolation | null;
  /** The value with which `map` failed; null if it mapped the buffer, or did not return. */
  readonly refusal: CaseRefusal | null;
  /** For a case without an injected failure: the hits at which a failure could be injected. */
  readonly places: readonly CaseFault[];
}

/** A case with a violation. */
export interface DriverFinding {
  readonly case: DriverCase;
  readonly wrong: CaseViolation;
  /** Whether the driver's `map` failed in this case. */
  readonly refused: boolean;
  /** The value that the driver's `map` returns when it fails, as far as that was observed. */
  readonly refusal: CaseRefusal;
  /** Number of cases tried, including this one. */
  readonly cases: number;
}

export interface DriverHuntResult {
  readonly cases: number;
  /** Number of cases in which `map` failed for a valid reason. */
  readonly refused: number;
  readonly layouts: number;
  /** Number of layouts that the driver does not accept. */
  readonly leftOut: number;
  /** All cases with up to this number of pieces were tried; 0 if there is no such number. */
  readonly allUpTo: number;
  /** Whether some cases were drawn at random. */
  readonly drawn: boolean;
  /** Whether the hunt was ended early. */
  readonly stopped: boolean;
  readonly finding: DriverFinding | null;
}
