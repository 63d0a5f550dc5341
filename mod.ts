/**
 * dmalab: a laboratory for DMA mapping, as a library.
 *
 * Run a scenario and ask what came of it:
 *
 * ```ts
 * import { loadText, renderDiagnostics, runProgram } from "./mod.ts";
 *
 * const { program, diagnostics } = loadText('test "doubling" { assert 2 * 4KiB == 8KiB }');
 * if (program === null) throw new Error(renderDiagnostics(diagnostics));
 * const report = runProgram(program);
 * if (report.counts.passed !== 1) throw new Error("The scenario failed");
 * ```
 *
 * Or build a machine and drive it without the language:
 *
 * ```ts
 * import { buildLab, labConfig } from "./mod.ts";
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
 * if (io.status !== "OK") throw new Error(`the read ended with ${io.status}`);
 * ```
 *
 * Nothing here touches the host: no file, no clock, no randomness. It runs in a browser page and in a
 * worker as it does under Deno.
 *
 * @module
 */
// Machines and devices.
export { type DeviceBase } from "./devices/device_kind.ts";
export { type EndpointDevice } from "./devices/endpoint/endpoint.ts";
export { buildLab, Lab, type LabDevice } from "./devices/lab.ts";
export {
  type BlockSettings,
  defaultLabConfig,
  type LabConfig,
  type PciNodeConfig,
  type PciNodeKind,
} from "./devices/lab_config.ts";
export { labConfig, type LabLiteral, type PciLiteral } from "./devices/lab_literal.ts";
export { Io } from "./devices/nvme/io.ts";
export { type NvmeDevice } from "./devices/nvme/nvme_device.ts";
export {
  type DiskBuffer,
  type DiskOp,
  NvmeDisk,
  type PassthroughOptions,
  type RawOptions,
  type SubmitOptions,
} from "./devices/nvme/nvme_disk.ts";
export { type CpuIdentity } from "./devices/pci/host_bridge.ts";
export { type RdmaDevice } from "./devices/rdma/rdma_device.ts";
export { type DeviceOf, type DeviceWord, type PortWord } from "./devices/registry.ts";
export { type VfioDevice } from "./devices/vfio/vfio_device.ts";
export { type BioVec } from "./runtime/block/bio.ts";
export { VirtualClock } from "./runtime/time/clock.ts";
export {
  ArmedFault,
  FAULT,
  type FaultError,
  type FaultPoint,
  type FaultPointName,
} from "./runtime/faults.ts";
export {
  KERNEL_SHORT_NAMES,
  type KernelConfig,
  type KernelName,
  type KernelProfile,
  type KernelRelease,
  KERNELS,
} from "./runtime/kernels/kernels.ts";
export { type QuirkName, QUIRKS, type QuirkSet } from "./runtime/kernels/quirks.ts";
export { Machine } from "./runtime/machine.ts";
export { Platform } from "./runtime/platform.ts";
export {
  defaultMachineConfig,
  type IommuConfig,
  type IommuMode,
  type MachineConfig,
  type MemoryRegion,
  type MemoryWindow,
  type SwiotlbConfig,
} from "./runtime/machine_config.ts";
export { type MemoryKind, type MemoryRange } from "./runtime/memory/layout.ts";
export {
  type PageAllocation,
  PageAllocator,
  type PageHome,
} from "./runtime/memory/page_allocator.ts";
export type { BufferSegment, HostMemoryChecks } from "./runtime/memory/host_buffer.ts";
export type { CoherentOptions } from "./runtime/dma/calls/coherent.ts";
export { PhysicalMemory } from "./runtime/memory/physical_memory.ts";
export { type GivenSettings, type SettingsOf } from "./runtime/settings.ts";

// The mapping functions, and what they take and give.
export {
  type Brand,
  type Bytes,
  DMA_MAPPING_ERROR,
  type DmaAddr,
  dmaAddr,
  GIB,
  KIB,
  MIB,
  type Nanoseconds,
  type PhysAddr,
  physAddr,
  TIB,
  type VirtAddr,
} from "./runtime/address.ts";
export {
  type AttributeWord,
  attributeWords,
  type DirectionWord,
  directionWord,
  DMA_ATTR,
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  type DmaDirection,
} from "./runtime/dma/attributes.ts";
export { DmaMapping, UNLIMITED_BYTES } from "./runtime/dma/calls/mapping.ts";
export type { CoherentMemory } from "./runtime/dma/coherent_memory.ts";
export { DeviceBus } from "./runtime/dma/device/bus_access.ts";
export { type DirectRegion, DmaDevice, type WantedMode } from "./runtime/dma/device/device.ts";
export { DmaIovaState } from "./runtime/dma/iova_state.ts";
export { Scatterlist, type ScatterOutput, type ScatterSegment } from "./runtime/dma/scatterlist.ts";
export {
  BLK_STS,
  type BlkStatus,
  blkStatusErrno,
  type BlkStatusName,
  blkStatusName,
  ERRNO,
  type ErrnoName,
  errnoName,
  KernelError,
} from "./runtime/errno.ts";
export {
  type DeviceAccess,
  type FaultReason,
  Iommu,
  type IommuFault,
} from "./runtime/iommu/iommu.ts";

