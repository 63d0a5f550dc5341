/** Host memory of a live mapping: IOVA range, page tables, records. */
import { type Benchmark, plainBenchmark } from "./benchmark.ts";
import { measureInChild } from "./child.ts";

const MAIN = "tools/bench/live_bytes_main.ts";

/** Bytes of one of a million live mappings of 4 KiB, measured in a process of its own. */
function measureLiveBytes(checker: "off" | "report"): number {
  return measureInChild(MAIN, [checker], ["--expose-gc"]);
}

export const LIVE_BYTES: readonly Benchmark[] = [
  plainBenchmark(
    "mapping.bytes_per_live",
    "bytes",
    "memory of a live 4 KiB mapping at 1 million, page tables included, checker off",
    () => measureLiveBytes("off"),
  ),
  plainBenchmark(
    "mapping.checked_bytes_per_live",
    "bytes",
    "the same with the checker's records",
    () => measureLiveBytes("report"),
  ),
];
