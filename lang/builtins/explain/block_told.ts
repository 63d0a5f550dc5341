/** What the block layer decided, in words. */
import { SECTOR_SIZE_BYTES } from "../../../runtime/address.ts";
import { formatCount, formatLimit, formatSize } from "../../text/numbers.ts";
import { type Facts, gapBitBytes, type Told } from "./told.ts";

function sectorsText(sectors: number): string {
  return `${formatCount(sectors, "sector")}, ${formatLimit(sectors * SECTOR_SIZE_BYTES)}`;
}

/** @see behaviour/block.md 1.3 */
export function splitTold(facts: Facts<"block.split">): Told {
  const limit = facts.fields.limit;
  const rule = facts.fields.rule;
  const segments = facts.inputNumber("segments");
  const counted = segments === 0 ? "" : `, in ${formatCount(segments, "segment")}`;
  return {
    title: `cut after ${formatSize(facts.fields.at_sectors * SECTOR_SIZE_BYTES)}${counted}`,
    why: `${rule}: ${splitReason(rule, limit)}; ${
      cutPlace(facts)
    }the rest goes on as a bio of its own`,
  };
}

/** Where in the bio's memory the cut is. */
function cutPlace(facts: Facts<"block.split">): string {
  if (facts.input("piece") === undefined) return "";
  const piece = facts.inputNumber("piece");
  if (facts.inputNumber("piece_done_bytes") !== 0) {
    return `the cut is ${facts.inputSize("piece_done_bytes")} into piece ${piece}; `;
  }
  const cut = `the cut is before piece ${piece}`;
  if (facts.fields.rule !== "virt_boundary") return `${cut}; `;
  const end = facts.inputNumber("ends_at_bytes");
  const begin = facts.inputNumber("begins_at_bytes");
  return `${cut}: the one before ends ${
    end === 0 ? "with its page" : `at ${formatSize(end)} of one`
  }` +
    `, this one begins ${begin === 0 ? "a page" : `at ${formatSize(begin)} of its page`}; `;
}

function splitReason(rule: Facts<"block.split">["fields"]["rule"], limit: number): string {
  switch (rule) {
    case "max_segments":
      return `a request has at most ${formatCount(limit, "segment")}`;
    case "virt_boundary":
      return `PRP entries cannot say that pieces do not meet on a multiple of ${
        formatSize(limit + 1)
      }`;
    case "chunk_sectors":
      return `no request crosses a multiple of ${sectorsText(limit)}`;
    case "max_discard_sectors":
      return `one discard covers at most ${sectorsText(limit)}`;
    case "max_write_zeroes_sectors":
      return `one write of zeroes covers at most ${sectorsText(limit)}`;
    case "max_sectors":
      return `a request has at most ${sectorsText(limit)}`;
  }
}

/** @see behaviour/block.md 1.5 */
export function mergeTold(facts: Facts<"block.merge">): Told {
  const rule = facts.fields.rule;
  const together = `together ${facts.inputSize("bytes")} of at most ${
    formatLimit(facts.inputNumber("max_sectors") * SECTOR_SIZE_BYTES)
  }, ${formatCount(facts.inputNumber("segments"), "segment")} of at most ${
    facts.inputNumber("max_segments")
  }`;
  return facts.fields.joined
    ? { title: `a bio joined it (${rule})`, why: together }
    : { title: `a bio did not join it (${rule})`, why: mergeRefusal(rule, facts, together) };
}

function mergeRefusal(rule: string, facts: Facts, together: string): string {
  const unit = facts.inputNumber("virt_boundary_mask") + 1;
  const inUnit = (name: string) => formatSize(facts.inputNumber(name) % unit);
  switch (rule) {
    case "gap":
      return `pieces must meet on multiples of ${formatSize(unit)}: the request would begin at ${
        inUnit("first_offset")
      } of one, its memory ends at ${inUnit("end_offset")}, the bio's begins at ${
        inUnit("next_offset")
      }`;
    case "integrity":
      return "only one of them has metadata, or together they have too many pieces of it";
    case "integrity_gap":
      return `their metadata does not meet on a multiple of ${formatSize(unit)}`;
    case "ranges":
      return "a discard command has no room for another range";
    default:
      return `${together}; nothing else will join it either`;
  }
}

