/** Errors and gaps in a listing of PCI functions. */
import type { LISTING_CODES } from "../listing_codes.ts";

export type ListingCode = keyof typeof LISTING_CODES;

/** One finding, at a line of the text. */
export interface ListingFinding {
  readonly code: ListingCode;
  readonly severity: "error" | "warning";
  /** The line's number, from 1. */
  readonly line: number;
  /** Sentence case, no final period. */
  readonly message: string;
  readonly hint: string;
}

const findingAs = (severity: ListingFinding["severity"]) =>
(
  code: ListingCode,
  line: number,
  message: string,
  hint: string,
): ListingFinding => ({ code, severity, line, message, hint });

/** A finding that prevents the import of a listing. */
export const mistake = findingAs("error");
export const warning = findingAs("warning");
