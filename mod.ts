/**
 * dmalab: a laboratory for DMA mapping, as a library.
 *
 * Run a scenario and read its report:
 *
 * ```ts ignore
 * import { loadText, renderDiagnostics, runProgram } from "dmalab";
 *
 * const { program, diagnostics } = loadText('test "doubling" { assert 2 * 4KiB == 8KiB }');
 * if (program === null) throw new Error(renderDiagnostics(diagnostics));
 * const report = runProgram(program);
 * if (report.counts.passed !== 1) throw new Error("The scenario failed");
 * ```
 *
 * Or build a machine and drive it without the language:
 *
 * ```ts ignore
 * import { buildLab, labConfig } from "dmalab";
 *
 * const lab = buildLab(labConfig({
 *   pci: [{
 *     kind: "root_port",
 *     name: "rp0",
 *     children: [{ kind: "nvme", name: "ssd", settings: { depth: 64 } }],
 *   }],
 * }));
 * const disk = lab.device("ssd", "nvme").disk;
 * const io = disk.submit("flush");
 * while (!io.done) lab.machine.runNextActivity();
 * if (io.status !== "OK") throw new Error(`the flush ended with ${io.status}`);
 * ```
 *
 * Nothing here touches the host: no file, no clock, no randomness. It runs in a browser page and in a
 * worker as it does under Deno.
 *
 * @module
 */
// Machines and devices.
export {
  type AttachedBlock,
  type BlockSettings,
  buildLab,
  ConfigError,
  defaultLabConfig,
  type DescribedRegisters,
  type DeviceBase,
  type DeviceBlock,
  type DeviceKind,
  type DeviceOf,
  type DeviceRegistry,
  type DeviceSettings,
  deviceSettings,
  type DeviceWord,
  type DmaDefaults,
  Lab,
  type LabConfig,
  type LabDevice,
  type PciNodeConfig,
  type PciNodeKind,
  type PortKinds,
  type PortWord,
  type RegisteredKind,
  type RowsOf,
  settingError,
} from "@dmalab/devices";
export { addedBlock, labConfig, type LabLiteral, type PciLiteral } from "@dmalab/devices";
export type { EndpointDevice } from "@dmalab/devices";
export {
  type DiskBuffer,
  type DiskOp,
  Io,
  type NvmeDevice,
  NvmeDisk,
  type NvmeRequest,
  type PassthroughOptions,
  type RawOptions,
  type SubmitOptions,
} from "@dmalab/devices";
export type {
  Bar,
  BarKind,
  BarRequest,
  CpuIdentity,
  CpuRows,
  PciFunction,
  PciRole,
  PeerProviders,
} from "@dmalab/devices";
export type { RdmaDevice } from "@dmalab/devices";
export type { VfioDevice } from "@dmalab/devices";
// Memory that a process maps for its devices.
export {
  ContainerFile,
  type ContainerTable,
  DIRTY_PAGES_FLAG,
  type DirtyBitmap,
  type GetDirtyBitmap,
  type GroupDevices,
  GroupFile,
  type IovaRange,
  MAP_FLAG,
  type MapDma,
  type MappedArea,
  type MappingProcess,
  type PinAccess,
  type PinnedKind,
  type PinnedRun,
  type TestMemory,
  Type1Container,
  type Type1Options,
  type U64Value,
  UNMAP_FLAG,
  type UnmapDma,
} from "@dmalab/devices/vfio_container";
export type { BioVec, PlugTarget, RequestOwner } from "@dmalab/runtime";
export { VirtualClock } from "@dmalab/runtime";
export {
  ArmedInjection,
  BLK_STS,
  type BlkStatus,
  blkStatusErrno,
  type BlkStatusName,
  blkStatusName,
  type Brand,
  type Bytes,
  type CallFrame,
  type CallTables,
  defaultMachineConfig,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  dmaAddr,
  ERRNO,
  type ErrnoName,
  errnoName,
  EVENT_NAMES,
  type EventFields,
  type EventListener,
  type EventName,
  type EventOf,
  type EventOfTable,
  EventRecorder,
  EventStream,
  type EventTableName,
  type EventTables,
  type FieldValue,
  GIB,
  type InjectedError,
  INJECTION,
  type InjectionPoint,
  type InjectionPointName,
  type InjectionPoints,
  type IommuConfig,
  type IommuMode,
  type IommuRows,
  KERNEL_CALLS,
  type KernelCall,
  KernelError,
  KIB,
  Machine,
  type MachineConfig,
  type MachineEvent,
  type MachineRows,
  type MemoryRegionConfig,
  type MemoryWindow,
  MIB,
  type Nanoseconds,
  type OptionalOf,
  type PartialSettings,
  type PhysAddr,
  physAddr,
  Platform,
  type RamRows,
  type SettingRows,
  type SettingsOf,
  type space,
  type SwiotlbConfig,
  type SwiotlbRows,
  TableEvents,
  type TableFieldsOf,
  TIB,
  type ValueOf,
  type VirtAddr,
  type Why,
} from "@dmalab/runtime";
export {
  type Kernel,
  KERNEL_SHORT_NAMES,
  type KernelConfig,
  type KernelName,
  type KernelProfile,
  type KernelRelease,
  KERNELS,
  type QuirkName,
  QUIRKS,
  type QuirkSet,
  RELEASES,
} from "@dmalab/runtime/kernels";
export {
  type BufferSegment,
  type MemoryKind,
  type MemoryRange,
  type PageAllocation,
  PageAllocator,
  type PageHome,
  type PageOwner,
  PhysicalMemory,
  type RegisterPort,
} from "@dmalab/runtime";
export {
  type AttributeWord,
  attributeWords,
  type CoherentMemory,
  type CoherentOptions,
  DeviceBus,
  type DirectionWord,
  directionWord,
  type DirectRegion,
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  DmaDevice,
  type DmaDirection,
  DmaIovaState,
  DmaMapping,
  Scatterlist,
  type ScatterOutput,
  type ScatterSegment,
  UNLIMITED_BYTES,
  type WantedMode,
} from "@dmalab/runtime/dma";

