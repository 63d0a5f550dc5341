/** What other members use of `recording/views`. */
export {
  type BytesView,
  bytesView,
  type ByteWriter,
  type WrittenRange,
  writtenRanges,
} from "./bytes.ts";
export {
  type DifferenceView,
  differenceView,
  type DifferentRow,
  eventsBeside,
} from "./difference.ts";
export { eventView } from "./event.ts";
export { incidentView } from "./incident.ts";
export { firstLine, linePlace, momentView } from "./moment.ts";
export { requestsAt, type RequestView, requestView } from "./request.ts";
export {
  packText,
  readSerialised,
  type RunAndOutcome,
  serialise,
  type SerialisedRun,
  unpackText,
} from "./serialised.ts";
export {
  type ChangedRow,
  changedRows,
  keyText,
  type MarkedRow,
  markedRows,
  rowsByKey,
  rowTexts,
  type RowView,
  rowView,
  tableAt,
  tableSizes,
  type TableView,
} from "./tables.ts";
export {
  type TimelineLane,
  type TimelineSpan,
  type TimelineView,
  timelineView,
} from "./timeline.ts";
export { type WhyView, whyView } from "./why.ts";
