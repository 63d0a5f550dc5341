/**
 * Virtual time: one clock, or with latencies one clock for each CPU and device.
 *
 * State: the clock, and the times of CPUs and devices. Hot path: without latencies it costs
 * nothing. Tests: `clock_test.ts`, `local_clocks_test.ts`.
 *
 * Other workspace members use these exports:
 */
export { TICK_NS, type TimerHandler, VirtualClock } from "./clock.ts";
export { Charges, hasLatencies, LATENCY_SETTINGS } from "./latencies.ts";
export {
  LATENCY_PRESETS,
  type LatencyPreset,
  type LatencyPresetName,
  presetLatencies,
} from "./latency_presets.ts";
