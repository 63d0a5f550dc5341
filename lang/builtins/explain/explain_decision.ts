/**
 * Decisions in words: what was decided, and why, out of the event that recorded it. Nothing is
 * computed again; the numbers are the inputs of the deciding code.
 */
import {
  CORE_EVENTS,
  type EventName,
  type FieldValue,
  isReturn,
  type MachineEvent,
  SECTOR_SIZE_BYTES,
} from "@dmalab/runtime";
import { formatEventText, formatFieldValue } from "../../render/event_line.ts";
import { formatInput, formatInputs } from "./inputs.ts";
import { refusalReason } from "./io_refusal.ts";
import {
  explainAnswer,
  explainMap,
  explainTableRefusal,
  explainWarning,
} from "./explain_mapping.ts";
import { explainCompletion, explainFormat, explainMemory, explainUnmap } from "./explain_nvme.ts";
import { EventFacts, type Explanation, gapBitBytes } from "./explanation.ts";
import { type TextRow, TEXTS, WORDS } from "./texts.ts";
import { formatCount, formatDuration, formatLimit, formatSize } from "../../text/numbers.ts";

const OPTIONAL = /\[(?:\?(\w+))?([^\]]*)\]/g;
const PLACE = /\{([\w.]+)(?::([^}]+))?\}/g;

/** The explanation by the first row that fits; null where none does. */
export function explainByText(rows: readonly TextRow[], facts: EventFacts): Explanation | null {
  const row = rows.find(([when]) =>
    // What an event does not have does not hold.
    Object.entries(when).every(([name, wanted]) =>
      (valueOf(facts, name) ?? (wanted === false ? false : null)) === wanted
    )
  );
  if (row === undefined) return null;
  const [, title, why, rule] = row;
  const texts = { title: fill(title, facts), why: fill(why, facts) };
  return rule === undefined ? texts : { ...texts, rule: fill(rule, facts) };
}

function valueOf(facts: EventFacts, name: string): FieldValue | undefined {
  if (name === "why.rule") return facts.rule;
  return facts.field(name) ?? facts.input(name);
}

function fill(template: string, facts: EventFacts): string {
  return template
    .replaceAll(OPTIONAL, (_, condition: string | undefined, text: string) => {
      const names = condition === undefined ? [...text.matchAll(PLACE)].map(([, name]) => name!) : [
        condition,
      ];
      return names.some((name) => Boolean(valueOf(facts, name))) ? text : "";
    })
    .replaceAll(PLACE, (_, name: string, how: string | undefined) => format(facts, name, how));
}

function format(facts: EventFacts, name: string, how: string | undefined): string {
  const value = valueOf(facts, name) ?? 0;
  const words = how === undefined ? undefined : WORDS[how];
  if (words !== undefined) return words[String(value)] ?? "";
  if (how !== undefined) return formatCount(value as number, how);
  const field = CORE_EVENTS.field(facts.name, name);
  if (name in facts.fields && field !== null) {
    return formatFieldValue(field, value);
  }
  if (name.endsWith("_ns")) return formatDuration(value as number);
  return name === "bytes" ? formatSize(value as number) : formatInput(name, value);
}

/** The host-bridge check. @see rules/p2p.md 9.4 */
const HOST_BRIDGES: Readonly<Record<string, string>> = {
  cpu: "every host bridge of this CPU passes it",
  listed: "the host bridges are whitelisted",
  not_listed: "a host bridge is not whitelisted",
  same_bridge_only: "the host bridge is whitelisted only for traffic below itself",
};

/** A route between the provider of memory and the device that is to use it. */
function explainRoute(facts: EventFacts<"p2p.route">): Explanation {
  const distance = facts.fields.distance;
  const type = facts.fields.map_type;
  const title = `memory of ${facts.fields.provider}: ${type}${
    type === "not_supported" ? "" : `, distance ${distance}`
  }`;
  return { title, why: reasons(facts).join("; ") };
}

function reasons(facts: EventFacts<"p2p.route">): string[] {
  const common = facts.input("common_bridge");
  const redirecting = facts.input("redirecting");
  const bridge = facts.input("host_bridge");
  return [
    typeof common === "string"
      ? `closest common upstream bridge ${common}`
      : "no common upstream bridge",
    ...Array.isArray(redirecting) && redirecting.length > 0
      ? [`ACS redirects at ${redirecting.join(", ")}`]
      : [],
    ...typeof bridge === "string" && HOST_BRIDGES[bridge] !== undefined
      ? [HOST_BRIDGES[bridge]]
      : [],
    ...facts.fields.cached ? ["cached from an earlier call"] : [],
    ...facts.fields.map_type === "not_supported"
      ? [`explain topology().route(${facts.fields.provider}, ${facts.fields.client}) says more`]
      : [],
  ];
}

