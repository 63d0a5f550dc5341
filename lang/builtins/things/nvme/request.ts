/** A request: what the block layer hands to the driver. */
import type { NvmeRequest } from "../../../../devices/nvme/driver/command/nvme_request.ts";
import { formatCount, formatSize } from "../../../text/numbers.ts";
import type { Run } from "../../../values/run.ts";
import { requestPicture } from "../../../render/pictures/request_picture.ts";
import type { Value } from "../../../values/value.ts";
import {
  dma,
  errorValue,
  isThing,
  list,
  phys,
  record,
  size,
  thing,
  word,
} from "../../arguments.ts";
import { requestStory } from "../../explain/request_story.ts";
import { picturedRequest } from "../../pictured_request.ts";
import type { TypeSpec } from "../../../values/spec.ts";
import { COMMAND } from "./command.ts";
import { IOVA_STATE } from "../dma/iova_state.ts";
import { TRACE } from "../trace.ts";

/** The events that a request caused. */
export function requestEvents(requests: readonly NvmeRequest[], run: Run) {
  const ids = new Set(requests.map((request) => request.id));
  return run.recorder.events.filter((event) => event.request !== null && ids.has(event.request));
}

/** Events as a trace; its span is that from the first to the last. */
export function traceOf(events: ReturnType<typeof requestEvents>): Value {
  const spanNs = events.length === 0 ? 0 : events.at(-1)!.at_ns - events[0]!.at_ns;
  return thing(TRACE, { events, spanNs });
}

export const REQUEST: TypeSpec<NvmeRequest> = {
  name: "request",
  doc: "One request: a bio, or a part of one, on its way to the device and back.",
  fields: [
    { name: "id", kind: "int", doc: "Its number, from 1.", get: (request) => request.id },
    {
      name: "op",
      kind: "word",
      doc: "What it does: read, write, flush, write_zeroes, discard.",
      get: (request) => word(request.op),
    },
    { name: "lba", kind: "int", doc: "First logical block.", get: (request) => request.lba },
    {
      name: "bytes",
      kind: "size",
      doc: "How much of the disk it covers.",
      get: (request) => size(request.bytes),
    },
    {
      name: "segments",
      kind: "list",
      of: { phys: "phys", size: "size" },
      doc: "Its memory after joining what touches: a list of { phys, size }.",
      get: (request) =>
        list(
          request.segments().map((segment) =>
            record({ phys: phys(segment.phys), size: size(segment.sizeBytes) })
          ),
        ),
    },
    {
      name: "done",
      kind: "bool",
      doc: "It has ended, well or badly.",
      get: (request) => request.done,
    },
    {
      name: "mapped",
      kind: "bool",
      doc: "Its memory has been mapped.",
      get: (request) => request.mapped,
    },
    {
      name: "status",
      kind: "word",
      doc: "How it ended; OK until it fails.",
      get: (request) => word(request.status),
    },
    {
      name: "error",
      kind: "word",
      doc: "The errno a caller would get; none while all is well.",
      get: (request) => errorValue(request.error),
    },
    {
      name: "iova",
      kind: "record",
      of: { start: "dma", size: "size" },
      doc: "The one range all memory became: { start, size }; none when there was none.",
      get: (request) =>
        request.iova === null ? null : record({
          start: dma(request.iova.start),
          size: size(request.iova.sizeBytes),
        }),
    },
    {
      name: "command",
      kind: "@command",
      doc: "The command it became, also after it completed; none before.",
      get: (request) =>
        request.command === null ? null : thing(COMMAND, { command: request.command, request }),
    },
    {
      name: "format",
      kind: "word",
      doc: "How the command describes the data: prp or sgl; none before and without data.",
      get: (request) => request.format === null ? null : word(request.format),
    },
    {
      name: "unmapped_by",
      kind: "word",
      doc: "How its mapping ended: single, bus, iova, nothing, from_sgl, from_prp, saved or " +
        "scatterlist.",
      get: (request) => request.unmappedBy === null ? null : word(request.unmappedBy),
    },
    {
      name: "events",
      kind: "@trace",
      doc: "The events it caused.",
      get: (request, run) => traceOf(requestEvents([request], run)),
    },
    {
      name: "state",
      kind: "@iova_state",
      doc: "The IOVA state of its tag, which outlives requests; none without a tag.",
      get: (request, run) =>
        request.iod === null ? null : thing(IOVA_STATE, {
          state: request.iod.dmaState,
          device: run.lab.devices.get(request.device)!.dma,
          kind: "none",
        }),
    },
    { name: "device", kind: "string", doc: "The disk's name.", get: (request) => request.device },
    {
      name: "queue",
      kind: "int",
      doc: "The queue it went to, from 1; 0 before.",
      get: (request) => request.queue,
    },
    {
      name: "cid",
      kind: "int",
      doc: "The command's id; none before it has one.",
      get: (request) => request.cid,
    },
    {
      name: "phys_segments",
      kind: "int",
      doc: "Segments as the block layer counted them; the mapped ones may be fewer.",
      get: (request) => request.nrPhysSegments,
    },
    {
      name: "gap_bit",
      kind: "int",
      doc: "Lowest bit, from 1, of any place where its pieces do not meet on a page; 0: none.",
      get: (request) => request.gapBit,
    },
    {
      name: "nvme_status",
      kind: "int",
      doc: "The status field of its completion without the phase bit; 0x4000 of it: do not retry.",
      get: (request) => request.nvmeStatus,
    },
    {
      name: "retries",
      kind: "int",
      doc: "How often it was tried again.",
      get: (request) => request.retries,
    },
  ],
  methods: [],
  format: formatRequest,
  show: (request, run) => requestPicture(picturedRequest(request, run)),
  explain: explainRequest,
  equals: (request, other) => isThing(other, REQUEST) && other.target === request,
};

/** Every decision about a request, in words. */
export function explainRequest(request: NvmeRequest, run: Run): string[] {
  return requestStory(request, formatRequest(request), run);
}

/** A request on one line. */
export function formatRequest(request: NvmeRequest): string {
  const state = request.done ? request.status : request.mapped ? "mapped" : "queued";
  return `request ${request.id}: ${request.op} lba ${request.lba}, ${
    formatSize(request.bytes)
  } in ${formatCount(request.nrPhysSegments, "segment")}, ${state}`;
}