// Events.
export {
  PictureCollector,
  svgPictures,
  type TextPicture,
} from "./lang/render/pictures/svg_picture.ts";
export { type EventLayout, formatEvent, formatEvents } from "./lang/render/event_line.ts";
export {
  EVENT_NAMES,
  type EventFields,
  type EventName,
  type FieldValue,
  KERNEL_CALLS,
  type KernelCall,
} from "./runtime/event_vocabulary.ts";
export { type EventListener, EventStream, type MachineEvent, type Why } from "./runtime/events.ts";
export { EventRecorder } from "./runtime/recorder.ts";
export { ChromeTraceWriter } from "./instruments/trace_file/chrome_trace.ts";
export {
  TRACE_VERSION,
  type TraceEnd,
  type TraceEvent,
  type TraceHead,
  type TraceLine,
  type TraceMachine,
  type TraceOutcome,
  type TraceRun,
} from "./instruments/trace_file/trace_line.ts";
export {
  labConfigOf,
  type TraceProblem,
  TraceReader,
} from "./instruments/trace_file/trace_reader.ts";
export {
  type RunOutcome,
  type SitePlaces,
  TraceLineWriter,
  type TraceWriter,
  type WriteText,
} from "./instruments/trace_file/trace_writer.ts";

// Scenarios.
export { DIAGNOSTIC_CODES, type DiagnosticCode } from "./lang/diagnostics/codes.ts";
export { type CodeEntry } from "./lang/diagnostics/codes/entry.ts";
export {
  type BugIdentity,
  type Diagnostic,
  type Fix,
  type RelatedSpan,
  type Severity,
} from "./lang/diagnostics/diagnostic.ts";
export {
  renderDiagnostic,
  renderDiagnostics,
  type RenderOptions,
  type StyleRole,
} from "./lang/diagnostics/render.ts";
export { checkProgram, loadProgram, loadText } from "./lang/language.ts";
export { type BenchOptions, runBench } from "./lang/run/bench.ts";
export { type NameMatch } from "./lang/run/name_match.ts";
export { type LoadResult, type Program } from "./lang/run/program.ts";
export { type TestEntry } from "./lang/run/test_entry.ts";
export { type FailureStyle } from "./lang/run/render_failure.ts";
export {
  type BenchIncident,
  type BenchOutcome,
  displayName,
  type EntryOutcome,
  type FailureReport,
  type Incident,
  type Place,
  type RunCounts,
  type RunNames,
  type RunReport,
  type TestOutcome,
  type Unexpected,
} from "./lang/run/report.ts";
export { type RunOptions, type RunStart } from "./lang/run/run_options.ts";
export { runProgram, runTest } from "./lang/run/run_program.ts";
export {
  type FeedResult,
  type SessionOptions,
  type SessionSummary,
  type SessionVariable,
  type ShownValue,
} from "./lang/run/session_types.ts";
export { Session } from "./lang/session.ts";
export { SourceFile, type Span, spanPlace } from "./lang/source.ts";
export { LoadError, memoryFiles, type SourceLoader } from "./lang/syntax/load_files.ts";
export { DEFAULT_LIMITS, type Limits } from "./lang/values/limits.ts";
export { type HostWatch } from "./lang/vm/run_watch.ts";

