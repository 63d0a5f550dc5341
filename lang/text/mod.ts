/** What other members use of `lang/text`. */
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
  formatSize,
  formatSizeCut,
  formatTimeRounded,
  groupThousands,
} from "./numbers.ts";
export { formatOrdinal } from "./ordinal.ts";
