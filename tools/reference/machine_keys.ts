/** The tables of docs/language/declarations.md: the keys of the machine block, and the presets of latencies. */
import { DEVICE_KINDS, FUNCTION_SETTINGS } from "@dmalab/devices";
import {
  defaultText,
  keyName,
  MACHINE_KEYS,
  MACHINE_SCHEMA,
  type MachineKey,
  shapeText,
} from "@dmalab/lang";
import { formatDuration } from "@dmalab/lang/text";
import { LATENCY_PRESETS, type LatencyPreset } from "@dmalab/runtime";
import { markdownTable, withParts } from "./marked_part.ts";

/**
 * The page with its tables, written from the rows of the schema.
 * @throws {RangeError} When the page has no place for a table.
 */
export function withMachineKeys(page: string): string {
  return withParts(page, {
    "keys of the machine": tables(),
    "presets of latencies": presetTable(),
  });
}

function presetTable(): string[] {
  return Object.entries<LatencyPreset>(LATENCY_PRESETS).flatMap((
    [name, { doc, latencies }],
    index,
  ) => [
    ...index === 0 ? [] : [""],
    `\`${name}\`: ${doc}`,
    "",
    ...markdownTable(
      ["latency", "of", "source of the number"],
      Object.entries(latencies).map(([key, { ns, source }]) => [
        `\`${key}\``,
        formatDuration(ns),
        source,
      ]),
    ),
  ]);
}

function tables(): string[] {
  return [
    ...markdownTable(
      ["block", "inside", "meaning"],
      [...MACHINE_SCHEMA.blocks.values()].map(({ doc, keyword, named }) => [
        `\`${keyword}${named ? " NAME" : ""}\``,
        MACHINE_SCHEMA.placesOf(keyword).join(", "),
        doc,
      ]),
    ),
    "",
    ...markdownTable(
      ["key", "takes", "default", "what it is"],
      groups().map(([name, [first, ...others]]) => {
        const { shape, doc } = first!.spec;
        const defaults = new Set([first!, ...others].map(({ spec }) => defaultText(spec)));
        return [`\`${name}\``, shapeText(shape), [...defaults].join(" or "), doc];
      }),
    ),
  ];
}

/** Groups keys that occur in several blocks: they share one line, with all their defaults. */
function groups(): readonly (readonly [string, readonly MachineKey[]])[] {
  const deviceWords: ReadonlySet<string> = new Set(DEVICE_KINDS.map(({ kind }) => kind));
  const onAnyBus: ReadonlySet<unknown> = new Set(Object.values(FUNCTION_SETTINGS));
  const ofEveryDevice = (key: string) =>
    DEVICE_KINDS.every(({ settings }) => Object.values(settings).some((each) => each.key === key));
  return [
    ...Map.groupBy(MACHINE_KEYS, (each) => {
      const { block: { keyword }, spec, spec: { key } } = each;
      if (onAnyBus.has(spec)) return `FUNCTION.${key}`;
      return deviceWords.has(keyword) && ofEveryDevice(key) ? `DEVICE.${key}` : keyName(each);
    }),
  ];
}
