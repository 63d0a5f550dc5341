/** What the driver of a device that can be migrated decided, in words. */
import { formatCount, formatSize } from "../../text/numbers.ts";
import type { Facts, Told } from "./told.ts";

function pages(count: number): string {
  return formatCount(count, "page");
}

/** @see behaviour/hmm-rdma-vfio.md 3.1 */
export function pagesTold(facts: Facts<"vfio.add_pages">): Told {
  const taken = facts.fields.pages;
  const wanted = facts.fields.wanted_pages;
  const had = facts.inputNumber("had");
  const before = had === 0 ? "" : `; ${pages(had)} were there`;
  return {
    title: taken === 0 ? "no page could be had" : `${pages(taken)} taken in bulk`,
    why: taken === wanted && had === 0 ? "" : `${pages(wanted)} were wanted${before}`,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 3.2 */
export function registerTold(facts: Facts<"vfio.register">): Told {
  const count = pages(facts.fields.pages);
  const bytes = facts.inputSize("bytes");
  switch (facts.fields.rule) {
    case "iova":
      return {
        title: `${count} mapped as one range at ${facts.address("dma")}`,
        why: `behind an IOMMU a range of ${bytes} could be had: a link for each page, one sync`,
      };
    case "scatterlist":
      return { title: `${count} mapped as one scatterlist`, why: "this release keeps a list" };
    default:
      return {
        title: `${count} mapped one by one`,
        why: facts.inputIs("translated")
          ? `no range of ${bytes} could be had`
          : "nothing is translated, so that there is no range to be had",
      };
  }
}

/** @see behaviour/hmm-rdma-vfio.md 3.2, 4.8 */
export function unwindTold(facts: Facts<"vfio.unwind">): Told {
  const mapped = facts.fields.mapped_pages;
  const all = facts.fields.pages;
  const undone = mapped === 0 ? "there is nothing to unmap" : `${pages(mapped)} are unmapped`;
  const released = formatSize(mapped * facts.inputNumber("page_bytes"));
  return {
    title: mapped === all
      ? `the sync of ${pages(all)} failed`
      : `page ${mapped} of ${all} could not be mapped`,
    why: facts.inputIs("linked_only") && mapped > 0
      ? `${undone}; of the range of ${facts.inputSize("bytes")} as much goes back as was linked, ` +
        released
      : undone,
  };
}

/** @see behaviour/hmm-rdma-vfio.md 3.3 */
export function bufferTold(facts: Facts<"vfio.buffer">): Told {
  const wanted = pages(facts.inputNumber("wanted_pages"));
  const freed = facts.inputNumber("freed");
  const dropped = freed === 0 ? "" : `; ${formatCount(freed, "smaller one")} on the way freed`;
  return facts.fields.action === "reused"
    ? {
      title: `a spare buffer of ${pages(facts.fields.pages)} is used again`,
      why: `the first of its direction that has ${wanted}${dropped}`,
    }
    : {
      title: `a new buffer of ${pages(facts.fields.pages)}`,
      why: `no spare one of its direction has ${wanted}${dropped}`,
    };
}
