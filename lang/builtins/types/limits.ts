/** The limits of a device's queues, and the origin of each. */
import type { ExecutionContext } from "../../values/execution_context.ts";
import { type LimitReason, type QueueLimits, SECTOR_SIZE_BYTES } from "@dmalab/runtime";
import { tableLines } from "../../text/columns.ts";
import { formatMask, formatSize } from "../../text/numbers.ts";
import { RecordValue, type Value } from "../../values/value.ts";
import { isHandle } from "../arguments.ts";
import { plainInput } from "../event_values.ts";
import { limitsStory, limitStory, type NamedLimit, setterOf } from "../explain/limits_story.ts";
import type { HandleType } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

export interface LimitsTarget {
  readonly limits: QueueLimits;
  readonly device: string;
}

/**
 * The runtime's name for a numeric limit. The reasons of the limit are stored under the same name.
 */
type LimitKey = {
  [K in LimitReason["limit"]]: QueueLimits[K] extends number ? K : never;
}[LimitReason["limit"]];

/** Limits by their names in scripts, with their units in the runtime. */
const LIMIT_ROWS: Readonly<
  Record<string, readonly [key: LimitKey, unit: "sectors" | "bytes" | "things", doc: string]>
> = {
  max_transfer: ["maxHwSectors", "sectors", "The hardware limit of one transfer."],
  soft_limit: ["maxSectors", "sectors", "The size at which reads and writes are split."],
  max_segments: ["maxSegments", "things", "How many segments a request may have."],
  max_segment_size: ["maxSegmentSizeBytes", "bytes", "How long a segment may be."],
  virt_boundary: [
    "virtBoundaryMask",
    "bytes",
    "Boundary (virt_boundary_mask) on which one segment must end and the next must start; 0: " +
    "anywhere.",
  ],
  dma_alignment: [
    "dmaAlignmentMask",
    "bytes",
    "Alignment mask: the offset and length of memory must have none of its bits set.",
  ],
  max_integrity_segments: [
    "maxIntegritySegments",
    "things",
    "How many segments the metadata of a request may have.",
  ],
  segment_boundary: ["segBoundaryMask", "bytes", "Mask of the boundary that no segment crosses."],
  chunk: ["chunkSectors", "sectors", "No transfer crosses a multiple of this; 0: no such limit."],
  logical_block_size: ["logicalBlockSizeBytes", "bytes", "The disk's block."],
};

const SHOWN = Object.entries(LIMIT_ROWS).map(([name, [key, unit, doc]]) => ({
  name,
  key,
  kind: unit === "things" ? "int" as const : "size" as const,
  doc,
  value: (limits: QueueLimits) => limits[key] * (unit === "sectors" ? SECTOR_SIZE_BYTES : 1),
}));
type ShownLimit = (typeof SHOWN)[number];

function reasonsFor(limits: QueueLimits, shown: ShownLimit): readonly LimitReason[] {
  return limits.why.filter((reason) => reason.limit === shown.key);
}

function reasonValue(reason: LimitReason): Value {
  const entries = new Map<string, Value>([["rule", reason.rule]]);
  for (const [name, input] of Object.entries(reason.inputs)) entries.set(name, plainInput(input));
  return new RecordValue(entries);
}

function whyOf(limits: QueueLimits): Readonly<Record<string, Value>> {
  const known = SHOWN.flatMap((shown): [string, Value][] => {
    const reason = reasonsFor(limits, shown).at(-1);
    return reason === undefined ? [] : [[shown.name, reasonValue(reason)]];
  });
  return Object.fromEntries(known);
}

function formatLimit(shown: ShownLimit, limits: QueueLimits): string {
  const value = shown.value(limits);
  if (shown.kind === "int") return String(value);
  return value % 2 === 1 ? formatMask(value) : formatSize(value);
}

function namedLimit(limits: QueueLimits, shown: ShownLimit): NamedLimit {
  return { name: shown.name, key: shown.key, text: formatLimit(shown, limits) };
}

/** The origin of a limit, and its rule. */
function setBy(limits: QueueLimits, shown: ShownLimit): readonly [by: string, rule: string] {
  const reason = reasonsFor(limits, shown).at(-1);
  return reason === undefined ? ["default", ""] : [setterOf(reason), reason.rule];
}

export const LIMITS: HandleType<LimitsTarget> = {
  name: "limits",
  doc: "Limits of a device's queues. `explain` prints what set each limit.",
  fields: fieldsOf<LimitsTarget>((f) => ({
    ...Object.fromEntries(
      SHOWN.map((shown) => [shown.name, {
        ...f[shown.kind](shown.doc, ({ limits }) => shown.value(limits)),
        explain: ({ limits }: LimitsTarget, { columns }: ExecutionContext) =>
          limitStory(limits, namedLimit(limits, shown), shown.doc, columns),
      }]),
    ),
    why: f.of(
      "record",
      "For each limit that is not a default: the rule and its inputs.",
      ({ limits }) => whyOf(limits),
    ),
  })),
  format: ({ limits, device }) =>
    `limits of ${device}: ${
      SHOWN.slice(0, 3).map((shown) => `${shown.name} ${formatLimit(shown, limits)}`).join(", ")
    }`,
  show: ({ limits, device }) => [
    `limits of ${device}`,
    ...tableLines(
      ["limit", "value", "set by", "rule"],
      SHOWN.map((shown) => [shown.name, formatLimit(shown, limits), ...setBy(limits, shown)]),
      ["left", "right"],
    ),
  ],
  explain: ({ limits }, { columns }) =>
    limitsStory(limits, SHOWN.map((shown) => namedLimit(limits, shown)), columns),
  equals: (target, other) => isHandle(other, LIMITS) && other.target.limits === target.limits,
};
