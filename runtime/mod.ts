/**
 * The kernel's side of one machine, and the parts that all its modules share.
 *
 * State: `Machine` owns all of it. `Platform` is the part that memory, IOMMU and DMA code use:
 * configuration, clock, events, pages, bounce buffers, faults. No module has global state. Hot
 * path: `EventStream.tick`, which counts an event and says whether there is a listener; without a
 * listener nothing is allocated. Tests: `tests/conformance/` replays captures of real kernels;
 * `tests/snapshots_test.ts` detects any other change.
 *
 * Other workspace members use these exports:
 */
export { type ActivityHandler, ActivityQueue } from "./activity.ts";
export * from "./basics.ts";
export { EventContext } from "./event_context.ts";
export {
  CALL_TABLE,
  type CallTables,
  COMMON_FIELDS,
  CORE_EVENTS,
  EVENT_NAMES,
  EVENT_TABLE,
  eventEntry,
  type EventFields,
  eventFields,
  eventId,
  type EventName,
  eventNumber,
  type EventTableName,
  type EventTables,
  EventVocabulary,
  type FieldValue,
  KERNEL_CALLS,
  type KernelCall,
  wordSets,
} from "./event_vocabulary.ts";
export {
  type EventListener,
  type EventOf,
  type EventOfTable,
  EventStream,
  fieldOf,
  isCall,
  isReturn,
  type MachineEvent,
  TableEvents,
  type TableFieldsOf,
  type Why,
} from "./events.ts";
export {
  ArmedInjection,
  type CallFrame,
  FailureInjector,
  type InjectedError,
  INJECTION,
  INJECTION_POINTS,
  type InjectionHit,
  type InjectionPoint,
  type InjectionPointName,
  type InjectionPoints,
  type InjectionPointSpec,
  whatInjectionDoes,
} from "./injection.ts";
export type { DriverModule } from "./driver_module.ts";
export { hashText } from "./hash.ts";
export { type Leak, ledgerOf, type ResourceTables, ResourceTracker } from "./resource_tracker.ts";
export { HostBudget, MemoryLimitError } from "./host_budget.ts";
export { Machine } from "./machine.ts";
export {
  defaultMachineConfig,
  IOMMU_SETTINGS,
  type IommuConfig,
  type IommuMode,
  type IommuRows,
  MACHINE_SETTINGS,
  type MachineConfig,
  type MachineRows,
  type MemoryRegionConfig,
  type MemoryWindow,
  RAM_SETTINGS,
  type RamRows,
  REGION_SETTINGS,
  SWIOTLB_SETTINGS,
  type SwiotlbConfig,
  swiotlbConfig,
  type SwiotlbRows,
} from "./machine_config.ts";
export { dereferenceNull, KernelWarnings } from "./warnings.ts";
export { Platform } from "./platform.ts";
export { Random } from "./random.ts";
export { EventRecorder, type RecordedEvents } from "./recorder.ts";
export {
  answerDelay,
  type AnySetting,
  BOOL,
  defaultsOf,
  duration,
  int,
  MAX_BYTES,
  type NumberProblem,
  numberProblem,
  type NumberShape,
  optional,
  type OptionalOf,
  type OptionalSetting,
  pages,
  type PartialSettings,
  PHYS,
  RANGES,
  required,
  setting,
  type SettingRows,
  type SettingsOf,
  type SettingType,
  type ShapeOf,
  size,
  type ValueOf,
  wantedInstead,
  word,
} from "./settings.ts";
export { grown, viewOf, zeros } from "./zeros.ts";
export * from "./block/mod.ts";
export * from "./iommu/mod.ts";
export * from "./leaks/mod.ts";
export * from "./memory/mod.ts";
export * from "./mm/mod.ts";
export * from "./time/mod.ts";
