/** What other members use of `runtime/time`. */
export { TICK_NS, type TimerHandler, VirtualClock } from "./clock.ts";
export { Charges, hasLatencies, LATENCY_SETTINGS } from "./latencies.ts";
export {
  LATENCY_PRESETS,
  type LatencyPreset,
  type LatencyPresetName,
  presetLatencies,
} from "./latency_presets.ts";
