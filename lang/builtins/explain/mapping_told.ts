/** What the DMA layer and the IOMMU decided, in words. */
import { MAP_BRANCH, MAP_FAILURE } from "../../../runtime/dma/paths/map_branch.ts";
import { formatAddress, formatCount } from "../../text/numbers.ts";
import type { EventFields, KernelCall } from "../../../runtime/event_vocabulary.ts";
import type { Facts, Told } from "./told.ts";

/** A sentence of the rules as a part of one. */
function asClause(sentence: string): string {
  const text = sentence.replace(/\.$/, "");
  return /^[A-Z][A-Z]/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

/** When a branch of a map is taken and what comes of it, as a clause; null for no branch. */
export function branchDoc(name: unknown): string | null {
  const all = [...Object.values(MAP_BRANCH), ...Object.values(MAP_FAILURE)];
  const found = all.find((branch) => branch.name === name);
  return found === undefined ? null : asClause(found.doc);
}

function reach(facts: Facts): string {
  return `the device reaches up to ${formatAddress(facts.inputNumber("last_address_of_device"))}`;
}

/** What the branch of a map comes to, with what it depends on. */
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
export function mapTold(facts: Facts<"dma.map">): Told {
  return {
    title: `${facts.fields.api}: ${facts.address("phys")} ${facts.size("size_bytes")} seen at ${
      facts.address("dma")
    }`,
    why: facts.fields.path === "bus" ? "peer memory by its bus address" : branchReason(facts),
  };
}

/** @see behaviour/dma.md 4.1 to 4.4 */
export function iovaAllocTold(facts: Facts<"iova.alloc">): Told {
  const pages = formatCount(facts.inputNumber("granules"), "page");
  const title = `IO addresses ${facts.address("start")}, ${facts.size("size_bytes")}, from ${
    SOURCES[facts.fields.source]
  }`;
  if (facts.fields.source === "rcache") {
    return { title, why: `a range of ${pages} was given back before and kept` };
  }
  const limit = `the highest free ones up to ${facts.address("limit")}`;
  return {
    title,
    why: facts.inputIs("cacheable")
      ? `the CPU's cache has no range of ${pages}; ${limit}`
      : `${pages} are more than caches hold; ${limit}`,
  };
}

const SOURCES: Readonly<Record<EventFields<"iova.alloc">["source"], string>> = {
  rcache: "a cache of the CPU",
  tree: "the tree",
  tree_after_flush: "the tree, once the caches were emptied",
};

const SHORTAGES: Readonly<Record<EventFields<"iova.alloc_failed">["cause"], string>> = {
  full: "fewer are free than that",
  fragmented: "enough are free, but not side by side",
  alignment: "enough are free side by side, but no range may begin there",
  beyond_limit: "there are not so many up to the limit",
  search_skipped: "a range is free, but nobody looked",
};

const LIMITERS: Readonly<Record<string, string>> = {
  mask: "the device's mask",
  bus: "the limit of its bus",
  iommu: "the width of the IOMMU's addresses",
};

/** @see behaviour/dma.md 4.2, 4.4 */
export function iovaAllocFailedTold(facts: Facts<"iova.alloc_failed">): Told {
  const cause = facts.fields.cause;
  const searched = facts.inputSize("searched_bytes");
  const waiting = facts.inputNumber("waiting_for_flush");
  const why = [
    `${SHORTAGES[cause]}: ${facts.inputSize("free_bytes")} are free up to ${
      facts.address("limit")
    } (${LIMITERS[String(facts.input("limited_by"))]}), ${
      facts.inputSize("longest_free_bytes")
    } of them in one run`,
    ...cause === "alignment"
      ? [`a range of ${searched} begins at a multiple of ${searched}, rounded up to a power of two`]
      : cause === "search_skipped"
      ? [
        `a search for ${facts.inputSize("skipped_from_bytes")} failed before: until something ` +
        "below 4GiB is given back, so many or more are refused without one",
      ]
      : [],
    ...waiting === 0 ? [] : [`${formatCount(waiting, "range")} more wait for a flush`],
  ];
  return {
    title: `no IO addresses for ${facts.size("size_bytes")}: ${cause}`,
    why: why.join("; "),
  };
}

/** @see behaviour/dma.md 4.3, 5.3 */
export function iovaFreeTold(facts: Facts<"iova.free">): Told {
  const what = `IO addresses ${facts.address("start")}, ${facts.size("size_bytes")}`;
  const pages = formatCount(facts.inputNumber("granules"), "page");
  const largest = facts.inputNumber("largest_cached_granules");
  switch (facts.fields.to) {
    case "flush_queue":
      return {
        title: `${what}, wait for a flush`,
        why: "lazy mode: the IOTLB may know them still",
      };
    case "tree":
      return {
        title: `${what}, go back to the tree`,
        why: `${pages}; caches hold up to ${largest}`,
      };
    default:
      return {
        title: `${what}, are kept in a cache`,
        why: `${pages}, of at most ${largest}: for the next range of that size`,
      };
  }
}

/** @see behaviour/dma.md 5.2, 5.3 */
export function iotlbTold(facts: Facts<"iotlb.sync">): Told {
  if (facts.fields.kind === "all") {
    return { title: "the IOTLB forgets everything of the device", why: "a flush of the queue" };
  }
  const range = `${facts.address("start")}, ${facts.size("size_bytes")}`;
  const whole = facts.inputIs("whole_domain") ? "; the hardware is told to forget everything" : "";
  return facts.fields.kind === "map"
    ? { title: `the IOTLB hears of ${range}`, why: `caching mode: of new mappings too${whole}` }
    : {
      title: `the IOTLB forgets ${range}`,
      why: `at once, before the addresses are used again (${String(facts.input("model"))})${whole}`,
    };
}

const FLUSH_REASONS: Readonly<Record<EventFields<"flush_queue.flush">["reason"], string>> = {
  full: "the queue was full",
  timer: "its timer expired",
  pressure: "no address was left",
};

/** @see behaviour/dma.md 5.3 */
export function flushTold(facts: Facts<"flush_queue.flush">): Told {
  return {
    title: `the flush queue gives back ${formatCount(facts.fields.entries, "range")}`,
    why: `${FLUSH_REASONS[facts.fields.reason]}; it holds ${
      facts.inputNumber("usable_entries")
    } and waits ${formatMilliseconds(facts.inputNumber("timeout_ns"))}`,
  };
}

function formatMilliseconds(durationNs: number): string {
  return `${durationNs / 1e6}ms`;
}

/** What each verdict of a pool without room means, and what would help. */
export const POOL_VERDICTS: Readonly<Record<EventFields<"swiotlb.full">["cause"], string>> = {
  no_pool: "the machine has no pool: a device that cannot reach a buffer gets none",
  over_segment: "no buffer is larger than a set of slots, however much is free: use smaller pieces",
  full: "all slots are in use by young buffers: fewer at a time, or a larger pool",
  leak_suspected: "old buffers hold most of the pool: somebody forgets to unmap",
  fragmented: "enough slots are free, but not side by side",
  alignment: "enough slots are free side by side, but none of them starts where it must",
};

/** @see behaviour/dma.md 6.2 */
export function poolFullTold(facts: Facts<"swiotlb.full">): Told {
  const cause = facts.fields.cause;
  return {
    title: `no bounce buffer of ${facts.size("wanted_bytes")}: ${cause}`,
    why: `${POOL_VERDICTS[cause]}; ${
      formatCount(facts.inputNumber("slots_wanted"), "slot")
    } wanted, ${facts.inputNumber("slots_in_use")} of ${
      facts.inputNumber("slots_of_the_pool")
    } in use, ${facts.inputNumber("largest_free_run")} free side by side`,
  };
}

const FAULTS: Readonly<Record<EventFields<"iommu.fault">["reason"], string>> = {
  not_present: "nothing is mapped there",
  not_writable: "the mapping allows no write",
  not_readable: "the mapping allows no read",
  address_width: "the address is wider than what the IOMMU translates",
  reserved: "the address lies in a reserved range",
  blocked: "there is nothing that the device may reach",
};

export function faultTold(facts: Facts<"iommu.fault">): Told {
  const reason = facts.fields.reason;
  const translated = facts.inputIs("translated") ? "translated" : "not translated";
  return {
    title: `fault: ${facts.fields.access} of ${facts.address("dma")}, ${reason}`,
    why: `${FAULTS[reason]}; the device is ${translated}`,
  };
}

/** What the kernel printed, and what an error that it ended with means. */
export function warningTold(facts: Facts<"kernel.warn">): Told {
  const said = facts.fields.text;
  const ended = facts.fields.error !== null;
  const title = `the kernel ${ended ? "stops" : "warns"} in ${facts.fields.at}`;
  if (!ended) return { title, why: said };
  const untranslated = facts.input("translated") === false
    ? [
      UNTRANSLATED[String(facts.input("iommu_mode"))] ?? "the device is not translated",
      "dma_iova_try_alloc says no there, and what it says no to is mapped by dma_map_phys instead",
    ]
    : [];
  return {
    title,
    why: [said, ...untranslated, "what the task held stays held"].join("; "),
  };
}

const UNTRANSLATED: Readonly<Record<string, string>> = {
  off: "the machine has no IOMMU (iommu.mode is off)",
  passthrough: "the IOMMU lets the device's addresses through (passthrough)",
};

/** A call by which rule it answered: no, with an error, or that it is done. */
export function answerTold(facts: Facts<`ret.${KernelCall}`>): Told {
  const call = facts.name.slice("ret.".length);
  const error = facts.fields.error;
  if (call === "dma_iova_try_alloc") {
    return {
      title: "dma_iova_try_alloc says no",
      why: facts.inputIs("injected")
        ? "it was told to fail"
        : facts.inputIs("translated")
        ? "no range of IO addresses was had"
        : "the device is not translated: it has no IO addresses",
    };
  }
  if (error === null) return { title: `${call} is done`, why: "" };
  const title = `${call} fails: ${error}`;
  if (facts.inputIs("injected")) return { title, why: "it was told to fail" };
  if (call === "dma_set_mask" || call === "dma_set_coherent_mask") {
    return {
      title,
      why: `${facts.inputNumber("bits")} bits do not reach the zone that memory for DMA comes ` +
        "from, and the device is not translated",
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
    return `only the first piece of a range may begin inside a page of ${page}: this one, at ` +
      `offset ${offset} of the range, begins at byte ${begin} of one`;
  }
  switch (error) {
    case "EOPNOTSUPP":
      return "coherent memory is wanted, and the device or the range cannot have it";
    case "EPERM":
      return "a part of a page would have to be bounced, which an attribute forbids";
    case "ENOMEM":
      return "there is no memory for the page table, or no bounce buffer";
    default:
      return "the page table refuses";
  }
}

/** What a page table refused to write, and what of it stands in the way. @see behaviour/dma.md 5.1 */
export function tableRefusalTold(facts: Facts<"iommu.map_failed">): Told {
  return {
    title: `the page table refuses: ${facts.fields.error}`,
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
      return "something is mapped at these IO addresses already";
    case "ENOMEM":
      return "there is no memory for a table";
    case "ERANGE":
      return `the table has IO addresses up to ${
        formatAddress(facts.inputNumber("last_address"))
      } and physical ones up to ${formatAddress(facts.inputNumber("last_phys"))}`;
    default: {
      const misplaced = [
        iova % granule === 0 ? "" : "the IO address",
        phys % granule === 0 ? "" : "the physical address",
      ].filter((what) => what !== "");
      if (misplaced.length > 0) {
        return `${misplaced.join(" and ")} is not where a page of ${page} begins`;
      }
      return size_bytes === 0
        ? "no bytes are no mapping"
        : "neither reading nor writing is allowed";
    }
  }
}