/** Whether the pieces of a request can lie behind each other in pages of an IOMMU. */
function gapReason(facts: Facts): string {
  const gapBit = facts.inputNumber("gap_bit");
  const boundary = facts.inputNumber("merge_boundary_bytes");
  if (boundary === 0) {
    return "the device is not translated: its merge boundary is 0, and there is no range to be had";
  }
  const page = `the IOMMU's page of ${formatSize(boundary + 1)}`;
  if (gapBit === 0) return `there is one piece, or all of them touch (gap bit 0); ${page}`;
  const meets = formatSize(gapBitBytes(gapBit));
  return facts.inputIs("pieces_meet")
    ? `pieces meet on multiples of ${meets} (gap bit ${gapBit}), at the edges of ${page}`
    : `pieces meet on multiples of ${meets} only (gap bit ${gapBit}), inside ${page}: one range ` +
      "would have a hole there";
}

/** @see behaviour/block.md 2.3 */
export function iteratorStartTold(
  facts: Facts<"ret.blk_rq_dma_map_iter_start" | "ret.blk_rq_integrity_dma_map_iter_start">,
): Told {
  const what = facts.name.includes("integrity") ? "the metadata" : "the data";
  const mmio = facts.input("map_type") === "thru_host_bridge"
    ? "; peer memory through the host bridge, mapped with the attribute mmio"
    : "";
  switch (facts.rule) {
    case "block.2.3.1":
      return {
        title: `nothing to map of ${what}: no segment`,
        why: "false with status OK is an end, not a failure; the IOVA state is not written",
      };
    case "block.2.3.2":
      return {
        title: `${what} by PCI bus address, no mapping call`,
        why: "peer memory below a common switch: its address is the physical one plus the " +
          "provider's bus offset",
      };
    case "block.2.3.3":
      return {
        title: "refused: peer memory that the device cannot reach",
        why: "status INVAL, and no mapping call was made",
      };
    case "block.2.3.4":
      return { title: `one range of IO addresses for ${what}`, why: gapReason(facts) + mmio };
    case "block.2.3.4e":
      return {
        title: `one range for ${what} failed: ${facts.fields.error}`,
        why: "a link or the sync failed; what was linked is given back, and the state keeps its " +
          "size",
      };
    case "block.2.3.5e":
      return {
        title: `the first segment of ${what} cannot be mapped: ${facts.fields.error}`,
        why: "the mapping call gave the error value",
      };
    default: {
      const refused = facts.inputIs("pieces_meet") &&
        facts.inputNumber("merge_boundary_bytes") !== 0;
      const why = facts.inputIs("single_segment")
        ? "one segment asks for no range (iterator_maps_single_segment)"
        : refused
        ? "a range was asked for and refused"
        : gapReason(facts);
      return { title: `${what} segment by segment, not as one range`, why: why + mmio };
    }
  }
}

/** @see behaviour/block.md 2.5 */
export function iteratorUnmapTold(facts: Facts<"ret.blk_rq_dma_unmap">): Told {
  switch (facts.rule) {
    case "block.2.5.1":
      return { title: "nothing to unmap", why: "bus addresses were never mapped" };
    case "block.2.5.2":
      return { title: "one destroy ends the range", why: "the state says that a range is in use" };
    default:
      return facts.fields.result
        ? {
          title: "nothing to unmap",
          why: "the device is coherent, sees physical addresses, and has not bounced",
        }
        : {
          title: "each segment must be unmapped",
          why: "there is no range, and the device needs its unmaps",
        };
  }
}
