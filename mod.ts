/**
 * dmalab: a laboratory for DMA mapping, as a library.
 *
 * Run a scenario and ask what came of it:
 *
 * ```ts
 * import { LoadError, loadProgram, renderDiagnostics, runProgram, SourceFile } from "./mod.ts";
 *
 * const source = new SourceFile("doubling.dma", 'test "doubling" { assert 2 * 4KiB == 8KiB }');
 * // Where files that it uses come from; it uses none.
 * const files = { load: (path: string) => new LoadError("not_found", `There is no "${path}"`) };
 * const { program, diagnostics } = loadProgram(source, files);
 * if (program === null) throw new Error(renderDiagnostics(diagnostics));
 * const report = runProgram(program);
 * if (report.counts.passed !== 1) throw new Error("The scenario failed");
 * ```
 *
 * Or build a machine and drive it without the language:
 *
 * ```ts
 * import { buildLab, defaultLabConfig } from "./mod.ts";
 *
 * const lab = buildLab({
 *   ...defaultLabConfig(),
 *   pci: [{
 *     kind: "root_port",
 *     name: "rp0",
 *     settings: {},
 *     children: [{ kind: "nvme", name: "ssd", settings: { depth: 64 }, children: [] }],
 *   }],
 * });
 * const disk = lab.device("ssd", "nvme").disk;
 * const io = disk.submit("flush");
 * while (!io.done) lab.machine.runNextActivity();
 * if (io.status !== "OK") throw new Error(io.status);
 * ```
 *
 * Nothing here touches the host: no file, no clock, no randomness. It runs in a browser page and in a
 * worker as it does under Deno.
 *
 * @module
 */
export {
  type BlockSettings,
  defaultLabConfig,
  type LabConfig,
  type PciNodeConfig,
  type PciNodeKind,
} from "./devices/lab_config.ts";
export { buildLab, Lab, type LabDevice } from "./devices/lab.ts";
export { Io } from "./devices/nvme/io.ts";
export { NvmeDisk } from "./devices/nvme/nvme_disk.ts";
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
  type SitePlaces,
  TraceLineWriter,
  type TraceWriter,
  type WriteText,
} from "./instruments/trace_file/trace_writer.ts";
export { type Diagnostic, type Severity } from "./lang/diagnostics/diagnostic.ts";
export { DIAGNOSTIC_CODES, type DiagnosticCode } from "./lang/diagnostics/codes.ts";
export { renderDiagnostic, renderDiagnostics } from "./lang/diagnostics/render.ts";
export { formatEvent, formatEvents } from "./lang/render/event_line.ts";
export { type BenchOptions, runBench } from "./lang/run/bench.ts";
export { checkProgram, loadProgram } from "./lang/language.ts";
export { Session } from "./lang/session.ts";
export { LoadError, type SourceLoader } from "./lang/syntax/load_files.ts";
export type { LoadResult, Program, TestEntry } from "./lang/run/program.ts";
export {
  type BenchOutcome,
  displayName,
  type FailureReport,
  type Incident,
  type RunReport,
  type TestOutcome,
} from "./lang/run/report.ts";
export { type RunOptions } from "./lang/run/run_options.ts";
export { runProgram, runTest } from "./lang/run/run_program.ts";
export type { FeedResult, SessionOptions } from "./lang/run/session.ts";
export { SourceFile, type Span, spanPlace } from "./lang/source.ts";
export { DEFAULT_LIMITS, type Limits } from "./lang/values/limits.ts";
export { type HostWatch } from "./lang/vm/run_watch.ts";
export { DMA_MAPPING_ERROR, type DmaAddr, type PhysAddr } from "./runtime/address.ts";
export {
  EVENT_NAMES,
  EVENT_TABLE,
  type EventName,
  KERNEL_CALLS,
} from "./runtime/event_vocabulary.ts";
export { EventStream, type MachineEvent, type Why } from "./runtime/events.ts";
export { type KernelProfile, type KernelRelease, KERNELS } from "./runtime/kernels/kernels.ts";
export { type QuirkName, QUIRKS, type QuirkSet } from "./runtime/kernels/quirks.ts";
export { Machine } from "./runtime/machine.ts";
export { defaultMachineConfig, type MachineConfig } from "./runtime/machine_config.ts";
export { EventRecorder } from "./runtime/recorder.ts";
