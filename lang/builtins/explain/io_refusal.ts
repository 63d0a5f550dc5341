/** Why a bio never became a request. */
import type { Why } from "@dmalab/runtime";
import { formatCount, formatSize } from "../../text/numbers.ts";
import { factLines } from "./explanation.ts";

/** The rejection of a bio, or of the part that was left after splits. @see rules/block.md 1.3, 1.4 */
export function refusalLines({ rule, inputs }: Why, status: string, columns: number): string[] {
  return factLines({ title: `rejected: ${status}`, why: refusalReason(inputs) }, rule, columns);
}

/** The reason for rejecting a bio, as a sentence. */
export function refusalReason(inputs: Why["inputs"]): string {
  const number = (name: string) => Number(inputs[name] ?? 0);
  const size = (name: string) => formatSize(number(name));
  const needed = `it has ${size("bytes")} in ${
    formatCount(number("vectors"), "segment")
  }, and a request takes ${size("max_transfer_bytes")} in ${
    formatCount(number("max_segments"), "segment")
  }`;
  switch (inputs.reason) {
    case "no_whole_blocks":
      return `${size("bytes")} is not a multiple of the ${
        size("logical_block_bytes")
      } logical block`;
    case "beyond_the_end":
      return `it ends at ${size("end_bytes")}, and the disk has ${size("capacity_bytes")}`;
    case "metadata_length":
      return `it has ${size("given_bytes")} of metadata, which is not ${
        number("metadata_of_a_block")
      } bytes for each block`;
    case "metadata_segments":
      return `its metadata has ${formatCount(number("segments"), "segment")}, and a request takes ${
        number("max_integrity_segments")
      }`;
    case "no_metadata":
      return `it has ${size("given_bytes")} of metadata, and what it is for has none`;
    case "long_metadata":
      return `it has ${size("given_bytes")} of metadata, and the queue takes ${
        size("max_transfer_bytes")
      } in ${formatCount(number("max_pages"), "page")}`;
    case "fixed_buffer":
      return `a registered buffer of ${size("bytes")} in ${
        formatCount(number("vectors"), "segment")
      }, and the queue takes 1B to ${size("max_transfer_bytes")} in ${
        inputs.takes_vectors === true ? "segments" : "one segment"
      }`;
    case "alignment":
      return "a segment does not begin and end at a multiple of " +
        `${number("dma_alignment_mask") + 1} bytes (dma_alignment ${number("dma_alignment_mask")})`;
    case "uncut_command":
      return `a passthrough command is never split: ${needed}`;
    case "atomic":
      return `REQ_ATOMIC, and it would have to be split: ${needed}`;
    case "nowait":
      return `REQ_NOWAIT, and it would have to be split: ${needed}`;
    case "below_a_block":
      return `no whole block fits into the first request: ${needed}, with segment boundaries aligned to ${
        formatSize(number("virt_boundary_mask") + 1)
      }`;
    case "peer_memory":
      return "it contains peer memory, and the queue lacks BLK_FEAT_PCI_P2PDMA";
    case "unsupported":
      return "the disk does not support the operation";
    default:
      return "there is no memory for what it needs besides its data";
  }
}
