/**
 * Decisions in words, with their reasons, from the events that recorded them. Nothing is computed
 * again: the printed numbers are the inputs of the code that decided.
 */
import {
  CORE_EVENTS,
  type EventName,
  type FieldValue,
  isReturn,
  type MachineEvent,
} from "@dmalab/runtime";
import { formatEventText, formatFieldValue } from "../../render/event_line.ts";
import { explainIteratorStart, explainMerge, explainSplit } from "./explain_block.ts";
import { formatInput, formatInputs } from "./inputs.ts";
import { refusalReason } from "./io_refusal.ts";
import {
  explainAnswer,
  explainMap,
  explainTableRefusal,
  explainWarning,
} from "./explain_mapping.ts";
import { explainCompletion, explainFormat, explainMemory, explainUnmap } from "./explain_nvme.ts";
import { EventFacts, type Explanation } from "./explanation.ts";
import { type TextRow, TEXTS, WORDS } from "./texts.ts";
import { formatCount, formatDuration, formatSize } from "../../text/numbers.ts";

const OPTIONAL = /\[(?:\?(\w+))?([^\]]*)\]/g;
const PLACE = /\{([\w.]+)(?::([^}]+))?\}/g;

/** The explanation by the first row with fitting conditions; null without such a row. */
export function explainByText(rows: readonly TextRow[], facts: EventFacts): Explanation | null {
  const row = rows.find(([when]) =>
    // A missing field counts as false.
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

/** A sentence for each result of the host-bridge check. @see rules/p2p.md 9.4 */
const HOST_BRIDGES: Readonly<Record<string, string>> = {
  cpu: "every host bridge of this CPU passes it",
  listed: "the host bridges are whitelisted",
  not_listed: "a host bridge is not whitelisted",
  same_bridge_only: "the host bridge is whitelisted only for traffic below itself",
};

/** A route between a provider of memory and the device that uses it. */
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

/** Functions that explain the kinds of events for which a text is not enough. Keys: event names. */
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
  // The cast of the function in `EXPLAINERS` is safe, because that function takes the facts of the
  // event with this name.
  const facts = new EventFacts(event.name, event.fields, event.why);
  const text = explainByText(TEXTS[event.name] ?? [], facts);
  if (text !== null) return text;
  const explain = EXPLAINERS[event.name] as ((facts: EventFacts) => Explanation) | undefined;
  if (explain !== undefined) return explain(facts);
  return isReturn(event)
    ? explainAnswer(new EventFacts(event.name, event.fields, event.why))
    : explainPlainly(event);
}

/** An event without a text: its name and its inputs. */
function explainPlainly(event: MachineEvent): Explanation {
  return {
    title: formatEventText(event, 0, true),
    why: formatInputs(event.why?.inputs ?? {}),
  };
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
