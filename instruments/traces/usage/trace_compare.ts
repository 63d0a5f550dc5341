/**
 * Two traces of one workload: which requests are the same, what is mapped differently for them, and
 * what each device maps.
 */
import { formatCount, formatSizeCut, formatTimeRounded } from "../../../lang/text/numbers.ts";
import { isMappingStep, type Step } from "../script/recorder.ts";
import { type DeviceUse, DeviceUses } from "./device_use.ts";

const NS_PER_S = 1e9;
const NS_PER_US = 1000;
/** Requests that are kept of a trace: of more the first ones. */
const MOST_REQUESTS = 1 << 17;
/** Ways to map that are printed, and examples of each. */
const MOST_WAYS = 10;

/** How one request was mapped. */
interface RequestUse {
  /** `read lba 8, 16 blocks`: the same of the same request in another trace. */
  readonly key: string;
  /** Line of its setup. */
  readonly line: number;
  readonly seconds: number;
  /** Mappings by kind. */
  readonly mappings: Map<string, number>;
  links: number;
  entries: number;
  bytes: number;
  /** Of its maps; of a two-step range that of the first link. */
  readonly lines: number[];
  /** From its setup to its completion, or null without one. */
  tookSeconds: number | null;
}

/** What one trace has: takes the steps of its ledger. */
export class TracedUse {
  readonly devices = new DeviceUses();
  readonly #open = new Map<string, RequestUse>();
  readonly #requests: RequestUse[] = [];

  take(step: Step, seconds: number): void {
    this.devices.take(step, seconds);
    if (step.op === "request") {
      const { blocks, lba, name, verb } = step.command;
      const key = blocks === 0 ? verb : `${verb} lba ${lba}, ${formatCount(blocks, "block")}`;
      const request: RequestUse = {
        key,
        line: step.line,
        seconds,
        mappings: new Map(),
        links: 0,
        entries: 0,
        bytes: 0,
        lines: [],
        tookSeconds: null,
      };
      if (this.#requests.length >= MOST_REQUESTS) return;
      this.#open.set(name, request);
      this.#requests.push(request);
    } else if (step.op === "completion") {
      const request = this.#open.get(step.name);
      if (request !== undefined) request.tookSeconds = seconds - request.seconds;
    } else if (isMappingStep(step) && (step.op === "map" || step.op === "range")) {
      const { kind, entries, mappedAt, request: name, sizeBytes } = step.mapping;
      const request = this.#open.get(name ?? "");
      if (request === undefined) return;
      request.mappings.set(kind, (request.mappings.get(kind) ?? 0) + 1);
      request.bytes += sizeBytes;
      request.lines.push(mappedAt.line);
      if (step.op === "range") request.links += step.linksBytes.length;
      else if (kind === "sg") request.entries += entries;
    }
  }

  /** Requests with data, in the order of their setups. */
  get requests(): readonly RequestUse[] {
    return this.#requests.filter(({ mappings }) => mappings.size > 0);
  }
}

/** Each request with the lines of its mappings. */
export function requestsJson({ requests }: TracedUse) {
  return requests.map((request) => ({
    request: request.key,
    line: request.line,
    seconds: request.seconds,
    took_seconds: request.tookSeconds,
    mapped: wayOf(request),
    bytes: request.bytes,
    map_lines: request.lines,
  }));
}

/** How a request was mapped, in words that are the same for those mapped alike. */
function wayOf({ entries, links, mappings }: RequestUse): string {
  const words: Readonly<Record<string, (count: number) => string>> = {
    map: (count) => formatCount(count, "single map"),
    alloc: (count) => formatCount(count, "coherent allocation"),
    sg: (count) => `${formatCount(count, "list")} of ${formatCount(entries, "entry", "entries")}`,
    two_step: (count) => `${formatCount(count, "two-step range")} of ${formatCount(links, "link")}`,
  };
  return [...mappings].sort().map(([kind, count]) => words[kind]!(count)).join(" and ");
}

interface Pair {
  readonly before: RequestUse;
  readonly after: RequestUse;
}

/** Requests for the same blocks are the same, in their order. */
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

/** @param seconds How long each trace is. */
export function comparisonJson(
  before: TracedUse,
  after: TracedUse,
  seconds: readonly [number, number],
) {
  const pairs = pairsOf(before.requests, after.requests);
  const different = pairs.filter((pair) => wayOf(pair.before) !== wayOf(pair.after));
  const ways = Map.groupBy(
    different,
    (pair) => JSON.stringify([wayOf(pair.before), wayOf(pair.after)]),
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
    mode: devices.modeOf(name),
    maps: use.maps,
    maps_per_second: seconds > 0 ? Math.round(use.maps / seconds) : 0,
    bytes_per_map: Math.round(use.mappedBytes / Math.max(use.maps, 1)),
    peak_bytes: use.peakBytes,
    live: use.live,
    bounced_maps: use.bouncedMaps,
    lifetime_median_us: use.lifetimesUs.count === 0 ? null : use.lifetimesUs.percentile(50),
  };
}

type Comparison = ReturnType<typeof comparisonJson>;
type Row = NonNullable<ReturnType<typeof deviceRow>>;

/** What of a device is printed, and how. */
const SHOWN: readonly (readonly [string, (row: Row) => string])[] = [
  ["mode", ({ mode }) => mode],
  ["maps", ({ maps }) => String(maps)],
  ["maps a second", (row) => String(row.maps_per_second)],
  ["bytes a map", (row) => String(row.bytes_per_map)],
  ["most bytes mapped", (row) => formatSizeCut(row.peak_bytes)],
  ["bounced maps", (row) => String(row.bounced_maps)],
  [
    "half live at most",
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
      : [`half of them take at most ${time(took.before)} before and ${time(took.after)} after`],
    ...requests.ways.slice(0, MOST_WAYS).flatMap((way) => [
      `  ${`${way.count}`.padStart(7)}  ${way.before} -> ${way.after}`,
      `           such as ${way.example}: ${names[0]}:${way.before_line}, ${
        names[1]
      }:${way.after_line}`,
    ]),
    ...requests.ways.length > MOST_WAYS
      ? [`  … and ${requests.ways.length - MOST_WAYS} more ways, which --json has`]
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
