/** Decisions of the DMA layer and the IOMMU, in words. */
import { MAP_BRANCH, MAP_FAILURE } from "../../../runtime/dma/paths/map_branch.ts";
import { formatAddress, formatCount } from "../../text/numbers.ts";
import type { EventFields, KernelCall } from "../../../runtime/event_vocabulary.ts";
import type { Explanation, Facts } from "./explanation.ts";

/** A sentence of the rules as a part of one. */
function asClause(sentence: string): string {
  const text = sentence.replace(/\.$/, "");
  return /^[A-Z][A-Z]/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

/** When a branch of a map is taken, and its result, as a clause; null for no branch. */
export function branchDoc(name: unknown): string | null {
  const all = [...Object.values(MAP_BRANCH), ...Object.values(MAP_FAILURE)];
  const found = all.find((branch) => branch.name === name);
  return found === undefined ? null : asClause(found.doc);
}

function reach(facts: Facts): string {
  return `the device reaches up to ${formatAddress(facts.inputNumber("last_address_of_device"))}`;
}

/** The result of a branch of a map, with its inputs. */
function branchReason(facts: Facts): string {
  const branch = facts.input("branch");
  const doc = branchDoc(branch);
  if (doc === null) return "";
  const translated = facts.inputIs("translated");
  return translated
    ? `${doc}; mode ${String(facts.input("iommu_mode"))}`
    : `${doc}; ${reach(facts)}`;
}

/** @see behaviour/dma.md 1.4, 1.6, 2.1 */
export function explainMap(facts: Facts<"dma.map">): Explanation {
  return {
    title: `${facts.fields.api}: phys ${facts.address("phys")}, ${facts.size("size_bytes")} → ${
      facts.fields.path === "iommu" ? "IOVA " : ""
    }${facts.address("dma")}`,
    why: facts.fields.path === "bus" ? "peer memory by its bus address" : branchReason(facts),
  };
}

/** @see behaviour/dma.md 4.1 to 4.4 */
export function explainIovaAlloc(facts: Facts<"iova.alloc">): Explanation {
  const pages = formatCount(facts.inputNumber("granules"), "page");
  const title = `IOVA ${facts.address("start")}, ${facts.size("size_bytes")}, from ${
    SOURCES[facts.fields.source]
  }`;
  if (facts.fields.source === "rcache") {
    return { title, why: `a freed range of ${pages} was in a magazine` };
  }
  const limit = `top-down search below the limit ${facts.address("limit")}`;
  return {
    title,
    why: facts.inputIs("cacheable")
      ? `rcache miss for ${pages}; ${limit}`
      : `${pages} exceed the largest rcache size; ${limit}`,
  };
}

const SOURCES: Readonly<Record<EventFields<"iova.alloc">["source"], string>> = {
  rcache: "the per-CPU rcache",
  tree: "the rbtree",
  tree_after_flush: "the rbtree, after the rcaches were flushed",
};

const SHORTAGES: Readonly<Record<EventFields<"iova.alloc_failed">["cause"], string>> = {
  full: "fewer bytes are free",
  fragmented: "enough is free, but not contiguous",
  alignment: "a contiguous range is free, but not at an aligned start",
  beyond_limit: "more than the address space below the limit",
  max32_skipped: "a range is free, but the 32-bit search was skipped (size ≥ max32_alloc_size)",
};

const LIMITERS: Readonly<Record<string, string>> = {
  mask: "the device's mask",
  bus: "the limit of its bus",
  iommu: "the width of the IOMMU's addresses",
};

/** @see behaviour/dma.md 4.2, 4.4 */
export function explainIovaAllocFailed(facts: Facts<"iova.alloc_failed">): Explanation {
  const cause = facts.fields.cause;
  const searched = facts.inputSize("searched_bytes");
  const waiting = facts.inputNumber("waiting_for_flush");
  const why = [
    `${SHORTAGES[cause]}: ${facts.inputSize("free_bytes")} free below the limit ${
      facts.address("limit")
    } (set by ${LIMITERS[String(facts.input("limited_by"))]}), largest contiguous free range ${
      facts.inputSize("longest_free_bytes")
    }`,
    ...cause === "alignment"
      ? [`a range of ${searched} is aligned to its size, rounded up to a power of two`]
      : cause === "max32_skipped"
      ? [
        `a search for ${facts.inputSize("skipped_from_bytes")} failed before: until an IOVA ` +
        "below 4GiB is freed, this size and larger ones fail without a search",
      ]
      : [],
    ...waiting === 0 ? [] : [`${formatCount(waiting, "range")} more queued for a deferred flush`],
  ];
  return {
    title: `no IOVA for ${facts.size("size_bytes")}: ${cause}`,
    why: why.join("; "),
  };
}

/** @see behaviour/dma.md 4.3, 5.3 */
export function explainIovaFree(facts: Facts<"iova.free">): Explanation {
  const what = `IOVA ${facts.address("start")}, ${facts.size("size_bytes")}`;
  const pages = formatCount(facts.inputNumber("granules"), "page");
  const largest = facts.inputNumber("largest_cached_granules");
  switch (facts.fields.to) {
    case "flush_queue":
      return {
        title: `${what}, queued for a deferred flush`,
        why: "lazy mode: stale IOTLB entries may remain until then",
      };
    case "tree":
      return {
        title: `${what}, freed to the rbtree`,
        why: `${pages}; rcaches hold up to ${largest}`,
      };
    default:
      return {
        title: `${what}, freed to the per-CPU rcache`,
        why: `${pages} (rcaches hold up to ${largest}), for the next range of that size`,
      };
  }
}

/** @see behaviour/dma.md 5.2, 5.3 */
export function explainIotlb(facts: Facts<"iotlb.sync">): Explanation {
  if (facts.fields.kind === "all") {
    return { title: "IOTLB flush of the whole domain", why: "a flush of the queue" };
  }
  const range = `${facts.address("start")}, ${facts.size("size_bytes")}`;
  const whole = facts.inputIs("whole_domain") ? "; issued as a domain-wide invalidation" : "";
  return facts.fields.kind === "map"
    ? {
      title: `IOTLB invalidation for the new mapping ${range}`,
      why: `caching mode: not-present entries are cached${whole}`,
    }
    : {
      title: `IOTLB invalidation of ${range}`,
      why: `synchronous, before the IOVA can be reused (${String(facts.input("model"))})${whole}`,
    };
}

const FLUSH_REASONS: Readonly<Record<EventFields<"flush_queue.flush">["reason"], string>> = {
  full: "the queue is full",
  timer: "its timer expired",
  pressure: "an IOVA allocation failed",
};

/** @see behaviour/dma.md 5.3 */
export function explainFlush(facts: Facts<"flush_queue.flush">): Explanation {
  return {
    title: `flush queue drained: ${formatCount(facts.fields.entries, "range")} freed`,
    why: `${FLUSH_REASONS[facts.fields.reason]}; capacity ${
      facts.inputNumber("usable_entries")
    }, timeout ${formatMilliseconds(facts.inputNumber("timeout_ns"))}`,
  };
}

function formatMilliseconds(durationNs: number): string {
  return `${durationNs / 1e6}ms`;
}

/** What each cause of a full pool means, and its remedy. */
export const POOL_VERDICTS: Readonly<Record<EventFields<"swiotlb.full">["cause"], string>> = {
  no_pool: "the machine has no swiotlb pool",
  over_segment:
    "exceeds IO_TLB_SEGSIZE (128 slots, 256KiB), the largest bounce buffer, however much is free: map smaller segments",
  full: "all slots are in use by recent mappings: reduce concurrency or enlarge swiotlb=",
  leak_suspected: "most slots are held by old mappings: a missing unmap is likely",
  fragmented: "enough slots are free, but not contiguous",
  alignment: "enough contiguous slots are free, but none starts at the required alignment",
};

/** @see behaviour/dma.md 6.2 */
export function explainPoolFull(facts: Facts<"swiotlb.full">): Explanation {
  const cause = facts.fields.cause;
  return {
    title: `no bounce buffer of ${facts.size("wanted_bytes")}: ${cause}`,
    why: `${POOL_VERDICTS[cause]}; ${
      formatCount(facts.inputNumber("slots_wanted"), "slot")
    } wanted, ${facts.inputNumber("slots_in_use")} of ${
      facts.inputNumber("slots_of_the_pool")
    } in use, ${facts.inputNumber("largest_free_run")} contiguous and free`,
  };
}

const FAULTS: Readonly<Record<EventFields<"iommu.fault">["reason"], string>> = {
  not_present: "no mapping at this address",
  not_writable: "the mapping has no write permission",
  not_readable: "the mapping has no read permission",
  address_width: "the address exceeds the IOMMU's address width",
  reserved: "the address lies in a reserved range",
  unreachable: "no memory or device is reachable at this address",
  peer_blocked: "peer routing or ACS blocks the access",
  device_gone: "the device was removed or cut off",
};

export function explainFault(facts: Facts<"iommu.fault">): Explanation {
  const reason = facts.fields.reason;
  const translated = facts.inputIs("translated") ? "translated" : "not translated";
  return {
    title: `fault: ${facts.fields.access} of ${facts.address("dma")}, ${reason}`,
    why: `${FAULTS[reason]}; the device is ${translated}`,
  };
}

/** What the kernel printed, and the meaning of the error that stopped it. */
export function explainWarning(facts: Facts<"kernel.warn">): Explanation {
  const said = facts.fields.text;
  const ended = facts.fields.error !== null;
  const title = `kernel ${ended ? "crash" : "warning"} in ${facts.fields.at}`;
  if (!ended) return { title, why: said };
  const untranslated = facts.input("translated") === false
    ? [
      UNTRANSLATED[String(facts.input("iommu_mode"))] ?? "the device is not translated",
      "dma_iova_try_alloc() returns false here; callers must fall back to dma_map_phys()",
    ]
    : [];
  return {
    title,
    why: [said, ...untranslated, "resources and locks held by the task are not released"].join(
      "; ",
    ),
  };
}

const UNTRANSLATED: Readonly<Record<string, string>> = {
  off: "the machine has no IOMMU (iommu.mode is off)",
  passthrough: "the IOMMU passes the device's addresses through untranslated (passthrough)",
};

/** How a call returned: false, an error, or success. */
export function explainAnswer(facts: Facts<`ret.${KernelCall}`>): Explanation {
  const call = facts.name.slice("ret.".length);
  const error = facts.fields.error;
  if (call === "dma_iova_try_alloc") {
    return {
      title: "dma_iova_try_alloc() returns false",
      why: facts.inputIs("injected")
        ? "injected failure"
        : facts.inputIs("translated")
        ? "no IOVA range is available"
        : "the device is not translated: it has no IOVAs",
    };
  }
  if (error === null) return { title: `${call} succeeds`, why: "" };
  const title = `${call} fails: ${error}`;
  if (facts.inputIs("injected")) return { title, why: "injected failure" };
  if (call === "dma_set_mask" || call === "dma_set_coherent_mask") {
    return {
      title,
      why:
        `a mask of ${facts.inputNumber("bits")} bits does not cover the zone that DMA memory is ` +
        "allocated from, and the device is not translated",
    };
  }
  if (call === "dma_iova_link") return { title, why: linkReason(facts, String(error)) };
  return { title, why: facts.input("branch") === undefined ? "" : branchReason(facts) };
}

/** @see behaviour/dma.md 3.3 */
function linkReason(facts: Facts, error: string): string {
  const begin = facts.inputNumber("begins_at");
  const offset = facts.inputNumber("offset");
  const page = facts.inputSize("granule_bytes");
  if (begin !== 0 && offset > 0 && error === "EIO") {
    return `only the first link of a range may be unaligned: this one, at offset ${offset} of the ` +
      `range, begins ${begin} bytes into a granule of ${page}`;
  }
  switch (error) {
    case "EOPNOTSUPP":
      return "DMA_ATTR_REQUIRE_COHERENT is set, but the device is not coherent or the range already bounced";
    case "EPERM":
      return "an unaligned head or tail would need a bounce buffer, which DMA_ATTR_MMIO or DMA_ATTR_REQUIRE_COHERENT forbids";
    case "ENOMEM":
      return "no memory for the page table, or no bounce buffer";
    default:
      return "the page table rejects the mapping";
  }
}

/** A mapping that the page table rejected, and why. @see behaviour/dma.md 5.1 */
export function explainTableRefusal(facts: Facts<"iommu.map_failed">): Explanation {
  return {
    title: `iommu_map fails: ${facts.fields.error}`,
    why: `${facts.address("iova")} → ${facts.address("phys")}, ${facts.size("size_bytes")}: ${
      tableReason(facts)
    }`,
  };
}

function tableReason(facts: Facts<"iommu.map_failed">): string {
  const { iova, phys, size_bytes } = facts.fields;
  const granule = facts.inputNumber("granule_bytes");
  const page = facts.inputSize("granule_bytes");
  switch (facts.fields.error) {
    case "EADDRINUSE":
    case "EEXIST":
      return "the IOVA is already mapped";
    case "ENOMEM":
      return "no memory for a page-table page";
    case "ERANGE":
      return `the table covers IOVAs up to ${
        formatAddress(facts.inputNumber("last_address"))
      } and physical addresses up to ${formatAddress(facts.inputNumber("last_phys"))}`;
    default: {
      const misplaced = [
        iova % granule === 0 ? "" : "the IOVA",
        phys % granule === 0 ? "" : "the physical address",
      ].filter((what) => what !== "");
      if (misplaced.length > 0) {
        return `${misplaced.join(" and ")} is not aligned to ${page}`;
      }
      return size_bytes === 0 ? "zero-length mapping" : "no read or write permission requested";
    }
  }
}