// Devices of one's own: what they are made of, and the laboratory that they are added to.
export { ConfigError } from "./devices/config_error.ts";
export { type AttachedBlock, type DeviceBlock, type DeviceKind } from "./devices/device_kind.ts";
export { deviceSettings, settingError } from "./devices/device_settings.ts";
export { addedBlock } from "./devices/lab_literal.ts";
export { type Bar, type BarRequest } from "./devices/pci/pci_function.ts";
export { builtin, methodsOf } from "./lang/builtins/describe/builtin.ts";
export { fieldsOf } from "./lang/builtins/describe/fields.ts";
export {
  named as namedParameter,
  optional as optionalParameter,
  param,
} from "./lang/builtins/describe/parameters.ts";
export { type AnyScriptedKind, type ScriptedKind } from "./lang/builtins/node_types.ts";
export { DEVICE } from "./lang/builtins/things/device.ts";
export { REGION } from "./lang/builtins/things/region.ts";
export { type Addition, Laboratory, laboratory, type TextOptions } from "./lang/laboratory.ts";
export { ScriptError } from "./lang/values/script_error.ts";
export { type FunctionSpec, type TypeSpec } from "./lang/values/spec.ts";
export { type TableEvent, TableEvents } from "./runtime/events.ts";
export { type RegisterPort } from "./runtime/memory/register_ports.ts";
export { type FactRow, type FactTableSpec } from "./runtime/recording/fact_table_spec.ts";
/** Keys of blocks: `setting`, and the shapes that their values have. */
export * as shape from "./runtime/settings.ts";
export { type EventEntry, type EventTable } from "./runtime/vocabulary/event_table.ts";
/** What fields of events and of tables hold. */
export * as eventField from "./runtime/vocabulary/fields.ts";

// What the types above are made of: nothing to name.
export { type DescribedRegisters } from "./devices/described_registers.ts";
export { type DeviceSettings, type DmaDefaults } from "./devices/device_settings.ts";
export { type PciFunction, type PciRole } from "./devices/pci/pci_function.ts";
export { type PeerProviders } from "./devices/pci/peers/peer_providers.ts";
export { type DeviceRegistry } from "./devices/registry.ts";
export { type FunctionEntry, type MakeMethod } from "./lang/builtins/describe/builtin.ts";
export { type FieldMakers, type Unnamed } from "./lang/builtins/describe/fields.ts";
export { type Form } from "./lang/builtins/describe/form.ts";
export { type Parameter } from "./lang/builtins/describe/parameters.ts";
export { type Run } from "./lang/values/run.ts";
export {
  type Arguments,
  type CallContext,
  type Contents,
  type DataProblem,
  type FieldSpec,
  type Kind,
  type MethodSpec,
  type ParameterSpec,
} from "./lang/values/spec.ts";
export { type Maker, type Value } from "./lang/values/value.ts";
export { type TableFieldsOf } from "./runtime/events.ts";
export {
  type AddedChanges,
  type AnyTableSpec,
  type Changes,
  type FieldName,
  type LeakSpec,
} from "./runtime/recording/fact_table_spec.ts";
export {
  type Field,
  type FieldKind,
  type FieldTable,
  type WordSet,
} from "./runtime/vocabulary/fields.ts";
export { type KernelFeature } from "./runtime/vocabulary/kernel_calls.ts";
export { type NvmeRequest } from "./devices/nvme/driver/command/nvme_request.ts";
export { type SubmittingDisk } from "./devices/nvme/driver/queues/scheduled_dispatch.ts";
export { type CpuRows } from "./devices/pci/host_bridge.ts";
export { type PortKinds, type RegisteredKind, type RowsOf } from "./devices/registry.ts";
export { type Placed, type TraceEventOf } from "./instruments/trace_file/trace_line.ts";
export { type DiagnosticTable } from "./lang/diagnostics/codes.ts";
export { type Session as SessionWith } from "./lang/run/session.ts";
export { type space } from "./runtime/address.ts";
export { type PlugTarget } from "./runtime/block/plug.ts";
export { type RequestOwner } from "./runtime/block/request.ts";
export { type CallTables, type EventTables, type TableName } from "./runtime/event_vocabulary.ts";
export { type EventOf } from "./runtime/events.ts";
export { type FaultPoints } from "./runtime/faults.ts";
export { type Kernel, type Releases } from "./runtime/kernels/kernels.ts";
export {
  type IommuRows,
  type MachineRows,
  type RamRows,
  type SwiotlbRows,
} from "./runtime/machine_config.ts";
export { type OptionalOf, type SettingRows, type ValueOf } from "./runtime/settings.ts";
export { type AllHold, type Holds } from "./runtime/vocabulary/fields.ts";
export { type CallEnd, type KernelCalls } from "./runtime/vocabulary/kernel_calls.ts";
export { type AccessField, type FaultReasonField } from "./runtime/vocabulary/shared_words.ts";
export type { Question, WrongAnswer } from "./lang/values/question.ts";
export { type Shown } from "./lang/values/run.ts";
