/** Decisions of the block layer, in words. */
import { SECTOR_SIZE_BYTES } from "@dmalab/runtime";
import { formatCount, formatLimit, formatSize } from "../../text/numbers.ts";
import { type EventFacts, type Explanation, gapBitBytes } from "./explanation.ts";

function sectorsText(sectors: number): string {
  return `${formatCount(sectors, "sector")}, ${formatLimit(sectors * SECTOR_SIZE_BYTES)}`;
}

/** @see rules/block.md 1.3 */
export function explainSplit(facts: EventFacts<"block.split">): Explanation {
  const limit = facts.fields.limit;
  const rule = facts.fields.rule;
  const segments = facts.inputNumber("segments");
  const counted = segments === 0 ? "" : `, in ${formatCount(segments, "segment")}`;
  return {
    title: `split after ${formatSize(facts.fields.at_sectors * SECTOR_SIZE_BYTES)}${counted}`,
    why: `${rule}: ${splitReason(rule, limit)}; ${
      cutPlace(facts)
    }the rest continues as its own bio`,
  };
}

/** Position of the split in the bio's memory. */
function cutPlace(facts: EventFacts<"block.split">): string {
  if (facts.input("piece") === undefined) return "";
  const piece = facts.inputNumber("piece");
  if (facts.inputNumber("piece_done_bytes") !== 0) {
    return `the split is ${facts.inputSize("piece_done_bytes")} into bio_vec ${piece}; `;
  }
  const cut = `the split is before bio_vec ${piece}`;
  if (facts.fields.rule !== "virt_boundary") return `${cut}; `;
  const end = facts.inputNumber("ends_at_bytes");
  const begin = facts.inputNumber("begins_at_bytes");
  return `${cut}: the one before ends ${
    end === 0 ? "at a page boundary" : `${formatSize(end)} into its page`
  }` +
    `, this one begins ${
      begin === 0 ? "at a page boundary" : `${formatSize(begin)} into its page`
    }; `;
}

function splitReason(rule: EventFacts<"block.split">["fields"]["rule"], limit: number): string {
  switch (rule) {
    case "max_segments":
      return `a request has at most ${formatCount(limit, "segment")}`;
    case "virt_boundary":
      return `PRP entries need segment boundaries aligned to ${formatSize(limit + 1)}`;
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

/** @see rules/block.md 1.5 */
export function explainMerge(facts: EventFacts<"block.merge">): Explanation {
  const rule = facts.fields.rule;
  const together = `together ${facts.inputSize("bytes")} of at most ${
    formatLimit(facts.inputNumber("max_sectors") * SECTOR_SIZE_BYTES)
  }, ${formatCount(facts.inputNumber("segments"), "segment")} of at most ${
    facts.inputNumber("max_segments")
  }`;
  return facts.fields.joined
    ? { title: `a bio merged into it (${rule})`, why: together }
    : { title: `a bio was not merged (${rule})`, why: mergeRefusal(rule, facts, together) };
}

function mergeRefusal(rule: string, facts: EventFacts, together: string): string {
  const unit = facts.inputNumber("virt_boundary_mask") + 1;
  const inUnit = (name: string) => formatSize(facts.inputNumber(name) % unit);
  switch (rule) {
    case "gap":
      return `segment boundaries must be aligned to ${
        formatSize(unit)
      }: the request would begin at ${inUnit("first_offset")} of one, its memory ends at ${
        inUnit("end_offset")
      }, the bio's begins at ${inUnit("next_offset")}`;
    case "integrity":
      return "only one of them has metadata, or together they have too many metadata segments";
    case "integrity_gap":
      return `the boundary of their metadata is not aligned to ${formatSize(unit)}`;
    case "ranges":
      return "a discard command has no room for another range";
    default:
      return `${together}; no further bio will be merged`;
  }
}

/** Says whether the segments of a request can be coalesced into one IOVA range, and why. */
function gapReason(facts: EventFacts): string {
  const gapBit = facts.inputNumber("gap_bit");
  const boundary = facts.inputNumber("merge_boundary_bytes");
  if (boundary === 0) {
    return "no IOMMU translation: dma_get_merge_boundary() is 0, so segments cannot be coalesced";
  }
  const page = `the ${formatSize(boundary + 1)} IOMMU granule`;
  if (gapBit === 0) return `one segment, or all are contiguous (phys_gap_bit 0); ${page}`;
  const meets = formatSize(gapBitBytes(gapBit));
  return facts.inputIs("pieces_meet")
    ? `segment boundaries are aligned to ${meets} (phys_gap_bit ${gapBit}), at least ${page}`
    : `segment boundaries are only ${meets}-aligned (phys_gap_bit ${gapBit}), below ${page}: ` +
      "the segments cannot be coalesced into one IOVA range";
}

/** @see rules/block.md 2.3 */
export function explainIteratorStart(
  facts: EventFacts<"ret.blk_rq_dma_map_iter_start" | "ret.blk_rq_integrity_dma_map_iter_start">,
): Explanation {
  const what = facts.name.includes("integrity") ? "the metadata" : "the data";
  const mmio = facts.input("map_type") === "thru_host_bridge"
    ? "; peer memory through the host bridge, mapped with DMA_ATTR_MMIO"
    : "";
  switch (facts.rule) {
    case "block.2.3.1":
      return {
        title: `nothing to map of ${what}: no segment`,
        why:
          "returns false with BLK_STS_OK: end of iteration, not an error; the IOVA state is left untouched",
      };
    case "block.2.3.2":
      return {
        title: `${what} by PCI bus address, no mapping call`,
        why: "peer memory below a common switch: its address is the physical one plus the " +
          "provider's bus offset",
      };
    case "block.2.3.3":
      return {
        title: "rejected: peer memory that the device cannot reach",
        why: "status INVAL, and no mapping call was made",
      };
    case "block.2.3.4":
      return { title: `one IOVA range for ${what}`, why: gapReason(facts) + mmio };
    case "block.2.3.4e":
      return {
        title: `one range for ${what} failed: ${facts.fields.error}`,
        why:
          "a link or the sync failed; the linked part is unlinked and freed, and the state keeps its " +
          "size",
      };
    case "block.2.3.5e":
      return {
        title: `the first segment of ${what} cannot be mapped: ${facts.fields.error}`,
        why: "the mapping call returned DMA_MAPPING_ERROR",
      };
    default: {
      const refused = facts.inputIs("pieces_meet") &&
        facts.inputNumber("merge_boundary_bytes") !== 0;
      const why = refused ? "dma_iova_try_alloc() returned false" : gapReason(facts);
      return { title: `${what} mapped per segment (no IOVA coalescing)`, why: why + mmio };
    }
  }
}
