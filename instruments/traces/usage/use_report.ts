/** What devices map, as lines for a reader and as JSON. */
import { formatCount, formatSizeCut, formatTimeRounded } from "../../../lang/text/numbers.ts";
import type { DeviceUse, DeviceUses, PowersOfTwo } from "./device_use.ts";

const MOST_CALLERS = 5;
const BAR_COLUMNS = 30;

/** @param seconds How long the trace is. */
export function usesJson(uses: DeviceUses, seconds: number) {
  return Object.fromEntries(
    [...uses.devices].map(([name, use]) => [name, {
      mode: uses.modeOf(name),
      maps: use.maps,
      unmaps: use.unmaps,
      maps_per_second: rate(use.maps, seconds),
      live: use.live,
      peak_live: use.peakLive,
      live_bytes: use.liveBytes,
      peak_bytes: use.peakBytes,
      peak_at_seconds: use.peakSeconds,
      bounced_maps: use.bouncedMaps,
      peak_bounced_bytes: use.peakBouncedBytes,
      lowest_address: `0x${use.lowest.toString(16)}`,
      highest_address: `0x${use.highest.toString(16)}`,
      lifetimes_us: powersJson(use.lifetimesUs),
      sizes_bytes: powersJson(use.sizesBytes),
      directions: Object.fromEntries(use.directions),
      callers: Object.fromEntries(callersOf(use)),
    }]),
  );
}

function rate(count: number, seconds: number): number {
  return seconds > 0 ? Math.round(count / seconds) : 0;
}

/** Upper ends and counts. */
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

/** Those that map most, first. */
function callersOf({ callers }: DeviceUse): [string, number][] {
  return [...callers].sort((a, b) => b[1] - a[1]);
}

export function useLines(uses: DeviceUses, seconds: number): string[] {
  return [...uses.devices].flatMap(([name, use]) => [
    `${name}   ${uses.modeOf(name)}`,
    `  ${formatCount(use.maps, "map")}, ${rate(use.maps, seconds)} a second; ${
      formatCount(use.live, "live mapping")
    } at the end, at most ${use.peakLive}`,
    `  ${formatSizeCut(use.liveBytes)} mapped at the end, at most ${
      formatSizeCut(use.peakBytes)
    } at ${use.peakSeconds.toFixed(6)} s; addresses 0x${use.lowest.toString(16)} to 0x${
      use.highest.toString(16)
    }`,
    ...use.bouncedMaps === 0 ? [] : [
      `  bounced: ${percent(use.bouncedMaps, use.maps)} of the maps, at most ${
        formatSizeCut(use.peakBouncedBytes)
      } at once`,
    ],
    `  directions: ${
      [...use.directions].map(([dir, count]) => `${dir} ${percent(count, use.maps)}`).join(", ")
    }`,
    "  mapped by",
    ...callersOf(use).slice(0, MOST_CALLERS).map(([caller, count]) =>
      `    ${`${count}`.padStart(9)}  ${caller}`
    ),
    "  sizes, bytes",
    ...bars(use.sizesBytes, (value) => formatSizeCut(value)),
    ...use.lifetimesUs.count === 0 ? [] : [
      `  lifetimes: half at most ${duration(use.lifetimesUs.percentile(50))}, 99 % at most ${
        duration(use.lifetimesUs.percentile(99))
      }, longest ${duration(use.lifetimesUs.most)}`,
      ...bars(use.lifetimesUs, duration),
    ],
    "",
  ]);
}

function percent(count: number, of: number): string {
  return `${(count / Math.max(of, 1) * 100).toFixed(1)} %`;
}

function duration(us: number): string {
  return formatTimeRounded(1000 * us);
}

/** A bar for each power of two that has any. */
function bars({ counts }: PowersOfTwo, shown: (value: number) => string): string[] {
  const most = Math.max(...counts, 1);
  return counts.flatMap((count, power) =>
    count === 0 ? [] : [
      `    < ${shown(2 ** power).padEnd(9)} ${`${count}`.padStart(9)}  ${
        "█".repeat(Math.max(1, Math.round(count / most * BAR_COLUMNS)))
      }`,
    ]
  );
}
