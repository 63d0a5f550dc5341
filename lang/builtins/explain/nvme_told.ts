/** What the NVMe driver decided, in words. */
import { blockStatusOf, doNotRetry } from "../../../devices/nvme/driver/command/status.ts";
import { readStatus, STATUS_CODES } from "../../../devices/nvme/status_codes.ts";
import { blkStatusName } from "../../../runtime/errno.ts";
import type { EventFields } from "../../../runtime/event_vocabulary.ts";
import { formatCount, formatSize } from "../../text/numbers.ts";
import { type Facts, gapBitBytes, type Told } from "./told.ts";

/** The controller's page. @see behaviour/nvme.md 1 */
const CONTROLLER_PAGE_BYTES = 4096;

/** @see behaviour/nvme.md 2.1 */
export function formatTold(facts: Facts<"nvme.choose">): Told {
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

function formatReason(facts: Facts, format: string): string {
  const simple = format.startsWith("simple");
  const spanned = facts.input("span_bytes") === undefined
    ? ""
    : `, and it ends ${facts.inputSize("span_bytes")} from there`;
  const span = `one segment of ${facts.inputSize("payload_bytes")}; two PRP entries reach 8KiB ` +
    `from the start of its page${spanned}`;
  switch (facts.input("sgl")) {
    case "unsupported": {
      const why = "the controller takes no SGL, or the queue is the admin queue";
      return simple ? `${span}; ${why}` : why;
    }
    case "forced":
      return `it must be one: ${forcedReasons(facts).join("; ")}`;
    default:
      return simple ? span : thresholdReason(facts);
  }
}

function forcedReasons(facts: Facts): string[] {
  const reasons: string[] = [];
  const gapBit = facts.inputNumber("gap_bit");
  const meets = gapBitBytes(gapBit);
  if (meets !== 0 && meets < CONTROLLER_PAGE_BYTES) {
    reasons.push(
      `pieces meet on multiples of ${formatSize(meets)} only (gap bit ${gapBit}), inside the ` +
        "controller's page of 4KiB",
    );
  }
  if (facts.inputIs("user_command")) reasons.push("it is a user's own command");
  const metadata = facts.inputNumber("metadata_segments");
  if (metadata > 1) reasons.push(`its metadata has ${metadata} segments`);
  return reasons;
}

function thresholdReason(facts: Facts): string {
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

/** @see behaviour/nvme.md 3 */
export function metadataTold(facts: Facts<"nvme.metadata">): Told {
  const segments = facts.inputNumber("metadata_segments");
  const pieces = `it has ${formatCount(segments, "segment")}`;
  if (facts.fields.format === "sgl") {
    const user = facts.inputIs("user_command") ? "a user's own command" : pieces;
    return { title: "metadata behind SGL descriptors", why: `${user}; the controller takes them` };
  }
  const why = !facts.inputIs("data_sgl")
    ? "the data is described by PRP entries"
    : !facts.inputIs("controller_metadata_sgl")
    ? "the controller takes no SGL for metadata"
    : pieces;
  return { title: "metadata straight behind the pointer MPTR", why };
}

/** Memory that the driver takes for a request. @see behaviour/nvme.md 2.3, 2.4 */
export function memoryTold(facts: Facts<"mem.alloc">): Told {
  if (facts.fields.what === "dma_vecs") {
    return {
      title: `an array of ${facts.size("size_bytes")} to save the mappings in`,
      why: "there is no one range, the device needs its unmaps, and PRP entries do not say where " +
        "a segment ends",
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
        } left: its last entry moves over and makes room for the link`,
      };
    default:
      return {
        title: `a list of SGL descriptors ${pool}`,
        why: `${formatCount(entries, "descriptor")}; a small block holds 16` +
          (small ? "" : ", a page 256"),
      };
  }
}

/** What the controller answered. @see behaviour/nvme.md 4.2 */
export function completionTold(facts: Facts<"nvme.complete">): Told {
  const status = facts.fields.status;
  const meaning = blkStatusName(blockStatusOf(status));
  const retry = status === 0
    ? ""
    : doNotRetry(status)
    ? "; trying again is useless, it says"
    : "; it may be tried again";
  const { code } = readStatus(status);
  const name = status === 0 || code === null ? "" : `${STATUS_CODES[code][1]}: `;
  return {
    title: `the controller answers with status 0x${status.toString(16)}`,
    why: `${name}${meaning}${retry}`,
    rule: "nvme.4.2",
  };
}

const TIMEOUT_ACTIONS: Readonly<Record<EventFields<"nvme.timeout">["action"], string>> = {
  found: "it was answered, only the interrupt was lost",
  abort: "the controller is asked to abort it",
  reset: "the controller is to be reset",
  patience: "it is given as much time again",
};

/** Nobody captured what a driver does then; the model's way is in docs/language.md. */
export function timeoutTold(facts: Facts<"nvme.timeout">): Told {
  return {
    title: "no answer in time",
    why: TIMEOUT_ACTIONS[facts.fields.action],
    rule: "nvme.5.2",
  };
}

/** @see behaviour/nvme.md 4.2 */
export function cancelTold(): Told {
  return {
    title: "the driver ends the command: Command Aborted By Host",
    why: "its controller was stopped, or is gone; the request may be tried again",
    rule: "nvme.4.2",
  };
}

/** @see behaviour/nvme.md 2.6 */
export function unmapTold(facts: Facts<"nvme.unmap">): Told {
  const direct = facts.inputIs("coherent") && !facts.inputIs("translated");
  const needs = direct
    ? "the device has bounced once, so its unmaps count"
    : facts.inputIs("translated")
    ? "the device is translated, and there is no one range"
    : "the device is not coherent, so its unmaps count";
  switch (facts.fields.rule) {
    case "single":
      return { title: "unmapped: the one segment", why: "one mapping, one call" };
    case "bus":
      return { title: "nothing to unmap", why: "bus addresses were never mapped" };
    case "iova":
      return {
        title: `unmapped: one range of ${facts.inputSize("iova_bytes")}`,
        why: "the state of the request says that a range is in use",
      };
    case "nothing":
      return {
        title: "nothing to unmap",
        why: "the device is coherent, sees physical addresses, and has not bounced",
      };
    case "from_sgl":
      return {
        title: "unmapped segment by segment, read back from the SGL",
        why: `${needs}; addresses and lengths stand in the descriptors`,
      };
    case "saved":
      return {
        title: "unmapped segment by segment, as saved when mapped",
        why: `${needs}; PRP entries do not say where a segment ends`,
      };
    case "from_prp":
      return {
        title: "unmapped as the PRP entries read",
        why: `${needs}; but PRP entries do not say where a segment ends`,
      };
    case "scatterlist":
      return { title: "unmapped: the scatterlist", why: "6.12 kept one for the request" };
    default:
      return { title: `unmapped: ${facts.fields.rule}`, why: "" };
  }
}
