/** What a first report of a driver says. */

/** What a first report says, for a table of many drivers. */
export interface FirstReport {
  readonly compiles: boolean;
  /** Whether `probe()` returned 0. */
  readonly probes: boolean;
  /** Whether the driver mapped or allocated memory for DMA. */
  readonly maps: boolean;
  /** Whether the first test passed: the driver probes and is removed. */
  readonly passes: boolean;
  /** The compiler's errors, with their places. */
  readonly missing: readonly string[];
  /** Functions that only returned a value. */
  readonly stubs: readonly string[];
  /** Message of the failure of the first test; null if it passed or did not run. */
  readonly failure: string | null;
}

/** The report of a driver of which nothing was found out. */
export const NO_REPORT: FirstReport = {
  compiles: false,
  probes: false,
  maps: false,
  passes: false,
  missing: [],
  stubs: [],
  failure: null,
};
