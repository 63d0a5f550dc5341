/** The event that explains which format a command has for its metadata. */
import { eventId, type EventStream } from "@dmalab/runtime";
import type { Iod } from "../command/iod.ts";
import type { NvmeRequest } from "../command/nvme_request.ts";

const NVME_METADATA = eventId("nvme.metadata");

/**
 * Emits the format that was chosen, and the inputs of the choice.
 *
 * @param rule The release's: `nvme.3`, or `nvme.6` for 6.12.
 * @param format Straight, or by way of descriptors.
 * @param metadataSgl The controller takes descriptors for metadata.
 * @see rules/nvme.md 3
 */
export function tellMetadataChoice(
  events: EventStream,
  rule: "nvme.3" | "nvme.6",
  format: "pointer" | "sgl",
  iod: Iod,
  request: NvmeRequest,
  metadataSgl: boolean,
): void {
  if (!events.tick(NVME_METADATA)) return;
  events.emit(NVME_METADATA, { format }, {
    rule,
    inputs: {
      data_sgl: iod.usesSgl,
      controller_metadata_sgl: metadataSgl,
      metadata_segments: request.nrIntegritySegments,
      user_command: request.userCommand,
    },
  });
}
