export {
  type BytesView,
  bytesView,
  type LastByteWrite,
  type WrittenRange,
  writtenRanges,
} from "./bytes.ts";
export { alignEvents, changedRows, type RowDiff } from "./difference.ts";
export { pictureFile, timelineFile } from "./export_picture.ts";
export { eventView } from "./event.ts";
export { incidentView } from "./incident.ts";
export {
  firstLine,
  keptVariablesAt,
  lineLocation,
  positionView,
  spanHere,
} from "./position_view.ts";
export {
  base64,
  packText,
  readSerialised,
  type RunAndOutcome,
  serialise,
  type SerialisedRun,
  unpackText,
} from "./serialised.ts";
export {
  type CellView,
  keyText,
  rowsByKey,
  rowTexts,
  type RowView,
  rowView,
  tableAt,
  tableSizes,
  type TableView,
} from "./tables.ts";
export { leaksByStatement, type TimelineView, timelineView } from "./timeline.ts";
export {
  LANES_PX,
  type TimelineAxis,
  timelineDrawing,
  TimelineScale,
  type TimelineSight,
} from "./timeline_drawing.ts";
export { RunIndex } from "./run_index.ts";
export {
  type AddressPiece,
  addressPieces,
  type AddressStrip,
  addressStrips,
  addressUses,
} from "./strip_drawing.ts";
export { colourProperties, meaningAt, MEANINGS, neverText } from "./meaning.ts";
export { type RunVerdict, VERDICT_SIGNS, verdictOf, verdictTitle } from "./verdict.ts";
export { type Drawing, DRAWING_STYLE, svgText } from "./drawing.ts";
export {
  type PageState,
  type PicturePage,
  type PictureSubject,
  pictureSubjects,
  type PictureView,
  pictureView,
  subjectAt,
} from "./picture.ts";
export { IN_NO_MAPPING, NOT_MAPPED } from "@dmalab/lang/render";
export { PAGE_WORDS, pageLife, pictureDrawing } from "./picture_drawing.ts";
export { lastDecisionView, type WhyView, whyView } from "./why.ts";
