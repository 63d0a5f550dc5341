/** Decisions about pages of processes, on-demand paging and migration that need more than a text. */
import { formatCount, formatSize } from "../../text/numbers.ts";
import type { EventFacts, Explanation } from "./explanation.ts";

/** @see rules/hmm-rdma-vfio.md 1.4 */
export function explainHmmUnmap(facts: EventFacts<"ret.hmm_dma_unmap_pfn">): Explanation {
  const page = `page ${facts.inputNumber("index")}`;
  const flags = facts.input("flags");
  const had = Array.isArray(flags) && flags.length > 0 ? flags.join(", ") : "nothing";
  if (!facts.fields.result) {
    return { title: `${page} is not unmapped`, why: `it must be valid and mapped; it is ${had}` };
  }
  const work = had.includes("p2pdma_bus")
    ? "a bus address: nothing to unmap"
    : facts.input("mode") === "iova"
    ? "unlinked, with a synchronous IOTLB invalidation, in lazy mode too"
    : facts.input("mode") === "list"
    ? "by the address in the list"
    : "dma_need_unmap() is false";
  return { title: `${page} is unmapped`, why: work };
}

/** @see rules/hmm-rdma-vfio.md 2.2 (7), 2.3 (3) */
export function explainTable(facts: EventFacts<"odp.table">): Explanation {
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

function pages(count: number): string {
  return formatCount(count, "page");
}

/** @see rules/hmm-rdma-vfio.md 3.1 */
export function explainPages(facts: EventFacts<"vfio.add_pages">): Explanation {
  const taken = facts.fields.pages;
  const wanted = facts.fields.wanted_pages;
  const had = facts.inputNumber("had");
  const before = had === 0 ? "" : `; ${pages(had)} already allocated`;
  return {
    title: taken === 0 ? "no page allocated" : `${pages(taken)} allocated in bulk`,
    why: taken === wanted && had === 0 ? "" : `${pages(wanted)} requested${before}`,
  };
}

/** @see rules/hmm-rdma-vfio.md 3.2, 4.8 */
export function explainUnwind(facts: EventFacts<"vfio.unwind">): Explanation {
  const mapped = facts.fields.mapped_pages;
  const all = facts.fields.pages;
  const undone = mapped === 0 ? "nothing to unmap" : `${pages(mapped)} are unmapped`;
  const released = formatSize(mapped * facts.inputNumber("page_bytes"));
  return {
    title: mapped === all
      ? `the sync of ${pages(all)} failed`
      : `page ${mapped} of ${all} could not be mapped`,
    why: facts.inputIs("linked_only") && mapped > 0
      ? `${undone}; of the range of ${facts.inputSize("bytes")} only the linked part is freed, ` +
        released
      : undone,
  };
}
