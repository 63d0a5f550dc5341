/** Decisions of the DMA layer and the IOMMU, in words. */
import { MAP_BRANCH, MAP_FAILURE, type ReachLimit } from "@dmalab/runtime/dma";
import { formatAddress } from "../../text/numbers.ts";
import type { KernelCall } from "@dmalab/runtime";
import type { EventFacts, Explanation } from "./explanation.ts";

/** A rule's sentence as a clause within another sentence. */
function asClause(sentence: string): string {
  const text = sentence.replace(/\.$/, "");
  return /^[A-Z][A-Z]/.test(text) ? text : text.charAt(0).toLowerCase() + text.slice(1);
}

/** The condition and the result of a map's branch, as a clause; null for no branch. */
export function branchDoc(name: unknown): string | null {
  const all = [...Object.values(MAP_BRANCH), ...Object.values(MAP_FAILURE)];
  const found = all.find((branch) => branch.name === name);
  return found === undefined ? null : asClause(found.doc);
}

/** The device's reach; if a limit of its bus is smaller, that limit. */
function reach(facts: EventFacts): string {
  const last = formatAddress(facts.inputNumber("last_address_of_device"));
  switch (facts.input("unreached_by") as ReachLimit | undefined) {
    case "bus_ranges":
      return `${
        formatAddress(facts.inputNumber("unreached_address"))
      } is outside the memory that ` +
        `the device's bus has (dma-ranges): ${facts.input("bus_ranges")}`;
    case "bus_limit":
      return `the device's bus carries addresses up to ${last} (bus limit)`;
    default:
      return `the device reaches up to ${last}`;
  }
}

/** The result of the branch that a map took, with the branch's inputs. */
function branchReason(facts: EventFacts): string {
  const branch = facts.input("branch");
  const doc = branchDoc(branch);
  if (doc === null) return "";
  const translated = facts.inputIs("translated");
  return translated
    ? `${doc}; mode ${String(facts.input("iommu_mode"))}`
    : `${doc}; ${reach(facts)}`;
}

/** @see rules/dma.md 1.4, 1.6, 2.1 */
export function explainMap(facts: EventFacts<"dma.map">): Explanation {
  return {
    title: `${facts.fields.api}: phys ${facts.address("phys")}, ${facts.size("size_bytes")} → ${
      facts.fields.path === "iommu" ? "IOVA " : ""
    }${facts.address("dma")}`,
    why: [
      facts.fields.path === "bus" ? "peer memory by its bus address" : branchReason(facts),
      ...facts.input("apart") === undefined ? [] : [apartReason(facts)],
    ].join("; "),
  };
}

/** Why a range of a scatterlist is separate from the previous one. @see rules/dma.md 7.2 step 5 */
function apartReason(facts: EventFacts): string {
  const apart = String(facts.input("apart"));
  const reasons: Readonly<Record<string, string>> = {
    one_by_one: "entries that may be bounced are mapped one by one",
    bus_address: "a peer's bus address is a range of its own",
    behind_bus_address: "a peer's bus address before it has ended the range",
    starts_inside: "it starts inside a page, which leaves a gap after the one before",
    hole_before: "the one before ends inside a page, which leaves a gap",
    boundary: `no range crosses a multiple of ${facts.inputSize("boundary_bytes")}`,
    longest:
      `joined to the one before it would be longer than ${facts.inputSize("longest_bytes")}, ` +
      "the most that the device takes",
  };
  return `a range of its own: ${reasons[apart]}`;
}

/** The line that the kernel logs and, if the kernel crashed, the consequences of the crash. */
export function explainWarning(facts: EventFacts<"kernel.warn">): Explanation {
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

/** The result of a call: false, an error, or success. */
export function explainAnswer(facts: EventFacts<`ret.${KernelCall}`>): Explanation {
  const call = facts.name.slice("ret.".length);
  const error = facts.fields.error;
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

/** @see rules/dma.md 3.3 */
function linkReason(facts: EventFacts, error: string): string {
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

/** A mapping that the page table rejected, and why. @see rules/dma.md 5.1 */
export function explainTableRefusal(facts: EventFacts<"iommu.map_failed">): Explanation {
  return {
    title: `iommu_map fails: ${facts.fields.error}`,
    why: `${facts.address("iova")} → ${facts.address("phys")}, ${facts.size("size_bytes")}: ${
      tableReason(facts)
    }`,
  };
}

function tableReason(facts: EventFacts<"iommu.map_failed">): string {
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
