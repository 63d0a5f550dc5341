/** The entry of one code in the table of diagnostics. */
export interface CodeEntry {
  /** The mistake in a few words. */
  readonly title: string;
  /** A paragraph that explains the mistake to a first-time reader. */
  readonly explanation: string;
  /** A few lines that show the mistake and its correction. */
  readonly example: string;
}
