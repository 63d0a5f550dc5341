/** Decisions of the driver of a device that can be migrated, in words. */
import { formatCount, formatSize } from "../../text/numbers.ts";
import type { Explanation, Facts } from "./explanation.ts";

function pages(count: number): string {
  return formatCount(count, "page");
}

/** @see behaviour/hmm-rdma-vfio.md 3.1 */
export function explainPages(facts: Facts<"vfio.add_pages">): Explanation {
  const taken = facts.fields.pages;
  const wanted = facts.fields.wanted_pages;
  const had = facts.inputNumber("had");
  const before = had === 0 ? "" : `; ${pages(had)} already allocated`;
  return {
    title: taken === 0 ? "no page allocated" : `${pages(taken)} allocated in bulk`,
    why: taken === wanted && had === 0 ? "" : `${pages(wanted)} requested${before}`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 3.2 */
export function explainRegister(facts: Facts<"vfio.register">): Explanation {
  const count = pages(facts.fields.pages);
  const bytes = facts.inputSize("bytes");
  switch (facts.fields.rule) {
    case "iova":
      return {
        title: `${count} mapped as one range at ${facts.address("dma")}`,
        why:
          `behind an IOMMU an IOVA range of ${bytes} was allocated: a link for each page, one sync`,
      };
    case "scatterlist":
      return { title: `${count} mapped as one scatterlist`, why: "this release uses a list" };
    default:
      return {
        title: `${count} mapped one by one`,
        why: facts.inputIs("translated")
          ? `no IOVA range of ${bytes} available`
          : "no translation, so there is no IOVA range",
      };
  }
}

/** @see behaviour/hmm-rdma-vfio.md 3.2, 4.8 */
export function explainUnwind(facts: Facts<"vfio.unwind">): Explanation {
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

/** @see behaviour/hmm-rdma-vfio.md 3.3 */
export function explainBuffer(facts: Facts<"vfio.buffer">): Explanation {
  const wanted = pages(facts.inputNumber("wanted_pages"));
  const freed = facts.inputNumber("freed");
  const dropped = freed === 0 ? "" : `; ${formatCount(freed, "smaller one")} on the way freed`;
  return facts.fields.action === "reused"
    ? {
      title: `a spare buffer of ${pages(facts.fields.pages)} is reused`,
      why: `the first of its direction with ${wanted}${dropped}`,
    }
    : {
      title: `a new buffer of ${pages(facts.fields.pages)}`,
      why: `no spare one of its direction has ${wanted}${dropped}`,
    };
}
