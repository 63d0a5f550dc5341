/**
 * Compares two traces of one workload. Finds which requests are the same, how their mappings
 * differ, and which mappings each device has.
 */
import { formatCount, formatSizeCut, formatTimeRounded } from "@dmalab/lang/text";
import type { DeviceUse } from "./device_use.ts";
import type { RequestUse } from "./request_use.ts";
import type { TracedUse } from "./traced_use.ts";

const NS_PER_S = 1e9;
const NS_PER_US = 1000;
/** Largest number of ways of mapping that are printed, each with one example. */
const MAX_WAYS = 10;

interface Pair {
  readonly before: RequestUse;
  readonly after: RequestUse;
}

/** Pairs requests for the same blocks, in the order of the requests. */
function pairsOf(before: readonly RequestUse[], after: readonly RequestUse[]): Pair[] {
  const waiting = Map.groupBy(after, ({ key }) => key);
  for (const alike of waiting.values()) alike.reverse();
  return before.flatMap((request) => {
    const same = waiting.get(request.key)?.pop();
    return same === undefined ? [] : [{ before: request, after: same }];
  });
}

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null;
}

export function comparisonJson(
  before: TracedUse,
  after: TracedUse,
  seconds: readonly [number, number],
) {
  const pairs = pairsOf(before.requests, after.requests);
  const different = pairs.filter((pair) => pair.before.way !== pair.after.way);
  const ways = Map.groupBy(
    different,
    (pair) => JSON.stringify([pair.before.way, pair.after.way]),
  );
  const took = (side: "before" | "after") =>
    median(pairs.flatMap((pair) => pair[side].tookSeconds ?? []));
  const names = new Set([...before.devices.devices.keys(), ...after.devices.devices.keys()]);
  return {
    requests: {
      same: pairs.length,
      only_before: before.requests.length - pairs.length,
      only_after: after.requests.length - pairs.length,
      mapped_differently: different.length,
      ways: [...ways].sort(([, a], [, b]) => b.length - a.length).map(([key, alike]) => {
        const [from, to] = JSON.parse(key) as [string, string];
        const [first] = alike;
        const lines = { before_line: first!.before.line, after_line: first!.after.line };
        return {
          count: alike.length,
          before: from,
          after: to,
          example: first!.before.key,
          ...lines,
        };
      }),
      median_seconds: { before: took("before"), after: took("after") },
    },
    devices: Object.fromEntries(
      [...names].sort().map((name) => [name, {
        before: deviceRow(before, name, seconds[0]),
        after: deviceRow(after, name, seconds[1]),
      }]),
    ),
  };
}

function deviceRow({ devices }: TracedUse, name: string, seconds: number) {
  const use: DeviceUse | undefined = devices.devices.get(name);
  if (use === undefined) return null;
  return {
    mode: use.mode,
    maps: use.maps,
    maps_per_second: seconds > 0 ? Math.round(use.maps / seconds) : 0,
    bytes_per_map: Math.round(use.mappedBytes / Math.max(use.maps, 1)),
    peak_bytes: use.peakBytes,
    live: use.live,
    bounced_maps: use.bounced(use.bouncedMaps),
    lifetime_median_us: use.lifetimesUs.count === 0 ? null : use.lifetimesUs.percentile(50),
  };
}

type Comparison = ReturnType<typeof comparisonJson>;
type Row = NonNullable<ReturnType<typeof deviceRow>>;

/** The printed values of a device, and their formats. */
const SHOWN: readonly (readonly [string, (row: Row) => string])[] = [
  ["mode", ({ mode }) => mode],
  ["maps", ({ maps }) => String(maps)],
  ["maps a second", (row) => String(row.maps_per_second)],
  ["bytes a map", (row) => String(row.bytes_per_map)],
  ["most bytes mapped", (row) => formatSizeCut(row.peak_bytes)],
  ["bounced maps", (row) => String(row.bounced_maps ?? "unknown")],
  [
    "median lifetime",
    (row) =>
      row.lifetime_median_us === null ? "-" : formatTimeRounded(NS_PER_US * row.lifetime_median_us),
  ],
  ["live at the end", ({ live }) => String(live)],
];

export function comparisonLines(
  { devices, requests }: Comparison,
  names: readonly [string, string],
): string[] {
  const { median_seconds: took } = requests;
  const time = (seconds: number) => formatTimeRounded(Math.round(seconds * NS_PER_S));
  return [
    `${formatCount(requests.same, "request")} in both, ${requests.only_before} only before, ` +
    `${requests.only_after} only after; ${requests.mapped_differently} mapped differently`,
    ...took.before === null || took.after === null
      ? []
      : [`median duration at most ${time(took.before)} before and ${time(took.after)} after`],
    ...requests.ways.slice(0, MAX_WAYS).flatMap((way) => [
      `  ${`${way.count}`.padStart(7)}  ${way.before} -> ${way.after}`,
      `           such as ${way.example}: ${names[0]}:${way.before_line}, ${
        names[1]
      }:${way.after_line}`,
    ]),
    ...requests.ways.length > MAX_WAYS
      ? [`  … and ${requests.ways.length - MAX_WAYS} more ways, listed by --json`]
      : [],
    ...Object.entries(devices).flatMap(([name, { after, before }]) => [
      "",
      `${name.padEnd(40)} ${"before".padStart(14)} ${"after".padStart(14)}`,
      ...SHOWN.map(([label, shown]) =>
        `  ${label.padEnd(38)} ${cell(before, shown)} ${cell(after, shown)}`
      ),
    ]),
  ];
}

function cell(row: Row | null, shown: (row: Row) => string): string {
  return (row === null ? "-" : shown(row)).padStart(14);
}
