/** Host memory of a live mapping: IOVA range, page tables, records. */
import { type Benchmark, plainBenchmark } from "./benchmark.ts";
import { measureInChild, usedBytes } from "./child.ts";
import { MappingRig } from "./mapping_cost.ts";

const MAPPINGS = 1_000_000;

/**
 * Bytes of memory for each live mapping, measured with a million mappings of 4 KiB. V8 has to be
 * started with `--expose-gc`.
 */
export function measureLiveBytes(checker: "off" | "report"): number {
  const rig = new MappingRig("strict", { checker });
  const before = usedBytes();
  rig.live(MAPPINGS);
  const bytes = (usedBytes() - before) / MAPPINGS;
  if (rig.machine.iommu.liveMappings !== MAPPINGS) throw new Error("Not all mappings are live");
  return bytes;
}

export const LIVE_BYTES: readonly Benchmark[] = [
  plainBenchmark(
    "mapping.bytes_per_live",
    "bytes",
    "memory of a live 4 KiB mapping at 1 million, page tables included, checker off",
    () => measureInChild(measureLiveBytes, ["off"], ["--expose-gc"]),
  ),
  plainBenchmark(
    "mapping.checked_bytes_per_live",
    "bytes",
    "the same with the checker's records",
    () => measureInChild(measureLiveBytes, ["report"], ["--expose-gc"]),
  ),
];
