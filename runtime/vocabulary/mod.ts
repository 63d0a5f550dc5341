/**
 * Every event and kernel call: names, fields, words, documentation. Each has one row, from which all readers
 * are derived.
 *
 * State: none. Hot path: none, because events are numbered only once. Tests: `tests/vocabulary_test.ts`,
 * `tests/readers_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { type ArgumentRole, declarationOf } from "./call_roles.ts";
export { DISK_EVENTS, NVME_EVENTS } from "./disk_events.ts";
export {
  type AllHold,
  DMA,
  type EventEntry,
  type EventTable,
  type Field,
  type FieldKind,
  type FieldTable,
  fieldText,
  type Holds,
  INT,
  isAddress,
  optional,
  SIZE,
  TEXT,
  VIRT,
  word,
  type WordSet,
  wordsOf,
} from "./fields.ts";
export {
  type CallEnd,
  type FailingCall,
  KERNEL_FUNCTIONS,
  type KernelCalls,
  type KernelFeature,
  type KernelFunction,
  type KernelRow,
} from "./kernel_calls.ts";
export { MAPPING_EVENTS } from "./mapping_events.ts";
export {
  type AccessField,
  DIRECTION,
  FAULT_REASON,
  FAULT_REASONS,
  type FaultReasonField,
  type MappingPath,
  type PeerMapType,
  REPORT_CLASS,
  STATUS,
} from "./shared_words.ts";
export { ODP_EVENTS, SHARING_EVENTS, VFIO_EVENTS } from "./sharing_events.ts";
export * from "../dma/checker/report_classes.ts";
