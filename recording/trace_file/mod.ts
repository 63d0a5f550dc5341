/**
 * Events as files: `dmatrace`, one JSON object a line, and Chrome's format. Proof: `extensions/traces/tests/traces_export_test.ts`.
 *
 * What other members use:
 */
export { ChromeJson } from "./chrome_json.ts";
export { ChromeTraceWriter } from "./chrome_trace.ts";
export { keptTraces } from "./recorded_trace.ts";
export {
  type Placed,
  TRACE_SUFFIX,
  TRACE_VERSION,
  type TraceEnd,
  type TraceEvent,
  type TraceEventOf,
  type TraceFileLine,
  type TraceHead,
  type TraceMachine,
  type TraceOutcome,
  type TraceRun,
} from "./trace_line.ts";
export { labConfigOf, type TraceProblem, TraceReader } from "./trace_reader.ts";
export {
  type SitePlaces,
  type TracedRunOutcome,
  TraceLineWriter,
  type TraceWriter,
  type WriteText,
} from "./trace_writer.ts";
