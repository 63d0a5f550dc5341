/** What things cost in virtual time: the price list of the machine block. */
import { EVENT_NAMES } from "../../../runtime/event_vocabulary.ts";
import { PRICE_KEYS } from "../../../runtime/prices.ts";
import { tableLines } from "../../text/columns.ts";
import { formatCount, formatDuration } from "../../text/numbers.ts";
import { didYouMean } from "../../diagnostics/suggest.ts";
import { ScriptError } from "../../values/script_error.ts";
import { isThing } from "../arguments.ts";
import type { TypeSpec } from "../../values/spec.ts";
import { methodsOf } from "../describe/builtin.ts";
import { fieldsOf } from "../describe/fields.ts";
import { param } from "../describe/parameters.ts";

/** The prices that are not 0, by key or event name. */
export interface PriceList {
  readonly pricesNs: Readonly<Record<string, number>>;
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

function charged(list: PriceList): (readonly [string, number])[] {
  return Object.entries(list.pricesNs).filter(([, ns]) => ns !== 0);
}

const method = methodsOf<PriceList>();

export const PRICES: TypeSpec<PriceList> = {
  name: "prices",
  doc: "What things cost in virtual time.",
  fields: fieldsOf<PriceList>((f) =>
    Object.fromEntries(
      PRICE_KEYS.map((key) => [
        key,
        f.duration(`The price of ${UNITS[key]!}.`, ({ pricesNs }) => pricesNs[key] ?? 0),
      ]),
    )
  ),
  methods: [
    method({
      name: "of",
      pure: true,
      parameters: [param.string("event", "An event's name.")],
      result: "duration",
      doc: "The price that an event's name has in the list; 0 when it is not in it.",
      example: `machine { prices { iommu.fault = 5us } }\nassert prices().of("iommu.fault") == 5us`,
      run(_run, { pricesNs }, [name]) {
        if ((EVENT_NAMES as readonly string[]).includes(name)) return pricesNs[name] ?? 0;
        throw new ScriptError(
          "E0919",
          `No event is called "${name}"`,
          didYouMean(name, EVENT_NAMES) ?? "`show events` shows what happened",
        );
      },
    }),
  ],
  format: (list) => `prices of ${formatCount(charged(list).length, "thing")}`,
  show(list) {
    const rows = charged(list).map(([key, ns]) => [
      key,
      formatDuration(ns),
      UNITS[key] ?? "each such event",
    ]);
    return rows.length === 0 ? ["prices: nothing costs virtual time"] : [
      ...tableLines(["price of", "", "charged for"], rows, ["left", "right"]),
      "everything else is free",
    ];
  },
  equals: (list, other) =>
    isThing(other, PRICES) &&
    [...PRICE_KEYS, ...EVENT_NAMES].every((key) =>
      (list.pricesNs[key] ?? 0) === (other.target.pricesNs[key] ?? 0)
    ),
};
