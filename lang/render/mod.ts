/**
 * Values, events and pictures as text. State: none. Tests: `event_line_test.ts`, `value_text_test.ts`.
 *
 * Other workspace members use these exports:
 */
export {
  type EventLayout,
  eventParts,
  formatEvent,
  formatEvents,
  formatEventText,
  formatFieldValue,
  formatTitle,
  STREAM_LAYOUT,
  type TextPart,
  valuePart,
} from "./event_line.ts";
export { IN_NO_MAPPING, NOT_MAPPED } from "./pictures/request_picture.ts";
export { stripCells } from "./pictures/strip.ts";
export { quoted } from "./source_text.ts";
export { formatValue } from "./value_text.ts";
export * from "./pictures/svg_picture.ts";
