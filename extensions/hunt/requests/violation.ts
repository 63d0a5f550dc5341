/** The violations of the property, and their description. */

/**
 * `status`: a status that is not permitted; `bytes`: memory and disk differ where they should be equal; `fault`:
 * an access of the device was refused; `outside`: the device could access memory that is not the request's;
 * `list`: the device read its descriptors from a caller's memory; `left`: a resource leaked; `hang`: the request
 * does not end; `report`: the checker of mapping calls reports a mistake; `crash`: the kernel followed a null
 * pointer, or the simulator itself failed.
 */
export type ViolationKind =
  | "status"
  | "bytes"
  | "fault"
  | "outside"
  | "list"
  | "left"
  | "hang"
  | "report"
  | "crash";

export interface Violation {
  readonly kind: ViolationKind;
  /** What happened, as a sentence without a final period. */
  readonly text: string;
  /** Index of the step. */
  readonly step: number;
  /**
   * Index of the request in the step; null if the violation concerns none of the step's requests or
   * all of them.
   */
  readonly io: number | null;
  /** Memory that the device wrote although it does not belong to the request; null without such memory. */
  readonly outside: { readonly phys: number; readonly sizeBytes: number } | null;
}
