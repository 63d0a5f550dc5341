/** Why a bio never became a request. */
import type { Why } from "../../../runtime/events.ts";
import { formatCount, formatSize } from "../../text/numbers.ts";
import { factLines } from "./told.ts";

/** The refusal of a bio, or of what was left of it after cuts. @see behaviour/block.md 1.3, 1.4 */
export function refusalLines({ rule, inputs }: Why, status: string, columns: number): string[] {
  return factLines({ title: `refused: ${status}`, why: refusalReason(inputs) }, rule, columns);
}

/** The same in a sentence. */
export function refusalReason(inputs: Why["inputs"]): string {
  const number = (name: string) => Number(inputs[name] ?? 0);
  const size = (name: string) => formatSize(number(name));
  const needed = `it has ${size("bytes")} in ${
    formatCount(number("vectors"), "piece")
  }, and a request takes ${size("max_transfer_bytes")} in ${
    formatCount(number("max_segments"), "segment")
  }`;
  switch (inputs.reason) {
    case "no_whole_blocks":
      return `${size("bytes")} are no whole blocks of ${size("logical_block_bytes")}`;
    case "beyond_the_end":
      return `it ends at ${size("end_bytes")}, and the disk has ${size("capacity_bytes")}`;
    case "metadata_length":
      return `it brings ${size("given_bytes")} of metadata, which is not ${
        number("metadata_of_a_block")
      } bytes for each block`;
    case "metadata_segments":
      return `its metadata has ${formatCount(number("segments"), "segment")}, and a request takes ${
        number("max_integrity_segments")
      }`;
    case "alignment":
      return "a piece begins or ends off a multiple of " +
        `${number("dma_alignment_mask") + 1} bytes (dma_alignment ${number("dma_alignment_mask")})`;
    case "uncut_command":
      return `a user's command is never cut: ${needed}`;
    case "atomic":
      return `all or nothing, and it would have to be cut: ${needed}`;
    case "nowait":
      return `it may not wait, and it would have to be cut: ${needed}`;
    case "below_a_block":
      return `no whole block fits into the first request: ${needed}, meeting on multiples of ${
        formatSize(number("virt_boundary_mask") + 1)
      }`;
    case "peer_memory":
      return "a peer's memory is in it, and the queue does not have that feature";
    case "unsupported":
      return "the disk does not know the operation";
    default:
      return "there is no memory for what it needs besides its data";
  }
}
