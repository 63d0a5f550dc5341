/** An io: one bio as its submitter sees it, with all the requests that were made from it. */
import { addAll, maxOf } from "@dmalab/runtime/basics";
import type { Io, NvmeRequest } from "@dmalab/devices";
import { blkStatusName } from "@dmalab/runtime";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { tableLines } from "../../../text/columns.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { ScriptError } from "../../../values/script_error.ts";
import type { Value } from "../../../values/value.ts";
import { refusalLines } from "../../explain/io_refusal.ts";
import { showRequest } from "../../show_request.ts";
import type { FieldSpec, HandleType } from "../../../values/spec.ts";
import {
  explainRequest,
  formatRequest,
  REQUEST,
  requestEvents,
  stateText,
  traceOf,
  wentWrong,
} from "./request.ts";
import { fieldsOf } from "../../describe/fields.ts";
import { once } from "../../describe/once.ts";
import { TRACE } from "../trace.ts";

/**
 * Events that are left out: events about the origin of addresses differ between requests, and
 * explain nothing about the io.
 */
const DETAILS = /^(?:iova|iotlb|flush_queue)\./;

/**
 * Explains an io. Consecutive requests with the same decisions are explained together.
 *
 * @param tell Explains one request.
 */
function ioStory(
  requests: readonly NvmeRequest[],
  tell: (request: NvmeRequest) => readonly string[],
  context: ExecutionContext,
): string[] {
  const lines: string[] = [];
  const decisions = decisionsOf(requests, context);
  for (let first = 0; first < requests.length;) {
    const request = requests[first]!;
    let next = first + 1;
    while (next < requests.length && decisions[next] === decisions[first]) next++;
    addAll(lines, tell(request));
    if (next - first > 1) {
      const last = requests[next - 1]!;
      lines.push(
        `… same decisions for ${formatCount(next - first - 1, "more request")}, ` +
          `up to request ${last.id}`,
      );
    }
    first = next;
  }
  return lines;
}

/**
 * A line for each request: the different decisions about the request, with their rules, and the
 * request's end.
 */
function decisionsOf(requests: readonly NvmeRequest[], context: ExecutionContext): string[] {
  const decided = new Map(requests.map(({ id }) => [id, new Set<string>()]));
  for (const { name, request, why } of context.recorder.events) {
    if (why === null || request === null || DETAILS.test(name)) continue;
    decided.get(request)?.add(`${name} ${why.rule}`);
  }
  return requests.map((request) =>
    [...decided.get(request.id)!, request.status ?? "in flight"].join(", ")
  );
}

/** Number of requests that a picture shows; the others are only listed. */
const PICTURED_REQUESTS = 1;

const OWN_FIELDS = fieldsOf<Io>((f) => ({
  requests: f.list(
    REQUEST,
    "The requests it was split into, in the order of their sectors.",
    (io) => io.requests,
  ),
  status: f.word(
    "OK, or the status of the first failed request; none while one is in flight.",
    (io) => io.status,
  ),
  done: f.bool("All its requests have completed.", (io) => io.done),
  error: f.word(
    "The errno for its submitter; none while it is in flight and if its status is OK.",
    (io) => io.error,
  ),
  bytes: f.size("Its length.", (io) => io.bytes),
  events: f.of(
    TRACE,
    "The events its requests caused.",
    (io, context) => traceOf(requestEvents(io.requests, context)),
  ),
}));

function onlyRequest(io: Io, field: string): NvmeRequest {
  if (io.requests.length === 1) return io.requests[0]!;
  throw new ScriptError(
    "E0914",
    `Cannot ask an io of ${formatCount(io.requests.length, "request")} for its ${field}`,
    io.requests.length === 0
      ? `it failed before a request was built: ${io.status}`
      : `ask one of them: \`.requests[0].${field}\``,
  );
}

/** An io of one request also has the fields of that request. */
function requestFields(): FieldSpec<Io>[] {
  const own = new Set(OWN_FIELDS().map((field) => field.name));
  return REQUEST.fields().filter((field) => !own.has(field.name)).map((field) => {
    const { explain, ...rest } = field;
    return {
      ...rest,
      doc: `${field.doc} Only for an io of one request.`,
      get: (io: Io, context: ExecutionContext): Value =>
        field.get(onlyRequest(io, field.name), context),
      ...explain !== undefined && {
        explain: (io: Io, context: ExecutionContext) =>
          explain(onlyRequest(io, field.name), context),
      },
    };
  });
}

export const IO: HandleType<Io> = {
  name: "io",
  doc: "One bio as its submitter sees it. It may have been split into several requests.",
  fields: once(() => [...OWN_FIELDS(), ...requestFields()]),
  format: (io) => {
    if (io.requests.length === 1) return `io: ${formatRequest(io.requests[0]!)}`;
    const state = io.status ?? "in flight";
    return `io of ${formatSize(io.bytes)} in ${
      formatCount(io.requests.length, "request")
    }, ${state}`;
  },
  show: (io, context) => {
    if (io.requests.length <= PICTURED_REQUESTS) {
      return io.requests.length === 0
        ? [`io of ${formatSize(io.bytes)}, failed before a request was built: ${io.status}`]
        : showRequest(io.requests[0]!, context);
    }
    return [
      `io of ${formatSize(io.bytes)}, split into ${formatCount(io.requests.length, "request")}`,
      ...tableLines(
        ["request", "lba", "bytes", "segments", "format", "status"],
        io.requests.map((request) => [
          String(request.id),
          String(request.lba),
          formatSize(request.bytes),
          String(request.nrPhysSegments),
          request.format ?? "",
          stateText(request),
        ]),
        ["right", "right", "right", "right"],
      ),
    ];
  },
  endedNs: ({ requests }) => maxOf(requests.map(({ endedNs }) => endedNs), 0),
  isWrong: ({ refusal, requests }, context) => refusal !== null || wentWrong(requests, context),
  explain: (io, context) => [
    ...ioStory(io.requests, (request) => explainRequest(request, context), context),
    ...io.refusal === null ? [] : [
      io.requests.length === 0 ? `io of ${formatSize(io.bytes)}` : "what was left of it",
      ...refusalLines(io.refusal, blkStatusName(io.statusCode), context.columns),
    ],
  ],
};
