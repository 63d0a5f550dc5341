/** Formats what devices map, as text and as JSON. */
import { maxOf } from "@dmalab/runtime/basics";
import { formatCount, formatSizeCut, formatTimeRounded } from "@dmalab/lang/text";
import { isUndecided, modeEvidence, UNDECIDED } from "../ledger/device_mode.ts";
import type { DeviceUse, DeviceUses, Interval, UseTally } from "./device_use.ts";
import type { FlushUse } from "./flush_windows.ts";
import type { SpaceUse } from "./iova_space.ts";
import type { PowersOfTwo } from "./powers_of_two.ts";
import type { TracedUse } from "./traced_use.ts";

const MAX_CALLERS = 5;
const BAR_COLUMNS = 30;
const NS_PER_US = 1000;

/** @param seconds Duration of the trace. */
export function usesJson(uses: DeviceUses, seconds: number) {
  return Object.fromEntries(
    [...uses.devices].map(([name, use]) => [name, {
      mode: use.mode,
      mode_evidence: use.device === null ? null : modeEvidence(use.device),
      maps: use.maps,
      unmaps: use.unmaps,
      maps_per_second: rate(use.maps, seconds),
      live: use.live,
      peak_live: use.peakLive,
      live_bytes: use.liveBytes,
      peak_bytes: use.peakBytes,
      peak_at_seconds: use.peakSeconds,
      bounced_maps: use.bounced(use.bouncedMaps),
      peak_bounced_bytes: use.bounced(use.peakBouncedBytes),
      lowest_address: `0x${use.lowest.toString(16)}`,
      highest_address: `0x${use.highest.toString(16)}`,
      lifetimes_us: powersJson(use.lifetimesUs),
      sizes_bytes: powersJson(use.sizesBytes),
      directions: countsJson(use.directions),
      callers: countsJson(use.callers),
      unmap_to_flush: flushJson(uses, name),
      interval_seconds: use.overTime.widthSeconds,
      over_time: use.overTime.intervals.map(([at, interval]) => intervalJson(use, at, interval)),
    }]),
  );
}

export function traceJson(use: TracedUse, seconds: number) {
  return {
    seconds,
    devices: usesJson(use.devices, seconds),
    bounces: use.bounces.json(),
    calls_ns: Object.fromEntries(
      [...use.calls.functions].map(([name, { callers, ns }]) => [name, {
        count: ns.count,
        ...powersJson(ns),
        callers: Object.fromEntries([...callers].sort((a, b) => b[1] - a[1])),
      }]),
    ),
    untied_requests: use.block.untied,
    requests: use.requests.map((request) => ({
      request: request.key,
      line: request.line,
      seconds: request.seconds,
      took_seconds: request.tookSeconds,
      mapped: request.way,
      bytes: request.bytes,
      map_lines: request.lines,
    })),
  };
}

function intervalJson(use: DeviceUse, seconds: number, { space, ...interval }: Interval) {
  return {
    seconds,
    lines: [interval.firstLine, interval.lastLine],
    maps: interval.maps,
    unmaps: interval.unmaps,
    most_live_bytes: interval.mostLiveBytes,
    most_line: interval.mostLine,
    most_bounced_bytes: use.bounced(interval.mostBouncedBytes),
    iova: space === null ? null : {
      mapped_bytes: space.mappedBytes,
      pieces: space.pieces,
      extent_bytes: space.extentBytes,
    },
  };
}

/** Flushes as JSON. Null if every unmap has invalidated its own pages, or if the trace has no flushes. */
function flushJson(uses: DeviceUses, name: string) {
  const use = flushOf(uses, name);
  return use === null ? null : {
    mappings: use.windowsUs.count,
    most_at_once: use.mostAtOnce,
    device_could_write: use.writable,
    not_flushed_in_trace: use.waiting.length,
    windows_us: powersJson(use.windowsUs),
    longest_lines: use.windowsUs.mostLines,
  };
}

/** The flush data of a device, if its unmaps are flushed later; else null. */
function flushOf({ flushes }: DeviceUses, name: string): FlushUse | null {
  const use = flushes.isLazy ? flushes.devices.get(name) : undefined;
  return use === undefined || use.windowsUs.count === 0 ? null : use;
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? Math.round(count / seconds) : 0;
}

/** Formats a rate, to be put after a count; empty if the rate is below one a second. */
function rateText(count: number, seconds: number): string {
  const perSecond = rate(count, seconds);
  return perSecond === 0 ? "" : `, ${perSecond} a second`;
}

/** A histogram as JSON: upper bounds and counts. */
function powersJson(powers: PowersOfTwo) {
  return {
    median_at_most: powers.percentile(50),
    p99_at_most: powers.percentile(99),
    most: Math.round(powers.most),
    below: Object.fromEntries(
      powers.counts.flatMap((count, power) => count === 0 ? [] : [[2 ** power, count]]),
    ),
  };
}

function countsJson(tallies: ReadonlyMap<string, UseTally>) {
  return Object.fromEntries(byCount(tallies).map(([name, { count }]) => [name, count]));
}

/** Tallies by count, the most frequent first. */
function byCount(tallies: ReadonlyMap<string, UseTally>): [string, UseTally][] {
  return [...tallies].sort((a, b) => b[1].count - a[1].count);
}

