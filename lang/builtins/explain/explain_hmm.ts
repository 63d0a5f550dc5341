/** Decisions about pages of processes (HMM), in words. */
import { formatAddress, formatCount } from "../../text/numbers.ts";
import type { Explanation, Facts } from "./explanation.ts";

const MODES: Readonly<Record<string, string>> = {
  iova: "one IOVA range for all pages",
  list: "no IOVA range, and dma_need_unmap() is true: the DMA address of each page is kept",
  stateless: "the device is not translated, and dma_need_unmap() is false: nothing is kept",
};

/** Why an entry was mapped as it was, by the row of the table. */
const ROWS: Readonly<Record<string, string>> = {
  "hmm-rdma-vfio.1.3.1": "already mapped: its offset in the range",
  "hmm-rdma-vfio.1.3.2": "already mapped: its address is in the list",
  "hmm-rdma-vfio.1.3.4": "peer memory that the device cannot reach",
  "hmm-rdma-vfio.1.3.5": "peer memory by its bus address, computed each time",
  "hmm-rdma-vfio.1.3.7": "linked at its offset in the range, with its own sync",
  "hmm-rdma-vfio.1.3.8": "dma_need_unmap() became true after a bounce, and there is no list",
  "hmm-rdma-vfio.1.3.9": "mapped by its own call",
};

/** @see behaviour/hmm-rdma-vfio.md 1.2 */
export function explainHmmAlloc(facts: Facts<"ret.hmm_dma_map_alloc">): Explanation {
  const error = facts.fields.error;
  if (error === null) {
    return {
      title: `hmm_dma_map_alloc: ${facts.inputSize("memory_bytes")} of lists`,
      why: MODES[String(facts.input("mode"))] ?? "",
    };
  }
  const why = facts.inputIs("needs_sync")
    ? "the device is not coherent, or has bounced: its memory would need dma_sync calls"
    : facts.inputIs("addressing_limited")
    ? "the device cannot address all memory, and bouncing is not allowed"
    : "no memory for a list";
  return { title: `hmm_dma_map_alloc fails: ${error}`, why };
}

/** @see behaviour/hmm-rdma-vfio.md 1.3 */
export function explainHmmMap(facts: Facts<"ret.hmm_dma_map_pfn">): Explanation {
  const page = `page ${facts.inputNumber("index")}`;
  const { result } = facts.fields;
  return {
    title: result === null ? `${page} cannot be mapped` : `${page} → ${formatAddress(result)}`,
    why: ROWS[facts.rule] ?? "",
  };
}

/** @see behaviour/hmm-rdma-vfio.md 1.4 */
export function explainHmmUnmap(facts: Facts<"ret.hmm_dma_unmap_pfn">): Explanation {
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

/** Why a page cannot be faulted in as requested. */
const REFUSALS: Readonly<Record<string, string>> = {
  EFAULT: "no memory area of the process there, or a poisoned page",
  EPERM: "write access requested, and the process may only read it",
  ENOMEM: "no memory for a page",
};

/** @see behaviour/hmm-rdma-vfio.md 1.1, 2.2 */
export function explainRangeFault(facts: Facts<"hmm.fault">): Explanation {
  const where = `${facts.address("virt")}, ${facts.size("size_bytes")}`;
  const result = facts.fields.result;
  if (result === "EBUSY") {
    return {
      title: `the page table at ${where} is changing`,
      why: `the sequence number was ${facts.inputNumber("sequence")} and is ${
        facts.inputNumber("sequence_now")
      }, or an invalidation is in progress: read it again`,
    };
  }
  if (result !== "OK") {
    return { title: `hmm_range_fault() of ${where} fails: ${result}`, why: REFUSALS[result] ?? "" };
  }
  const wanted = facts.inputIs("wanted_write")
    ? "write fault requested"
    : facts.inputIs("wanted_valid")
    ? "read fault requested"
    : "no fault requested";
  return {
    title: `the process has ${formatCount(facts.fields.valid, "page")} at ${where}`,
    why:
      `${facts.fields.writable} writable; ${wanted}; ${facts.fields.brought_in} faulted in or made writable`,
  };
}
