/** What other members use of `recording/trace_file`. */
export { ChromeJson } from "./chrome_json.ts";
export { ChromeTraceWriter } from "./chrome_trace.ts";
export { keptTraces } from "./kept_trace.ts";
export {
  type Placed,
  TRACE_SUFFIX,
  TRACE_VERSION,
  type TraceEnd,
  type TraceEvent,
  type TraceEventOf,
  type TraceHead,
  type TraceLine,
  type TraceMachine,
  type TraceOutcome,
  type TraceRun,
} from "./trace_line.ts";
export { labConfigOf, type TraceProblem, TraceReader } from "./trace_reader.ts";
export {
  type RunOutcome,
  type SitePlaces,
  TraceLineWriter,
  type TraceWriter,
  type WriteText,
} from "./trace_writer.ts";
