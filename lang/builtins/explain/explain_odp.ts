/** Decisions about on-demand paging, in words. */
import { formatCount } from "../../text/numbers.ts";
import type { Explanation, Facts } from "./explanation.ts";

/** @see behaviour/hmm-rdma-vfio.md 2.2 */
export function explainHandled(facts: Facts<"odp.handled">): Explanation {
  const at = facts.address("virt");
  const result = facts.fields.result;
  const refaults = facts.inputNumber("refaults");
  if (result !== "OK") return { title: `page fault at ${at} ends with ${result}`, why: "" };
  return {
    title: `page fault at ${at}: ${formatCount(facts.fields.pages, "page")} mapped`,
    why: refaults === 0
      ? ""
      : `${formatCount(refaults, "page fault")} at the same address made no progress`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 2.2 */
export function explainRetry(facts: Facts<"odp.retry">): Explanation {
  return {
    title: "mmu_interval_read_retry(): the page table is read again",
    why: facts.fields.cause === "busy"
      ? "it was changing"
      : `the sequence number was ${facts.inputNumber("sequence")} and is ${
        facts.inputNumber("sequence_now")
      }: the result may be stale`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 2.2 (7), 2.3 (3) */
export function explainTable(facts: Facts<"odp.table">): Explanation {
  const first = facts.fields.index;
  const last = first + facts.fields.entries - 1;
  const which = first === last
    ? `entry ${first} of the device's table`
    : `entries ${first} to ${last} of the device's table`;
  if (facts.fields.valid === 0) {
    return { title: `${which}: invalidated`, why: "before the unmaps" };
  }
  return {
    title: `${which}: ${facts.fields.valid} valid`,
    why: `written in blocks of ${facts.inputNumber("block")}; each valid one counts, ` +
      `written before or not: npages is ${facts.inputNumber("npages")}`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 2.3 */
export function explainTakenBack(facts: Facts<"odp.invalidate">): Explanation {
  const unmapped = formatCount(facts.fields.unmapped, "page");
  return {
    title: `${facts.address("virt")}, ${facts.size("size_bytes")}: ${unmapped} invalidated`,
    why: `${facts.fields.zapped} entries left the table, ${
      facts.inputNumber("counted")
    } are counted; npages is ${facts.inputNumber("npages")}`,
  };
}
