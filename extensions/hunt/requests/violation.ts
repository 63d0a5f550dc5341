/** The violations that the property forbids, and their description. */

/**
 * `status`: an end that nothing excuses; `bytes`: other bytes in memory than on the disk, or the other
 * way round; `fault`: an access of the device was refused; `outside`: the device was given memory that is not the
 * request's; `list`: it read its descriptors out of a caller's memory; `left`: something is still held;
 * `hang`: no end; `report`: the checker of mapping calls complains; `crash`: the kernel
 * followed a null pointer, or the simulator itself broke.
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
  /** Index of the request in it; null when it is about none or all. */
  readonly io: number | null;
  /** Bytes outside that the device wrote. */
  readonly outside: { readonly phys: number; readonly sizeBytes: number } | null;
}
