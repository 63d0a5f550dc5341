/**
 * Numbers with units, columns, wrapping. State: none. Tests: `numbers_test.ts`, `columns_test.ts`, `markup_test.ts`, `axis_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { linearAxis, linearPlace, roundStep } from "./axis.ts";
export {
  clip,
  firstSentence,
  foldLine,
  pad,
  pairLines,
  PICTURE_COLUMNS,
  spread,
  tableLines,
  wrappedPairs,
  wrapText,
} from "./columns.ts";
export { escapeMarkup } from "./markup.ts";
export {
  formatAddress,
  formatCount,
  formatDuration,
  formatOrdinal,
  formatSize,
  formatSizeCut,
  formatTimeRounded,
  groupThousands,
} from "./numbers.ts";
export * from "../render/paint.ts";
