/** The limits of a device's queues, and who set each. */
import type { LimitReason, QueueLimits } from "../../../runtime/block/queue_limits.ts";
import { SECTOR_SIZE_BYTES } from "../../../runtime/address.ts";
import { tableLines } from "../../text/columns.ts";
import { formatMask, formatSize } from "../../text/numbers.ts";
import { RecordValue, type Value } from "../../values/value.ts";
import { isThing } from "../arguments.ts";
import { plainInput } from "../event_values.ts";
import { limitsStory, setterOf } from "../explain/limits_story.ts";
import type { TypeSpec } from "../../values/spec.ts";
import { fieldsOf } from "../describe/fields.ts";

export interface LimitsTarget {
  readonly limits: QueueLimits;
  readonly device: string;
}

/** A limit as scripts see it: how it is called, and what it is. */
interface ShownLimit {
  readonly name: string;
  /** The runtime's name for it, by which reasons are found. */
  readonly key: LimitReason["limit"];
  readonly kind: "size" | "int";
  readonly doc: string;
  value(limits: QueueLimits): number;
}

const SHOWN: readonly ShownLimit[] = [
  {
    name: "max_transfer",
    key: "maxHwSectors",
    kind: "size",
    doc: "The hardware limit of one transfer.",
    value: (limits) => limits.maxHwSectors * SECTOR_SIZE_BYTES,
  },
  {
    name: "soft_limit",
    key: "maxSectors",
    kind: "size",
    doc: "What reads and writes are cut at.",
    value: (limits) => limits.maxSectors * SECTOR_SIZE_BYTES,
  },
  {
    name: "max_segments",
    key: "maxSegments",
    kind: "int",
    doc: "How many segments a request may have.",
    value: (limits) => limits.maxSegments,
  },
  {
    name: "max_segment_size",
    key: "maxSegmentSizeBytes",
    kind: "size",
    doc: "How long a segment may be.",
    value: (limits) => limits.maxSegmentSizeBytes,
  },
  {
    name: "virt_boundary",
    key: "virtBoundaryMask",
    kind: "size",
    doc: "Mask of the boundary at which alone segments may meet; 0: they may meet anywhere.",
    value: (limits) => limits.virtBoundaryMask,
  },
  {
    name: "dma_alignment",
    key: "dmaAlignmentMask",
    kind: "size",
    doc: "Mask that offset and length of memory must not touch.",
    value: (limits) => limits.dmaAlignmentMask,
  },
  {
    name: "max_integrity_segments",
    key: "maxIntegritySegments",
    kind: "int",
    doc: "How many segments the metadata of a request may have.",
    value: (limits) => limits.maxIntegritySegments,
  },
  {
    name: "segment_boundary",
    key: "segBoundaryMask",
    kind: "size",
    doc: "Mask of the boundary that no segment crosses.",
    value: (limits) => limits.segBoundaryMask,
  },
  {
    name: "chunk",
    key: "chunkSectors",
    kind: "size",
    doc: "No transfer crosses a multiple of this; 0 is none.",
    value: (limits) => limits.chunkSectors * SECTOR_SIZE_BYTES,
  },
  {
    name: "logical_block_size",
    key: "logicalBlockSizeBytes",
    kind: "size",
    doc: "The disk's block.",
    value: (limits) => limits.logicalBlockSizeBytes,
  },
];

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

/** Who settled a limit, and by which rule. */
function setBy(limits: QueueLimits, shown: ShownLimit): readonly [by: string, rule: string] {
  const reason = reasonsFor(limits, shown).at(-1);
  return reason === undefined ? ["nobody", ""] : [setterOf(reason), reason.rule];
}

export const LIMITS: TypeSpec<LimitsTarget> = {
  name: "limits",
  doc: "What a device's queues take. `explain` says who set each limit.",
  fields: fieldsOf<LimitsTarget>((f) => ({
    ...Object.fromEntries(
      SHOWN.map((
        { doc, kind, name, value },
      ) => [name, f[kind](doc, ({ limits }) => value(limits))]),
    ),
    why: f.of(
      "record",
      "For each limit that somebody chose: the rule and what it looked at.",
      ({ limits }) => whyOf(limits),
    ),
  })),
  methods: [],
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
  explain: ({ limits }) =>
    limitsStory(
      limits,
      SHOWN.map((shown) => ({
        name: shown.name,
        key: shown.key,
        text: formatLimit(shown, limits),
      })),
    ),
  equals: (target, other) => isThing(other, LIMITS) && other.target.limits === target.limits,
};
