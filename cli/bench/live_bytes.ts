/** What a live mapping takes of the host's memory: IO address range, page tables, records. */
import { type Benchmark, rounded } from "./benchmark.ts";
import { measureInChild } from "./child.ts";

const MAIN = "cli/bench/live_bytes_main.ts";

/** Bytes of one of a million live mappings of 4 KiB, measured in a process of its own. */
export function measureLiveBytes(checker: "off" | "report"): number {
  return measureInChild(MAIN, [checker], ["--expose-gc"]);
}

function liveBytes(name: string, doc: string, checker: "off" | "report"): Benchmark {
  return {
    name,
    doc,
    run: () => ({
      name,
      value: rounded(measureLiveBytes(checker)),
      unit: "bytes",
      ratio: null,
      to: null,
    }),
  };
}

export const LIVE_BYTES: readonly Benchmark[] = [
  liveBytes(
    "mapping.bytes_per_live",
    "memory of a live 4 KiB mapping at 1 million, page tables included, checker off",
    "off",
  ),
  liveBytes("mapping.checked_bytes_per_live", "the same with the checker's records", "report"),
];
