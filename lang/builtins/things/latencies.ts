/** What things cost in virtual time: the latency list of the machine block. */
import { EVENT_NAMES } from "../../../runtime/event_vocabulary.ts";
import { LATENCY_KEYS } from "../../../runtime/time/latencies.ts";
import { tableLines } from "../../text/columns.ts";
import { formatCount, formatDuration } from "../../text/numbers.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { ScriptError } from "../../values/script_error.ts";
import { isThing } from "../arguments.ts";
import type { TypeSpec } from "../../values/spec.ts";
import { methodsOf } from "../describe/builtin.ts";
import { fieldsOf } from "../describe/fields.ts";
import { param } from "../describe/parameters.ts";

/** The latencies that are not 0, by key or event name. */
export interface LatencyList {
  readonly latenciesNs: Readonly<Record<string, number>>;
}

/** What each key charges for, where its name does not say it. */
const UNITS: Readonly<Record<string, string>> = {
  iotlb_sync: "each invalidation of cached translations",
  table_write: "each page-table entry written or cleared",
  iova_alloc: "each IOVA allocation",
  map_segment: "each segment mapped: a call of its own, an entry of a list, or a link",
  copy_per_kib: "each KiB copied into or out of a bounce buffer",
  alloc: "each allocation of memory",
  doorbell: "each write to a doorbell",
  interrupt: "each interrupt",
};

function charged(list: LatencyList): (readonly [string, number])[] {
  return Object.entries(list.latenciesNs).filter(([, ns]) => ns !== 0);
}

const method = methodsOf<LatencyList>();

export const LATENCIES: TypeSpec<LatencyList> = {
  name: "latencies",
  doc: "What things cost in virtual time.",
  fields: fieldsOf<LatencyList>((f) =>
    Object.fromEntries(
      LATENCY_KEYS.map((key) => [
        key,
        f.duration(`The latency of ${UNITS[key]!}.`, ({ latenciesNs }) => latenciesNs[key] ?? 0),
      ]),
    )
  ),
  methods: [
    method({
      name: "of",
      pure: true,
      parameters: [param.string("event", "An event's name.")],
      result: "duration",
      doc: "The latency that an event's name has in the list; 0 when it is not in it.",
      example:
        `machine { latencies { iommu.fault = 5us } }\nassert latencies().of("iommu.fault") == 5us`,
      run(_run, { latenciesNs }, [name]) {
        if ((EVENT_NAMES as readonly string[]).includes(name)) return latenciesNs[name] ?? 0;
        throw new ScriptError(
          "E0919",
          `No event is called "${name}"`,
          didYouMean(name, EVENT_NAMES) ?? "`show events` shows what happened",
        );
      },
    }),
  ],
  format: (list) => `latencies of ${formatCount(charged(list).length, "key")}`,
  show(list) {
    const rows = charged(list).map(([key, ns]) => [
      key,
      formatDuration(ns),
      UNITS[key] ?? "each such event",
    ]);
    return rows.length === 0 ? ["all latencies are 0: only `advance` moves virtual time"] : [
      ...tableLines(["latency of", "", "charged for"], rows, ["left", "right"]),
      "everything else takes no virtual time",
    ];
  },
  equals: (list, other) =>
    isThing(other, LATENCIES) &&
    [...LATENCY_KEYS, ...EVENT_NAMES].every((key) =>
      (list.latenciesNs[key] ?? 0) === (other.target.latenciesNs[key] ?? 0)
    ),
};
