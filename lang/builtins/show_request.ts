/** `show` of a request: a picture of its current state, in text. */
import { addressTitleAt, type NvmeRequest, readRequest } from "@dmalab/devices";
import { requestPicture } from "../render/pictures/request_picture.ts";
import { formatCount, formatSize } from "../text/numbers.ts";
import type { ExecutionContext } from "../values/execution_context.ts";
import { missingLines, requestEventsOf } from "./explain/request_story.ts";
import { commandByteLines } from "./types/nvme/command.ts";

/** The lines for a request in its current state. */
export function showRequest(request: NvmeRequest, context: ExecutionContext): string[] {
  const { bytes, cid, command, device, format, id, lba, mapped, op, queue } = request;
  const events = requestEventsOf(request, context);
  const picture = readRequest(id, events, request.segments());
  const { segments } = picture;
  const state = request.status ?? (mapped ? "mapped" : "queued, nothing mapped yet");
  const pointer = format === null ? "" : `   ${format.toUpperCase()}`;
  const extent = bytes === 0 ? "" : `   lba ${lba}   ${formatSize(bytes)}`;
  const data = segments.length === 0 ? "" : ` in ${formatCount(segments.length, "segment")}`;
  return requestPicture(picture, {
    title: `request ${id}   ${op}${extent}${data}${pointer}`,
    place: `${device}${queue === 0 ? "" : ` queue ${queue}`}${cid === null ? "" : ` cid ${cid}`}`,
    titleAt: (dma) => addressTitleAt(dma, events),
    notes: [
      ...missingLines(context),
      ...command === null
        ? [`  ${state}`]
        : ["", `  ${state}; the command's 64 bytes:`, ...commandByteLines(command.bytes)],
    ],
  });
}
