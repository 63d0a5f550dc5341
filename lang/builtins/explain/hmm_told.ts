/** What was decided about pages of processes, in words. */
import { formatAddress, formatCount } from "../../text/numbers.ts";
import type { Facts, Told } from "./told.ts";

const MODES: Readonly<Record<string, string>> = {
  iova: "one range of IO addresses for all pages",
  list: "no range was had, and unmaps have work to do: an address for each page is kept",
  stateless: "the device is not translated, and unmaps have nothing to do: nothing is kept",
};

/** Why an entry was mapped as it was, by the row of the table. */
const ROWS: Readonly<Record<string, string>> = {
  "hmm-rdma-vfio.1.3.1": "it is mapped already: its place in the range",
  "hmm-rdma-vfio.1.3.2": "it is mapped already: its address is in the list",
  "hmm-rdma-vfio.1.3.4": "memory of a peer that the device may not reach",
  "hmm-rdma-vfio.1.3.5": "memory of a peer near by: its bus address, worked out anew each time",
  "hmm-rdma-vfio.1.3.7": "linked at its place in the range, and synced by itself",
  "hmm-rdma-vfio.1.3.8": "the device needs unmaps since it bounced, and there is no list",
  "hmm-rdma-vfio.1.3.9": "mapped by itself",
};

/** @see behaviour/hmm-rdma-vfio.md 1.2 */
export function hmmAllocTold(facts: Facts<"ret.hmm_dma_map_alloc">): Told {
  const error = facts.fields.error;
  if (error === null) {
    return {
      title: `hmm_dma_map_alloc: ${facts.inputSize("memory_bytes")} of lists`,
      why: MODES[String(facts.input("mode"))] ?? "",
    };
  }
  const why = facts.inputIs("needs_sync")
    ? "the device sees no caches, or has bounced: its memory would have to be synchronised"
    : facts.inputIs("addressing_limited")
    ? "the device does not reach all memory, and nothing may be bounced"
    : "there is no memory for a list";
  return { title: `hmm_dma_map_alloc fails: ${error}`, why };
}

/** @see behaviour/hmm-rdma-vfio.md 1.3 */
export function hmmMapTold(facts: Facts<"ret.hmm_dma_map_pfn">): Told {
  const page = `page ${facts.inputNumber("index")}`;
  const { result } = facts.fields;
  return {
    title: result === null
      ? `${page} cannot be mapped`
      : `${page} is seen at ${formatAddress(result)}`,
    why: ROWS[facts.rule] ?? "",
  };
}

/** @see behaviour/hmm-rdma-vfio.md 1.4 */
export function hmmUnmapTold(facts: Facts<"ret.hmm_dma_unmap_pfn">): Told {
  const page = `page ${facts.inputNumber("index")}`;
  const flags = facts.input("flags");
  const had = Array.isArray(flags) && flags.length > 0 ? flags.join(", ") : "nothing";
  if (!facts.fields.result) {
    return { title: `${page} is not unmapped`, why: `it must be valid and mapped; it is ${had}` };
  }
  const work = had.includes("p2pdma_bus")
    ? "a bus address: there is nothing to undo"
    : facts.input("mode") === "iova"
    ? "unlinked, and the IOTLB forgets it at once, in lazy mode too"
    : facts.input("mode") === "list"
    ? "by the address in the list"
    : "an unmap has nothing to do";
  return { title: `${page} is unmapped`, why: work };
}

/** Why a page cannot be had as it is wanted. */
const REFUSALS: Readonly<Record<string, string>> = {
  EFAULT: "the process has no memory there, or it is broken",
  EPERM: "it is wanted writable, and the process may only read it",
  ENOMEM: "there is no memory for a page",
};

/** @see behaviour/hmm-rdma-vfio.md 1.1, 2.2 */
export function rangeFaultTold(facts: Facts<"hmm.fault">): Told {
  const where = `${facts.address("virt")}, ${facts.size("size_bytes")}`;
  const result = facts.fields.result;
  if (result === "EBUSY") {
    return {
      title: `the page table at ${where} is changing`,
      why: `the sequence number was ${facts.inputNumber("sequence")} and is ${
        facts.inputNumber("sequence_now")
      }, or a change is under way: read it again`,
    };
  }
  if (result !== "OK") {
    return { title: `pages at ${where} cannot be had: ${result}`, why: REFUSALS[result] ?? "" };
  }
  const wanted = facts.inputIs("wanted_write")
    ? "wanted writable"
    : facts.inputIs("wanted_valid")
    ? "wanted"
    : "only looked at";
  return {
    title: `the process has ${formatCount(facts.fields.valid, "page")} at ${where}`,
    why:
      `${facts.fields.writable} writable; ${wanted}; ${facts.fields.brought_in} brought in, or made writable`,
  };
}
