/** Costs in virtual time: the latency list of the machine block. */
import { LATENCY_SETTINGS } from "@dmalab/runtime";
import { tableLines } from "../../text/columns.ts";
import { formatCount, formatDuration } from "../../text/numbers.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { ValueError } from "../../values/script_error.ts";
import { isHandle } from "../arguments.ts";
import type { HandleType } from "../../values/spec.ts";
import { methodsOf } from "../describe/builtin.ts";
import { fieldsOf } from "../describe/fields.ts";
import { param } from "../describe/parameters.ts";

/** The latencies that are not 0, by key or event name. */
export interface LatencyList {
  readonly latenciesNs: Readonly<Record<string, number>>;
}

/** The unit that each key charges for. */
const UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries(LATENCY_SETTINGS).map(([key, { unit }]) => [key, unit]),
);

function charged(list: LatencyList): (readonly [string, number])[] {
  return Object.entries(list.latenciesNs).filter(([, ns]) => ns !== 0);
}

const method = methodsOf<LatencyList>();

export const LATENCIES: HandleType<LatencyList> = {
  name: "latencies",
  doc: "Latencies of events, in virtual time.",
  fields: fieldsOf<LatencyList>((f) =>
    Object.fromEntries(
      Object.entries(LATENCY_SETTINGS).map(([key, { doc }]) => [
        key,
        f.duration(doc, ({ latenciesNs }) => latenciesNs[key] ?? 0),
      ]),
    )
  ),
  methods: [
    method({
      name: "of",
      pure: true,
      parameters: [param.string("event", "An event's name.")],
      result: "duration",
      doc: "The latency set for an event's name; 0 if none is set.",
      example:
        `machine { latencies { iommu.fault = 5us } }\nassert latencies().of("iommu.fault") == 5us`,
      run(context, { latenciesNs }, [name]) {
        const { vocabulary } = context.lab.machine.events;
        if (vocabulary.number(name) >= 0) return latenciesNs[name] ?? 0;
        throw new ValueError(
          `No event is called "${name}"`,
          didYouMean(name, vocabulary.names) ?? "`show events` shows what happened",
        );
      },
    }),
  ],
  format: (list) => `latencies of ${formatCount(charged(list).length, "key")}`,
  show(list) {
    const rows = charged(list).map(([key, ns]) => [
      key,
      formatDuration(ns),
      `each ${UNITS.get(key) ?? "such event"}`,
    ]);
    return rows.length === 0 ? ["all latencies are 0: only `advance` moves virtual time"] : [
      ...tableLines(["latency of", "", "charged for"], rows, ["left", "right"]),
      "all other events: 0",
    ];
  },
  equals: (list, other) =>
    isHandle(other, LATENCIES) &&
    [...Object.keys(list.latenciesNs), ...Object.keys(other.target.latenciesNs)].every((key) =>
      (list.latenciesNs[key] ?? 0) === (other.target.latenciesNs[key] ?? 0)
    ),
};
