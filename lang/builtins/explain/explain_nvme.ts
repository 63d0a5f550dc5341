/** Decisions of the NVMe driver, in words. */
import { blockStatusOf, readStatus, STATUS_CODES } from "@dmalab/devices";
import { blkStatusName } from "@dmalab/runtime";
import { formatCount, formatSize } from "../../text/numbers.ts";
import { type EventFacts, type Explanation, gapBitBytes } from "./explanation.ts";

/** The size of the controller's page. @see rules/nvme.md 1 */
const CONTROLLER_PAGE_BYTES = 4096;

/** @see rules/nvme.md 2.1 */
export function explainFormat(facts: EventFacts<"nvme.choose">): Explanation {
  const format = facts.fields.format;
  const reason = formatReason(facts, format);
  switch (format) {
    case "simple_prp":
      return { title: "PRP entries in the command, no list", why: reason };
    case "simple_sgl":
      return { title: "one SGL descriptor in the command, no list", why: reason };
    default:
      return { title: format === "sgl" ? "an SGL" : "PRP entries", why: reason };
  }
}

function formatReason(facts: EventFacts, format: string): string {
  const simple = format.startsWith("simple");
  const spanned = facts.input("span_bytes") === undefined
    ? ""
    : `, and it ends ${facts.inputSize("span_bytes")} from there`;
  const span = `one segment of ${facts.inputSize("payload_bytes")}; two PRP entries reach 8KiB ` +
    `from the start of its page${spanned}`;
  switch (facts.input("sgl")) {
    case "unsupported": {
      const why = "the controller does not support SGLs, or this is the admin queue";
      return simple ? `${span}; ${why}` : why;
    }
    case "forced":
      return `required: ${forcedReasons(facts).join("; ")}`;
    default:
      return simple ? span : thresholdReason(facts);
  }
}

function forcedReasons(facts: EventFacts): string[] {
  const reasons: string[] = [];
  const gapBit = facts.inputNumber("gap_bit");
  const meets = gapBitBytes(gapBit);
  if (meets !== 0 && meets < CONTROLLER_PAGE_BYTES) {
    reasons.push(
      `segment boundaries are only ${formatSize(meets)}-aligned (phys_gap_bit ${gapBit}), ` +
        "below the controller's page of 4KiB",
    );
  }
  if (facts.inputIs("user_command")) reasons.push("it is a passthrough command");
  const metadata = facts.inputNumber("metadata_segments");
  if (metadata > 1) reasons.push(`its metadata has ${metadata} segments`);
  return reasons;
}

function thresholdReason(facts: EventFacts): string {
  const threshold = facts.inputNumber("threshold_bytes");
  if (threshold === 0) return "the threshold is 0: SGLs are never preferred";
  const average = facts.inputNumber("average_bytes");
  const mapped = facts.input("mapped_segments");
  const segments = typeof mapped === "number" ? mapped : facts.inputNumber("segments");
  const parts = facts.inputIs("coalesced") || segments === 1
    ? "as one range"
    : `in ${formatCount(segments, "segment")}`;
  return `${facts.inputSize("payload_bytes")} ${parts}: ${formatSize(average)} on average, ${
    average >= threshold ? "not below" : "below"
  } the threshold of ${formatSize(threshold)}`;
}

/** Memory that the driver allocates for a request. @see rules/nvme.md 2.3, 2.4 */
export function explainMemory(facts: EventFacts<"mem.alloc">): Explanation {
  if (facts.fields.what === "dma_vecs") {
    return {
      title: `dma_vecs array, ${facts.size("size_bytes")}`,
      why:
        "needed for unmap: there is no IOVA range, dma_need_unmap() is true, and PRP entries do " +
        "not record segment lengths",
    };
  }
  const entries = facts.inputNumber("entries");
  const pool = `from the ${facts.fields.from} pool`;
  const small = facts.fields.from === "small";
  switch (facts.rule) {
    case "nvme.2.3.4":
      return {
        title: `a PRP list ${pool}`,
        why: `${formatCount(entries, "entry", "entries")} after PRP1; a small block holds 32` +
          (small ? "" : ", a page 512"),
      };
    case "nvme.2.3.5":
      return {
        title: `one more page of the PRP list ${pool}`,
        why: `the page is full and ${
          formatCount(entries - 1, "entry is", "entries are")
        } left: its last entry moves to the new page and becomes the link`,
      };
    default:
      return {
        title: `a list of SGL descriptors ${pool}`,
        why: `${formatCount(entries, "descriptor")}; a small block holds 16` +
          (small ? "" : ", a page 256"),
      };
  }
}

/** The status of a completion. @see rules/nvme.md 4.2 */
export function explainCompletion(facts: EventFacts<"nvme.complete">): Explanation {
  const status = facts.fields.status;
  const meaning = blkStatusName(blockStatusOf(status));
  const { code, doNotRetry } = readStatus(status);
  const retry = status === 0 ? "" : doNotRetry ? "; DNR set: not retried" : "; retryable";
  const name = status === 0 || code === null ? "" : `${STATUS_CODES[code][1]}: `;
  return {
    title: `completion with status 0x${status.toString(16)}`,
    why: `${name}${meaning}${retry}`,
    rule: "nvme.4.2",
  };
}

/** Why the driver unmapped a request segment by segment, and how. @see rules/nvme.md 2.6 */
export function explainUnmap(facts: EventFacts<"nvme.unmap">): Explanation {
  const direct = facts.inputIs("coherent") && !facts.inputIs("translated");
  const needs = facts.inputIs("own_ops")
    ? "dma_need_unmap() is true: the device has its own dma_map_ops"
    : direct
    ? facts.inputIs("bounced")
      ? "dma_need_unmap() is true since a mapping bounced through swiotlb"
      : "dma_need_unmap() is true: the kernel is built with DMA debugging"
    : facts.inputIs("translated")
    ? "the device is translated, and there is no IOVA range"
    : "dma_need_unmap() is true: the device is not coherent";
  switch (facts.fields.rule) {
    case "from_sgl":
      return {
        title: "unmapped per segment, read from the SGL",
        why: `${needs}; the descriptors have addresses and lengths`,
      };
    case "saved":
      return {
        title: "unmapped per segment, from dma_vecs",
        why: `${needs}; PRP entries do not record segment lengths`,
      };
    case "from_prp":
      return {
        title: "unmapped as read from the PRP entries",
        why: `${needs}; but PRP entries do not record segment lengths`,
      };
    default:
      return { title: `unmapped: ${facts.fields.rule}`, why: "" };
  }
}
