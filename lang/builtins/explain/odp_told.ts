/** What was decided about memory that is paged on demand, in words. */
import { formatCount } from "../../text/numbers.ts";
import type { Facts, Told } from "./told.ts";

/** @see behaviour/hmm-rdma-vfio.md 2.2 */
export function handledTold(facts: Facts<"odp.handled">): Told {
  const at = facts.address("virt");
  const result = facts.fields.result;
  const refaults = facts.inputNumber("refaults");
  if (result !== "OK") return { title: `page fault at ${at} ends with ${result}`, why: "" };
  return {
    title: `page fault at ${at}: ${formatCount(facts.fields.pages, "page")} told`,
    why: refaults === 0
      ? ""
      : `${formatCount(refaults, "page fault")} at the very same place made no progress`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 2.2 */
export function retryTold(facts: Facts<"odp.retry">): Told {
  return {
    title: "the page table was read in vain",
    why: facts.fields.cause === "busy"
      ? "it was changing"
      : `the sequence number was ${facts.inputNumber("sequence")} and is ${
        facts.inputNumber("sequence_now")
      }: what was read may be gone`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 2.2 (7), 2.3 (3) */
export function tableTold(facts: Facts<"odp.table">): Told {
  const first = facts.fields.index;
  const last = first + facts.fields.entries - 1;
  const which = first === last
    ? `entry ${first} of the device's table`
    : `entries ${first} to ${last} of the device's table`;
  if (facts.fields.valid === 0) {
    return { title: `${which}: taken out`, why: "before anything is unmapped" };
  }
  return {
    title: `${which}: ${facts.fields.valid} valid`,
    why:
      `written in blocks of ${facts.inputNumber("block")}; each valid one counts as a page, told ` +
      `before or not: npages is ${facts.inputNumber("npages")}`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 2.3 */
export function takenBackTold(facts: Facts<"odp.invalidate">): Told {
  const unmapped = formatCount(facts.fields.unmapped, "page");
  return {
    title: `${facts.address("virt")}, ${facts.size("size_bytes")}: ${unmapped} taken back`,
    why: `${facts.fields.zapped} entries left the table, ${
      facts.inputNumber("counted")
    } are counted; npages is ${facts.inputNumber("npages")}`,
  };
}