/** The explanation of each kind of event of which no text alone can say it, by its name. */
const EXPLAINERS: { readonly [N in EventName]?: (facts: EventFacts<N>) => Explanation } = {
  "block.split": explainSplit,
  "block.merge": explainMerge,
  "block.status": ({ fields, why }) => ({
    title: `completed with ${fields.status}`,
    why: why === null ? "" : refusalReason(why.inputs),
  }),
  "ret.blk_rq_dma_map_iter_start": explainIteratorStart,
  "ret.blk_rq_integrity_dma_map_iter_start": explainIteratorStart,
  "nvme.choose": explainFormat,
  "nvme.complete": explainCompletion,
  "nvme.unmap": explainUnmap,
  "mem.alloc": explainMemory,
  "dma.map": explainMap,
  "iommu.map_failed": explainTableRefusal,
  "ret.hmm_dma_unmap_pfn": explainHmmUnmap,
  "odp.table": explainTable,
  "p2p.route": explainRoute,
  "vfio.add_pages": explainPages,
  "vfio.unwind": explainUnwind,
  "kernel.warn": explainWarning,
};

/** A decision in words. */
export function explainDecision(event: MachineEvent): Explanation {
  // The table pairs each name with the function that explains it.
  const facts = new EventFacts(event.name, event.fields, event.why);
  const text = explainByText(TEXTS[event.name] ?? [], facts);
  if (text !== null) return text;
  const explain = EXPLAINERS[event.name] as ((facts: EventFacts) => Explanation) | undefined;
  if (explain !== undefined) return explain(facts);
  return isReturn(event)
    ? explainAnswer(new EventFacts(event.name, event.fields, event.why))
    : explainPlainly(event);
}

/** An event without an explanation of its own: the event and its inputs. */
function explainPlainly(event: MachineEvent): Explanation {
  return {
    title: formatEventText(event, 0, true),
    why: formatInputs(event.why?.inputs ?? {}),
  };
}

function sectorsText(sectors: number): string {
  return `${formatCount(sectors, "sector")}, ${formatLimit(sectors * SECTOR_SIZE_BYTES)}`;
}

/** @see rules/block.md 1.3 */
function explainSplit(facts: EventFacts<"block.split">): Explanation {
  const limit = facts.fields.limit;
  const rule = facts.fields.rule;
  const segments = facts.inputNumber("segments");
  const counted = segments === 0 ? "" : `, in ${formatCount(segments, "segment")}`;
  return {
    title: `split after ${formatSize(facts.fields.at_sectors * SECTOR_SIZE_BYTES)}${counted}`,
    why: `${rule}: ${splitReason(rule, limit)}; ${
      cutPlace(facts)
    }the rest continues as its own bio`,
  };
}

/** Where in the bio's memory the split is. */
function cutPlace(facts: EventFacts<"block.split">): string {
  if (facts.input("piece") === undefined) return "";
  const piece = facts.inputNumber("piece");
  if (facts.inputNumber("piece_done_bytes") !== 0) {
    return `the split is ${facts.inputSize("piece_done_bytes")} into bio_vec ${piece}; `;
  }
  const cut = `the split is before bio_vec ${piece}`;
  if (facts.fields.rule !== "virt_boundary") return `${cut}; `;
  const end = facts.inputNumber("ends_at_bytes");
  const begin = facts.inputNumber("begins_at_bytes");
  return `${cut}: the one before ends ${
    end === 0 ? "at a page boundary" : `${formatSize(end)} into its page`
  }` +
    `, this one begins ${
      begin === 0 ? "at a page boundary" : `${formatSize(begin)} into its page`
    }; `;
}

function splitReason(rule: EventFacts<"block.split">["fields"]["rule"], limit: number): string {
  switch (rule) {
    case "max_segments":
      return `a request has at most ${formatCount(limit, "segment")}`;
    case "virt_boundary":
      return `PRP entries need segment boundaries aligned to ${formatSize(limit + 1)}`;
    case "chunk_sectors":
      return `no request crosses a multiple of ${sectorsText(limit)}`;
    case "max_discard_sectors":
      return `one discard covers at most ${sectorsText(limit)}`;
    case "max_write_zeroes_sectors":
      return `one write of zeroes covers at most ${sectorsText(limit)}`;
    case "max_sectors":
      return `a request has at most ${sectorsText(limit)}`;
  }
}