/** The most important facts about a device. */
function headLines(uses: DeviceUses, name: string, seconds: number): string[] {
  const use = uses.devices.get(name)!;
  return [
    `${formatCount(use.maps, "map")}, ${rate(use.maps, seconds)} a second; ${
      formatCount(use.live, "live mapping")
    } at the end, at most ${use.peakLive}`,
    `${formatSizeCut(use.liveBytes)} mapped at the end, at most ${
      formatSizeCut(use.peakBytes)
    } at ${use.peakSeconds.toFixed(6)} s; addresses 0x${use.lowest.toString(16)} to 0x${
      use.highest.toString(16)
    }`,
    ...bouncedLines(use),
    ...spaceLines(use),
    ...flushLines(uses, name),
    `directions: ${
      [...use.directions].map(([dir, { count }]) => `${dir} ${percent(count, use.maps)}`).join(", ")
    }`,
  ];
}

function bouncedLines(use: DeviceUse): string[] {
  const bounced = use.bounced(use.bouncedMaps);
  if (bounced === null) {
    return ["bounced: unknown, the trace has no iommu:* lines and nothing else decides"];
  }
  return bounced === 0 ? [] : [
    `bounced: ${percent(bounced, use.maps)} of the maps, at most ${
      formatSizeCut(use.peakBouncedBytes)
    } at once`,
  ];
}

function modeText({ device, mode }: DeviceUse): string {
  return device !== null && isUndecided(device) ? UNDECIDED : mode;
}

/** How fragmented the live IOVA ranges are: at the end, and at the worst time. */
function spaceLines({ overTime }: DeviceUse): string[] {
  const known = overTime.intervals.flatMap(([seconds, { space }]) =>
    space === null || space.pieces === 0 ? [] : [{ seconds, space }]
  );
  if (known.length === 0) return [];
  const last = overTime.intervals.at(-1)![1].space!;
  const worst = known.reduce((a, b) => b.space.pieces > a.space.pieces ? b : a);
  return [
    `IOVA space: at the end ${extentText(last)}; most scattered at ${worst.seconds.toFixed(6)} s: ${
      extentText(worst.space)
    }`,
  ];
}

function extentText({ extentBytes, mappedBytes, pieces }: SpaceUse): string {
  if (pieces === 0) return "nothing mapped";
  return `${formatCount(pieces, "piece")} over ${formatSizeCut(extentBytes)}, ${
    percent(mappedBytes, extentBytes)
  } of it mapped`;
}

function flushLines(uses: DeviceUses, name: string): string[] {
  const use = flushOf(uses, name);
  if (use === null) {
    const isLazy = uses.facts?.groupTypes.get(name) === "DMA-FQ" && !uses.flushes.isLazy;
    return isLazy ? ["unmap to flush: unknown, the trace has no intel_iommu:qi_submit"] : [];
  }
  const { most, mostLines } = use.windowsUs;
  return [
    `unmap to flush: ${
      formatCount(use.windowsUs.count, "mapping")
    }, at most ${use.mostAtOnce} at once; median at most ${
      duration(use.windowsUs.percentile(50))
    }, longest ${duration(most)} (lines ${mostLines.join(" to ")})`,
    `  writable by the device until the flush: ${use.writable} of them${
      use.waiting.length === 0 ? "" : `; ${use.waiting.length} more had no flush in the trace`
    }`,
  ];
}

export function useLines(uses: DeviceUses, seconds: number): string[] {
  return [...uses.devices].flatMap(([name, use]) => [
    `${name}   ${modeText(use)}`,
    ...headLines(uses, name, seconds).map((line) => `  ${line}`),
    "  mapped by",
    ...byCount(use.callers).slice(0, MAX_CALLERS).map(([caller, { count }]) =>
      `    ${`${count}`.padStart(9)}  ${caller}${rateText(count, seconds)}`
    ),
    "  sizes, bytes",
    ...bars(use.sizesBytes, formatSizeCut),
    ...use.lifetimesUs.count === 0 ? [] : [
      `  lifetimes: median at most ${
        duration(use.lifetimesUs.percentile(50))
      }, 99th percentile at most ${duration(use.lifetimesUs.percentile(99))}, longest ${
        duration(use.lifetimesUs.most)
      }`,
      ...bars(use.lifetimesUs, duration),
    ],
    "",
  ]);
}

/** Facts that cannot be attributed to one device: timed calls, and requests. */
export function restLines({ block, bounces, calls, requests }: TracedUse): string[] {
  const functions = [...calls.functions].sort((a, b) => b[1].ns.count - a[1].ns.count);
  return [
    ...bounces.lines(),
    ...functions.map(([name, { callers, ns }]) => {
      const [most] = [...callers].sort((a, b) => b[1] - a[1]);
      return `${name}: ${formatCount(ns.count, "call")}, median at most ${
        formatTimeRounded(ns.percentile(50))
      }, 99th percentile at most ${formatTimeRounded(ns.percentile(99))}, longest ${
        formatTimeRounded(ns.most)
      } (lines ${ns.mostLines.join(" to ")}); most by ${most![0]}, ${most![1]}`;
    }),
    requests.length + block.untied === 0
      ? "requests: the trace has no nvme:* or block:* events with data"
      : `requests: ${requests.length} with their mappings (--json lists them), ${block.untied} without`,
  ];
}

function percent(count: number, of: number): string {
  return `${(count / Math.max(of, 1) * 100).toFixed(1)} %`;
}

/** Formats a time in microseconds. */
function duration(us: number): string {
  return formatTimeRounded(NS_PER_US * us);
}

function bars({ counts }: PowersOfTwo, shown: (value: number) => string): string[] {
  const most = maxOf(counts, 1);
  return counts.flatMap((count, power) =>
    count === 0 ? [] : [
      `    < ${shown(2 ** power).padEnd(9)} ${`${count}`.padStart(9)}  ${
        "█".repeat(Math.max(1, Math.round(count / most * BAR_COLUMNS)))
      }`,
    ]
  );
}