// The IOMMU, its faults, and the kinds of access.
export { type DeviceAccess, type FaultReason, Iommu, type IommuFault } from "@dmalab/runtime";

// Events.
export { type EventLayout, formatEvent, formatEvents } from "@dmalab/lang/render";
export { PictureCollector, svgPictures, type TextPicture } from "@dmalab/lang/render";
export {
  ChromeTraceWriter,
  labConfigOf,
  type Placed,
  type SitePlaces,
  TRACE_VERSION,
  type TracedRunOutcome,
  type TraceEnd,
  type TraceEvent,
  type TraceEventOf,
  type TraceFileLine,
  type TraceHead,
  TraceLineWriter,
  type TraceMachine,
  type TraceOutcome,
  type TraceProblem,
  TraceReader,
  type TraceRun,
  type TraceWriter,
  type WriteText,
} from "@dmalab/recording";

// Scenarios.
export {
  type BugIdentity,
  type CodeEntry,
  type Diagnostic,
  type DiagnosticCode,
  type DiagnosticTable,
  type Fix,
  type RelatedSpan,
  renderDiagnostic,
  renderDiagnostics,
  type RenderOptions,
  type Severity,
  type StyleRole,
} from "@dmalab/lang/diagnostics";
export { DIAGNOSTIC_CODES } from "@dmalab/lang/explain";
export {
  type Addition,
  checkProgram,
  Laboratory,
  laboratory,
  loadProgram,
  loadText,
  SourceFile,
  type Span,
  spanPlace,
  type TextOptions,
} from "@dmalab/lang";
export { Session } from "@dmalab/lang/program";
export {
  type BenchTally,
  type LatencyPercentiles,
  type LatencyRange,
  type LatencySummary,
} from "@dmalab/lang/program";
export {
  type BenchExpectationOutcome,
  type BenchIncident,
  type BenchOutcome,
  type BenchReport,
  type BusyTime,
  displayName,
  type EntryOutcome,
  type FailedValue,
  type FailureReport,
  type FailureStyle,
  type Incident,
  type InputResult,
  type LeakedResource,
  type LeakingPlace,
  type LoadResult,
  type LocationText,
  type NameMatch,
  type Program,
  type RunCounts,
  type RunNames,
  type RunOptions,
  type RunReport,
  type RunStart,
  type SessionOptions,
  type SessionSummary,
  type SessionVariable,
  type ShownValue,
  type TestEntry,
  type TestOutcome,
  type Unexpected,
} from "@dmalab/lang/run";
export { type BenchOptions, benchReports, runBench } from "@dmalab/lang/program";
export { type RunSession as SessionWith } from "@dmalab/lang/program";
export { runProgram, runTest } from "@dmalab/lang/program";
export { LoadError, memoryFiles, type SourceLoader } from "@dmalab/lang/syntax";
export {
  type Arguments,
  type CallContext,
  type Contents,
  type DataProblem,
  DEFAULT_LIMITS,
  type ExecutionContext,
  type FieldSpec,
  type FunctionSpec,
  type HandleType,
  type Limits,
  type Maker,
  type MethodSpec,
  type ParameterSpec,
  type Question,
  ScriptError,
  type ShowStatement,
  type Type,
  type Value,
  type VariantSetting,
  type WrongAnswer,
} from "@dmalab/lang/values";
export type { HostWatch } from "@dmalab/lang/run";

// Devices defined by the caller: their parts, and the laboratory that they are added to.
export {
  type AnyScriptedKind,
  builtin,
  DEVICE,
  type FieldMakers,
  fieldsOf,
  type Form,
  type FunctionEntry,
  type MakeMethod,
  methodsOf,
  named as namedParameter,
  optional as optionalParameter,
  param,
  type Parameter,
  REGION,
  type ScriptedKind,
  type Unnamed,
} from "@dmalab/lang/builtins";
export type {
  AddedChanges,
  AnyTableSpec,
  Changes,
  FieldName,
  HistoryRow,
  HistoryTableSpec,
  LeakSpec,
} from "@dmalab/runtime/recording";
/** Keys of blocks: `setting`, and the shapes of their values. */
export * as shape from "./runtime/settings.ts";
export type {
  AccessField,
  AllHold,
  CallEnd,
  EventEntry,
  EventTable,
  FailingCall,
  FaultReasonField,
  Field,
  FieldKind,
  FieldTable,
  Holds,
  KernelCalls,
  KernelFeature,
  WordSet,
} from "@dmalab/runtime/vocabulary";
/** The kinds of fields of events and tables. */
export * as eventField from "./runtime/vocabulary/fields.ts";
