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
