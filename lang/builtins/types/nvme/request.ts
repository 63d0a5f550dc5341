/** A request, as the block layer passes it to the driver. */
import { plainSegment, SEGMENT } from "../segment.ts";
import { type NvmeRequest, readStatus } from "@dmalab/devices";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import { isIncident } from "../../../values/incident.ts";
import type { ExecutionContext } from "../../../values/execution_context.ts";
import { requestStory } from "../../explain/request_story.ts";
import { showRequest } from "../../show_request.ts";
import type { HandleType } from "../../../values/spec.ts";
import { COMMAND } from "./command.ts";
import { IOVA_STATE, stateOf } from "../dma/iova_state.ts";
import { TRACE, type Trace } from "../trace.ts";
import { fieldsOf } from "../../describe/fields.ts";

export function requestEvents(requests: readonly NvmeRequest[], context: ExecutionContext) {
  const { observer } = context;
  if (observer !== undefined && observer !== null) {
    return requests.flatMap(({ id }) =>
      observer.eventsOf(id) ?? context.recorder.events.filter(({ request }) => request === id)
    );
  }
  const ids = new Set(requests.map((request) => request.id));
  return context.recorder.events.filter((event) =>
    event.request !== null && ids.has(event.request)
  );
}

/** Events as a trace that spans from the first to the last. */
export function traceOf(events: ReturnType<typeof requestEvents>): Trace {
  const spanNs = events.length === 0 ? 0 : events.at(-1)!.at_ns - events[0]!.at_ns;
  return { events, spanNs };
}

export const REQUEST: HandleType<NvmeRequest> = {
  name: "request",
  doc: "A request of the block layer: a bio, a part of one, or merged bios.",
  fields: fieldsOf<NvmeRequest>((f) => ({
    id: f.int("Its number, from 1.", (request) => request.id),
    op: f.word("What it does: read, write, flush, write_zeroes, discard.", (request) => request.op),
    lba: f.int("First logical block.", (request) => request.lba),
    bytes: f.size("How much of the disk it covers.", (request) => request.bytes),
    segments: f.list(
      SEGMENT,
      "Its segments after merging adjacent memory: a list of { phys, size }.",
      (request) => request.segments().map(plainSegment),
    ),
    done: f.bool("It has completed, with or without an error.", (request) => request.done),
    mapped: f.bool("Its memory has been mapped.", (request) => request.mapped),
    status: f.word("Its block status; none while it is in flight.", (request) => request.status),
    error: f.word(
      "The errno for its submitter; none while it is in flight and if its status is OK.",
      (request) => request.error,
    ),
    iova: f.of(
      { start: "dma", size: "size" },
      "The one IOVA range that maps all of its memory: { start, size }; none if there is no " +
        "such range.",
      ({ iova }) => iova === null ? null : { start: iova.start, size: iova.sizeBytes },
    ),
    command: f.of(
      COMMAND,
      "Its NVMe command, also after completion; none before the command is built.",
      (request) => request.command === null ? null : { command: request.command, request },
    ),
    format: f.word(
      "How the command describes the data: prp or sgl; none before and without data.",
      (request) => request.format,
    ),
    unmapped_by: f.word(
      "How its last try was unmapped: single, bus, iova, nothing, from_sgl, from_prp, saved or scatterlist.",
      (request) => request.unmappedBy,
    ),
    events: f.of(
      TRACE,
      "The events it caused.",
      (request, context) => traceOf(requestEvents([request], context)),
    ),
    state: f.of(
      IOVA_STATE,
      "The IOVA state of its tag, which outlives requests; none without a tag.",
      (request, context) =>
        request.iod === null
          ? null
          : stateOf(request.iod.dmaState, context.lab.devices.get(request.device)!.dma),
    ),
    device: f.string("The disk's name.", (request) => request.device),
    queue: f.int("Its submission queue, from 1; 0 before it has one.", (request) => request.queue),
    cid: f.int("The command's id; none before it has one.", (request) => request.cid),
    phys_segments: f.int(
      "Segments as the block layer counted them; the mapped ones may be fewer.",
      (request) => request.nrPhysSegments,
    ),
    gap_bit: f.int(
      "Kernel phys_gap_bit: the lowest set bit, from 1, of segment boundaries inside a page; 0: none.",
      (request) => request.gapBit,
    ),
    nvme_status: f.int(
      "The status field of its completion without the phase tag; bit 0x4000 is Do Not Retry.",
      (request) => request.nvmeStatus,
    ),
    status_type: f.word(
      "Type of the completion's status: generic, command_specific, media, path or vendor; none " +
        "before completion and for an undefined type.",
      ({ done, nvmeStatus }) => done ? readStatus(nvmeStatus).type : null,
    ),
    status_code: f.word(
      "Name of the completion's status code, such as prp_offset_invalid; none before " +
        "completion and for a code without a name: .nvme_status has the number.",
      ({ done, nvmeStatus }) => done ? readStatus(nvmeStatus).code : null,
    ),
    retries: f.int("How often it was retried.", (request) => request.retries),
  })),
  format: formatRequest,
  show: showRequest,
  explain: explainRequest,
  endedNs: ({ endedNs }) => endedNs,
  isWrong: (request, context) => wentWrong([request], context),
};

/** True when one of the requests failed, or caused a fault or a report. */
export function wentWrong(requests: readonly NvmeRequest[], context: ExecutionContext): boolean {
  return requests.some(({ done, status }) => done && status !== "OK") ||
    requestEvents(requests, context).some(isIncident);
}

/** Every decision about a request, in words. */
export function explainRequest(request: NvmeRequest, context: ExecutionContext): string[] {
  return requestStory(request, formatRequest(request), context);
}

export function formatRequest(request: NvmeRequest): string {
  return `request ${request.id}: ${request.op} lba ${request.lba}, ${
    formatSize(request.bytes)
  } in ${formatCount(request.nrPhysSegments, "segment")}, ${stateText(request)}`;
}

/** How far a request is: its status, once it has one. A request without data is never mapped. */
export function stateText({ format, mapped, status, unmappedBy }: NvmeRequest): string {
  if (status !== null) return status;
  if (!mapped) return "queued";
  return unmappedBy !== null ? "unmapped" : format !== null ? "mapped" : "in flight";
}
