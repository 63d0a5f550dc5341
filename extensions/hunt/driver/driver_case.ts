/** A case of the hunt for what is wrong with a driver, and how it ends. */
import type { DriverDirection } from "@dmalab/lang/run";
import type { InjectionPointName } from "@dmalab/runtime";
import type { BufferLayout } from "./layout.ts";
import type { MachineVariation } from "./variations.ts";

/** One hit of an injection point that fails. */
export interface CaseFault {
  readonly point: InjectionPointName;
  readonly nth: number;
}

export interface DriverCase {
  readonly layout: BufferLayout;
  readonly machine: MachineVariation;
  readonly dir: DriverDirection;
  /** What fails in `map` or `unmap`; null: nothing. */
  readonly fault: CaseFault | null;
}

/** Why a driver cannot be hunted at all, as a sentence without its end. */
export class CannotHunt extends Error {
  override readonly name = "CannotHunt";
}

/** The possible mistakes of a driver. */
export type CaseViolationKind =
  /** `map` fails, although no failure was injected, and no call of it failed otherwise. */
  | "refused"
  /** What `map` returns are no DMA ranges, or not as many bytes as the buffer has. */
  | "ranges"
  /** The device was refused an access. */
  | "fault"
  /** The device does not see the buffer's bytes, in their order. */
  | "seen"
  /** The CPU does not find what the device has written. */
  | "written"
  /** Something is left behind. */
  | "left"
  /** A spin lock is still held. */
  | "locked"
  /** The checker has a report. */
  | "report"
  /** The script itself failed: an uncaught error, an assertion, a limit. */
  | "script";

export interface CaseViolation {
  readonly kind: CaseViolationKind;
  /** A sentence without its end. */
  readonly text: string;
}

/** The result of a driver's `map` where it fails: as the language writes it. */
export type CaseRefusal = "none" | "false";

export interface CaseEnd {
  /** The first mistake; null without one. */
  readonly wrong: CaseViolation | null;
  /** What `map` returned where it failed; null: it mapped the buffer, or did not come to an end. */
  readonly refusal: CaseRefusal | null;
  /** Where something could have failed, of a case in which nothing did. */
  readonly places: readonly CaseFault[];
}

/** A case in which something is wrong. */
export interface DriverFinding {
  readonly case: DriverCase;
  readonly wrong: CaseViolation;
  /** The driver's `map` failed in it. */
  readonly refused: boolean;
  /** The result of the driver's `map` where it fails, as far as that was seen. */
  readonly refusal: CaseRefusal;
  /** How many cases were tried up to it. */
  readonly cases: number;
}

export interface DriverHuntResult {
  readonly cases: number;
  /** Cases in which `map` failed, for a reason. */
  readonly refused: number;
  readonly layouts: number;
  /** Layouts that the driver is never given. */
  readonly leftOut: number;
  /** Up to so many pieces every case was tried; 0 where none was. */
  readonly allUpTo: number;
  /** Some cases were drawn. */
  readonly drawn: boolean;
  /** It was ended early. */
  readonly stopped: boolean;
  readonly finding: DriverFinding | null;
}
