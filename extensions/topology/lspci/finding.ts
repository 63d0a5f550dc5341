/** What is wrong with, or missing from, a listing of PCI functions. */

/** Codes of findings; the texts behind them are the command line's. A code is never reused. */
export type ListingCode =
  /** Nothing in the text is a listing of `lspci`. */
  | "E1001"
  /** One address is two different functions. */
  | "E1002"
  /** The buses of bridges are not listed, so that no bridge is known to lead to a bus. */
  | "E1003"
  /** More text or more functions than are read. */
  | "E1004"
  /** A form of output that is not read. */
  | "E1005"
  /** Capabilities were not readable, so access control is not known. */
  | "E1011"
  /** The text ends, or breaks off, in the middle of a function. */
  | "E1012"
  /** A bus has functions, and no bridge leads to it. */
  | "E1013"
  /** What a bridge says about its buses cannot be. */
  | "E1014"
  /** A function that answers with all ones. */
  | "E1015";

/** One finding, at a line of the text. */
export interface ListingFinding {
  readonly code: ListingCode;
  readonly severity: "error" | "warning";
  /** From 1. */
  readonly line: number;
  /** Sentence case, no final period. */
  readonly message: string;
  readonly hint: string | null;
}
