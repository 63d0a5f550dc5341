/**
 * Example lists of latencies, each number with its origin.
 *
 * None of the lists is a measurement. `round_figures` makes it easy to see the cost of a choice.
 * `ddr5_pcie4` follows only from published specifications; real machines do not reach the specified
 * values.
 */
import type { Nanoseconds } from "../address.ts";
import type { LATENCY_SETTINGS } from "./latencies.ts";

export type LatencyKey = keyof typeof LATENCY_SETTINGS;

export interface PresetLatency {
  readonly ns: Nanoseconds;
  readonly source: string;
}

export interface LatencyPreset {
  readonly doc: string;
  readonly latencies: Readonly<Record<LatencyKey, PresetLatency>>;
}

/** DDR5-4800B: 40-39-39 cycles of 2400 MHz from a closed row to the first data. */
const ROW_CYCLES = 40 + 39 + 39;
const DDR5_CYCLE_NS = 1000 / 2400;
const ROW_NS = Math.round(ROW_CYCLES * DDR5_CYCLE_NS);
const ROW = "one access to a closed row of DDR5-4800B: 40-39-39 cycles of 2400 MHz (JESD79-5)";

/**
 * Bytes per nanosecond of a memory channel with 8 bytes for each of 4800 million transfers a
 * second.
 */
const CHANNEL_BYTES_PER_NS = 4.8 * 8;
const COPIED_NS = Math.round(2 * 1024 / CHANNEL_BYTES_PER_NS);

/** A memory write of 4 bytes: header of 3 words, data, frame and check, at 16 GT/s on four lanes. */
const TLP_BYTES = 12 + 4 + 4 + 4;
const LINK_BYTES_PER_NS = 16 / 8 * 4 * 128 / 130;
const TLP_NS = Math.round(TLP_BYTES / LINK_BYTES_PER_NS);
const TLP = "a memory write of 24 bytes on a link of PCIe 4.0 x4: 16 GT/s, 128b/130b";

const ROUND: PresetLatency["source"] = "a round figure, measured nowhere";
const round = (ns: Nanoseconds): PresetLatency => ({ ns, source: ROUND });
const UNSPECIFIED: PresetLatency = {
  ns: 0,
  source: "work of the CPU, which no specification times",
};

export const LATENCY_PRESETS = {
  round_figures: {
    doc: "Round numbers that are easy to recognise in sums; no real machine has them.",
    latencies: {
      iotlb_sync: round(1000),
      table_write: round(50),
      iova_alloc: round(100),
      map_segment: round(100),
      copy_per_kib: round(100),
      alloc: round(100),
      doorbell: round(100),
      interrupt: round(1000),
    },
  },
  ddr5_pcie4: {
    doc:
      "Computed from the DDR5-4800 and PCIe 4.0 x4 specifications alone: lower bounds, without " +
      "caches.",
    latencies: {
      iotlb_sync: {
        ns: 2 * ROW_NS,
        source: `its descriptor is fetched and its end is written: twice ${ROW}`,
      },
      table_write: { ns: ROW_NS, source: ROW },
      iova_alloc: UNSPECIFIED,
      map_segment: UNSPECIFIED,
      copy_per_kib: {
        ns: COPIED_NS,
        source: "2 KiB, read and written, on one channel of DDR5-4800: 38.4 GB/s (JESD79-5)",
      },
      alloc: UNSPECIFIED,
      doorbell: { ns: TLP_NS, source: TLP },
      interrupt: { ns: TLP_NS, source: `MSI-X: ${TLP}` },
    },
  },
} as const satisfies Readonly<Record<string, LatencyPreset>>;

export type LatencyPresetName = keyof typeof LATENCY_PRESETS;

/** The latencies of a list, by key. */
export function presetLatencies(name: LatencyPresetName): Readonly<Record<string, Nanoseconds>> {
  return Object.fromEntries(
    Object.entries(LATENCY_PRESETS[name].latencies).map(([key, { ns }]) => [key, ns]),
  );
}