/** @see rules/block.md 1.5 */
function explainMerge(facts: EventFacts<"block.merge">): Explanation {
  const rule = facts.fields.rule;
  const together = `together ${facts.inputSize("bytes")} of at most ${
    formatLimit(facts.inputNumber("max_sectors") * SECTOR_SIZE_BYTES)
  }, ${formatCount(facts.inputNumber("segments"), "segment")} of at most ${
    facts.inputNumber("max_segments")
  }`;
  return facts.fields.joined
    ? { title: `a bio merged into it (${rule})`, why: together }
    : { title: `a bio was not merged (${rule})`, why: mergeRefusal(rule, facts, together) };
}

function mergeRefusal(rule: string, facts: EventFacts, together: string): string {
  const unit = facts.inputNumber("virt_boundary_mask") + 1;
  const inUnit = (name: string) => formatSize(facts.inputNumber(name) % unit);
  switch (rule) {
    case "gap":
      return `segment boundaries must be aligned to ${
        formatSize(unit)
      }: the request would begin at ${inUnit("first_offset")} of one, its memory ends at ${
        inUnit("end_offset")
      }, the bio's begins at ${inUnit("next_offset")}`;
    case "integrity":
      return "only one of them has metadata, or together they have too many metadata segments";
    case "integrity_gap":
      return `the boundary of their metadata is not aligned to ${formatSize(unit)}`;
    case "ranges":
      return "a discard command has no room for another range";
    default:
      return `${together}; no further bio will be merged`;
  }
}

/** Whether the segments of a request can be coalesced into one IOVA range. */
function gapReason(facts: EventFacts): string {
  const gapBit = facts.inputNumber("gap_bit");
  const boundary = facts.inputNumber("merge_boundary_bytes");
  if (boundary === 0) {
    return "no IOMMU translation: dma_get_merge_boundary() is 0, so segments cannot be coalesced";
  }
  const page = `the ${formatSize(boundary + 1)} IOMMU granule`;
  if (gapBit === 0) return `one segment, or all are contiguous (phys_gap_bit 0); ${page}`;
  const meets = formatSize(gapBitBytes(gapBit));
  return facts.inputIs("pieces_meet")
    ? `segment boundaries are aligned to ${meets} (phys_gap_bit ${gapBit}), at least ${page}`
    : `segment boundaries are only ${meets}-aligned (phys_gap_bit ${gapBit}), below ${page}: ` +
      "the segments cannot be coalesced into one IOVA range";
}

/** @see rules/block.md 2.3 */
function explainIteratorStart(
  facts: EventFacts<"ret.blk_rq_dma_map_iter_start" | "ret.blk_rq_integrity_dma_map_iter_start">,
): Explanation {
  const what = facts.name.includes("integrity") ? "the metadata" : "the data";
  const mmio = facts.input("map_type") === "thru_host_bridge"
    ? "; peer memory through the host bridge, mapped with DMA_ATTR_MMIO"
    : "";
  switch (facts.rule) {
    case "block.2.3.1":
      return {
        title: `nothing to map of ${what}: no segment`,
        why:
          "returns false with BLK_STS_OK: end of iteration, not an error; the IOVA state is left untouched",
      };
    case "block.2.3.2":
      return {
        title: `${what} by PCI bus address, no mapping call`,
        why: "peer memory below a common switch: its address is the physical one plus the " +
          "provider's bus offset",
      };
    case "block.2.3.3":
      return {
        title: "rejected: peer memory that the device cannot reach",
        why: "status INVAL, and no mapping call was made",
      };
    case "block.2.3.4":
      return { title: `one IOVA range for ${what}`, why: gapReason(facts) + mmio };
    case "block.2.3.4e":
      return {
        title: `one range for ${what} failed: ${facts.fields.error}`,
        why:
          "a link or the sync failed; the linked part is unlinked and freed, and the state keeps its " +
          "size",
      };
    case "block.2.3.5e":
      return {
        title: `the first segment of ${what} cannot be mapped: ${facts.fields.error}`,
        why: "the mapping call returned DMA_MAPPING_ERROR",
      };
    default: {
      const refused = facts.inputIs("pieces_meet") &&
        facts.inputNumber("merge_boundary_bytes") !== 0;
      const why = refused ? "dma_iova_try_alloc() returned false" : gapReason(facts);
      return { title: `${what} mapped per segment (no IOVA coalescing)`, why: why + mmio };
    }
  }
}

/** @see rules/hmm-rdma-vfio.md 1.4 */
function explainHmmUnmap(facts: EventFacts<"ret.hmm_dma_unmap_pfn">): Explanation {
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
function explainTable(facts: EventFacts<"odp.table">): Explanation {
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
function explainPages(facts: EventFacts<"vfio.add_pages">): Explanation {
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
function explainUnwind(facts: EventFacts<"vfio.unwind">): Explanation {
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
